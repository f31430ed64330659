//! Messages of Tempo's `StreamingQuerier`. Requests become the parameters of the HTTP API, so that both mean the same.

use engine::traceql::{MetricsSeries, ScopeTags, SearchResult, SpanMatch, SpanSet, TagValue, TraceSummary};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;
use store::ScanStats;

use crate::request::time::NS_PER_MS;

type Pairs = Vec<(String, String)>;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SearchRequest {
    #[prost(map = "string, string", tag = "1")]
    tags: std::collections::HashMap<String, String>,
    #[prost(uint32, tag = "2")]
    min_duration_ms: u32,
    #[prost(uint32, tag = "3")]
    max_duration_ms: u32,
    #[prost(uint32, tag = "4")]
    limit: u32,
    #[prost(uint32, tag = "5")]
    start: u32,
    #[prost(uint32, tag = "6")]
    end: u32,
    #[prost(string, tag = "8")]
    query: String,
    #[prost(uint32, tag = "9")]
    spans_per_set: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TagsRequest {
    #[prost(string, tag = "1")]
    scope: String,
    #[prost(string, tag = "2")]
    query: String,
    #[prost(uint32, tag = "3")]
    start: u32,
    #[prost(uint32, tag = "4")]
    end: u32,
    #[prost(uint32, tag = "5")]
    limit: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TagValuesRequest {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(string, tag = "2")]
    query: String,
    #[prost(uint32, tag = "4")]
    start: u32,
    #[prost(uint32, tag = "5")]
    end: u32,
    #[prost(uint32, tag = "6")]
    limit: u32,
}

/// Of both metrics methods; an instant query has the first three.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetricsRequest {
    #[prost(string, tag = "1")]
    query: String,
    #[prost(uint64, tag = "2")]
    start: u64,
    #[prost(uint64, tag = "3")]
    end: u64,
    #[prost(uint64, tag = "4")]
    step: u64,
    #[prost(uint32, tag = "16")]
    exemplars: u32,
}

#[derive(Clone, PartialEq, Message)]
struct SearchResponse {
    #[prost(message, repeated, tag = "1")]
    traces: Vec<TraceMeta>,
    #[prost(message, optional, tag = "2")]
    metrics: Option<Inspected>,
}

#[derive(Clone, PartialEq, Message)]
struct TraceMeta {
    #[prost(string, tag = "1")]
    trace_id: String,
    #[prost(string, tag = "2")]
    root_service: String,
    #[prost(string, tag = "3")]
    root_name: String,
    #[prost(uint64, tag = "4")]
    start: u64,
    #[prost(uint32, tag = "5")]
    duration_ms: u32,
    #[prost(message, optional, tag = "6")]
    first_set: Option<Set>,
    #[prost(message, repeated, tag = "7")]
    sets: Vec<Set>,
    #[prost(btree_map = "string, message", tag = "8")]
    services: std::collections::BTreeMap<String, Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(uint32, tag = "1")]
    spans: u32,
    #[prost(uint32, tag = "2")]
    errors: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Set {
    #[prost(message, repeated, tag = "1")]
    spans: Vec<SetSpan>,
    #[prost(uint32, tag = "2")]
    matched: u32,
    #[prost(message, repeated, tag = "3")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct SetSpan {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint64, tag = "3")]
    start: u64,
    #[prost(uint64, tag = "4")]
    duration: u64,
    #[prost(message, repeated, tag = "5")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct Inspected {
    #[prost(uint32, tag = "1")]
    traces: u32,
    #[prost(uint64, tag = "2")]
    bytes: u64,
    #[prost(uint32, tag = "4")]
    completed_jobs: u32,
    #[prost(uint32, tag = "5")]
    total_jobs: u32,
    #[prost(uint64, tag = "7")]
    spans: u64,
}

/// Names, or values of the first version.
#[derive(Clone, PartialEq, Message)]
struct Texts {
    #[prost(string, repeated, tag = "1")]
    texts: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Scopes {
    #[prost(message, repeated, tag = "1")]
    scopes: Vec<ScopeNames>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeNames {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "2")]
    tags: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct TypedValues {
    #[prost(message, repeated, tag = "1")]
    values: Vec<TypedValue>,
}

#[derive(Clone, PartialEq, Message)]
struct TypedValue {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct RangeResponse {
    #[prost(message, repeated, tag = "1")]
    series: Vec<RangeSeries>,
    #[prost(message, optional, tag = "2")]
    metrics: Option<Inspected>,
}

#[derive(Clone, PartialEq, Message)]
struct RangeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<KeyValue>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    time_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<KeyValue>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    time_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct InstantResponse {
    #[prost(message, repeated, tag = "1")]
    series: Vec<InstantSeries>,
    #[prost(message, optional, tag = "2")]
    metrics: Option<Inspected>,
}

#[derive(Clone, PartialEq, Message)]
struct InstantSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<KeyValue>,
    #[prost(double, tag = "2")]
    value: f64,
}

// === requests ===

/// Reads a message of that kind into parameters.
pub(crate) fn read<M: Message + Default>(bytes: &[u8], params: fn(M) -> Pairs) -> Option<Pairs> {
    M::decode(bytes).ok().map(params)
}

/// Zero is absent in protobuf, and so is an empty text.
fn pairs(given: &[(&str, String)]) -> Pairs {
    let there = given.iter().filter(|(_, value)| !value.is_empty() && value != "0");
    there.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

pub(crate) fn search_params(request: SearchRequest) -> Pairs {
    let tags: Vec<String> = request.tags.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    let ms = |ms: u32| if ms == 0 { String::new() } else { format!("{ms}ms") };
    pairs(&[
        ("q", request.query),
        ("tags", tags.join(" ")),
        ("minDuration", ms(request.min_duration_ms)),
        ("maxDuration", ms(request.max_duration_ms)),
        ("limit", request.limit.to_string()),
        ("start", request.start.to_string()),
        ("end", request.end.to_string()),
        ("spss", request.spans_per_set.to_string()),
    ])
}

pub(crate) fn tags_params(request: TagsRequest) -> Pairs {
    pairs(&[
        ("scope", request.scope),
        ("q", request.query),
        ("start", request.start.to_string()),
        ("end", request.end.to_string()),
        ("limit", request.limit.to_string()),
    ])
}

pub(crate) fn tag_values_params(request: TagValuesRequest) -> Pairs {
    pairs(&[
        ("tag", request.tag),
        ("q", request.query),
        ("start", request.start.to_string()),
        ("end", request.end.to_string()),
        ("limit", request.limit.to_string()),
    ])
}

/// Times may be seconds or nanoseconds, as over HTTP; a step is nanoseconds.
pub(crate) fn metrics_params(request: MetricsRequest) -> Pairs {
    let step = if request.step == 0 { String::new() } else { format!("{}ns", request.step) };
    pairs(&[
        ("q", request.query),
        ("start", request.start.to_string()),
        ("end", request.end.to_string()),
        ("step", step),
        ("exemplars", request.exemplars.to_string()),
    ])
}

// === answers ===

pub(crate) fn search(found: &SearchResult) -> Vec<u8> {
    let traces = found.traces.iter().map(trace).collect();
    SearchResponse { traces, metrics: Some(inspected(found.traces.len(), &found.stats)) }.encode_to_vec()
}

pub(crate) fn texts(texts: impl Iterator<Item = String>) -> Vec<u8> {
    Texts { texts: texts.collect() }.encode_to_vec()
}

pub(crate) fn scopes(scopes: &[ScopeTags]) -> Vec<u8> {
    let names = |scope: &ScopeTags| ScopeNames {
        name: scope.scope.to_owned(),
        tags: scope.names.iter().cloned().collect(),
    };
    Scopes { scopes: scopes.iter().map(names).collect() }.encode_to_vec()
}

pub(crate) fn typed_values(values: &[TagValue]) -> Vec<u8> {
    let typed = |value: &TagValue| TypedValue { kind: value.type_name().to_owned(), value: value.text() };
    TypedValues { values: values.iter().map(typed).collect() }.encode_to_vec()
}

pub(crate) fn range(series: &[MetricsSeries], stats: &ScanStats) -> Vec<u8> {
    let one = |series: &MetricsSeries| RangeSeries {
        labels: labels(series),
        samples: series
            .points
            .iter()
            .map(|(time, value)| Sample { value: *value, time_ms: time.div_euclid(NS_PER_MS) })
            .collect(),
        exemplars: series
            .exemplars
            .iter()
            .map(|exemplar| Exemplar {
                labels: exemplar.labels.iter().map(|(name, value)| attribute(name, value)).collect(),
                value: exemplar.value,
                time_ms: exemplar.time.div_euclid(NS_PER_MS),
            })
            .collect(),
    };
    RangeResponse { series: series.iter().map(one).collect(), metrics: Some(inspected(0, stats)) }
        .encode_to_vec()
}

pub(crate) fn instant(series: &[MetricsSeries], stats: &ScanStats) -> Vec<u8> {
    let value = |series: &MetricsSeries| series.points.last().map_or(f64::NAN, |(_, value)| *value);
    let one = |series: &MetricsSeries| InstantSeries { labels: labels(series), value: value(series) };
    InstantResponse { series: series.iter().map(one).collect(), metrics: Some(inspected(0, stats)) }
        .encode_to_vec()
}

fn trace(summary: &TraceSummary) -> TraceMeta {
    let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    TraceMeta {
        trace_id: hex(&summary.id),
        root_service: summary.root_service.clone(),
        root_name: summary.root_name.clone(),
        start: summary.start.max(0).unsigned_abs(),
        duration_ms: count((summary.duration_ns / NS_PER_MS).max(0).unsigned_abs()),
        first_set: summary.span_sets.first().map(set),
        sets: summary.span_sets.iter().map(set).collect(),
        services: summary
            .services
            .iter()
            .map(|(name, stats)| {
                (name.clone(), Service { spans: count(stats.spans), errors: count(stats.errors) })
            })
            .collect(),
    }
}

fn set(set: &SpanSet) -> Set {
    Set {
        spans: set.spans.iter().map(span).collect(),
        matched: u32::try_from(set.matched).unwrap_or(u32::MAX),
        attributes: set.attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
    }
}

fn span(span: &SpanMatch) -> SetSpan {
    SetSpan {
        id: hex(&span.id),
        name: span.name.clone(),
        start: span.start.max(0).unsigned_abs(),
        duration: span.duration_ns.max(0).unsigned_abs(),
        attributes: span.attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
    }
}

fn inspected(traces: usize, stats: &ScanStats) -> Inspected {
    Inspected {
        traces: u32::try_from(traces).unwrap_or(u32::MAX),
        bytes: stats.bytes_read,
        completed_jobs: 1,
        total_jobs: 1,
        spans: stats.rows_read,
    }
}

fn labels(series: &MetricsSeries) -> Vec<KeyValue> {
    let nil = TagValue::Text("nil".to_owned());
    series.labels.iter().map(|(name, value)| attribute(name, value.as_ref().unwrap_or(&nil))).collect()
}

fn attribute(name: &str, value: &TagValue) -> KeyValue {
    let value = match value {
        TagValue::Int(v) => Any::IntValue(*v),
        TagValue::Float(v) => Any::DoubleValue(*v),
        TagValue::Bool(v) => Any::BoolValue(*v),
        other => Any::StringValue(other.text()),
    };
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: name.to_owned(), value, ..Default::default() }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
