//! `/api/traces/{id}` and `/api/v2/traces/{id}`.

use http::StatusCode;
use store::model::{ColumnRef, Field, Filter, OwnedValue, Signal, Test};
use store::{EventQuery, Order, Projection, ScanControl};

use super::trace_filter::TraceFilter;
use crate::failure::{Failure, Reply, json_reply, reply};
use crate::request::time::event_time;
use crate::service::Call;
use crate::wire::{TraceBuilder, TraceMessage};

const PROTOBUF: &str = "application/protobuf";
/// What a span's message is taken to cost beside its bytes: maps of small strings.
const SPAN_BYTES: u64 = 1024;

pub(crate) fn v1(call: &Call) -> Result<Reply, Failure> {
    let (trace, _) = find(call)?;
    if wants_protobuf(call) {
        return Ok(reply(StatusCode::OK, PROTOBUF, trace.to_protobuf()));
    }
    Ok(json_reply(|json| json.object(|o| trace.write_json(o.key("batches")))))
}

pub(crate) fn v2(call: &Call) -> Result<Reply, Failure> {
    let filter = TraceFilter::of(call)?;
    let (mut trace, bytes_read) = find(call)?;
    if let Some(filter) = filter {
        filter.apply(call, trace_id(call.path.get("id"))?, &mut trace)?;
    }
    if wants_protobuf(call) {
        return Ok(reply(StatusCode::OK, PROTOBUF, trace.into_response(bytes_read)));
    }
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("trace").object(|t| trace.write_json(t.key("resourceSpans")));
            o.key("metrics").object(|m| m.member("inspectedBytes", &bytes_read.to_string()));
            o.member("status", "COMPLETE");
            o.member("message", "");
        });
    }))
}

fn wants_protobuf(call: &Call) -> bool {
    call.header("accept").contains(PROTOBUF)
}

/// The trace, and how many bytes were read for it.
fn find(call: &Call) -> Result<(TraceMessage, u64), Failure> {
    let id = trace_id(call.path.get("id"))?;
    let time = |name: &str, default: i64| match call.params.get(name) {
        None | Some("0") => Ok(default),
        Some(text) => event_time(name, text),
    };
    let query = EventQuery {
        signal: Signal::Spans,
        start: time("start", i64::MIN)?,
        end: time("end", i64::MAX)?,
        filter: Filter::Column(
            ColumnRef::Field(Field::TraceId),
            Test::Equals(OwnedValue::Bytes(id.to_vec())),
        ),
        projection: Projection::All,
        order: Order::Any,
    };
    let rows_max = call.shared.config.limits.query_rows_max;
    let mut builder = TraceBuilder::default();
    let mut stopped = Ok(());
    let stats = call.snapshot().scan(&call.ctx, &query, &mut |rows| {
        stopped = call.ctx.budget.take(rows.rows.len() as u64 * SPAN_BYTES);
        rows.rows.iter().for_each(|&row| builder.add(rows.batch, row as usize));
        let more = stopped.is_ok() && (builder.spans() as u64) < rows_max;
        if more { ScanControl::Continue } else { ScanControl::Stop }
    })?;
    stopped?;
    if builder.spans() == 0 {
        return Err(Failure::not_found("trace not found"));
    }
    Ok((builder.finish(), stats.bytes_read))
}

/// Up to 32 hexadecimal digits; Grafana and others cut leading zeros off.
fn trace_id(text: &str) -> Result<[u8; 16], Failure> {
    let bad = || Failure::bad(format!("trace id {text:?} is not a hexadecimal number of up to 32 digits"));
    let digits = !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !digits {
        return Err(bad());
    }
    u128::from_str_radix(text, 16).map(u128::to_be_bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::testing::World;

    #[test]
    fn ids_are_padded() {
        assert_eq!(trace_id("1").unwrap()[15], 1);
        assert_eq!(trace_id("0102030405060708090a0b0c0d0e0f10").unwrap()[0], 1);
        for bad in ["", "xyz", "+1", "0102030405060708090a0b0c0d0e0f1011"] {
            assert!(trace_id(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_trace_in_gos_protobuf_json() {
        let world = World::with_data().await;
        let root = concat!(
            r#"{"traceId":"AAAAAAAAAAECAwQFBgcICQ==","spanId":"AQEBAQEBAQE=","name":"POST /checkout","kind":"SPAN_KIND_SERVER","#,
            r#""startTimeUnixNano":"1763929940000000000","endTimeUnixNano":"1763929940100000000","#,
            r#""attributes":[{"key":"http.status","value":{"intValue":"200"}},{"key":"who","value":{"stringValue":""}}],"status":{}}"#
        );
        let failed = concat!(
            r#""events":[{"timeUnixNano":"1763929940030000000","name":"exception","attributes":[{"key":"exception.type","#,
            r#""value":{"stringValue":"CardRefused"}}]}],"status":{"message":"card refused","code":"STATUS_CODE_ERROR"}}"#
        );
        let batches = format!(
            concat!(
                r#"[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"cart"}}}}]}},"#,
                r#""scopeSpans":[{{"scope":{{"name":"shop","version":"1.0"}},"spans":[{},*]}}]}},*{}]}}]}}]"#
            ),
            root, failed
        );
        world
            .golden(&[
                ("/api/traces/10203040506070809", &format!(r#"{{"batches":{batches}}}"#)),
                (
                    "/tempo/api/v2/traces/00000000000000010203040506070809",
                    &format!(
                        r#"{{"trace":{{"resourceSpans":{batches}}},"metrics":{{"inspectedBytes":"*"}},"status":"COMPLETE","message":""}}"#
                    ),
                ),
                ("/api/traces/1", "trace not found\n"),
                ("/api/traces/10203040506070809?start=1&end=2", "trace not found\n"),
                ("/api/traces/xyz", "trace id \"xyz\" is not *"),
                ("/api/echo", "echo"),
                ("/api/status/buildinfo", r#"{"version":"2.*"}"#),
            ])
            .await;
        assert_eq!(world.get("/api/v2/traces/1").await.status, 404);
    }

    #[tokio::test]
    async fn a_trace_in_protobuf() {
        use opentelemetry_proto::tonic::trace::v1::TracesData;
        use prost::Message;
        let world = World::with_data().await;
        let ask =
            |path: &str| http::Request::get(path).header("accept", PROTOBUF).body(axum::body::Body::empty());
        let reply = world.send("a", ask("/api/traces/10203040506070809").unwrap()).await;
        assert_eq!(reply.headers()["content-type"], PROTOBUF);
        let bare = reply.into_body().collect().await.unwrap().to_bytes();
        let trace = TracesData::decode(bare.clone()).unwrap();
        let spans =
            trace.resource_spans.iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len()).sum::<usize>();
        assert_eq!((trace.resource_spans.len(), spans), (2, 3));
        let reply = world.send("a", ask("/api/v2/traces/10203040506070809").unwrap()).await;
        let wrapped = reply.into_body().collect().await.unwrap().to_bytes();
        // Field 1 of the answer, length-delimited, holds the bare trace.
        assert_eq!(wrapped[0], 0x0a);
        assert!(wrapped.windows(bare.len()).any(|window| window == bare));
    }
}
