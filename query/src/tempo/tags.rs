//! `/api/search/tags` and `/api/v2/search/tags`: names to search by.

use std::collections::BTreeSet;

use engine::traceql::{self, ScopeTags};

use super::range;
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::service::Call;

const SCOPES: [&str; 6] = ["resource", "span", "event", "link", "instrumentation", "intrinsic"];

pub(crate) fn names_v1(call: &Call) -> Result<Reply, Failure> {
    let names: BTreeSet<String> = find(call)?.into_iter().flat_map(|scope| scope.names).collect();
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("tagNames").strings(names.iter().map(String::as_str));
            write_metrics(o);
        });
    }))
}

pub(crate) fn names_v2(call: &Call) -> Result<Reply, Failure> {
    let scopes = find(call)?;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("scopes").array(|a| {
                for scope in &scopes {
                    a.object(|s| {
                        s.member("name", scope.scope);
                        s.key("tags").strings(scope.names.iter().map(String::as_str));
                    });
                }
            });
            write_metrics(o);
        });
    }))
}

pub(super) fn write_metrics(o: &mut Json) {
    o.key("metrics").object(|_| {});
}

/// Those that have names, all or the one of `scope`.
pub(super) fn find(call: &Call) -> Result<Vec<ScopeTags>, Failure> {
    let wanted = call.params.get("scope").filter(|scope| *scope != "none");
    if let Some(unknown) = wanted.filter(|wanted| !SCOPES.contains(wanted)) {
        let known = SCOPES.join(", ");
        return Err(Failure::bad(format!("invalid scope {unknown:?}: use {known} or none")));
    }
    let (start, end) = range(call)?;
    // As for values: what cannot be read yet narrows nothing.
    let query = call.params.get("q").and_then(|text| traceql::parse(text).ok());
    let mut scopes = traceql::tags(&call.ctx, &call.snapshot(), start, end, query.as_ref())?;
    scopes.retain(|scope| !scope.names.is_empty() && wanted.is_none_or(|wanted| wanted == scope.scope));
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn names_by_scope() {
        let world = World::with_data().await;
        world.fill("b", "theirs").await;
        world
            .golden(&[
                (
                    "/api/v2/search/tags",
                    concat!(
                        r#"{"scopes":[{"name":"resource","tags":["service.name"]},{"name":"span","tags":["http.status","who"]},"#,
                        r#"{"name":"event","tags":["exception.type"]},{"name":"intrinsic","tags":[*"duration",*]}],"metrics":{}}"#
                    ),
                ),
                (
                    "/api/v2/search/tags?scope=span",
                    r#"{"scopes":[{"name":"span","tags":["http.status","who"]}],"metrics":{}}"#,
                ),
                ("/api/v2/search/tags?scope=span&start=1&end=2", r#"{"scopes":[],"metrics":{}}"#),
                ("/api/v2/search/tags?scope=x", "invalid scope *"),
                ("/api/search/tags?scope=resource", r#"{"tagNames":["service.name"],"metrics":{}}"#),
            ])
            .await;
    }
}
