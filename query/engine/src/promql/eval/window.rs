//! Range vectors: the samples between two times, for every step, and the functions over them.

use std::sync::Arc;

use super::bounds::{self, Floats, Scratch, advance};
use super::reading::Worker;
use super::samples::Samples;
use super::value::{Row, Steps};
use super::{Eval, EvalError, Evaluated, Notes, Point, Series, Sink};
use crate::promql::ast::*;
use crate::promql::histogram::Histogram;

/// The samples of one series in `(start, end]`; around it too if its edge is not plain.
pub(crate) struct Window<'w> {
    pub times: &'w [i64],
    pub values: &'w [f64],
    pub histograms: &'w [(i64, Arc<Histogram>)],
    /// Start times of the histograms; empty: none is known.
    pub histogram_starts: &'w [i64],
    /// Start times of the floats, in runs (see [`Samples::starts`]), counted from `first`.
    starts: &'w [(u32, i64)],
    /// Index in the series of the first float.
    first: usize,
    /// Where, in the series, a float is the first after a counter's reset; those inside the window.
    resets: &'w [u32],
    pub start: i64,
    pub end: i64,
    /// The evaluation time: `end` unless `@` or `offset` moved the window.
    pub now: i64,
    /// The function's scalar arguments at this step.
    pub params: &'w [f64],
    pub delta: bool,
    /// Not plain: there may be samples outside the window.
    pub edge: Edge,
}

pub(crate) type WindowFn = fn(&Window<'_>, &mut Notes) -> Option<Point>;
/// Puts the results of all windows into their steps.
pub(crate) type RowFn = fn(&Floats<'_>, &mut [f64]);

/// A function over the samples of windows.
#[derive(Clone, Copy)]
pub(crate) enum RangeFn {
    Plain(WindowFn),
    /// The series keeps its name.
    Named(WindowFn),
    /// Growth of floats is found for all windows at once where it can be.
    Growth(WindowFn, RowFn),
}

/// A range vector's series and how its windows lie.
pub(crate) struct Ranges {
    pub series: Vec<Samples>,
    /// Where each step's window ends.
    pub ends: Steps,
    pub range: i64,
    pub edge: Edge,
}

// === impl Window ===

impl Window<'_> {
    pub(crate) fn seconds(&self) -> f64 {
        (self.end - self.start) as f64 / 1000.0
    }

    /// Start time of a float of the window; 0: not known.
    pub(crate) fn start_of(&self, at: usize) -> i64 {
        run_start(self.starts, self.first + at)
    }

    /// The floats after which a counter was reset: indices in the window, in order.
    pub(crate) fn before_resets(&self) -> impl Iterator<Item = usize> {
        self.resets.iter().map(|at| *at as usize - self.first - 1)
    }

    /// Whether a start time lies before the sample before, and is not that one's either.
    pub(crate) fn starts_overlap(&self) -> bool {
        let from = self.starts.partition_point(|(at, _)| *at as usize <= self.first);
        let to = self.starts.partition_point(|(at, _)| (*at as usize) < self.first + self.times.len());
        let begins = self.starts.get(from..to).unwrap_or_default();
        begins.iter().any(|(at, start)| *start != 0 && *start < self.times[*at as usize - self.first - 1])
    }
}

// === impl Eval ===

impl<'a> Eval<'a> {
    /// The series of a range selector or a subquery, over the windows of all steps.
    pub(crate) fn ranges(&mut self, expr: &Expr, steps: &Steps) -> Evaluated<Ranges> {
        match expr.unparen() {
            Expr::Matrix(m) => {
                let ends = self.shifted(&m.selector.time, steps)?;
                let range = self.positive_duration(&m.range)?;
                let (edge, lookback) = (m.selector.edge, self.settings.lookback_ms);
                let from = seen(edge, lookback, ends.start.saturating_sub(range), ends.start).0;
                let to = seen(edge, lookback, ends.start, ends.end()).1;
                let mut series = self.read(&m.selector.matchers, from, to)?;
                series.iter_mut().for_each(Samples::drop_stale);
                Ok(Ranges { series, ends, range, edge })
            }
            Expr::Subquery(s) => self.subquery(s, steps),
            _ => Err(EvalError::execution("expected a range vector")),
        }
    }

    /// A range vector as an answer of its own.
    pub(super) fn matrix(&mut self, expr: &Expr, time_ms: i64) -> Evaluated<Vec<Series>> {
        let steps = Steps { start: time_ms, step: 1, len: 1 };
        let ranges = self.ranges(expr, &steps)?;
        let (end, start) = (ranges.ends.start, ranges.ends.start.saturating_sub(ranges.range));
        let inside = |t: i64| t > start && t <= end;
        let mut all = Vec::new();
        for samples in ranges.series {
            let floats = match ranges.edge {
                Edge::Plain => samples.times.iter().copied().zip(samples.values.iter().copied()).collect(),
                _ if !samples.histograms.is_empty() => return Err(super::edge::no_histograms(ranges.edge)),
                edge => super::edge::extended(&samples.times, &samples.values, edge, (start, end)),
            };
            let shown = |t: i64| inside(t) || ranges.edge != Edge::Plain;
            let labels =
                if samples.drop_name { super::without_name(&samples.labels) } else { samples.labels.clone() };
            let series = Series {
                labels,
                floats: floats.into_iter().filter(|(t, _)| shown(*t)).collect(),
                histograms: samples.histograms.into_iter().filter(|(t, _)| inside(*t)).collect(),
            };
            if !series.floats.is_empty() || !series.histograms.is_empty() {
                all.push(series);
            }
        }
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        if all.windows(2).any(|pair| pair[0].labels == pair[1].labels) {
            return Err(EvalError::execution("vector cannot contain metrics with the same labelset"));
        }
        Ok(all)
    }

    /// Calls a function for every series and step of a range vector; rows go to the sink as they are made.
    pub(super) fn over_windows(
        &mut self,
        call: &Call,
        function: RangeFn,
        steps: &Steps,
        sink: Sink<'_, 'a>,
    ) -> Evaluated<()> {
        let mut params = Vec::new();
        let mut range_arg = None;
        for arg in &call.args {
            match arg.value_type() {
                ValueType::Matrix => range_arg = Some(arg),
                _ => params.push(self.scalar(arg, steps)?),
            }
        }
        let Some(range_arg) = range_arg else { return Err(EvalError::execution("expected a range vector")) };
        super::edge::check_function(call, range_arg)?;
        let lookback = self.settings.lookback_ms;
        let calls = |ends: Steps, range: i64, edge: Edge| Calls {
            function,
            span: range_arg.span(),
            ends,
            range,
            edge,
            lookback,
            steps: *steps,
            params,
        };
        if let Expr::Matrix(m) = range_arg.unparen() {
            let (ends, range) = (self.shifted(&m.selector.time, steps)?, self.positive_duration(&m.range)?);
            let calls = calls(ends, range, m.selector.edge);
            let reading = self.reading(&m.selector.matchers, calls.seen_over_all(), false, false)?;
            let make = |worker: &mut Worker<'_>, mut samples: Samples| {
                samples.drop_stale();
                calls.row(samples, &mut worker.scratch, &mut worker.notes)
            };
            return self.each_series(&reading, &make, sink);
        }
        let ranges = self.ranges(range_arg, steps)?;
        let calls = calls(ranges.ends, ranges.range, ranges.edge);
        let mut scratch = Scratch::default();
        for (n, samples) in ranges.series.into_iter().enumerate() {
            if n % 64 == 0 {
                self.ctx.check()?;
            }
            if let Some(row) = calls.row(samples, &mut scratch, &mut self.notes)? {
                sink(self, row)?;
            }
        }
        Ok(())
    }
}

/// A function called for every window of every series.
pub(super) struct Calls {
    pub function: RangeFn,
    pub span: Span,
    pub ends: Steps,
    pub range: i64,
    pub edge: Edge,
    pub lookback: i64,
    pub steps: Steps,
    pub params: Vec<Vec<f64>>,
}

// === impl Calls ===

impl Calls {
    /// Where the samples that any window shows lie: `(from, to]`.
    fn seen_over_all(&self) -> (i64, i64) {
        let first = self.ends.start.saturating_sub(self.range);
        (
            seen(self.edge, self.lookback, first, self.ends.start).0,
            seen(self.edge, self.lookback, first, self.ends.end()).1,
        )
    }

    pub(super) fn row(
        &self,
        mut samples: Samples,
        scratch: &mut Scratch,
        notes: &mut Notes,
    ) -> Evaluated<Option<Row>> {
        notes.about(self.span, samples.labels.metric_name());
        let mut row = Row::empty(std::mem::take(&mut samples.labels), self.steps.len);
        row.drop_name = samples.drop_name || !matches!(self.function, RangeFn::Named(_));
        row.hidden = std::mem::take(&mut samples.hidden);
        match self.function {
            RangeFn::Growth(_, whole) if self.is_plain(&samples) => {
                resets(&samples, &mut scratch.resets);
                let (windows, resets) = scratch.bounds(&samples.times, &self.ends, self.range);
                let seconds = bounds::seconds(self.range);
                whole(&Floats { values: &samples.values, windows, resets, seconds }, &mut row.floats);
            }
            RangeFn::Plain(function) | RangeFn::Named(function) | RangeFn::Growth(function, _) => {
                let windows = Windows {
                    samples: &samples,
                    ends: self.ends,
                    range: self.range,
                    edge: self.edge,
                    lookback: self.lookback,
                    steps: &self.steps,
                    params: &self.params,
                };
                windows.each(scratch, |i, window| {
                    if let Some(point) = function(window, notes) {
                        row.set(i, point);
                    }
                });
                if let Some(message) = notes.take_failure() {
                    return Err(EvalError::Execution(message));
                }
            }
        }
        Ok((!row.is_empty()).then_some(row))
    }

    /// Whether a window's floats and resets are all there is to know of it. A start time is not if it lies before
    /// all windows, or at the sample before it, where a counter that tells its start is zero.
    fn is_plain(&self, samples: &Samples) -> bool {
        let first = self.ends.start.saturating_sub(self.range);
        let tells_nothing = |(at, start): &(u32, i64)| match (*at as usize).checked_sub(1) {
            None => *start <= first,
            Some(before) => *start == 0 || samples.times.get(before) == Some(start),
        };
        self.edge == Edge::Plain
            && samples.histograms.is_empty()
            && !samples.delta
            && samples.starts.iter().all(tells_nothing)
    }
}

/// Where the samples shown with a window lie: `(from, to]`.
fn seen(edge: Edge, lookback: i64, start: i64, end: i64) -> (i64, i64) {
    match edge {
        Edge::Plain => (start, end),
        Edge::Anchored => (start.saturating_sub(lookback), end),
        Edge::Smoothed => (start.saturating_sub(lookback), end.saturating_add(lookback)),
    }
}

struct Windows<'w> {
    samples: &'w Samples,
    ends: Steps,
    range: i64,
    edge: Edge,
    lookback: i64,
    steps: &'w Steps,
    params: &'w [Vec<f64>],
}

// === impl Windows ===

impl Windows<'_> {
    /// Shows every window that has samples. Two cursors walk along the samples, so the cost is that of the
    /// samples plus that of the steps.
    fn each(&self, scratch: &mut Scratch, mut visit: impl FnMut(usize, &Window<'_>)) {
        let s = self.samples;
        resets(s, &mut scratch.resets);
        let (mut reset_lo, mut reset_hi) = (0, 0);
        let (mut lo, mut hi, mut hist_lo, mut hist_hi) = (0, 0, 0, 0);
        for (i, end) in self.ends.times().enumerate() {
            let start = end.saturating_sub(self.range);
            let (from, to) = seen(self.edge, self.lookback, start, end);
            advance(&mut lo, &s.times, |t| *t <= from);
            hi = hi.max(lo);
            advance(&mut hi, &s.times, |t| *t <= to);
            advance(&mut hist_lo, &s.histograms, |(t, _)| *t <= from);
            hist_hi = hist_hi.max(hist_lo);
            advance(&mut hist_hi, &s.histograms, |(t, _)| *t <= to);
            if lo == hi && hist_lo == hist_hi {
                continue;
            }
            scratch.params.clear();
            scratch.params.extend(self.params.iter().map(|p| p[i]));
            advance(&mut reset_lo, &scratch.resets, |at| *at as usize <= lo);
            reset_hi = reset_hi.max(reset_lo);
            advance(&mut reset_hi, &scratch.resets, |at| (*at as usize) < hi);
            visit(
                i,
                &Window {
                    times: &s.times[lo..hi],
                    values: &s.values[lo..hi],
                    histograms: &s.histograms[hist_lo..hist_hi],
                    histogram_starts: s.histogram_starts.get(hist_lo..hist_hi).unwrap_or_default(),
                    starts: &s.starts,
                    first: lo,
                    resets: &scratch.resets[reset_lo..reset_hi],
                    start,
                    end,
                    now: self.steps.time(i),
                    params: &scratch.params,
                    delta: s.delta,
                    edge: self.edge,
                },
            );
        }
    }
}

/// Where a counter began anew: the value fell, or a start time says so.
fn resets(s: &Samples, resets: &mut Vec<u32>) {
    resets.clear();
    // Most counters never fall, which a loop without a way out finds out sooner.
    let pairs = s.values.iter().zip(s.values.get(1..).unwrap_or_default());
    if pairs.fold(false, |any, (before, now)| any | (now < before)) {
        let falls = s.values.windows(2).enumerate().filter(|(_, pair)| pair[1] < pair[0]);
        resets.extend(falls.map(|(at, _)| at as u32 + 1));
    }
    let mut told = Vec::new();
    for (run, &(from, start)) in s.starts.iter().enumerate() {
        let end = s.starts.get(run + 1).map_or(s.times.len(), |next| next.0 as usize);
        // Of a run's samples only the first after the start can be the first after a reset.
        let at = s.times.partition_point(|t| *t <= start).max(from as usize);
        if at > 0 && at < end && starts_anew((s.start_of(at - 1), s.times[at - 1]), (start, s.times[at])) {
            told.push(at as u32);
        }
    }
    // Samples of delta temporality may each have the start time of a run of one.
    if !told.is_empty() {
        resets.append(&mut told);
        resets.sort_unstable();
        resets.dedup();
    }
}

fn run_start(runs: &[(u32, i64)], at: usize) -> i64 {
    let after = runs.partition_point(|(from, _)| *from as usize <= at);
    after.checked_sub(1).map_or(0, |run| runs[run].1)
}

/// Whether the start time of a sample says that its counter began after the sample before. Both as (start, time).
///
/// A start at the very time before it is what deltas have; of cumulative ones only those whose true start nobody knows,
/// and theirs is the second sample, after one with no start or its own time as its start.
pub(crate) fn starts_anew((before_start, before): (i64, i64), (start, time): (i64, i64)) -> bool {
    if start == 0 || start >= time || start < before {
        return false;
    }
    start > before || (before_start != 0 && before_start < before)
}
