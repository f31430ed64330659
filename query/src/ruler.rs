//! Rule groups by HTTP, as Mimir (`/config/v1/rules`) and Loki (`/loki/api/v1/rules`) take and show them: for Grafana,
//! `mimirtool`, `lokitool` and the Prometheus operator's friends.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::StatusCode;
use store::model::ErrorClass;

use crate::failure::{Failure, Reply, reply};
use crate::rules::{Refused, RuleApi, Rules, StoredGroup};
use crate::service::Call;

const JSON: &str = "application/json";

type Answer = BoxFuture<'static, Result<Reply, Failure>>;

pub(crate) fn mimir_list(call: Call) -> Answer {
    list(call, RuleApi::Prometheus).boxed()
}

pub(crate) fn mimir_one(call: Call) -> Answer {
    one(call, RuleApi::Prometheus).boxed()
}

pub(crate) fn mimir_put(call: Call) -> Answer {
    put(call, RuleApi::Prometheus).boxed()
}

pub(crate) fn mimir_delete(call: Call) -> Answer {
    delete(call, RuleApi::Prometheus).boxed()
}

pub(crate) fn loki_list(call: Call) -> Answer {
    list(call, RuleApi::Loki).boxed()
}

pub(crate) fn loki_one(call: Call) -> Answer {
    one(call, RuleApi::Loki).boxed()
}

pub(crate) fn loki_put(call: Call) -> Answer {
    put(call, RuleApi::Loki).boxed()
}

pub(crate) fn loki_delete(call: Call) -> Answer {
    delete(call, RuleApi::Loki).boxed()
}

fn rules(call: &Call) -> Result<Rules, Failure> {
    call.shared.rules.manager().ok_or_else(|| Failure::not_found("this process evaluates no rules"))
}

/// All groups, or those of a namespace.
async fn list(call: Call, api: RuleApi) -> Result<Reply, Failure> {
    let stored = rules(&call)?.stored(&call.ctx.tenant, api).await?;
    let namespace = call.path.get("namespace");
    let wanted = |one: &StoredGroup| namespace.is_empty() || one.namespace == namespace;
    let mut namespaces: BTreeMap<String, Vec<serde_json::Value>> = BTreeMap::new();
    for one in stored.into_iter().filter(wanted) {
        namespaces.entry(one.namespace.clone()).or_default().push(value(&one)?);
    }
    if namespaces.is_empty() {
        return Err(Failure::not_found("no rule groups found"));
    }
    yaml(&namespaces)
}

async fn one(call: Call, api: RuleApi) -> Result<Reply, Failure> {
    let stored = rules(&call)?.stored(&call.ctx.tenant, api).await?;
    let (namespace, group) = (call.path.get("namespace"), call.path.get("group"));
    let found = stored.iter().find(|one| one.namespace == namespace && one.name == group);
    let group = value(found.ok_or_else(|| Failure::not_found("group does not exist"))?)?;
    match call.header("accept").starts_with(JSON) {
        true => Ok(reply(StatusCode::OK, JSON, group.to_string())),
        false => yaml(&group),
    }
}

async fn put(call: Call, api: RuleApi) -> Result<Reply, Failure> {
    let text = std::str::from_utf8(&call.body).map_err(|_| Failure::bad("the group is not UTF-8"))?;
    let namespace = call.path.get("namespace");
    rules(&call)?.put_group(&call.ctx.tenant, api, namespace, text).await.map_err(refusal)?;
    Ok(taken())
}

async fn delete(call: Call, api: RuleApi) -> Result<Reply, Failure> {
    let group = Some(call.path.get("group")).filter(|group| !group.is_empty());
    let namespace = call.path.get("namespace");
    rules(&call)?.delete_groups(&call.ctx.tenant, api, namespace, group).await.map_err(refusal)?;
    Ok(taken())
}

fn refusal(refused: Refused) -> Failure {
    match refused {
        Refused::Bad(problem) => Failure::bad(problem),
        Refused::NotFound => Failure::not_found("group does not exist"),
        Refused::Store(error) => error.into(),
    }
}

fn value(one: &StoredGroup) -> Result<serde_json::Value, Failure> {
    serde_saphyr::from_str(&one.yaml).map_err(|e| Failure::new(ErrorClass::Internal, e.to_string()))
}

fn yaml<T: serde::Serialize>(value: &T) -> Result<Reply, Failure> {
    let text =
        serde_saphyr::to_string(value).map_err(|e| Failure::new(ErrorClass::Internal, e.to_string()))?;
    Ok(reply(StatusCode::OK, "application/yaml", text))
}

fn taken() -> Reply {
    let body = r#"{"status":"success","data":null,"errorType":"","error":""}"#;
    reply(StatusCode::ACCEPTED, JSON, body)
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn a_process_without_rules_says_so() {
        let world = World::with_rules().await;
        assert_eq!(world.get("/config/v1/rules").await.status, 404);
        assert_eq!(world.get("/loki/api/v1/rules/a/b").await.status, 404);
    }
}
