//! Growth over a window: counters (which may be reset) and gauges.

use std::sync::Arc;

use super::edge;
use crate::promql::ast::Edge;
use crate::promql::eval::{Notes, Point, Reach, Window, starts_anew};
use crate::promql::histogram::{Clash, Histogram, Incompatible, ResetHint};
use crate::promql::kahan;

pub(super) fn rate(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    extrapolated(w, notes, true, true)
}

pub(super) fn increase(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    extrapolated(w, notes, true, false)
}

pub(super) fn delta(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    extrapolated(w, notes, false, false)
}

pub(super) fn irate(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    last_two(w, notes, true)
}

pub(super) fn idelta(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    last_two(w, notes, false)
}

/// The growth between the first and the last sample, stretched to the whole window unless the series seems to
/// begin or end inside it. A start time inside the window is where a counter was zero.
fn extrapolated(w: &Window<'_>, notes: &mut Notes, counter: bool, per_second: bool) -> Option<Point> {
    if !w.values.is_empty() && !w.histograms.is_empty() {
        notes.mixed();
        return None;
    }
    if w.delta && counter {
        return total_of_deltas(w, per_second);
    }
    if w.edge != Edge::Plain {
        return edge::growth(w, notes, counter, per_second);
    }
    if w.histograms.is_empty() {
        return float_growth(w, notes, counter, per_second);
    }
    let (first, n) = (&w.histograms[0], w.histograms.len());
    let zero_at = counter.then(|| w.histogram_starts.first().copied().unwrap_or(0));
    let zero_at = zero_at.filter(|start| *start > w.start && *start != 0 && *start < first.0);
    let mut growth = match n {
        1 => None,
        _ => Some(histogram_growth(w.histograms, w.histogram_starts, counter, notes)?),
    };
    let overlaps = |(starts, (before, _)): (&[i64], &(i64, Arc<Histogram>))| {
        starts[1] != 0 && starts[1] < *before && starts[1] != starts[0]
    };
    if counter && w.histogram_starts.windows(2).zip(w.histograms).any(overlaps) {
        notes.overlap();
    }
    if zero_at.is_some() {
        growth = Some(match growth {
            None => (*first.1).clone(),
            Some(growth) => combine(growth.add(&first.1), notes, "addition")?,
        });
    }
    let growth = growth?;
    let zero = (counter && growth.count > 0.0 && first.1.count >= 0.0).then(|| first.1.count / growth.count);
    let span = Span { first: first.0, last: w.histograms[n - 1].0, samples: n, zero_at, zero };
    let mut result = growth.scale(stretch(w, &span, per_second)).compact();
    result.hint = ResetHint::Gauge;
    Some(Point::Histogram(Arc::new(result)))
}

fn float_growth(w: &Window<'_>, notes: &mut Notes, counter: bool, per_second: bool) -> Option<Point> {
    let (n, first, last) = (w.values.len(), *w.values.first()?, *w.values.last()?);
    let mut growth = last - first;
    let mut zero_at = None;
    if counter {
        for at in w.before_resets() {
            growth += w.values[at];
        }
        zero_at = Some(w.start_of(0)).filter(|start| *start > w.start && *start != 0 && *start < w.times[0]);
        if w.starts_overlap() {
            notes.overlap();
        }
    }
    let zero = (counter && growth > 0.0 && first >= 0.0).then(|| first / growth);
    match zero_at {
        Some(_) => growth += first,
        None if n < 2 => return None,
        None => {}
    }
    let span = Span { first: w.times[0], last: w.times[n - 1], samples: n, zero_at, zero };
    Some(Point::Float(growth * stretch(w, &span, per_second)))
}

/// Where a window's samples lie.
struct Span {
    first: i64,
    last: i64,
    samples: usize,
    /// When the counter was zero, if its start lies in the window before the first sample.
    zero_at: Option<i64>,
    /// How many sampled intervals before the first sample a counter's line meets zero, beyond which it cannot have
    /// existed.
    zero: Option<f64>,
}

/// The factor of the extrapolation.
fn stretch(w: &Window<'_>, span: &Span, per_second: bool) -> f64 {
    let mut reach = Reach::of((span.first, span.last, span.samples), (w.start, w.end));
    match (span.zero_at, span.zero) {
        (Some(zero_at), _) => {
            reach.to_start = 0.0;
            reach.sampled = (span.last - zero_at) as f64 / 1000.0;
        }
        (None, Some(intervals)) => reach.to_start = reach.to_start.min(reach.sampled * intervals),
        (None, None) => {}
    }
    let factor = reach.factor();
    if per_second { factor / w.seconds() } else { factor }
}

/// Samples of delta temporality are growth themselves: nothing to subtract, nothing to extrapolate, and nothing outside the
/// window tells more of it.
fn total_of_deltas(w: &Window<'_>, per_second: bool) -> Option<Point> {
    let by = if per_second { w.seconds() } else { 1.0 };
    if w.histograms.is_empty() {
        let from = w.times.partition_point(|time| *time <= w.start);
        let to = w.times.partition_point(|time| *time <= w.end);
        let inside = w.values.get(from..to).filter(|inside| !inside.is_empty())?;
        return Some(Point::Float(kahan::sum(inside) / by));
    }
    let mut all = w.histograms.iter().filter(|(time, _)| *time > w.start && *time <= w.end).map(|(_, h)| h);
    let mut total = (**all.next()?).clone();
    for h in all {
        (total, _) = total.add(h).ok()?;
    }
    Some(Point::Histogram(Arc::new(total.divide(by))))
}

fn histogram_growth(
    samples: &[(i64, Arc<Histogram>)],
    starts: &[i64],
    counter: bool,
    notes: &mut Notes,
) -> Option<Histogram> {
    let (first, last) = (&samples.first()?.1, &samples.last()?.1);
    let all_gauges = first.hint == ResetHint::Gauge && last.hint == ResetHint::Gauge;
    if counter && samples.iter().any(|(_, h)| h.hint == ResetHint::Gauge) {
        notes.warn_metric("this native histogram metric is not a counter:");
    } else if !counter && !all_gauges {
        notes.warn_metric("this native histogram metric is not a gauge:");
    }
    let resets: Vec<bool> = (1..samples.len()).map(|at| is_reset(samples, starts, at)).collect();
    // After a reset right behind the first sample its buckets no longer matter.
    let skip_first = counter && resets[0];
    let relevant = &samples[usize::from(skip_first)..];
    let checked = if counter { relevant } else { &[samples[0].clone(), samples[samples.len() - 1].clone()] };
    if checked.iter().any(|(_, h)| h.uses_custom_buckets() != last.uses_custom_buckets()) {
        notes.mixed_buckets();
        return None;
    }
    let mut growth = (**last).clone();
    growth.reduce_to(checked.iter().map(|(_, h)| h.schema).min().unwrap_or(last.schema));
    if !skip_first {
        growth = combine(growth.subtract(first), notes, "subtraction")?;
    }
    if counter {
        for (at, _) in resets.iter().enumerate().skip(usize::from(skip_first)).filter(|(_, reset)| **reset) {
            growth = combine(growth.add(&samples[at].1), notes, "addition")?;
        }
    }
    Some(growth)
}

/// Whether the counter began anew between this sample and the one before.
fn is_reset(samples: &[(i64, Arc<Histogram>)], starts: &[i64], at: usize) -> bool {
    let start = |at: usize| starts.get(at).copied().unwrap_or(0);
    starts_anew((start(at - 1), samples[at - 1].0), (start(at), samples[at].0))
        || samples[at].1.is_reset_after(&samples[at - 1].1)
}

/// A sum or difference; that resets clash is known and told otherwise where growth is computed.
pub(super) fn combine(
    result: Result<(Histogram, Clash), Incompatible>,
    notes: &mut Notes,
    operation: &str,
) -> Option<Histogram> {
    match result {
        Ok((h, clash)) => {
            notes.clash(Clash { resets: false, ..clash }, operation);
            Some(h)
        }
        Err(Incompatible) => {
            notes.mixed_buckets();
            None
        }
    }
}

fn last_two(w: &Window<'_>, notes: &mut Notes, counter: bool) -> Option<Point> {
    let [.., (t1, first, start1), (t2, last, start2)] = newest(w)?;
    if t1 == t2 {
        return None;
    }
    let seconds = (t2 - t1) as f64 / 1000.0;
    let by = if counter { seconds } else { 1.0 };
    match (first, last) {
        (Point::Float(_), Point::Float(last)) if w.delta && counter => Some(Point::Float(last / by)),
        (Point::Float(first), Point::Float(last)) => {
            let reset = counter && (last < first || starts_anew((start1, t1), (start2, t2)));
            Some(Point::Float(if reset { last } else { last - first } / by))
        }
        (Point::Histogram(first), Point::Histogram(last)) => {
            let growth = histogram_growth(&[(t1, first), (t2, last)], &[start1, start2], counter, notes)?;
            let mut result = growth.divide(by).compact();
            result.hint = ResetHint::Gauge;
            Some(Point::Histogram(Arc::new(result)))
        }
        _ => {
            notes.mixed();
            None
        }
    }
}

/// The last two samples of either kind: time, value, start time.
fn newest(w: &Window<'_>) -> Option<[(i64, Point, i64); 2]> {
    let floats = (0..w.values.len()).rev().take(2);
    let floats = floats.map(|at| (w.times[at], Point::Float(w.values[at]), w.start_of(at)));
    let histograms = w.histograms.iter().enumerate().rev().take(2).map(|(at, (t, h))| {
        (*t, Point::Histogram(Arc::clone(h)), w.histogram_starts.get(at).copied().unwrap_or(0))
    });
    let mut last: Vec<_> = floats.chain(histograms).collect();
    last.sort_by_key(|(t, _, _)| *t);
    let second = last.pop()?;
    let first = last.pop()?;
    Some([first, second])
}

/// Time, a float or a histogram, and the start time.
type Either<'w> = (i64, Option<f64>, Option<&'w Arc<Histogram>>, i64);

/// The samples of both kinds in the order of their times. An anchored window begins with its anchor: the last sample,
/// of whichever kind, up to the window's start.
fn in_order<'w>(w: &'w Window<'_>) -> Vec<Either<'w>> {
    let floats = (0..w.values.len()).map(|at| (w.times[at], Some(w.values[at]), None, w.start_of(at)));
    let start = |at: usize| w.histogram_starts.get(at).copied().unwrap_or(0);
    let histograms = w.histograms.iter().enumerate().map(|(at, (t, h))| (*t, None, Some(h), start(at)));
    let mut all: Vec<_> = floats.chain(histograms).collect();
    all.sort_by_key(|(t, ..)| *t);
    let anchor = all.partition_point(|(t, ..)| *t <= w.start);
    if anchor == all.len() {
        return Vec::new();
    }
    all.drain(..anchor.saturating_sub(1));
    all
}

pub(super) fn resets(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    if w.histograms.is_empty() && w.edge == Edge::Plain {
        return (!w.values.is_empty()).then_some(Point::Float(w.before_resets().count() as f64));
    }
    let all = in_order(w);
    let count = all.windows(2).filter(|pair| match (pair[0], pair[1]) {
        ((t1, .., s1), (t2, .., s2)) if starts_anew((s1, t1), (s2, t2)) => true,
        ((_, Some(before), ..), (_, Some(now), ..)) => now < before,
        ((_, _, Some(before), _), (_, _, Some(now), _)) => now.is_reset_after(before),
        _ => true,
    });
    (!all.is_empty()).then_some(Point::Float(count.count() as f64))
}

pub(super) fn changes(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    let all = in_order(w);
    let count = all.windows(2).filter(|pair| match (pair[0], pair[1]) {
        ((_, Some(before), ..), (_, Some(now), ..)) => now != before && !(now.is_nan() && before.is_nan()),
        ((_, _, Some(before), _), (_, _, Some(now), _)) => !now.equals(before),
        _ => true,
    });
    (!all.is_empty()).then_some(Point::Float(count.count() as f64))
}
