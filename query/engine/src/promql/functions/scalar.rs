//! Numbers, vectors of one number, and the times of the query.

use crate::promql::ast::{Call, Expr};
use crate::promql::eval::{ABSENT, Eval, Evaluated, Row, Steps, Value, is_absent};

pub(super) fn scalar(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    let mut values = vec![ABSENT; steps.len];
    let mut elements = vec![0u32; steps.len];
    eval.for_each(&c.args[0], steps, &mut |_, row| {
        for (i, value) in row.floats.iter().enumerate().filter(|(_, v)| !is_absent(**v)) {
            values[i] = *value;
            elements[i] += 1;
        }
        Ok(())
    })?;
    let single = values.iter().zip(&elements).map(|(v, n)| if *n == 1 { *v } else { f64::NAN });
    Ok(Value::Scalar(single.collect()))
}

pub(super) fn vector(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    let floats = eval.scalar(&c.args[0], steps)?;
    Ok(Value::Vector(vec![Row { floats, ..Row::empty(Default::default(), 0) }]))
}

pub(super) fn pi(_: &mut Eval<'_>, _: &Call, steps: &Steps) -> Evaluated<Value> {
    Ok(Value::Scalar(vec![std::f64::consts::PI; steps.len]))
}

pub(super) fn time(_: &mut Eval<'_>, _: &Call, steps: &Steps) -> Evaluated<Value> {
    Ok(Value::Scalar(steps.times().map(|t| t as f64 / 1000.0).collect()))
}

pub(super) fn start(eval: &mut Eval<'_>, _: &Call, steps: &Steps) -> Evaluated<Value> {
    Ok(Value::Scalar(vec![eval.query.start as f64 / 1000.0; steps.len]))
}

pub(super) fn end(eval: &mut Eval<'_>, _: &Call, steps: &Steps) -> Evaluated<Value> {
    Ok(Value::Scalar(vec![eval.query.end() as f64 / 1000.0; steps.len]))
}

pub(super) fn range(eval: &mut Eval<'_>, _: &Call, steps: &Steps) -> Evaluated<Value> {
    let millis = eval.query.end() - eval.query.start;
    Ok(Value::Scalar(vec![millis as f64 / 1000.0; steps.len]))
}

/// An instant query has no step.
pub(super) fn step(eval: &mut Eval<'_>, _: &Call, steps: &Steps) -> Evaluated<Value> {
    let millis = if eval.query.len == 1 { 0 } else { eval.query.step };
    Ok(Value::Scalar(vec![millis as f64 / 1000.0; steps.len]))
}

pub(super) fn min_of(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    both(eval, c, steps, f64::min)
}

pub(super) fn max_of(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    both(eval, c, steps, f64::max)
}

fn both(eval: &mut Eval<'_>, c: &Call, steps: &Steps, choose: fn(f64, f64) -> f64) -> Evaluated<Value> {
    let (a, b) = (eval.scalar(&c.args[0], steps)?, eval.scalar(&c.args[1], steps)?);
    let choose = |(a, b): (&f64, &f64)| if a.is_nan() || b.is_nan() { f64::NAN } else { choose(*a, *b) };
    Ok(Value::Scalar(a.iter().zip(&b).map(choose).collect()))
}

/// A selector's samples have times of their own; anything else has the time it was evaluated at.
pub(super) fn timestamp(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    if let Expr::Selector(s) = c.args[0].unparen() {
        return Ok(Value::Vector(eval.sample_times(s, steps)?));
    }
    let mut rows = eval.vector(&c.args[0], steps)?;
    for row in &mut rows {
        for (i, time) in steps.times().enumerate() {
            let value = if row.has(i) { time as f64 / 1000.0 } else { ABSENT };
            row.floats[i] = value;
        }
        row.histograms = None;
        row.drop_name = true;
    }
    Ok(Value::Vector(rows))
}

/// Only samples as they are stored know when their counting began.
pub(super) fn start_timestamp(eval: &mut Eval<'_>, c: &Call, steps: &Steps) -> Evaluated<Value> {
    match c.args[0].unparen() {
        Expr::Selector(s) => Ok(Value::Vector(eval.sample_starts(s, steps)?)),
        _ => Ok(Value::Vector(Vec::new())),
    }
}
