//! Cutting a histogram at a value: the `</` and `>/` operators.

use super::Histogram;

/// What stays of a bucket: how much, and the value its observations are taken to have.
struct Kept {
    count: f64,
    middle: f64,
}

/// Where to cut, and which side stays.
#[derive(Clone, Copy)]
struct Cut {
    at: f64,
    keep_below: bool,
}

/// A bucket that is being cut.
#[derive(Clone, Copy)]
struct Whole {
    lower: f64,
    upper: f64,
    count: f64,
    positive: bool,
    custom: bool,
}

// === impl Histogram ===

impl Histogram {
    /// Keeps the observations below the bound (or above it). A bucket the bound falls into is split by
    /// interpolation; count and sum are estimated anew if anything goes.
    pub(crate) fn trim(&self, bound: f64, keep_below: bool) -> Self {
        let cut = Cut { at: bound, keep_below };
        let mut trimmed = self.clone();
        let (mut count, mut sum, mut changed) = (0.0, 0.0, false);
        let mut keep = |kept: Kept, slot: &mut f64| {
            count += kept.count;
            sum += kept.middle * kept.count;
            changed |= *slot != kept.count;
            *slot = kept.count;
        };
        let custom = self.custom.is_some();
        for (at, (i, count)) in self.positive.iter().enumerate().filter(|(_, (_, count))| *count != 0.0) {
            let (lower, upper) = (self.bound(i.saturating_sub(1)), self.bound(i));
            let bucket = Whole { lower, upper, count, positive: true, custom };
            keep(bucket.cut(cut), &mut trimmed.positive.counts[at]);
        }
        for (at, (i, count)) in self.negative.iter().enumerate().filter(|(_, (_, count))| *count != 0.0) {
            let (lower, upper) = (-self.bound(i), -self.bound(i.saturating_sub(1)));
            let bucket = Whole { lower, upper, count, positive: false, custom };
            keep(bucket.cut(cut), &mut trimmed.negative.counts[at]);
        }
        if self.zero_count > 0.0 {
            keep(self.cut_zero(cut), &mut trimmed.zero_count);
        }
        if !changed {
            return trimmed;
        }
        (trimmed.count, trimmed.sum) = (count, sum);
        trimmed.compact()
    }

    /// A histogram of one sign has one half of a zero bucket, and values lie evenly in it.
    fn cut_zero(&self, cut: Cut) -> Kept {
        let any = |counts: &super::Counts| counts.counts.iter().any(|count| *count != 0.0);
        let (mut lower, mut upper) = (-self.zero_threshold, self.zero_threshold);
        match (any(&self.negative), any(&self.positive)) {
            (true, false) => upper = 0.0,
            (false, true) => lower = 0.0,
            _ => {}
        }
        let (from, to) = if cut.keep_below { (lower, upper.min(cut.at)) } else { (lower.max(cut.at), upper) };
        let gone = if cut.keep_below { cut.at <= lower } else { cut.at >= upper && cut.at > lower };
        if gone {
            return Kept { count: 0.0, middle: 0.0 };
        }
        let share = if (from, to) == (lower, upper) { 1.0 } else { (to - from) / (upper - lower) };
        Kept { count: self.zero_count * share, middle: f64::midpoint(from, to) }
    }
}

// === impl Whole ===

impl Whole {
    fn cut(self, cut: Cut) -> Kept {
        let (all, some) = match cut.keep_below {
            true => (self.upper <= cut.at, self.lower < cut.at),
            false => (self.lower >= cut.at, self.upper > cut.at),
        };
        if all {
            Kept { count: self.count, middle: self.middle(self.lower, self.upper) }
        } else if some {
            self.split(cut)
        } else {
            Kept { count: 0.0, middle: 0.0 }
        }
    }

    fn split(self, cut: Cut) -> Kept {
        if self.lower == f64::NEG_INFINITY {
            return self.split_lowest(cut);
        }
        if self.upper == f64::INFINITY {
            // How the values lie in a bucket without end nobody knows: it stays whole above, and goes below.
            return match cut.keep_below {
                true => Kept { count: 0.0, middle: 0.0 },
                false => Kept { count: self.count, middle: cut.at },
            };
        }
        let below = self.count * self.share_below(cut.at);
        match cut.keep_below {
            true => Kept { count: below, middle: self.middle(self.lower, cut.at) },
            false => Kept { count: self.count - below, middle: self.middle(cut.at, self.upper) },
        }
    }

    /// The lowest of custom buckets begins at zero if it ends above it; otherwise it has no beginning.
    fn split_lowest(self, cut: Cut) -> Kept {
        let from_zero = self.upper > 0.0 && self.upper.is_finite();
        let (at, upper) = (cut.at, self.upper);
        match cut.keep_below {
            true if at > 0.0 && from_zero => Kept { count: self.count * at / upper, middle: at / 2.0 },
            true if upper <= 0.0 => Kept { count: self.count, middle: at },
            false if at >= 0.0 && from_zero => {
                Kept { count: self.count * (1.0 - at / upper), middle: f64::midpoint(at, upper) }
            }
            _ => Kept { count: 0.0, middle: 0.0 },
        }
    }

    fn share_below(self, value: f64) -> f64 {
        if self.custom {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let [lower, upper, value_log] = [self.lower, self.upper, value].map(|v| v.abs().log2());
        match value > 0.0 {
            true => (value_log - lower) / (upper - lower),
            false => 1.0 - (value_log - upper) / (lower - upper),
        }
    }

    /// The value in the middle of what is left: on the scale the buckets have.
    fn middle(self, lower: f64, upper: f64) -> f64 {
        match (lower.is_infinite(), upper.is_infinite()) {
            (true, true) => 0.0,
            (true, false) if upper > 0.0 => upper / 2.0,
            (true, false) => upper,
            (false, true) => lower,
            (false, false) if self.custom => f64::midpoint(lower, upper),
            (false, false) => {
                let middle = (lower * upper).abs().sqrt();
                if self.positive { middle } else { -middle }
            }
        }
    }
}
