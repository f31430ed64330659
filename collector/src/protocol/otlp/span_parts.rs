//! A span's events and links as members of nested arrays, in the form documented at `store::model::Field`.

use store::model::{Limits, NestedWriter, Value};

use super::attributes::key_value;
use super::wire::Reader;
use super::{CELL_COST, Fault, Reject, Spend};

/// Appends one `Span.Event` as a map.
pub(super) fn event(
    bytes: &[u8],
    limits: &Limits,
    spend: &mut Spend,
    out: &mut NestedWriter,
) -> Result<(), Fault> {
    spend.take(3 * CELL_COST)?;
    let (mut time, mut name, mut dropped) = (0, "", 0);
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => time = payload.fixed64()?,
            2 => name = payload.text()?,
            4 => dropped = payload.varint()? as u32,
            _ => {}
        }
    }
    out.begin_map();
    out.key("time");
    out.value(Value::Int(i64::try_from(time).unwrap_or(i64::MAX)));
    out.key("name");
    out.value(Value::Str(name));
    attributes(bytes, 3, limits, spend, out)?;
    number("dropped_attributes_count", dropped, out);
    out.end();
    Ok(())
}

/// Appends one `Span.Link` as a map.
pub(super) fn link(
    bytes: &[u8],
    limits: &Limits,
    spend: &mut Spend,
    out: &mut NestedWriter,
) -> Result<(), Fault> {
    spend.take(4 * CELL_COST)?;
    let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
    let (mut trace_state, mut dropped, mut flags) = ("", 0, 0);
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => trace_id = payload.bytes()?,
            2 => span_id = payload.bytes()?,
            3 => trace_state = payload.text()?,
            5 => dropped = payload.varint()? as u32,
            6 => flags = payload.fixed32()?,
            _ => {}
        }
    }
    out.begin_map();
    for (key, id) in [("trace_id", trace_id), ("span_id", span_id)] {
        out.key(key);
        out.value(Value::Bytes(id));
    }
    if !trace_state.is_empty() {
        out.key("trace_state");
        out.value(Value::Str(trace_state));
    }
    attributes(bytes, 4, limits, spend, out)?;
    number("dropped_attributes_count", dropped, out);
    number("flags", flags, out);
    out.end();
    Ok(())
}

fn number(key: &str, value: u32, out: &mut NestedWriter) {
    if value != 0 {
        out.key(key);
        out.value(Value::Int(i64::from(value)));
    }
}

/// A second walk over the message for its attributes, since a map is written whole.
fn attributes(
    bytes: &[u8],
    field: u32,
    limits: &Limits,
    spend: &mut Spend,
    out: &mut NestedWriter,
) -> Result<(), Fault> {
    let mut count = 0;
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        if number != field {
            continue;
        }
        if count == 0 {
            out.key("attributes");
            out.begin_map();
        }
        count += 1;
        if count > limits.attributes_per_record_max {
            return Err(Fault::Reject(Reject::TooManyAttributes));
        }
        spend.take(CELL_COST)?;
        let (key, value) = key_value(payload.bytes()?, limits)?;
        out.key(key);
        value.write(out, 1, limits)?;
    }
    if count > 0 {
        out.end();
    }
    Ok(())
}
