//! Adding, subtracting, scaling and comparing histograms.

use super::{Counts, Histogram, ResetHint};
use crate::promql::kahan;

/// Exponential and custom buckets do not mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incompatible;

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

    pub(crate) fn add(self, other: &Self) -> Result<Self, Incompatible> {
        let hint = match (self.hint, other.hint) {
            (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => ResetHint::Gauge,
            (a, b) if a == b => a,
            _ => ResetHint::Unknown,
        };
        let mut sum = self.combine(other, 1.0)?;
        sum.hint = hint;
        Ok(sum)
    }

    pub(crate) fn subtract(self, other: &Self) -> Result<Self, Incompatible> {
        let mut difference = self.combine(other, -1.0)?;
        difference.hint = ResetHint::Gauge;
        Ok(difference)
    }

    fn combine(mut self, other: &Self, sign: f64) -> Result<Self, Incompatible> {
        self.count += sign * other.count;
        self.sum += sign * other.sum;
        match (&self.custom, &other.custom) {
            (Some(a), Some(b)) if a == b => {
                self.positive = merge(&self.positive, &other.positive, sign);
                return Ok(self);
            }
            (Some(a), Some(b)) => {
                let shared: Vec<f64> = a.iter().filter(|bound| b.contains(bound)).copied().collect();
                let left = self.rebucket(&shared);
                self.positive = merge(&left, &other.rebucket(&shared), sign);
                self.custom = Some(shared);
                return Ok(self);
            }
            (None, None) => {}
            _ => return Err(Incompatible),
        }
        let mut other = other.clone();
        let schema = self.schema.min(other.schema);
        self.reduce_to(schema);
        other.reduce_to(schema);
        self.align_zero_bucket(&mut other);
        self.zero_count += sign * other.zero_count;
        self.positive = merge(&self.positive, &other.positive, sign);
        self.negative = merge(&self.negative, &other.negative, sign);
        Ok(self)
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
}

// === impl Total ===

impl Total {
    pub(crate) fn new(first: &Histogram) -> Self {
        Self { histogram: first.clone(), count_low: 0.0, sum_low: 0.0 }
    }

    pub(crate) fn add(mut self, other: &Histogram) -> Result<Self, Incompatible> {
        let (mut count, mut sum) = (self.histogram.count, self.histogram.sum);
        kahan::add(other.count, &mut count, &mut self.count_low);
        kahan::add(other.sum, &mut sum, &mut self.sum_low);
        self.histogram = self.histogram.add(other)?;
        (self.histogram.count, self.histogram.sum) = (count, sum);
        Ok(self)
    }

    pub(crate) fn finish(mut self) -> Histogram {
        for (value, low) in
            [(&mut self.histogram.count, self.count_low), (&mut self.histogram.sum, self.sum_low)]
        {
            if value.is_finite() {
                *value += low;
            }
        }
        self.histogram
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
