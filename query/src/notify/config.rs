//! The part of `alertmanager.yml` that is understood: one route, webhook and Slack receivers. What is not understood
//! is an error, never ignored: a route somebody relies on must not silently be none.

use std::collections::{BTreeMap, BTreeSet};

use engine::promql;
use serde::{Deserialize, Serialize};

use super::{slack::SlackConfig, webhook::WebhookConfig};

/// A first message waits this long for more alerts of its group. Alertmanager waits 30 s by default; here chat hears
/// at once unless the file says otherwise.
const GROUP_WAIT_DEFAULT_MS: i64 = 0;
const GROUP_INTERVAL_DEFAULT_MS: i64 = 5 * 60_000;
const REPEAT_INTERVAL_DEFAULT_MS: i64 = 4 * 3_600_000;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFile {
    global: RawGlobal,
    route: Option<RawRoute>,
    receivers: Vec<RawReceiver>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawGlobal {
    resolve_timeout: Option<String>,
    slack_api_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoute {
    receiver: String,
    #[serde(default)]
    group_by: Vec<String>,
    group_wait: Option<String>,
    group_interval: Option<String>,
    repeat_interval: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReceiver {
    name: String,
    #[serde(default)]
    webhook_configs: Vec<WebhookConfig>,
    #[serde(default)]
    slack_configs: Vec<SlackConfig>,
}

/// A URL or credential: sent, never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(String);

#[derive(Clone, Debug)]
pub(crate) enum Integration {
    Webhook(WebhookConfig),
    Slack(SlackConfig),
}

/// A checked file.
#[derive(Clone, Debug, Default)]
pub struct NotifyConfig {
    pub(crate) receiver: String,
    pub(crate) group_by: GroupBy,
    pub(crate) group_wait_ms: i64,
    pub(crate) group_interval_ms: i64,
    pub(crate) repeat_interval_ms: i64,
    pub(crate) integrations: Vec<Integration>,
    pub(crate) receivers: Vec<String>,
    text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum GroupBy {
    /// All alerts are one group.
    #[default]
    Nothing,
    /// `group_by: ['...']`: every alert is its own group.
    All,
    Labels(BTreeSet<String>),
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

// === impl Integration ===

impl Integration {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
        }
    }

    pub(crate) fn sends_resolved(&self) -> bool {
        match self {
            Self::Webhook(config) => config.send_resolved,
            Self::Slack(config) => config.send_resolved,
        }
    }
}

// === impl GroupBy ===

impl GroupBy {
    pub(crate) fn of(&self, labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        match self {
            Self::Nothing => BTreeMap::new(),
            Self::All => labels.clone(),
            Self::Labels(names) => labels
                .iter()
                .filter(|(name, _)| names.contains(*name))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect(),
        }
    }
}

// === impl NotifyConfig ===

impl NotifyConfig {
    /// Nobody is told anything.
    pub fn none() -> Self {
        Self { receivers: Vec::new(), ..Self::default() }
    }

    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let raw: RawFile = serde_saphyr::from_str(text).map_err(|e| vec![explain(&e.to_string())])?;
        let mut problems = Vec::new();
        let Some(route) = raw.route else { return Err(vec!["there is no route".into()]) };
        let mut millis = |key: &str, text: Option<String>, default: i64| match text.as_deref() {
            None => default,
            Some("0") => 0,
            Some(text) => promql::parse_duration(text).unwrap_or_else(|_| {
                problems.push(format!("route.{key}: {text:?} is not a duration: write it like 30s or 5m"));
                default
            }),
        };
        let group_wait_ms = millis("group_wait", route.group_wait, GROUP_WAIT_DEFAULT_MS);
        let group_interval_ms = millis("group_interval", route.group_interval, GROUP_INTERVAL_DEFAULT_MS);
        let repeat_interval_ms = millis("repeat_interval", route.repeat_interval, REPEAT_INTERVAL_DEFAULT_MS);
        millis("resolve_timeout", raw.global.resolve_timeout.clone(), 0);
        let receivers: Vec<String> = raw.receivers.iter().map(|receiver| receiver.name.clone()).collect();
        if receivers.iter().collect::<BTreeSet<_>>().len() != receivers.len() {
            problems.push("two receivers have one name".into());
        }
        let integrations = match raw.receivers.into_iter().find(|receiver| receiver.name == route.receiver) {
            Some(receiver) => integrations(receiver, &raw.global, &mut problems),
            None => {
                problems.push(format!("route.receiver: there is no receiver {:?}", route.receiver));
                Vec::new()
            }
        };
        let group_by = match route.group_by.as_slice() {
            [] => GroupBy::Nothing,
            [all] if all == "..." => GroupBy::All,
            names => GroupBy::Labels(names.iter().cloned().collect()),
        };
        let text = strip_secrets(text);
        let receiver = route.receiver;
        let config = Self {
            receiver,
            group_by,
            group_wait_ms,
            group_interval_ms,
            repeat_interval_ms,
            integrations,
            receivers,
            text,
        };
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// The file, secrets left out.
    pub(crate) fn yaml(&self) -> &str {
        &self.text
    }
}

/// Findings of `signalbox check`, one a line.
pub fn check_alertmanager(text: &str) -> Vec<String> {
    NotifyConfig::parse(text).err().unwrap_or_default()
}

fn integrations(raw: RawReceiver, global: &RawGlobal, problems: &mut Vec<String>) -> Vec<Integration> {
    let mut found: Vec<Integration> = raw.webhook_configs.into_iter().map(Integration::Webhook).collect();
    for mut config in raw.slack_configs {
        if config.api_url.is_none() {
            config.api_url = global.slack_api_url.as_deref().map(Hidden::from);
        }
        found.push(Integration::Slack(config));
    }
    for integration in &found {
        let (url, templates) = match integration {
            Integration::Webhook(config) => (Some(&config.url), Vec::new()),
            Integration::Slack(config) => (config.api_url.as_ref(), config.templates()),
        };
        match url.map(|url| url.expose().parse::<http::Uri>()) {
            Some(Ok(url)) if url.host().is_some() && matches!(url.scheme_str(), Some("http" | "https")) => {}
            Some(_) => problems.push(format!("receiver {:?}: the URL is not http:// or https://", raw.name)),
            None => problems.push(format!("receiver {:?}: set api_url or global.slack_api_url", raw.name)),
        }
        for text in templates {
            if let Err(error) = super::slack::check_template(text) {
                problems.push(format!("receiver {:?}: {error}", raw.name));
            }
        }
    }
    found
}

fn explain(error: &str) -> String {
    let later = [
        "routes",
        "inhibit_rules",
        "templates",
        "time_intervals",
        "mute_time_intervals",
        "matchers",
        "continue",
    ];
    let known =
        later.iter().any(|key| error.contains(&format!("`{key}`")) || error.contains(&format!("'{key}'")));
    let hint = if known { " (Alertmanager knows it, this version does not yet)" } else { "" };
    format!("{error}{hint}")
}

/// Values of keys that hold secrets, by name: good enough for a text that was parsed.
fn strip_secrets(text: &str) -> String {
    let secret = |line: &str| {
        let key = line.trim_start().trim_start_matches("- ").split(':').next().unwrap_or_default();
        ["url", "api_url", "slack_api_url", "credentials", "password"].contains(&key)
    };
    let hide = |line: &str| match line.split_once(':') {
        Some((key, _)) if secret(line) => format!("{key}: <secret>"),
        _ => line.to_owned(),
    };
    text.lines().map(hide).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
route:
  receiver: chat
  group_by: [alertname]
  group_wait: 1s
receivers:
  - name: chat
    webhook_configs:
      - url: http://127.0.0.1:1/hook?secret=x
    slack_configs:
      - api_url: https://chat.example/T/B
        channel: '#ops'
";

    #[test]
    fn a_subset_of_alertmanagers_file_is_read() {
        let config = NotifyConfig::parse(GOOD).unwrap();
        assert_eq!((config.group_wait_ms, config.group_interval_ms), (1_000, 300_000));
        assert_eq!(
            config.integrations.iter().map(Integration::kind).collect::<Vec<_>>(),
            ["webhook", "slack"]
        );
        assert!(config.integrations[0].sends_resolved() && !config.integrations[1].sends_resolved());
        assert!(!config.yaml().contains("secret=x") && !format!("{config:?}").contains("secret=x"));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (text, part) in [
            ("receivers: []", "no route"),
            ("route: {receiver: a}", "no receiver \"a\""),
            ("route: {receiver: a, routes: []}\nreceivers: [{name: a}]", "routes"),
            ("route: {receiver: a, group_wait: soon}\nreceivers: [{name: a}]", "group_wait"),
            ("route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'ftp://x'}]}]", "http://"),
            ("route: {receiver: a}\nreceivers: [{name: a, pagerduty_configs: []}]", "pagerduty_configs"),
        ] {
            let problems = check_alertmanager(text);
            assert!(problems.iter().any(|problem| problem.contains(part)), "{text}: {problems:?}");
        }
    }
}
