//! `io.prometheus.write.v2.Request`: every string once, in a table of symbols; type, unit and help with each series.

use store::model::{MetricKind, Temporality};

use super::series::{Fields, Remarks, SeriesWriter, Symbols};
use crate::protocol::fault::Fault;
use crate::protocol::wire::{Malformed, Payload, Reader};
use crate::protocol::{DecodeCtx, DecodeError, Decoded, Reject};

const FIELDS: Fields = Fields { samples: 2, histograms: 3, exemplars: 4 };
/// What a symbol takes in the table.
const SYMBOL_COST: u64 = 16;

pub(super) fn decode(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let mut writer = SeriesWriter::new(ctx, Symbols::Inline);
    let mut symbols = Vec::new();
    let mut request = Reader::new(bytes);
    while let Some((number, payload)) = request.next()? {
        if number == 4 {
            if let Err(Fault::TooLarge { limit }) = writer.spend.take(SYMBOL_COST) {
                return Err(DecodeError::TooLarge { limit });
            }
            // One that is not UTF-8 refuses the series that refer to it.
            symbols.push(std::str::from_utf8(payload.bytes()?).ok());
        }
    }
    writer.symbols = Symbols::Table(symbols);
    let mut request = Reader::new(bytes);
    while let Some((number, payload)) = request.next()? {
        if number != 5 {
            continue;
        }
        let bytes = payload.bytes()?;
        let (remarks, created_ms) = remarks(bytes, &writer.symbols)?;
        let series = writer.begin(bytes, FIELDS, labels)?;
        writer.take(series, remarks, created_ms)?;
    }
    Ok(writer.finish())
}

/// A field of a `TimeSeries` that may be references to labels.
fn labels<'a>(writer: &mut SeriesWriter<'a, '_>, number: u32, payload: Payload<'a>) -> Result<(), Fault> {
    if number == 1 {
        payload.push_varints(&mut writer.refs)?;
        writer.labels_of_refs()?;
    }
    Ok(())
}

/// What a `TimeSeries` says of its metric, and since when it counts. A reference that leads nowhere says nothing.
fn remarks<'a>(bytes: &'a [u8], symbols: &Symbols<'a>) -> Result<(Remarks<'a>, i64), Malformed> {
    let mut remarks = Remarks::default();
    let mut created_ms = 0;
    let mut reader = Reader::new(bytes);
    while let Some((number, payload)) = reader.next()? {
        match number {
            5 => {
                let mut metadata = Reader::new(payload.bytes()?);
                while let Some((number, payload)) = metadata.next()? {
                    match number {
                        1 => set_type(&mut remarks, payload.varint()?),
                        3 => remarks.help = symbols.get(payload.varint()?).unwrap_or_default(),
                        4 => remarks.unit = symbols.get(payload.varint()?).unwrap_or_default(),
                        _ => {}
                    }
                }
            }
            6 => created_ms = payload.varint()? as i64,
            _ => {}
        }
    }
    Ok((remarks, created_ms))
}

fn set_type(remarks: &mut Remarks<'_>, number: u64) {
    let (kind, monotonic) = match number {
        1 => (MetricKind::Sum, true),
        // Info and state sets are gauges with a meaning of their labels.
        2 | 6 | 7 => (MetricKind::Gauge, false),
        3 | 4 => (MetricKind::Histogram, number == 3),
        5 => (MetricKind::Summary, false),
        _ => (MetricKind::Unknown, false),
    };
    remarks.kind = kind;
    remarks.monotonic = monotonic;
    remarks.temporality = if monotonic { Temporality::Cumulative } else { Temporality::Unspecified };
}

impl<'a> Symbols<'a> {
    pub(super) fn get(&self, reference: u64) -> Result<&'a str, Reject> {
        let Self::Table(table) = self else { return Err(Reject::SymbolRef) };
        let symbol = usize::try_from(reference).ok().and_then(|at| table.get(at)).ok_or(Reject::SymbolRef)?;
        symbol.ok_or(Reject::NotUtf8)
    }
}
