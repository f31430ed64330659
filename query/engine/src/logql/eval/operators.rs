//! Binary operators between series, matched by their labels.

use rustc_hash::FxHashMap;
use store::model::Labels;

use super::Steps;
use super::error::EvalError;
use super::vector::{Series, SeriesSet};
use crate::logql::ast::{Binary, BinaryOp, Compare, Matching, MetricKind, Side};

pub(super) fn apply(
    binary: &Binary,
    left: SeriesSet,
    right: SeriesSet,
    steps: Steps,
) -> Result<SeriesSet, EvalError> {
    if let BinaryOp::Or | BinaryOp::And | BinaryOp::Unless = binary.op {
        return Ok(set_operation(binary, left, right, steps));
    }
    // A literal is compared with every series of the other side.
    if let MetricKind::Literal(value) = binary.left.kind {
        return Ok(with_number(binary, right, |other| (value, other)));
    }
    if let MetricKind::Literal(value) = binary.right.kind {
        return Ok(with_number(binary, left, |other| (other, value)));
    }
    match &binary.matching.side {
        Side::OneToOne => matched(binary, left, right, None, steps),
        Side::Left(include) => matched(binary, left, right, Some((false, include)), steps),
        Side::Right(include) => matched(binary, right, left, Some((true, include)), steps),
    }
}

fn with_number(binary: &Binary, mut set: SeriesSet, sides: impl Fn(f64) -> (f64, f64)) -> SeriesSet {
    for series in &mut set.series {
        for value in &mut series.values {
            *value = value.and_then(|kept| {
                let (a, b) = sides(kept);
                operate(binary, a, b, kept)
            });
        }
    }
    set
}

/// `kept` is the value a comparison lets through.
fn operate(binary: &Binary, a: f64, b: f64, kept: f64) -> Option<f64> {
    Some(match binary.op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Compare(compare) => return compared(compare, a, b, binary.return_bool, kept),
        BinaryOp::Or | BinaryOp::And | BinaryOp::Unless => return None,
    })
}

fn compared(compare: Compare, a: f64, b: f64, return_bool: bool, kept: f64) -> Option<f64> {
    let holds = compare.holds(a, b);
    if return_bool { Some(f64::from(u8::from(holds))) } else { holds.then_some(kept) }
}

/// The labels two series must have in common.
fn signature(labels: &Labels, matching: &Matching) -> Labels {
    match &matching.labels {
        None => labels.clone(),
        Some(by) => labels.filter(|name| by.names.iter().any(|listed| listed == name) == by.on),
    }
}

fn by_signature(set: &SeriesSet, matching: &Matching) -> FxHashMap<Labels, Vec<usize>> {
    let mut places: FxHashMap<Labels, Vec<usize>> = FxHashMap::default();
    for (index, series) in set.series.iter().enumerate() {
        places.entry(signature(&series.labels, matching)).or_default().push(index);
    }
    places
}

fn set_operation(binary: &Binary, left: SeriesSet, right: SeriesSet, steps: Steps) -> SeriesSet {
    let (keep, other, op) = (left, right, binary.op);
    let present = |set: &SeriesSet| {
        let mut at: FxHashMap<Labels, Vec<bool>> = FxHashMap::default();
        for series in &set.series {
            let seen = at
                .entry(signature(&series.labels, &binary.matching))
                .or_insert_with(|| vec![false; steps.count]);
            seen.iter_mut().zip(&series.values).for_each(|(seen, value)| *seen |= value.is_some());
        }
        at
    };
    let filter = |set: SeriesSet, seen: &FxHashMap<Labels, Vec<bool>>, wanted: bool| {
        let mut set = set;
        for series in &mut set.series {
            let at = seen.get(&signature(&series.labels, &binary.matching));
            for (step, value) in series.values.iter_mut().enumerate() {
                let found = at.is_some_and(|at| at[step]);
                *value = value.filter(|_| found == wanted);
            }
        }
        set
    };
    if op == BinaryOp::Or {
        let seen = present(&keep);
        let rest = filter(other, &seen, false);
        let mut all = keep.series;
        all.extend(rest.series);
        return SeriesSet::new(merged(all));
    }
    let seen = present(&other);
    filter(keep, &seen, op == BinaryOp::And)
}

/// Series of both sides of `or` may have the same labels, at different steps.
fn merged(all: Vec<Series>) -> Vec<Series> {
    let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut out: Vec<Series> = Vec::new();
    for series in all {
        match places.get(&series.labels) {
            Some(place) => {
                let known = &mut out[*place].values;
                known.iter_mut().zip(series.values).for_each(|(known, value)| *known = known.or(value));
            }
            None => {
                places.insert(series.labels.clone(), out.len());
                out.push(series);
            }
        }
    }
    out
}

/// Arithmetic and comparison. `many` has several series per match if `grouped` says so; then (swapped, labels to take
/// from the one side).
fn matched(
    binary: &Binary,
    many: SeriesSet,
    one: SeriesSet,
    grouped: Option<(bool, &Vec<String>)>,
    steps: Steps,
) -> Result<SeriesSet, EvalError> {
    let ones = by_signature(&one, &binary.matching);
    let mut out = Vec::new();
    // (signature, step) of a one-to-one match must be used once.
    let mut used: FxHashMap<Labels, Vec<bool>> = FxHashMap::default();
    for series in many.series {
        let signature = signature(&series.labels, &binary.matching);
        let Some(partners) = ones.get(&signature) else { continue };
        let mut values = vec![None; steps.count];
        for (step, value) in series.values.iter().enumerate() {
            let mut present = partners.iter().filter_map(|partner| one.series[*partner].values[step]);
            let (Some(value), Some(partner)) = (*value, present.next()) else { continue };
            let taken = used.entry(signature.clone()).or_insert_with(|| vec![false; steps.count]);
            if present.next().is_some() || (grouped.is_none() && taken[step]) {
                return Err(EvalError::BadQuery(format!(
                    "several series match on {signature:?}: matching labels must be unique on one side, \
                     or use group_left or group_right"
                )));
            }
            taken[step] = true;
            let swapped = grouped.is_some_and(|(swapped, _)| swapped);
            let (a, b) = if swapped { (partner, value) } else { (value, partner) };
            values[step] = operate(binary, a, b, a);
        }
        let partner = partners.first().map(|index| &one.series[*index].labels);
        let labels =
            result_labels(binary, &series.labels, partner, grouped.map(|(_, include)| include.as_slice()));
        out.push(Series { labels, values });
    }
    Ok(SeriesSet::new(merged(out)))
}

fn result_labels(binary: &Binary, many: &Labels, one: Option<&Labels>, include: Option<&[String]>) -> Labels {
    let Some(include) = include else {
        let filter = matches!(binary.op, BinaryOp::Compare(_)) && !binary.return_bool;
        return if filter { many.clone() } else { signature(many, &binary.matching) };
    };
    let kept = many.iter().filter(|(name, _)| !include.iter().any(|taken| taken == name));
    let taken = include.iter().filter_map(|name| Some((name.as_str(), one?.get(name)?)));
    Labels::new(kept.chain(taken))
}
