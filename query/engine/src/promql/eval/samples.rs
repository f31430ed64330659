//! A series' samples as functions see them.

use std::sync::Arc;

use store::SeriesSamples;
use store::model::{HistogramPoint, Labels, ResetHint, Temporality};

use super::value::STALE_BITS;
use crate::promql::histogram::Histogram;

pub(crate) struct Samples {
    pub labels: Labels,
    pub drop_name: bool,
    /// Series that were sampled together may share them.
    pub times: Arc<[i64]>,
    pub values: Vec<f64>,
    /// From which index on a start time holds; 0: none is known.
    pub starts: Vec<(u32, i64)>,
    pub histograms: Vec<(i64, Arc<Histogram>)>,
    /// One for each histogram, or none at all.
    pub histogram_starts: Vec<i64>,
    /// Each sample is the growth since the one before.
    pub delta: bool,
    /// See [`super::value::Row::hidden`].
    pub hidden: Labels,
}

/// A histogram that marks the end of its series.
pub(crate) fn is_stale(h: &Histogram) -> bool {
    h.sum.to_bits() == STALE_BITS
}

// === impl Samples ===

impl Samples {
    /// `before`: the last histogram before them. `tells_resets`: histograms whose counts fell say so.
    pub(super) fn of(
        series: SeriesSamples,
        before: Option<&(i64, HistogramPoint)>,
        tells_resets: bool,
    ) -> Self {
        let known = series.histograms.iter().any(|(_, start, _)| *start != 0);
        let histogram_starts = series.histograms.iter().filter(|_| known).map(|(_, start, _)| *start);
        Self {
            labels: series.labels,
            drop_name: false,
            starts: series.starts,
            histogram_starts: histogram_starts.collect(),
            histograms: with_hints(&series.times, &series.histograms, before, tells_resets),
            times: series.times,
            values: series.values,
            delta: series.meta.temporality == Temporality::Delta,
            hidden: Labels::default(),
        }
    }

    /// Values made by an expression: whatever the samples below said about themselves is lost.
    pub(super) fn plain(labels: Labels, drop_name: bool, times: Arc<[i64]>, values: Vec<f64>) -> Self {
        Self {
            labels,
            drop_name,
            times,
            values,
            starts: Vec::new(),
            histograms: Vec::new(),
            histogram_starts: Vec::new(),
            delta: false,
            hidden: Labels::default(),
        }
    }

    pub(super) fn start_of(&self, at: usize) -> i64 {
        let after = self.starts.partition_point(|(from, _)| *from as usize <= at);
        after.checked_sub(1).map_or(0, |run| self.starts[run].1)
    }

    pub(super) fn histogram_start_of(&self, at: usize) -> i64 {
        self.histogram_starts.get(at).copied().unwrap_or(0)
    }

    /// Range functions see no staleness markers.
    pub(super) fn drop_stale(&mut self) {
        let live = |v: &f64| v.to_bits() != STALE_BITS;
        // Without a way out of the loop it looks at several values at once.
        if self.values.iter().fold(false, |any, v| any | !live(v)) {
            let keep: Vec<usize> = (0..self.values.len()).filter(|at| live(&self.values[*at])).collect();
            if !self.starts.is_empty() {
                self.starts = runs(keep.iter().map(|at| self.start_of(*at)));
            }
            self.times = keep.iter().map(|at| self.times[*at]).collect();
            self.values = keep.iter().map(|at| self.values[*at]).collect();
        }
        if self.histograms.iter().any(|(_, h)| is_stale(h)) {
            let mut all = std::mem::take(&mut self.histograms);
            let mut live = all.iter().map(|(_, h)| !is_stale(h)).collect::<Vec<_>>().into_iter();
            self.histogram_starts.retain(|_| live.next().unwrap_or(true));
            all.retain(|(_, h)| !is_stale(h));
            self.histograms = all;
        }
    }
}

fn runs(starts: impl Iterator<Item = i64>) -> Vec<(u32, i64)> {
    let mut runs: Vec<(u32, i64)> = Vec::new();
    for (at, start) in starts.enumerate() {
        if runs.last().map_or(0, |last| last.1) != start {
            runs.push((at as u32, start));
        }
    }
    runs
}

/// Histograms told how they relate to the one before, where both are known and no float lies between. A sender's word
/// that a counter began anew counts where the counts do not say it themselves.
fn with_hints(
    times: &[i64],
    points: &[(i64, i64, HistogramPoint)],
    before: Option<&(i64, HistogramPoint)>,
    tells_resets: bool,
) -> Vec<(i64, Arc<Histogram>)> {
    let mut all: Vec<(i64, Arc<Histogram>)> = Vec::with_capacity(points.len());
    let first = before.map(|(time, point)| (*time, Arc::new(Histogram::from_point(point))));
    for (time, _, point) in points {
        let mut h = Histogram::from_point(point);
        let next = |before: i64| times.get(times.partition_point(|t| *t <= before));
        let follows = |(t, b): &&(i64, Arc<Histogram>)| {
            b.hint != ResetHint::Gauge && !is_stale(b) && next(*t).is_none_or(|next| next > time)
        };
        let before = all.last().or(first.as_ref()).filter(follows);
        if h.hint != ResetHint::Gauge {
            h.hint = hint(&h, before.map(|(_, before)| &**before), tells_resets);
        }
        all.push((*time, Arc::new(h)));
    }
    all
}

fn hint(h: &Histogram, before: Option<&Histogram>, tells_resets: bool) -> ResetHint {
    let Some(before) = before else { return ResetHint::Unknown };
    if h.continues(before) {
        return if h.hint == ResetHint::Reset { ResetHint::Reset } else { ResetHint::NotReset };
    }
    let unhinted = Histogram { hint: ResetHint::Unknown, ..h.clone() };
    if tells_resets && unhinted.is_reset_after(before) { ResetHint::Reset } else { ResetHint::Unknown }
}
