//! Slack and what takes its bodies: an incoming webhook, or `chat.postMessage` with an app's token.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Environment, HttpRequest, Prepared, Receiver, Say, check_url, cut, needed, put};
use crate::notify::config::{Hidden, nullable};
use crate::notify::http::{HttpConfig, Secret};

const APP_URL: &str = "https://slack.com/api/chat.postMessage";
/// Characters of a title Slack shows.
const TITLE_MOST: usize = 1_024;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SlackConfig {
    api_url: Option<Hidden>,
    api_url_file: Option<String>,
    app_token: Option<Hidden>,
    app_token_file: Option<String>,
    app_url: Option<String>,
    send_resolved: bool,
    channel: Option<String>,
    username: Option<String>,
    color: Option<String>,
    title: Option<String>,
    title_link: Option<String>,
    pretext: Option<String>,
    text: Option<String>,
    message_text: Option<String>,
    fallback: Option<String>,
    footer: Option<String>,
    callback_id: Option<String>,
    icon_emoji: Option<String>,
    icon_url: Option<String>,
    image_url: Option<String>,
    thumb_url: Option<String>,
    link_names: bool,
    short_fields: bool,
    #[serde(deserialize_with = "nullable")]
    mrkdwn_in: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    fields: Vec<SlackField>,
    #[serde(deserialize_with = "nullable")]
    actions: Vec<SlackAction>,
    /// A message that is changed when the group changes; not known here.
    update_message: bool,
    #[serde(rename = "timeout")]
    _timeout: Option<String>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    target: Option<Secret>,
    #[serde(skip)]
    token: Option<Secret>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SlackField {
    title: String,
    value: String,
    short: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SlackAction {
    #[serde(rename = "type")]
    kind: String,
    text: String,
    url: String,
    style: String,
    name: String,
    value: String,
    confirm: Option<SlackConfirmation>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SlackConfirmation {
    text: String,
    title: String,
    ok_text: String,
    dismiss_text: String,
}

impl Receiver for SlackConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let mut all = super::set(&[
            ("channel", &self.channel),
            ("username", &self.username),
            ("color", &self.color),
            ("title", &self.title),
            ("title_link", &self.title_link),
            ("pretext", &self.pretext),
            ("text", &self.text),
            ("message_text", &self.message_text),
            ("fallback", &self.fallback),
            ("footer", &self.footer),
            ("callback_id", &self.callback_id),
            ("icon_emoji", &self.icon_emoji),
            ("icon_url", &self.icon_url),
            ("image_url", &self.image_url),
            ("thumb_url", &self.thumb_url),
        ]);
        all.extend(self.fields.iter().flat_map(|f| [("fields", f.title.as_str()), ("fields", &f.value)]));
        all.extend(
            self.actions.iter().flat_map(|a| [&a.text, &a.url, &a.value].map(|t| ("actions", t.as_str()))),
        );
        all
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let global = environment.global;
        let own_url = (self.api_url.as_ref(), self.api_url_file.as_deref());
        let own_token = (self.app_token.as_ref(), self.app_token_file.as_deref());
        let all_url = (global.slack_api_url.as_ref(), global.slack_api_url_file.as_deref());
        let all_token = (global.slack_app_token.as_ref(), global.slack_app_token_file.as_deref());
        self.target = environment.secret_url("api_url", own_url, (None, None))?;
        self.token = environment.secret("app_token", own_token, (None, None))?;
        if self.target.is_some() && self.token.is_some() {
            return Err("set api_url or app_token, not both".into());
        }
        let authorized = self.http_config.as_ref().is_some_and(|http| http.authorization.is_some());
        if self.token.is_some() && authorized {
            return Err("app_token is an authorization: http_config cannot have another".into());
        }
        if self.target.is_none() && self.token.is_none() && !authorized {
            self.token = environment.secret("slack_app_token", all_token, (None, None))?;
            // The address of the API beside a token was the way to use one before there was a key for it.
            let other = global.slack_api_url.as_ref().is_some_and(|url| url.expose() != APP_URL);
            if self.token.is_some() && (other || global.slack_api_url_file.is_some()) {
                return Err("global: set slack_api_url or slack_app_token, not both".into());
            }
        }
        if self.target.is_none() && self.token.is_none() {
            self.target = environment.secret_url("slack_api_url", all_url, (None, None))?;
        }
        if self.token.is_some() {
            let url = self.app_url.as_ref().or(global.slack_app_url.as_ref()).map_or(APP_URL, String::as_str);
            check_url("app_url", url)?;
            self.target = Some(Secret::Inline(url.into()));
        }
        if self.target.is_none() {
            return Err("set api_url, app_token, global.slack_api_url or global.slack_app_token".into());
        }
        if self.update_message && self.token.is_none() && !authorized {
            return Err(
                "update_message needs app_token: an incoming webhook cannot change what it sent".into()
            );
        }
        if self.fields.iter().any(|field| field.title.is_empty() || field.value.is_empty()) {
            return Err("fields: each needs a title and a value".into());
        }
        let lacks = |action: &SlackAction| {
            action.kind.is_empty()
                || action.text.is_empty()
                || (action.url.is_empty() && action.name.is_empty())
        };
        if self.actions.iter().any(lacks) {
            return Err("actions: each needs a type, a text, and a url or a name".into());
        }
        if self.actions.iter().filter_map(|a| a.confirm.as_ref()).any(|confirm| confirm.text.is_empty()) {
            return Err("actions: confirm needs a text".into());
        }
        Ok(())
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let attachment = self.attachment(say)?;
        let text = |name: &str| attachment[name].as_str().unwrap_or_default().to_owned();
        let shown = (text("title"), text("text"));
        let mut body = json!({ "attachments": [attachment], "dedup_key": say.message.dedup_key });
        for (name, template) in [("channel", &self.channel), ("text", &self.message_text)] {
            put(&mut body, name, say.text(template.as_deref().unwrap_or_default())?);
        }
        for (name, template, default) in [
            ("username", &self.username, "slack.default.username"),
            ("icon_emoji", &self.icon_emoji, "slack.default.iconemoji"),
            ("icon_url", &self.icon_url, "slack.default.iconurl"),
        ] {
            put(&mut body, name, say.or(template.as_deref(), default)?);
        }
        if self.link_names {
            body["link_names"] = true.into();
        }
        let mut url = needed(self.target.as_ref())?;
        if let Some(place) = &say.message.changes {
            url = url.replace("chat.postMessage", "chat.update");
            body["channel"] = place.channel.as_str().into();
            body["ts"] = place.ts.as_str().into();
        }
        let mut request = HttpRequest::json(&url, &body);
        if let Some(token) = &self.token {
            request.headers.push(("Authorization", Hidden::from(&*format!("Bearer {}", token.read()?))));
        }
        Ok(Prepared { sends: vec![request.into()], shown })
    }
}

impl SlackConfig {
    pub(crate) fn changes_messages(&self) -> bool {
        self.update_message
    }

    fn attachment(&self, say: &Say<'_>) -> Result<Value, String> {
        let mrkdwn_in = match self.mrkdwn_in.as_slice() {
            [] => json!(["fallback", "pretext", "text"]),
            some => json!(some),
        };
        let mut attachment = json!({ "mrkdwn_in": mrkdwn_in });
        for (name, template, default) in [
            ("title", &self.title, "slack.default.title"),
            ("title_link", &self.title_link, "slack.default.titlelink"),
            ("pretext", &self.pretext, "slack.default.pretext"),
            ("text", &self.text, "slack.default.text"),
            ("fallback", &self.fallback, "slack.default.fallback"),
            ("callback_id", &self.callback_id, "slack.default.callbackid"),
            ("footer", &self.footer, "slack.default.footer"),
            ("color", &self.color, "slack.default.color"),
        ] {
            put(&mut attachment, name, cut_title(name, say.or(template.as_deref(), default)?));
        }
        for (name, template) in [("image_url", &self.image_url), ("thumb_url", &self.thumb_url)] {
            put(&mut attachment, name, say.text(template.as_deref().unwrap_or_default())?);
        }
        if !self.fields.is_empty() {
            let field = |field: &SlackField| -> Result<Value, String> {
                let short = field.short.unwrap_or(self.short_fields);
                Ok(
                    json!({ "title": say.text(&field.title)?, "value": say.text(&field.value)?, "short": short }),
                )
            };
            attachment["fields"] = self.fields.iter().map(field).collect::<Result<_, _>>()?;
        }
        if !self.actions.is_empty() {
            let actions = self.actions.iter().map(|action| action.render(say));
            attachment["actions"] = actions.collect::<Result<_, _>>()?;
        }
        Ok(attachment)
    }
}

impl SlackAction {
    fn render(&self, say: &Say<'_>) -> Result<Value, String> {
        let mut body = json!({});
        for (name, template) in [
            ("type", &self.kind),
            ("text", &self.text),
            ("url", &self.url),
            ("style", &self.style),
            ("name", &self.name),
            ("value", &self.value),
        ] {
            // A link has no message to send back.
            if self.url.is_empty() || !["name", "value"].contains(&name) {
                put(&mut body, name, say.text(template)?);
            }
        }
        if let (Some(confirm), true) = (&self.confirm, self.url.is_empty()) {
            let mut asked = json!({});
            for (name, template) in [
                ("text", &confirm.text),
                ("title", &confirm.title),
                ("ok_text", &confirm.ok_text),
                ("dismiss_text", &confirm.dismiss_text),
            ] {
                put(&mut asked, name, say.text(template)?);
            }
            body["confirm"] = asked;
        }
        Ok(body)
    }
}

fn cut_title(name: &str, text: String) -> String {
    if name == "title" { cut(&text, TITLE_MOST) } else { text }
}
