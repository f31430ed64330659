//! What stays true of an expression whatever data still comes in: for rules that must not wait for the end of an
//! interval.
//!
//! Counts, growth of counters and sums of them only become more with more data, so what passes a threshold has passed
//! it for good. `rate` and `increase` extrapolate, and what they add shrinks when samples come between: they are
//! replaced by what was seen, which is never more than the whole answer. A bare selector is settled at the time of its
//! own samples.

use super::ast::*;
use super::functions::{INCREASE_SO_FAR, RATE_SO_FAR};

/// An expression whose elements hold, also in the expression it was made of, now and with more data.
#[derive(Clone, Debug)]
pub enum Settled {
    /// At any time.
    Growing(Expr),
    /// At the times of samples, each for those of that time only: with a lookback of one millisecond.
    Current(Expr),
}

/// Sums of rates may differ in their last bits by the order of their terms: a threshold is passed by more than that.
const MARGIN: f64 = 1e-9;

/// `None`: more data may show that it does not hold.
pub fn settled(expr: &Expr) -> Option<Settled> {
    let Expr::Binary(b) = expr.unparen() else { return None };
    if b.return_bool {
        return None;
    }
    let (value, threshold, value_first) = match b.op {
        BinaryOp::Greater | BinaryOp::GreaterEqual => (&b.lhs, constant(&b.rhs)?, true),
        BinaryOp::Less | BinaryOp::LessEqual => (&b.rhs, constant(&b.lhs)?, false),
        _ => return None,
    };
    if is_current(value) {
        return Some(Settled::Current(expr.clone()));
    }
    let growing = growing(value)?;
    let margin = if growing.rated { threshold.abs() * MARGIN } else { 0.0 };
    let threshold = number(threshold + margin);
    let (lhs, rhs) = if value_first { (growing.expr, threshold) } else { (threshold, growing.expr) };
    Some(Settled::Growing(Expr::Binary(Box::new(Binary { lhs, rhs, ..(**b).clone() }))))
}

struct Growing {
    expr: Expr,
    /// No series of it is below zero, so a sum over more series is not less.
    positive: bool,
    /// It has fractions.
    rated: bool,
}

fn growing(expr: &Expr) -> Option<Growing> {
    match expr {
        Expr::Paren(p) => growing(&p.expr),
        Expr::Call(call) => growing_call(call),
        Expr::Aggregate(a) if a.op == AggregateOp::Sum || a.op == AggregateOp::Max => {
            let inner = growing(&a.expr)?;
            if a.op == AggregateOp::Sum && !inner.positive {
                return None;
            }
            let expr = Expr::Aggregate(Box::new(Aggregate { expr: inner.expr, ..(**a).clone() }));
            Some(Growing { expr, ..inner })
        }
        Expr::Binary(b) if b.op == BinaryOp::Mul || b.op == BinaryOp::Div => {
            let (inner, factor_first) = match (constant(&b.lhs), constant(&b.rhs)) {
                (None, Some(factor)) if factor > 0.0 => (growing(&b.lhs)?, false),
                (Some(factor), None) if factor > 0.0 && b.op == BinaryOp::Mul => (growing(&b.rhs)?, true),
                _ => return None,
            };
            let (lhs, rhs) = match factor_first {
                true => (b.lhs.clone(), inner.expr),
                false => (inner.expr, b.rhs.clone()),
            };
            let expr = Expr::Binary(Box::new(Binary { lhs, rhs, ..(**b).clone() }));
            Some(Growing { expr, positive: inner.positive, rated: true })
        }
        _ => None,
    }
}

fn growing_call(call: &Call) -> Option<Growing> {
    let [Expr::Matrix(matrix)] = call.args.as_slice() else { return None };
    if !is_now(&matrix.selector) || !matches!(matrix.range, DurationValue::Millis(_)) {
        return None;
    }
    let (function, positive, rated) = match call.function.name {
        "increase" => (&INCREASE_SO_FAR, true, false),
        "rate" => (&RATE_SO_FAR, true, true),
        "count_over_time" => (call.function, true, false),
        "max_over_time" => (call.function, false, false),
        _ => return None,
    };
    Some(Growing { expr: Expr::Call(Call { function, ..call.clone() }), positive, rated })
}

/// A selector, or arithmetic of one with numbers.
fn is_current(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(p) => is_current(&p.expr),
        Expr::Selector(s) => is_now(s),
        Expr::Binary(b) => {
            let arithmetic = matches!(b.op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div);
            let left = is_current(&b.lhs) && constant(&b.rhs).is_some();
            arithmetic && (left || (constant(&b.lhs).is_some() && is_current(&b.rhs)))
        }
        _ => false,
    }
}

fn is_now(s: &Selector) -> bool {
    s.time.at.is_none() && s.time.offset.is_none() && s.edge == Edge::Plain
}

/// The value of numbers and arithmetic of numbers.
fn constant(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Number(n) => Some(n.value),
        Expr::Paren(p) => constant(&p.expr),
        Expr::Unary(u) => constant(&u.expr).map(|value| if u.negate { -value } else { value }),
        Expr::Binary(b) => {
            let (left, right) = (constant(&b.lhs)?, constant(&b.rhs)?);
            match b.op {
                BinaryOp::Add => Some(left + right),
                BinaryOp::Sub => Some(left - right),
                BinaryOp::Mul => Some(left * right),
                BinaryOp::Div => Some(left / right),
                _ => None,
            }
        }
        _ => None,
    }
}

fn number(value: f64) -> Expr {
    Expr::Number(Number { value, is_duration: false, span: Span::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::parse;

    #[test]
    fn only_what_more_data_cannot_take_back_is_settled() {
        for (text, wanted) in [
            ("increase(x[1m]) > 3", "growing"),
            ("sum by (job) (increase(x[1m])) >= 3", "growing"),
            ("10 < max(rate(x[5m])) * 60", "growing"),
            ("sum(count_over_time(x[1m])) / 2 > 1024 * 1024", "growing"),
            ("max_over_time(x[1m]) > 3", "growing"),
            ("(x{a=\"b\"} * 100) > -1", "current"),
            ("sum(max_over_time(x[1m])) > 3", "no"),
            ("increase(x[1m]) < 3", "no"),
            ("increase(x[1m]) > bool 3", "no"),
            ("increase(x[1m]) == 3", "no"),
            ("increase(x[1m]) > y", "no"),
            ("increase(x[1m] offset 1m) > 3", "no"),
            ("increase(x[5m:1m]) > 3", "no"),
            ("rate(x[1m]) / rate(y[1m]) > 3", "no"),
            ("rate(x[1m]) * -1 > -3", "no"),
            ("avg(increase(x[1m])) > 3", "no"),
            ("sum(x) > 3", "no"),
            ("histogram_quantile(0.9, rate(x[1m])) > 3", "no"),
            ("absent(x)", "no"),
            ("x @ 5 > 3", "no"),
            ("up == 0", "no"),
        ] {
            let found = match settled(&parse(text).expect("valid")) {
                Some(Settled::Growing(_)) => "growing",
                Some(Settled::Current(_)) => "current",
                None => "no",
            };
            assert_eq!(found, wanted, "{text}");
        }
    }
}
