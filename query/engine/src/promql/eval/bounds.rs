//! Where the windows of all steps lie in a list of times, and the newest sample of each: found once for all series that
//! share the list.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::value::{ABSENT, Steps};

/// What is remembered of lists, in steps: a few megabytes a thread.
const STEPS_KEPT: usize = 1 << 16;
/// A scrape or export brings one list; more than this are rarely in use at once.
const LISTS_KEPT: usize = 128;

/// Memory of a thread, used again from series to series.
#[derive(Default)]
pub(crate) struct Scratch {
    pub resets: Vec<u32>,
    pub params: Vec<f64>,
    bounds: ByTimes<Vec<Bound>>,
    newest: ByTimes<Newest>,
}

/// The window of one step: the floats `from..to` of a series, if it has two or more, and how far they reach.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound {
    pub from: u32,
    pub to: u32,
    pub reach: Reach,
    /// What growth is multiplied by unless a counter's line meets zero inside the window: for the whole window, and
    /// a second.
    pub factor: f64,
    pub factor_per_second: f64,
}

/// How far the samples of a window reach, and how far beyond them its growth is taken to go on, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reach {
    pub sampled: f64,
    pub to_start: f64,
    pub to_end: f64,
}

/// A series' floats with the windows of all steps. It has no histograms, and no start time tells more than its resets.
pub(crate) struct Floats<'w> {
    pub values: &'w [f64],
    pub windows: &'w [Bound],
    /// Which floats are the first after a counter's reset.
    pub resets: &'w [u32],
    pub seconds: f64,
}

/// For every step the index of the newest sample that is not too old, or [`NONE`].
pub(super) struct Newest(Vec<u32>);

const NONE: u32 = u32::MAX;

struct ByTimes<T>(FxHashMap<usize, (Arc<[i64]>, T)>);

// === impl Scratch ===

impl Scratch {
    /// The windows of `range` milliseconds that end at `ends`. A scratch is used for one set of them.
    pub(super) fn bounds(&mut self, times: &Arc<[i64]>, ends: &Steps, range: i64) -> (&[Bound], &[u32]) {
        let found = self.bounds.get(times, ends.len, |times| windows(times, ends, range));
        (found, &self.resets)
    }

    /// The newest sample of each of `steps`. A scratch is used for one set of them.
    pub(super) fn newest(&mut self, times: &Arc<[i64]>, steps: &Steps, lookback: i64) -> &Newest {
        self.newest.get(times, steps.len, |times| Newest::of(times, steps, lookback))
    }
}

impl<T> Default for ByTimes<T> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<T> ByTimes<T> {
    fn get(&mut self, times: &Arc<[i64]>, steps: usize, make: impl FnOnce(&[i64]) -> T) -> &T {
        // The list is held, so no other one can come to its address.
        let address = times.as_ptr().addr();
        if self.0.len() >= (STEPS_KEPT / steps.max(1)).clamp(1, LISTS_KEPT) && !self.0.contains_key(&address)
        {
            self.0.clear();
        }
        &self.0.entry(address).or_insert_with(|| (Arc::clone(times), make(times))).1
    }
}

// === impl Newest ===

impl Newest {
    fn of(times: &[i64], steps: &Steps, lookback: i64) -> Self {
        let mut after = 0;
        let newest = |time: i64| {
            advance(&mut after, times, |t| *t <= time);
            let newest = after.checked_sub(1).filter(|at| times[*at] > time.saturating_sub(lookback));
            newest.map_or(NONE, |at| at as u32)
        };
        Self(steps.times().map(newest).collect())
    }

    pub(super) fn fill(&self, values: &[f64], out: &mut [f64]) {
        for (slot, at) in out.iter_mut().zip(&self.0) {
            *slot = values.get(*at as usize).copied().unwrap_or(ABSENT);
        }
    }
}

// === windows ===

/// Two cursors walk along the times, so the cost is that of the times plus that of the steps.
fn windows(times: &[i64], ends: &Steps, range: i64) -> Vec<Bound> {
    let (mut lo, mut hi) = (0, 0);
    let window = |end: i64| {
        let start = end.saturating_sub(range);
        advance(&mut lo, times, |t| *t <= start);
        hi = hi.max(lo);
        advance(&mut hi, times, |t| *t <= end);
        if hi - lo < 2 {
            return Bound::default();
        }
        let reach = Reach::of((times[lo], times[hi - 1], hi - lo), (start, end));
        let factor = reach.factor();
        let factor_per_second = factor / seconds(end - start);
        Bound { from: lo as u32, to: hi as u32, reach, factor, factor_per_second }
    };
    ends.times().map(window).collect()
}

pub(super) fn advance<T>(cursor: &mut usize, items: &[T], passed: impl Fn(&T) -> bool) {
    while items.get(*cursor).is_some_and(&passed) {
        *cursor += 1;
    }
}

pub(crate) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

// === impl Reach ===

impl Reach {
    /// Growth goes on to an edge that is near, as measured by the distance between samples, else for half such a distance.
    pub(crate) fn of((first, last, samples): (i64, i64, usize), (start, end): (i64, i64)) -> Self {
        let sampled = seconds(last - first);
        let between = if samples > 1 { sampled / (samples - 1) as f64 } else { 0.0 };
        let threshold = between * 1.1;
        let to_edge = |distance: f64| if distance >= threshold { between / 2.0 } else { distance };
        Self { sampled, to_start: to_edge(seconds(first - start)), to_end: to_edge(seconds(end - last)) }
    }

    pub(crate) fn factor(&self) -> f64 {
        if self.sampled == 0.0 { 1.0 } else { (self.sampled + self.to_start + self.to_end) / self.sampled }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_walked_once_however_many_series_share_it() {
        let times: Arc<[i64]> = Arc::from([10, 20, 30]);
        let mut known: ByTimes<usize> = ByTimes::default();
        let mut walks = 0;
        for _ in 0..5 {
            known.get(&times, 1, |times| {
                walks += 1;
                times.len()
            });
        }
        assert_eq!(walks, 1);
        for length in 1..500 {
            let other: Arc<[i64]> = (0..length).collect();
            assert_eq!(*known.get(&other, 1000, <[i64]>::len), length as usize);
            assert!(known.0.len() <= STEPS_KEPT / 1000);
        }
    }

    #[test]
    fn windows_are_open_at_their_start_and_have_two_samples_or_more() {
        let ends = Steps { start: 10, step: 10, len: 5 };
        let found = windows(&[10, 20, 30], &ends, 20);
        let found: Vec<(u32, u32)> = found.iter().map(|b| (b.from, b.to)).collect();
        assert_eq!(found, [(0, 0), (0, 2), (1, 3), (0, 0), (0, 0)]);
    }

    #[test]
    fn the_newest_sample_is_shown_until_it_is_too_old() {
        let newest = Newest::of(&[10, 30], &Steps { start: 0, step: 10, len: 6 }, 20);
        let mut out = vec![0.0; 6];
        newest.fill(&[1.0, ABSENT], &mut out);
        let shown: Vec<Option<f64>> =
            out.iter().map(|v| (v.to_bits() != ABSENT.to_bits()).then_some(*v)).collect();
        assert_eq!(shown, [None, Some(1.0), Some(1.0), None, None, None]);
    }
}
