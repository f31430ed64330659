//! `anchored` and `smoothed`: what a selector makes of the samples around its edges.
//!
//! An anchored window also has the last sample before it, taken as the value at its start. A smoothed one has the
//! next sample after it too, and the values at both edges lie on the lines between samples. Floats only.

use super::selector::Samples;
use super::value::{Row, STALE_BITS, Steps};
use super::{Eval, EvalError, Evaluated, Point, Sink, Window};
use crate::promql::ast::{Call, Edge, Expr, Selector};

const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

/// Only functions of growth know what to do with samples outside their window.
pub(super) fn check_function(c: &Call, arg: &Expr) -> Evaluated<()> {
    let Expr::Matrix(m) = arg.unparen() else { return Ok(()) };
    let (word, allowed): (&str, &[&str]) = match m.selector.edge {
        Edge::Plain => return Ok(()),
        Edge::Anchored => ("anchored", &ANCHORED),
        Edge::Smoothed => ("smoothed", &SMOOTHED),
    };
    if allowed.contains(&c.function.name) {
        return Ok(());
    }
    let (list, name) = (allowed.join(", "), c.function.name);
    Err(EvalError::Execution(format!("{word} modifier can only be used with: {list} - not with {name}")))
}

/// The samples a window with such an edge shows, given those strictly inside it.
pub(super) fn widen(
    s: &Samples,
    edge: Edge,
    (lo, hi): (usize, usize),
    (start, end): (i64, i64),
    lookback: i64,
) -> (usize, usize) {
    let before = lo.checked_sub(1).filter(|at| s.times[*at] > start.saturating_sub(lookback));
    let after = s.times.get(hi).is_some_and(|t| *t <= end.saturating_add(lookback));
    let ends_inside = hi == lo || s.times[hi - 1] < end;
    match edge {
        Edge::Plain => (lo, hi),
        // Without a sample inside there is nothing to anchor.
        Edge::Anchored if lo == hi => (lo, hi),
        Edge::Anchored => (before.unwrap_or(lo), hi),
        Edge::Smoothed if lo == hi && (before.is_none() || !after) => (lo, lo),
        Edge::Smoothed => (before.unwrap_or(lo), if after && ends_inside { hi + 1 } else { hi }),
    }
}

/// Growth between the window's edges; nothing is extrapolated.
pub(crate) fn growth(w: &Window<'_>, counter: bool) -> Option<f64> {
    let (first, last) = (*w.values.first()?, *w.values.last()?);
    let n = w.values.len();
    let smoothed = w.edge == Edge::Smoothed;
    let left =
        if smoothed && n > 1 && w.times[0] < w.start { between(w, 0, w.start, counter) } else { first };
    let right =
        if smoothed && n > 1 && w.times[n - 1] > w.end { between(w, n - 2, w.end, counter) } else { last };
    let mut growth = right - left;
    if counter {
        let inside = w.times.iter().zip(w.values).filter(|(t, _)| **t > w.start && **t < w.end);
        let mut before = left;
        for value in inside.map(|(_, v)| *v).chain([right]) {
            if value < before {
                growth += before;
            }
            before = value;
        }
    }
    Some(growth)
}

/// The value at a time between two neighbouring samples; a counter that was reset starts anew from zero.
fn between(w: &Window<'_>, at: usize, time: i64, counter: bool) -> f64 {
    let to = w.values[at + 1];
    let from = if counter && to < w.values[at] { 0.0 } else { w.values[at] };
    from + (to - from) * (time - w.times[at]) as f64 / (w.times[at + 1] - w.times[at]) as f64
}

// === impl Eval ===

impl<'a> Eval<'a> {
    /// An instant selector whose values lie on the lines between samples.
    pub(super) fn smoothed_selector(
        &mut self,
        s: &Selector,
        steps: &Steps,
        sink: Sink<'_, 'a>,
    ) -> Evaluated<()> {
        let times = self.shifted(&s.time, steps)?;
        let lookback = self.settings.lookback_ms;
        let from = times.start.saturating_sub(lookback);
        for samples in self.read(&s.matchers, from, times.end().saturating_add(lookback))? {
            if !samples.histograms.is_empty() {
                return Err(EvalError::execution("smoothed modifier is not supported with histograms"));
            }
            let keep = |at: &usize| samples.values[*at].to_bits() != STALE_BITS;
            let live: Vec<usize> = (0..samples.times.len()).filter(keep).collect();
            let mut row = Row::empty(samples.labels.clone(), steps.len);
            for (i, time) in times.times().enumerate() {
                let next = live.partition_point(|at| samples.times[*at] <= time);
                let before = next.checked_sub(1).map(|n| live[n]);
                let Some(at) = before.filter(|at| samples.times[*at] > time.saturating_sub(lookback)) else {
                    continue;
                };
                let after = live.get(next).filter(|at| samples.times[**at] <= time.saturating_add(lookback));
                let (t, v) = (samples.times[at], samples.values[at]);
                let value = match after {
                    Some(after) if t < time => {
                        let (to_t, to) = (samples.times[*after], samples.values[*after]);
                        v + (to - v) * (time - t) as f64 / (to_t - t) as f64
                    }
                    _ => v,
                };
                row.set(i, Point::Float(value));
            }
            if !row.is_empty() {
                sink(self, row)?;
            }
        }
        Ok(())
    }
}
