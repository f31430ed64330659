//! Mattermost: an incoming webhook with one attachment.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Environment, HttpRequest, Prepared, Receiver, Say, needed, put};
use crate::notify::config::{Hidden, nullable};
use crate::notify::http::{HttpConfig, Secret};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MattermostConfig {
    send_resolved: Option<bool>,
    webhook_url: Option<Hidden>,
    webhook_url_file: Option<String>,
    channel: Option<String>,
    username: Option<String>,
    text: Option<String>,
    fallback: Option<String>,
    color: Option<String>,
    pretext: Option<String>,
    author_name: Option<String>,
    author_link: Option<String>,
    author_icon: Option<String>,
    title: Option<String>,
    title_link: Option<String>,
    #[serde(deserialize_with = "nullable")]
    fields: Vec<Field>,
    thumb_url: Option<String>,
    footer: Option<String>,
    footer_icon: Option<String>,
    image_url: Option<String>,
    icon_url: Option<String>,
    icon_emoji: Option<String>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    target: Option<Secret>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Field {
    title: String,
    value: String,
    short: bool,
}

impl MattermostConfig {
    /// Keys of the attachment with their defaults' names.
    fn attachment(&self) -> [(&'static str, &Option<String>, &'static str); 12] {
        [
            ("fallback", &self.fallback, "mattermost.default.fallback"),
            ("color", &self.color, "mattermost.default.color"),
            ("text", &self.text, "mattermost.default.text"),
            ("title", &self.title, "mattermost.default.title"),
            ("title_link", &self.title_link, "mattermost.default.titlelink"),
            ("pretext", &self.pretext, ""),
            ("author_name", &self.author_name, ""),
            ("author_link", &self.author_link, ""),
            ("author_icon", &self.author_icon, ""),
            ("thumb_url", &self.thumb_url, ""),
            ("footer", &self.footer, ""),
            ("image_url", &self.image_url, ""),
        ]
    }
}

impl Receiver for MattermostConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let rest =
            [("channel", &self.channel), ("username", &self.username), ("footer_icon", &self.footer_icon)];
        let attachment = self.attachment().into_iter().map(|(key, text, _)| (key, text));
        let named = attachment.chain(rest).filter_map(|(key, text)| Some((key, text.as_deref()?)));
        let fields = self.fields.iter().flat_map(|f| [("fields", f.title.as_str()), ("fields", &f.value)]);
        named.chain(fields).collect()
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let global = environment.global;
        let own = (self.webhook_url.as_ref(), self.webhook_url_file.as_deref());
        let all = (global.mattermost_webhook_url.as_ref(), global.mattermost_webhook_url_file.as_deref());
        self.target = environment.secret_url("webhook_url", own, all)?;
        if self.fields.iter().any(|field| field.title.is_empty() || field.value.is_empty()) {
            return Err("fields: each needs a title and a value".into());
        }
        let missing = "set webhook_url, webhook_url_file or global.mattermost_webhook_url";
        if self.target.is_none() { Err(missing.into()) } else { Ok(()) }
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let mut attachment = json!({});
        for (key, template, default) in self.attachment() {
            let text = match default {
                "" => say.text(template.as_deref().unwrap_or_default())?,
                default => say.or(template.as_deref(), default)?,
            };
            put(&mut attachment, key, text);
        }
        let text = |name: &str| attachment[name].as_str().unwrap_or_default().to_owned();
        let shown = (text("title"), text("text"));
        put(&mut attachment, "footer_icon", say.text(self.footer_icon.as_deref().unwrap_or_default())?);
        if !self.fields.is_empty() {
            let field = |f: &Field| -> Result<Value, String> {
                Ok(json!({ "title": say.text(&f.title)?, "value": say.text(&f.value)?, "short": f.short }))
            };
            attachment["fields"] = self.fields.iter().map(field).collect::<Result<_, _>>()?;
        }
        let mut body = json!({ "attachments": [attachment] });
        put(&mut body, "username", say.or(self.username.as_deref(), "mattermost.default.username")?);
        for (key, template) in
            [("channel", &self.channel), ("icon_url", &self.icon_url), ("icon_emoji", &self.icon_emoji)]
        {
            put(&mut body, key, say.text(template.as_deref().unwrap_or_default())?);
        }
        let request = HttpRequest::json(&needed(self.target.as_ref())?, &body);
        Ok(Prepared { sends: vec![request.into()], shown })
    }
}
