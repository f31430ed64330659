//! `/api/v1/alerts/{fingerprint}/explain`: why an alert fired and who was told, or why it did not and nobody was.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::StatusCode;

use crate::failure::{Failure, Reply, json_reply, reply};
use crate::json::Json;
use crate::notify::{AlertHistory, fingerprint};
use crate::request::time::{prometheus_time, rfc3339_ms};
use crate::rules::{Elements, RuleExplained};
use crate::service::Call;

/// Alerts of one name that are told of.
const ALERTS_MAX: usize = 50;

const ASK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// One alert with what its past says of it.
type Told = (String, Arc<AlertHistory>);

pub(crate) fn answer(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let alert = call.path.get("fingerprint").to_owned();
        let time_ms = match call.params.get("time") {
            Some(text) => prometheus_time("time", text)?,
            None => call.now_ms(),
        };
        let mut told = match call.shared.rules.notifier() {
            Some(notifier) => notifier.history(&call.ctx.tenant, &alert).await?,
            None => Vec::new(),
        };
        told.truncate(ALERTS_MAX);
        // A fingerprint of no past: an alert that is pending for the first time, say.
        let name = told.first().and_then(|(_, history)| history.labels.get("alertname").cloned());
        let name = name.or_else(|| active(&call, &alert)).unwrap_or_else(|| alert.clone());
        let as_text = call.params.get("format") == Some("text");
        let (ctx, shared) = (call.ctx.clone(), Arc::clone(&call.shared));
        let work = move || {
            let snapshot = call.snapshot();
            let rules = call.shared.rules.explain(&call.ctx, &snapshot, &name, time_ms);
            if told.is_empty() && rules.is_empty() {
                return Err(Failure::not_found(format!("no alert and no rule is known as {alert:?}")));
            }
            Ok(if as_text { text(&told, &rules) } else { json(&told, &rules) })
        };
        shared.runner.run(&ctx, work).await
    }
    .boxed()
}

/// The name of an alert that is pending or firing now.
fn active(call: &Call, wanted: &str) -> Option<String> {
    let groups = call.shared.rules.groups(&call.ctx.tenant);
    let rules = groups.iter().flat_map(|group| &group.rules);
    let mut alerts = rules.flat_map(|rule| rule.alerts().iter().map(move |alert| (rule, alert)));
    let texts = |labels: &store::model::Labels| -> BTreeMap<String, String> {
        labels.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    };
    let found = alerts.find(|(_, alert)| fingerprint(&texts(&alert.labels)) == wanted)?;
    Some(found.0.name.clone())
}

// === as JSON ===

fn json(told: &[Told], rules: &[RuleExplained]) -> Reply {
    json_reply(|json| {
        json.object(|o| {
            o.member("status", "success");
            o.key("data").object(|data| {
                data.key("alerts").array(|a| told.iter().for_each(|one| write_alert(a, one)));
                data.key("rules").array(|a| rules.iter().for_each(|rule| write_rule(a, rule)));
            });
        });
    })
}

fn write_alert(json: &mut Json, (id, history): &Told) {
    json.object(|o| {
        o.member("fingerprint", id);
        o.key("labels").object(|l| history.labels.iter().for_each(|(name, text)| l.member(name, text)));
        o.key("events").array(|a| {
            for event in &history.events {
                a.object(|e| {
                    e.member("at", &rfc3339_ms(event.at_ms));
                    e.member("what", event.what.name());
                    e.member("text", &event.what.to_string());
                });
            }
        });
    });
}

fn write_rule(json: &mut Json, rule: &RuleExplained) {
    json.object(|o| {
        o.member("name", &rule.name);
        o.member("group", &rule.group);
        o.member("file", &rule.file);
        o.member("expression", &rule.expression);
        o.member("language", rule.language);
        o.key("intervalMs").int(rule.interval_ms);
        o.key("forMs").int(rule.for_ms);
        o.key("early").bool(rule.early);
        o.member("evaluatedAt", &rfc3339_ms(rule.instant_ms));
        o.key("found").object(|f| write_elements(f, &rule.found));
        if let Some(compared) = &rule.compared {
            o.key("compared").object(|c| {
                c.member("with", &compared.with);
                write_elements(c, &compared.elements);
            });
        }
    });
}

fn write_elements(o: &mut Json, elements: &Result<Elements, String>) {
    match elements {
        Err(error) => o.member("error", error),
        Ok(elements) => {
            o.key("count").int(elements.count as u64);
            o.key("elements").array(|a| {
                for (labels, value) in &elements.shown {
                    a.object(|e| {
                        e.key("labels")
                            .object(|l| labels.iter().for_each(|(name, text)| l.member(name, text)));
                        e.member("value", &value.to_string());
                    });
                }
            });
        }
    }
}

// === as text ===

fn text(told: &[Told], rules: &[RuleExplained]) -> Reply {
    let mut out = String::new();
    for (id, history) in told {
        let _ = writeln!(out, "{} {id}", labels_text(&history.labels));
        for event in &history.events {
            let _ = writeln!(out, "  {}  {}", rfc3339_ms(event.at_ms), event.what);
        }
    }
    for rule in rules {
        let _ = writeln!(out, "rule {} of group {} in {}", rule.name, rule.group, rule.file);
        let _ = writeln!(out, "  {}: {}", rule.language, rule.expression);
        let early = if rule.early { ", arriving data may fire it before" } else { "" };
        let (interval, hold) = (rule.interval_ms as f64 / 1_000.0, rule.for_ms as f64 / 1_000.0);
        let _ = writeln!(out, "  evaluated every {interval} s, fires after {hold} s{early}");
        let _ = writeln!(out, "  at {}:", rfc3339_ms(rule.instant_ms));
        elements_text(&mut out, "it holds for", &rule.found);
        if let Some(compared) = &rule.compared {
            elements_text(&mut out, &format!("compared ({})", compared.with), &compared.elements);
        }
    }
    reply(StatusCode::OK, "text/plain; charset=utf-8", out.into_bytes())
}

fn elements_text(out: &mut String, head: &str, elements: &Result<Elements, String>) {
    match elements {
        Err(error) => drop(writeln!(out, "    {head}: {error}")),
        Ok(elements) if elements.count == 0 => drop(writeln!(out, "    {head}: nothing")),
        Ok(elements) => {
            let _ = writeln!(out, "    {head}: {}", elements.count);
            for (labels, value) in &elements.shown {
                let _ = writeln!(out, "      {} {value}", labels_text(labels));
            }
        }
    }
}

fn labels_text(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, text)| format!("{name}={text:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

// === the other side ===

/// What `signalbox explain` asks a running server.
#[derive(Clone, Debug)]
pub struct ExplainRequest {
    /// `http://127.0.0.1:9480`
    pub server: String,
    pub token: Option<String>,
    /// A fingerprint or the name of an alert.
    pub alert: String,
    pub time: Option<String>,
}

impl ExplainRequest {
    /// The server's answer as text.
    pub async fn ask(&self) -> Result<String, String> {
        let alert = percent_encoding::utf8_percent_encode(&self.alert, percent_encoding::NON_ALPHANUMERIC);
        let server = self.server.trim_end_matches('/');
        let time = self.time.iter().map(|time| {
            let escaped: String = form_urlencoded::byte_serialize(time.as_bytes()).collect();
            format!("&time={escaped}")
        });
        let url = format!("{server}/api/v1/alerts/{alert}/explain?format=text{}", time.collect::<String>());
        let mut request = reqwest::Client::new().get(url).timeout(ASK_TIMEOUT);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(|e| format!("ask {server}: {e}"))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|e| format!("ask {server}: {e}"))?;
        if status.is_success() { Ok(text) } else { Err(format!("{server} answers {status}: {text}")) }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn the_past_of_an_alert_by_name_and_by_fingerprint() {
        let world = World::with_rules().await;
        let by_name = world.get("/api/v1/alerts/ReviewDown/explain").await.body;
        assert!(
            by_name.starts_with(r#"{"status":"success","data":{"alerts":[{"fingerprint":""#),
            "{by_name}"
        );
        assert!(by_name.contains(r#""what":"grouped""#), "{by_name}");
        let id = by_name.split('"').nth(11).unwrap();
        let text = world.get(&format!("/api/v1/alerts/{id}/explain?format=text")).await.body;
        assert!(text.contains("alertname=\"ReviewDown\"") && text.contains("  grouped as {}"), "{text}");
        assert_eq!(world.get("/api/v1/alerts/None/explain").await.status, 404);
    }
}
