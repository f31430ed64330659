//! The file as it is written, before anything is checked.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::interval::RawNamed;
use super::route::RawRoute;
use crate::notify::http::{HttpConfig, Secret, TlsConfig};
use crate::notify::receivers::{
    DiscordConfig, EmailConfig, IncidentioConfig, JiraConfig, MattermostConfig, OpsgenieConfig,
    PagerdutyConfig, PushoverConfig, RocketchatConfig, SlackConfig, SnsConfig, TeamsConfig, TelegramConfig,
    VictoropsConfig, WebexConfig, WebhookConfig, WechatConfig,
};

/// A URL or credential: sent, never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(String);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawFile {
    #[serde(deserialize_with = "nullable")]
    pub(super) global: RawGlobal,
    #[serde(deserialize_with = "nullable")]
    pub(super) templates: Vec<String>,
    pub(super) route: Option<RawRoute>,
    #[serde(deserialize_with = "nullable")]
    pub(super) inhibit_rules: Vec<RawInhibit>,
    #[serde(deserialize_with = "nullable")]
    pub(super) receivers: Vec<RawReceiver>,
    #[serde(deserialize_with = "nullable")]
    pub(super) mute_time_intervals: Vec<RawNamed>,
    #[serde(deserialize_with = "nullable")]
    pub(super) time_intervals: Vec<RawNamed>,
    // Of Alertmanager's own process.
    #[serde(rename = "tracing")]
    _tracing: Option<IgnoredAny>,
    #[serde(rename = "event_recorder")]
    _event_recorder: Option<IgnoredAny>,
}

/// What receivers fall back to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawGlobal {
    pub(crate) resolve_timeout: Option<String>,
    pub(crate) http_config: Option<HttpConfig>,
    pub(crate) smtp_from: Option<String>,
    pub(crate) smtp_hello: Option<String>,
    pub(crate) smtp_smarthost: Option<String>,
    pub(crate) smtp_auth_username: Option<String>,
    pub(crate) smtp_auth_password: Option<Hidden>,
    pub(crate) smtp_auth_password_file: Option<String>,
    pub(crate) smtp_auth_secret: Option<Hidden>,
    pub(crate) smtp_auth_secret_file: Option<String>,
    pub(crate) smtp_auth_identity: Option<String>,
    pub(crate) smtp_require_tls: Option<bool>,
    pub(crate) smtp_force_implicit_tls: Option<bool>,
    pub(crate) smtp_tls_config: Option<TlsConfig>,
    pub(crate) slack_api_url: Option<Hidden>,
    pub(crate) slack_api_url_file: Option<String>,
    pub(crate) slack_app_token: Option<Hidden>,
    pub(crate) slack_app_token_file: Option<String>,
    pub(crate) slack_app_url: Option<String>,
    pub(crate) pagerduty_url: Option<String>,
    pub(crate) opsgenie_api_url: Option<String>,
    pub(crate) opsgenie_api_key: Option<Hidden>,
    pub(crate) opsgenie_api_key_file: Option<String>,
    pub(crate) telegram_api_url: Option<String>,
    pub(crate) telegram_bot_token: Option<Hidden>,
    pub(crate) telegram_bot_token_file: Option<String>,
    pub(crate) mattermost_webhook_url: Option<Hidden>,
    pub(crate) mattermost_webhook_url_file: Option<String>,
    pub(crate) victorops_api_url: Option<String>,
    pub(crate) victorops_api_key: Option<Hidden>,
    pub(crate) victorops_api_key_file: Option<String>,
    pub(crate) wechat_api_url: Option<String>,
    pub(crate) wechat_api_secret: Option<Hidden>,
    pub(crate) wechat_api_secret_file: Option<String>,
    pub(crate) wechat_api_corp_id: Option<String>,
    pub(crate) webex_api_url: Option<String>,
    pub(crate) rocketchat_api_url: Option<String>,
    pub(crate) rocketchat_token: Option<Hidden>,
    pub(crate) rocketchat_token_file: Option<String>,
    pub(crate) rocketchat_token_id: Option<Hidden>,
    pub(crate) rocketchat_token_id_file: Option<String>,
    pub(crate) jira_api_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReceiver {
    pub(super) name: String,
    /// Notes of whoever wrote the file: they are told nobody.
    #[serde(default, deserialize_with = "nullable")]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) webhook_configs: Vec<WebhookConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) slack_configs: Vec<SlackConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) msteams_configs: Vec<TeamsConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) msteamsv2_configs: Vec<TeamsConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) discord_configs: Vec<DiscordConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) mattermost_configs: Vec<MattermostConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) telegram_configs: Vec<TelegramConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) pagerduty_configs: Vec<PagerdutyConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) opsgenie_configs: Vec<OpsgenieConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) email_configs: Vec<EmailConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) pushover_configs: Vec<PushoverConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) victorops_configs: Vec<VictoropsConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) rocketchat_configs: Vec<RocketchatConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) webex_configs: Vec<WebexConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) incidentio_configs: Vec<IncidentioConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) sns_configs: Vec<SnsConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) wechat_configs: Vec<WechatConfig>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) jira_configs: Vec<JiraConfig>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawInhibit {
    #[serde(deserialize_with = "nullable")]
    pub(super) source_match: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) source_match_re: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "nullable")]
    pub(super) source_matchers: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) target_match: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) target_match_re: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "nullable")]
    pub(super) target_matchers: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) equal: Vec<String>,
}

/// `key:` with nothing after it means what is not said.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

// === impl Hidden ===

impl Hidden {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl Serialize for Hidden {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<secret>")
    }
}

// === impl RawGlobal ===

impl RawGlobal {
    /// Keys that contradict each other, whether a receiver needs them or not.
    pub(super) fn check(&self) -> Result<(), String> {
        for (key, inline, file) in [
            ("smtp_auth_password", &self.smtp_auth_password, &self.smtp_auth_password_file),
            ("slack_api_url", &self.slack_api_url, &self.slack_api_url_file),
            ("slack_app_token", &self.slack_app_token, &self.slack_app_token_file),
            ("opsgenie_api_key", &self.opsgenie_api_key, &self.opsgenie_api_key_file),
            ("telegram_bot_token", &self.telegram_bot_token, &self.telegram_bot_token_file),
            ("mattermost_webhook_url", &self.mattermost_webhook_url, &self.mattermost_webhook_url_file),
            ("victorops_api_key", &self.victorops_api_key, &self.victorops_api_key_file),
            ("wechat_api_secret", &self.wechat_api_secret, &self.wechat_api_secret_file),
            ("rocketchat_token", &self.rocketchat_token, &self.rocketchat_token_file),
            ("rocketchat_token_id", &self.rocketchat_token_id, &self.rocketchat_token_id_file),
        ] {
            Secret::either(key, inline.as_ref(), file.as_deref())?;
        }
        self.http_config.as_ref().map_or(Ok(()), HttpConfig::check)
    }
}
