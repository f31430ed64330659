//! incident.io: an alert source takes the webhook's data, by a token.

use serde::Deserialize;
use serde_json::Value;

use super::{Environment, HttpRequest, Prepared, Receiver, Say, chat, needed, webhook};
use crate::notify::config::Hidden;
use crate::notify::http::{HttpConfig, Secret};

/// A larger body is refused there: then the first alert stands for all.
const BODY_BYTES_MOST: usize = 512 << 10;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IncidentioConfig {
    send_resolved: Option<bool>,
    url: Option<Hidden>,
    url_file: Option<String>,
    alert_source_token: Option<Hidden>,
    alert_source_token_file: Option<String>,
    /// 0: all of them.
    max_alerts: usize,
    /// Our own bound holds; the key is Alertmanager's.
    #[serde(rename = "timeout")]
    _timeout: Option<String>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    target: Option<Secret>,
    #[serde(skip)]
    token: Option<Secret>,
}

impl Receiver for IncidentioConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        Vec::new()
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let own = (self.url.as_ref(), self.url_file.as_deref());
        self.target = environment.secret_url("url", own, (None, None))?;
        if self.target.is_none() {
            return Err("set url or url_file".into());
        }
        let own = (self.alert_source_token.as_ref(), self.alert_source_token_file.as_deref());
        self.token = environment.secret("alert_source_token", own, (None, None))?;
        let authorized = self.http_config.as_ref().is_some_and(|http| http.authorization.is_some());
        match (self.token.is_some(), authorized) {
            (true, true) => Err("set alert_source_token or http_config.authorization, not both".into()),
            (false, false) => Err("set alert_source_token or http_config.authorization".into()),
            _ => Ok(()),
        }
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let of = |most: usize| -> Value {
            let mut body = webhook::body(most, say.message, say.external_url);
            body["version"] = "1".into();
            body
        };
        let mut body = of(self.max_alerts);
        if body.to_string().len() > BODY_BYTES_MOST {
            body = of(1);
        }
        let mut request = HttpRequest::json(&needed(self.target.as_ref())?, &body);
        if let Some(token) = &self.token {
            request.headers.push(("Authorization", Hidden::from(&*format!("Bearer {}", token.read()?))));
        }
        Ok(Prepared { sends: vec![request.into()], shown: chat::shown(say.message) })
    }
}
