//! `POST /api/v2/alerts`: alerts that Prometheus, vmalert, Grafana or amtool send.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::failure::{Failure, Reply, reply};
use crate::notify::Told;
use crate::request::time::rfc3339_to_ms;
use crate::service::Call;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(rename = "generatorURL", default)]
    generator_url: Option<String>,
}

pub(crate) fn answer(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let posted: Vec<Posted> = serde_json::from_slice(&call.body)
            .map_err(|error| Failure::bad(format!("the body is not a list of alerts: {error}")))?;
        let now_ms = call.now_ms();
        let (mut told, mut problems) = (Vec::new(), Vec::new());
        for (index, one) in posted.into_iter().enumerate() {
            match read(one, now_ms) {
                Ok(one) => told.push(one),
                Err(problem) => problems.push(format!("alert {index}: {problem}")),
            }
        }
        // Good ones are taken although others are not, as in Alertmanager.
        super::notifier(&call)?.post_alerts(&call.ctx.tenant, told).await?;
        match problems.as_slice() {
            [] => Ok(reply(http::StatusCode::OK, "application/json", "")),
            some => Err(Failure::bad(some.join("; "))),
        }
    }
    .boxed()
}

fn read(posted: Posted, now_ms: i64) -> Result<Told, String> {
    let mut labels = posted.labels;
    labels.retain(|_, value| !value.is_empty());
    if labels.is_empty() {
        return Err("it has no labels".into());
    }
    if labels.contains_key("") {
        return Err("a label has no name".into());
    }
    // Go's zero time means that nothing is said.
    let time = |name: &str, text: Option<String>| match text.filter(|text| !text.starts_with("0001-")) {
        None => Ok(None),
        Some(text) => rfc3339_to_ms(&text).map(Some).ok_or_else(|| format!("{name}: {text:?} is not a time")),
    };
    let (starts, ends) = (time("startsAt", posted.starts_at)?, time("endsAt", posted.ends_at)?);
    let starts_at_ms = starts.or(ends).unwrap_or(now_ms).min(now_ms.max(starts.unwrap_or(now_ms)));
    if ends.is_some_and(|ends| ends < starts_at_ms) {
        return Err("start time must be before end time".into());
    }
    let over = ends.filter(|ends| *ends <= now_ms);
    Ok(Told {
        labels,
        annotations: posted.annotations.unwrap_or_default(),
        starts_at_ms,
        ends_at_ms: over,
        generator_url: posted.generator_url.unwrap_or_default(),
        until_ms: ends.filter(|_| over.is_none()),
        updated_ms: now_ms,
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn alerts_of_others_are_taken_and_shown() {
        let world = World::with_rules().await;
        let body = r#"[
            {"labels":{"alertname":"Disk","instance":"a","empty":""},"annotations":{"summary":"full"},"generatorURL":"http://p"},
            {"labels":{"alertname":"Over"},"startsAt":"2025-11-23T20:00:00Z","endsAt":"2025-11-23T20:30:00Z"},
            {"labels":{"alertname":"Timed"},"startsAt":"2025-11-23T20:33:00Z","endsAt":"2025-11-23T20:34:00.5+00:00"}]"#;
        let answer = world.post("/api/v2/alerts", "application/json", body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        world
            .golden(&[
                (
                    "/api/v2/alerts?filter=alertname=Disk",
                    r#"[{"annotations":{"summary":"full"},"endsAt":"2025-11-23T20:38:20.000Z",*"generatorURL":"http://p","labels":{"alertname":"Disk","instance":"a"}}]"#,
                ),
                ("/api/v2/alerts?filter=alertname=Over", "[]"),
                (
                    "/api/v2/alerts?filter=alertname=Timed",
                    r#"[*"endsAt":"2025-11-23T20:34:00.500Z",*"startsAt":"2025-11-23T20:33:00.000Z"*]"#,
                ),
            ])
            .await;
    }

    #[tokio::test]
    async fn bad_alerts_are_refused_and_good_ones_beside_them_taken() {
        let world = World::with_rules().await;
        let body = r#"[{"labels":{}},{"labels":{"alertname":"Good"}},{"labels":{"a":"b"},"startsAt":"soon"},
            {"labels":{"a":"b"},"startsAt":"2025-11-23T20:00:00Z","endsAt":"2025-11-23T19:00:00Z"}]"#;
        let answer = world.post("/api/v2/alerts", "application/json", body).await;
        assert_eq!(answer.status, 400);
        for part in ["alert 0: it has no labels", "alert 2: startsAt", "alert 3: start time"] {
            assert!(answer.body.contains(part), "{}", answer.body);
        }
        world.golden(&[("/api/v2/alerts?filter=alertname=Good", r#"[{*"alertname":"Good"*}]"#)]).await;
        assert_eq!(world.post("/api/v2/alerts", "application/json", "{}").await.status, 400);
    }
}
