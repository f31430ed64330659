//! Native histograms as values of the language: floats throughout, exponential or custom buckets.

mod arithmetic;
mod quantile;
mod trim;

pub(crate) use arithmetic::{Clash, Incompatible, Total};

pub use store::model::ResetHint;
use store::model::{CUSTOM_BUCKETS_SCALE, HistogramPoint};

use super::number::fmt_general;

/// Counts of neighbouring buckets; the first has the index `offset`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    pub offset: i32,
    pub counts: Vec<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Bucket `i` of an exponential histogram covers `(2^((i-1)/2^schema), 2^(i/2^schema)]`.
    pub schema: i32,
    pub zero_threshold: f64,
    pub zero_count: f64,
    pub count: f64,
    pub sum: f64,
    pub positive: Counts,
    pub negative: Counts,
    /// Upper bounds of custom buckets (all counts are in `positive`, from index 0); absent: exponential.
    pub custom: Option<Vec<f64>>,
    pub hint: ResetHint,
}

/// One bucket with its bounds, as answers list them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub count: f64,
    pub lower_inclusive: bool,
    pub upper_inclusive: bool,
}

// === impl Counts ===

impl Counts {
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, f64)> {
        self.counts.iter().enumerate().map(|(i, count)| (self.offset.saturating_add(i as i32), *count))
    }

    pub(crate) fn get(&self, index: i32) -> f64 {
        let at = i64::from(index) - i64::from(self.offset);
        usize::try_from(at).ok().and_then(|at| self.counts.get(at)).copied().unwrap_or(0.0)
    }

    /// Drops empty buckets at both ends.
    pub(crate) fn compact(&mut self) {
        let Some(first) = self.counts.iter().position(|c| *c != 0.0) else {
            *self = Self::default();
            return;
        };
        let end = self.counts.iter().rposition(|c| *c != 0.0).map_or(0, |last| last + 1);
        self.counts.truncate(end);
        self.counts.drain(..first);
        self.offset += first as i32;
    }
}

// === impl Histogram ===

impl Histogram {
    /// The store's point. OTel numbers buckets by their lower bound, Prometheus by their upper one.
    pub(crate) fn from_point(point: &HistogramPoint) -> Self {
        let counts = |offset: i32, counts: &[f64]| Counts {
            offset: offset.saturating_add(1),
            counts: counts.to_vec(),
        };
        Self {
            schema: point.scale,
            zero_threshold: point.zero_threshold,
            zero_count: point.zero_count,
            count: point.count,
            sum: point.sum,
            positive: counts(point.positive_offset, &point.positive),
            negative: counts(point.negative_offset, &point.negative),
            custom: (point.scale == CUSTOM_BUCKETS_SCALE).then(|| point.bounds.clone()),
            hint: point.hint,
        }
    }

    /// As the store keeps it: what rules record.
    pub fn to_point(&self) -> HistogramPoint {
        HistogramPoint {
            count: self.count,
            sum: self.sum,
            scale: self.schema,
            zero_count: self.zero_count,
            zero_threshold: self.zero_threshold,
            positive_offset: self.positive.offset.saturating_sub(1),
            positive: self.positive.counts.clone(),
            negative_offset: self.negative.offset.saturating_sub(1),
            negative: self.negative.counts.clone(),
            bounds: self.custom.clone().unwrap_or_default(),
            hint: self.hint,
        }
    }

    pub fn uses_custom_buckets(&self) -> bool {
        self.custom.is_some()
    }

    /// Upper bound of a positive bucket.
    pub(crate) fn bound(&self, index: i32) -> f64 {
        if let Some(custom) = &self.custom {
            return match usize::try_from(index) {
                Ok(i) => custom.get(i).copied().unwrap_or(f64::INFINITY),
                Err(_) => f64::NEG_INFINITY,
            };
        }
        exponential_bound(index, self.schema)
    }

    /// Buckets with counts, from the lowest to the highest value.
    pub fn buckets(&self) -> Vec<Bucket> {
        let mut buckets = Vec::with_capacity(self.negative.counts.len() + self.positive.counts.len() + 1);
        for (i, count) in self.negative.iter().rev() {
            let (lower, upper) = (-self.bound(i), -self.bound(i.saturating_sub(1)));
            buckets.push(Bucket { lower, upper, count, lower_inclusive: true, upper_inclusive: false });
        }
        let zero = self.zero_threshold;
        let (lower_inclusive, upper_inclusive) = (true, true);
        buckets.push(Bucket {
            lower: -zero,
            upper: zero,
            count: self.zero_count,
            lower_inclusive,
            upper_inclusive,
        });
        for (i, count) in self.positive.iter() {
            let (lower, upper) = (self.bound(i.saturating_sub(1)), self.bound(i));
            let lower_inclusive = self.custom.is_some() && lower == f64::NEG_INFINITY;
            buckets.push(Bucket { lower, upper, count, lower_inclusive, upper_inclusive: true });
        }
        buckets.retain(|b| b.count != 0.0);
        buckets
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// Variance, taking every observation to lie in the middle of its bucket.
    pub(crate) fn variance(&self) -> f64 {
        let mean = self.mean();
        let (mut total, mut compensation) = (0.0, 0.0);
        for b in self.buckets() {
            let middle = self.middle(&b);
            let delta = middle - mean;
            super::kahan::add(b.count * delta * delta, &mut total, &mut compensation);
        }
        (total + compensation) / self.count
    }

    fn middle(&self, b: &Bucket) -> f64 {
        if b.lower <= 0.0 && b.upper >= 0.0 && self.custom.is_none() {
            0.0
        } else if self.custom.is_some() {
            match (b.lower.is_infinite(), b.upper.is_infinite()) {
                (true, _) => b.upper,
                (_, true) => b.lower,
                _ => (b.lower + b.upper) / 2.0,
            }
        } else if b.upper < 0.0 {
            -(b.lower * b.upper).sqrt()
        } else {
            (b.lower * b.upper).sqrt()
        }
    }
}

/// As Prometheus shows a histogram in text: totals, then the buckets with counts.
impl std::fmt::Display for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{count:{}, sum:{}", fmt_general(self.count), fmt_general(self.sum))?;
        for b in self.buckets() {
            let open = if b.lower_inclusive { '[' } else { '(' };
            let close = if b.upper_inclusive { ']' } else { ')' };
            let [lower, upper, count] = [b.lower, b.upper, b.count].map(fmt_general);
            write!(f, ", {open}{lower},{upper}{close}:{count}")?;
        }
        f.write_str("}")
    }
}

/// `2^(index / 2^schema)`.
fn exponential_bound(index: i32, schema: i32) -> f64 {
    let exponent = f64::from(index) * f64::exp2(-f64::from(schema));
    if exponent >= 1024.0 {
        // The last bucket of every schema ends at the largest float.
        return if exponent == 1024.0 { f64::MAX } else { f64::INFINITY };
    }
    exponent.exp2()
}
