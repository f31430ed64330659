//! What a handler says when it cannot answer, and how each dialect spells it.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use store::StoreError;
use store::model::{ErrorClass, StopReason};

use crate::json::Json;
use crate::routes::Family;

pub type Reply = Response<Body>;

/// An error on its way to the caller.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) class: ErrorClass,
    pub(crate) message: String,
}

// === impl Failure ===

impl Failure {
    pub(crate) fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }

    /// The request itself is wrong.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::BadData, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::NotFound, message)
    }

    /// Writes it the way clients of that API read errors.
    pub(crate) fn reply(&self, owner: Family) -> Reply {
        match owner {
            Family::Prometheus => self.prometheus(),
            Family::Loki | Family::Tempo | Family::Zipkin => self.text(),
            Family::Jaeger => self.jaeger(),
            Family::Alertmanager => self.alertmanager(),
            Family::Signalbox | Family::Operations | Family::Ingest => self.own(),
        }
    }

    fn prometheus(&self) -> Reply {
        let (status, kind) = match self.class {
            ErrorClass::QueryLimit => (422, "execution"),
            ErrorClass::Deadline => (503, "timeout"),
            ErrorClass::Unavailable | ErrorClass::OverQuota => (self.class.http_status(), "unavailable"),
            ErrorClass::Canceled => (499, "canceled"),
            ErrorClass::NotFound => (404, "not_found"),
            ErrorClass::Internal => (500, "internal"),
            other => (other.http_status(), "bad_data"),
        };
        let mut json = Json::default();
        json.object(|o| {
            o.member("status", "error");
            o.member("errorType", kind);
            o.member("error", &self.message);
        });
        self.with_status(status, "application/json", json.into_bytes())
    }

    fn text(&self) -> Reply {
        let text = format!("{}\n", self.message);
        self.with_status(self.class.http_status(), "text/plain; charset=utf-8", text.into_bytes())
    }

    /// Alertmanager's OpenAPI: an error is a bare JSON string.
    fn alertmanager(&self) -> Reply {
        let mut json = Json::default();
        json.string(&self.message);
        self.with_status(self.class.http_status(), "application/json", json.into_bytes())
    }

    /// Jaeger's older envelope and its newer one in one object: clients of each read their own member.
    fn jaeger(&self) -> Reply {
        let status = self.class.http_status();
        let mut json = Json::default();
        json.object(|o| {
            o.key("data").null();
            o.key("errors").array(|a| {
                a.object(|e| {
                    e.key("code").int(status);
                    e.member("msg", &self.message);
                });
            });
            o.key("error").object(|e| {
                e.key("httpCode").int(status);
                e.member("message", &self.message);
            });
        });
        self.with_status(status, "application/json", json.into_bytes())
    }

    fn own(&self) -> Reply {
        let mut json = Json::default();
        json.object(|o| o.member("error", &self.message));
        self.with_status(self.class.http_status(), "application/json", json.into_bytes())
    }

    fn with_status(&self, status: u16, content_type: &'static str, body: Vec<u8>) -> Reply {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = reply(status, content_type, body);
        if let Some(seconds) = self.class.retry_after_s() {
            reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }
}

impl From<StopReason> for Failure {
    fn from(reason: StopReason) -> Self {
        Self::new(reason.class(), reason.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(error.class(), error.to_string())
    }
}

pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Data and its errors are nobody else's, and browsers must not guess types.
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}

pub(crate) fn json_reply(fill: impl FnOnce(&mut Json)) -> Reply {
    let mut json = Json::default();
    fill(&mut json);
    reply(StatusCode::OK, "application/json", json.into_bytes())
}

pub(crate) fn text_reply(text: impl Into<String>) -> Reply {
    reply(StatusCode::OK, "text/plain; charset=utf-8", text.into())
}

/// 404: no route has this path.
pub fn no_route(path: &str) -> Reply {
    let shown: String = path.chars().take(200).collect();
    Failure::not_found(format!("no such path: {shown}")).own()
}

/// The answer of the layer before (authentication, guard) in the spelling of the API that owns the path.
pub fn refuse(owner: Option<Family>, class: ErrorClass, message: &str) -> Reply {
    Failure::new(class, message.to_owned()).reply(owner.unwrap_or(Family::Signalbox))
}

/// 405 with the methods the path has.
pub fn wrong_method(allowed: &[http::Method]) -> Reply {
    let names: Vec<&str> = allowed.iter().map(|method| method.as_str()).collect();
    let mut json = Json::default();
    json.object(|o| {
        o.member("error", &format!("this path answers {} only", names.join(", ")));
        o.key("allowed").strings(names.iter().copied());
    });
    let mut reply = reply(StatusCode::METHOD_NOT_ALLOWED, "application/json", json.into_bytes());
    if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
        reply.headers_mut().insert(header::ALLOW, value);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_spells_a_deadline_its_own_way() {
        let failure = Failure::from(StopReason::Deadline);
        assert_eq!(failure.reply(Family::Prometheus).status(), 503);
        assert_eq!(failure.reply(Family::Loki).status(), 504);
        assert_eq!(Failure::bad("x").reply(Family::Prometheus).status(), 400);
        let full = Failure::new(ErrorClass::Unavailable, "busy").reply(Family::Signalbox);
        assert_eq!(full.headers()[header::RETRY_AFTER], "1");
    }

    #[test]
    fn a_wrong_method_names_the_right_ones() {
        let reply = wrong_method(&[http::Method::GET, http::Method::POST]);
        assert_eq!(reply.status(), 405);
        assert_eq!(reply.headers()[header::ALLOW], "GET, POST");
    }
}
