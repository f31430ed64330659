//! Binary operators on single values.

use std::sync::Arc;

use super::value::{Row, Value, is_absent};
use super::{Notes, Point};
use crate::promql::ast::BinaryOp;
use crate::promql::histogram::{Clash, Histogram, Incompatible};

pub(crate) fn arithmetic(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        _ => f64::from(u8::from(compares(op, a, b))),
    }
}

pub(super) fn compares(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        BinaryOp::Less => a < b,
        BinaryOp::LessEqual => a <= b,
        BinaryOp::Greater => a > b,
        BinaryOp::GreaterEqual => a >= b,
        _ => false,
    }
}

/// The result for one pair of samples; `None` leaves it out. `swapped`: a comparison keeps the right value.
pub(super) fn pair(
    op: BinaryOp,
    a: &Point,
    b: &Point,
    return_bool: bool,
    swapped: bool,
    notes: &mut Notes,
) -> Option<Point> {
    if let (Point::Float(x), Point::Float(y)) = (a, b) {
        if !op.is_comparison() {
            return match op {
                BinaryOp::TrimUpper | BinaryOp::TrimLower => {
                    incompatible(op, a, b, notes);
                    None
                }
                _ => Some(Point::Float(arithmetic(op, *x, *y))),
            };
        }
        let holds = compares(op, *x, *y);
        if return_bool {
            return Some(Point::Float(f64::from(u8::from(holds))));
        }
        return holds.then_some(Point::Float(if swapped { *y } else { *x }));
    }
    let result = with_histogram(op, a, b, return_bool, swapped, notes);
    if let Outcome::Unknown = result {
        incompatible(op, a, b, notes);
    }
    match result {
        Outcome::Value(point) => Some(point),
        Outcome::Filtered | Outcome::Unknown => None,
        Outcome::Mixed => {
            notes.warn_metric("vector contains a mix of histograms with exponential and custom buckets schemas for metric name");
            None
        }
    }
}

enum Outcome {
    Value(Point),
    Filtered,
    /// Exponential and custom buckets.
    Mixed,
    /// No such operation on these kinds.
    Unknown,
}

fn with_histogram(
    op: BinaryOp,
    a: &Point,
    b: &Point,
    return_bool: bool,
    swapped: bool,
    notes: &mut Notes,
) -> Outcome {
    let value = |h: Histogram| Outcome::Value(Point::Histogram(Arc::new(h.compact())));
    let mut combined = |result: Result<(Histogram, Clash), Incompatible>, operation: &str| match result {
        Ok((h, clash)) => {
            notes.clash(clash, operation);
            value(h)
        }
        Err(Incompatible) => Outcome::Mixed,
    };
    match (a, b) {
        (Point::Histogram(a), Point::Histogram(b)) => match op {
            BinaryOp::Add => combined((**a).clone().add(b), "addition"),
            BinaryOp::Sub => combined((**a).clone().subtract(b), "subtraction"),
            BinaryOp::Equal | BinaryOp::NotEqual => {
                let holds = a.equals(b) == (op == BinaryOp::Equal);
                match (return_bool, holds) {
                    (true, _) => Outcome::Value(Point::Float(f64::from(u8::from(holds)))),
                    (false, true) => {
                        Outcome::Value(Point::Histogram(Arc::clone(if swapped { b } else { a })))
                    }
                    (false, false) => Outcome::Filtered,
                }
            }
            _ => Outcome::Unknown,
        },
        (Point::Histogram(h), Point::Float(by)) => match op {
            BinaryOp::Mul => value((**h).clone().scale(*by)),
            BinaryOp::Div => value((**h).clone().divide(*by)),
            BinaryOp::TrimUpper | BinaryOp::TrimLower => {
                Outcome::Value(Point::Histogram(Arc::new(h.trim(*by, op == BinaryOp::TrimUpper))))
            }
            _ => Outcome::Unknown,
        },
        (Point::Float(by), Point::Histogram(h)) if op == BinaryOp::Mul => value((**h).clone().scale(*by)),
        _ => Outcome::Unknown,
    }
}

fn incompatible(op: BinaryOp, a: &Point, b: &Point, notes: &mut Notes) {
    let kind = |p: &Point| match p {
        Point::Float(_) => "float",
        Point::Histogram(_) => "histogram",
    };
    let (a, b, op) = (kind(a), kind(b), op.symbol());
    notes.info(&format!("incompatible sample types encountered for binary operator \"{op}\": {a} {op} {b}"));
}

pub(super) fn negate(value: Value) -> Value {
    match value {
        Value::Scalar(values) => Value::Scalar(values.into_iter().map(|v| -v).collect()),
        Value::Vector(mut rows) => {
            rows.iter_mut().for_each(negate_row);
            Value::Vector(rows)
        }
        text => text,
    }
}

fn negate_row(row: &mut Row) {
    row.drop_name = true;
    row.floats.iter_mut().filter(|v| !is_absent(**v)).for_each(|v| *v = -*v);
    for h in row.histograms.iter_mut().flatten().flatten() {
        *h = Arc::new((**h).clone().scale(-1.0));
    }
}
