//! Growth over a window: counters (which may be reset) and gauges.

use std::sync::Arc;

use crate::promql::ast::Edge;
use crate::promql::eval::{Notes, Point, Window, growth};
use crate::promql::histogram::{Histogram, ResetHint};
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
/// begin or end inside it.
fn extrapolated(w: &Window<'_>, notes: &mut Notes, counter: bool, per_second: bool) -> Option<Point> {
    if !w.values.is_empty() && !w.histograms.is_empty() {
        notes.mixed();
        return None;
    }
    if w.edge != Edge::Plain {
        return at_edges(w, notes, counter, per_second);
    }
    if w.delta && counter {
        return total_of_deltas(w, per_second);
    }
    if w.histograms.is_empty() {
        let (n, first, last) = (w.values.len(), *w.values.first()?, *w.values.last()?);
        if n < 2 {
            return None;
        }
        let mut growth = last - first;
        if counter && w.falls {
            growth += w.values.windows(2).filter(|v| v[1] < v[0]).map(|v| v[0]).fold(0.0, |sum, v| sum + v);
        }
        let zero = (counter && growth > 0.0 && first >= 0.0).then(|| first / growth);
        let factor = stretch(w, (w.times[0], w.times[n - 1], n), zero, per_second);
        return Some(Point::Float(growth * factor));
    }
    let n = w.histograms.len();
    if n < 2 {
        return None;
    }
    let growth = histogram_growth(w.histograms, counter, notes)?;
    let first = &w.histograms[0].1;
    let zero = (counter && growth.count > 0.0 && first.count >= 0.0).then(|| first.count / growth.count);
    let factor = stretch(w, (w.histograms[0].0, w.histograms[n - 1].0, n), zero, per_second);
    let mut result = growth.scale(factor).compact();
    result.hint = ResetHint::Gauge;
    Some(Point::Histogram(Arc::new(result)))
}

fn at_edges(w: &Window<'_>, notes: &mut Notes, counter: bool, per_second: bool) -> Option<Point> {
    if !w.histograms.is_empty() {
        notes.fail("anchored and smoothed modifiers are not supported with histograms".to_owned());
        return None;
    }
    let growth = growth(w, counter)?;
    Some(Point::Float(if per_second { growth / w.seconds() } else { growth }))
}

/// The factor of the extrapolation. `zero`: how many sampled intervals before the first sample a counter's line
/// meets zero, beyond which it cannot have existed.
#[inline]
fn stretch(
    w: &Window<'_>,
    (first, last, samples): (i64, i64, usize),
    zero: Option<f64>,
    per_second: bool,
) -> f64 {
    let seconds = |millis: i64| millis as f64 / 1000.0;
    let mut to_start = seconds(first - w.start);
    let mut to_end = seconds(w.end - last);
    let sampled = seconds(last - first);
    let between = sampled / (samples - 1) as f64;
    let threshold = between * 1.1;
    if to_start >= threshold {
        to_start = between / 2.0;
    }
    if let Some(intervals) = zero {
        to_start = to_start.min(sampled * intervals);
    }
    if to_end >= threshold {
        to_end = between / 2.0;
    }
    let factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
    if per_second { factor / w.seconds() } else { factor }
}

/// Samples of delta temporality are growth themselves: nothing to subtract, nothing to extrapolate.
fn total_of_deltas(w: &Window<'_>, per_second: bool) -> Option<Point> {
    let by = if per_second { w.seconds() } else { 1.0 };
    if w.histograms.is_empty() {
        return Some(Point::Float(kahan::sum(w.values) / by));
    }
    let mut all = w.histograms.iter().map(|(_, h)| h);
    let mut total = (**all.next()?).clone();
    for h in all {
        total = total.add(h).ok()?;
    }
    Some(Point::Histogram(Arc::new(total.divide(by))))
}

fn histogram_growth(
    samples: &[(i64, Arc<Histogram>)],
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
    // After a reset right behind the first sample its buckets no longer matter.
    let second = &samples.get(1)?.1;
    let skip_first = counter && second.is_reset_after(first);
    let relevant = &samples[usize::from(skip_first)..];
    if relevant.iter().any(|(_, h)| h.uses_custom_buckets() != last.uses_custom_buckets()) {
        notes.mixed_buckets();
        return None;
    }
    let mut growth = (**last).clone();
    if !skip_first {
        growth = growth.subtract(first).ok()?;
    }
    if counter {
        for pair in relevant.windows(2).filter(|pair| pair[1].1.is_reset_after(&pair[0].1)) {
            growth = growth.add(&pair[0].1).ok()?;
        }
    }
    Some(growth)
}

fn last_two(w: &Window<'_>, notes: &mut Notes, counter: bool) -> Option<Point> {
    let [.., (t1, first), (t2, last)] = newest(w)?;
    if t1 == t2 {
        return None;
    }
    let seconds = (t2 - t1) as f64 / 1000.0;
    let by = if counter { seconds } else { 1.0 };
    match (first, last) {
        (Point::Float(_), Point::Float(last)) if w.delta && counter => Some(Point::Float(last / by)),
        (Point::Float(first), Point::Float(last)) => {
            let growth = if counter && last < first { last } else { last - first };
            Some(Point::Float(growth / by))
        }
        (Point::Histogram(first), Point::Histogram(last)) => {
            let growth = histogram_growth(&[(t1, first), (t2, last)], counter, notes)?;
            Some(Point::Histogram(Arc::new(growth.divide(by).compact())))
        }
        _ => {
            notes.mixed();
            None
        }
    }
}

/// The last two samples of either kind.
fn newest(w: &Window<'_>) -> Option<[(i64, Point); 2]> {
    let floats = w.times.iter().copied().zip(w.values.iter().map(|v| Point::Float(*v)));
    let histograms = w.histograms.iter().map(|(t, h)| (*t, Point::Histogram(Arc::clone(h))));
    let mut last: Vec<(i64, Point)> = floats.rev().take(2).chain(histograms.rev().take(2)).collect();
    last.sort_by_key(|(t, _)| *t);
    let second = last.pop()?;
    let first = last.pop()?;
    Some([first, second])
}

/// Time, and a float or a histogram.
type Either<'w> = (i64, Option<f64>, Option<&'w Arc<Histogram>>);

/// The samples of both kinds in the order of their times.
fn in_order<'w>(w: &'w Window<'_>) -> Vec<Either<'w>> {
    let floats = w.times.iter().zip(w.values).map(|(t, v)| (*t, Some(*v), None));
    let mut all: Vec<_> = floats.chain(w.histograms.iter().map(|(t, h)| (*t, None, Some(h)))).collect();
    all.sort_by_key(|(t, _, _)| *t);
    all
}

pub(super) fn resets(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    if w.histograms.is_empty() && !w.falls {
        return (!w.values.is_empty()).then_some(Point::Float(0.0));
    }
    let all = in_order(w);
    let count = all.windows(2).filter(|pair| match (pair[0], pair[1]) {
        ((_, Some(before), _), (_, Some(now), _)) => now < before,
        ((_, _, Some(before)), (_, _, Some(now))) => now.is_reset_after(before),
        _ => true,
    });
    Some(Point::Float(count.count() as f64))
}

pub(super) fn changes(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    let all = in_order(w);
    let count = all.windows(2).filter(|pair| match (pair[0], pair[1]) {
        ((_, Some(before), _), (_, Some(now), _)) => now != before && !(now.is_nan() && before.is_nan()),
        ((_, _, Some(before)), (_, _, Some(now))) => !now.equals(before),
        _ => true,
    });
    Some(Point::Float(count.count() as f64))
}
