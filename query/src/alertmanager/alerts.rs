//! `/api/v2/alerts` and `/api/v2/alerts/groups`: what fires now, and why nobody is told.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::filter::Wanted;
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::notify::AlertStatus;
use crate::request::time::rfc3339_ms;
use crate::service::Call;

/// An alert nobody renews is taken as over after this time: Alertmanager's `resolve_timeout`.
const RESOLVE_TIMEOUT_MS: i64 = 300_000;

pub(crate) fn list(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let wanted = Wanted::new(&call.params)?;
        let mut alerts = super::notifier(&call)?.alerts(&call.ctx.tenant).await?;
        alerts.retain(|alert| {
            let received =
                wanted.receiver.is_none() || alert.receivers.iter().any(|name| wanted.receives(name));
            received && wanted.shows(alert)
        });
        let now_ms = call.now_ms();
        Ok(json_reply(|json| json.array(|a| alerts.iter().for_each(|alert| write(a, alert, now_ms)))))
    }
    .boxed()
}

pub(crate) fn groups(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let wanted = Wanted::new(&call.params)?;
        let mut groups = super::notifier(&call)?.alert_groups(&call.ctx.tenant).await?;
        groups.retain_mut(|group| {
            group.alerts.retain(|alert| wanted.shows(alert));
            wanted.receives(&group.receiver) && !group.alerts.is_empty()
        });
        groups.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
        let now_ms = call.now_ms();
        Ok(json_reply(|json| {
            json.array(|a| {
                for group in &groups {
                    a.object(|o| {
                        let alerts = &group.alerts;
                        o.key("alerts")
                            .array(|list| alerts.iter().for_each(|alert| write(list, alert, now_ms)));
                        write_pairs(o.key("labels"), &group.labels);
                        o.key("receiver").object(|r| r.member("name", &group.receiver));
                    });
                }
            });
        }))
    }
    .boxed()
}

fn write(json: &mut Json, alert: &AlertStatus, now_ms: i64) {
    let told = &alert.told;
    json.object(|o| {
        write_pairs(o.key("annotations"), &told.annotations);
        o.member("endsAt", &rfc3339_ms(told.until_ms.unwrap_or(now_ms + RESOLVE_TIMEOUT_MS)));
        o.member("fingerprint", &told.fingerprint());
        o.key("receivers").array(|a| {
            alert.receivers.iter().for_each(|name| a.object(|r| r.member("name", name)));
        });
        o.member("startsAt", &rfc3339_ms(told.starts_at_ms));
        o.key("status").object(|s| {
            let quiet = &alert.quiet;
            s.key("inhibitedBy").strings(quiet.inhibited_by.iter().map(String::as_str));
            s.key("mutedBy").strings(quiet.muted_by.iter().map(String::as_str));
            s.key("silencedBy").strings(quiet.silenced_by.iter().map(String::as_str));
            s.member("state", alert.state());
        });
        o.member("updatedAt", &rfc3339_ms(told.updated_ms));
        o.member("generatorURL", &told.generator_url);
        write_pairs(o.key("labels"), &told.labels);
    });
}

fn write_pairs(json: &mut Json, pairs: &BTreeMap<String, String>) {
    json.object(|o| pairs.iter().for_each(|(name, value)| o.member(name, value)));
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

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
                ("/api/v2/alerts?silenced=false&inhibited=false&muted=false", &listed),
                ("/api/v2/alerts?filter=severity!=page", "[]"),
                ("/api/v2/alerts?active=false", "[]"),
                ("/api/v2/alerts?active=perhaps", "\"active: *"),
                ("/api/v2/alerts?receiver=mail", "[]"),
                ("/api/v2/alerts?filter=nonsense", "\"bad matcher format: *"),
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
