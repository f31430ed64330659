//! The kinds of receivers: what each is told, and how. Rendering is pure; [`super::client`] sends.

pub(crate) mod chat;
mod discord;
mod email;
mod evidence;
mod incidentio;
mod jira;
mod mattermost;
mod opsgenie;
mod pagerduty;
mod pushover;
mod rocketchat;
mod slack;
mod sns;
mod teams;
mod telegram;
mod victorops;
mod webex;
pub(crate) mod webhook;
mod wechat;

use std::path::Path;

use gtmpl_ng::Value as Go;

pub(crate) use discord::DiscordConfig;
pub(crate) use email::{EmailConfig, Mail, MailTls};
pub(crate) use incidentio::IncidentioConfig;
pub(crate) use jira::{JiraConfig, JiraSend};
pub(crate) use mattermost::MattermostConfig;
pub(crate) use opsgenie::OpsgenieConfig;
pub(crate) use pagerduty::PagerdutyConfig;
pub(crate) use pushover::PushoverConfig;
pub(crate) use rocketchat::RocketchatConfig;
pub(crate) use slack::SlackConfig;
pub(crate) use sns::{SignedRequest, SnsConfig};
pub(crate) use teams::TeamsConfig;
pub(crate) use telegram::TelegramConfig;
pub(crate) use victorops::VictoropsConfig;
pub(crate) use webex::WebexConfig;
pub(crate) use webhook::WebhookConfig;
pub(crate) use wechat::{WechatConfig, WechatSend};

use super::config::{Hidden, RawGlobal};
use super::group::Message;
use super::http::{HttpConfig, Secret};
use super::template::{Form, Templates, data};

/// What a receiver's settings may refer to.
pub(crate) struct Environment<'e> {
    pub(crate) global: &'e RawGlobal,
    pub(crate) templates: &'e Templates,
    /// Of the configuration file.
    pub(crate) folder: &'e Path,
}

/// One place messages go to.
#[derive(Clone, Debug)]
pub(crate) struct Integration {
    pub(crate) settings: Settings,
    pub(crate) http: HttpConfig,
}

#[derive(Clone, Debug)]
pub(crate) enum Settings {
    Webhook(WebhookConfig),
    Slack(SlackConfig),
    Teams(TeamsConfig),
    /// The older connectors of Teams.
    TeamsConnector(TeamsConfig),
    Discord(DiscordConfig),
    Mattermost(MattermostConfig),
    Telegram(TelegramConfig),
    Pagerduty(PagerdutyConfig),
    Opsgenie(OpsgenieConfig),
    Email(EmailConfig),
    Pushover(PushoverConfig),
    Victorops(VictoropsConfig),
    Rocketchat(RocketchatConfig),
    Webex(WebexConfig),
    Incidentio(IncidentioConfig),
    Sns(SnsConfig),
    Wechat(WechatConfig),
    Jira(JiraConfig),
}

/// A kind of receiver.
pub(crate) trait Receiver {
    fn sends_resolved(&self) -> bool;

    /// Its own, in place of the one for all.
    fn http(&self) -> Option<&HttpConfig>;

    /// Keys and templates.
    fn templates(&self) -> Vec<(&'static str, &str)>;

    /// Fills in what the file says for all, and checks.
    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String>;

    /// What to send; a template or a secret's file may fail.
    fn render(&self, say: &Say<'_>) -> Result<Prepared, String>;
}

/// What is sent for one message, in this order, and title and text as people see them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Prepared {
    pub(crate) sends: Vec<Outgoing>,
    pub(crate) shown: (String, String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outgoing {
    Http(HttpRequest),
    Mail(Mail),
    Signed(SignedRequest),
    Wechat(WechatSend),
    Jira(JiraSend),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HttpRequest {
    pub(crate) put: bool,
    pub(crate) url: Hidden,
    pub(crate) headers: Vec<(&'static str, Hidden)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// A message on its way into a receiver's words.
pub(crate) struct Say<'s> {
    pub(crate) message: &'s Message,
    pub(crate) external_url: &'s str,
    templates: &'s Templates,
    data: Go,
}

// === impl Settings ===

impl Settings {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
            Self::Teams(_) => "msteamsv2",
            Self::TeamsConnector(_) => "msteams",
            Self::Discord(_) => "discord",
            Self::Mattermost(_) => "mattermost",
            Self::Telegram(_) => "telegram",
            Self::Pagerduty(_) => "pagerduty",
            Self::Opsgenie(_) => "opsgenie",
            Self::Email(_) => "email",
            Self::Pushover(_) => "pushover",
            Self::Victorops(_) => "victorops",
            Self::Rocketchat(_) => "rocketchat",
            Self::Webex(_) => "webex",
            Self::Incidentio(_) => "incidentio",
            Self::Sns(_) => "sns",
            Self::Wechat(_) => "wechat",
            Self::Jira(_) => "jira",
        }
    }

    /// Whether a group's next message changes the one that was sent.
    pub(crate) fn changes_messages(&self) -> bool {
        matches!(self, Self::Slack(config) if config.changes_messages())
    }

    fn receiver(&self) -> &dyn Receiver {
        match self {
            Self::Webhook(config) => config,
            Self::Slack(config) => config,
            Self::Teams(config) | Self::TeamsConnector(config) => config,
            Self::Discord(config) => config,
            Self::Mattermost(config) => config,
            Self::Telegram(config) => config,
            Self::Pagerduty(config) => config,
            Self::Opsgenie(config) => config,
            Self::Email(config) => config,
            Self::Pushover(config) => config,
            Self::Victorops(config) => config,
            Self::Rocketchat(config) => config,
            Self::Webex(config) => config,
            Self::Incidentio(config) => config,
            Self::Sns(config) => config,
            Self::Wechat(config) => config,
            Self::Jira(config) => config,
        }
    }

    fn receiver_mut(&mut self) -> &mut dyn Receiver {
        match self {
            Self::Webhook(config) => config,
            Self::Slack(config) => config,
            Self::Teams(config) => config,
            Self::TeamsConnector(config) => {
                config.connector = true;
                config
            }
            Self::Discord(config) => config,
            Self::Mattermost(config) => config,
            Self::Telegram(config) => config,
            Self::Pagerduty(config) => config,
            Self::Opsgenie(config) => config,
            Self::Email(config) => config,
            Self::Pushover(config) => config,
            Self::Victorops(config) => config,
            Self::Rocketchat(config) => config,
            Self::Webex(config) => config,
            Self::Incidentio(config) => config,
            Self::Sns(config) => config,
            Self::Wechat(config) => config,
            Self::Jira(config) => config,
        }
    }
}

// === impl Integration ===

impl Integration {
    pub(crate) fn new(mut settings: Settings, environment: &Environment<'_>) -> Result<Self, String> {
        settings.receiver_mut().complete(environment)?;
        for (key, template) in settings.receiver().templates() {
            environment.templates.check(template).map_err(|error| format!("{key}: {error}"))?;
        }
        let own = settings.receiver().http().or(environment.global.http_config.as_ref());
        let mut http = own.cloned().unwrap_or_default();
        http.check()?;
        http.within(environment.folder);
        Ok(Self { settings, http })
    }

    pub(crate) fn sends_resolved(&self) -> bool {
        self.settings.receiver().sends_resolved()
    }

    pub(crate) fn render(
        &self,
        message: &Message,
        templates: &Templates,
        external_url: &str,
    ) -> Result<Prepared, String> {
        let data = data(message, &quoted(&message.receiver), external_url);
        let mut prepared =
            self.settings.receiver().render(&Say { message, external_url, templates, data })?;
        if let Some(evidence) = &message.evidence {
            evidence::attach(&self.settings, &mut prepared, evidence);
        }
        Ok(prepared)
    }
}

// === impl Environment ===

impl Environment<'_> {
    /// Of a key and the same for all receivers, each of which may stand in a file.
    pub(crate) fn secret(
        &self,
        key: &str,
        own: (Option<&Hidden>, Option<&str>),
        all: (Option<&Hidden>, Option<&str>),
    ) -> Result<Option<Secret>, String> {
        let found = match Secret::either(key, own.0, own.1)? {
            Some(secret) => Some(secret),
            None => Secret::either(key, all.0, all.1).map_err(|error| format!("global: {error}"))?,
        };
        Ok(found.map(|secret| secret.within(self.folder)))
    }

    /// A secret that is a URL; `http` or `https` if it stands in the configuration.
    pub(crate) fn secret_url(
        &self,
        key: &str,
        own: (Option<&Hidden>, Option<&str>),
        all: (Option<&Hidden>, Option<&str>),
    ) -> Result<Option<Secret>, String> {
        let found = self.secret(key, own, all)?;
        if let Some(Secret::Inline(url)) = &found {
            check_url(key, url.expose())?;
        }
        Ok(found)
    }
}

pub(crate) fn check_url(key: &str, url: &str) -> Result<(), String> {
    match url.parse::<::http::Uri>() {
        Ok(uri) if uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")) => Ok(()),
        _ => Err(format!("{key}: the URL is not http:// or https://")),
    }
}

/// A secret that `complete` has put in its place.
pub(crate) fn needed(secret: Option<&Secret>) -> Result<String, String> {
    secret.map_or_else(|| Err("a secret is not configured".into()), Secret::read)
}

// === impl Say ===

impl Say<'_> {
    pub(crate) fn text(&self, template: &str) -> Result<String, String> {
        self.templates.render(template, Form::Text, &self.data)
    }

    pub(crate) fn html(&self, template: &str) -> Result<String, String> {
        self.templates.render(template, Form::Html, &self.data)
    }

    /// The template, or the default under this name.
    pub(crate) fn or(&self, template: Option<&str>, default: &str) -> Result<String, String> {
        match template {
            Some(template) => self.text(template),
            None => self.text(&format!("{{{{ template {default:?} . }}}}")),
        }
    }

    /// The group's key in a form that fits everywhere.
    pub(crate) fn key(&self) -> String {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(self.message.group_key.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

// === impl HttpRequest ===

impl HttpRequest {
    pub(crate) fn json(url: &str, body: &serde_json::Value) -> Self {
        Self {
            put: false,
            url: url.into(),
            headers: Vec::new(),
            content_type: "application/json",
            body: body.to_string(),
        }
    }
}

impl From<HttpRequest> for Outgoing {
    fn from(request: HttpRequest) -> Self {
        Self::Http(request)
    }
}

/// Receivers' names are given as patterns that match them: `a.b` is `a\.b`, as in Alertmanager.
pub(crate) fn quoted(name: &str) -> String {
    let special = |c: char| "\\.+*?()|[]{}^$".contains(c);
    name.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// Keys whose templates are set.
pub(crate) fn set<'t>(all: &[(&'static str, &'t Option<String>)]) -> Vec<(&'static str, &'t str)> {
    all.iter().filter_map(|(key, text)| Some((*key, text.as_deref()?))).collect()
}

/// At most so many characters, the last of them an ellipsis if some are left out.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// The member, unless it is empty.
pub(crate) fn put(body: &mut serde_json::Value, name: &str, text: String) {
    if !text.is_empty() {
        body[name] = text.into();
    }
}

#[cfg(test)]
mod tests;
