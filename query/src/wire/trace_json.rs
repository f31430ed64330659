//! Traces in JSON, as Go writes protobuf and as OTLP wants it: 64-bit numbers as texts, nothing that is empty.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};

use crate::json::Json;

/// How ids and enumerations are spelt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum JsonStyle {
    /// Ids in base64, enums by name.
    Go,
    /// OTLP's own JSON: ids in hexadecimal, enums by number.
    Otlp,
}

/// The resources with their spans, as members of an array.
pub(super) fn write(json: &mut Json, trace: &TracesData, style: JsonStyle) {
    trace.resource_spans.iter().for_each(|resource| write_resource(json, resource, style));
}

fn write_resource(json: &mut Json, spans: &ResourceSpans, style: JsonStyle) {
    json.object(|o| {
        o.key("resource").object(|r| {
            let attributes = spans.resource.as_ref().map(|resource| &resource.attributes[..]);
            write_attributes(r, attributes.unwrap_or_default());
        });
        o.key("scopeSpans")
            .array(|a| spans.scope_spans.iter().for_each(|scope| write_scope(a, scope, style)));
        text(o, "schemaUrl", &spans.schema_url);
    });
}

fn write_scope(json: &mut Json, spans: &ScopeSpans, style: JsonStyle) {
    json.object(|o| {
        o.key("scope").object(|s| {
            if let Some(scope) = &spans.scope {
                text(s, "name", &scope.name);
                text(s, "version", &scope.version);
                write_attributes(s, &scope.attributes);
            }
        });
        o.key("spans").array(|a| spans.spans.iter().for_each(|span| write_span(a, span, style)));
        text(o, "schemaUrl", &spans.schema_url);
    });
}

fn write_span(json: &mut Json, span: &Span, style: JsonStyle) {
    json.object(|o| {
        id(o, "traceId", &span.trace_id, style);
        id(o, "spanId", &span.span_id, style);
        text(o, "traceState", &span.trace_state);
        id(o, "parentSpanId", &span.parent_span_id, style);
        count(o, "flags", span.flags);
        text(o, "name", &span.name);
        if let Some(kind) = SpanKind::try_from(span.kind).ok().filter(|kind| *kind != SpanKind::Unspecified) {
            match style {
                JsonStyle::Go => o.member("kind", kind.as_str_name()),
                JsonStyle::Otlp => o.key("kind").int(span.kind),
            }
        }
        number(o, "startTimeUnixNano", span.start_time_unix_nano);
        number(o, "endTimeUnixNano", span.end_time_unix_nano);
        write_attributes(o, &span.attributes);
        count(o, "droppedAttributesCount", span.dropped_attributes_count);
        if !span.events.is_empty() {
            o.key("events").array(|a| span.events.iter().for_each(|event| write_event(a, event)));
        }
        count(o, "droppedEventsCount", span.dropped_events_count);
        if !span.links.is_empty() {
            o.key("links").array(|a| span.links.iter().for_each(|link| write_link(a, link, style)));
        }
        count(o, "droppedLinksCount", span.dropped_links_count);
        if let Some(status) = &span.status {
            o.key("status").object(|s| {
                text(s, "message", &status.message);
                if let Some(code) =
                    StatusCode::try_from(status.code).ok().filter(|code| *code != StatusCode::Unset)
                {
                    match style {
                        JsonStyle::Go => s.member("code", code.as_str_name()),
                        JsonStyle::Otlp => s.key("code").int(status.code),
                    }
                }
            });
        }
    });
}

fn write_event(json: &mut Json, event: &Event) {
    json.object(|o| {
        number(o, "timeUnixNano", event.time_unix_nano);
        text(o, "name", &event.name);
        write_attributes(o, &event.attributes);
        count(o, "droppedAttributesCount", event.dropped_attributes_count);
    });
}

fn write_link(json: &mut Json, link: &Link, style: JsonStyle) {
    json.object(|o| {
        id(o, "traceId", &link.trace_id, style);
        id(o, "spanId", &link.span_id, style);
        text(o, "traceState", &link.trace_state);
        write_attributes(o, &link.attributes);
        count(o, "droppedAttributesCount", link.dropped_attributes_count);
        count(o, "flags", link.flags);
    });
}

fn write_attributes(o: &mut Json, attributes: &[KeyValue]) {
    if !attributes.is_empty() {
        o.key("attributes").array(|a| attributes.iter().for_each(|pair| write_pair(a, pair)));
    }
}

fn write_pair(json: &mut Json, pair: &KeyValue) {
    json.object(|o| {
        o.member("key", &pair.key);
        if let Some(value) = &pair.value {
            write_any(o.key("value"), value);
        }
    });
}

fn write_any(json: &mut Json, value: &AnyValue) {
    json.object(|o| match &value.value {
        None | Some(Any::StringValueStrindex(_)) => {}
        Some(Any::StringValue(v)) => o.member("stringValue", v),
        Some(Any::BoolValue(v)) => o.key("boolValue").bool(*v),
        Some(Any::IntValue(v)) => o.member("intValue", &v.to_string()),
        Some(Any::DoubleValue(v)) if v.is_finite() => o.key("doubleValue").number(*v),
        Some(Any::DoubleValue(v)) => o.member("doubleValue", non_finite(*v)),
        Some(Any::BytesValue(v)) => o.member("bytesValue", &STANDARD.encode(v)),
        Some(Any::ArrayValue(list)) => o.key("arrayValue").object(|l| {
            l.key("values").array(|a| list.values.iter().for_each(|value| write_any(a, value)));
        }),
        Some(Any::KvlistValue(list)) => o.key("kvlistValue").object(|l| {
            l.key("values").array(|a| list.values.iter().for_each(|pair| write_pair(a, pair)));
        }),
    });
}

fn non_finite(value: f64) -> &'static str {
    match (value.is_nan(), value > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    }
}

fn text(o: &mut Json, name: &str, value: &str) {
    if !value.is_empty() {
        o.member(name, value);
    }
}

fn id(o: &mut Json, name: &str, bytes: &[u8], style: JsonStyle) {
    match style {
        _ if bytes.is_empty() => {}
        JsonStyle::Go => o.member(name, &STANDARD.encode(bytes)),
        JsonStyle::Otlp => {
            o.member(name, &bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    }
}

fn number(o: &mut Json, name: &str, value: u64) {
    if value != 0 {
        o.member(name, &value.to_string());
    }
}

fn count(o: &mut Json, name: &str, value: u32) {
    if value != 0 {
        o.key(name).int(value);
    }
}
