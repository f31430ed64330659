//! `/loki/api/v1/delete`: log lines that a query finds are deleted. They are hidden when the request is answered; the
//! store takes them out of memory and segments within seconds to minutes.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::logql::{self, Deletion, Expr};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use store::model::Tenant;
use store::{Change, DocumentKind, Erasure, Store};

use crate::failure::{Failure, Reply, json_reply, reply};
use crate::request::time::{NS_PER_S, event_time};
use crate::service::Call;

/// Requests that are kept, processed ones among them; the oldest processed ones make room.
const REQUESTS_MAX: usize = 1000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Request {
    query: String,
    /// Unix nanoseconds, the end exclusive.
    start: i64,
    end: i64,
    created: i64,
    processed: bool,
}

pub(crate) fn answer(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        // Two changes at once would overwrite each other's list.
        let shared = Arc::clone(&call.shared);
        let _one_at_a_time = shared.deletions.lock().await;
        match call.parts.method {
            Method::GET => list(&call).await,
            Method::DELETE => cancel(&call).await,
            _ => add(&call).await,
        }
    }
    .boxed()
}

/// Gives the store the deletions that are not done yet. To be called before the first query.
pub(crate) async fn resume(store: &Store) -> Result<(), Failure> {
    for tenant in store.documents().tenants(DocumentKind::Deletion).await? {
        let requests = requests(store, &tenant).await?;
        apply(store, &tenant, &requests).await?;
    }
    Ok(())
}

async fn requests(store: &Store, tenant: &Tenant) -> Result<BTreeMap<String, Request>, Failure> {
    let documents = store.documents().list(tenant, DocumentKind::Deletion).await?;
    let read = |document: store::Document| {
        let request = serde_json::from_slice(&document.bytes);
        if let Err(error) = &request {
            tracing::error!(id = %document.id, %error, "a deletion cannot be read and is not carried out");
        }
        Some((document.id, request.ok()?))
    };
    Ok(documents.into_iter().filter_map(read).collect())
}

async fn apply(store: &Store, tenant: &Tenant, requests: &BTreeMap<String, Request>) -> Result<(), Failure> {
    let mut erasures: Vec<Arc<dyn Erasure>> = Vec::new();
    for request in requests.values().filter(|request| !request.processed) {
        erasures.push(Arc::new(deletion(&request.query, request.start, request.end)?));
    }
    Ok(store.erase(tenant, erasures).await?)
}

fn deletion(query: &str, start: i64, end: i64) -> Result<Deletion, Failure> {
    match logql::parse(query)? {
        Expr::Log(log) => Ok(Deletion::new(&log, start, end)?),
        Expr::Metric(_) => {
            Err(Failure::bad("only lines can be deleted: give a log query, not a metric query"))
        }
    }
}

async fn add(call: &Call) -> Result<Reply, Failure> {
    let (store, tenant, now) = (&call.shared.store, &call.ctx.tenant, call.now_ns());
    let query = call.params.require("query")?;
    let start = event_time("start", call.params.require("start")?)?;
    let end = match call.params.get("end") {
        Some(text) => event_time("end", text)?,
        None => now,
    };
    if end > now {
        return Err(Failure::bad("deletes in the future are not allowed"));
    }
    if start > end {
        return Err(Failure::bad("start time can't be greater than end time"));
    }
    // The last second is deleted whole, as its number says.
    let end = (end.div_euclid(NS_PER_S) + 1) * NS_PER_S;
    deletion(query, start, end)?;
    let mut requests = requests(store, tenant).await?;
    let mut changes = Vec::new();
    if requests.len() >= REQUESTS_MAX {
        let oldest = requests.iter().filter(|(_, request)| request.processed).min_by_key(|(_, r)| r.created);
        let Some(id) = oldest.map(|(id, _)| id.clone()) else {
            return Err(Failure::bad(format!(
                "{REQUESTS_MAX} deletions wait already; cancel some or retry later"
            )));
        };
        requests.remove(&id);
        changes.push(Change::Delete { kind: DocumentKind::Deletion, id });
    }
    let request = Request { query: query.to_owned(), start, end, created: now, processed: false };
    let id = format!("{:016x}", now.unsigned_abs().wrapping_add(requests.len() as u64));
    changes.push(put(&id, &request)?);
    store.documents().commit(tenant, changes).await?;
    requests.insert(id.clone(), request);
    apply(store, tenant, &requests).await?;
    let mut reply = reply(StatusCode::NO_CONTENT, "text/plain", Vec::new());
    if let Ok(id) = HeaderValue::from_str(&id) {
        reply.headers_mut().insert("x-delete-request-id", id);
    }
    Ok(reply)
}

fn put(id: &str, request: &Request) -> Result<Change, Failure> {
    let bytes = serde_json::to_vec(request).map_err(|error| Failure::bad(error.to_string()))?;
    Ok(Change::Put { kind: DocumentKind::Deletion, id: id.to_owned(), bytes })
}

/// All requests, oldest first. What is gone for good is no burden for queries any more.
async fn list(call: &Call) -> Result<Reply, Failure> {
    let (store, tenant) = (&call.shared.store, &call.ctx.tenant);
    let mut requests = requests(store, tenant).await?;
    if requests.values().any(|request| !request.processed) && erased(store, tenant).await {
        let mut changes = Vec::new();
        for (id, request) in requests.iter_mut().filter(|(_, request)| !request.processed) {
            request.processed = true;
            changes.push(put(id, request)?);
        }
        store.documents().commit(tenant, changes).await?;
        apply(store, tenant, &requests).await?;
    }
    let mut sorted: Vec<(&String, &Request)> = requests.iter().collect();
    sorted.sort_by_key(|(id, request)| (request.created, *id));
    Ok(json_reply(|json| {
        json.array(|a| {
            for (id, request) in sorted {
                a.object(|o| {
                    o.member("request_id", id);
                    o.key("start_time").int(request.start.div_euclid(NS_PER_S));
                    o.key("end_time").int((request.end - 1).div_euclid(NS_PER_S));
                    o.member("query", &request.query);
                    o.member("status", if request.processed { "processed" } else { "received" });
                    o.key("created_at").int(request.created.div_euclid(NS_PER_S));
                });
            }
        });
    }))
}

async fn erased(store: &Store, tenant: &Tenant) -> bool {
    let (store, tenant) = (store.clone(), tenant.clone());
    tokio::task::spawn_blocking(move || store.erased(&tenant)).await.unwrap_or(false)
}

/// Lines that are not gone yet are shown again.
async fn cancel(call: &Call) -> Result<Reply, Failure> {
    let (store, tenant) = (&call.shared.store, &call.ctx.tenant);
    let id = call.params.require("request_id")?;
    let mut requests = requests(store, tenant).await?;
    match requests.remove(id) {
        None => return Err(Failure::not_found("could not find delete request with given id")),
        Some(request) if request.processed => {
            return Err(Failure::bad("deletion of request which is already processed is not allowed"));
        }
        Some(_) => {}
    }
    let change = Change::Delete { kind: DocumentKind::Deletion, id: id.to_owned() };
    store.documents().commit(tenant, vec![change]).await?;
    apply(store, tenant, &requests).await?;
    Ok(reply(StatusCode::NO_CONTENT, "text/plain", Vec::new()))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;

    use crate::testing::{Answer, World};

    async fn ask(world: &World, tenant: &str, method: &str, query: &str) -> Answer {
        let uri = format!("/loki/api/v1/delete?{query}");
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        Answer::of(world.send(tenant, request).await).await
    }

    async fn count(world: &World, tenant: &str) -> String {
        let path = "/loki/api/v1/query?query=sum(count_over_time(%7Bservice_name%3D~%22.%2B%22%7D%5B5m%5D))";
        let body = Answer::of(world.reply(tenant, path).await).await.body;
        let value = body.split(r#""value":[1763930000,""#).nth(1).and_then(|rest| rest.split('"').next());
        value.unwrap_or("0").to_owned()
    }

    #[tokio::test]
    async fn deleted_lines_are_not_shown_to_anyone_and_other_lines_are() {
        let world = World::with_data().await;
        world.fill("b", "theirs").await;
        let added = ask(
            &world,
            "a",
            "POST",
            "query=%7Bservice_name%3D%22cart%22%7D%7C%3D%22full%22&start=1763929700",
        )
        .await;
        assert_eq!((added.status, added.body.as_str()), (204, ""));
        assert_eq!((count(&world, "a").await, count(&world, "b").await), ("2".into(), "3".into()));
        let listed = ask(&world, "a", "GET", "").await.body;
        let wanted = r#""start_time":1763929700,"end_time":1763930000,"query":"{service_name=\"cart\"}|=\"full\"","status":"received","created_at":1763930000}]"#;
        assert!(listed.ends_with(wanted), "{listed}");
        assert_eq!(ask(&world, "b", "GET", "").await.body, "[]");
        let id = listed.split('"').nth(3).unwrap().to_owned();
        assert_eq!(ask(&world, "b", "DELETE", &format!("request_id={id}")).await.status, 404);
        assert_eq!(ask(&world, "a", "DELETE", &format!("request_id={id}")).await.status, 204);
        assert_eq!(count(&world, "a").await, "3");
    }

    #[tokio::test]
    async fn a_deletion_outlives_the_process_until_it_is_done() {
        let world = World::with_data().await;
        ask(&world, "a", "PUT", "query=%7Bservice_name%3D~%22.%2B%22%7D&start=1763929700&end=1763930000")
            .await;
        // The store forgets with the process; the document does not.
        let tenant = store::model::Tenant::authenticated("a").unwrap();
        world.store.erase(&tenant, Vec::new()).await.unwrap();
        assert_eq!(count(&world, "a").await, "3");
        super::resume(&world.store).await.unwrap();
        assert_eq!(count(&world, "a").await, "0");
    }

    #[tokio::test]
    async fn what_cannot_be_deleted_is_refused() {
        let world = World::with_data().await;
        for (query, wanted) in [
            ("start=1", "parameter"),
            ("query=%7B&start=1", "parse error"),
            ("query=rate(%7Ba%3D%22b%22%7D%5B1m%5D)&start=1", "only lines can be deleted"),
            ("query=%7Ba%3D%22b%22%7D", ""),
            ("query=%7Ba%3D%22b%22%7D&start=1763930000&end=1763929000", "start time"),
            ("query=%7Ba%3D%22b%22%7D&start=1&end=1999999999", "deletes in the future"),
        ] {
            let answer = ask(&world, "a", "POST", query).await;
            assert_eq!(answer.status, 400, "{query}");
            assert!(answer.body.contains(wanted), "{query}: {}", answer.body);
        }
    }
}
