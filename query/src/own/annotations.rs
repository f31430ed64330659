//! `/grafana/api/annotations`: marks on the time axis, such as deployments, as deployment tools send them to Grafana; shown on the
//! charts of dashboards.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use store::{Change, DocumentKind};

use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::service::Call;

/// Older annotations of a tenant go.
const ANNOTATIONS_MAX: usize = 1_000;
const TEXT_CHARS_MAX: usize = 4_000;
const TAGS_MAX: usize = 50;
const TAG_CHARS_MAX: usize = 200;

/// Gives annotations of one millisecond different ids.
#[derive(Default)]
pub(crate) struct AnnotationSequence(AtomicU64);

/// One, as it was sent; members that are not here are for what is not here.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Annotation {
    #[serde(alias = "dashboardUID", alias = "dashboardUid")]
    dashboard_uid: String,
    #[serde(alias = "panelId")]
    panel_id: i64,
    /// Unix milliseconds; absent is now.
    time: i64,
    #[serde(alias = "timeEnd")]
    time_end: i64,
    tags: Vec<String>,
    text: String,
}

/// The body of Graphite's events, which some plugins send.
#[derive(Default, Deserialize)]
#[serde(default)]
struct GraphiteEvent {
    what: String,
    data: String,
    /// Unix seconds.
    when: i64,
    tags: Tags,
}

/// A list, or one text with spaces between.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tags {
    List(Vec<String>),
    Text(String),
}

impl Default for Tags {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

pub(crate) fn post(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let given: Annotation = serde_json::from_slice(&call.body)
            .map_err(|error| Failure::bad(format!("the body is no annotation: {error}")))?;
        add(&call, given).await
    }
    .boxed()
}

pub(crate) fn post_graphite(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let given: GraphiteEvent = serde_json::from_slice(&call.body)
            .map_err(|error| Failure::bad(format!("the body is no event of Graphite: {error}")))?;
        let tags = match given.tags {
            Tags::List(list) => list,
            Tags::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
        };
        let text = [given.what, given.data]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("\n");
        let time = given.when.saturating_mul(1_000);
        add(&call, Annotation { time, tags, text, ..Annotation::default() }).await
    }
    .boxed()
}

async fn add(call: &Call, mut given: Annotation) -> Result<Reply, Failure> {
    check(&given)?;
    if given.time <= 0 {
        given.time = call.now_ms();
    }
    let number = call.shared.annotations.0.fetch_add(1, Ordering::Relaxed);
    // As Grafana's a number, and one that JavaScript can hold.
    let id = call.now_ms().max(0) * 1_000 + i64::try_from(number % 1_000_000).unwrap_or(0);
    let bytes = serde_json::to_vec(&given).map_err(|error| Failure::bad(error.to_string()))?;
    let documents = call.shared.store.documents();
    let kind = DocumentKind::Annotation;
    let known = documents.list(&call.ctx.tenant, kind).await?;
    let over = (known.len() + 1).saturating_sub(ANNOTATIONS_MAX);
    // Ids grow with time, so the first are the oldest.
    let mut changes: Vec<Change> =
        known.into_iter().take(over).map(|old| Change::Delete { kind, id: old.id }).collect();
    changes.push(Change::Put { kind, id: format!("{id:020}"), bytes });
    documents.commit(&call.ctx.tenant, changes).await?;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.member("message", "Annotation added");
            o.key("id").int(id);
        });
    }))
}

fn check(given: &Annotation) -> Result<(), Failure> {
    if given.text.trim().is_empty() {
        return Err(Failure::bad("the annotation needs a text"));
    }
    if given.text.chars().count() > TEXT_CHARS_MAX {
        return Err(Failure::bad(format!("the text has more than {TEXT_CHARS_MAX} characters")));
    }
    let long = given.tags.iter().any(|tag| tag.chars().count() > TAG_CHARS_MAX);
    if given.tags.len() > TAGS_MAX || long || given.dashboard_uid.len() > TAG_CHARS_MAX {
        return Err(Failure::bad(format!(
            "an annotation has at most {TAGS_MAX} tags of at most {TAG_CHARS_MAX} characters"
        )));
    }
    Ok(())
}

/// The newest first: of a time (`from`, `to` in milliseconds), with all of some `tags`, of one `dashboardUID`.
pub(crate) fn list(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let instant = |name: &str| call.params.parse::<i64>(name, "a time in milliseconds");
        let (from, to) = (instant("from")?.unwrap_or(i64::MIN), instant("to")?.unwrap_or(i64::MAX));
        let limit = call.params.limit("limit", 100, ANNOTATIONS_MAX)?;
        let tags: Vec<&str> = call.params.all("tags").collect();
        let dashboard = call.params.get("dashboardUID").unwrap_or_default();
        let stored = call.shared.store.documents().list(&call.ctx.tenant, DocumentKind::Annotation).await?;
        let read = stored.iter().filter_map(|document| {
            let id: i64 = document.id.parse().ok()?;
            serde_json::from_slice::<Annotation>(&document.bytes).ok().map(|one| (id, one))
        });
        let mut found: Vec<(i64, Annotation)> = read
            .filter(|(_, one)| one.time <= to && one.time.max(one.time_end) >= from)
            .filter(|(_, one)| tags.iter().all(|tag| one.tags.iter().any(|known| known == tag)))
            .filter(|(_, one)| dashboard.is_empty() || one.dashboard_uid == dashboard)
            .collect();
        found.sort_by_key(|(id, one)| std::cmp::Reverse((one.time, *id)));
        Ok(json_reply(|json| {
            json.array(|a| found.iter().take(limit).for_each(|(id, one)| write(a, *id, one)));
        }))
    }
    .boxed()
}

pub(crate) fn delete(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let missing = || Failure::not_found("there is no such annotation");
        let id: i64 = call.path.get("id").parse().map_err(|_| missing())?;
        let (documents, kind, id) =
            (call.shared.store.documents(), DocumentKind::Annotation, format!("{id:020}"));
        documents.get(&call.ctx.tenant, kind, &id).await?.ok_or_else(missing)?;
        documents.commit(&call.ctx.tenant, vec![Change::Delete { kind, id }]).await?;
        Ok(json_reply(|json| json.object(|o| o.member("message", "Annotation deleted"))))
    }
    .boxed()
}

fn write(json: &mut Json, id: i64, one: &Annotation) {
    json.object(|o| {
        o.key("id").int(id);
        o.member("dashboardUID", &one.dashboard_uid);
        o.key("panelId").int(one.panel_id);
        o.key("time").int(one.time);
        o.key("timeEnd").int(one.time.max(one.time_end));
        o.key("tags").strings(one.tags.iter().map(String::as_str));
        o.member("text", &one.text);
    });
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::ANNOTATIONS_MAX;
    use crate::testing::{Answer, NOW_S, World};

    const PATH: &str = "/grafana/api/annotations";

    async fn add(world: &World, body: &str) -> Value {
        let answer = world.post(PATH, "application/json", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    async fn texts(world: &World, query: &str) -> Vec<String> {
        let answer = world.get(&format!("{PATH}{query}")).await;
        let found: Vec<Value> = serde_json::from_str(&answer.body).unwrap();
        found.iter().map(|one| one["text"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn a_deployment_is_marked_found_by_time_and_tags_and_taken_away() {
        let world = World::new();
        let now_ms = NOW_S * 1_000;
        add(&world, r#"{"text":"cart 1.2","tags":["deploy","cart"]}"#).await;
        let old = add(
            &world,
            &format!(
                r#"{{"text":"outage","time":{},"timeEnd":{},"tags":["incident"]}}"#,
                now_ms - 9_000,
                now_ms - 5_000
            ),
        )
        .await;
        assert_eq!(texts(&world, "").await, ["cart 1.2", "outage"]);
        assert_eq!(texts(&world, "?tags=deploy&tags=cart").await, ["cart 1.2"]);
        assert_eq!(texts(&world, &format!("?from={}&to={}", now_ms - 6_000, now_ms - 1)).await, ["outage"]);
        assert_eq!(world.delete(&format!("{PATH}/{}", old["id"])).await.status, 200);
        assert_eq!(world.delete(&format!("{PATH}/{}", old["id"])).await.status, 404);
        assert_eq!(texts(&world, "").await, ["cart 1.2"]);
        assert_eq!(Answer::of(world.reply("b", PATH).await).await.body, "[]");
    }

    #[tokio::test]
    async fn events_of_graphite_are_taken_too() {
        let world = World::new();
        let body = r#"{"what":"release","tags":"deploy cart","when":1763929990,"data":"1.2"}"#;
        let answer = world.post("/grafana/api/annotations/graphite", "application/json", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(texts(&world, "?tags=cart").await, ["release\n1.2"]);
    }

    #[tokio::test]
    async fn what_is_no_annotation_is_refused_and_the_oldest_go() {
        let world = World::new();
        for body in [r#"{"text":" "}"#, "[", r#"{"text":"x","tags":[1]}"#] {
            assert_eq!(world.post(PATH, "application/json", body).await.status, 400, "{body}");
        }
        for n in 0..=ANNOTATIONS_MAX {
            add(&world, &format!(r#"{{"text":"{n}","time":{}}}"#, n + 1)).await;
        }
        assert_eq!(texts(&world, "?to=2").await, ["1"]);
    }
}
