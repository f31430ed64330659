//! What decoding and processing cost: CPU-seconds per million records, from the compressed body to columns.
//!
//! `cargo bench --bench decode`. One thread; the time is that of the thread, not of the clock, so other load does not
//! count. The requests have the shape of ordinary traffic: 20 services, 100 pods, 22 resource attributes, 1,000 records.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::io::{Read as _, Write as _};

use collector::measure::Process;
use collector::{DecodeCtx, Encoding, PROTOCOLS, RawProcessing, decode};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
    metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use store::model::{Batch, Limits, Signal, Tenant};

const NOW_NS: u64 = 1_700_000_000_000_000_000;
const RECORDS: u64 = 1000;
const PODS: u64 = 100;
const ROUNDS: u64 = 200;

fn main() {
    println!("{:<10}{:>12}{:>14}{:>14}{:>12}", "", "bytes/row", "gunzip s/M", "decode s/M", "rows");
    measure("logs", Signal::Logs, &logs());
    measure("spans", Signal::Spans, &spans());
    measure("samples", Signal::Samples, &metrics());
    println!("\n{:<44}{:>12}{:>12}{:>12}", "processing, s/M", "logs", "spans", "samples");
    for (name, text) in PROCESSING {
        let bodies = [(Signal::Logs, logs()), (Signal::Spans, spans()), (Signal::Samples, metrics())];
        let costs = bodies.map(|(signal, body)| process(text, signal, &body));
        println!("{name:<44}{:>12.2}{:>12.2}{:>12.2}", costs[0], costs[1], costs[2]);
    }
}

/// What is configured. Every log line of the data has an address in it, every second record one among its attributes.
const PROCESSING: [(&str, &str); 6] = [
    ("nothing", "{}"),
    ("redact secrets and personal data", "redact: [secrets, personal]"),
    ("the same and addresses: all rows change", "redact: [secrets, personal, addresses]"),
    ("the same, hashed", "{redact: [secrets, personal, addresses], redact_style: hash}"),
    (
        "a rule that drops nothing",
        "rules: [{name: a, when: [{field: attribute.http.route, equals: x}], drop: true}]",
    ),
    ("a quota nobody reaches", "quotas: [{records_per_s: 1e12}]"),
];

/// CPU-seconds per million records, decoding left out.
fn process(text: &str, signal: Signal, body: &[u8]) -> f64 {
    let raw: RawProcessing = serde_saphyr::from_str(text).expect("a valid section");
    let tenant = Tenant::authenticated(Tenant::DEFAULT).expect("a valid name");
    let process = Process::new(raw.check().expect("a valid section"), tenant);
    let limits = Limits::default();
    let ctx = DecodeCtx { now_ns: NOW_NS as i64, limits: &limits, target: "" };
    let (mut rows, mut spent) = (0, 0);
    for _ in 0..ROUNDS {
        let decoded = decode(&PROTOCOLS[0], signal, Encoding::Protobuf, body, &ctx).expect("a valid request");
        rows += decoded.batch.rows() as u64;
        let before = cpu_ns();
        let left: Batch = process.run(decoded.batch);
        spent += cpu_ns() - before;
        assert!(left.rows() > 0);
    }
    spent as f64 / rows as f64 / 1e3
}

fn measure(name: &str, signal: Signal, body: &[u8]) {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).expect("a vector takes all");
    let packed = encoder.finish().expect("a vector takes all");
    let mut out = Vec::new();
    let before = cpu_ns();
    for _ in 0..ROUNDS {
        out.clear();
        flate2::bufread::MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut out).expect("packed above");
    }
    let gunzip = cpu_ns() - before;
    let limits = Limits::default();
    let ctx = DecodeCtx { now_ns: NOW_NS as i64, limits: &limits, target: "" };
    let mut rows = 0;
    let before = cpu_ns();
    for _ in 0..ROUNDS {
        let decoded = decode(&PROTOCOLS[0], signal, Encoding::Protobuf, &out, &ctx).expect("a valid request");
        rows += decoded.batch.rows() as u64;
        assert_eq!(decoded.rejected.total(), 0);
    }
    let decode = cpu_ns() - before;
    let per_million = |ns: u64| ns as f64 / rows as f64 / 1e3;
    println!(
        "{name:<10}{:>12.1}{:>14.2}{:>14.2}{:>12}",
        (body.len() as u64 * ROUNDS) as f64 / rows as f64,
        per_million(gunzip),
        per_million(decode),
        rows
    );
}

/// CPU time of this thread, as the kernel counts it.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with schedstats");
    text.split(' ').next().and_then(|first| first.parse().ok()).expect("the first number is nanoseconds")
}

fn kv(key: impl Into<String>, value: impl Into<String>) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.into())) };
    KeyValue { key: key.into(), value: Some(value), ..Default::default() }
}

fn resource(pod: u64) -> Option<Resource> {
    let service = format!("service-{}", pod % 20);
    let mut attributes = vec![
        kv("service.name", service.clone()),
        kv("service.version", "1.31.2"),
        kv("service.instance.id", format!("0af7651916cd43dd8448eb211c80{pod:04}")),
        kv("k8s.pod.name", format!("{service}-7d4b9c6f5d-{pod:05}")),
        kv("telemetry.sdk.language", "java"),
    ];
    attributes
        .extend((0..17).map(|i| kv(format!("cloud.attribute.{i}"), format!("value-{i}-of-the-cluster"))));
    Some(Resource { attributes, ..Default::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "com.shop.web".into(), version: "2.1.0".into(), ..Default::default() })
}

fn id(i: u64, len: usize) -> Vec<u8> {
    let mut id = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().repeat(2);
    id.truncate(len);
    id
}

fn attributes(i: u64) -> Vec<KeyValue> {
    let mut all = vec![
        kv("log.logger", "com.shop.cart.RequestController"),
        kv("thread.name", format!("http-nio-8080-exec-{}", i % 16)),
        kv("http.request.method", "GET"),
        kv("http.route", "/api/products/{id}"),
        kv("user.id", format!("u{:07}", i.wrapping_mul(7919) % 200_000)),
        kv("client.address", format!("10.0.{}.{}", i % 250, i % 199)),
    ];
    all.truncate(3 + i as usize % 4);
    all
}

fn logs() -> Vec<u8> {
    let record = |i: u64| {
        LogRecord {
        time_unix_nano: NOW_NS + i,
        observed_time_unix_nano: NOW_NS + i + 1000,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: kv("", format!("10.2.{}.7 - u{i} \"GET /api/products/{} HTTP/1.1\" 200 {} \"https://shop.example/category/shoes\" \"Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0\" rt=0.0{}", i % 255, i * 31, i * 7, i % 97)).value,
        attributes: attributes(i),
        trace_id: if i % 20 < 11 { id(i, 16) } else { vec![] },
        span_id: if i % 20 < 11 { id(i, 8) } else { vec![] },
        ..Default::default()
    }
    };
    let resource_logs = (0..PODS).map(|pod| ResourceLogs {
        resource: resource(pod),
        scope_logs: vec![ScopeLogs {
            scope: scope(),
            log_records: (0..RECORDS / PODS).map(|i| record(pod * 10 + i)).collect(),
            ..Default::default()
        }],
        ..Default::default()
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }.encode_to_vec()
}

fn spans() -> Vec<u8> {
    let span = |i: u64| Span {
        trace_id: id(i / 8, 16),
        span_id: id(i, 8),
        parent_span_id: if !i.is_multiple_of(8) { id(i - 1, 8) } else { vec![] },
        name: "GET /api/products/{id}".into(),
        kind: 2,
        start_time_unix_nano: NOW_NS + i,
        end_time_unix_nano: NOW_NS + i + 1_000_000,
        attributes: attributes(i + 3),
        ..Default::default()
    };
    let resource_spans = (0..PODS).map(|pod| ResourceSpans {
        resource: resource(pod),
        scope_spans: vec![ScopeSpans {
            scope: scope(),
            spans: (0..RECORDS / PODS).map(|i| span(pod * 10 + i)).collect(),
            ..Default::default()
        }],
        ..Default::default()
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec()
}

fn metrics() -> Vec<u8> {
    let gauge = |i: u64| NumberDataPoint {
        attributes: attributes(i),
        start_time_unix_nano: NOW_NS - 1,
        time_unix_nano: NOW_NS,
        value: Some(number_data_point::Value::AsDouble(i as f64 * 0.5)),
        ..Default::default()
    };
    let histogram = |i: u64| HistogramDataPoint {
        attributes: attributes(i),
        start_time_unix_nano: NOW_NS - 1,
        time_unix_nano: NOW_NS,
        count: 120,
        sum: Some(3.5),
        bucket_counts: (0..12).collect(),
        explicit_bounds: (1..12).map(|b| f64::from(b) * 0.01).collect(),
        ..Default::default()
    };
    let metric = |name: &str, data| Metric {
        name: name.into(),
        unit: "s".into(),
        description: "How long it took.".into(),
        data: Some(data),
        ..Default::default()
    };
    let resource_metrics = (0..20).map(|pod| ResourceMetrics {
        resource: resource(pod),
        scope_metrics: vec![ScopeMetrics {
            scope: scope(),
            metrics: vec![
                metric("queue.wait", Data::Gauge(Gauge { data_points: (0..12).map(gauge).collect() })),
                metric(
                    "http.server.request.duration",
                    Data::Histogram(Histogram {
                        data_points: (0..3).map(histogram).collect(),
                        aggregation_temporality: 2,
                    }),
                ),
            ],
            ..Default::default()
        }],
        ..Default::default()
    });
    ExportMetricsServiceRequest { resource_metrics: resource_metrics.collect() }.encode_to_vec()
}
