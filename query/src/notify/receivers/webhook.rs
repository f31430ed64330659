//! The generic webhook: Alertmanager's body, version "4".

use serde::Deserialize;
use serde_json::{Value, json};

use super::chat;
use super::{Environment, HttpRequest, Prepared, Receiver, Say, needed, quoted};
use crate::notify::config::Hidden;
use crate::notify::group::{Message, Told};
use crate::notify::http::{HttpConfig, Secret};
use crate::request::time::rfc3339_ms;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebhookConfig {
    url: Option<Hidden>,
    url_file: Option<String>,
    send_resolved: Option<bool>,
    /// 0: all of them.
    max_alerts: usize,
    /// Our own bound holds; the key is Alertmanager's.
    #[serde(rename = "timeout")]
    _timeout: Option<String>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    target: Option<Secret>,
}

impl Receiver for WebhookConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let url = self.url.as_ref().map(Hidden::expose).unwrap_or_default();
        vec![("url", url)]
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let own = (self.url.as_ref(), self.url_file.as_deref());
        self.target = match &self.url {
            // The whole of it may be a template.
            Some(url) if url.expose().contains("{{") => environment.secret("url", own, (None, None))?,
            _ => environment.secret_url("url", own, (None, None))?,
        };
        if self.target.is_none() { Err("set url or url_file".into()) } else { Ok(()) }
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let url = say.text(&needed(self.target.as_ref())?)?;
        let body = body(self.max_alerts, say.message, say.external_url);
        Ok(Prepared { sends: vec![HttpRequest::json(&url, &body).into()], shown: chat::shown(say.message) })
    }
}

/// The body: Alertmanager's fields, spelled as it spells them, and `dedupKey`, the same in every attempt, for those who
/// cannot read the `Idempotency-Key` header.
pub(super) fn body(max_alerts: usize, message: &Message, external_url: &str) -> Value {
    let kept = if max_alerts == 0 { usize::MAX } else { max_alerts };
    let alerts: Vec<Value> = message.alerts.iter().take(kept).map(alert).collect();
    json!({
        "version": "4",
        "groupKey": message.group_key,
        "truncatedAlerts": message.alerts.len() - alerts.len(),
        "status": status(message.fires()),
        "receiver": quoted(&message.receiver),
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
            until_ms: None,
            updated_ms: 0,
        };
        let message = Message {
            receiver: "chat".into(),
            group_key: "k".into(),
            group_labels: [("job".to_owned(), "j".to_owned())].into(),
            alerts: vec![told("a", None), told("b", Some(2_000))],
            dedup_key: "d".into(),
            made_ms: 0,
            news: true,
            ..Message::default()
        };
        let whole = body(0, &message, "http://e");
        assert_eq!((whole["version"].as_str(), whole["status"].as_str()), (Some("4"), Some("firing")));
        assert_eq!((&whole["receiver"], &whole["commonLabels"]), (&json!("chat"), &json!({"job": "j"})));
        assert_eq!(whole["alerts"][0]["startsAt"], "1970-01-01T00:00:01Z");
        assert_eq!(
            (go_time(1_250), go_time(600_000)),
            ("1970-01-01T00:00:01.25Z".into(), "1970-01-01T00:10:00Z".into())
        );
        assert_eq!(whole["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
        assert_eq!(whole["alerts"][1]["status"], "resolved");
        assert_eq!(quoted("team.a/b-c"), "team\\.a/b-c");
        let one = body(1, &message, "");
        assert_eq!((one["truncatedAlerts"].as_u64(), one["alerts"].as_array().unwrap().len()), (Some(1), 1));
    }
}
