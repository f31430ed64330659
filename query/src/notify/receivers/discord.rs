//! Discord: a webhook with one embed.

use serde::Deserialize;
use serde_json::json;

use super::{Environment, HttpRequest, Prepared, Receiver, Say, cut, needed, put};
use crate::notify::config::Hidden;
use crate::notify::http::{HttpConfig, Secret};

/// Discord refuses longer ones.
const TITLE_MOST: usize = 256;
const DESCRIPTION_MOST: usize = 2_048;
const CONTENT_MOST: usize = 2_000;
const RED: u32 = 0x99_2d_22;
const GREEN: u32 = 0x2e_cc_71;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DiscordConfig {
    send_resolved: Option<bool>,
    webhook_url: Option<Hidden>,
    webhook_url_file: Option<String>,
    content: Option<String>,
    title: Option<String>,
    message: Option<String>,
    username: Option<String>,
    avatar_url: Option<String>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    target: Option<Secret>,
}

impl Receiver for DiscordConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        super::set(&[("content", &self.content), ("title", &self.title), ("message", &self.message)])
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let own = (self.webhook_url.as_ref(), self.webhook_url_file.as_deref());
        self.target = environment.secret_url("webhook_url", own, (None, None))?;
        if self.target.is_none() { Err("set webhook_url or webhook_url_file".into()) } else { Ok(()) }
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let title = cut(&say.or(self.title.as_deref(), "discord.default.title")?, TITLE_MOST);
        let text = cut(&say.or(self.message.as_deref(), "discord.default.message")?, DESCRIPTION_MOST);
        let color = if say.message.fires() { RED } else { GREEN };
        let mut body = json!({ "embeds": [{ "title": title, "description": text, "color": color }] });
        let content = say.text(self.content.as_deref().unwrap_or_default())?;
        body["content"] = cut(&content, CONTENT_MOST).into();
        put(&mut body, "username", self.username.clone().unwrap_or_default());
        put(&mut body, "avatar_url", self.avatar_url.clone().unwrap_or_default());
        let request = HttpRequest::json(&needed(self.target.as_ref())?, &body);
        Ok(Prepared { sends: vec![request.into()], shown: (title, text) })
    }
}
