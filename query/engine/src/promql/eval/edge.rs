//! `anchored` and `smoothed`: what a selector makes of the samples around its edges.
//!
//! An anchored window also has the last sample before it, taken as the value at its start. A smoothed one has the
//! next sample after it too, and the values at both edges lie on the lines between samples.

use std::sync::Arc;

use super::samples::Samples;
use super::value::{Row, Steps};
use super::{Eval, EvalError, Evaluated, Notes, Point, Sink};
use crate::promql::ast::{Call, Edge, Expr, Selector};
use crate::promql::histogram::{Clash, Histogram, Incompatible, ResetHint};

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

pub(super) fn no_histograms(edge: Edge) -> EvalError {
    let word = if edge == Edge::Smoothed { "smoothed" } else { "anchored" };
    EvalError::Execution(format!("{word} modifier is not supported with histograms"))
}

/// The floats of a window with such an edge: it always has values at its start and end.
pub(super) fn extended(
    times: &[i64],
    values: &[f64],
    edge: Edge,
    (start, end): (i64, i64),
) -> Vec<(i64, f64)> {
    let Some(mut last) = times.len().checked_sub(1) else { return Vec::new() };
    let first = times[..last].partition_point(|t| *t <= start).saturating_sub(1);
    let smoothed = edge == Edge::Smoothed;
    if smoothed {
        last = times[..last].partition_point(|t| *t < end);
    }
    if times[last] <= start {
        return Vec::new();
    }
    let point = |at: usize| (times[at], values[at]);
    let left = match smoothed && times[first] < start {
        true => interpolated(point(first), point(first + 1), start),
        false => values[first],
    };
    let right = match smoothed && last > 0 && times[last] > end {
        true => interpolated(point(last - 1), point(last), end),
        false => values[last],
    };
    let inside = (first..=last).map(point).filter(|(t, _)| *t > start && *t < end);
    [(start, left)].into_iter().chain(inside).chain([(end, right)]).collect()
}

/// The value at a time on the line between two points.
pub(crate) fn interpolated(from: (i64, f64), to: (i64, f64), time: i64) -> f64 {
    from.1 + (to.1 - from.1) * (time - from.0) as f64 / (to.0 - from.0) as f64
}

/// The same for histograms; a counter that was reset starts anew from nothing. Bounds may clash twice: once is told.
pub(crate) fn interpolated_histogram(
    (from_time, from): (i64, &Histogram),
    (to_time, to): (i64, &Histogram),
    time: i64,
    counter: bool,
) -> Result<(Histogram, Clash), Incompatible> {
    if time == from_time || time == to_time {
        let same = if time == from_time { from } else { to };
        return Ok((same.clone(), Clash::default()));
    }
    let share = (time - from_time) as f64 / (to_time - from_time) as f64;
    if counter && to.is_reset_after(from) {
        return Ok((to.clone().scale(share), Clash::default()));
    }
    let hint = to.hint;
    let (difference, clash) = to.clone().subtract(from)?;
    let (mut h, more) = difference.scale(share).add(from)?;
    // It stands for a sample between the two, and so has the relation of the later one to what came before.
    h.hint = hint;
    Ok((h, clash.and(more)))
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
        for mut samples in self.read_shown(&s.matchers, from, times.end().saturating_add(lookback))? {
            samples.drop_stale();
            self.notes.about(s.span, samples.labels.metric_name());
            let mut row = Row::empty(samples.labels.clone(), steps.len);
            row.hidden = samples.hidden.clone();
            for (i, time) in times.times().enumerate() {
                if let Some(point) = smoothed(&samples, time, lookback, &mut self.notes) {
                    row.set(i, point);
                }
            }
            if !row.is_empty() {
                sink(self, row)?;
            }
        }
        Ok(())
    }
}

fn smoothed(samples: &Samples, time: i64, lookback: i64, notes: &mut Notes) -> Option<Point> {
    let (oldest, newest) = (time.saturating_sub(lookback), time.saturating_add(lookback));
    let inside = |t: i64| t > oldest && t <= newest;
    let floats =
        samples.times.partition_point(|t| *t <= oldest)..samples.times.partition_point(|t| *t <= newest);
    let histograms = samples.histograms.partition_point(|(t, _)| *t <= oldest)
        ..samples.histograms.partition_point(|(t, _)| *t <= newest);
    if !floats.is_empty() && !histograms.is_empty() {
        notes.mixed();
        return None;
    }
    if floats.is_empty() {
        return smoothed_histogram(&samples.histograms[histograms], time, notes);
    }
    let next = samples.times.partition_point(|t| *t < time);
    let after = samples.times.get(next).filter(|t| inside(**t)).map(|t| (*t, samples.values[next]));
    let before = next.checked_sub(1).map(|at| (samples.times[at], samples.values[at]));
    match (before.filter(|(t, _)| inside(*t)), after) {
        (_, Some((t, value))) if t == time => Some(Point::Float(value)),
        (Some(before), Some(after)) => Some(Point::Float(interpolated(before, after, time))),
        (Some((_, value)), None) => Some(Point::Float(value)),
        (None, _) => None,
    }
}

fn smoothed_histogram(samples: &[(i64, Arc<Histogram>)], time: i64, notes: &mut Notes) -> Option<Point> {
    let next = samples.partition_point(|(t, _)| *t < time);
    let before = next.checked_sub(1).map(|at| &samples[at]);
    let h = match (before, samples.get(next)) {
        (_, Some((t, h))) if *t == time => return Some(Point::Histogram(Arc::clone(h))),
        (None, _) => return None,
        (Some((_, h)), None) => {
            // Nothing follows yet, so nothing is known of how it relates to what it stands behind.
            Histogram { hint: ResetHint::Unknown, ..(**h).clone() }
        }
        (Some((t, before)), Some((next, after))) => {
            if before.uses_custom_buckets() != after.uses_custom_buckets() {
                notes.mixed_buckets();
                return None;
            }
            let counter = before.hint != ResetHint::Gauge || after.hint != ResetHint::Gauge;
            let (h, clash) = interpolated_histogram((*t, before), (*next, after), time, counter).ok()?;
            notes.clash(clash, "subtraction");
            h
        }
    };
    Some(Point::Histogram(Arc::new(h)))
}
