//! Pushover: one push message.

use serde::Deserialize;

use super::{Environment, HttpRequest, Prepared, Receiver, Say, check_url, cut, needed};
use crate::notify::config::Hidden;
use crate::notify::http::{HttpConfig, Secret};

const API_URL: &str = "https://api.pushover.net/1/messages.json";
/// Of a message that wants to be acknowledged.
const RETRY: &str = "1m";
const EXPIRE: &str = "1h";
const TITLE_MOST: usize = 250;
const MESSAGE_MOST: usize = 1_024;
const URL_MOST: usize = 512;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PushoverConfig {
    send_resolved: Option<bool>,
    /// Of a relay in between.
    api_url: Option<String>,
    user_key: Option<Hidden>,
    user_key_file: Option<String>,
    token: Option<Hidden>,
    token_file: Option<String>,
    title: Option<String>,
    message: Option<String>,
    url: Option<String>,
    url_title: Option<String>,
    device: Option<String>,
    sound: Option<String>,
    priority: Option<String>,
    retry: Option<String>,
    expire: Option<String>,
    ttl: Option<String>,
    html: bool,
    monospace: bool,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    user: Option<Secret>,
    #[serde(skip)]
    app: Option<Secret>,
}

impl Receiver for PushoverConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        super::set(&[
            ("title", &self.title),
            ("message", &self.message),
            ("url", &self.url),
            ("url_title", &self.url_title),
            ("device", &self.device),
            ("sound", &self.sound),
            ("priority", &self.priority),
        ])
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let user = (self.user_key.as_ref(), self.user_key_file.as_deref());
        let app = (self.token.as_ref(), self.token_file.as_deref());
        self.user = environment.secret("user_key", user, (None, None))?;
        self.app = environment.secret("token", app, (None, None))?;
        if self.user.is_none() || self.app.is_none() {
            return Err("set user_key and token, or user_key_file and token_file".into());
        }
        if self.html && self.monospace {
            return Err("set html or monospace, not both".into());
        }
        self.api_url.as_deref().map_or(Ok(()), |url| check_url("api_url", url))?;
        for (key, text) in [("retry", &self.retry), ("expire", &self.expire), ("ttl", &self.ttl)] {
            text.as_deref().map_or(Ok(0), seconds).map_err(|error| format!("{key}: {error}"))?;
        }
        Ok(())
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let title = cut(&say.or(self.title.as_deref(), "pushover.default.title")?, TITLE_MOST);
        let template = self.message.as_deref().unwrap_or("{{ template \"pushover.default.message\" . }}");
        let text = if self.html { say.html(template)? } else { say.text(template)? };
        let text = match cut(text.trim(), MESSAGE_MOST) {
            // An empty message would be refused.
            text if text.is_empty() => "(no details)".to_owned(),
            text => text,
        };
        let optional = |template: &Option<String>| say.text(template.as_deref().unwrap_or_default());
        let priority =
            self.priority.as_deref().unwrap_or("{{ if eq .Status \"firing\" }}2{{ else }}0{{ end }}");
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", &say.text(&needed(self.app.as_ref())?)?)
            .append_pair("user", &say.text(&needed(self.user.as_ref())?)?)
            .append_pair("title", &title)
            .append_pair("message", &text)
            .append_pair("url", &cut(&say.or(self.url.as_deref(), "pushover.default.url")?, URL_MOST))
            .append_pair("url_title", &optional(&self.url_title)?)
            .append_pair("priority", &say.text(priority)?)
            .append_pair("retry", &seconds(self.retry.as_deref().unwrap_or(RETRY))?.to_string())
            .append_pair("expire", &seconds(self.expire.as_deref().unwrap_or(EXPIRE))?.to_string())
            .append_pair("device", &optional(&self.device)?)
            .append_pair("sound", &optional(&self.sound)?);
        for (flag, name) in [(self.html, "html"), (self.monospace, "monospace")] {
            if flag {
                form.append_pair(name, "1");
            }
        }
        if let Some(ttl) = &self.ttl {
            form.append_pair("ttl", &seconds(ttl)?.to_string());
        }
        let request = HttpRequest {
            put: false,
            url: self.api_url.as_deref().unwrap_or(API_URL).into(),
            headers: Vec::new(),
            content_type: "application/x-www-form-urlencoded",
            body: form.finish(),
        };
        Ok(Prepared { sends: vec![request.into()], shown: (title, text) })
    }
}

fn seconds(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    let bad = |_| format!("{text:?} is not a duration: write it like 30s or 5m");
    Ok(engine::promql::parse_duration(text).map_err(bad)? / 1_000)
}
