//! One window: what its spans say against what the store has of it.

use std::collections::BTreeMap;

use engine::spans::service_graph;
use store::model::{
    Batch, Exemplar, LabelMatcher, Labels, MatchOp, MetricKind, MetricRef, Nested, NestedWriter, RequestCtx,
    SampleBatchBuilder, SeriesPart, StreamParts, Temporality, Value,
};
use store::{SeriesQuery, Snapshot, Store};

use super::series::{self, Key, LABELS, METRICS, Numbers};
use crate::failure::Failure;
use crate::own::SETTLE_NS;
use crate::request::time::NS_PER_MS;

/// Sums of seconds are compared to a nanosecond.
const SAME_S: f64 = 1e-9;

/// Unix nanoseconds, the end exclusive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) now: i64,
}

/// The growth that is missing; `None`: none is. Blocking.
pub(super) fn difference(ctx: &RequestCtx, store: &Store, window: Window) -> Result<Option<Batch>, Failure> {
    let snapshot = store.snapshot(&ctx.tenant);
    let settled = window.now.saturating_sub(SETTLE_NS);
    let graph = service_graph(ctx, &snapshot, (window.start, window.end), settled)?;
    let mut wanted = series::wanted(graph);
    let stored = stored(ctx, &snapshot, window)?;
    // What is not wanted any more goes back to nothing.
    for key in stored.keys() {
        wanted.entry(key.clone()).or_default();
    }
    let mut out = Growth::new(window);
    for (name, histogram) in METRICS {
        let parts = series::parts(histogram);
        for (key, numbers) in wanted.iter().filter(|(key, _)| key.metric == name) {
            let had = stored.get(key);
            let grown: Vec<f64> = (0..parts.len())
                .map(|part| {
                    let number = |of: Option<&Numbers>| of.and_then(|of| of.values.get(part)).copied();
                    number(Some(numbers)).unwrap_or(0.0) - number(had).unwrap_or(0.0)
                })
                .collect();
            if grown.iter().any(|value| value.abs() > SAME_S) {
                out.add(key, &parts, &grown, numbers);
            }
        }
    }
    Ok(out.finish())
}

/// What the store has of the window, by series.
fn stored(ctx: &RequestCtx, snapshot: &Snapshot, window: Window) -> Result<BTreeMap<Key, Numbers>, Failure> {
    let mut out: BTreeMap<Key, Numbers> = BTreeMap::new();
    for (metric, histogram) in METRICS {
        let parts = series::parts(histogram);
        for (name, suffix) in names(metric, histogram) {
            let matcher = LabelMatcher::new(Labels::METRIC_NAME, MatchOp::Equal, &name);
            let query = SeriesQuery {
                matchers: vec![matcher.map_err(|error| Failure::bad(error.to_string()))?],
                start_ms: window.start.div_euclid(NS_PER_MS),
                end_ms: window.end.div_euclid(NS_PER_MS) - 1,
                totals: false,
            };
            for series in snapshot.select(ctx, &query)? {
                let part = parts.iter().position(|part| is_part(*part, suffix, series.labels.get("le")));
                let Some(part) = part else { continue };
                let has = |label: &'static str| Some((label, series.labels.get(label)?.to_owned()));
                let key = Key { metric, labels: LABELS.into_iter().filter_map(has).collect() };
                let numbers = out.entry(key).or_default();
                numbers.values.resize(parts.len(), 0.0);
                if let Some(sum) = numbers.values.get_mut(part) {
                    *sum += series.values.iter().filter(|value| !value.is_nan()).sum::<f64>();
                }
            }
        }
    }
    Ok(out)
}

fn names(metric: &str, histogram: bool) -> Vec<(String, &'static str)> {
    let suffixes: &[&str] = if histogram { &["_bucket", "_sum", "_count"] } else { &["_total"] };
    suffixes.iter().map(|suffix| (format!("{metric}{suffix}"), *suffix)).collect()
}

fn is_part(part: SeriesPart, suffix: &str, le: Option<&str>) -> bool {
    match part {
        SeriesPart::Value => suffix == "_total",
        SeriesPart::Sum => suffix == "_sum",
        SeriesPart::Count => suffix == "_count",
        SeriesPart::Bucket(bound) => {
            let le = le.and_then(|le| le.parse::<f64>().ok());
            suffix == "_bucket" && le == Some(bound)
        }
        SeriesPart::Quantile(_) => false,
    }
}

/// The samples to write.
struct Growth {
    builder: SampleBatchBuilder,
    stream: u32,
    time_ms: i64,
    start_ms: i64,
    metrics: BTreeMap<&'static str, u32>,
}

impl Growth {
    /// Within the window and never in the future. Growth of one time and start would replace each other, so each
    /// settling has a time and a start of its own; the start is read by nobody else.
    fn new(window: Window) -> Self {
        let mut builder = SampleBatchBuilder::default();
        let stream = builder.stream(&StreamParts { scope_name: super::SCOPE, ..Default::default() });
        let [start_ms, end_ms, now_ms] =
            [window.start, window.end, window.now].map(|nanos| nanos.div_euclid(NS_PER_MS));
        let spread = (window.now.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as i64;
        let closed_ms = start_ms + 1 + spread % (end_ms - start_ms - 1).max(1);
        let time_ms = if now_ms < end_ms { now_ms.max(start_ms + 1) } else { closed_ms };
        Self { builder, stream, time_ms, start_ms: start_ms - spread % 997, metrics: BTreeMap::new() }
    }

    fn add(&mut self, key: &Key, parts: &[SeriesPart], grown: &[f64], numbers: &Numbers) {
        let histogram = parts.len() > 1;
        let builder = &mut self.builder;
        let metric = *self.metrics.entry(key.metric).or_insert_with(|| {
            builder.metric(MetricRef {
                name: key.metric,
                unit: "",
                description: "",
                kind: if histogram { MetricKind::Histogram } else { MetricKind::Sum },
                temporality: Temporality::Delta,
                monotonic: true,
            })
        });
        let mut pairs: Vec<(&str, Value<'_>)> =
            key.labels.iter().map(|(name, value)| (*name, Value::Str(value))).collect();
        let attributes = self.builder.attributes(&mut pairs);
        let range = self.builder.parts(parts.iter().copied());
        let group = self.builder.group(self.stream, metric, attributes, range);
        self.builder.group_point(group, self.time_ms, self.start_ms, grown.iter().copied());
        let count = grown.last().copied().unwrap_or_default();
        if let Some(example) = numbers.example.filter(|_| histogram && count > 0.0) {
            let seconds = example.duration_ns as f64 / 1e9;
            let part =
                parts.iter().position(|part| matches!(part, SeriesPart::Bucket(bound) if *bound >= seconds));
            let mut none = NestedWriter::default();
            none.begin_map();
            none.end();
            let none = none.into_bytes();
            self.builder.exemplar(Exemplar {
                group,
                part: part.unwrap_or_default() as u32,
                time_ms: self.time_ms,
                value: seconds,
                trace_id: &example.trace_id,
                span_id: &example.span_id.to_be_bytes(),
                attributes: Nested::new(&none),
            });
        }
    }

    fn finish(self) -> Option<Batch> {
        (self.builder.rows() > 0).then(|| Batch::Samples(self.builder.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_of_edges_is_called_as_others_look_for_it() {
        assert_eq!(names(series::REQUESTS, false), [(super::super::CALLS_BETWEEN.to_owned(), "_total")]);
    }
}
