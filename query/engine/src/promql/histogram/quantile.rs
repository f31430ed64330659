//! Estimates from buckets: quantiles and fractions.

use super::{Bucket, Histogram};

// === impl Histogram ===

impl Histogram {
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        if q.is_nan() || self.count == 0.0 || self.count.is_nan() {
            return f64::NAN;
        }
        if q < 0.0 {
            return f64::NEG_INFINITY;
        }
        if q > 1.0 {
            return f64::INFINITY;
        }
        let mut buckets = self.buckets();
        if q >= 0.5 && !self.sum.is_nan() {
            // From the nearer end: where a rank falls between two buckets this decides for the upper one.
            buckets.reverse();
            let rank = (1.0 - q) * self.count;
            let mut above = 0.0;
            for (at, b) in buckets.iter().enumerate() {
                if above + b.count >= rank || at + 1 == buckets.len() {
                    let share =
                        if b.count > 0.0 { ((above + b.count - rank) / b.count).max(0.0) } else { 0.0 };
                    return self.inside(b, share);
                }
                above += b.count;
            }
        }
        // Observations of NaN are in no bucket: they count as the largest, and a rank among them is NaN.
        let rank = q * self.count;
        let mut below = 0.0;
        for (at, b) in buckets.iter().enumerate() {
            let last = at + 1 == buckets.len();
            if below + b.count >= rank || (last && !self.sum.is_nan()) {
                let share = if b.count > 0.0 { ((rank - below) / b.count).min(1.0) } else { 1.0 };
                return self.inside(b, share);
            }
            below += b.count;
        }
        f64::NAN
    }

    /// The value below which `share` of the bucket's observations lie.
    fn inside(&self, b: &Bucket, share: f64) -> f64 {
        let mut b = *b;
        if self.custom.is_some() {
            if b.upper.is_infinite() {
                return b.lower;
            }
            if b.lower.is_infinite() {
                // Observations of the lowest bucket are taken to start at zero, as in classic histograms.
                if b.upper <= 0.0 {
                    return b.upper;
                }
                b.lower = 0.0;
            }
            return b.lower + (b.upper - b.lower) * share;
        }
        self.trim_zero(&mut b);
        if b.lower <= 0.0 && b.upper >= 0.0 {
            return b.lower + (b.upper - b.lower) * share;
        }
        let (low, high) = (b.lower.abs().log2(), b.upper.abs().log2());
        if b.lower > 0.0 { (low + (high - low) * share).exp2() } else { -(low + (high - low) * share).exp2() }
    }

    /// A histogram of one sign has one half of a zero bucket.
    fn trim_zero(&self, b: &mut Bucket) {
        if b.lower > 0.0 || b.upper < 0.0 {
            return;
        }
        if self.negative.counts.is_empty() && !self.positive.counts.is_empty() {
            b.lower = 0.0;
        } else if self.positive.counts.is_empty() && !self.negative.counts.is_empty() {
            b.upper = 0.0;
        }
    }

    /// Estimated share of observations in `(lower, upper]`.
    pub(crate) fn fraction(&self, lower: f64, upper: f64) -> f64 {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        let buckets = self.buckets();
        let in_buckets: f64 = buckets.iter().map(|b| b.count).sum();
        let below = |value: f64| -> f64 {
            if value == f64::INFINITY {
                return in_buckets;
            }
            buckets.iter().map(|b| b.count * self.share_below(b, value)).sum()
        };
        (below(upper) - below(lower)) / self.count
    }

    pub(super) fn share_below(&self, b: &Bucket, value: f64) -> f64 {
        let mut b = *b;
        self.trim_zero(&mut b);
        if self.custom.is_some() && b.lower.is_infinite() && b.upper > 0.0 {
            b.lower = 0.0;
        }
        if value >= b.upper {
            return 1.0;
        }
        if value <= b.lower {
            return 0.0;
        }
        if b.lower.is_infinite() || b.upper.is_infinite() {
            return if b.upper.is_infinite() { 0.0 } else { 1.0 };
        }
        if self.custom.is_some() || (b.lower <= 0.0 && b.upper >= 0.0) {
            return (value - b.lower) / (b.upper - b.lower);
        }
        let (low, high) = (b.lower.abs().log2(), b.upper.abs().log2());
        (value.abs().log2() - low) / (high - low)
    }
}
