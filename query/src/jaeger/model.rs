//! A trace in Jaeger's own JSON: processes named once, references, tags with types, times in microseconds.

use std::collections::BTreeMap;

use engine::traceql::Trace;
use store::model::{Attributes, EventBatch, Field, Nested, Stream, Value};

use super::hex;
use crate::json::Json;

const NS_PER_US: i64 = 1000;
const KINDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];

pub(crate) fn write_trace(json: &mut Json, trace: &Trace) {
    let spans = &trace.spans;
    let mut processes: BTreeMap<u128, usize> = BTreeMap::new();
    for stream in spans.streams() {
        let next = processes.len() + 1;
        processes.entry(stream.hash()).or_insert(next);
    }
    let mut rows: Vec<usize> = (0..spans.rows()).collect();
    rows.sort_by_key(|row| spans.times().get(*row).copied());
    json.object(|o| {
        o.member("traceID", &hex(&trace.id));
        o.key("spans").array(|a| {
            for row in rows {
                let process = processes.get(&spans.stream(row).hash()).copied().unwrap_or_default();
                write_span(a, trace, row, process);
            }
        });
        o.key("processes").object(|p| {
            for stream in spans.streams() {
                let process = processes.get(&stream.hash()).copied().unwrap_or_default();
                write_process(p.key(&format!("p{process}")), stream);
            }
        });
        o.key("warnings").null();
    });
}

fn write_process(json: &mut Json, stream: &Stream) {
    json.object(|o| {
        o.member("serviceName", stream.service());
        o.key("tags").array(|a| write_tags(a, &stream.resource, &["service.name"]));
    });
}

fn write_span(json: &mut Json, trace: &Trace, row: usize, process: usize) {
    let spans = &trace.spans;
    let id = |field| spans.field(row, field).and_then(Value::as_bytes).map(hex);
    let int = |field| spans.field(row, field).and_then(Value::as_int).unwrap_or_default();
    let start = spans.times().get(row).copied().unwrap_or_default();
    json.object(|o| {
        o.member("traceID", &hex(&trace.id));
        o.member("spanID", &id(Field::SpanId).unwrap_or_default());
        o.key("flags").int(1);
        o.member("operationName", text(spans, row, Field::Name));
        o.key("references").array(|a| {
            if let Some(parent) = id(Field::ParentSpanId) {
                write_reference(a, "CHILD_OF", &hex(&trace.id), &parent);
            }
            each_map(spans, row, Field::Links, |link| {
                let id = |name| link.get(name).and_then(Value::as_bytes).map(hex).unwrap_or_default();
                write_reference(a, "FOLLOWS_FROM", &id("trace_id"), &id("span_id"));
            });
        });
        o.key("startTime").int(start.div_euclid(NS_PER_US));
        o.key("duration").int(int(Field::Duration).div_euclid(NS_PER_US));
        o.key("tags").array(|a| {
            spans.attributes(row).for_each(|(key, value)| write_tag(a, key, value));
            write_own_tags(a, spans, row);
        });
        o.key("logs").array(|a| each_map(spans, row, Field::Events, |event| write_log(a, event)));
        o.member("processID", &format!("p{process}"));
        o.key("warnings").null();
    });
}

/// What a span has in fields of its own and Jaeger in tags.
fn write_own_tags(json: &mut Json, spans: &EventBatch, row: usize) {
    let stream = spans.stream(row);
    let int = |field| spans.field(row, field).and_then(Value::as_int).unwrap_or_default();
    let mut tag = |key: &str, value: &str| {
        if !value.is_empty() {
            write_tag(json, key, Value::Str(value));
        }
    };
    tag("otel.scope.name", &stream.scope_name);
    tag("otel.scope.version", &stream.scope_version);
    let kind = usize::try_from(int(Field::Kind)).ok().and_then(|kind| KINDS.get(kind));
    tag("span.kind", kind.copied().unwrap_or_default());
    tag("w3c.tracestate", text(spans, row, Field::TraceState));
    tag("otel.status_description", text(spans, row, Field::StatusMessage));
    match int(Field::StatusCode) {
        1 => tag("otel.status_code", "OK"),
        2 => {
            tag("otel.status_code", "ERROR");
            write_tag(json, "error", Value::Bool(true));
        }
        _ => {}
    }
}

fn write_reference(json: &mut Json, kind: &str, trace: &str, span: &str) {
    json.object(|o| {
        o.member("refType", kind);
        o.member("traceID", trace);
        o.member("spanID", span);
    });
}

fn write_log(json: &mut Json, event: Nested<'_>) {
    json.object(|o| {
        let time = event.get("time").and_then(Value::as_int).unwrap_or_default();
        o.key("timestamp").int(time.div_euclid(NS_PER_US));
        o.key("fields").array(|a| {
            if let Some(name @ Value::Str(_)) = event.get("name") {
                write_tag(a, "event", name);
            }
            if let Some(Value::Nested(attributes)) = event.get("attributes") {
                attributes.items().for_each(|item| write_tag(a, item.key.unwrap_or_default(), item.value));
            }
        });
    });
}

fn write_tags(json: &mut Json, attributes: &Attributes, but: &[&str]) {
    attributes
        .iter()
        .filter(|(key, _)| !but.contains(key))
        .for_each(|(key, value)| write_tag(json, key, value));
}

fn write_tag(json: &mut Json, key: &str, value: Value<'_>) {
    json.object(|o| {
        o.member("key", key);
        match value {
            Value::Bool(bool) => {
                o.member("type", "bool");
                o.key("value").bool(bool);
            }
            Value::Int(int) => {
                o.member("type", "int64");
                o.key("value").int(int);
            }
            Value::Double(double) => {
                o.member("type", "float64");
                o.key("value").number(double);
            }
            Value::Bytes(_) => {
                o.member("type", "binary");
                o.member("value", &value.text());
            }
            Value::Str(_) | Value::Nested(_) | Value::Empty => {
                o.member("type", "string");
                o.member("value", &value.text());
            }
        }
    });
}

fn text(spans: &EventBatch, row: usize, field: Field) -> &str {
    spans.field(row, field).and_then(Value::as_str).unwrap_or_default()
}

/// The maps of a list: events or links.
pub(crate) fn each_map<'a>(
    spans: &'a EventBatch,
    row: usize,
    field: Field,
    mut visit: impl FnMut(Nested<'a>),
) {
    let Some(Value::Nested(list)) = spans.field(row, field) else { return };
    for item in list.items() {
        if let Value::Nested(map) = item.value {
            visit(map);
        }
    }
}
