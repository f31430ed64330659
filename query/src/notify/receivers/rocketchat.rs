//! Rocket.Chat: `chat.postMessage` with one attachment, by a user's token.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Environment, HttpRequest, Prepared, Receiver, Say, check_url, cut, needed, put, set};
use crate::notify::config::{Hidden, nullable};
use crate::notify::http::{HttpConfig, Secret};

const API_URL: &str = "https://open.rocket.chat";
const TITLE_MOST: usize = 1_024;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RocketchatConfig {
    send_resolved: bool,
    api_url: Option<String>,
    token_id: Option<Hidden>,
    token_id_file: Option<String>,
    token: Option<Hidden>,
    token_file: Option<String>,
    channel: Option<String>,
    color: Option<String>,
    title: Option<String>,
    title_link: Option<String>,
    text: Option<String>,
    #[serde(deserialize_with = "nullable")]
    fields: Vec<Field>,
    short_fields: bool,
    emoji: Option<String>,
    icon_url: Option<String>,
    image_url: Option<String>,
    thumb_url: Option<String>,
    /// The server decides on names in texts.
    #[serde(rename = "link_names")]
    _link_names: bool,
    #[serde(deserialize_with = "nullable")]
    actions: Vec<Action>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    user: Option<Secret>,
    #[serde(skip)]
    secret: Option<Secret>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Field {
    short: Option<bool>,
    title: String,
    value: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Action {
    text: String,
    url: String,
    msg: String,
    #[serde(rename = "type")]
    _kind: Option<String>,
}

impl Receiver for RocketchatConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let mut all = set(&[
            ("channel", &self.channel),
            ("color", &self.color),
            ("title", &self.title),
            ("title_link", &self.title_link),
            ("text", &self.text),
            ("emoji", &self.emoji),
            ("icon_url", &self.icon_url),
            ("image_url", &self.image_url),
            ("thumb_url", &self.thumb_url),
        ]);
        all.extend(self.fields.iter().flat_map(|f| [("fields", f.title.as_str()), ("fields", &f.value)]));
        all.extend(
            self.actions.iter().flat_map(|a| [&a.text, &a.url, &a.msg].map(|t| ("actions", t.as_str()))),
        );
        all
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let global = environment.global;
        let own = (self.token_id.as_ref(), self.token_id_file.as_deref());
        let all = (global.rocketchat_token_id.as_ref(), global.rocketchat_token_id_file.as_deref());
        self.user = environment.secret("token_id", own, all)?;
        let own = (self.token.as_ref(), self.token_file.as_deref());
        let all = (global.rocketchat_token.as_ref(), global.rocketchat_token_file.as_deref());
        self.secret = environment.secret("token", own, all)?;
        if self.user.is_none() || self.secret.is_none() {
            return Err("set token_id and token, or global.rocketchat_token_id and rocketchat_token".into());
        }
        let url = self.api_url.clone().or_else(|| global.rocketchat_api_url.clone());
        let url = url.unwrap_or_else(|| API_URL.into());
        check_url("api_url", &url)?;
        self.api_url = Some(url.trim_end_matches('/').to_owned());
        Ok(())
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let title = cut(&say.or(self.title.as_deref(), "rocketchat.default.title")?, TITLE_MOST);
        let text = say.or(self.text.as_deref(), "rocketchat.default.text")?;
        let color = if say.message.fires() { "red" } else { "green" };
        let color = self.color.as_deref().map_or(Ok(color.to_owned()), |template| say.text(template))?;
        let mut attachment = json!({ "title": title, "color": color });
        put(&mut attachment, "text", text.clone());
        put(
            &mut attachment,
            "title_link",
            say.or(self.title_link.as_deref(), "rocketchat.default.titlelink")?,
        );
        for (name, template) in [("image_url", &self.image_url), ("thumb_url", &self.thumb_url)] {
            put(&mut attachment, name, say.text(template.as_deref().unwrap_or_default())?);
        }
        if !self.fields.is_empty() {
            let field = |field: &Field| -> Result<Value, String> {
                let short = field.short.unwrap_or(self.short_fields);
                Ok(
                    json!({ "title": say.text(&field.title)?, "value": say.text(&field.value)?, "short": short }),
                )
            };
            attachment["fields"] = self.fields.iter().map(field).collect::<Result<_, _>>()?;
        }
        if !self.actions.is_empty() {
            let action = |action: &Action| -> Result<Value, String> {
                let mut body = json!({ "type": "button" });
                for (name, template) in [("text", &action.text), ("url", &action.url), ("msg", &action.msg)] {
                    put(&mut body, name, say.text(template)?);
                }
                Ok(body)
            };
            attachment["actions"] = self.actions.iter().map(action).collect::<Result<_, _>>()?;
        }
        let mut body = json!({ "attachments": [attachment] });
        put(&mut body, "channel", say.text(self.channel.as_deref().unwrap_or_default())?);
        put(&mut body, "emoji", say.or(self.emoji.as_deref(), "rocketchat.default.emoji")?);
        put(&mut body, "avatar", say.or(self.icon_url.as_deref(), "rocketchat.default.iconurl")?);
        let url = format!("{}/api/v1/chat.postMessage", self.api_url.as_deref().unwrap_or(API_URL));
        let mut request = HttpRequest::json(&url, &body);
        request.headers.push(("X-User-Id", Hidden::from(&*needed(self.user.as_ref())?)));
        request.headers.push(("X-Auth-Token", Hidden::from(&*needed(self.secret.as_ref())?)));
        Ok(Prepared { sends: vec![request.into()], shown: (title, text) })
    }
}
