//! `prometheus.WriteRequest`: labels as pairs of strings.

use super::series::{Fields, SeriesWriter, Symbols};
use crate::protocol::fault::Fault;
use crate::protocol::wire::{Payload, Reader};
use crate::protocol::{DecodeCtx, DecodeError, Decoded};

const FIELDS: Fields = Fields { samples: 2, exemplars: 3, histograms: 4 };

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut writer = SeriesWriter::new(ctx, Symbols::Inline);
    let mut request = Reader::new(bytes);
    while let Some((number, payload)) = request.next()? {
        if number == 1 {
            let series = payload.bytes()?;
            let series = writer.begin(series, FIELDS, label)?;
            writer.take(series, Default::default(), 0)?;
        }
    }
    Ok(writer.finish())
}

/// A field of a `TimeSeries` that may be a label.
fn label<'a>(writer: &mut SeriesWriter<'a, '_>, number: u32, payload: Payload<'a>) -> Result<(), Fault> {
    if number == 1 {
        let (name, value) = pair(payload.bytes()?)?;
        writer.label(name, value)?;
    }
    Ok(())
}

/// A `Label`.
pub(super) fn pair(bytes: &[u8]) -> Result<(&str, &str), Fault> {
    let (mut name, mut value) = ("", "");
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            1 => name = payload.text()?,
            2 => value = payload.text()?,
            _ => {}
        }
    }
    Ok((name, value))
}
