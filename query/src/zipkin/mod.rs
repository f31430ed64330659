//! Zipkin's read API under `/zipkin`: what its interface and Grafana's data source ask.

use std::collections::BTreeSet;

use engine::traceql::{Trace, TraceId};
use store::model::{EventBatch, Field, Value};

use crate::failure::{Failure, Reply, json_reply};
use crate::jaeger::model::each_map;
use crate::jaeger::{Search, hex, operations, services, trace_id, traces};
use crate::json::Json;
use crate::request::time::NS_PER_MS;
use crate::service::Call;

const TRACES_DEFAULT: usize = 10;
const TRACES_MANY_MAX: usize = 1000;
const NS_PER_US: i64 = 1000;
const KINDS: [Option<&str>; 6] =
    [None, None, Some("SERVER"), Some("CLIENT"), Some("PRODUCER"), Some("CONSUMER")];
const REMOTE_SERVICE: [&str; 4] = ["peer.service", "db.namespace", "db.name", "messaging.destination.name"];

pub(crate) fn health(_: &Call) -> Result<Reply, Failure> {
    Ok(json_reply(|json| json.object(|o| o.member("status", "UP"))))
}

pub(crate) fn list_services(call: &Call) -> Result<Reply, Failure> {
    let services = services(call)?;
    Ok(json_reply(|json| json.strings(services.iter().map(String::as_str))))
}

pub(crate) fn list_names(call: &Call) -> Result<Reply, Failure> {
    let found = operations(call, call.params.require("serviceName")?, "")?;
    let names: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    Ok(json_reply(|json| json.strings(names)))
}

/// Names of other sides are not kept apart: they are attributes to search by.
pub(crate) fn nothing(_: &Call) -> Result<Reply, Failure> {
    Ok(json_reply(|json| json.array(|_| {})))
}

pub(crate) fn search(call: &Call) -> Result<Reply, Failure> {
    let params = &call.params;
    let micros = |name: &str| params.parse::<i64>(name, "a number of microseconds");
    let ms = |name: &str| params.parse::<i64>(name, "a time in milliseconds");
    let end = ms("endTs")?.map(|ms| ms.saturating_mul(NS_PER_MS));
    let lookback = ms("lookback")?.map(|ms| ms.saturating_mul(NS_PER_MS));
    let search = Search {
        service: params.get("serviceName").unwrap_or_default().to_owned(),
        operation: params.get("spanName").filter(|name| *name != "all").unwrap_or_default().to_owned(),
        tags: annotations(params.get("annotationQuery").unwrap_or_default()),
        start: lookback.map(|nanos| end.unwrap_or_else(|| call.now_ns()).saturating_sub(nanos)),
        end,
        min_duration_ns: micros("minDuration")?.map(|us| us.saturating_mul(NS_PER_US)),
        max_duration_ns: micros("maxDuration")?.map(|us| us.saturating_mul(NS_PER_US)),
        limit: params.limit("limit", TRACES_DEFAULT, usize::MAX)?,
    };
    let found = search.traces(call)?;
    Ok(json_reply(|json| json.array(|a| found.iter().for_each(|trace| write_trace(a, trace)))))
}

pub(crate) fn one_trace(call: &Call) -> Result<Reply, Failure> {
    let found = traces(call, &[id(call.path.get("id"))?], None)?;
    let trace = found.first().ok_or_else(|| Failure::not_found("trace not found"))?;
    Ok(json_reply(|json| write_trace(json, trace)))
}

pub(crate) fn many_traces(call: &Call) -> Result<Reply, Failure> {
    let ids = call.params.require("traceIds")?.split(',').map(id).collect::<Result<Vec<_>, _>>()?;
    if ids.len() > TRACES_MANY_MAX {
        return Err(Failure::bad(format!("{} trace ids, at most {TRACES_MANY_MAX}", ids.len())));
    }
    let found = traces(call, &ids, None)?;
    Ok(json_reply(|json| json.array(|a| found.iter().for_each(|trace| write_trace(a, trace)))))
}

fn id(text: &str) -> Result<TraceId, Failure> {
    trace_id(text.trim()).ok_or_else(|| {
        Failure::bad(format!("trace id {text:?} is not a hexadecimal number of up to 32 digits"))
    })
}

/// `error and http.method=GET`: a name alone asks for a tag of any value, of which only `error` is known.
fn annotations(text: &str) -> Vec<(String, String)> {
    let parts = text.split(" and ").map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (part.to_owned(), "true".to_owned()),
        })
        .collect()
}

fn write_trace(json: &mut Json, trace: &Trace) {
    json.array(|a| (0..trace.spans.rows()).for_each(|row| write_span(a, trace, row)));
}

fn write_span(json: &mut Json, trace: &Trace, row: usize) {
    let spans = &trace.spans;
    let id = |field| spans.field(row, field).and_then(Value::as_bytes).map(hex);
    let int = |field| spans.field(row, field).and_then(Value::as_int).unwrap_or_default();
    let start = spans.times().get(row).copied().unwrap_or_default();
    json.object(|o| {
        o.member("traceId", &hex(&trace.id));
        o.member("id", &id(Field::SpanId).unwrap_or_default());
        if let Some(parent) = id(Field::ParentSpanId) {
            o.member("parentId", &parent);
        }
        if let Some(Some(kind)) = usize::try_from(int(Field::Kind)).ok().and_then(|kind| KINDS.get(kind)) {
            o.member("kind", kind);
        }
        o.member("name", spans.field(row, Field::Name).and_then(Value::as_str).unwrap_or_default());
        o.key("timestamp").int(start.div_euclid(NS_PER_US));
        o.key("duration").int(int(Field::Duration).div_euclid(NS_PER_US).max(1));
        o.key("localEndpoint").object(|e| e.member("serviceName", spans.stream(row).service()));
        if let Some(remote) = REMOTE_SERVICE.iter().find_map(|key| attribute(spans, row, key)) {
            o.key("remoteEndpoint").object(|e| e.member("serviceName", remote));
        }
        o.key("annotations").array(|a| {
            each_map(spans, row, Field::Events, |event| {
                a.object(|e| {
                    let time = event.get("time").and_then(Value::as_int).unwrap_or_default();
                    e.key("timestamp").int(time.div_euclid(NS_PER_US));
                    e.member("value", event.get("name").and_then(Value::as_str).unwrap_or_default());
                });
            });
        });
        o.key("tags").object(|t| write_tags(t, spans, row, int(Field::StatusCode)));
    });
}

fn write_tags(t: &mut Json, spans: &EventBatch, row: usize, status: i64) {
    spans.attributes(row).for_each(|(key, value)| t.member(key, &value.text()));
    if status == 2 {
        let message = spans.field(row, Field::StatusMessage).and_then(Value::as_str).unwrap_or_default();
        t.member("error", if message.is_empty() { "true" } else { message });
    }
}

fn attribute<'a>(spans: &'a EventBatch, row: usize, key: &str) -> Option<&'a str> {
    spans.get(row, spans.attribute_column(key)?).and_then(Value::as_str)
}
