//! The generic webhook: Alertmanager's body, version "4".

use serde::Deserialize;
use serde_json::{Value, json};

use super::config::Hidden;
use super::group::{Message, Told};
use crate::request::time::rfc3339_ms;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookConfig {
    pub(crate) url: Hidden,
    #[serde(default = "yes")]
    pub(crate) send_resolved: bool,
    /// 0: all of them.
    #[serde(default)]
    pub(crate) max_alerts: usize,
    #[serde(default)]
    pub(crate) http_config: HttpConfig,
}

/// How a receiver wants to be spoken to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpConfig {
    pub(crate) authorization: Option<Authorization>,
    pub(crate) basic_auth: Option<BasicAuth>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authorization {
    #[serde(rename = "type", default = "bearer")]
    pub(crate) scheme: String,
    pub(crate) credentials: Hidden,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BasicAuth {
    pub(crate) username: String,
    pub(crate) password: Hidden,
}

fn yes() -> bool {
    true
}

fn bearer() -> String {
    "Bearer".into()
}

/// The body: Alertmanager's fields, spelled as it spells them, and `dedupKey`, the same in every attempt, for those who
/// cannot read the `Idempotency-Key` header.
pub(crate) fn render(config: &WebhookConfig, message: &Message, receiver: &str, external_url: &str) -> Value {
    let kept = if config.max_alerts == 0 { usize::MAX } else { config.max_alerts };
    let alerts: Vec<Value> = message.alerts.iter().take(kept).map(alert).collect();
    json!({
        "version": "4",
        "groupKey": message.group_key,
        "truncatedAlerts": message.alerts.len() - alerts.len(),
        "status": status(message.fires()),
        "receiver": quoted(receiver),
        "groupLabels": message.group_labels,
        "commonLabels": common(message, |told| &told.labels),
        "commonAnnotations": common(message, |told| &told.annotations),
        "externalURL": external_url,
        "dedupKey": message.dedup_key,
        "alerts": alerts,
    })
}

fn alert(told: &Told) -> Value {
    json!({
        "status": status(told.fires()),
        "labels": told.labels,
        "annotations": told.annotations,
        "startsAt": go_time(told.starts_at_ms),
        // What has not ended ends in Go's year 1.
        "endsAt": told.ends_at_ms.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), go_time),
        "generatorURL": told.generator_url,
        "fingerprint": told.fingerprint(),
    })
}

/// RFC 3339 as Go prints it: without zeros at the end of the fraction.
fn go_time(time_ms: i64) -> String {
    let text = rfc3339_ms(time_ms);
    format!("{}Z", text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.'))
}

/// Receivers' names are given as patterns that match them: `a.b` is `a\.b`.
fn quoted(name: &str) -> String {
    let special = |c: char| "\\.+*?()|[]{}^$".contains(c);
    name.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

pub(crate) fn status(fires: bool) -> &'static str {
    if fires { "firing" } else { "resolved" }
}

type Texts = std::collections::BTreeMap<String, String>;

/// What all alerts of a message share.
pub(crate) fn common(message: &Message, of: impl Fn(&Told) -> &Texts) -> Texts {
    let Some(first) = message.alerts.first() else { return Texts::new() };
    let mut shared = of(first).clone();
    for told in &message.alerts {
        shared.retain(|name, value| of(told).get(name) == Some(value));
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_alertmanagers_version_4() {
        let told = |name: &str, ends_at_ms| Told {
            labels: [("alertname".to_owned(), name.to_owned()), ("job".to_owned(), "j".to_owned())].into(),
            annotations: [("summary".to_owned(), "s".to_owned())].into(),
            starts_at_ms: 1_000,
            ends_at_ms,
            generator_url: "http://g".into(),
        };
        let message = Message {
            group_key: "k".into(),
            group_labels: [("job".to_owned(), "j".to_owned())].into(),
            alerts: vec![told("a", None), told("b", Some(2_000))],
            dedup_key: "d".into(),
            made_ms: 0,
        };
        let config = WebhookConfig {
            url: "http://x".into(),
            send_resolved: true,
            max_alerts: 0,
            http_config: HttpConfig::default(),
        };
        let body = render(&config, &message, "chat", "http://e");
        assert_eq!((body["version"].as_str(), body["status"].as_str()), (Some("4"), Some("firing")));
        assert_eq!(body["commonLabels"], json!({"job": "j"}));
        assert_eq!(body["alerts"][0]["startsAt"], "1970-01-01T00:00:01Z");
        assert_eq!(
            (go_time(1_250), go_time(600_000)),
            ("1970-01-01T00:00:01.25Z".into(), "1970-01-01T00:10:00Z".into())
        );
        assert_eq!(quoted("team.a/b-c"), "team\\.a/b-c");
        assert_eq!(body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
        assert_eq!(body["alerts"][1]["status"], "resolved");
        let one = render(&WebhookConfig { max_alerts: 1, ..config }, &message, "chat", "");
        assert_eq!((one["truncatedAlerts"].as_u64(), one["alerts"].as_array().unwrap().len()), (Some(1), 1));
    }
}
