//! A small seeded generator: the shop's whole behaviour follows from one number.

use std::f64::consts::TAU;

/// SplitMix64: one addition and a few mixing steps a draw; good for a simulation, never for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

// === impl Random ===

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `0..bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.unit() * bound as f64) as u64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, items: &[T; N]) -> T {
        const { assert!(N > 0, "nothing to pick from") };
        items[self.below(N as u64) as usize]
    }

    /// Durations of real services are close to log-normal: a median and a long tail.
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        // 1 - unit() is never 0, so the logarithm is finite.
        let normal = (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (TAU * self.unit()).cos();
        median * (sigma * normal).exp()
    }

    /// Time to the next arrival of a Poisson stream.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_numbers() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..50).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn the_median_of_log_normal_durations_is_the_one_asked_for() {
        let mut random = Random::new(1);
        let mut drawn: Vec<f64> = (0..20_001).map(|_| random.log_normal(40.0, 0.5)).collect();
        drawn.sort_by(f64::total_cmp);
        assert!((38.0..42.0).contains(&drawn[10_000]), "{}", drawn[10_000]);
        assert!(drawn[19_900] > 90.0, "no tail: {}", drawn[19_900]);
    }

    #[test]
    fn every_item_is_picked() {
        let mut random = Random::new(3);
        let mut seen = [0_u32; 5];
        for _ in 0..1_000 {
            seen[random.pick(&[0_usize, 1, 2, 3, 4])] += 1;
        }
        assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
    }
}
