//! Growth over `anchored` and `smoothed` windows: between the edges themselves, nothing is extrapolated.
//!
//! Such a window shows the samples of the lookback before it too (and after it, if smoothed). An anchored one takes the
//! last sample up to its start as the value there; a smoothed one has values on the lines between samples.

use std::sync::Arc;

use super::counter::combine;
use crate::promql::ast::Edge;
use crate::promql::eval::{Notes, Point, Window, interpolated};
use crate::promql::histogram::{Histogram, ResetHint};

type Samples<'w> = &'w [(i64, Arc<Histogram>)];

pub(super) fn growth(w: &Window<'_>, notes: &mut Notes, counter: bool, per_second: bool) -> Option<Point> {
    let by = if per_second { w.seconds() } else { 1.0 };
    if w.histograms.is_empty() {
        return Some(Point::Float(of_floats(w, counter)? / by));
    }
    let growth = of_histograms(w, notes, counter)?;
    let mut growth = if per_second { growth.divide(by) } else { growth }.compact();
    growth.hint = ResetHint::Gauge;
    Some(Point::Histogram(Arc::new(growth)))
}

/// The first and last sample that matter; none if the window is empty.
fn outermost(w: &Window<'_>, times: &[i64]) -> Option<(usize, usize)> {
    let mut last = times.len().checked_sub(1)?;
    let first = times[..last].partition_point(|t| *t <= w.start).saturating_sub(1);
    let smoothed = w.edge == Edge::Smoothed;
    if smoothed {
        last = times[..last].partition_point(|t| *t < w.end);
    }
    let outside = times[last] <= w.start || (smoothed && times[first] > w.end);
    (!outside).then_some((first, last))
}

fn of_floats(w: &Window<'_>, counter: bool) -> Option<f64> {
    let (first, last) = outermost(w, w.times)?;
    let smoothed = w.edge == Edge::Smoothed;
    let between = |at: usize, time: i64| {
        let to = w.values[at + 1];
        // A counter that was reset starts anew from zero.
        let from = if counter && to < w.values[at] { 0.0 } else { w.values[at] };
        interpolated((w.times[at], from), (w.times[at + 1], to), time)
    };
    let left = match smoothed && w.times[first] < w.start {
        true => between(first, w.start),
        false => w.values[first],
    };
    let right = match smoothed && last > 0 && w.times[last] > w.end {
        true => between(last - 1, w.end),
        false => w.values[last],
    };
    let mut growth = right - left;
    if counter {
        let from = first + usize::from(w.times[first] <= w.start);
        let to = last + usize::from(w.times[last] < w.end);
        let mut before = left;
        for value in w.values.get(from..to).unwrap_or_default().iter().copied().chain([right]) {
            if value < before {
                growth += before;
            }
            before = value;
        }
    }
    Some(growth)
}

fn of_histograms(w: &Window<'_>, notes: &mut Notes, counter: bool) -> Option<Histogram> {
    let times: Vec<i64> = w.histograms.iter().map(|(t, _)| *t).collect();
    let (first, last) = outermost(w, &times)?;
    let all = w.histograms;
    let smoothed = w.edge == Edge::Smoothed;
    for (_, h) in &all[first..=last] {
        if h.uses_custom_buckets() != all[first].1.uses_custom_buckets() {
            notes.mixed_buckets();
            return None;
        }
        if counter && h.hint == ResetHint::Gauge {
            notes.warn_metric("this native histogram metric is not a counter:");
        }
    }
    let left = match smoothed && times[first] < w.start {
        true => between(&all[first], &all[first + 1], w.start, counter, notes)?,
        false => (*all[first].1).clone(),
    };
    let right = match smoothed && last > 0 && times[last] > w.end {
        true => between(&all[last - 1], &all[last], w.end, counter, notes)?,
        false => (*all[last].1).clone(),
    };
    if !counter && (left.hint != ResetHint::Gauge || right.hint != ResetHint::Gauge) {
        notes.warn_metric("this native histogram metric is not a gauge:");
    }
    let growth = combine(right.clone().subtract(&left), notes, "subtraction")?;
    if !counter {
        return Some(growth);
    }
    match lost(w, all, (first, last), (&left, &right), notes)? {
        Some(lost) => combine(growth.add(&lost), notes, "addition"),
        None => Some(growth),
    }
}

/// What the counter had reached before each of its resets.
fn lost(
    w: &Window<'_>,
    all: Samples<'_>,
    (first, last): (usize, usize),
    (left, right): (&Histogram, &Histogram),
    notes: &mut Notes,
) -> Option<Option<Histogram>> {
    let mut from = first + 1;
    let mut before = left;
    let spans_reset =
        w.edge == Edge::Smoothed && all[first].0 < w.start && all[first + 1].1.is_reset_after(&all[first].1);
    if spans_reset {
        // The value at the left edge already lies behind that reset.
        before = &all[first + 1].1;
        from += 1;
    }
    // Both edges lie between the same two samples.
    if from > last {
        return Some(None);
    }
    let mut lost: Option<Histogram> = None;
    // The last sample is represented by the right edge.
    let inside = all[from..last].iter().map(|(_, h)| &**h);
    for h in inside.chain([right]) {
        if h.is_reset_after(before) {
            lost = Some(match lost {
                None => before.clone(),
                Some(lost) => combine(lost.add(before), notes, "addition")?,
            });
        }
        before = h;
    }
    Some(lost)
}

/// The histogram on the line between two neighbours; a counter that was reset starts anew from nothing.
fn between(
    (from_time, from): &(i64, Arc<Histogram>),
    (to_time, to): &(i64, Arc<Histogram>),
    time: i64,
    counter: bool,
    notes: &mut Notes,
) -> Option<Histogram> {
    let h = crate::promql::eval::interpolated_histogram((*from_time, from), (*to_time, to), time, counter);
    combine(h, notes, "subtraction")
}
