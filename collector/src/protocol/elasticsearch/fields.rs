//! A document's members as flat fields: `{"host": {"name": "a"}}` and `{"host.name": "a"}` are the same.

use std::borrow::Cow;
use std::ops::Range;

use store::model::{Limits, Nested, NestedWriter, Value};

use crate::protocol::Reject;
use crate::protocol::json::{Fault, Scalar, Text};

/// The fields of the document at hand; memory is used again for the next.
#[derive(Default)]
pub(super) struct Fields<'a> {
    names: String,
    nested: NestedWriter,
    fields: Vec<(Range<usize>, Held<'a>)>,
}

enum Held<'a> {
    Scalar(Scalar<'a>),
    /// A range of the nested bytes.
    Nested(Range<usize>),
}

impl<'a> Fields<'a> {
    /// Reads one document.
    pub fn read(&mut self, source: &'a [u8], limits: &Limits) -> Result<(), Fault> {
        self.names.clear();
        self.nested.clear();
        self.fields.clear();
        let mut text = Text::new(source);
        self.object(&mut text, &mut String::new(), 1, limits)?;
        text.end()
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Names and values in the order they came; empty values are none.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        let nested = self.nested.as_nested().as_bytes();
        self.fields.iter().map(move |(name, held)| {
            let value = match held {
                Held::Scalar(scalar) => value_of(scalar),
                Held::Nested(range) => Value::Nested(Nested::new(&nested[range.clone()])),
            };
            (&self.names[name.clone()], value)
        })
    }

    /// The first field of that name.
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn object(
        &mut self,
        text: &mut Text<'a>,
        path: &mut String,
        depth: u64,
        limits: &Limits,
    ) -> Result<(), Fault> {
        if depth > limits.any_value_depth_max {
            return Err(text.value_fault(Reject::TooDeep));
        }
        text.expect(b'{', "expected an object")?;
        if text.take(b'}') {
            return Ok(());
        }
        loop {
            let key = text.key()?;
            let before = path.len();
            if before > 0 {
                path.push('.');
            }
            path.push_str(&key);
            self.member(text, path, depth, limits)?;
            path.truncate(before);
            if !text.next_member(b'}')? {
                return Ok(());
            }
        }
    }

    fn member(
        &mut self,
        text: &mut Text<'a>,
        path: &mut String,
        depth: u64,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let held = match text.peek() {
            Some(b'{') => return self.object(text, path, depth + 1, limits),
            Some(b'[') => {
                let start = self.nested.as_nested().as_bytes().len();
                nested(text, &mut self.nested, depth + 1, limits)?;
                Held::Nested(start..self.nested.as_nested().as_bytes().len())
            }
            _ => match text.scalar()? {
                Scalar::Null => return Ok(()),
                scalar => Held::Scalar(scalar),
            },
        };
        if path.len() as u64 > limits.attribute_key_bytes_max {
            return Err(text.value_fault(Reject::KeyTooLong));
        }
        if self.fields.len() as u64 == limits.attributes_per_record_max {
            return Err(text.value_fault(Reject::TooManyAttributes));
        }
        let start = self.names.len();
        self.names.push_str(path);
        self.fields.push((start..self.names.len(), held));
        Ok(())
    }
}

/// Writes any value into a nested one.
fn nested(text: &mut Text<'_>, out: &mut NestedWriter, depth: u64, limits: &Limits) -> Result<(), Fault> {
    if depth > limits.any_value_depth_max {
        return Err(text.value_fault(Reject::TooDeep));
    }
    let close = match text.peek() {
        Some(b'[') => b']',
        Some(b'{') => b'}',
        _ => {
            out.value(value_of(&text.scalar()?));
            return Ok(());
        }
    };
    let is_object = close == b'}';
    if is_object {
        out.begin_map()
    } else {
        out.begin_array()
    }
    text.expect(if is_object { b'{' } else { b'[' }, "expected an array or an object")?;
    if !text.take(close) {
        loop {
            if is_object {
                let key = text.key()?;
                out.key(&key);
            }
            nested(text, out, depth + 1, limits)?;
            if !text.next_member(close)? {
                break;
            }
        }
    }
    out.end();
    Ok(())
}

fn value_of<'s>(scalar: &'s Scalar<'_>) -> Value<'s> {
    match scalar {
        Scalar::Null => Value::Empty,
        Scalar::Bool(flag) => Value::Bool(*flag),
        Scalar::Text(text) => Value::Str(text),
        Scalar::Number(digits) => match (digits.parse::<i64>(), digits.parse::<f64>()) {
            (Ok(int), _) => Value::Int(int),
            (_, Ok(double)) => Value::Double(double),
            _ => Value::Str(digits),
        },
    }
}

/// A text a field may be.
pub(super) fn text_of(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Str(text) => Some(Cow::Borrowed(text)),
        Value::Empty | Value::Nested(_) => None,
        other => Some(other.text()),
    }
}
