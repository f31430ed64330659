//! What follows a metrics stage: arithmetic between series, comparisons, topk and bottomk.

use super::super::TagValue;
use super::{NAME, Series};
use crate::traceql::ast::{Arithmetic, Comparison};

type Labels = Vec<(String, Option<TagValue>)>;

/// Series with the same labels but the name; one without labels goes with each of the other side.
pub(super) fn joined(op: Arithmetic, left: Vec<Series>, right: Vec<Series>) -> Vec<Series> {
    let alone = |side: &[Series]| side.iter().position(|series| key(series).is_empty());
    let (left_alone, right_alone) = (alone(&left), alone(&right));
    let keys = if right_alone.is_some() { &left } else { &right };
    let find = |side: &[Series], wanted: &[(&str, String)], alone: Option<usize>| {
        side.iter().position(|series| key(series) == wanted).or(alone)
    };
    let mut out = Vec::new();
    for of in keys {
        let wanted = key(of);
        let (Some(l), Some(r)) = (find(&left, &wanted, left_alone), find(&right, &wanted, right_alone))
        else {
            continue;
        };
        let (l, r) = (&left[l], &right[r]);
        let values = l.values.iter().zip(&r.values).map(|(a, b)| calculated(op, *a, *b)).collect();
        // What stands for all series of the other side has exemplars of none of them.
        let mut exemplars = Vec::new();
        for side in [l, r] {
            if key(side) == wanted {
                exemplars.extend(side.exemplars.iter().cloned());
            }
        }
        out.push(Series { labels: merged(op, &l.labels, &r.labels), values, exemplars });
    }
    out
}

fn key(series: &Series) -> Vec<(&str, String)> {
    let named = series.labels.iter().filter(|(name, _)| name != NAME);
    let text = |value: &Option<TagValue>| value.as_ref().map(|v| format!("{} {}", v.type_name(), v.text()));
    let mut key: Vec<(&str, String)> =
        named.map(|(name, value)| (name.as_str(), text(value).unwrap_or_default())).collect();
    key.sort();
    key
}

/// All labels of both, and a name if both have one.
fn merged(op: Arithmetic, left: &Labels, right: &Labels) -> Labels {
    let name = |labels: &Labels| match labels.iter().find(|(name, _)| name == NAME) {
        Some((_, Some(value))) => Some(value.text()),
        _ => None,
    };
    let mut out: Labels = left.iter().filter(|(name, _)| name != NAME).cloned().collect();
    for label in right.iter().filter(|(name, _)| name != NAME) {
        if !out.iter().any(|(known, _)| *known == label.0) {
            out.push(label.clone());
        }
    }
    if let (Some(left), Some(right)) = (name(left), name(right)) {
        let joined = format!("({left} {} {right})", op.symbol());
        out.push((NAME.to_string(), Some(TagValue::Text(joined))));
    }
    out
}

/// A division by zero has no value.
fn calculated(op: Arithmetic, a: f64, b: f64) -> f64 {
    if op == Arithmetic::Div && b == 0.0 { f64::NAN } else { op.apply(a, b) }
}

pub(super) fn scaled(
    op: Arithmetic,
    number: f64,
    number_first: bool,
    mut series: Vec<Series>,
) -> Vec<Series> {
    let calculate = |value: f64| match number_first {
        true => calculated(op, number, value),
        false => calculated(op, value, number),
    };
    for series in &mut series {
        series.values.iter_mut().for_each(|value| *value = calculate(*value));
        series.exemplars.iter_mut().for_each(|exemplar| exemplar.value = calculate(exemplar.value));
    }
    series
}

pub(super) fn kept(op: Comparison, number: f64, mut series: Vec<Series>) -> Vec<Series> {
    let keep = |value: &mut f64| {
        if !op.holds(*value, number) {
            *value = f64::NAN;
        }
    };
    series.iter_mut().for_each(|series| series.values.iter_mut().for_each(keep));
    series.retain(|series| series.values.iter().any(|value| !value.is_nan()));
    series
}

/// At each step the series with the largest (smallest) values; of equal ones the first by labels.
pub(super) fn top(largest: bool, count: usize, mut series: Vec<Series>) -> Vec<Series> {
    series.sort_by(|a, b| key(a).cmp(&key(b)));
    let steps = series.first().map_or(0, |series| series.values.len());
    for step in 0..steps {
        let mut order: Vec<(usize, f64)> = series
            .iter()
            .map(|series| series.values[step])
            .enumerate()
            .filter(|(_, v)| !v.is_nan())
            .collect();
        order.sort_by(|a, b| if largest { b.1.total_cmp(&a.1) } else { a.1.total_cmp(&b.1) });
        for (index, _) in order.into_iter().skip(count) {
            series[index].values[step] = f64::NAN;
        }
    }
    series.retain(|series| series.values.iter().any(|value| !value.is_nan()));
    series
}
