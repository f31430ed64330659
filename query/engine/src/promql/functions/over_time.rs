//! Aggregations over the samples of a window.

use std::sync::Arc;

use crate::promql::eval::{Notes, Point, Window, quantile_of};
use crate::promql::histogram::Total;
use crate::promql::kahan;

/// The window's floats, for functions that know nothing of histograms.
fn floats<'w>(w: &Window<'w>, notes: &mut Notes) -> Option<&'w [f64]> {
    if w.values.is_empty() {
        return None;
    }
    if !w.histograms.is_empty() {
        notes.info_metric(
            "ignored histograms in a range containing both floats and histograms for metric name",
        );
    }
    Some(w.values)
}

fn float(value: f64) -> Option<Point> {
    Some(Point::Float(value))
}

pub(super) fn sum(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    total(w, notes, false)
}

pub(super) fn avg(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    total(w, notes, true)
}

fn total(w: &Window<'_>, notes: &mut Notes, mean: bool) -> Option<Point> {
    let Some((_, first)) = w.histograms.first() else {
        return match mean {
            true => float(kahan::mean(w.values)),
            false => float(kahan::sum(w.values)),
        };
    };
    if !w.values.is_empty() {
        notes.mixed();
        return None;
    }
    let mut total = Total::new(first);
    for (_, h) in &w.histograms[1..] {
        let added = if mean { total.add_to_mean(h) } else { total.add(h) };
        total = match added {
            Ok(sum) => sum,
            Err(_) => {
                notes.mixed_buckets();
                return None;
            }
        };
    }
    let (result, clash) = if mean { total.finish_mean() } else { total.finish() };
    notes.clash(clash, "aggregation");
    Some(Point::Histogram(Arc::new(result.compact())))
}

pub(super) fn count(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    float((w.values.len() + w.histograms.len()) as f64)
}

pub(super) fn present(_: &Window<'_>, _: &mut Notes) -> Option<Point> {
    float(1.0)
}

pub(super) fn last(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    match (w.times.last(), w.histograms.last()) {
        (Some(t), Some((at, h))) if at > t => Some(Point::Histogram(Arc::clone(h))),
        (Some(_), _) => float(*w.values.last()?),
        (None, h) => Some(Point::Histogram(Arc::clone(&h?.1))),
    }
}

pub(super) fn first(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    match (w.times.first(), w.histograms.first()) {
        (Some(t), Some((at, h))) if at < t => Some(Point::Histogram(Arc::clone(h))),
        (Some(_), _) => float(*w.values.first()?),
        (None, h) => Some(Point::Histogram(Arc::clone(&h?.1))),
    }
}

/// Index of the extreme value: the first one, or the last among equals. NaN only if there is nothing else.
fn extreme(values: &[f64], last_of_equals: bool, better: impl Fn(f64, f64) -> bool) -> usize {
    let mut at = 0;
    for (i, v) in values.iter().enumerate() {
        if better(*v, values[at]) || values[at].is_nan() || (last_of_equals && *v == values[at]) {
            at = i;
        }
    }
    at
}

pub(super) fn max(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    let values = floats(w, notes)?;
    float(values[extreme(values, false, |a, b| a > b)])
}

pub(super) fn min(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    let values = floats(w, notes)?;
    float(values[extreme(values, false, |a, b| a < b)])
}

pub(super) fn time_of_max(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    let values = floats(w, notes)?;
    float(w.times[extreme(values, true, |a, b| a > b)] as f64 / 1000.0)
}

pub(super) fn time_of_min(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    let values = floats(w, notes)?;
    float(w.times[extreme(values, true, |a, b| a < b)] as f64 / 1000.0)
}

pub(super) fn time_of_last(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    let times = w.times.last().into_iter().chain(w.histograms.last().map(|(t, _)| t));
    float(*times.max()? as f64 / 1000.0)
}

pub(super) fn time_of_first(w: &Window<'_>, _: &mut Notes) -> Option<Point> {
    let times = w.times.first().into_iter().chain(w.histograms.first().map(|(t, _)| t));
    float(*times.min()? as f64 / 1000.0)
}

pub(super) fn stdvar(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    float(variance(floats(w, notes)?))
}

pub(super) fn stddev(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    float(variance(floats(w, notes)?).sqrt())
}

/// Welford's method, its sums compensated.
fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut mean_low, mut squares, mut squares_low) = (0.0, 0.0, 0.0, 0.0);
    for (i, v) in values.iter().enumerate() {
        let delta = v - (mean + mean_low);
        kahan::add(delta / (i + 1) as f64, &mut mean, &mut mean_low);
        kahan::add(delta * (v - (mean + mean_low)), &mut squares, &mut squares_low);
    }
    (squares + squares_low) / values.len() as f64
}

pub(super) fn quantile(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    let q = *w.params.first()?;
    if !(0.0..=1.0).contains(&q) {
        notes.warn(&format!(
            "quantile value should be between 0 and 1, got {}",
            crate::promql::number::fmt_plain(q)
        ));
    }
    float(quantile_of(q, &mut floats(w, notes)?.to_vec()))
}

/// Median of the distances from the median.
pub(super) fn mad(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    let mut values = floats(w, notes)?.to_vec();
    if values.iter().any(|v| v.is_nan()) {
        return float(f64::NAN);
    }
    let median = quantile_of(0.5, &mut values);
    values.iter_mut().for_each(|v| *v = (*v - median).abs());
    float(quantile_of(0.5, &mut values))
}
