//! How each protocol spells requests and answers over HTTP: headers to encoding and compression, outcomes to responses.

mod elasticsearch;
mod loki;
mod otlp;
mod remote_write;
mod zipkin;

use axum::body::Body;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use store::model::{ErrorClass, Signal};

use super::HttpRoute;
use super::compression::Coding;
use crate::ingest::{Accepted, Refusal};
use crate::protocol::{Dialect, Encoding, Serves};

/// What a request's headers say of its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    pub encoding: Encoding,
    pub coding: Coding,
}

/// Reads the headers.
pub(super) fn shape(route: &HttpRoute, headers: &HeaderMap) -> Result<Shape, Refusal> {
    if let Serves::DataAs(encoding) = route.serves {
        return Ok(Shape { encoding, coding: elasticsearch::coding(headers)? });
    }
    match route.protocol.dialect {
        Dialect::Otlp => otlp::shape(headers),
        Dialect::RemoteWrite => remote_write::shape(headers),
        Dialect::Loki => loki::shape(headers),
        Dialect::Zipkin => zipkin::shape(headers),
        Dialect::Elasticsearch | Dialect::Import | Dialect::None => otlp::shape(headers),
    }
}

/// The answer for a request whose records were looked at.
pub(super) fn accepted(
    dialect: Dialect,
    accepted: &Accepted,
    signal: Signal,
    encoding: Encoding,
) -> Response<Body> {
    match dialect {
        Dialect::Otlp => otlp::accepted(accepted, signal, encoding),
        Dialect::RemoteWrite => remote_write::accepted(accepted, encoding),
        Dialect::Loki => loki::accepted(accepted),
        Dialect::Elasticsearch => elasticsearch::accepted(accepted, encoding),
        Dialect::Zipkin => zipkin::accepted(accepted),
        Dialect::Import => match accepted.rejected {
            0 => no_content(),
            _ => text(StatusCode::BAD_REQUEST, &format!("{} stored; {}", accepted.taken, accepted.message)),
        },
        Dialect::None => no_content(),
    }
}

/// The answer for one that was refused whole.
pub(super) fn refused(dialect: Dialect, headers: &HeaderMap, refusal: &Refusal) -> Response<Body> {
    let mut response = match dialect {
        Dialect::Otlp => otlp::refused(headers, refusal),
        Dialect::RemoteWrite => remote_write::refused(headers, refusal),
        Dialect::Loki | Dialect::Zipkin | Dialect::Import | Dialect::None => {
            text(status_of(refusal), &refusal.message)
        }
        Dialect::Elasticsearch => elasticsearch::refused(refusal),
    };
    if let Some(seconds) = refusal.class.retry_after_s() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What the path names beside the protocol; empty: nothing.
pub(super) fn target(dialect: Dialect, path: &str) -> &str {
    if dialect == Dialect::Elasticsearch { elasticsearch::target(path) } else { "" }
}

/// The answer to a question asked before data is sent.
pub(super) fn handshake(request: &Parts) -> Response<Body> {
    elasticsearch::handshake(request)
}

/// The media type of a content type without its parameters, in lower case.
fn mime(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The content encoding as a name; empty: none.
fn content_encoding(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("?")).trim()
}

fn wrong_type(message: &str) -> Refusal {
    Refusal::new(ErrorClass::WrongContentType, message)
}

fn status_of(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.class.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

fn respond(status: StatusCode, mime: &'static str, bytes: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(mime));
    response
}

fn text(status: StatusCode, text: &str) -> Response<Body> {
    respond(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
