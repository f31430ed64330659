//! `/api/v2/silences` and `/api/v2/silence/{id}`.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::filter::matchers;
use crate::failure::{Failure, Reply, json_reply, reply};
use crate::json::Json;
use crate::notify::{Silence, SilenceMatcher, SilenceState};
use crate::request::time::{rfc3339_ms, rfc3339_to_ms};
use crate::service::Call;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<SilenceMatcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

pub(crate) fn list(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let filters = matchers(&call.params)?;
        let mut silences = super::notifier(&call)?.silences(&call.ctx.tenant).await?;
        // A filter is held against the silence's own matchers.
        silences.retain(|(silence, _)| {
            filters.iter().all(|filter| {
                let same = silence.matchers.iter().find(|matcher| *matcher.name == *filter.name);
                same.map_or(filter.matches_empty(), |matcher| filter.matches(&matcher.value))
            })
        });
        Ok(json_reply(|json| json.array(|a| silences.iter().for_each(|(s, state)| write(a, s, *state)))))
    }
    .boxed()
}

pub(crate) fn one(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let id = call.path.get("id");
        let silences = super::notifier(&call)?.silences(&call.ctx.tenant).await?;
        match silences.iter().find(|(silence, _)| silence.id == id) {
            Some((silence, state)) => Ok(json_reply(|json| write(json, silence, *state))),
            None => Err(Failure::not_found(format!("there is no silence {id}"))),
        }
    }
    .boxed()
}

pub(crate) fn post(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let posted: Posted = serde_json::from_slice(&call.body)
            .map_err(|error| Failure::bad(format!("the body is not a silence: {error}")))?;
        let time = |name: &str, text: &str| {
            rfc3339_to_ms(text).ok_or_else(|| Failure::bad(format!("{name}: {text:?} is not a time")))
        };
        let silence = Silence {
            id: posted.id.unwrap_or_default(),
            matchers: posted.matchers,
            starts_at_ms: time("startsAt", &posted.starts_at)?,
            ends_at_ms: time("endsAt", &posted.ends_at)?,
            updated_at_ms: 0,
            created_by: posted.created_by,
            comment: posted.comment,
        };
        let id = super::notifier(&call)?.put_silence(&call.ctx.tenant, silence).await?;
        Ok(json_reply(|json| json.object(|o| o.member("silenceID", &id))))
    }
    .boxed()
}

pub(crate) fn expire(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        super::notifier(&call)?.expire_silence(&call.ctx.tenant, call.path.get("id")).await?;
        Ok(reply(http::StatusCode::OK, "application/json", ""))
    }
    .boxed()
}

fn write(json: &mut Json, silence: &Silence, state: SilenceState) {
    json.object(|o| {
        o.member("id", &silence.id);
        o.key("status").object(|s| s.member("state", state.as_str()));
        o.member("updatedAt", &rfc3339_ms(silence.updated_at_ms));
        o.member("comment", &silence.comment);
        o.member("createdBy", &silence.created_by);
        o.member("endsAt", &rfc3339_ms(silence.ends_at_ms));
        o.key("matchers").array(|a| {
            for matcher in &silence.matchers {
                a.object(|m| {
                    m.key("isEqual").raw(if matcher.is_equal { "true" } else { "false" });
                    m.key("isRegex").raw(if matcher.is_regex { "true" } else { "false" });
                    m.member("name", &matcher.name);
                    m.member("value", &matcher.value);
                });
            }
        });
        o.member("startsAt", &rfc3339_ms(silence.starts_at_ms));
    });
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    const SILENCE: &str = r#"{"matchers":[{"name":"alertname","value":"Review.*","isRegex":true,"isEqual":true}],
        "startsAt":"2025-11-23T20:33:20Z","endsAt":"2025-11-23T21:33:20Z","createdBy":"me","comment":"known"}"#;

    async fn put(world: &World, body: &str) -> (u16, String) {
        let answer = world.post("/api/v2/silences", "application/json", body).await;
        let id = answer.body.split('"').nth(3).unwrap_or_default().to_owned();
        (answer.status, id)
    }

    fn with_id(id: &str) -> String {
        SILENCE.replacen('{', &format!("{{\"id\":{id:?},"), 1)
    }

    #[tokio::test]
    async fn a_silence_is_made_shown_and_ended() {
        let world = World::with_rules().await;
        let (status, id) = put(&world, SILENCE).await;
        assert_eq!(status, 200);
        let shown = format!(
            r#"{{"id":"{id}","status":{{"state":"active"}},"updatedAt":"*","comment":"known","createdBy":"me","endsAt":"2025-11-23T21:33:20.000Z","matchers":[{{"isEqual":true,"isRegex":true,"name":"alertname","value":"Review.*"}}],"startsAt":"2025-11-23T20:33:20.000Z"}}"#
        );
        let suppressed = format!(r#"[*"silencedBy":["{id}"],"state":"suppressed"*]"#);
        world
            .golden(&[
                ("/api/v2/silences", &format!("[{shown}]")),
                ("/api/v2/silences?filter=alertname=~Rev.*", &format!("[{shown}]")),
                ("/api/v2/silences?filter=alertname=x", "[]"),
                (&format!("/api/v2/silence/{id}"), &shown),
                ("/api/v2/alerts", &suppressed),
                ("/api/v2/alerts?silenced=false", "[]"),
            ])
            .await;
        let path = format!("/api/v2/silence/{id}");
        assert_eq!(world.delete(&path).await.status, 200);
        world
            .golden(&[
                (&path, r#"{*"state":"expired"*}"#),
                ("/api/v2/alerts?silenced=false", r#"[*"state":"active"*]"#),
            ])
            .await;
        assert_eq!(world.delete(&path).await.status, 400);
        assert_eq!(world.delete("/api/v2/silence/none").await.status, 404);
    }

    #[tokio::test]
    async fn a_silence_that_is_changed_keeps_its_id_or_makes_way() {
        let world = World::with_rules().await;
        let (_, id) = put(&world, SILENCE).await;
        let longer = with_id(&id).replace("21:33", "22:33");
        assert_eq!(put(&world, &longer).await, (200, id.clone()));
        let (status, other) = put(&world, &with_id(&id).replace("Review.*", "Cart.*")).await;
        assert!(status == 200 && other != id);
        world.golden(&[(&format!("/api/v2/silence/{id}"), r#"{*"state":"expired"*}"#)]).await;
        assert_eq!(put(&world, &with_id("none")).await.0, 404);
    }

    #[tokio::test]
    async fn bad_silences_are_refused() {
        let world = World::with_rules().await;
        for (from, to, part) in [
            ("[{", "[]}{", "not a silence"),
            ("Review.*", "(", "alertname"),
            ("Review.*", ".*", "everything"),
            ("2025-11-23T21:33:20Z", "2025-11-23T20:00:00Z", "before end"),
            ("2025-11-23T20:33:20Z", "today", "startsAt"),
        ] {
            let answer =
                world.post("/api/v2/silences", "application/json", &SILENCE.replacen(from, to, 1)).await;
            assert!(
                answer.status == 400 && answer.body.contains(part),
                "{to}: {} {}",
                answer.status,
                answer.body
            );
        }
        world.golden(&[("/api/v2/silences", "[]")]).await;
    }
}
