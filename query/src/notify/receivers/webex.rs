//! Webex: a message in Markdown to a room, by the credentials of `http_config`.

use serde::Deserialize;
use serde_json::json;

use super::{Environment, HttpRequest, Prepared, Receiver, Say, chat, check_url};
use crate::notify::http::HttpConfig;

const API_URL: &str = "https://webexapis.com/v1/messages";
const MESSAGE_BYTES_MOST: usize = 7_439;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebexConfig {
    send_resolved: Option<bool>,
    api_url: Option<String>,
    message: Option<String>,
    room_id: String,
    http_config: Option<HttpConfig>,
}

impl Receiver for WebexConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let message = self.message.iter().map(|text| ("message", text.as_str()));
        message.chain([("room_id", self.room_id.as_str())]).collect()
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        if self.room_id.is_empty() {
            return Err("set room_id".into());
        }
        if self.http_config.as_ref().is_none_or(|http| http.authorization.is_none()) {
            return Err("set http_config.authorization".into());
        }
        let url = self.api_url.clone().or_else(|| environment.global.webex_api_url.clone());
        let url = url.unwrap_or_else(|| API_URL.into());
        check_url("api_url", &url)?;
        self.api_url = Some(url);
        Ok(())
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let text = say.or(self.message.as_deref(), "webex.default.message")?;
        let text = within_bytes(&text, MESSAGE_BYTES_MOST);
        let body = json!({ "markdown": text, "roomId": say.text(&self.room_id)? });
        let request = HttpRequest::json(self.api_url.as_deref().unwrap_or(API_URL), &body);
        Ok(Prepared { sends: vec![request.into()], shown: (chat::title(say.message), text.to_owned()) })
    }
}

/// As many whole characters as fit.
pub(super) fn within_bytes(text: &str, most: usize) -> &str {
    let end = (0..=text.len().min(most)).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(
            [within_bytes("añb", 2), within_bytes("añb", 3), within_bytes("ab", 9)],
            ["a", "añ", "ab"]
        );
    }
}
