//! A trace as protobuf messages, built from rows.

use std::collections::HashMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message;
use store::model::{Attributes, EventBatch, Field, Nested, Stream, Value};

use super::trace_json::{self, JsonStyle};
use crate::json::Json;

/// Nesting of attribute values beyond it is left out: stored values are never that deep.
const DEPTH_MAX: usize = 64;

/// Gathers the spans of one trace.
#[derive(Default)]
pub(crate) struct TraceBuilder {
    /// By the hash of their stream: place among `resources`, and among its scopes.
    streams: HashMap<u128, (usize, usize)>,
    resources: Vec<ResourceSpans>,
    resource_keys: Vec<Vec<u8>>,
    spans: usize,
}

/// A whole trace.
pub(crate) struct TraceMessage(TracesData);

/// Where a span stands in its trace.
pub(crate) struct SpanPlace<'a> {
    pub(crate) id: &'a [u8],
    pub(crate) parent: &'a [u8],
    /// Unix nanoseconds.
    pub(crate) start: i64,
}

/// Tempo's answer of its second version. `status` 0 is "complete".
#[derive(Clone, PartialEq, Message)]
struct TraceByIdResponse {
    #[prost(message, optional, tag = "1")]
    trace: Option<TracesData>,
    #[prost(message, optional, tag = "2")]
    metrics: Option<TraceByIdMetrics>,
    #[prost(int32, tag = "3")]
    status: i32,
    #[prost(string, tag = "4")]
    message: String,
}

#[derive(Clone, PartialEq, Message)]
struct TraceByIdMetrics {
    #[prost(uint64, tag = "1")]
    inspected_bytes: u64,
}

// === impl TraceBuilder ===

impl TraceBuilder {
    pub(crate) fn spans(&self) -> usize {
        self.spans
    }

    pub(crate) fn add(&mut self, batch: &EventBatch, row: usize) {
        let (resource, scope) = self.place(batch.stream(row));
        let scopes = self.resources.get_mut(resource).map(|resource| &mut resource.scope_spans);
        if let Some(scope) = scopes.and_then(|scopes| scopes.get_mut(scope)) {
            scope.spans.push(span(batch, row));
            self.spans += 1;
        }
    }

    pub(crate) fn finish(mut self) -> TraceMessage {
        for scope in self.resources.iter_mut().flat_map(|resource| &mut resource.scope_spans) {
            scope.spans.sort_by_key(|span| span.start_time_unix_nano);
        }
        TraceMessage(TracesData { resource_spans: self.resources })
    }

    fn place(&mut self, stream: &Arc<Stream>) -> (usize, usize) {
        if let Some(&place) = self.streams.get(&stream.hash()) {
            return place;
        }
        let key = stream.resource.as_bytes();
        let resource = self.resource_keys.iter().position(|known| known == key).unwrap_or_else(|| {
            self.resource_keys.push(key.to_vec());
            let resource = Resource { attributes: attributes(&stream.resource), ..Default::default() };
            self.resources.push(ResourceSpans {
                resource: Some(resource),
                scope_spans: Vec::new(),
                schema_url: stream.resource_schema_url.to_string(),
            });
            self.resources.len() - 1
        });
        let scope = InstrumentationScope {
            name: stream.scope_name.to_string(),
            version: stream.scope_version.to_string(),
            attributes: attributes(&stream.scope_attributes),
            dropped_attributes_count: 0,
        };
        let scope_spans = ScopeSpans {
            scope: Some(scope),
            spans: Vec::new(),
            schema_url: stream.scope_schema_url.to_string(),
        };
        let mut at = 0;
        if let Some(resource) = self.resources.get_mut(resource) {
            at = resource.scope_spans.len();
            resource.scope_spans.push(scope_spans);
        }
        self.streams.insert(stream.hash(), (resource, at));
        (resource, at)
    }
}

fn span(batch: &EventBatch, row: usize) -> Span {
    let text = |field| batch.field(row, field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let bytes = |field| batch.field(row, field).and_then(Value::as_bytes).unwrap_or_default().to_vec();
    let int = |field| batch.field(row, field).and_then(Value::as_int).unwrap_or_default();
    let count = |field| u32::try_from(int(field)).unwrap_or_default();
    let list = |field| match batch.field(row, field) {
        Some(Value::Nested(list)) => list.items().filter_map(|item| nested(item.value)).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    let start = batch.times().get(row).copied().unwrap_or_default();
    Span {
        trace_id: bytes(Field::TraceId),
        span_id: bytes(Field::SpanId),
        trace_state: text(Field::TraceState),
        parent_span_id: bytes(Field::ParentSpanId),
        flags: count(Field::Flags),
        name: text(Field::Name),
        kind: i32::try_from(int(Field::Kind)).unwrap_or_default(),
        start_time_unix_nano: start.max(0).unsigned_abs(),
        end_time_unix_nano: start.saturating_add(int(Field::Duration)).max(0).unsigned_abs(),
        attributes: batch.attributes(row).map(|(key, value)| pair(key, value, 0)).collect(),
        dropped_attributes_count: count(Field::DroppedAttributes),
        events: list(Field::Events).into_iter().map(event).collect(),
        dropped_events_count: count(Field::DroppedEvents),
        links: list(Field::Links).into_iter().map(link).collect(),
        dropped_links_count: count(Field::DroppedLinks),
        status: Some(Status {
            message: text(Field::StatusMessage),
            code: i32::try_from(int(Field::StatusCode)).unwrap_or_default(),
        }),
    }
}

fn event(map: Nested<'_>) -> Event {
    Event {
        time_unix_nano: member_int(map, "time").max(0).unsigned_abs(),
        name: member_text(map, "name"),
        attributes: member_pairs(map),
        dropped_attributes_count: u32::try_from(member_int(map, "dropped_attributes_count"))
            .unwrap_or_default(),
    }
}

fn link(map: Nested<'_>) -> Link {
    let bytes = |key| map.get(key).and_then(Value::as_bytes).unwrap_or_default().to_vec();
    Link {
        trace_id: bytes("trace_id"),
        span_id: bytes("span_id"),
        trace_state: member_text(map, "trace_state"),
        attributes: member_pairs(map),
        dropped_attributes_count: u32::try_from(member_int(map, "dropped_attributes_count"))
            .unwrap_or_default(),
        flags: u32::try_from(member_int(map, "flags")).unwrap_or_default(),
    }
}

fn nested(value: Value<'_>) -> Option<Nested<'_>> {
    match value {
        Value::Nested(nested) => Some(nested),
        _ => None,
    }
}

fn member_int(map: Nested<'_>, key: &str) -> i64 {
    map.get(key).and_then(Value::as_int).unwrap_or_default()
}

fn member_text(map: Nested<'_>, key: &str) -> String {
    map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn member_pairs(map: Nested<'_>) -> Vec<KeyValue> {
    let pairs = map.get("attributes").and_then(nested);
    let items = pairs.into_iter().flat_map(|pairs| pairs.items());
    items.map(|item| pair(item.key.unwrap_or_default(), item.value, 0)).collect()
}

fn attributes(attributes: &Attributes) -> Vec<KeyValue> {
    attributes.iter().map(|(key, value)| pair(key, value, 0)).collect()
}

fn pair(key: &str, value: Value<'_>, depth: usize) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value, depth)), ..Default::default() }
}

fn any(value: Value<'_>, depth: usize) -> AnyValue {
    let value = match value {
        Value::Empty => None,
        Value::Bool(v) => Some(Any::BoolValue(v)),
        Value::Int(v) => Some(Any::IntValue(v)),
        Value::Double(v) => Some(Any::DoubleValue(v)),
        Value::Str(v) => Some(Any::StringValue(v.to_owned())),
        Value::Bytes(v) => Some(Any::BytesValue(v.to_vec())),
        Value::Nested(_) if depth >= DEPTH_MAX => None,
        Value::Nested(map) if map.is_map() => Some(Any::KvlistValue(KeyValueList {
            values: map
                .items()
                .map(|item| pair(item.key.unwrap_or_default(), item.value, depth + 1))
                .collect(),
        })),
        Value::Nested(list) => Some(Any::ArrayValue(ArrayValue {
            values: list.items().map(|item| any(item.value, depth + 1)).collect(),
        })),
    };
    AnyValue { value }
}

impl<'a> SpanPlace<'a> {
    fn of(span: &'a Span) -> Self {
        let start = i64::try_from(span.start_time_unix_nano).unwrap_or(i64::MAX);
        Self { id: &span.span_id, parent: &span.parent_span_id, start }
    }
}

// === impl TraceMessage ===

impl TraceMessage {
    pub(crate) fn places(&self) -> impl Iterator<Item = SpanPlace<'_>> {
        let scopes = self.0.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans).map(SpanPlace::of)
    }

    /// Keeps some spans, and what holds any of them.
    pub(crate) fn retain(&mut self, keep: impl Fn(SpanPlace<'_>) -> bool) {
        self.0.resource_spans.retain_mut(|resource| {
            resource.scope_spans.retain_mut(|scope| {
                scope.spans.retain(|span| keep(SpanPlace::of(span)));
                !scope.spans.is_empty()
            });
            !resource.scope_spans.is_empty()
        });
    }

    /// A bare trace: Tempo's `Trace` and OTLP's `TracesData` have the same bytes.
    pub(crate) fn to_protobuf(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    /// The trace in the answer of the second version.
    pub(crate) fn into_response(self, inspected_bytes: u64) -> Vec<u8> {
        let metrics = Some(TraceByIdMetrics { inspected_bytes });
        TraceByIdResponse { trace: Some(self.0), metrics, status: 0, message: String::new() }.encode_to_vec()
    }

    /// The list of resources with their spans, as Go's protobuf-JSON.
    pub(crate) fn write_json(&self, json: &mut Json) {
        json.array(|a| self.write_resources(a, JsonStyle::Go));
    }

    /// The members of that list.
    pub(crate) fn write_resources(&self, json: &mut Json, style: JsonStyle) {
        trace_json::write(json, &self.0, style);
    }
}
