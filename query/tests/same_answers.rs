//! Answers do not depend on where samples are: series of several segments and the head, read by several threads, say what
//! one head says that is read by one. A range says at each step what an instant query says.

// Helpers of a test may unwrap as the test itself may.
#![allow(clippy::unwrap_used)]

use engine::promql::{self, Data, InstantParams, RangeParams, Settings};
use store::model::{
    Batch, Budget, HistogramPoint, MetricKind, MetricRef, RequestCtx, Role, SampleBatchBuilder, SeriesPart,
    StreamParts, Temporality, Tenant, Value,
};
use store::{Append, Config, Snapshot, Store};

const STEP: i64 = 15_000;
const STEPS: i64 = 80;
const PODS: i64 = 60;
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

const EXPRESSIONS: &[&str] = &[
    "rate(orders_total[5m])",
    "sum by (job) (rate(orders_total[5m]))",
    "sum by (service_name, route) (increase(orders_total[2m]))",
    "sum without (instance) (irate(sent_total[2m]))",
    "increase(sent_total[3m])",
    "sent_total",
    "delta(depth[4m])",
    "avg by (route) (depth)",
    "topk(3, depth)",
    "count by (__name__) ({__name__=~\".+\"})",
    "stddev(max_over_time(depth[1m]))",
    "histogram_quantile(0.9, sum by (job) (rate(latency[5m])))",
    "sum(increase(waits[5m]))",
    "histogram_count(waits)",
    "sum(last_over_time(depth[10m])) - on () group_left () count(depth)",
    "max_over_time(sum(rate(orders_total[1m]))[5m:30s])",
    "resets(orders_total[10m])",
    "orders_total offset 1m == bool orders_total @ end()",
];

/// Well spread numbers from small ones (the finaliser of SplitMix64).
fn spread(number: i64) -> u64 {
    let number = number as u64;
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn chance(of: u64, number: i64) -> bool {
    spread(number).is_multiple_of(of)
}

fn ctx() -> RequestCtx {
    RequestCtx::new(Tenant::authenticated("a").unwrap(), "test", Role::Admin, None, Budget::new(1 << 30))
}

/// What a pod sends at a step: counters that are reset now and then, growth, gauges that end, histograms.
fn export(b: &mut SampleBatchBuilder, pod: i64, step: i64) {
    let (job, id) = (format!("job-{}", pod % 7), format!("pod-{pod}"));
    let resource = [("service.instance.id", Value::Str(&id)), ("service.name", Value::Str(&job))];
    let stream = b.stream(&StreamParts { resource: &resource, ..StreamParts::default() });
    let time = step * STEP + pod % 5 * 1_000;
    // Every pod begins anew once, at a time of its own.
    let began_at = if step >= pod % 60 { pod % 60 } else { -20 };
    // Just before the sample, so that no step lies between.
    let start = (began_at * STEP + pod % 5 * 1_000 - 500).max(1);
    for route in 0..4 {
        let seed = pod * 1_000 + route;
        let route = format!("/{route}");
        let attributes = [("route", Value::Str(&route))];
        for (name, kind, temporality, monotonic) in [
            ("orders", MetricKind::Sum, Temporality::Cumulative, true),
            ("sent", MetricKind::Sum, Temporality::Delta, true),
            ("depth", MetricKind::Gauge, Temporality::Unspecified, false),
            ("latency", MetricKind::ExponentialHistogram, Temporality::Cumulative, false),
            ("waits", MetricKind::ExponentialHistogram, Temporality::Delta, false),
        ] {
            let metric = MetricRef { name, unit: "", description: "", kind, temporality, monotonic };
            let (metric, attributes) = (b.metric(metric), b.attributes(&mut attributes.to_vec()));
            let group = b.series(stream, metric, attributes, SeriesPart::Value);
            let grown = ((step - began_at) * (1 + (spread(seed) % 9) as i64)) as f64;
            let now = (spread(seed + step) % 100) as f64;
            let histogram = |count: f64| HistogramPoint {
                count,
                sum: count * 3.5,
                positive: vec![count / 2.0, count / 2.0],
                ..HistogramPoint::default()
            };
            match name {
                "orders" => b.point(group, time, start, grown),
                "sent" => b.point(group, time, time - STEP, now),
                "depth" => {
                    let ends = chance(40, seed + step);
                    b.point(group, time, 0, if ends { STALE } else { now / 7.0 });
                }
                "latency" => b.histogram(group, time, start, &histogram(grown)),
                _ => b.histogram(group, time, time - STEP, &histogram(now)),
            }
        }
    }
}

/// The exports of all pods, one in ten of them late, one in twenty missing or sent twice.
fn batches() -> Vec<Batch> {
    let mut sent: Vec<(i64, i64, i64)> = Vec::new();
    for step in 0..STEPS {
        for pod in 0..PODS {
            let number = step * 10_000 + pod;
            let late = if chance(10, number) { (spread(number + 1) % 30) as i64 } else { 0 };
            if !chance(20, number + 2) {
                sent.push((step + late, pod, step));
            }
            if chance(20, number + 3) {
                sent.push((step + 20, pod, step));
            }
        }
    }
    sent.sort_by_key(|(at, pod, _)| (*at, *pod));
    let batch = |sent: &[(i64, i64, i64)]| {
        let mut b = SampleBatchBuilder::default();
        sent.iter().for_each(|(_, pod, step)| export(&mut b, *pod, *step));
        Batch::Samples(b.finish())
    };
    sent.chunks(40).map(batch).collect()
}

fn range(snapshot: &Snapshot, text: &str) -> promql::Answer {
    let expr = promql::parse(text).unwrap();
    let params =
        RangeParams { start_ms: 0, end_ms: STEPS * STEP, step_ms: 40_000, settings: Settings::default() };
    promql::range(&ctx(), snapshot, &expr, &params).unwrap()
}

#[test]
fn answers_do_not_depend_on_where_samples_are_nor_on_how_many_read_them() {
    let dir = tempfile::tempdir().unwrap();
    let all = batches();
    let plain = Snapshot::of_batches(all.iter().cloned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = Store::open(Config::new(dir.path())).unwrap();
    runtime.block_on(async {
        let third = all.len() / 3;
        for (at, batch) in all.into_iter().enumerate() {
            store.writer().append(&ctx(), Append { batch, key: None, answer: Vec::new() }).await.unwrap();
            if at == third || at == 2 * third {
                store.flush().await.unwrap();
            }
        }
    });
    let stored = store.snapshot(&ctx().tenant);
    for text in EXPRESSIONS {
        let (one, other) = (range(&plain, text), range(&stored, text));
        assert!(
            matches!(&one.value, Data::Matrix(series) if !series.is_empty()),
            "{text}: nothing to compare"
        );
        assert!(shown(&one) == shown(&other), "{text}");
        assert_eq!(one.samples, other.samples, "{text}");
    }
}

/// NaN is equal to nothing, so answers are compared as they are written.
fn shown(answer: &promql::Answer) -> String {
    format!("{:?} {:?} {:?}", answer.value, answer.warnings, answer.infos)
}

#[test]
fn a_range_says_at_each_step_what_an_instant_query_says() {
    let plain = Snapshot::of_batches(batches());
    for text in EXPRESSIONS.iter().filter(|text| !text.contains("end()")) {
        let Data::Matrix(series) = range(&plain, text).value else { panic!("{text}") };
        let expr = promql::parse(text).unwrap();
        for time_ms in (0..=STEPS * STEP).step_by(40_000 * 3) {
            let params = InstantParams { time_ms, settings: Settings::default() };
            let Data::Vector(mut at) = promql::instant(&ctx(), &plain, &expr, &params).unwrap().value else {
                panic!("{text}")
            };
            at.sort_by(|a, b| a.labels.cmp(&b.labels));
            let instant: Vec<String> = at.iter().map(|s| format!("{:?} {:?}", s.labels, s.value)).collect();
            let ranged: Vec<String> = series
                .iter()
                .filter_map(|s| {
                    let float =
                        s.floats.iter().find(|(t, _)| *t == time_ms).map(|(_, v)| promql::Point::Float(*v));
                    let histogram = s.histograms.iter().find(|(t, _)| *t == time_ms);
                    let point = float.or(histogram.map(|(_, h)| promql::Point::Histogram(h.clone())))?;
                    Some(format!("{:?} {:?}", s.labels, point))
                })
                .collect();
            let differ = instant.iter().zip(&ranged).find(|(instant, ranged)| instant != ranged);
            assert_eq!(differ, None, "{text} at {time_ms}");
            assert_eq!(instant.len(), ranged.len(), "{text} at {time_ms}");
        }
    }
}
