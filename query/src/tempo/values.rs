//! `/api/search/tag/{tag}/values` and `/api/v2/search/tag/{tag}/values`: values of a name.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use store::model::{ColumnRef, Field, Filter, Signal, Test, Value};
use store::{EventQuery, Order, Projection, ScanControl};

use super::range;
use super::scope::Tag;
use super::tags::write_metrics;
use crate::failure::{Failure, Reply, json_reply};
use crate::service::Call;

const VALUES_DEFAULT: usize = 1000;
const VALUES_MAX: usize = 10_000;

/// A value with the type TraceQL gives it.
type Typed = (&'static str, String);

struct Found {
    values: BTreeSet<Typed>,
    limit: usize,
}

pub(crate) fn v1(call: &Call) -> Result<Reply, Failure> {
    let values: BTreeSet<String> = find(call)?.into_iter().map(|(_, value)| value).collect();
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("tagValues").strings(values.iter().map(String::as_str));
            write_metrics(o);
        });
    }))
}

pub(crate) fn v2(call: &Call) -> Result<Reply, Failure> {
    let values = find(call)?;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("tagValues").array(|a| {
                for (kind, value) in &values {
                    a.object(|v| {
                        v.member("type", kind);
                        v.member("value", value);
                    });
                }
            });
            write_metrics(o);
        });
    }))
}

fn find(call: &Call) -> Result<BTreeSet<Typed>, Failure> {
    let limit = call.params.limit("limit", VALUES_DEFAULT, VALUES_MAX)?;
    let mut found = Found { values: BTreeSet::new(), limit };
    let root = Filter::Column(ColumnRef::Field(Field::ParentSpanId), Test::Missing);
    match Tag::parse(call.path.get("tag")) {
        Tag::Unlisted => {}
        Tag::Fixed(keywords) => {
            found.values.extend(keywords.iter().map(|word| ("keyword", (*word).to_owned())))
        }
        Tag::Column(column @ (ColumnRef::Resource(_) | ColumnRef::ScopeName | ColumnRef::ScopeVersion)) => {
            from_streams(call, &column, &mut found)?;
        }
        Tag::Column(column @ ColumnRef::ScopeAttribute(_)) => from_streams(call, &column, &mut found)?,
        Tag::Column(column) => {
            from_streams(call, &column, &mut found)?;
            from_rows(call, column, Filter::All, &mut found)?;
        }
        Tag::RootName => from_rows(call, ColumnRef::Field(Field::Name), root, &mut found)?,
        Tag::RootService => from_rows(call, ColumnRef::Resource("service.name".into()), root, &mut found)?,
    }
    Ok(found.values)
}

/// What streams hold needs no look at rows.
fn from_streams(call: &Call, column: &ColumnRef, found: &mut Found) -> Result<(), Failure> {
    let (start, end) = range(call)?;
    for stream in call.snapshot().streams(&call.ctx, Signal::Spans, start, end)? {
        if let Some(value) = stream.lookup(column)
            && found.add(value).is_break()
        {
            break;
        }
    }
    Ok(())
}

fn from_rows(call: &Call, column: ColumnRef, filter: Filter, found: &mut Found) -> Result<(), Failure> {
    let (start, end) = range(call)?;
    let present = Filter::Column(column.clone(), Test::Exists);
    let query = EventQuery {
        signal: Signal::Spans,
        start,
        end,
        filter: Filter::And(vec![filter, present]),
        projection: Projection::Columns(vec![column.clone()]),
        order: Order::NewestFirst,
    };
    call.snapshot().scan(&call.ctx, &query, &mut |rows| {
        for &row in rows.rows {
            if let Some(value) = rows.batch.lookup(row as usize, &column)
                && found.add(value).is_break()
            {
                return ScanControl::Stop;
            }
        }
        ScanControl::Continue
    })?;
    Ok(())
}

// === impl Found ===

impl Found {
    fn add(&mut self, value: Value<'_>) -> ControlFlow<()> {
        let kind = match value {
            Value::Str(_) => "string",
            Value::Int(_) => "int",
            Value::Double(_) => "float",
            Value::Bool(_) => "bool",
            Value::Empty | Value::Bytes(_) | Value::Nested(_) => return ControlFlow::Continue(()),
        };
        self.values.insert((kind, value.text().into_owned()));
        if self.values.len() >= self.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
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
                    "/api/v2/search/tag/status/values",
                    r#"{"tagValues":[{"type":"keyword","value":"error"},{"type":"keyword","value":"ok"},{"type":"keyword","value":"unset"}],"metrics":{}}"#,
                ),
                (
                    "/api/v2/search/tag/rootName/values",
                    r#"{"tagValues":[{"type":"string","value":"POST /checkout"}],"metrics":{}}"#,
                ),
                ("/api/search/tag/service.name/values", r#"{"tagValues":["cart","payments"],"metrics":{}}"#),
                ("/api/search/tag/name/values?limit=1", r#"{"tagValues":["*"],"metrics":{}}"#),
                ("/api/v2/search/tag/.a%2Fb/c/values", r#"{"tagValues":[],"metrics":{}}"#),
                ("/api/v2/search/tag/duration/values", r#"{"tagValues":[],"metrics":{}}"#),
            ])
            .await;
    }
}
