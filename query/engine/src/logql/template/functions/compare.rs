//! Go's comparisons and what looks into values.

use std::cmp::Ordering;

use super::{Out, Value, argument, int_at};

pub(super) fn not(arguments: &[Value]) -> Out {
    Ok(Value::Bool(!argument(arguments, 0).truth()))
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    Ok(match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Nil, _) | (_, Value::Nil) => false,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Time(a), Value::Time(b)) => a == b,
        _ => order(a, b)? == Some(Ordering::Equal),
    })
}

/// `None` if one is not a number.
fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, String> {
    Ok(match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => return Err("incompatible types for comparison".to_string()),
    })
}

/// Whether the first is equal to any of the others.
pub(super) fn eq(arguments: &[Value]) -> Out {
    let (first, others) = arguments.split_first().unwrap_or((&Value::Nil, &[]));
    for other in others {
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn ne(arguments: &[Value]) -> Out {
    Ok(Value::Bool(!equal(argument(arguments, 0), argument(arguments, 1))?))
}

fn ordered(arguments: &[Value], holds: fn(Ordering) -> bool) -> Out {
    let order = order(argument(arguments, 0), argument(arguments, 1))?;
    Ok(Value::Bool(order.is_some_and(holds)))
}

pub(super) fn lt(arguments: &[Value]) -> Out {
    ordered(arguments, Ordering::is_lt)
}

pub(super) fn le(arguments: &[Value]) -> Out {
    ordered(arguments, Ordering::is_le)
}

pub(super) fn gt(arguments: &[Value]) -> Out {
    ordered(arguments, Ordering::is_gt)
}

pub(super) fn ge(arguments: &[Value]) -> Out {
    ordered(arguments, Ordering::is_ge)
}

pub(super) fn len(arguments: &[Value]) -> Out {
    let length = match argument(arguments, 0) {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Map(members) => members.len(),
        other => return Err(format!("len of type {}", other.kind())),
    };
    Ok(Value::Int(length as i64))
}

/// `index x 1 "a"` is `x[1]["a"]`; what a map does not have is nil.
pub(super) fn index(arguments: &[Value]) -> Out {
    let mut value = argument(arguments, 0).clone();
    for at in 1..arguments.len() {
        value = match (&value, argument(arguments, at)) {
            (Value::Map(members), Value::Text(key)) => members.get(key).cloned().unwrap_or(Value::Nil),
            (Value::List(items), Value::Int(_)) => {
                let place = usize::try_from(int_at(arguments, at)?).ok();
                place.and_then(|place| items.get(place)).cloned().ok_or("index out of range")?
            }
            (Value::Text(text), Value::Int(place)) => {
                let byte = usize::try_from(*place).ok().and_then(|place| text.as_bytes().get(place));
                Value::Int(i64::from(*byte.ok_or("index out of range")?))
            }
            (value, key) => {
                return Err(format!("can't index item of type {} with {}", value.kind(), key.kind()));
            }
        };
    }
    Ok(value)
}

/// `slice x 1 2` is `x[1:2]`.
pub(super) fn slice(arguments: &[Value]) -> Out {
    let bound = |at: usize, missing: usize| match arguments.len() > at {
        true => usize::try_from(int_at(arguments, at)?).map_err(|_| "index out of range".to_string()),
        false => Ok(missing),
    };
    match argument(arguments, 0) {
        Value::Text(text) if arguments.len() < 4 => {
            let part = text.get(bound(1, 0)?..bound(2, text.len())?);
            part.map(|part| Value::Text(part.to_string())).ok_or_else(|| "index out of range".to_string())
        }
        Value::List(items) => {
            let part = items.get(bound(1, 0)?..bound(2, items.len())?);
            part.map(|part| Value::List(part.to_vec())).ok_or_else(|| "index out of range".to_string())
        }
        other => Err(format!("can't slice item of type {}", other.kind())),
    }
}

/// The second argument, or the first if that is zero or empty.
pub(super) fn default(arguments: &[Value]) -> Out {
    let given = argument(arguments, 1);
    Ok(if given.truth() { given.clone() } else { argument(arguments, 0).clone() })
}
