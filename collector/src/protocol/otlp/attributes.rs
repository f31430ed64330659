//! `AnyValue` and `KeyValue`: borrowed where they are plain, re-encoded where they are arrays or maps.

use store::model::{Limits, Nested, NestedWriter, Value};

use super::wire::Reader;
use super::{Fault, Reject};

/// One `AnyValue`, its inside not yet looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Any<'a> {
    Plain(Value<'a>),
    Array(&'a [u8]),
    Map(&'a [u8]),
}

/// Attributes of a resource, a scope or a data point, kept until all are known.
#[derive(Default, Debug)]
pub(super) struct AttributeList<'a> {
    pairs: Vec<(&'a str, Stored<'a>)>,
    nested: NestedWriter,
}

#[derive(Clone, Copy, Debug)]
enum Stored<'a> {
    Plain(Value<'a>),
    /// A range of the list's nested bytes.
    Nested(usize, usize),
}

/// Reads an `AnyValue`; of several values the last counts, as in every oneof.
#[inline]
pub(super) fn any<'a>(bytes: &'a [u8]) -> Result<Any<'a>, Fault> {
    let mut found = Any::Plain(Value::Empty);
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        found = match number {
            1 => Any::Plain(Value::Str(payload.text()?)),
            2 => Any::Plain(Value::Bool(payload.varint()? != 0)),
            3 => Any::Plain(Value::Int(payload.varint()? as i64)),
            4 => Any::Plain(Value::Double(payload.double()?)),
            5 => Any::Array(payload.bytes()?),
            6 => Any::Map(payload.bytes()?),
            7 => Any::Plain(Value::Bytes(payload.bytes()?)),
            _ => found,
        };
    }
    Ok(found)
}

/// Reads a `KeyValue` and checks its sizes.
#[inline]
pub(super) fn key_value<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(&'a str, Any<'a>), Fault> {
    let (mut key, mut value) = ("", Any::Plain(Value::Empty));
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => key = payload.text()?,
            2 => value = any(payload.bytes()?)?,
            _ => {}
        }
    }
    if key.len() as u64 > limits.attribute_key_bytes_max {
        return Err(Fault::Reject(Reject::KeyTooLong));
    }
    if value.len() as u64 > limits.attribute_value_bytes_max {
        return Err(Fault::Reject(Reject::ValueTooLong));
    }
    Ok((key, value))
}

impl<'a> Any<'a> {
    /// Bytes it holds: a string's length, an array's or map's on the wire.
    pub fn len(self) -> usize {
        match self {
            Self::Plain(Value::Str(text)) => text.len(),
            Self::Plain(Value::Bytes(bytes)) | Self::Array(bytes) | Self::Map(bytes) => bytes.len(),
            Self::Plain(_) => 0,
        }
    }

    /// The value; what is nested is written to `scratch`.
    #[inline]
    pub fn value<'s>(self, scratch: &'s mut NestedWriter, limits: &Limits) -> Result<Value<'s>, Fault>
    where
        'a: 's,
    {
        match self {
            Self::Plain(value) => Ok(value),
            nested => {
                scratch.clear();
                nested.write(scratch, 1, limits)?;
                Ok(Value::Nested(scratch.as_nested()))
            }
        }
    }

    /// Appends the value; `depth` counts this value as one. Recursion is bounded by the limit on depth.
    pub fn write(self, out: &mut NestedWriter, depth: u64, limits: &Limits) -> Result<(), Fault> {
        if depth > limits.any_value_depth_max {
            return Err(Fault::Reject(Reject::TooDeep));
        }
        match self {
            Self::Plain(value) => out.value(value),
            Self::Array(bytes) => {
                out.begin_array();
                let mut reader = Reader::new(bytes);
                while let Some((number, payload)) = reader.next()? {
                    if number == 1 {
                        any(payload.bytes()?)?.write(out, depth + 1, limits)?;
                    }
                }
                out.end();
            }
            Self::Map(bytes) => {
                out.begin_map();
                let mut reader = Reader::new(bytes);
                while let Some((number, payload)) = reader.next()? {
                    if number == 1 {
                        let (key, value) = key_value(payload.bytes()?, limits)?;
                        out.key(key);
                        value.write(out, depth + 1, limits)?;
                    }
                }
                out.end();
            }
        }
        Ok(())
    }
}

// === impl AttributeList ===

impl<'a> AttributeList<'a> {
    pub fn clear(&mut self) {
        self.pairs.clear();
        self.nested.clear();
    }

    /// Adds one `KeyValue`.
    pub fn push(&mut self, bytes: &'a [u8], limits: &Limits) -> Result<(), Fault> {
        if self.pairs.len() as u64 == limits.attributes_per_record_max {
            return Err(Fault::Reject(Reject::TooManyAttributes));
        }
        let (key, value) = key_value(bytes, limits)?;
        let stored = match value {
            Any::Plain(value) => Stored::Plain(value),
            nested => {
                let start = self.nested.as_nested().as_bytes().len();
                nested.write(&mut self.nested, 1, limits)?;
                Stored::Nested(start, self.nested.as_nested().as_bytes().len())
            }
        };
        self.pairs.push((key, stored));
        Ok(())
    }

    /// Appends the pairs to `out`.
    pub fn pairs<'s>(&'s self, out: &mut Vec<(&'s str, Value<'s>)>) {
        let nested = self.nested.as_nested().as_bytes();
        out.extend(self.pairs.iter().map(|&(key, stored)| {
            let value = match stored {
                Stored::Plain(value) => value,
                Stored::Nested(start, end) => Value::Nested(Nested::new(&nested[start..end])),
            };
            (key, value)
        }));
    }
}
