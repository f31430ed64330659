//! A batch as bytes: what the log carries.
//!
//! ```text
//! header: counts and lengths (4 each) | streams | times | stream of each row | cells | keys | arena
//! cells, row by row: count(varint), then per cell column(varint) shape(varint) payload
//! ```
//!
//! All but the cells is as it lies in memory (little-endian). A cell's shape is its kind (3 bits), whether the place of
//! its bytes is told (1 bit; else they follow those of the cell before), and their length. The payload is that place,
//! a whole number as zigzag varint, a double as 8 bytes. In version 1 cells were as in memory too, with their ends.

use std::sync::Arc;

use bytemuck::Pod;

use super::{Cell, EventBatch, Kind, LEN_BITS, LEN_MAX, MalformedBatch};
use crate::model::{Field, Signal, Stream};

/// Encoded batches begin with this; a change of layout gets a new number, and readers keep the old.
const ENCODING_VERSION: u32 = 2;
const HEADER_BYTES: usize = 36;
const KIND_BITS: u32 = 3;
const PLACE_TOLD: u64 = 1 << KIND_BITS;

impl EventBatch {
    /// Appends the batch.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut streams = Vec::new();
        self.streams.iter().for_each(|stream| stream.write(&mut streams));
        out.reserve(
            HEADER_BYTES + streams.len() + self.arena.len() + self.cells.len() * 6 + self.times.len() * 13,
        );
        let header = out.len();
        out.extend_from_slice(&[0; HEADER_BYTES]);
        out.extend_from_slice(&streams);
        out.extend_from_slice(bytemuck::cast_slice(&self.times));
        out.extend_from_slice(bytemuck::cast_slice(&self.row_streams));
        let cells = out.len();
        self.encode_cells(out);
        let counts = [
            ENCODING_VERSION,
            self.signal as u32,
            self.arena.len() as u32,
            self.keys.len() as u32,
            self.streams.len() as u32,
            streams.len() as u32,
            self.times.len() as u32,
            self.cells.len() as u32,
            (out.len() - cells) as u32,
        ];
        let places = out[header..].chunks_exact_mut(4);
        places.zip(counts).for_each(|(place, count)| place.copy_from_slice(&count.to_le_bytes()));
        self.keys.iter().for_each(|(start, end)| {
            out.extend_from_slice(&start.to_le_bytes());
            out.extend_from_slice(&end.to_le_bytes());
        });
        out.extend_from_slice(&self.arena);
    }

    fn encode_cells(&self, out: &mut Vec<u8>) {
        let mut next = 0;
        for row in 0..self.rows() {
            let cells = self.row_cells(row);
            put_varint(cells.len() as u64, out);
            for cell in cells {
                let (kind, len) = (cell.kind_len >> LEN_BITS, u64::from(cell.kind_len) & LEN_MAX as u64);
                let stored = kind >= Kind::Str as u32;
                let told = if stored && cell.payload != next { PLACE_TOLD } else { 0 };
                put_varint(u64::from(cell.column), out);
                put_varint(len << (KIND_BITS + 1) | told | u64::from(kind), out);
                if told != 0 || kind == Kind::Bool as u32 {
                    put_varint(cell.payload, out);
                } else if kind == Kind::Int as u32 {
                    put_varint(cell.payload << 1 ^ ((cell.payload as i64) >> 63) as u64, out);
                } else if kind == Kind::Double as u32 {
                    out.extend_from_slice(&cell.payload.to_le_bytes());
                }
                if stored {
                    next = cell.payload + len;
                }
            }
        }
    }

    /// Reads what [`EventBatch::encode`] wrote; every reference is checked, so a batch that exists is sound.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, MalformedBatch> {
        let rest = &mut bytes;
        let header: Vec<u32> = take_pod(rest, 8)?;
        let [version, signal, arena, keys, streams, stream_bytes, rows, cells] = header[..] else {
            return Err(MalformedBatch("header"));
        };
        if version == 0 || version > ENCODING_VERSION {
            return Err(MalformedBatch("unknown version of the batch encoding"));
        }
        let cell_bytes = if version == 1 { 0 } else { take_pod::<u32>(rest, 1)?[0] };
        let signal =
            u8::try_from(signal).ok().and_then(Signal::from_number).ok_or(MalformedBatch("signal"))?;
        let mut stream_bytes = take(rest, stream_bytes as usize)?;
        let streams = (0..streams)
            .map(|_| Stream::read(&mut stream_bytes).map(Arc::new).ok_or(MalformedBatch("streams")))
            .collect::<Result<_, _>>()?;
        let (times, row_streams) = (take_pod(rest, rows as usize)?, take_pod(rest, rows as usize)?);
        let (cell_ends, cells) = if version == 1 {
            (take_pod(rest, rows as usize)?, take_pod(rest, cells as usize)?)
        } else {
            decode_cells(take(rest, cell_bytes as usize)?, rows as usize)?
        };
        let batch = Self {
            signal,
            streams,
            times,
            row_streams,
            cell_ends,
            cells,
            keys: take_pod::<[u32; 2]>(rest, keys as usize)?.iter().map(|k| (k[0], k[1])).collect(),
            arena: take(rest, arena as usize)?.to_vec(),
        };
        batch.check()?;
        Ok(batch)
    }

    fn check(&self) -> Result<(), MalformedBatch> {
        let streams = self.streams.len() as u32;
        if self.row_streams.iter().any(|&s| s >= streams) {
            return Err(MalformedBatch("a row names a stream that is not there"));
        }
        let ordered = self.cell_ends.is_sorted();
        if !ordered || self.cell_ends.last().copied().unwrap_or(0) as usize != self.cells.len() {
            return Err(MalformedBatch("cell ends"));
        }
        for &(start, end) in &self.keys {
            let key = self.arena.get(start as usize..end as usize).ok_or(MalformedBatch("key range"))?;
            std::str::from_utf8(key).map_err(|_| MalformedBatch("key is not UTF-8"))?;
        }
        let columns = Field::RESERVED + self.keys.len() as u32;
        for cell in &self.cells {
            let kind = cell.kind_len >> LEN_BITS;
            if cell.column >= columns || kind > Kind::Nested as u32 {
                return Err(MalformedBatch("cell"));
            }
            if kind >= Kind::Str as u32 {
                let start = usize::try_from(cell.payload).map_err(|_| MalformedBatch("cell range"))?;
                let end = start.checked_add(cell.kind_len as usize & LEN_MAX);
                let bytes =
                    end.and_then(|end| self.arena.get(start..end)).ok_or(MalformedBatch("cell range"))?;
                if kind == Kind::Str as u32 && std::str::from_utf8(bytes).is_err() {
                    return Err(MalformedBatch("string is not UTF-8"));
                }
            }
        }
        Ok(())
    }
}

/// The end of each row's cells, and the cells.
fn decode_cells(mut bytes: &[u8], rows: usize) -> Result<(Vec<u32>, Vec<Cell>), MalformedBatch> {
    let malformed = || MalformedBatch("cells");
    let rest = &mut bytes;
    let (mut ends, mut cells) = (Vec::with_capacity(rows), Vec::with_capacity(rest.len() / 4));
    let mut next = 0u64;
    for _ in 0..rows {
        for _ in 0..take_varint(rest).ok_or_else(malformed)? {
            let column =
                take_varint(rest).and_then(|column| u32::try_from(column).ok()).ok_or_else(malformed)?;
            let shape = take_varint(rest).ok_or_else(malformed)?;
            let (kind, len) = ((shape & (PLACE_TOLD - 1)) as u32, shape >> (KIND_BITS + 1));
            if len > LEN_MAX as u64 || kind > Kind::Nested as u32 {
                return Err(malformed());
            }
            let payload = if shape & PLACE_TOLD != 0 || kind == Kind::Bool as u32 {
                take_varint(rest).ok_or_else(malformed)?
            } else if kind == Kind::Int as u32 {
                let zigzag = take_varint(rest).ok_or_else(malformed)?;
                zigzag >> 1 ^ (zigzag & 1).wrapping_neg()
            } else if kind == Kind::Double as u32 {
                take_pod::<u64>(rest, 1)?[0]
            } else if kind >= Kind::Str as u32 {
                next
            } else {
                0
            };
            if kind >= Kind::Str as u32 {
                next = payload.checked_add(len).ok_or_else(malformed)?;
            }
            cells.push(Cell { column, kind_len: kind << LEN_BITS | len as u32, payload });
        }
        ends.push(u32::try_from(cells.len()).map_err(|_| malformed())?);
    }
    if rest.is_empty() { Ok((ends, cells)) } else { Err(malformed()) }
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (at, byte) in rest.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * at as u32);
        if *byte < 0x80 {
            *rest = &rest[at + 1..];
            return Some(value);
        }
    }
    None
}

pub(in super::super) fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], MalformedBatch> {
    let (head, tail) = rest.split_at_checked(len).ok_or(MalformedBatch("cut short"))?;
    *rest = tail;
    Ok(head)
}

pub(in super::super) fn take_pod<T: Pod>(rest: &mut &[u8], count: usize) -> Result<Vec<T>, MalformedBatch> {
    let len = count.checked_mul(size_of::<T>()).ok_or(MalformedBatch("count"))?;
    let bytes = take(rest, len)?;
    let mut values = vec![T::zeroed(); count];
    bytemuck::cast_slice_mut(&mut values).copy_from_slice(bytes);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;
    use crate::model::{EventBatchBuilder, StreamParts, Value};

    #[test]
    fn every_kind_of_value_round_trips() {
        let mut b = EventBatchBuilder::new(Signal::Spans);
        let stream = b.stream(&StreamParts::default());
        for row in 0..40i64 {
            b.begin_row(row, stream);
            b.field(Field::Name, Value::Str("name"));
            b.attribute("int", Value::Int([0, -1, i64::MIN, i64::MAX, 1 << 40][row as usize % 5]));
            // A key that comes late lies between the values of its row.
            b.attribute(&format!("key {}", row / 7), Value::Bytes(&[7; 3]));
            b.attribute("double", Value::Double(f64::from(row as i32) / 3.0));
            b.attribute("bool", Value::Bool(row % 2 == 0));
            b.attribute("empty", Value::Empty);
            b.attribute("no text", Value::Str(""));
            b.end_row();
        }
        let batch = b.finish();
        let mut bytes = Vec::new();
        batch.encode(&mut bytes);
        assert_eq!(EventBatch::decode(&bytes), Ok(batch));
    }

    #[test]
    fn batches_of_the_first_version_are_read() {
        let batch = sample();
        let mut streams = Vec::new();
        batch.streams.iter().for_each(|stream| stream.write(&mut streams));
        let counts = [
            batch.arena.len(),
            batch.keys.len(),
            batch.streams.len(),
            streams.len(),
            batch.rows(),
            batch.cells.len(),
        ];
        let mut bytes = Vec::new();
        let header = [1, batch.signal as u32].into_iter().chain(counts.map(|count| count as u32));
        header.for_each(|n| bytes.extend_from_slice(&n.to_le_bytes()));
        bytes.extend_from_slice(&streams);
        bytes.extend_from_slice(bytemuck::cast_slice(&batch.times));
        bytes.extend_from_slice(bytemuck::cast_slice(&batch.row_streams));
        bytes.extend_from_slice(bytemuck::cast_slice(&batch.cell_ends));
        bytes.extend_from_slice(bytemuck::cast_slice(&batch.cells));
        for (start, end) in &batch.keys {
            bytes.extend_from_slice(&start.to_le_bytes());
            bytes.extend_from_slice(&end.to_le_bytes());
        }
        bytes.extend_from_slice(&batch.arena);
        assert_eq!(EventBatch::decode(&bytes), Ok(batch));
    }

    #[test]
    fn encoding_round_trips_and_damage_is_an_error() {
        let batch = sample();
        let mut bytes = Vec::new();
        batch.encode(&mut bytes);
        assert_eq!(EventBatch::decode(&bytes).unwrap(), batch);
        for len in 0..bytes.len() {
            assert!(EventBatch::decode(&bytes[..len]).is_err());
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x80;
            if let Ok(other) = EventBatch::decode(&flipped) {
                for row in 0..other.rows() {
                    other.cells(row).for_each(drop);
                }
            }
        }
    }
}
