//! Classic histograms: series with a bound in their `le` label, put together again.

use rustc_hash::FxHashMap;
use store::model::Labels;

use crate::promql::eval::{Eval, Forced, Row, is_absent};
use crate::promql::number::parse_number;
use crate::promql::quote::quote;

pub(super) const BOUND: &str = "le";

/// The observations up to a bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    pub upper: f64,
    pub count: f64,
}

/// The series of one histogram: their rows with their bounds, ascending; and its native rows.
pub(super) struct Classic {
    pub labels: Labels,
    pub bounds: Vec<(f64, usize)>,
    pub native: Vec<usize>,
}

/// Sorts rows into histograms.
pub(super) fn group(eval: &mut Eval<'_>, rows: &[Row]) -> Vec<Classic> {
    let mut index: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut groups: Vec<Classic> = Vec::new();
    let mut at = |labels: Labels, groups: &mut Vec<Classic>| {
        *index.entry(labels.clone()).or_insert_with(|| {
            groups.push(Classic { labels, bounds: Vec::new(), native: Vec::new() });
            groups.len() - 1
        })
    };
    for (n, row) in rows.iter().enumerate() {
        if row.histograms.is_some() {
            let slot = at(row.labels.clone(), &mut groups);
            groups[slot].native.push(n);
        }
        if row.floats.iter().all(|v| is_absent(*v)) {
            continue;
        }
        let le = row.labels.get(BOUND).unwrap_or("");
        let Some(bound) = parse_number(le) else {
            let le = quote(le);
            let message =
                format!("bucket label \"le\" is missing or has a malformed value of {le} for metric name");
            eval.notes.warn_metric(&message);
            continue;
        };
        let labels = row.labels.filter(|name| name != BOUND);
        let slot = at(labels, &mut groups);
        groups[slot].bounds.push((bound, n));
    }
    for classic in &mut groups {
        classic.bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    groups
}

/// A histogram's buckets at one step: bounds that are equal counted together, counts made to ascend. Says
/// where they did not by more than rounding.
pub(super) fn at_step(classic: &Classic, rows: &[Row], i: usize, out: &mut Vec<Bucket>) -> Option<Forced> {
    out.clear();
    for (upper, row) in &classic.bounds {
        let count = rows[*row].floats[i];
        if is_absent(count) {
            continue;
        }
        match out.last_mut() {
            Some(last) if last.upper == *upper => last.count += count,
            _ => out.push(Bucket { upper: *upper, count }),
        }
    }
    let mut forced: Option<Forced> = None;
    let mut before = out.first()?.count;
    for bucket in &mut out[1..] {
        // Tiny steps are rounding; treated as none so that they do not attract the quantile.
        if almost_equal(before, bucket.count) {
            bucket.count = before;
        } else if bucket.count < before {
            let (upper, by) = (bucket.upper, before - bucket.count);
            let f = forced.get_or_insert(Forced { lowest: upper, highest: upper, by, ..Forced::default() });
            (f.highest, f.by) = (upper, f.by.max(by));
            bucket.count = before;
        }
        before = bucket.count;
    }
    forced
}

const ROUNDING: f64 = 1e-12;

fn almost_equal(a: f64, b: f64) -> bool {
    let (size, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    if a == 0.0 || b == 0.0 || size < f64::MIN_POSITIVE {
        return difference < ROUNDING * f64::MIN_POSITIVE;
    }
    difference / size.min(f64::MAX) < ROUNDING
}

pub(super) fn quantile(q: f64, buckets: &[Bucket]) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let [inner @ .., last] = buckets else { return f64::NAN };
    if last.upper != f64::INFINITY || inner.is_empty() || last.count == 0.0 || last.count.is_nan() {
        return f64::NAN;
    }
    let mut rank = q * last.count;
    let at = inner.partition_point(|b| b.count < rank);
    if at == inner.len() {
        return inner[at - 1].upper;
    }
    let end = inner[at].upper;
    if at == 0 && end <= 0.0 {
        return end;
    }
    let (mut start, mut count) = (0.0, inner[at].count);
    if at > 0 {
        start = inner[at - 1].upper;
        count -= inner[at - 1].count;
        rank -= inner[at - 1].count;
    }
    start + (end - start) * (rank / count)
}

/// Estimated share of observations in `(lower, upper]`.
pub(super) fn fraction(lower: f64, upper: f64, buckets: &[Bucket]) -> f64 {
    let Some(last) = buckets.last() else { return f64::NAN };
    let unusable = last.upper != f64::INFINITY || last.count == 0.0 || last.count.is_nan();
    if unusable || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank(upper, buckets) - rank(lower, buckets)) / last.count
}

/// Estimated number of observations up to a value.
fn rank(value: f64, buckets: &[Bucket]) -> f64 {
    let at = buckets.partition_point(|b| b.upper < value);
    let Some(bucket) = buckets.get(at) else { return buckets.last().map_or(0.0, |b| b.count) };
    let below = if at > 0 { buckets[at - 1].count } else { 0.0 };
    let start = if at > 0 {
        buckets[at - 1].upper
    } else if bucket.upper > 0.0 {
        0.0
    } else {
        f64::NEG_INFINITY
    };
    if value >= bucket.upper {
        return bucket.count;
    }
    if value <= start || bucket.upper.is_infinite() {
        return below;
    }
    if start.is_infinite() {
        return bucket.count;
    }
    below + (bucket.count - below) * ((value - start) / (bucket.upper - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_fractions_of_classic_buckets() {
        let buckets = [(0.1, 10.0), (0.5, 30.0), (1.0, 40.0), (f64::INFINITY, 40.0)];
        let buckets = buckets.map(|(upper, count)| Bucket { upper, count });
        assert_eq!(quantile(0.5, &buckets), 0.1 + 0.4 * 0.5);
        assert_eq!(quantile(1.0, &buckets), 1.0);
        assert_eq!(quantile(0.0, &buckets), 0.0);
        assert_eq!(fraction(0.0, 0.5, &buckets), 0.75);
        assert!(quantile(0.5, &buckets[..3]).is_nan(), "without +Inf nothing is known");
    }
}
