//! Quantiles of durations in constant memory: counts in buckets whose width is a 32nd of their magnitude, so that an
//! answer is off by less than two percent.

const SUB_BITS: u32 = 5;
const SUB: u64 = 1 << SUB_BITS;

#[derive(Clone, Default)]
pub(super) struct Durations {
    counts: Vec<u32>,
    total: u64,
}

// === impl Durations ===

impl Durations {
    pub(super) fn add(&mut self, nanos: u64) {
        let at = bucket(nanos);
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
        self.total += 1;
    }

    /// Nanoseconds; `None` without durations.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        let rank = (q * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (at, &count) in self.counts.iter().enumerate() {
            seen += u64::from(count);
            if seen >= rank {
                return Some(middle(at));
            }
        }
        None
    }
}

/// Values below `SUB` have a bucket each; above, the leading bit and the five after it make the number.
fn bucket(nanos: u64) -> usize {
    let magnitude = u64::BITS - nanos.leading_zeros();
    let shift = magnitude.saturating_sub(SUB_BITS + 1);
    (u64::from(shift) * SUB + (nanos >> shift)) as usize
}

fn middle(at: usize) -> f64 {
    let at = at as u64;
    let shift = (at / SUB).saturating_sub(1);
    let mantissa = at - shift * SUB;
    let low = (mantissa as f64) * (shift as f64).exp2();
    if shift == 0 { low } else { low + (shift as f64).exp2() / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_two_percent() {
        let mut durations = Durations::default();
        assert_eq!(durations.quantile(0.5), None);
        (1..=100_000u64).for_each(|i| durations.add(i * 1000));
        for q in [0.5, 0.95, 0.99, 1.0] {
            let found = durations.quantile(q).unwrap();
            assert!((found / (q * 1e8) - 1.0).abs() < 0.02, "{q}: {found}");
        }
        let mut one = Durations::default();
        one.add(0);
        assert_eq!(one.quantile(0.99), Some(0.0));
        one.add(u64::MAX);
        assert!(one.quantile(1.0).unwrap() > 1e19);
    }
}
