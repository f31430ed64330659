//! Data points.

use std::collections::BTreeMap;
use std::ops::Range;

use store::SeriesSamples;
use store::model::{CUSTOM_BUCKETS_SCALE, HistogramPoint, Labels, MetricKind, SeriesPart};

use crate::json::Json;

/// Marks the end of a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// The flag of a point that tells of an end.
const NO_VALUE: i32 = 1;

/// What the parts of a classic histogram or a summary say at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Joined {
    time_ms: i64,
    start_ms: i64,
    count: Option<f64>,
    sum: Option<f64>,
    /// Cumulative counts by bound, or values by quantile.
    bounds: Vec<(f64, f64)>,
}

pub(super) fn numbers(a: &mut Json, series: &SeriesSamples, labels: &Labels, range: Range<usize>) {
    for at in range {
        let value = series.values[at];
        point(a, labels, (start_at(&series.starts, at), series.times[at]), |o| {
            if value.to_bits() == STALE {
                o.key("flags").int(NO_VALUE)
            } else {
                number(o.key("asDouble"), value)
            }
        });
    }
}

pub(super) fn native(a: &mut Json, series: &SeriesSamples, labels: &Labels, range: Range<usize>) {
    for (time_ms, start_ms, histogram) in &series.histograms[range] {
        if histogram.sum.to_bits() != STALE && !is_exponential(histogram) {
            continue;
        }
        point(a, labels, (*start_ms, *time_ms), |o| {
            if histogram.sum.to_bits() == STALE {
                return o.key("flags").int(NO_VALUE);
            }
            count(o, "count", histogram.count);
            number(o.key("sum"), histogram.sum);
            o.key("scale").int(histogram.scale);
            count(o, "zeroCount", histogram.zero_count);
            number(o.key("zeroThreshold"), histogram.zero_threshold);
            buckets(o, "positive", histogram.positive_offset, &histogram.positive);
            buckets(o, "negative", histogram.negative_offset, &histogram.negative);
        });
    }
}

/// Whether OTLP can say it: exponential buckets, whole counts.
fn is_exponential(h: &HistogramPoint) -> bool {
    let counts = [h.count, h.zero_count];
    h.scale != CUSTOM_BUCKETS_SCALE
        && counts
            .iter()
            .chain(&h.positive)
            .chain(&h.negative)
            .all(|count| count.fract() == 0.0 && *count >= 0.0)
}

fn buckets(o: &mut Json, name: &str, offset: i32, counts: &[f64]) {
    if !counts.is_empty() {
        o.key(name).object(|b| {
            b.key("offset").int(offset);
            b.key("bucketCounts").array(|a| counts.iter().for_each(|count| a.string(&whole(*count))));
        });
    }
}

/// Parts that came together are at one time.
pub(super) fn join(parts: &[SeriesSamples]) -> Vec<Joined> {
    let mut points: BTreeMap<(i64, i64), Joined> = BTreeMap::new();
    for series in parts {
        for (at, (time_ms, value)) in series.times.iter().zip(&series.values).enumerate() {
            let start_ms = start_at(&series.starts, at);
            let point = points.entry((*time_ms, start_ms)).or_default();
            (point.time_ms, point.start_ms) = (*time_ms, start_ms);
            match series.meta.part {
                SeriesPart::Count => point.count = Some(*value),
                SeriesPart::Sum => point.sum = Some(*value),
                SeriesPart::Bucket(bound) | SeriesPart::Quantile(bound) => point.bounds.push((bound, *value)),
                SeriesPart::Value => {}
            }
        }
    }
    let mut joined: Vec<Joined> = points.into_values().collect();
    joined.iter_mut().for_each(|point| point.bounds.sort_by(|a, b| a.0.total_cmp(&b.0)));
    joined
}

pub(super) fn classic(a: &mut Json, joined: &Joined, labels: &Labels, kind: MetricKind) {
    let mut values =
        joined.count.iter().chain(&joined.sum).chain(joined.bounds.iter().map(|(_, value)| value));
    let ended = values.any(|value| value.to_bits() == STALE);
    point(a, labels, (joined.start_ms, joined.time_ms), |o| {
        if ended {
            return o.key("flags").int(NO_VALUE);
        }
        let last = joined.bounds.last().map(|(_, count)| *count).filter(|_| kind == MetricKind::Histogram);
        count(o, "count", joined.count.or(last).unwrap_or(0.0));
        if let Some(sum) = joined.sum {
            number(o.key("sum"), sum);
        }
        if kind == MetricKind::Summary {
            return o.key("quantileValues").array(|list| {
                joined.bounds.iter().for_each(|(quantile, value)| {
                    list.object(|q| {
                        number(q.key("quantile"), *quantile);
                        number(q.key("value"), *value);
                    });
                });
            });
        }
        let finite: Vec<f64> =
            joined.bounds.iter().map(|(bound, _)| *bound).filter(|b| b.is_finite()).collect();
        o.key("explicitBounds").array(|list| finite.iter().for_each(|bound| list.number(*bound)));
        let mut before = 0.0;
        o.key("bucketCounts").array(|list| {
            for (_, cumulative) in &joined.bounds {
                list.string(&whole(cumulative - before));
                before = *cumulative;
            }
        });
    });
}

fn point(a: &mut Json, labels: &Labels, (start_ms, time_ms): (i64, i64), value: impl FnOnce(&mut Json)) {
    a.object(|o| {
        o.key("attributes").array(|list| {
            labels.iter().for_each(|(name, value)| {
                list.object(|pair| {
                    pair.member("key", name);
                    pair.key("value").object(|v| v.member("stringValue", value));
                });
            });
        });
        if start_ms > 0 {
            o.member("startTimeUnixNano", &nanoseconds(start_ms));
        }
        o.member("timeUnixNano", &nanoseconds(time_ms));
        value(o);
    });
}

fn nanoseconds(time_ms: i64) -> String {
    (i128::from(time_ms) * 1_000_000).to_string()
}

fn count(o: &mut Json, name: &str, value: f64) {
    o.member(name, &whole(value));
}

fn whole(value: f64) -> String {
    (value as u64).to_string()
}

/// A double as OTLP/JSON writes it.
pub(super) fn number(json: &mut Json, value: f64) {
    match value {
        value if value.is_finite() => json.number(value),
        value if value.is_nan() => json.string("NaN"),
        value => json.string(if value > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

fn start_at(starts: &[(u32, i64)], row: usize) -> i64 {
    let after = starts.partition_point(|(from, _)| *from as usize <= row);
    after.checked_sub(1).map_or(0, |at| starts[at].1)
}
