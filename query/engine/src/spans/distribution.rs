//! How long something took, as a histogram with fixed bounds.

/// Upper ends of the buckets in seconds, those of Tempo's span metrics, so that dashboards made for them fit.
pub const BOUNDS_S: [f64; 14] =
    [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384];

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    pub count: u64,
    pub sum_ns: u64,
    /// Not cumulative; the last is what is longer than all bounds.
    pub buckets: [u64; BOUNDS_S.len() + 1],
    pub slowest: Option<Example>,
}

/// A span to look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Example {
    pub trace_id: [u8; 16],
    pub span_id: u64,
    pub duration_ns: i64,
    /// Unix nanoseconds.
    pub time: i64,
}

impl Distribution {
    pub(super) fn add(&mut self, example: Example) {
        let seconds = example.duration_ns.max(0) as f64 / 1e9;
        self.count += 1;
        self.sum_ns = self.sum_ns.saturating_add(example.duration_ns.max(0).unsigned_abs());
        self.buckets[BOUNDS_S.partition_point(|bound| *bound < seconds)] += 1;
        self.keep_slowest(Some(example));
    }

    pub(super) fn merge(&mut self, other: &Distribution) {
        self.count += other.count;
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.buckets.iter_mut().zip(other.buckets).for_each(|(sum, count)| *sum += count);
        self.keep_slowest(other.slowest);
    }

    /// Of equal ones always the same, whatever the order they come in.
    fn keep_slowest(&mut self, example: Option<Example>) {
        let rank = |of: &Example| (of.duration_ns, of.trace_id, of.span_id);
        if example.as_ref().map(rank) > self.slowest.as_ref().map(rank) {
            self.slowest = example;
        }
    }

    pub fn sum_s(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }

    /// Counts up to each bound, then all.
    pub fn cumulative(&self) -> [u64; BOUNDS_S.len() + 1] {
        let mut sum = 0;
        self.buckets.map(|count| {
            sum += count;
            sum
        })
    }
}
