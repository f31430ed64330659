//! One series' samples on their way between heads, segments and queries.

use std::sync::Arc;

use crate::head::OwnedExemplar;
use crate::model::{Labels, Temporality};
use crate::snapshot::SeriesMeta;

/// Samples of one series. After [`RawSamples::settle`] sorted by time, one for each time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RawSamples {
    pub times: Vec<i64>,
    pub values: Vec<f64>,
    /// From which index on a start time holds; sorted by index. Before the first: none is known.
    pub starts: Vec<(u32, i64)>,
    pub histograms: Vec<RawHistogram>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RawHistogram {
    pub time_ms: i64,
    /// 0: not given.
    pub start_ms: i64,
    /// The encoding of [`crate::model::HistogramPoint`].
    pub bytes: Box<[u8]>,
}

/// What one head or segment has of a series in a range, in the order it was written.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// Shared by series of one scrape or export.
    pub times: Arc<[i64]>,
    pub values: Vec<f64>,
    pub starts: Vec<(u32, i64)>,
    pub histograms: Vec<RawHistogram>,
}

/// The lists of times a reader saw last: equal ones become one, so that what is computed from times alone is computed
/// once.
#[derive(Default)]
pub(crate) struct SharedTimes {
    seen: Vec<Arc<[i64]>>,
    next: usize,
}

/// More lists than this are rarely in use at once.
const SHARED_TIMES: usize = 64;

/// A whole series, to be written.
#[derive(Clone, Debug)]
pub(crate) struct SeriesInput {
    pub labels: Labels,
    pub meta: Arc<SeriesMeta>,
    pub samples: RawSamples,
    pub exemplars: Vec<OwnedExemplar>,
}

// === impl SharedTimes ===

impl SharedTimes {
    pub(crate) fn get(&mut self, times: &[i64]) -> Arc<[i64]> {
        // Lists that differ mostly do so at an end; those of steady series are long.
        let ends = |list: &[i64]| (list.len(), list.first().copied(), list.last().copied());
        let same = |known: &&Arc<[i64]>| ends(known) == ends(times) && ***known == *times;
        if let Some(known) = self.seen.iter().find(same) {
            return Arc::clone(known);
        }
        let times: Arc<[i64]> = times.into();
        match self.seen.get_mut(self.next) {
            Some(slot) => *slot = Arc::clone(&times),
            None => self.seen.push(Arc::clone(&times)),
        }
        self.next = (self.next + 1) % SHARED_TIMES;
        times
    }
}

// === impl Piece ===

impl Piece {
    /// Whether sorting would change nothing.
    pub(crate) fn is_settled(&self) -> bool {
        self.times.is_sorted_by(|a, b| a < b) && self.histograms.is_sorted_by(|a, b| a.time_ms < b.time_ms)
    }
}

// === impl RawSamples ===

impl RawSamples {
    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty() && self.histograms.is_empty()
    }

    pub(crate) fn into_piece(self, shared: &mut SharedTimes) -> Piece {
        Piece {
            times: shared.get(&self.times),
            values: self.values,
            starts: self.starts,
            histograms: self.histograms,
        }
    }

    /// The start time of a sample; 0: not given.
    pub(crate) fn start_of(&self, row: usize) -> i64 {
        start_at(&self.starts, row)
    }

    /// Appends a sample.
    pub(crate) fn push(&mut self, time_ms: i64, start_ms: i64, value: f64) {
        self.push_start(start_ms);
        self.times.push(time_ms);
        self.values.push(value);
    }

    /// The start time of the samples that follow.
    pub(crate) fn push_start(&mut self, start_ms: i64) {
        if self.starts.last().map_or(0, |last| last.1) != start_ms {
            self.starts.push((self.times.len() as u32, start_ms));
        }
    }

    /// Appends what was written later.
    pub(crate) fn append(&mut self, later: &Piece) {
        if !later.times.is_empty() {
            push_starts(&mut self.starts, &later.starts, self.times.len() as u32);
        }
        self.times.extend_from_slice(&later.times);
        self.values.extend_from_slice(&later.values);
        self.histograms.extend_from_slice(&later.histograms);
    }

    /// Sorts; of two samples of one time the later written stays. Growth is known by its start too: two
    /// delta samples of one time that begin at different times are two.
    pub(crate) fn settle(&mut self, temporality: Temporality) {
        let delta = temporality == Temporality::Delta;
        if !self.times.is_sorted_by(|a, b| a < b) {
            let key = |row: usize| (self.times[row], if delta { self.start_of(row) } else { 0 });
            let mut rows: Vec<usize> = (0..self.times.len()).collect();
            rows.sort_by_key(|&row| key(row));
            keep_last(&mut rows, |&row| key(row));
            let mut sorted = Self::default();
            for row in rows {
                sorted.push(self.times[row], self.start_of(row), self.values[row]);
            }
            (self.times, self.values, self.starts) = (sorted.times, sorted.values, sorted.starts);
        }
        let key = |h: &RawHistogram| (h.time_ms, if delta { h.start_ms } else { 0 });
        if !self.histograms.is_sorted_by(|a, b| key(a) < key(b)) {
            self.histograms.sort_by_key(key);
            keep_last(&mut self.histograms, key);
        }
    }
}

/// The start time of a sample; 0: not given.
pub(crate) fn start_at(starts: &[(u32, i64)], row: usize) -> i64 {
    let after = starts.partition_point(|(from, _)| *from as usize <= row);
    after.checked_sub(1).map_or(0, |at| starts[at].1)
}

/// Appends the start times of later samples, which begin at `offset`: neighbours differ.
pub(crate) fn push_starts(starts: &mut Vec<(u32, i64)>, later: &[(u32, i64)], offset: u32) {
    let unknown = later.first().is_none_or(|(index, _)| *index > 0).then_some((0, 0));
    for (index, start) in unknown.iter().chain(later) {
        if starts.last().map_or(0, |last| last.1) != *start {
            starts.push((index + offset, *start));
        }
    }
}

/// The start times of a part of the samples.
pub(crate) fn cut_starts(starts: &[(u32, i64)], from: usize, to: usize) -> Vec<(u32, i64)> {
    let before = starts.iter().rfind(|(index, _)| *index as usize <= from).map(|(_, start)| (0, *start));
    let inside = starts.iter().filter(|(index, _)| (from + 1..to).contains(&(*index as usize)));
    before.into_iter().chain(inside.map(|(index, start)| (*index - from as u32, *start))).collect()
}

/// Of neighbours with one key, keeps the last.
pub(crate) fn keep_last<T, K: PartialEq>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    items.dedup_by(|later, earlier| {
        let same = key(later) == key(earlier);
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(rows: &[(i64, i64, f64)]) -> Piece {
        let RawSamples { times, values, starts, histograms } = raw(rows);
        Piece { times: times.into(), values, starts, histograms }
    }

    fn raw(rows: &[(i64, i64, f64)]) -> RawSamples {
        let mut raw = RawSamples::default();
        rows.iter().for_each(|&(time, start, value)| raw.push(time, start, value));
        raw
    }

    #[test]
    fn the_last_of_equal_keys_stays() {
        let mut items = vec![(1, 'a'), (2, 'b'), (2, 'c'), (2, 'd'), (3, 'e')];
        keep_last(&mut items, |item| item.0);
        assert_eq!(items, [(1, 'a'), (2, 'd'), (3, 'e')]);
    }

    #[test]
    fn later_samples_win_and_starts_move_with_their_samples() {
        let mut joined = raw(&[(10, 5, 1.0), (20, 5, 1.0), (30, 5, 1.0)]);
        joined.append(&piece(&[(20, 0, 2.0), (40, 35, 2.0)]));
        joined.append(&piece(&[(50, 35, 2.0)]));
        joined.settle(Temporality::Cumulative);
        assert_eq!(joined.times, [10, 20, 30, 40, 50]);
        assert_eq!(joined.values, [1.0, 2.0, 1.0, 2.0, 2.0]);
        assert_eq!(joined.starts, [(0, 5), (1, 0), (2, 5), (3, 35)]);
        assert_eq!(cut_starts(&joined.starts, 1, 3), [(0, 0), (1, 5)]);
    }

    #[test]
    fn growth_of_one_time_counts_once_for_each_start() {
        let mut joined = raw(&[(10, 1, 1.0), (20, 10, 2.0)]);
        joined.append(&piece(&[(20, 10, 3.0), (20, 15, 4.0)]));
        joined.settle(Temporality::Delta);
        assert_eq!((joined.times, joined.values), (vec![10, 20, 20], vec![1.0, 3.0, 4.0]));
    }
}
