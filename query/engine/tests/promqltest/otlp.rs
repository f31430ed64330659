//! OTLP data of the same tenant. Scripts say nothing of it and must not notice it.

use store::model::{
    HistogramPoint, Labels, MetricKind, MetricRef, SampleBatch, SampleBatchBuilder, SeriesPart, StreamParts,
    Temporality, Value,
};

const MINUTE: i64 = 60_000;
/// Scripts look at the first hours after time zero.
const POINTS: i64 = 240;

/// Whether a series is one of these.
pub fn is_own(labels: &Labels) -> bool {
    labels.get("http_route") == Some("/pay")
}

/// Every kind of metric from one resource, of both temporalities.
pub fn batch() -> SampleBatch {
    let resource = [
        ("service.name", Value::Str("checkout")),
        ("service.instance.id", Value::Str("checkout-0")),
        ("k8s.pod.name", Value::Str("checkout-0")),
    ];
    let parts =
        StreamParts { resource: &resource, scope_name: "shop", scope_version: "1", ..StreamParts::default() };
    let mut builder = SampleBatchBuilder::default();
    let stream = builder.stream(&parts);
    let mut pairs = vec![("http.route", Value::Str("/pay"))];
    let attributes = builder.attributes(&mut pairs);
    for (name, unit, kind, temporality) in [
        ("shop.queue.length", "{order}", MetricKind::Gauge, Temporality::Unspecified),
        ("shop.orders", "{order}", MetricKind::Sum, Temporality::Cumulative),
        ("shop.refunds", "{order}", MetricKind::Sum, Temporality::Delta),
        ("shop.pay.duration", "s", MetricKind::Histogram, Temporality::Cumulative),
        ("shop.pack.duration", "s", MetricKind::ExponentialHistogram, Temporality::Delta),
        ("shop.ship.duration", "s", MetricKind::Summary, Temporality::Unspecified),
    ] {
        let monotonic = kind == MetricKind::Sum;
        let metric = builder.metric(MetricRef { name, unit, description: "", kind, temporality, monotonic });
        let parts = builder.parts(parts_of(kind).iter().copied());
        let group = builder.group(stream, metric, attributes, parts);
        for n in 1..=POINTS {
            let delta = temporality == Temporality::Delta;
            let start = if delta { (n - 1) * MINUTE } else { 0 };
            let value = if delta { 1.0 } else { n as f64 };
            if kind == MetricKind::ExponentialHistogram {
                let positive = vec![value];
                let point =
                    HistogramPoint { count: value, sum: value, positive, ..HistogramPoint::default() };
                builder.histogram(group, n * MINUTE, start, &point);
            } else {
                let values = parts_of(kind).iter().map(|_| value);
                builder.group_point(group, n * MINUTE, start, values);
            }
        }
    }
    builder.finish()
}

fn parts_of(kind: MetricKind) -> &'static [SeriesPart] {
    match kind {
        MetricKind::Histogram => {
            &[SeriesPart::Bucket(0.1), SeriesPart::Bucket(f64::INFINITY), SeriesPart::Sum, SeriesPart::Count]
        }
        MetricKind::Summary => &[SeriesPart::Quantile(0.5), SeriesPart::Sum, SeriesPart::Count],
        _ => &[SeriesPart::Value],
    }
}
