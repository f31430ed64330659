//! Range vectors: the samples between two times, for every step, and the functions over them.

use std::sync::Arc;

use super::selector::Samples;
use super::value::{Row, STALE_BITS, Steps};
use super::{Eval, EvalError, Evaluated, Notes, Point, Series, Sink};
use crate::promql::ast::*;
use crate::promql::histogram::Histogram;

/// The samples of one series in `(start, end]`.
pub(crate) struct Window<'w> {
    pub times: &'w [i64],
    pub values: &'w [f64],
    pub histograms: &'w [(i64, Arc<Histogram>)],
    pub start: i64,
    pub end: i64,
    /// The evaluation time: `end` unless `@` or `offset` moved the window.
    pub now: i64,
    /// The function's scalar arguments at this step.
    pub params: &'w [f64],
    pub delta: bool,
    /// Some value is lower than the one before it.
    pub falls: bool,
    /// Not plain: there are samples outside the window.
    pub edge: Edge,
}

pub(crate) type WindowFn = fn(&Window<'_>, &mut Notes) -> Option<Point>;

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
}

// === impl Eval ===

impl<'a> Eval<'a> {
    /// The series of a range selector or a subquery, over the windows of all steps.
    pub(crate) fn ranges(&mut self, expr: &Expr, steps: &Steps) -> Evaluated<Ranges> {
        match expr.unparen() {
            Expr::Matrix(m) => {
                let ends = self.shifted(&m.selector.time, steps)?;
                let range = self.positive_duration(&m.range)?;
                let edge = m.selector.edge;
                let lookback = self.settings.lookback_ms;
                let left = if edge == Edge::Plain { 0 } else { lookback };
                let right = if edge == Edge::Smoothed { lookback } else { 0 };
                let from = ends.start.saturating_sub(range).saturating_sub(left);
                let to = ends.end().saturating_add(right);
                let mut series = self.read(&m.selector.matchers, from, to)?;
                series.iter_mut().for_each(drop_stale);
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
            let floats = samples.times.iter().copied().zip(samples.values.iter().copied());
            let labels =
                if samples.drop_name { super::without_name(&samples.labels) } else { samples.labels.clone() };
            let series = Series {
                labels,
                floats: floats.filter(|(t, _)| inside(*t)).collect(),
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
        function: WindowFn,
        keeps_name: bool,
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
        let ranges = self.ranges(range_arg, steps)?;
        let lookback = self.settings.lookback_ms;
        let mut scratch = Scratch::default();
        for (n, mut samples) in ranges.series.into_iter().enumerate() {
            if n % 64 == 0 {
                self.ctx.check()?;
            }
            self.notes.about(range_arg.span(), samples.labels.metric_name());
            let mut row = Row::empty(std::mem::take(&mut samples.labels), steps.len);
            row.drop_name = samples.drop_name || !keeps_name;
            let windows = Windows {
                samples: &samples,
                ends: ranges.ends,
                range: ranges.range,
                edge: ranges.edge,
                lookback,
                steps,
                params: &params,
            };
            windows.each(&mut scratch, |i, window| {
                if let Some(point) = function(window, &mut self.notes) {
                    row.set(i, point);
                }
            });
            if let Some(message) = self.notes.take_failure() {
                return Err(EvalError::Execution(message));
            }
            if !row.is_empty() {
                sink(self, row)?;
            }
        }
        Ok(())
    }
}

/// Reused from series to series.
#[derive(Default)]
struct Scratch {
    last_fall: Vec<u32>,
    params: Vec<f64>,
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
        falls(&s.values, &mut scratch.last_fall);
        let (mut lo, mut hi, mut hist_lo, mut hist_hi) = (0, 0, 0, 0);
        for (i, end) in self.ends.times().enumerate() {
            let start = end.saturating_sub(self.range);
            advance(&mut lo, &s.times, |t| *t <= start);
            hi = hi.max(lo);
            advance(&mut hi, &s.times, |t| *t <= end);
            advance(&mut hist_lo, &s.histograms, |(t, _)| *t <= start);
            hist_hi = hist_hi.max(hist_lo);
            advance(&mut hist_hi, &s.histograms, |(t, _)| *t <= end);
            let (lo, hi) = match self.edge {
                Edge::Plain => (lo, hi),
                edge => super::edge::widen(s, edge, (lo, hi), (start, end), self.lookback),
            };
            if lo == hi && hist_lo == hist_hi {
                continue;
            }
            scratch.params.clear();
            scratch.params.extend(self.params.iter().map(|p| p[i]));
            let falls = hi > lo && scratch.last_fall[hi - 1] as usize > lo;
            visit(
                i,
                &Window {
                    times: &s.times[lo..hi],
                    values: &s.values[lo..hi],
                    histograms: &s.histograms[hist_lo..hist_hi],
                    start,
                    end,
                    now: self.steps.time(i),
                    params: &scratch.params,
                    delta: s.delta,
                    falls,
                    edge: self.edge,
                },
            );
        }
    }
}

fn advance<T>(cursor: &mut usize, items: &[T], passed: impl Fn(&T) -> bool) {
    while items.get(*cursor).is_some_and(&passed) {
        *cursor += 1;
    }
}

/// For every value the index of the last one, up to it, that is lower than its predecessor.
fn falls(values: &[f64], last_fall: &mut Vec<u32>) {
    last_fall.clear();
    let mut last = 0;
    for (i, value) in values.iter().enumerate() {
        if i > 0 && *value < values[i - 1] {
            last = i as u32;
        }
        last_fall.push(last);
    }
}

/// Range functions see no staleness markers.
fn drop_stale(samples: &mut Samples) {
    if samples.values.iter().all(|v| v.to_bits() != STALE_BITS) {
        return;
    }
    let keep: Vec<bool> = samples.values.iter().map(|v| v.to_bits() != STALE_BITS).collect();
    let mut flags = keep.iter();
    samples.times.retain(|_| *flags.next().unwrap_or(&false));
    samples.values.retain(|v| v.to_bits() != STALE_BITS);
}
