//! Numbers: whole ones, and decimal ones that add up as they are written.

use super::{Out, Value, argument, int_at, text_at};
use crate::logql::units::{parse_bytes, parse_duration};

pub(super) fn int(arguments: &[Value]) -> Out {
    Ok(Value::Int(argument(arguments, 0).cast_int()))
}

pub(super) fn float(arguments: &[Value]) -> Out {
    Ok(Value::Float(argument(arguments, 0).cast_float()))
}

fn whole(arguments: &[Value], fold: fn(i64, i64) -> i64, start: Option<i64>) -> Out {
    let values = arguments.iter().map(Value::cast_int);
    Ok(Value::Int(start.into_iter().chain(values).reduce(fold).unwrap_or_default()))
}

pub(super) fn add(arguments: &[Value]) -> Out {
    whole(arguments, i64::wrapping_add, Some(0))
}

pub(super) fn sub(arguments: &[Value]) -> Out {
    whole(arguments, i64::wrapping_sub, None)
}

pub(super) fn mul(arguments: &[Value]) -> Out {
    whole(arguments, i64::wrapping_mul, None)
}

pub(super) fn max(arguments: &[Value]) -> Out {
    whole(arguments, i64::max, None)
}

pub(super) fn min(arguments: &[Value]) -> Out {
    whole(arguments, i64::min, None)
}

fn divided(arguments: &[Value], divide: fn(i64, i64) -> i64) -> Out {
    match argument(arguments, 1).cast_int() {
        0 => Err("integer divide by zero".to_string()),
        divisor => Ok(Value::Int(divide(argument(arguments, 0).cast_int(), divisor))),
    }
}

pub(super) fn div(arguments: &[Value]) -> Out {
    divided(arguments, i64::wrapping_div)
}

pub(super) fn modulo(arguments: &[Value]) -> Out {
    divided(arguments, i64::wrapping_rem)
}

/// A number as it is written: `digits` over ten to the `scale`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: i128,
    scale: u32,
}

/// Places behind the point that a quotient has.
const QUOTIENT_SCALE: u32 = 16;

impl Decimal {
    /// `None` beyond what fits; then the operation is done in binary.
    fn of(value: f64) -> Option<Decimal> {
        if !value.is_finite() {
            return None;
        }
        let text = value.to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Some(Decimal { digits, scale: u32::try_from(fraction.len()).ok()? })
    }

    fn value(self) -> Option<f64> {
        format!("{}e-{}", self.digits, self.scale).parse().ok()
    }

    fn scaled(self, scale: u32) -> Option<i128> {
        self.digits.checked_mul(10i128.checked_pow(scale - self.scale)?)
    }

    fn operate(self, other: Decimal, operation: Operation) -> Option<Decimal> {
        let scale = self.scale.max(other.scale);
        Some(match operation {
            Operation::Add => {
                Decimal { digits: self.scaled(scale)?.checked_add(other.scaled(scale)?)?, scale }
            }
            Operation::Sub => {
                Decimal { digits: self.scaled(scale)?.checked_sub(other.scaled(scale)?)?, scale }
            }
            Operation::Mul => {
                Decimal { digits: self.digits.checked_mul(other.digits)?, scale: self.scale + other.scale }
            }
            Operation::Div => {
                let dividend = self.scaled(scale)?.checked_mul(10i128.checked_pow(QUOTIENT_SCALE)?)?;
                let divisor = other.scaled(scale)?;
                let (quotient, rest) = (dividend.checked_div(divisor)?, dividend.checked_rem(divisor)?);
                let up = rest.checked_abs()?.checked_mul(2)? >= divisor.checked_abs()?;
                let away = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
                Decimal { digits: if up { quotient + away } else { quotient }, scale: QUOTIENT_SCALE }
            }
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Add,
    Sub,
    Mul,
    Div,
}

fn decimal(arguments: &[Value], operation: Operation, start: Option<f64>) -> Out {
    let values: Vec<f64> = start.into_iter().chain(arguments.iter().map(Value::cast_float)).collect();
    if operation == Operation::Div && values.iter().skip(1).any(|value| *value == 0.0) {
        return Err("decimal division by 0".to_string());
    }
    let exact = || {
        let mut decimals = values.iter().map(|value| Decimal::of(*value));
        let first = decimals.next()??;
        decimals.try_fold(first, |sum, next| sum.operate(next?, operation))?.value()
    };
    let binary = |a: f64, b: f64| match operation {
        Operation::Add => a + b,
        Operation::Sub => a - b,
        Operation::Mul => a * b,
        Operation::Div => a / b,
    };
    let value = exact().or_else(|| values.iter().copied().reduce(binary));
    Ok(Value::Float(value.unwrap_or_default()))
}

pub(super) fn addf(arguments: &[Value]) -> Out {
    decimal(arguments, Operation::Add, Some(0.0))
}

pub(super) fn subf(arguments: &[Value]) -> Out {
    decimal(arguments, Operation::Sub, None)
}

pub(super) fn mulf(arguments: &[Value]) -> Out {
    decimal(arguments, Operation::Mul, None)
}

pub(super) fn divf(arguments: &[Value]) -> Out {
    decimal(arguments, Operation::Div, None)
}

fn floats(arguments: &[Value], fold: fn(f64, f64) -> f64) -> Out {
    Ok(Value::Float(arguments.iter().map(Value::cast_float).reduce(fold).unwrap_or_default()))
}

pub(super) fn maxf(arguments: &[Value]) -> Out {
    floats(arguments, f64::max)
}

pub(super) fn minf(arguments: &[Value]) -> Out {
    floats(arguments, f64::min)
}

pub(super) fn ceil(arguments: &[Value]) -> Out {
    Ok(Value::Float(argument(arguments, 0).cast_float().ceil()))
}

pub(super) fn floor(arguments: &[Value]) -> Out {
    Ok(Value::Float(argument(arguments, 0).cast_float().floor()))
}

/// `round value places [from which fraction up]`
pub(super) fn round(arguments: &[Value]) -> Out {
    let power = 10f64.powi(int_at(arguments, 1)?.clamp(-400, 400) as i32);
    let up_from = if arguments.len() > 2 { argument(arguments, 2).cast_float() } else { 0.5 };
    let digits = power * argument(arguments, 0).cast_float();
    let rounded = if digits.fract() >= up_from { digits.ceil() } else { digits.floor() };
    Ok(Value::Float(rounded / power))
}

pub(super) fn bytes(arguments: &[Value]) -> Out {
    let text = text_at(arguments, 0)?;
    parse_bytes(text)
        .map(|bytes| Value::Float(bytes as f64))
        .ok_or_else(|| format!("cannot read {text:?} as a size"))
}

pub(super) fn duration(arguments: &[Value]) -> Out {
    let text = text_at(arguments, 0)?;
    let nanos = parse_duration(text).ok_or_else(|| format!("time: invalid duration {text:?}"))?;
    Ok(Value::Float(nanos as f64 / 1e9))
}
