//! `/api/search/tags` and `/api/v2/search/tags`: names to search by.

use std::collections::BTreeSet;

use store::model::{Attributes, Signal};

use super::range;
use super::scope::INTRINSICS;
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::service::Call;

/// Names by scope, the way Tempo groups them.
type Scopes = Vec<(&'static str, BTreeSet<String>)>;

pub(crate) fn names_v1(call: &Call) -> Result<Reply, Failure> {
    let names: BTreeSet<String> = scopes(call)?.into_iter().flat_map(|(_, names)| names).collect();
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("tagNames").strings(names.iter().map(String::as_str));
            write_metrics(o);
        });
    }))
}

pub(crate) fn names_v2(call: &Call) -> Result<Reply, Failure> {
    let scopes = scopes(call)?;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("scopes").array(|a| {
                for (scope, names) in &scopes {
                    a.object(|s| {
                        s.member("name", scope);
                        s.key("tags").strings(names.iter().map(String::as_str));
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

fn scopes(call: &Call) -> Result<Scopes, Failure> {
    let wanted = match call.params.get("scope") {
        None | Some("none") => None,
        Some(scope @ ("resource" | "span" | "instrumentation" | "intrinsic" | "event" | "link")) => {
            Some(scope)
        }
        Some(other) => {
            return Err(Failure::bad(format!(
                "invalid scope {other:?}: use resource, span, event, link, instrumentation, intrinsic or none"
            )));
        }
    };
    let (start, end) = range(call)?;
    let snapshot = call.snapshot();
    let (mut resource, mut instrumentation) = (BTreeSet::new(), BTreeSet::new());
    for stream in snapshot.streams(&call.ctx, Signal::Spans, start, end)? {
        add_keys(&mut resource, &stream.resource);
        add_keys(&mut instrumentation, &stream.scope_attributes);
    }
    let span = snapshot.attribute_keys(&call.ctx, Signal::Spans, start, end)?;
    let intrinsic = INTRINSICS.iter().map(|name| (*name).to_owned()).collect();
    let all = [
        ("resource", resource),
        ("span", span),
        ("instrumentation", instrumentation),
        ("intrinsic", intrinsic),
    ];
    let shown = |(scope, names): &(&str, BTreeSet<String>)| {
        !names.is_empty() && wanted.is_none_or(|wanted| wanted == *scope)
    };
    Ok(all.into_iter().filter(shown).collect())
}

fn add_keys(names: &mut BTreeSet<String>, attributes: &Attributes) {
    names.extend(attributes.iter().map(|(key, _)| key.to_owned()));
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
                        r#"{"name":"intrinsic","tags":["duration",*]}],"metrics":{}}"#
                    ),
                ),
                (
                    "/api/v2/search/tags?scope=span",
                    r#"{"scopes":[{"name":"span","tags":["http.status","who"]}],"metrics":{}}"#,
                ),
                ("/api/v2/search/tags?scope=span&start=1&end=2", r#"{"scopes":[],"metrics":{}}"#),
                ("/api/v2/search/tags?scope=x", "invalid scope *"),
                (
                    "/api/search/tags?scope=resource",
                    r#"{"tagNames":["service.name"],"metrics":{}}"#,
                ),
            ])
            .await;
    }
}
