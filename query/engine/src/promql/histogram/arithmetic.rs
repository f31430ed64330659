//! Adding, subtracting, scaling and comparing histograms.

use super::{Counts, Histogram, ResetHint};
use crate::promql::kahan;

/// Exponential and custom buckets do not mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incompatible;

/// What two histograms did not agree on, though they could be put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clash {
    /// One began anew, the other went on.
    pub resets: bool,
    /// Custom buckets with different bounds: only the shared ones stay.
    pub bounds: bool,
}

impl Clash {
    pub(crate) fn and(self, other: Self) -> Self {
        Self { resets: self.resets || other.resets, bounds: self.bounds || other.bounds }
    }
}

// === impl Histogram ===

impl Histogram {
    pub(crate) fn scale(mut self, factor: f64) -> Self {
        self.each_number(|v| *v *= factor);
        if factor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
        self
    }

    pub(crate) fn divide(mut self, by: f64) -> Self {
        self.each_number(|v| *v /= by);
        if by == 0.0 {
            // Dividing by zero leaves no buckets to speak of, only the totals.
            self.positive = Counts::default();
            self.negative = Counts::default();
        }
        if by < 0.0 {
            self.hint = ResetHint::Gauge;
        }
        self
    }

    fn each_number(&mut self, mut change: impl FnMut(&mut f64)) {
        change(&mut self.zero_count);
        change(&mut self.count);
        change(&mut self.sum);
        self.positive.counts.iter_mut().for_each(&mut change);
        self.negative.counts.iter_mut().for_each(&mut change);
    }

    pub(crate) fn add(self, other: &Self) -> Result<(Self, Clash), Incompatible> {
        let hint = self.shared_hint(other);
        let (mut sum, clash) = self.combine(other, 1.0)?;
        sum.hint = hint;
        Ok((sum, clash))
    }

    pub(crate) fn subtract(self, other: &Self) -> Result<(Self, Clash), Incompatible> {
        let (mut difference, clash) = self.combine(other, -1.0)?;
        difference.hint = ResetHint::Gauge;
        Ok((difference, clash))
    }

    fn shared_hint(&self, other: &Self) -> ResetHint {
        match (self.hint, other.hint) {
            (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => ResetHint::Gauge,
            (a, b) if a == b => a,
            _ => ResetHint::Unknown,
        }
    }

    fn combine(mut self, other: &Self, sign: f64) -> Result<(Self, Clash), Incompatible> {
        let resets = matches!(
            (self.hint, other.hint),
            (ResetHint::Reset, ResetHint::NotReset) | (ResetHint::NotReset, ResetHint::Reset)
        );
        let clash = Clash { resets, bounds: self.custom.is_some() && self.custom != other.custom };
        if self.custom.is_some() != other.custom.is_some() {
            return Err(Incompatible);
        }
        self.count += sign * other.count;
        self.sum += sign * other.sum;
        if let (Some(a), Some(b)) = (&self.custom, &other.custom) {
            if a == b {
                self.positive = merge(&self.positive, &other.positive, sign);
            } else {
                let shared: Vec<f64> = a.iter().filter(|bound| b.contains(bound)).copied().collect();
                let left = self.rebucket(&shared);
                self.positive = merge(&left, &other.rebucket(&shared), sign);
                self.custom = Some(shared);
            }
            return Ok((self, clash));
        }
        let mut other = other.clone();
        let schema = self.schema.min(other.schema);
        self.reduce_to(schema);
        other.reduce_to(schema);
        self.align_zero_bucket(&mut other);
        self.zero_count += sign * other.zero_count;
        self.positive = merge(&self.positive, &other.positive, sign);
        self.negative = merge(&self.negative, &other.negative, sign);
        Ok((self, clash))
    }

    /// Counts of custom buckets, over fewer bounds.
    fn rebucket(&self, bounds: &[f64]) -> Counts {
        let mut counts = vec![0.0; bounds.len() + 1];
        for (i, count) in self.positive.iter() {
            let upper = self.bound(i);
            let at = bounds.partition_point(|bound| *bound < upper);
            counts[at.min(bounds.len())] += count;
        }
        Counts { offset: 0, counts }
    }

    /// Fewer, wider buckets.
    pub(crate) fn reduce_to(&mut self, schema: i32) {
        if self.custom.is_some() || schema >= self.schema {
            return;
        }
        let shift = (self.schema - schema).min(31) as u32;
        for counts in [&mut self.positive, &mut self.negative] {
            let wide = |i: i32| ((i - 1) >> shift) + 1;
            let Some(last) = counts.counts.len().checked_sub(1) else { continue };
            let offset = wide(counts.offset);
            let end = wide(counts.offset.saturating_add(last as i32));
            let mut reduced = vec![0.0; (end - offset + 1) as usize];
            for (i, count) in counts.iter() {
                reduced[(wide(i) - offset) as usize] += count;
            }
            *counts = Counts { offset, counts: reduced };
        }
        self.schema = schema;
    }

    /// Widens the narrower zero bucket; it must not end inside a bucket that has counts, so both may grow.
    fn align_zero_bucket(&mut self, other: &mut Self) {
        let mut threshold = self.zero_threshold.max(other.zero_threshold);
        loop {
            let wanted = self.widen_zero(threshold).max(other.widen_zero(threshold));
            if wanted <= threshold {
                return;
            }
            threshold = wanted;
        }
    }

    fn widen_zero(&mut self, threshold: f64) -> f64 {
        let mut reached = threshold;
        if threshold <= self.zero_threshold {
            return reached;
        }
        let bounds: Vec<i32> = [&self.positive, &self.negative]
            .iter()
            .flat_map(|c| c.iter().filter(|(_, n)| *n != 0.0).map(|(i, _)| i).collect::<Vec<_>>())
            .collect();
        for i in bounds {
            if self.bound(i - 1) < reached && self.bound(i) > reached {
                reached = self.bound(i);
            }
        }
        let schema = self.schema;
        for counts in [&mut self.positive, &mut self.negative] {
            let offset = counts.offset;
            for (at, count) in counts.counts.iter_mut().enumerate() {
                if super::exponential_bound(offset + at as i32, schema) <= reached {
                    self.zero_count += std::mem::take(count);
                }
            }
            counts.compact();
        }
        self.zero_threshold = reached;
        reached
    }

    pub(crate) fn compact(mut self) -> Self {
        self.positive.compact();
        self.negative.compact();
        self
    }

    /// The largest number in it.
    fn size(&self) -> f64 {
        let counts = self.positive.counts.iter().chain(&self.negative.counts);
        counts.chain([&self.count, &self.sum, &self.zero_count]).fold(0.0, |size, n| f64::max(size, n.abs()))
    }

    /// Whether this is a later state of the same counter with the same layout of buckets, nothing in it lower.
    pub(crate) fn continues(&self, before: &Self) -> bool {
        self.count >= before.count
            && (self.schema, self.zero_threshold) == (before.schema, before.zero_threshold)
            && self.custom == before.custom
            && self.zero_count >= before.zero_count
            && !fell(&self.positive, &before.positive)
            && !fell(&self.negative, &before.negative)
    }

    /// Whether a counter was reset between `before` and this.
    pub(crate) fn is_reset_after(&self, before: &Self) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            // Gauges are compared like counters when a counter function meets them.
            ResetHint::Gauge | ResetHint::Unknown => {}
        }
        if self.count < before.count || self.custom.is_some() != before.custom.is_some() {
            return true;
        }
        if self.custom.is_some() {
            return self.custom_reset(before);
        }
        if self.schema > before.schema || self.zero_threshold < before.zero_threshold {
            return true;
        }
        let (mut now, mut before) = (self.clone(), before.clone());
        before.reduce_to(now.schema);
        now.align_zero_bucket(&mut before);
        now.zero_threshold > self.zero_threshold
            || now.zero_count < before.zero_count
            || fell(&now.positive, &before.positive)
            || fell(&now.negative, &before.negative)
    }

    fn custom_reset(&self, before: &Self) -> bool {
        let (Some(a), Some(b)) = (&self.custom, &before.custom) else { return true };
        let shared: Vec<f64> = a.iter().filter(|bound| b.contains(bound)).copied().collect();
        fell(&self.rebucket(&shared), &before.rebucket(&shared))
    }

    /// Equal as `==` sees it: the same buckets with the same counts, however they are laid out.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        let layout = |h: &Self| (h.schema, h.zero_threshold.to_bits(), h.custom.clone());
        let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        let counts = |c: &Counts| {
            let mut c = c.clone();
            c.compact();
            c
        };
        layout(self) == layout(other)
            && same(self.zero_count, other.zero_count)
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && counts(&self.positive) == counts(&other.positive)
            && counts(&self.negative) == counts(&other.negative)
    }
}

/// A running sum of histograms; count and sum keep the low bits that plain addition loses.
#[derive(Clone, Debug)]
pub(crate) struct Total {
    histogram: Histogram,
    count_low: f64,
    sum_low: f64,
    count: f64,
    /// It holds the mean so far: the sum became too large for a float.
    is_mean: bool,
    clash: Clash,
    resets: bool,
    not_resets: bool,
}

// === impl Total ===

impl Total {
    pub(crate) fn new(first: &Histogram) -> Self {
        let mut total = Self {
            histogram: first.clone(),
            count_low: 0.0,
            sum_low: 0.0,
            count: 1.0,
            is_mean: false,
            clash: Clash::default(),
            resets: false,
            not_resets: false,
        };
        total.see(first.hint);
        total
    }

    fn see(&mut self, hint: ResetHint) {
        self.resets |= hint == ResetHint::Reset;
        self.not_resets |= hint == ResetHint::NotReset;
        self.clash.resets = self.resets && self.not_resets;
    }

    /// Adds to what will be divided in the end.
    pub(crate) fn add_to_mean(mut self, other: &Histogram) -> Result<Self, Incompatible> {
        if !self.is_mean {
            if (self.histogram.size() + other.size()).is_finite() {
                return self.add(other);
            }
            self.is_mean = true;
            let count = self.count;
            self = self.times(1.0 / count);
        }
        let count = self.count + 1.0;
        self.times((count - 1.0) / count).add(&other.clone().divide(count))
    }

    fn times(mut self, factor: f64) -> Self {
        self.histogram = self.histogram.scale(factor);
        self.count_low *= factor;
        self.sum_low *= factor;
        self
    }

    pub(crate) fn finish_mean(self) -> (Histogram, Clash) {
        let mean = if self.is_mean { self.sum() } else { self.sum().divide(self.count) };
        (mean, self.clash)
    }

    pub(crate) fn add(mut self, other: &Histogram) -> Result<Self, Incompatible> {
        self.count += 1.0;
        let (mut count, mut sum) = (self.histogram.count, self.histogram.sum);
        kahan::add(other.count, &mut count, &mut self.count_low);
        kahan::add(other.sum, &mut sum, &mut self.sum_low);
        let (histogram, clash) = self.histogram.add(other)?;
        self.histogram = histogram;
        self.clash.bounds |= clash.bounds;
        (self.histogram.count, self.histogram.sum) = (count, sum);
        self.see(other.hint);
        Ok(self)
    }

    /// The sum, and what its parts did not agree on.
    pub(crate) fn finish(self) -> (Histogram, Clash) {
        (self.sum(), self.clash)
    }

    fn sum(&self) -> Histogram {
        let mut sum = self.histogram.clone();
        for (value, low) in [(&mut sum.count, self.count_low), (&mut sum.sum, self.sum_low)] {
            if value.is_finite() {
                *value += low;
            }
        }
        sum
    }
}

fn fell(now: &Counts, before: &Counts) -> bool {
    before.iter().any(|(i, count)| now.get(i) < count)
}

fn merge(a: &Counts, b: &Counts, sign: f64) -> Counts {
    if b.counts.is_empty() {
        return a.clone();
    }
    if a.counts.is_empty() {
        return Counts { offset: b.offset, counts: b.counts.iter().map(|c| sign * c).collect() };
    }
    let end = |c: &Counts| i64::from(c.offset) + c.counts.len() as i64;
    let offset = a.offset.min(b.offset);
    let len = end(a).max(end(b)) - i64::from(offset);
    let mut counts = vec![0.0; usize::try_from(len).unwrap_or(0)];
    for (source, sign) in [(a, 1.0), (b, sign)] {
        for (i, count) in source.iter() {
            counts[(i64::from(i) - i64::from(offset)) as usize] += sign * count;
        }
    }
    Counts { offset, counts }
}
