//! Values of attributes and fields.

use std::fmt::Write as _;

use super::Nested;

/// An OTLP `AnyValue`, borrowed from a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// An `AnyValue` that is present but holds nothing.
    Empty,
    Bool(bool),
    Int(i64),
    Double(f64),
    Str(&'a str),
    Bytes(&'a [u8]),
    /// An array or a map.
    Nested(Nested<'a>),
}

/// The same, owned: what queries hold.
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedValue {
    Empty,
    Bool(bool),
    Int(i64),
    Double(f64),
    Str(String),
    Bytes(Vec<u8>),
    /// The encoding of [`Nested`].
    Nested(Vec<u8>),
}

// === impl Value ===

impl<'a> Value<'a> {
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_int(self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(int),
            _ => None,
        }
    }

    /// Numbers as a double, for comparisons between kinds.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(int as f64),
            Self::Double(double) => Some(double),
            _ => None,
        }
    }

    pub fn as_bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Str(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    pub fn to_owned(self) -> OwnedValue {
        match self {
            Self::Empty => OwnedValue::Empty,
            Self::Bool(v) => OwnedValue::Bool(v),
            Self::Int(v) => OwnedValue::Int(v),
            Self::Double(v) => OwnedValue::Double(v),
            Self::Str(v) => OwnedValue::Str(v.to_owned()),
            Self::Bytes(v) => OwnedValue::Bytes(v.to_vec()),
            Self::Nested(v) => OwnedValue::Nested(v.as_bytes().to_vec()),
        }
    }

    /// Appends the text people see and search: strings as they are, bytes in base64, arrays and maps as JSON
    /// (OTel "string representation of attribute values", specification `common/README.md#anyvalue`).
    pub fn write_text(self, out: &mut String) {
        match self {
            Self::Empty => {}
            Self::Str(text) => out.push_str(text),
            Self::Nested(nested) => nested.write_json(out),
            Self::Bytes(bytes) => write_base64(bytes, out),
            Self::Bool(v) => out.push_str(if v { "true" } else { "false" }),
            Self::Int(v) => drop(write!(out, "{v}")),
            Self::Double(v) => write_double(v, out),
        }
    }

    /// The text of [`Value::write_text`], borrowed when the value is a string.
    pub fn text(self) -> std::borrow::Cow<'a, str> {
        match self {
            Self::Str(text) => text.into(),
            other => {
                let mut out = String::new();
                other.write_text(&mut out);
                out.into()
            }
        }
    }
}

impl OwnedValue {
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Empty => Value::Empty,
            Self::Bool(v) => Value::Bool(*v),
            Self::Int(v) => Value::Int(*v),
            Self::Double(v) => Value::Double(*v),
            Self::Str(v) => Value::Str(v),
            Self::Bytes(v) => Value::Bytes(v),
            Self::Nested(v) => Value::Nested(Nested::new(v)),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(text)
    }
}

pub(crate) fn write_double(v: f64, out: &mut String) {
    if v.is_finite() && v.fract() == 0.0 && v.abs() < 1e15 {
        let _ = write!(out, "{v:.0}");
    } else {
        let _ = write!(out, "{v}");
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn write_base64(bytes: &[u8], out: &mut String) {
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |acc, b| acc << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(char::from(BASE64[(word >> (18 - 6 * place)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_each_kind() {
        for (value, text) in [
            (Value::Empty, ""),
            (Value::Bool(true), "true"),
            (Value::Int(-3), "-3"),
            (Value::Double(2.0), "2"),
            (Value::Double(0.25), "0.25"),
            (Value::Str("a\"b"), "a\"b"),
            (Value::Bytes(b"foob"), "Zm9vYg=="),
            (Value::Bytes(b"foo"), "Zm9v"),
            (Value::Bytes(b"fo"), "Zm8="),
        ] {
            assert_eq!(value.text(), text);
        }
    }
}
