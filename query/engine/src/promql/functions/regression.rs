//! Lines through the samples of a window.

use crate::promql::eval::{Notes, Point, Window};
use crate::promql::kahan;

fn floats_only(w: &Window<'_>, notes: &mut Notes) -> Option<()> {
    if w.values.len() < 2 {
        if w.values.len() == 1 && !w.histograms.is_empty() {
            notes.info_metric(
                "ignored histograms in a range containing both floats and histograms for metric name",
            );
        }
        return None;
    }
    if !w.histograms.is_empty() {
        notes.info_metric(
            "ignored histograms in a range containing both floats and histograms for metric name",
        );
    }
    Some(())
}

pub(super) fn deriv(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    floats_only(w, notes)?;
    // Times are counted from the first sample: large numbers would cost precision.
    Some(Point::Float(line(w, w.times[0]).0))
}

pub(super) fn predict_linear(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    let ahead = *w.params.first()?;
    floats_only(w, notes)?;
    let (slope, intercept) = line(w, w.now);
    Some(Point::Float(slope * ahead + intercept))
}

/// Slope per second and value at `origin` of the least-squares line.
fn line(w: &Window<'_>, origin: i64) -> (f64, f64) {
    let first = w.values[0];
    if w.values.iter().all(|v| *v == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let [mut x, mut y, mut xy, mut xx] = [(0.0, 0.0); 4];
    for (t, v) in w.times.iter().zip(w.values) {
        let at = (t - origin) as f64 / 1000.0;
        for (sum, term) in [(&mut x, at), (&mut y, *v), (&mut xy, at * v), (&mut xx, at * at)] {
            kahan::add(term, &mut sum.0, &mut sum.1);
        }
    }
    let [x, y, xy, xx] = [x, y, xy, xx].map(|(sum, low)| sum + low);
    let n = w.values.len() as f64;
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}

/// Holt's method: a level and a trend, each smoothed by its factor.
pub(super) fn double_exponential_smoothing(w: &Window<'_>, notes: &mut Notes) -> Option<Point> {
    let (level_factor, trend_factor) = (*w.params.first()?, *w.params.get(1)?);
    for (what, factor) in [("smoothing", level_factor), ("trend", trend_factor)] {
        if !(factor > 0.0 && factor < 1.0) {
            let short = if what == "smoothing" { "sf" } else { "tf" };
            notes.fail(format!("invalid {what} factor. Expected: 0 < {short} < 1, got: {factor:.6}"));
            return None;
        }
    }
    floats_only(w, notes)?;
    let (mut before, mut level, mut trend) = (0.0, w.values[0], w.values[1] - w.values[0]);
    for (i, v) in w.values.iter().enumerate().skip(1) {
        if i > 1 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        (before, level) = (level, level_factor * v + (1.0 - level_factor) * (level + trend));
    }
    Some(Point::Float(level))
}
