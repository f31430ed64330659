//! What a range aggregation keeps per series, and what it makes of a window.

use super::Steps;
use crate::logql::table::RangeOp;

/// Sums that only ever grow by rows: one number per step, by differences, so a row costs two additions however many
/// windows it lies in. Exact, since rows and bytes are whole numbers.
pub(super) struct Counts {
    changes: Vec<i64>,
}

impl Counts {
    pub(super) fn new(steps: Steps) -> Counts {
        Counts { changes: vec![0; steps.count + 1] }
    }

    pub(super) fn add(&mut self, (first, end): (usize, usize), amount: i64) {
        self.changes[first] += amount;
        self.changes[end] -= amount;
    }

    /// Counts of all steps at once.
    pub(super) fn add_all(&mut self, counts: &[i64]) {
        let mut before = 0;
        for (change, count) in self.changes.iter_mut().zip(counts) {
            *change += count - before;
            before = *count;
        }
    }

    /// Running totals; a step without rows has none.
    pub(super) fn totals(&self) -> Vec<Option<f64>> {
        let mut total = 0;
        let steps = &self.changes[..self.changes.len() - 1];
        let running = steps.iter().map(|change| {
            total += change;
            (total != 0).then_some(total as f64)
        });
        running.collect()
    }
}

/// The steps whose window `(t - range, t]` holds `time`: `[first, end)`, or `None`.
pub(super) fn steps_of(steps: Steps, range: i64, time: i64) -> Option<(usize, usize)> {
    let since = time.saturating_sub(steps.start);
    let first = if since <= 0 { 0 } else { (since - 1) / steps.step + 1 };
    // The last step with t < time + range.
    let until = since.saturating_add(range);
    let end = if until <= 0 { 0 } else { (until - 1) / steps.step + 1 };
    let end = end.min(steps.count as i64);
    (first < end).then_some((first as usize, end as usize))
}

/// Values of one series in time order, turned into one value per step.
pub(super) fn over_windows(
    op: RangeOp,
    param: f64,
    range: i64,
    steps: Steps,
    samples: &mut [(i64, f64)],
) -> Vec<Option<f64>> {
    samples.sort_by_key(|(time, _)| *time);
    let (mut from, mut to) = (0, 0);
    let mut out = Vec::with_capacity(steps.count);
    for index in 0..steps.count {
        let time = steps.time(index);
        while to < samples.len() && samples[to].0 <= time {
            to += 1;
        }
        while from < to && samples[from].0 <= time.saturating_sub(range) {
            from += 1;
        }
        let window = &samples[from..to];
        out.push(if window.is_empty() { None } else { Some(over(op, param, range, window)) });
    }
    out
}

fn over(op: RangeOp, param: f64, range: i64, window: &[(i64, f64)]) -> f64 {
    let values = || window.iter().map(|(_, value)| *value);
    let count = window.len() as f64;
    let seconds = range as f64 / 1e9;
    match op {
        RangeOp::Sum | RangeOp::Count | RangeOp::Bytes => values().sum(),
        RangeOp::Rate | RangeOp::BytesRate => values().sum::<f64>() / seconds,
        RangeOp::RateCounter => increase(window) / seconds,
        RangeOp::Avg => values().sum::<f64>() / count,
        RangeOp::Min => values().fold(f64::INFINITY, f64::min),
        RangeOp::Max => values().fold(f64::NEG_INFINITY, f64::max),
        RangeOp::First => window.first().map_or(f64::NAN, |(_, value)| *value),
        RangeOp::Last => window.last().map_or(f64::NAN, |(_, value)| *value),
        RangeOp::Stdvar => variance(values(), count),
        RangeOp::Stddev => variance(values(), count).sqrt(),
        RangeOp::Quantile => quantile(param, &mut values().collect::<Vec<_>>()),
        RangeOp::Absent => 1.0,
    }
}

/// Of a counter that starts again at zero now and then.
fn increase(window: &[(i64, f64)]) -> f64 {
    let steps = window.windows(2).map(|pair| match pair {
        [(_, before), (_, after)] if after >= before => after - before,
        [_, (_, after)] => *after,
        _ => 0.0,
    });
    steps.sum()
}

pub(super) fn variance(values: impl Iterator<Item = f64> + Clone, count: f64) -> f64 {
    let mean = values.clone().sum::<f64>() / count;
    values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count
}

/// Linear between the two nearest ranks, as in PromQL.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(f64::total_cmp);
    let rank = q * (values.len() - 1) as f64;
    let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
    let weight = rank - rank.floor();
    values[low] * (1.0 - weight) + values[high.min(values.len() - 1)] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_in_every_window_that_holds_it() {
        let steps = Steps { start: 100, step: 10, count: 5 };
        for range in [1, 3, 10, 15, 25, 100] {
            for time in 0..200 {
                let expected: Vec<usize> = (0..steps.count)
                    .filter(|index| steps.time(*index) - range < time && time <= steps.time(*index))
                    .collect();
                let found: Vec<usize> =
                    steps_of(steps, range, time).map_or(vec![], |(a, b)| (a..b).collect());
                assert_eq!(found, expected, "range {range} time {time}");
            }
        }
    }

    #[test]
    fn windows_slide_over_samples() {
        let steps = Steps { start: 10, step: 10, count: 3 };
        let mut samples = vec![(30, 8.0), (5, 1.0), (10, 3.0), (12, 5.0)];
        let mut over = |op| over_windows(op, 0.5, 10, steps, &mut samples);
        assert_eq!(over(RangeOp::Sum), [Some(4.0), Some(5.0), Some(8.0)]);
        assert_eq!(over(RangeOp::Quantile), [Some(2.0), Some(5.0), Some(8.0)]);
        assert_eq!(over(RangeOp::First), [Some(1.0), Some(5.0), Some(8.0)]);
        assert_eq!(over(RangeOp::Stdvar), [Some(1.0), Some(0.0), Some(0.0)]);
        assert_eq!(increase(&[(0, 5.0), (1, 9.0), (2, 2.0)]), 6.0);
    }
}
