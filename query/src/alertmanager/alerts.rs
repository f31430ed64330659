//! `/api/v2/alerts` and `/api/v2/alerts/groups`: what fires now.

use std::collections::BTreeMap;

use store::model::{LabelMatcher, Labels};

use super::filter;
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::request::time::rfc3339_ms;
use crate::rules_view::{AlertState, AlertView, RuleView};
use crate::service::Call;

/// An alert nobody renews is taken as over after this time: Alertmanager's `resolve_timeout`.
const RESOLVE_TIMEOUT_MS: i64 = 300_000;

pub(crate) fn list(call: &Call) -> Result<Reply, Failure> {
    let alerts = firing(call)?;
    Ok(json_reply(|json| json.array(|a| alerts.iter().for_each(|alert| write(a, alert)))))
}

pub(crate) fn groups(call: &Call) -> Result<Reply, Failure> {
    let mut groups: BTreeMap<(String, String), Vec<AlertView>> = BTreeMap::new();
    for alert in firing(call)? {
        let name = alert.labels.get("alertname").unwrap_or_default().to_owned();
        let unnamed = [String::new()];
        let receivers = if alert.receivers.is_empty() { &unnamed[..] } else { &alert.receivers };
        for receiver in receivers {
            groups.entry((receiver.clone(), name.clone())).or_default().push(alert.clone());
        }
    }
    Ok(json_reply(|json| {
        json.array(|a| {
            for ((receiver, name), alerts) in &groups {
                a.object(|o| {
                    o.key("alerts").array(|list| alerts.iter().for_each(|alert| write(list, alert)));
                    o.key("labels").object(|l| l.member("alertname", name));
                    o.key("receiver").object(|r| r.member("name", receiver));
                });
            }
        });
    }))
}

/// The tenant's firing alerts that pass `active`, `receiver` and `filter`.
fn firing(call: &Call) -> Result<Vec<AlertView>, Failure> {
    if call.params.get("active") == Some("false") {
        return Ok(Vec::new());
    }
    let filters: Vec<LabelMatcher> = call.params.all("filter").map(filter).collect::<Result<_, _>>()?;
    let receiver = match call.params.get("receiver") {
        Some(text) => Some(filter(&format!("receiver=~{text:?}"))?),
        None => None,
    };
    let groups = call.shared.rules.groups(&call.ctx.tenant);
    let rules = groups.iter().flat_map(|group| &group.rules);
    let wanted = |alert: &&AlertView| {
        let matches = |m: &LabelMatcher| m.matches(alert.labels.get(&m.name).unwrap_or_default());
        let received = receiver.as_ref().is_none_or(|m| alert.receivers.iter().any(|name| m.matches(name)));
        alert.state == AlertState::Firing && received && filters.iter().all(matches)
    };
    Ok(rules.flat_map(RuleView::alerts).filter(wanted).cloned().collect())
}

fn write(json: &mut Json, alert: &AlertView) {
    json.object(|o| {
        write_pairs(o.key("annotations"), &alert.annotations);
        o.member("endsAt", &rfc3339_ms(alert.updated_at_ms.saturating_add(RESOLVE_TIMEOUT_MS)));
        o.member("fingerprint", &fingerprint(&alert.labels));
        o.key("receivers").array(|a| {
            alert.receivers.iter().for_each(|name| a.object(|r| r.member("name", name)));
        });
        o.member("startsAt", &rfc3339_ms(alert.fired_at_ms.unwrap_or(alert.active_at_ms)));
        o.key("status").object(|s| {
            ["inhibitedBy", "mutedBy", "silencedBy"].iter().for_each(|name| s.key(name).array(|_| {}));
            s.member("state", "active");
        });
        o.member("updatedAt", &rfc3339_ms(alert.updated_at_ms));
        o.member("generatorURL", &alert.generator_url);
        write_pairs(o.key("labels"), &alert.labels);
    });
}

fn write_pairs(json: &mut Json, labels: &Labels) {
    json.object(|o| labels.iter().for_each(|(name, value)| o.member(name, value)));
}

/// FNV-1a over names and values with a separator no UTF-8 text has, as Prometheus fingerprints label sets.
fn fingerprint(labels: &Labels) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    for (name, value) in labels.iter() {
        for text in [name, value] {
            text.bytes().for_each(&mut eat);
            eat(0xff);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn fingerprints_are_those_of_prometheus() {
        assert_eq!(fingerprint(&Labels::default()), "cbf29ce484222325");
        assert_ne!(fingerprint(&Labels::new([("a", "b")])), fingerprint(&Labels::new([("a", "c")])));
    }

    #[tokio::test]
    async fn firing_alerts_in_alertmanagers_shape() {
        let world = World::with_rules().await;
        let alert = concat!(
            r#"{"annotations":{"summary":"no reviews"},"endsAt":"2025-11-23T20:38:20.000Z","fingerprint":"*","#,
            r#""receivers":[{"name":"chat"}],"startsAt":"2025-11-23T20:33:20.000Z","#,
            r#""status":{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":"active"},"#,
            r#""updatedAt":"2025-11-23T20:33:20.000Z","generatorURL":"","labels":{"alertname":"ReviewDown","severity":"page"}}"#
        );
        let listed = format!("[{alert}]");
        world
            .golden(&[
                ("/api/v2/alerts", &listed),
                ("/alertmanager/api/v2/alerts?filter=severity=%22page%22&receiver=ch.*", &listed),
                ("/api/v2/alerts?filter=severity!=page", "[]"),
                ("/api/v2/alerts?active=false", "[]"),
                ("/api/v2/alerts?receiver=mail", "[]"),
                ("/api/v2/alerts?filter=nonsense", "\"bad matcher format: nonsense\""),
                (
                    "/api/v2/alerts/groups",
                    &format!(
                        r#"[{{"alerts":[{alert}],"labels":{{"alertname":"ReviewDown"}},"receiver":{{"name":"chat"}}}}]"#
                    ),
                ),
                ("/api/v2/receivers", r#"[{"name":"chat"}]"#),
                ("/api/v2/status", r#"{"cluster":{"status":"disabled","peers":[]},"config":{"original":"*"},*}"#),
                ("/api/v2/silences", "[]"),
                ("/api/v2/silence/none", "\"there is no silence none\""),
            ])
            .await;
    }
}
