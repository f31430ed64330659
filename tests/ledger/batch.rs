//! Numbered records as OTLP requests.

use std::ops::Range;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Logs,
    Metrics,
    Traces,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    Grpc,
    Http,
}

#[derive(Clone)]
pub(crate) enum Request {
    Logs(ExportLogsServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Traces(ExportTraceServiceRequest),
}

/// What is unique in a record: in a log's body, a span's name; a sample has it as its value.
pub(crate) fn name(client: u64, number: u64) -> String {
    format!("ledger {client} {number}")
}

/// One series for each client, one millisecond for each sample.
pub(crate) fn metric_name(client: u64) -> String {
    format!("ledger_{client}")
}

pub(crate) fn request(kind: Kind, client: u64, numbers: &Range<u64>, base_ns: u64) -> Request {
    let resource = Some(Resource { attributes: vec![text("service.name", "ledger")], ..Default::default() });
    let time = |number: u64| base_ns + number * 1_000_000;
    match kind {
        Kind::Logs => {
            let record = |n| LogRecord {
                time_unix_nano: time(n),
                body: text("", &name(client, n)).value,
                attributes: vec![text("filling", &"x".repeat(n as usize % 200))],
                ..Default::default()
            };
            let scope =
                ScopeLogs { log_records: numbers.clone().map(record).collect(), ..Default::default() };
            let of_resource = ResourceLogs { resource, scope_logs: vec![scope], ..Default::default() };
            Request::Logs(ExportLogsServiceRequest { resource_logs: vec![of_resource] })
        }
        Kind::Metrics => {
            let point = |n| NumberDataPoint {
                time_unix_nano: time(n),
                value: Some(number_data_point::Value::AsDouble(n as f64)),
                ..Default::default()
            };
            let gauge = Gauge { data_points: numbers.clone().map(point).collect() };
            let data = Some(metric::Data::Gauge(gauge));
            let metrics = vec![Metric { name: metric_name(client), data, ..Default::default() }];
            let scope = ScopeMetrics { metrics, ..Default::default() };
            let of_resource = ResourceMetrics { resource, scope_metrics: vec![scope], ..Default::default() };
            Request::Metrics(ExportMetricsServiceRequest { resource_metrics: vec![of_resource] })
        }
        Kind::Traces => {
            let span = |n: u64| Span {
                trace_id: (u128::from(client) << 64 | u128::from(n + 1)).to_be_bytes().to_vec(),
                span_id: (n + 1).to_be_bytes().to_vec(),
                name: name(client, n),
                start_time_unix_nano: time(n),
                end_time_unix_nano: time(n) + 1000,
                ..Default::default()
            };
            let scope = ScopeSpans { spans: numbers.clone().map(span).collect(), ..Default::default() };
            let of_resource = ResourceSpans { resource, scope_spans: vec![scope], ..Default::default() };
            Request::Traces(ExportTraceServiceRequest { resource_spans: vec![of_resource] })
        }
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..Default::default() }
}

// === impl Request ===

impl Request {
    pub(crate) fn path(&self) -> &'static str {
        match self {
            Self::Logs(_) => "/v1/logs",
            Self::Metrics(_) => "/v1/metrics",
            Self::Traces(_) => "/v1/traces",
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Logs(request) => request.encode_to_vec(),
            Self::Metrics(request) => request.encode_to_vec(),
            Self::Traces(request) => request.encode_to_vec(),
        }
    }
}
