//! `/api/search/tag/{tag}/values` and `/api/v2/search/tag/{tag}/values`: values of a name.

use std::collections::BTreeSet;

use engine::traceql::{self, Attribute, TagQuery, TagValue};

use super::range;
use super::tags::write_metrics;
use crate::failure::{Failure, Reply, json_reply};
use crate::service::Call;

const VALUES_DEFAULT: usize = 1000;
const VALUES_MAX: usize = 10_000;

pub(crate) fn v1(call: &Call) -> Result<Reply, Failure> {
    let values: BTreeSet<String> = find(call, call.path.get("tag"))?.iter().map(TagValue::text).collect();
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("tagValues").strings(values.iter().map(String::as_str));
            write_metrics(o);
        });
    }))
}

pub(crate) fn v2(call: &Call) -> Result<Reply, Failure> {
    let values = find(call, call.path.get("tag"))?;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("tagValues").array(|a| {
                for value in &values {
                    a.object(|v| {
                        v.member("type", value.type_name());
                        v.member("value", &value.text());
                    });
                }
            });
            write_metrics(o);
        });
    }))
}

pub(super) fn find(call: &Call, tag: &str) -> Result<Vec<TagValue>, Failure> {
    let limit = call.params.limit("limit", VALUES_DEFAULT, VALUES_MAX)?;
    let (start, end) = range(call)?;
    let attribute = attribute(tag)?;
    // Editors send what is typed so far: a query that cannot be read yet narrows nothing.
    let query = call.params.get("q").and_then(|text| traceql::parse(text).ok());
    let within = TagQuery { start, end, query: query.as_ref(), limit };
    Ok(traceql::tag_values(&call.ctx, &call.snapshot(), &attribute, &within)?)
}

/// A name as TraceQL writes it; one of the first version may hold what TraceQL wants quoted.
fn attribute(name: &str) -> Result<Attribute, Failure> {
    let older = match name {
        "root.name" => "rootName",
        "root.service.name" => "rootServiceName",
        "status.code" => "status",
        other => other,
    };
    traceql::parse_attribute(older).or_else(|error| {
        let quoted = older.strip_prefix('.').unwrap_or(older);
        traceql::parse_attribute(&format!(".{quoted:?}")).map_err(|_| error.into())
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn values_with_their_types() {
        let world = World::with_data().await;
        world.fill("b", "theirs").await;
        world
            .golden(&[
                (
                    "/api/v2/search/tag/resource.service.name/values",
                    r#"{"tagValues":[{"type":"string","value":"cart"},{"type":"string","value":"payments"}],"metrics":{}}"#,
                ),
                (
                    "/api/v2/search/tag/span.http.status/values",
                    r#"{"tagValues":[{"type":"int","value":"200"},{"type":"int","value":"500"}],"metrics":{}}"#,
                ),
                (
                    "/api/v2/search/tag/span.http.status/values?q={status=error}",
                    r#"{"tagValues":[{"type":"int","value":"500"}],"metrics":{}}"#,
                ),
                (
                    "/api/v2/search/tag/status/values",
                    r#"{"tagValues":[*{"type":"keyword","value":"error"}*],"metrics":{}}"#,
                ),
                (
                    "/api/v2/search/tag/rootName/values",
                    r#"{"tagValues":[{"type":"string","value":"POST /checkout"}],"metrics":{}}"#,
                ),
                ("/api/search/tag/service.name/values", r#"{"tagValues":["cart","payments"],"metrics":{}}"#),
                ("/api/search/tag/name/values?limit=1", r#"{"tagValues":["*"],"metrics":{}}"#),
                ("/api/v2/search/tag/.a%2Fb/c/values", r#"{"tagValues":[],"metrics":{}}"#),
                ("/api/v2/search/tag/a%20%22b/values", r#"{"tagValues":[],"metrics":{}}"#),
            ])
            .await;
    }
}
