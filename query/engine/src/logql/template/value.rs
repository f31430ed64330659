//! What template expressions give: values, whether they are true, and how they print. As in Go, where types matter.

use std::collections::BTreeMap;
use std::fmt::Write;

use regex::Regex;

use super::moment::Moment;

#[derive(Clone, Debug)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    Time(Moment),
    /// A literal pattern, compiled when the template was read.
    Regex(Regex),
}

impl Value {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Text(_) | Value::Regex(_) => "string",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Time(_) => "time",
        }
    }

    /// Neither zero nor empty.
    pub(super) fn truth(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(members) => !members.is_empty(),
            Value::Time(_) => true,
            Value::Regex(regex) => !regex.as_str().is_empty(),
        }
    }

    pub(super) fn write(&self, out: &mut String) {
        match self {
            Value::Nil => out.push_str("<no value>"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => {
                let _ = write!(out, "{value}");
            }
            Value::Float(value) => write_float(*value, out),
            Value::Text(text) => out.push_str(text),
            Value::Regex(regex) => out.push_str(regex.as_str()),
            Value::Time(moment) => out.push_str(&moment.to_string()),
            Value::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(' ');
                    }
                    item.write_inner(out);
                }
                out.push(']');
            }
            Value::Map(members) => {
                out.push_str("map[");
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(' ');
                    }
                    out.push_str(key);
                    out.push(':');
                    value.write_inner(out);
                }
                out.push(']');
            }
        }
    }

    /// Inside lists and maps nothing is written as Go writes a nil there.
    fn write_inner(&self, out: &mut String) {
        match self {
            Value::Nil => out.push_str("<nil>"),
            other => other.write(out),
        }
    }

    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    // === what functions with loose types make of anything ===

    pub(super) fn cast_int(&self) -> i64 {
        match self {
            Value::Int(value) => *value,
            Value::Float(value) => *value as i64,
            Value::Bool(value) => i64::from(*value),
            Value::Text(text) => int_of(text),
            _ => 0,
        }
    }

    pub(super) fn cast_float(&self) -> f64 {
        match self {
            Value::Int(value) => *value as f64,
            Value::Float(value) => *value,
            Value::Bool(value) => f64::from(u8::from(*value)),
            Value::Text(text) => text.parse().unwrap_or_default(),
            _ => 0.0,
        }
    }
}

/// The whole part of a number; zero if it is none.
fn int_of(text: &str) -> i64 {
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b.is_ascii_digit()) => whole,
        _ => text,
    };
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, whole.strip_prefix('+').unwrap_or(whole)),
    };
    let based = match digits.get(..2) {
        Some("0x" | "0X") => i64::from_str_radix(&digits[2..], 16),
        Some("0b" | "0B") => i64::from_str_radix(&digits[2..], 2),
        Some("0o" | "0O") => i64::from_str_radix(&digits[2..], 8),
        _ => digits.parse(),
    };
    based.map_or(0, |value| sign * value)
}

/// The shortest form that reads back, with an exponent for very large and very small numbers.
pub(super) fn write_float(value: f64, out: &mut String) {
    if !value.is_finite() {
        out.push_str(if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        });
        return;
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let _ = if (-4..6).contains(&exponent) {
        write!(out, "{value}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{mantissa}e{sign}{:02}", exponent.unsigned_abs())
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_numbers_by_their_whole_part() {
        for (text, value) in [("12", 12), ("-3", -3), ("1.9", 1), ("0x10", 16), ("x", 0), ("", 0), ("1.x", 0)]
        {
            assert_eq!(Value::Text(text.into()).cast_int(), value, "{text}");
        }
    }

    #[test]
    fn values_print() {
        let list = Value::List(vec![Value::Int(1), Value::Nil, Value::Text("a b".into())]);
        assert_eq!(list.to_text(), "[1 <nil> a b]");
        let map = Value::Map(BTreeMap::from([("k".to_string(), Value::Float(1.5)), ("a".to_string(), list)]));
        assert_eq!(map.to_text(), "map[a:[1 <nil> a b] k:1.5]");
        for (value, text) in [
            (3.0, "3"),
            (1e6, "1e+06"),
            (123456.0, "123456"),
            (0.00001, "1e-05"),
            (f64::NAN, "NaN"),
            (-1.5, "-1.5"),
        ] {
            assert_eq!(Value::Float(value).to_text(), text);
        }
    }
}
