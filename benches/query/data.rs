//! An hour of a small shop, the same at each run but for the time it ends.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use crate::support::{Server, http};

pub const LOGS: u64 = 200_000;
pub const TRACES: u64 = 10_000;
pub const SPANS: u64 = 8;
pub const SAMPLES: u64 = SERIES * STEPS;
/// The data lies in so many seconds before its end.
pub const SPAN_S: u64 = 3_600;

const SERIES: u64 = 2_000;
const STEPS: u64 = 240;
const BATCH: u64 = 1_000;
const SERVICES: [&str; 8] =
    ["frontend", "checkout", "cart", "payments", "search", "catalog", "shipping", "review"];

/// Well spread numbers from small ones (the finaliser of SplitMix64).
fn spread(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

pub fn request_id(log: u64) -> String {
    format!("{:016x}", spread(log + 1))
}

pub fn trace_id(trace: u64) -> String {
    format!("{:016x}{:016x}", spread(trace + 1), spread(trace + 7))
}

pub fn fill(server: &Server, end_ns: u64) {
    let start_ns = end_ns - SPAN_S * 1_000_000_000;
    for first in (0..LOGS).step_by(BATCH as usize) {
        send(server, "logs", logs(first, start_ns));
    }
    for first in (0..TRACES).step_by(BATCH as usize / SPANS as usize) {
        send(server, "traces", traces(first, (first + BATCH / SPANS).min(TRACES), start_ns));
    }
    for step in 0..STEPS {
        send(server, "metrics", metrics(step, start_ns));
    }
}

fn send(server: &Server, signal: &str, body: Vec<u8>) {
    let headers = [("Content-Type", "application/x-protobuf")];
    let answer = http::send(&server.otlp_http, "POST", &format!("/v1/{signal}"), &headers, &body);
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{}", answer.text());
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..Default::default() }
}

fn resource(service: u64, pod: Option<u64>) -> Option<Resource> {
    let mut attributes = vec![text("service.name", SERVICES[service as usize])];
    attributes.extend(pod.map(|pod| text("service.instance.id", &format!("{pod}"))));
    Some(Resource { attributes, ..Default::default() })
}

/// Of the numbers of a batch those that belong to a service.
fn of_service(first: u64, end: u64, service: u64) -> impl Iterator<Item = u64> {
    (first..end).filter(move |number| number % SERVICES.len() as u64 == service)
}

fn logs(first: u64, start_ns: u64) -> Vec<u8> {
    let record = |log: u64| {
        let random = spread(log);
        let (outcome, level, number) =
            if random.is_multiple_of(50) { ("declined", "ERROR", 17) } else { ("accepted", "INFO", 9) };
        let line =
            format!("order {} {outcome}, took {} ms, upstream payments:8080", request_id(log), random >> 57);
        LogRecord {
            time_unix_nano: start_ns + log * (SPAN_S * 1_000_000_000 / LOGS),
            severity_number: number,
            severity_text: level.to_owned(),
            body: Some(AnyValue { value: Some(any_value::Value::StringValue(line)) }),
            attributes: vec![
                text("user.id", &format!("user-{}", random >> 48)),
                text("http.route", "/order/{id}"),
            ],
            ..Default::default()
        }
    };
    let of = |service| ResourceLogs {
        resource: resource(service, None),
        scope_logs: vec![ScopeLogs {
            log_records: of_service(first, first + BATCH, service).map(record).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    ExportLogsServiceRequest { resource_logs: (0..SERVICES.len() as u64).map(of).collect() }.encode_to_vec()
}

/// Each trace goes through all services, one under the other.
fn traces(first: u64, end: u64, start_ns: u64) -> Vec<u8> {
    let bytes = |text: String| {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let span = |service: u64| {
        move |trace: u64| {
            let random = spread(trace * SPANS + service);
            let start = start_ns + trace * (SPAN_S * 1_000_000_000 / TRACES) + service * 1_000_000;
            Span {
                trace_id: bytes(trace_id(trace)),
                span_id: (trace * SPANS + service + 1).to_be_bytes().to_vec(),
                parent_span_id: if service == 0 {
                    Vec::new()
                } else {
                    (trace * SPANS + service).to_be_bytes().to_vec()
                },
                name: format!("{} order", SERVICES[service as usize]),
                kind: 2,
                start_time_unix_nano: start,
                end_time_unix_nano: start + (random >> 56) * 200_000,
                attributes: vec![
                    text("user.id", &format!("user-{}", random >> 58)),
                    text("http.route", "/order/{id}"),
                ],
                ..Default::default()
            }
        }
    };
    let of = |service: u64| ResourceSpans {
        resource: resource(service, None),
        scope_spans: vec![ScopeSpans {
            spans: (first..end).map(span(service)).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    ExportTraceServiceRequest { resource_spans: (0..SPANS).map(of).collect() }.encode_to_vec()
}

fn metrics(step: u64, start_ns: u64) -> Vec<u8> {
    let point = |series: u64| NumberDataPoint {
        attributes: vec![
            text("pod", &format!("pod-{}", series % 100)),
            text("code", &format!("{}", 200 + series / 100)),
        ],
        start_time_unix_nano: start_ns,
        time_unix_nano: start_ns + (step + 1) * (SPAN_S * 1_000_000_000 / STEPS),
        value: Some(number_data_point::Value::AsDouble(((step + 1) * (series % 17 + 1)) as f64)),
        ..Default::default()
    };
    let of = |service: u64| {
        let sum = Sum {
            data_points: of_service(0, SERIES, service).map(point).collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        };
        let data = Some(metric::Data::Sum(sum));
        let metrics = vec![Metric { name: "shop.requests".to_owned(), data, ..Default::default() }];
        ResourceMetrics {
            resource: resource(service, Some(service)),
            scope_metrics: vec![ScopeMetrics { metrics, ..Default::default() }],
            ..Default::default()
        }
    };
    ExportMetricsServiceRequest { resource_metrics: (0..SERVICES.len() as u64).map(of).collect() }
        .encode_to_vec()
}
