//! Arrays and maps inside a value, as one run of bytes that is walked in place.
//!
//! ```text
//! value  = tag(1) payload
//! tag    = 0 empty · 1 false · 2 true · 3 int (8, LE) · 4 double (8, LE) · 5 string (len, bytes)
//!          6 bytes (len, bytes) · 7 array (len, count, value…) · 8 map (len, count, (len, key), value…)
//! len, count = 4 bytes LE; an array's or map's len counts the bytes after it
//! ```

use std::fmt::Write as _;

use super::Value;
use super::value::{write_base64, write_double};

const EMPTY: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const DOUBLE: u8 = 4;
/// The first byte of an encoded string.
pub(crate) const STR: u8 = 5;
const BYTES: u8 = 6;
const ARRAY: u8 = 7;
const MAP: u8 = 8;

/// Writing deeper than this is refused by decoders long before; readers stop here whatever the bytes say.
const DEPTH_MAX: usize = 96;

/// An encoded array or map. Malformed bytes read as if they ended there: they never panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nested<'a>(&'a [u8]);

/// One member of a [`Nested`]; arrays have no keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NestedItem<'a> {
    pub key: Option<&'a str>,
    pub value: Value<'a>,
}

impl<'a> Nested<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    pub fn is_map(self) -> bool {
        self.0.first() == Some(&MAP)
    }

    /// Members in their order.
    pub fn items(self) -> impl Iterator<Item = NestedItem<'a>> {
        let mut rest = self.0.get(9..).unwrap_or_default();
        let keyed = self.is_map();
        let count = self.0.get(5..9).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        (0..count).map_while(move |_| {
            let key = if keyed { Some(take_str(&mut rest)?) } else { None };
            Some(NestedItem { key, value: take_value(&mut rest)? })
        })
    }

    /// The first member of that key.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        self.items().find(|item| item.key == Some(key)).map(|item| item.value)
    }

    /// Appends it as JSON text.
    pub fn write_json(self, out: &mut String) {
        self.write_json_at(out, 0);
    }

    fn write_json_at(self, out: &mut String, depth: usize) {
        let (open, close) = if self.is_map() { ('{', '}') } else { ('[', ']') };
        out.push(open);
        if depth < DEPTH_MAX {
            for (i, item) in self.items().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                if let Some(key) = item.key {
                    write_json_str(key, out);
                    out.push(':');
                }
                write_json_value(item.value, out, depth + 1);
            }
        }
        out.push(close);
    }
}

fn write_json_value(value: Value<'_>, out: &mut String, depth: usize) {
    match value {
        Value::Empty => out.push_str("null"),
        Value::Str(text) => write_json_str(text, out),
        Value::Nested(nested) => nested.write_json_at(out, depth),
        Value::Bytes(bytes) => {
            out.push('"');
            write_base64(bytes, out);
            out.push('"');
        }
        Value::Double(v) if !v.is_finite() => drop(write!(out, "\"{v}\"")),
        Value::Double(v) => write_double(v, out),
        other => other.write_text(out),
    }
}

fn write_json_str(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(head)
}

fn take_len(rest: &mut &[u8]) -> Option<usize> {
    Some(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?) as usize)
}

fn take_str<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let len = take_len(rest)?;
    std::str::from_utf8(take(rest, len)?).ok()
}

/// Reads one value off the front.
pub(crate) fn take_value<'a>(rest: &mut &'a [u8]) -> Option<Value<'a>> {
    let whole = *rest;
    let tag = take(rest, 1)?[0];
    Some(match tag {
        EMPTY => Value::Empty,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INT => Value::Int(i64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
        DOUBLE => Value::Double(f64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
        STR => Value::Str(take_str(rest)?),
        BYTES => {
            let len = take_len(rest)?;
            Value::Bytes(take(rest, len)?)
        }
        ARRAY | MAP => {
            let len = take_len(rest)?;
            take(rest, len)?;
            Value::Nested(Nested(&whole[..5 + len]))
        }
        _ => return None,
    })
}

/// Writes nested values front to back; lengths are filled in when an array or map closes.
#[derive(Default, Debug)]
pub struct NestedWriter {
    bytes: Vec<u8>,
    /// Where each open array or map begins.
    open: Vec<usize>,
}

impl NestedWriter {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.open.clear();
    }

    pub fn begin_array(&mut self) {
        self.begin(ARRAY);
    }

    pub fn begin_map(&mut self) {
        self.begin(MAP);
    }

    fn begin(&mut self, tag: u8) {
        self.count_member();
        self.open.push(self.bytes.len());
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&[0; 8]);
    }

    /// Closes the innermost array or map.
    pub fn end(&mut self) {
        if let Some(start) = self.open.pop() {
            let len = (self.bytes.len() - start - 5) as u32;
            self.bytes[start + 1..start + 5].copy_from_slice(&len.to_le_bytes());
        }
    }

    /// The key of the member that follows; only inside a map.
    pub fn key(&mut self, key: &str) {
        self.text(key);
    }

    pub fn value(&mut self, value: Value<'_>) {
        self.count_member();
        match value {
            Value::Empty => self.bytes.push(EMPTY),
            Value::Bool(false) => self.bytes.push(FALSE),
            Value::Bool(true) => self.bytes.push(TRUE),
            Value::Int(v) => self.fixed(INT, v.to_le_bytes()),
            Value::Double(v) => self.fixed(DOUBLE, v.to_le_bytes()),
            Value::Str(text) => {
                self.bytes.push(STR);
                self.text(text);
            }
            Value::Bytes(bytes) => {
                self.bytes.push(BYTES);
                self.bytes.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                self.bytes.extend_from_slice(bytes);
            }
            Value::Nested(nested) => self.bytes.extend_from_slice(nested.as_bytes()),
        }
    }

    /// The finished bytes; every array and map must be closed.
    pub fn as_nested(&self) -> Nested<'_> {
        Nested(&self.bytes)
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn count_member(&mut self) {
        if let Some(&start) = self.open.last() {
            let place = start + 5..start + 9;
            let mut count = [0; 4];
            count.copy_from_slice(&self.bytes[place.clone()]);
            self.bytes[place].copy_from_slice(&(u32::from_le_bytes(count) + 1).to_le_bytes());
        }
    }

    fn fixed(&mut self, tag: u8, payload: [u8; 8]) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&payload);
    }

    fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> NestedWriter {
        let mut w = NestedWriter::default();
        w.begin_map();
        w.key("a");
        w.value(Value::Int(1));
        w.key("b");
        w.begin_array();
        w.value(Value::Str("x\"\n"));
        w.value(Value::Double(1.5));
        w.value(Value::Empty);
        w.end();
        w.key("c");
        w.value(Value::Bool(true));
        w.end();
        w
    }

    #[test]
    fn maps_and_arrays_read_back_as_written() {
        let w = sample();
        let nested = w.as_nested();
        assert_eq!(nested.get("c"), Some(Value::Bool(true)));
        let mut json = String::new();
        nested.write_json(&mut json);
        assert_eq!(json, r#"{"a":1,"b":["x\"\n",1.5,null],"c":true}"#);
    }

    #[test]
    fn cut_bytes_end_early_and_never_panic() {
        let bytes = sample().into_bytes();
        for len in 0..bytes.len() {
            let mut json = String::new();
            Nested::new(&bytes[..len]).write_json(&mut json);
        }
    }
}
