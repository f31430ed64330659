//! Telegram: a bot's `sendMessage`.

use serde::Deserialize;
use serde_json::json;

use super::{Environment, HttpRequest, Prepared, Receiver, Say, chat, check_url, cut, needed, put};
use crate::notify::config::Hidden;
use crate::notify::http::{HttpConfig, Secret};

const API_URL: &str = "https://api.telegram.org";
/// Telegram refuses longer messages.
const MESSAGE_MOST: usize = 4_096;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TelegramConfig {
    send_resolved: Option<bool>,
    api_url: Option<String>,
    bot_token: Option<Hidden>,
    bot_token_file: Option<String>,
    chat_id: i64,
    chat_id_file: Option<String>,
    message_thread_id: i64,
    message: Option<String>,
    disable_notifications: bool,
    parse_mode: Option<String>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    token: Option<Secret>,
    #[serde(skip)]
    chat: Option<Secret>,
}

impl Receiver for TelegramConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        self.message.iter().map(|text| ("message", text.as_str())).collect()
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let global = environment.global;
        let own = (self.bot_token.as_ref(), self.bot_token_file.as_deref());
        let all = (global.telegram_bot_token.as_ref(), global.telegram_bot_token_file.as_deref());
        self.token = environment.secret("bot_token", own, all)?;
        if self.token.is_none() {
            return Err("set bot_token, bot_token_file or global.telegram_bot_token".into());
        }
        let chat = Hidden::from(&*self.chat_id.to_string());
        let inline = (self.chat_id != 0).then_some(&chat);
        self.chat = environment.secret("chat_id", (inline, self.chat_id_file.as_deref()), (None, None))?;
        if self.chat.is_none() {
            return Err("set chat_id or chat_id_file".into());
        }
        if !["", "HTML", "Markdown", "MarkdownV2"].contains(&self.parse_mode()) {
            return Err("parse_mode: it is HTML, Markdown, MarkdownV2 or empty".into());
        }
        let api_url = self.api_url.clone().or_else(|| global.telegram_api_url.clone());
        let api_url = api_url.unwrap_or_else(|| API_URL.into());
        check_url("api_url", &api_url)?;
        self.api_url = Some(api_url.trim_end_matches('/').to_owned());
        Ok(())
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let default = "{{ template \"telegram.default.message\" . }}";
        let template = self.message.as_deref().unwrap_or(default);
        let text = match self.parse_mode() {
            // Cut HTML may not be HTML any more.
            "HTML" => Some(say.html(template)?).filter(|text| text.chars().count() <= MESSAGE_MOST),
            _ => Some(cut(&say.text(template)?, MESSAGE_MOST)),
        };
        let shown = chat::shown(say.message);
        let text = text.unwrap_or_else(|| format!("{} (the message is too long for Telegram)", shown.0));
        let chat = needed(self.chat.as_ref())?;
        let chat: i64 = chat.parse().map_err(|_| format!("chat_id: {chat:?} is not a number"))?;
        let mut body = json!({
            "chat_id": chat,
            "text": text,
            "disable_web_page_preview": true,
            "disable_notification": self.disable_notifications,
        });
        put(&mut body, "parse_mode", self.parse_mode().to_owned());
        if self.message_thread_id != 0 {
            body["message_thread_id"] = self.message_thread_id.into();
        }
        let url = self.api_url.as_deref().unwrap_or(API_URL);
        let url = format!("{url}/bot{}/sendMessage", needed(self.token.as_ref())?);
        Ok(Prepared { sends: vec![HttpRequest::json(&url, &body).into()], shown })
    }
}

impl TelegramConfig {
    fn parse_mode(&self) -> &str {
        self.parse_mode.as_deref().unwrap_or("HTML")
    }
}
