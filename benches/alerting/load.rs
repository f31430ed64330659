//! What exporters send: OTLP over HTTP in protobuf, one request a connection, and senders that keep a pace.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use crate::support::{http, now_ns};
use crate::{Plan, REFRESH};

/// Series, or lines, of one request.
const OF_A_REQUEST: u64 = 1_000;
/// Who sends lines at once.
const LINE_SENDERS: u64 = 2;
const CUMULATIVE: i32 = 2;

#[derive(Clone)]
pub struct Exporter {
    /// `host:port` of the OTLP door.
    door: String,
}

/// Threads that send at a pace until they are told to stop.
pub struct Pacer {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    began: Instant,
    threads: Vec<JoinHandle<()>>,
}

pub fn pause(time: Duration) {
    let (_keep, nobody) = std::sync::mpsc::channel::<()>();
    let _ = nobody.recv_timeout(time);
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..Default::default() }
}

fn resource() -> Option<Resource> {
    Some(Resource { attributes: vec![text("service.name", "load")], ..Default::default() })
}

// === impl Exporter ===

impl Exporter {
    pub fn new(door: String) -> Self {
        Self { door }
    }

    /// Points of counters, now: rule, shard and value.
    pub fn points(&self, points: &[(u64, u64, f64)]) {
        let now = now_ns();
        let metric = |(rule, shard, value): &(u64, u64, f64)| {
            let zone = if shard % 2 == 0 { "a" } else { "b" };
            let point = NumberDataPoint {
                time_unix_nano: now,
                attributes: vec![text("zone", zone), text("shard", &shard.to_string())],
                value: Some(number_data_point::Value::AsDouble(*value)),
                ..Default::default()
            };
            let sum =
                Sum { data_points: vec![point], aggregation_temporality: CUMULATIVE, is_monotonic: true };
            Metric { name: format!("load_{rule}"), data: Some(metric::Data::Sum(sum)), ..Default::default() }
        };
        let scope = ScopeMetrics { metrics: points.iter().map(metric).collect(), ..Default::default() };
        let of_resource =
            ResourceMetrics { resource: resource(), scope_metrics: vec![scope], ..Default::default() };
        let request = ExportMetricsServiceRequest { resource_metrics: vec![of_resource] };
        self.send("metrics", &request.encode_to_vec());
    }

    /// One point of each of these series; a rule reads every `plan.rules`th of them.
    pub fn series(&self, plan: &Plan, numbers: Range<u64>) {
        let point = |n: u64| (n % plan.rules, n / plan.rules, 1.0);
        let mut from = numbers.start;
        while from < numbers.end {
            let to = (from + OF_A_REQUEST).min(numbers.end);
            self.points(&(from..to).map(point).collect::<Vec<_>>());
            from = to;
        }
    }

    /// Lines, now, some of a trip.
    pub fn lines(&self, lines: &[(String, Option<u64>)]) {
        let now = now_ns();
        let record = |(line, trip): &(String, Option<u64>)| LogRecord {
            time_unix_nano: now,
            body: text("", line).value,
            attributes: trip.iter().map(|trip| text("trip", &trip.to_string())).collect(),
            ..Default::default()
        };
        let scope = ScopeLogs { log_records: lines.iter().map(record).collect(), ..Default::default() };
        let of_resource =
            ResourceLogs { resource: resource(), scope_logs: vec![scope], ..Default::default() };
        let request = ExportLogsServiceRequest { resource_logs: vec![of_resource] };
        self.send("logs", &request.encode_to_vec());
    }

    fn send(&self, signal: &str, body: &[u8]) {
        let headers = [("Content-Type", "application/x-protobuf")];
        let answer = http::send(&self.door, "POST", &format!("/v1/{signal}"), &headers, body);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

// === impl Pacer ===

impl Pacer {
    /// Sends all series again and again.
    pub fn series(exporter: &Exporter, plan: &Plan) -> Self {
        let (exporter, plan) = (exporter.clone(), Plan { ..*plan });
        let requests = plan.series.div_ceil(OF_A_REQUEST).max(1);
        let every = REFRESH / u32::try_from(requests).unwrap();
        Self::start(1, every, move |n| {
            let from = n % requests * OF_A_REQUEST;
            let to = (from + OF_A_REQUEST).min(plan.series);
            exporter.series(&plan, from..to);
            to - from
        })
    }

    pub fn lines(exporter: &Exporter, per_s: u64) -> Self {
        let exporter = exporter.clone();
        let every = Duration::from_secs_f64(OF_A_REQUEST as f64 / per_s.max(1) as f64);
        Self::start(LINE_SENDERS, every, move |n| {
            let line = |n: u64| {
                let line = format!("order {n} taken of customer {} in zone {}", n * 7919 % 100_003, n % 7);
                (line, None)
            };
            let first = n * OF_A_REQUEST;
            exporter.lines(&(first..first + OF_A_REQUEST).map(line).collect::<Vec<_>>());
            OF_A_REQUEST
        })
    }

    /// Request `n` of all threads together is sent at `n` times `every`; one that is late does not shift the next.
    fn start(threads: u64, every: Duration, send: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (send, began) = (Arc::new(send), Instant::now());
        let thread = |first: u64| {
            let (stop, sent, send) = (Arc::clone(&stop), Arc::clone(&sent), Arc::clone(&send));
            thread::spawn(move || {
                let mut n = first;
                while !stop.load(Ordering::Relaxed) {
                    sent.fetch_add(send(n), Ordering::Relaxed);
                    n += threads;
                    let due = every * u32::try_from(n).unwrap();
                    pause(due.saturating_sub(began.elapsed()));
                }
            })
        };
        Self { threads: (0..threads).map(thread).collect(), stop, sent, began }
    }

    /// How many came in a second.
    pub fn stop(self) -> f64 {
        let rate = self.sent.load(Ordering::Relaxed) as f64 / self.began.elapsed().as_secs_f64();
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        rate
    }
}
