//! Functions over histograms, native and classic.

use super::buckets::{self, Bucket};
use crate::promql::ast::Call;
use crate::promql::eval::{Eval, Evaluated, Forced, Notes, Row, Steps, Value, with};
use crate::promql::histogram::Histogram;
use crate::promql::number::{fmt_open_metrics, fmt_plain};

pub(super) fn count(h: &Histogram) -> f64 {
    h.count
}

pub(super) fn sum(h: &Histogram) -> f64 {
    h.sum
}

pub(super) fn avg(h: &Histogram) -> f64 {
    h.mean()
}

pub(super) fn stdvar(h: &Histogram) -> f64 {
    h.variance()
}

pub(super) fn stddev(h: &Histogram) -> f64 {
    h.variance().sqrt()
}

pub(super) fn quantile(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    let q = eval.scalar(&c.args[0], steps)?;
    let rows = eval.vector(&c.args[1], steps)?;
    eval.notes.about(c.args[0].span(), "");
    warn_quantile(&q, &mut eval.notes);
    eval.notes.about(c.args[1].span(), rows.first().map_or("", |row| row.labels.metric_name()));
    let classic = |i: usize, b: &[Bucket]| buckets::quantile(q[i], b);
    let native = |i: usize, h: &Histogram| h.quantile(q[i]);
    Ok(Value::Vector(each(eval, &rows, steps, &classic, &native, "histogram_quantile")))
}

/// Several quantiles, told apart by a label.
pub(super) fn quantiles(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    let rows = eval.vector(&c.args[0], steps)?;
    let label = eval.string(&c.args[1], steps)?;
    let mut all = Vec::new();
    for arg in &c.args[2..] {
        let q = eval.scalar(arg, steps)?;
        eval.notes.about(arg.span(), "");
        warn_quantile(&q, &mut eval.notes);
        eval.notes.about(c.args[0].span(), rows.first().map_or("", |row| row.labels.metric_name()));
        let classic = |i: usize, b: &[Bucket]| buckets::quantile(q[i], b);
        let native = |i: usize, h: &Histogram| h.quantile(q[i]);
        let text = fmt_open_metrics(q.first().copied().unwrap_or(f64::NAN));
        for mut row in each(eval, &rows, steps, &classic, &native, "histogram_quantile") {
            row.labels = with(&row.labels, [(label.as_str(), text.as_str())]);
            all.push(row);
        }
    }
    Ok(Value::Vector(all))
}

pub(super) fn fraction(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    let (lower, upper) = (eval.scalar(&c.args[0], steps)?, eval.scalar(&c.args[1], steps)?);
    let rows = eval.vector(&c.args[2], steps)?;
    eval.notes.about(c.args[2].span(), rows.first().map_or("", |row| row.labels.metric_name()));
    let classic = |i: usize, b: &[Bucket]| buckets::fraction(lower[i], upper[i], b);
    let native = |i: usize, h: &Histogram| h.fraction(lower[i], upper[i]);
    Ok(Value::Vector(each(eval, &rows, steps, &classic, &native, "histogram_fraction")))
}

fn warn_quantile(q: &[f64], notes: &mut Notes) {
    if let Some(q) = q.iter().find(|q| !(0.0..=1.0).contains(*q)) {
        notes.warn(&format!("quantile value should be between 0 and 1, got {}", fmt_plain(*q)));
    }
}

/// Observations of NaN are counted but in no bucket.
fn note_nan(h: &Histogram, result: f64, name: &str, notes: &mut Notes) {
    if !h.sum.is_nan() || h.buckets().iter().map(|b| b.count).sum::<f64>() >= h.count {
        return;
    }
    let effect = match (name, result.is_nan()) {
        ("histogram_fraction", _) => "which are excluded from all fractions",
        (_, true) => "result is NaN",
        (_, false) => "result is skewed higher",
    };
    notes.info_metric(&format!("input to {name} has NaN observations, {effect} for metric name"));
}

/// One number for every histogram and step, whichever kind the histogram is.
fn each(
    eval: &mut Eval<'_>,
    rows: &[Row],
    steps: &Steps,
    classic: &dyn Fn(usize, &[Bucket]) -> f64,
    native: &dyn Fn(usize, &Histogram) -> f64,
    name: &str,
) -> Vec<Row> {
    let mut out = Vec::new();
    let mut buckets = Vec::new();
    for group in buckets::group(eval, rows) {
        let mut row = Row { drop_name: true, ..Row::empty(group.labels.clone(), steps.len) };
        let first = group.bounds.iter().map(|(_, at)| *at).chain(group.native.iter().copied()).next();
        row.hidden = first.map(|at| rows[at].hidden.clone()).unwrap_or_default();
        for i in 0..steps.len {
            let histogram = group.native.iter().find_map(|at| rows[*at].histogram(i));
            if let Some(forced) = buckets::at_step(&group, rows, i, &mut buckets) {
                eval.notes.forced(Forced { from_ms: steps.time(i), to_ms: steps.time(i), ..forced });
            }
            match (histogram, buckets.is_empty()) {
                (Some(_), false) => {
                    eval.notes.warn_metric(
                        "vector contains a mix of classic and native histograms for metric name",
                    );
                }
                (Some(h), true) => {
                    row.floats[i] = native(i, h);
                    note_nan(h, row.floats[i], name, &mut eval.notes);
                }
                (None, false) => row.floats[i] = classic(i, &buckets),
                (None, true) => {}
            }
        }
        if !row.is_empty() {
            out.push(row);
        }
    }
    out
}
