//! `/api/signalbox/traces/{id}/path`: the critical path of a trace, and the time each span and service spent itself.

use std::collections::BTreeMap;

use engine::spans::trace_path;
use store::model::{Field, Value};

use crate::failure::{Failure, Reply, json_reply};
use crate::jaeger::{hex, trace_id, traces};
use crate::service::Call;

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let text = call.path.get("id");
    let id = trace_id(text).ok_or_else(|| {
        Failure::bad(format!("trace id {text:?} is not a hexadecimal number of up to 32 digits"))
    })?;
    let found = traces(call, &[id], None)?;
    let trace = found.first().ok_or_else(|| Failure::not_found("trace not found"))?;
    let path = trace_path(trace);
    let spans = &trace.spans;
    let span_id =
        |row: usize| spans.field(row, Field::SpanId).and_then(Value::as_bytes).map(hex).unwrap_or_default();
    let total: i64 = path.parts.iter().map(|part| part.end - part.start).sum();
    let mut on_path = vec![0; spans.rows()];
    for part in &path.parts {
        if let Some(nanos) = on_path.get_mut(part.row) {
            *nanos += part.end - part.start;
        }
    }
    let mut services: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for (row, (own, path)) in path.self_ns.iter().zip(&on_path).enumerate() {
        let sums = services.entry(spans.stream(row).service()).or_default();
        *sums = (sums.0 + own, sums.1 + path);
    }
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("duration_ns").int(total);
            o.key("path").array(|a| {
                for part in &path.parts {
                    a.object(|p| {
                        p.member("span_id", &span_id(part.row));
                        p.member("start_ns", &part.start.to_string());
                        p.key("duration_ns").int(part.end - part.start);
                    });
                }
            });
            o.key("spans").array(|a| {
                for (row, (own, path)) in path.self_ns.iter().zip(&on_path).enumerate() {
                    a.object(|s| {
                        s.member("span_id", &span_id(row));
                        s.key("self_ns").int(*own);
                        s.key("path_ns").int(*path);
                    });
                }
            });
            o.key("services").array(|a| {
                for (name, (own, path)) in &services {
                    a.object(|s| {
                        s.member("name", name);
                        s.key("self_ns").int(*own);
                        s.key("path_ns").int(*path);
                    });
                }
            });
        });
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn a_trace_has_its_critical_path() {
        let world = World::with_data().await;
        let services = concat!(
            r#""services":[{"name":"cart","self_ns":60000000,"path_ns":60000000},"#,
            r#"{"name":"payments","self_ns":40000000,"path_ns":40000000}]"#
        );
        world
            .golden(&[
                (
                    "/api/signalbox/traces/10203040506070809/path",
                    &format!(
                        concat!(
                            r#"{{"duration_ns":100000000,"path":[{{"span_id":"0101010101010101","start_ns":"1763929940000000000","#,
                            r#""duration_ns":10000000}},*],"spans":[*],{}}}"#
                        ),
                        services
                    ),
                ),
                ("/api/signalbox/traces/1/path", "{\"error\":\"trace not found\"}"),
            ])
            .await;
    }
}
