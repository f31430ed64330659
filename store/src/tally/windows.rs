//! Which windows of time a row counts in.

/// `count` windows end at `start`, `start + step` and so on; each holds the rows of the `range` before: those with
/// end - range < time <= end. Unix nanoseconds; `step` and `range` are positive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Windows {
    pub start: i64,
    pub step: i64,
    pub count: usize,
    pub range: i64,
}

/// Finds the windows of row after row; rows near each other in time mostly share theirs.
pub(crate) struct Finder {
    windows: Windows,
    /// Times from `after` (exclusive) to `until` lie in the windows `[first, end)`.
    after: i64,
    until: i64,
    found: (u32, u32),
}

/// The number of ends before `time`, as if windows began and ended nowhere.
fn ends_before(since_start: i64, step: i64) -> i64 {
    since_start.saturating_sub(1).div_euclid(step).saturating_add(1)
}

impl Windows {
    /// The windows that hold `time`, `[first, end)`; none if they are equal.
    fn of(self, time: i64) -> (u32, u32) {
        let since = time.saturating_sub(self.start);
        let inside = |number: i64| number.clamp(0, self.count as i64) as u32;
        let first = inside(ends_before(since, self.step));
        (first, inside(ends_before(since.saturating_add(self.range), self.step)).max(first))
    }
}

impl Finder {
    pub(crate) fn new(windows: Windows) -> Self {
        Self { windows, after: 0, until: 0, found: (0, 0) }
    }

    /// `None`: the row lies in no window.
    pub(crate) fn find(&mut self, time: i64) -> Option<(usize, usize)> {
        if time <= self.after || time > self.until {
            self.look(time);
        }
        let (first, end) = self.found;
        (first < end).then_some((first as usize, end as usize))
    }

    fn look(&mut self, time: i64) {
        let Windows { start, step, count, range } = self.windows;
        self.found = self.windows.of(time);
        (self.after, self.until) = (time.saturating_sub(1), time);
        // Between two neighbouring ends, and two neighbouring beginnings, nothing changes.
        let last = start.saturating_add(step.saturating_mul(count as i64 - 1));
        let mut bounds = (i64::MIN, i64::MAX);
        for from in [start, start.saturating_sub(range)] {
            let last = last.saturating_sub(start.saturating_sub(from));
            let (low, high) = if time <= from {
                (i64::MIN, from)
            } else if time > last {
                (last, i64::MAX)
            } else {
                let steps = ends_before(time.saturating_sub(from), step);
                let high = from.saturating_add(steps.saturating_mul(step));
                (high.saturating_sub(step), high)
            };
            bounds = (bounds.0.max(low), bounds.1.min(high));
        }
        if bounds.0 < time && time <= bounds.1 {
            (self.after, self.until) = bounds;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_in_every_window_that_holds_it() {
        for (step, count, range) in
            [(10, 5, 1), (10, 5, 3), (10, 5, 10), (10, 5, 15), (7, 4, 100), (1, 1, 40)]
        {
            let windows = Windows { start: 100, step, count, range };
            let mut finder = Finder::new(windows);
            let times = (0..260).chain((0..260).rev()).chain([100, 3, 100, 250, 99, 141, i64::MIN, i64::MAX]);
            for time in times {
                let ends = (0..count as i64).map(|at| 100 + at * step);
                let expected: Vec<usize> = ends
                    .enumerate()
                    .filter(|(_, end)| end - range < time && time <= *end)
                    .map(|(at, _)| at)
                    .collect();
                let found: Vec<usize> =
                    finder.find(time).map_or(vec![], |(first, end)| (first..end).collect());
                assert_eq!(found, expected, "{windows:?} at {time}");
            }
        }
    }
}
