//! Cutting a histogram at a value: the `</` and `>/` operators.

use super::Histogram;

// === impl Histogram ===

impl Histogram {
    /// Keeps the observations below the bound (or above it). A bucket the bound falls into is split by
    /// interpolation; count and sum are estimated anew from what stays.
    pub(crate) fn trim(&self, bound: f64, keep_below: bool) -> Self {
        let mut trimmed = self.clone();
        let share = |b: &super::Bucket| {
            let below = self.share_below(b, bound);
            if keep_below { below } else { 1.0 - below }
        };
        let bucket = |lower: f64, upper: f64| super::Bucket {
            lower,
            upper,
            count: 1.0,
            lower_inclusive: false,
            upper_inclusive: true,
        };
        trimmed.zero_count *= share(&bucket(-self.zero_threshold, self.zero_threshold));
        for (at, (i, _)) in self.positive.iter().enumerate() {
            trimmed.positive.counts[at] *= share(&bucket(self.bound(i.saturating_sub(1)), self.bound(i)));
        }
        for (at, (i, _)) in self.negative.iter().enumerate() {
            trimmed.negative.counts[at] *= share(&bucket(-self.bound(i), -self.bound(i.saturating_sub(1))));
        }
        let kept = trimmed.buckets();
        trimmed.count = kept.iter().map(|b| b.count).sum();
        if trimmed.count != self.count {
            trimmed.sum = kept.iter().map(|b| b.count * self.middle(b)).sum();
        }
        trimmed.compact()
    }
}
