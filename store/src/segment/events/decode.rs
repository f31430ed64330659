//! One column of one block, read back. Whatever the bytes say, this returns a column or `None`.

use std::sync::Arc;

use super::super::coding::{Packed, Reader, width_of};
use super::alike::{PRESENT_ALL, PRESENT_LIKE, PRESENT_PACKED, PRESENT_SOME};
use super::bits::Bits;
use super::blobs::{read_blob, skip_blob};
use super::encode::Encoding;
use super::ints::read_ints;
use super::patterns::{PatternColumn, PatternTable};
use super::traces::TraceTable;
use crate::model::{Nested, OwnedValue, STR, Value, take_value};

/// A column's values, ready to be tested and shown.
pub(super) struct Column {
    /// The rows that have a value; `None`: every row has one.
    present: Option<Present>,
    pub(super) data: Data,
}

/// The rows that have a value, whose place is how many have one before them.
struct Present {
    rows: Bits,
    counts: Vec<u32>,
}

pub(super) enum Data {
    Const(OwnedValue),
    Dict {
        values: Vec<OwnedValue>,
        codes: Codes,
    },
    Ints(Vec<i64>),
    Doubles(Vec<f64>),
    Fixed {
        len: usize,
        bytes: Vec<u8>,
    },
    Strings {
        ends: Vec<u32>,
        text: String,
    },
    Blobs {
        nested: bool,
        ends: Vec<u32>,
        bytes: Vec<u8>,
    },
    Mixed(Vec<OwnedValue>),
    Patterns(Box<PatternColumn>),
    /// Numbers of the segment's table of trace ids.
    Traces {
        table: TraceTable,
        numbers: Vec<u32>,
    },
}

/// Packed numbers, read where they are asked for.
pub(super) struct Codes {
    bytes: Vec<u8>,
    width: u32,
    len: usize,
}

/// What columns refer to outside themselves.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) times: &'a Arc<Vec<i64>>,
    pub(super) traces: Option<&'a TraceTable>,
    pub(super) patterns: Option<&'a Arc<PatternTable>>,
    /// The bytes of another column of the block.
    pub(super) other: &'a dyn Fn(u32) -> Option<&'a [u8]>,
}

// === impl Column ===

impl Column {
    /// Reads a column of a block of `context.times.len()` rows.
    pub(super) fn read(bytes: &[u8], context: Context<'_>) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let (present, count) = read_presence(&mut reader, &context)?;
        let encoding = Encoding::from_number(reader.u8()?)?;
        let data = match encoding {
            Encoding::Const => Data::Const(take_value(&mut reader.rest())?.to_owned()),
            Encoding::Dict | Encoding::DictLike => read_dict(&mut reader, encoding, count, &context)?,
            Encoding::Ints => {
                let times = row_times(context.times, present.as_ref());
                Data::Ints(read_ints(&mut reader, count, &times)?)
            }
            Encoding::Decimals => {
                let scale = 10f64.powi(i32::from(reader.u8()?));
                let ints = read_ints(&mut reader, count, &[])?;
                Data::Doubles(ints.into_iter().map(|int| int as f64 / scale).collect())
            }
            Encoding::Doubles => {
                let bytes = read_blob(&mut reader)?;
                let (chunks, rest) = bytes.as_chunks::<8>();
                let whole = chunks.len() == count && rest.is_empty();
                whole.then(|| Data::Doubles(chunks.iter().map(|b| f64::from_le_bytes(*b)).collect()))?
            }
            Encoding::Fixed => {
                let len = reader.count(reader.rest().len())?;
                Data::Fixed { len, bytes: reader.bytes(len.checked_mul(count)?)?.to_vec() }
            }
            Encoding::Strings => {
                let (ends, bytes) = read_blobs(&mut reader, count)?;
                let text = String::from_utf8(bytes).ok()?;
                let sound = ends.iter().all(|end| text.is_char_boundary(*end as usize));
                sound.then_some(Data::Strings { ends, text })?
            }
            Encoding::Bytes | Encoding::Nested => {
                let (ends, bytes) = read_blobs(&mut reader, count)?;
                Data::Blobs { nested: encoding == Encoding::Nested, ends, bytes }
            }
            Encoding::Mixed => {
                let bytes = read_blob(&mut reader)?;
                let mut rest = bytes.as_slice();
                let values = (0..count).map(|_| take_value(&mut rest).map(Value::to_owned));
                Data::Mixed(values.collect::<Option<_>>()?)
            }
            Encoding::Traces => {
                let table = context.traces?.clone();
                let ids = table.read()?.len();
                let number = |number: i64| u32::try_from(number).ok().filter(|n| (*n as usize) < ids);
                let numbers = read_ints(&mut reader, count, &[])?;
                let numbers = numbers.into_iter().map(number).collect::<Option<_>>()?;
                Data::Traces { table, numbers }
            }
            Encoding::Patterns => {
                Data::Patterns(Box::new(PatternColumn::read(&mut reader, count, &context)?))
            }
        };
        Some(Self { present, data })
    }

    /// Whether the column refers to the table of patterns.
    pub(super) fn has_patterns(bytes: &[u8], rows: usize) -> bool {
        let mut reader = Reader::new(bytes);
        skip_presence(&mut reader, rows).and_then(|()| reader.u8()) == Some(Encoding::Patterns as u8)
    }

    /// Whether a value of a column's dictionary passes, which none does without that text. `None`: it has none, or its
    /// bytes make no sense.
    pub(super) fn dictionary_has(
        bytes: &[u8],
        rows: usize,
        (text, passes): (&str, &dyn Fn(Value<'_>) -> bool),
    ) -> Option<bool> {
        let mut reader = Reader::new(bytes);
        skip_presence(&mut reader, rows)?;
        match Encoding::from_number(reader.u8()?)? {
            Encoding::Const => Some(passes(take_value(&mut reader.rest())?)),
            Encoding::Dict | Encoding::DictLike => {
                let distinct = reader.count(rows)?;
                let bytes = read_blob(&mut reader)?;
                // All are of one kind; numbers are not written as their texts.
                if bytes.first() == Some(&STR) && memchr::memmem::find(&bytes, text.as_bytes()).is_none() {
                    return Some(false);
                }
                let mut rest = bytes.as_slice();
                for _ in 0..distinct {
                    if passes(take_value(&mut rest)?) {
                        return Some(true);
                    }
                }
                Some(false)
            }
            _ => None,
        }
    }

    /// The place of a row's value.
    pub(super) fn place(&self, row: usize) -> Option<usize> {
        match &self.present {
            None => Some(row),
            Some(present) => present.rows.rank(&present.counts, row),
        }
    }

    /// The row's value; `scratch` holds one that is written out.
    pub(super) fn value<'a>(&'a self, row: usize, scratch: &'a mut Vec<u8>) -> Option<Value<'a>> {
        let place = self.place(row)?;
        match &self.data {
            Data::Patterns(patterns) => {
                scratch.clear();
                patterns.write(place, row, scratch)?;
                std::str::from_utf8(scratch).ok().map(Value::Str)
            }
            Data::Traces { table, numbers } => {
                scratch.clear();
                scratch.extend_from_slice(&table.read()?.id(*numbers.get(place)? as usize)?);
                Some(Value::Bytes(scratch))
            }
            data => data.value(place),
        }
    }

    /// The code of a row's pattern, if the column has patterns.
    pub(super) fn pattern(&self, row: usize) -> Option<usize> {
        match &self.data {
            Data::Patterns(patterns) => patterns.code(self.place(row)?),
            _ => None,
        }
    }

    /// The code of a row's value, if the column is a dictionary.
    pub(super) fn code(&self, row: usize) -> Option<usize> {
        match &self.data {
            Data::Const(_) => self.place(row).map(|_| 0),
            Data::Dict { codes, .. } => codes.get(self.place(row)?),
            _ => None,
        }
    }

    pub(super) fn has(&self, row: usize) -> bool {
        self.place(row).is_some()
    }

    /// The places of rows that have a value, with their rows, ascending in both.
    pub(super) fn rows_by_place(&self, rows: usize) -> impl Iterator<Item = (usize, usize)> {
        let (all, some) = match &self.present {
            None => (0..rows, None),
            Some(present) => (0..0, Some(present.rows.iter())),
        };
        all.chain(some.into_iter().flatten()).enumerate()
    }

    pub(super) fn is_full(&self) -> bool {
        self.present.is_none()
    }

    /// Bytes held, for statistics.
    pub(super) fn size_bytes(&self) -> usize {
        match &self.data {
            Data::Const(_) => 16,
            Data::Dict { codes, .. } => codes.bytes.len(),
            Data::Ints(ints) => ints.len() * 8,
            Data::Doubles(doubles) => doubles.len() * 8,
            Data::Fixed { bytes, .. } => bytes.len(),
            Data::Strings { ends, text } => ends.len() * 4 + text.len(),
            Data::Blobs { ends, bytes, .. } => ends.len() * 4 + bytes.len(),
            Data::Mixed(values) => values.len() * 16,
            Data::Patterns(patterns) => patterns.size_bytes(),
            Data::Traces { numbers, .. } => numbers.len() * 4,
        }
    }
}

impl Codes {
    fn read(reader: &mut Reader<'_>, width: u32, len: usize) -> Option<Self> {
        let bytes = reader.bytes(Packed::bytes(width, len)?)?.to_vec();
        Some(Self { bytes, width, len })
    }

    /// The number at a place; beyond the end, none.
    pub(super) fn get(&self, place: usize) -> Option<usize> {
        (place < self.len).then(|| Packed::at_front(&self.bytes, self.width, self.len).get(place) as usize)
    }
}

impl Data {
    fn value(&self, place: usize) -> Option<Value<'_>> {
        match self {
            Self::Const(value) => Some(value.as_value()),
            Self::Dict { values, codes } => values.get(codes.get(place)?).map(OwnedValue::as_value),
            Self::Ints(ints) => ints.get(place).map(|int| Value::Int(*int)),
            Self::Doubles(doubles) => doubles.get(place).map(|double| Value::Double(*double)),
            Self::Fixed { len, bytes } => bytes.get(place * len..(place + 1) * len).map(Value::Bytes),
            Self::Strings { ends, text } => {
                let (start, end) = range(ends, place)?;
                text.get(start..end).map(Value::Str)
            }
            Self::Blobs { nested, ends, bytes } => {
                let (start, end) = range(ends, place)?;
                let bytes = bytes.get(start..end)?;
                Some(if *nested { Value::Nested(Nested::new(bytes)) } else { Value::Bytes(bytes) })
            }
            Self::Mixed(values) => values.get(place).map(OwnedValue::as_value),
            Self::Patterns(_) | Self::Traces { .. } => None,
        }
    }
}

fn range(ends: &[u32], place: usize) -> Option<(usize, usize)> {
    let start = if place == 0 { 0 } else { *ends.get(place - 1)? };
    Some((start as usize, *ends.get(place)? as usize))
}

// === parts ===

fn read_presence(reader: &mut Reader<'_>, context: &Context<'_>) -> Option<(Option<Present>, usize)> {
    let rows = context.times.len();
    let bytes = rows.div_ceil(8);
    let present = match reader.u8()? {
        PRESENT_ALL => return Some((None, rows)),
        PRESENT_SOME => Bits::read(reader.bytes(bytes)?, rows),
        PRESENT_PACKED => Bits::read(&read_blob(reader)?, rows),
        PRESENT_LIKE => {
            let other = (context.other)(u32::try_from(reader.varint()?).ok()?)?;
            let mut other = Reader::new(other);
            match other.u8()? {
                PRESENT_SOME => Bits::read(other.bytes(bytes)?, rows),
                PRESENT_PACKED => Bits::read(&read_blob(&mut other)?, rows),
                _ => return None,
            }
        }
        _ => return None,
    };
    let (counts, count) = (present.counts(), present.count());
    Some((Some(Present { rows: present, counts }), count))
}

fn skip_presence(reader: &mut Reader<'_>, rows: usize) -> Option<()> {
    match reader.u8()? {
        PRESENT_ALL => Some(()),
        PRESENT_SOME => reader.bytes(rows.div_ceil(8)).map(drop),
        PRESENT_LIKE => reader.varint().map(drop),
        PRESENT_PACKED => skip_blob(reader),
        _ => None,
    }
}

fn row_times<'a>(times: &'a [i64], present: Option<&Present>) -> std::borrow::Cow<'a, [i64]> {
    match present {
        None => times.into(),
        Some(present) => {
            let times = present.rows.iter().filter_map(|row| times.get(row).copied());
            times.collect::<Vec<_>>().into()
        }
    }
}

fn read_dict(
    reader: &mut Reader<'_>,
    encoding: Encoding,
    count: usize,
    context: &Context<'_>,
) -> Option<Data> {
    let distinct = reader.count(count)?;
    let bytes = read_blob(reader)?;
    let mut rest = bytes.as_slice();
    let values =
        (0..distinct).map(|_| take_value(&mut rest).map(Value::to_owned)).collect::<Option<Vec<_>>>()?;
    let codes = if encoding == Encoding::DictLike {
        let mut other = Reader::new((context.other)(u32::try_from(reader.varint()?).ok()?)?);
        skip_presence(&mut other, context.times.len())?;
        let dict = other.u8()? == Encoding::Dict as u8 && other.count(count)? == distinct;
        skip_blob(&mut other)?;
        dict.then(|| read_codes(&mut other, distinct, count))?
    } else {
        read_codes(reader, distinct, count)
    };
    Some(Data::Dict { values, codes: codes? })
}

fn read_codes(reader: &mut Reader<'_>, distinct: usize, count: usize) -> Option<Codes> {
    let width = width_of((distinct as u64).checked_sub(1)?);
    Codes::read(reader, width, count)
}

fn read_blobs(reader: &mut Reader<'_>, count: usize) -> Option<(Vec<u32>, Vec<u8>)> {
    let lengths = read_ints(reader, count, &[])?;
    let bytes = read_blob(reader)?;
    let mut ends = Vec::with_capacity(count);
    let mut end = 0u32;
    for length in lengths {
        end = end.checked_add(u32::try_from(length).ok()?)?;
        ends.push(end);
    }
    (end as usize == bytes.len()).then_some((ends, bytes))
}

#[cfg(test)]
mod tests {
    use super::super::encode::{Beside, Cell, Encoder};
    use super::*;

    fn round_trip(rows: usize, cells: &[Cell<'_>], expected: Encoding) {
        let times = (0..rows as i64).map(|i| 1_700_000_000_000_000_000 + i * 1_000_003).collect();
        let times: Arc<Vec<i64>> = Arc::new(times);
        let (mut out, mut scratch) = (Vec::new(), Vec::new());
        let mut encoder = Encoder::new(1).unwrap();
        let encoding = encoder.column(64, (&times, cells), Beside::default(), &mut out);
        assert_eq!(encoding, expected);
        let mut table = Vec::new();
        encoder.table_of_patterns.finish(1, &mut table).unwrap();
        let table = Arc::new(PatternTable::read(&table).unwrap());
        let context = Context { times: &times, traces: None, patterns: Some(&table), other: &|_| None };
        let column = Column::read(&out, context).unwrap();
        let mut cells = cells.iter().peekable();
        for row in 0..rows {
            let value = cells.next_if(|cell| cell.0 as usize == row).map(|cell| cell.1);
            assert_eq!(format!("{:?}", column.value(row, &mut scratch)), format!("{value:?}"), "row {row}");
        }
        (0..out.len()).for_each(|len| drop(Column::read(&out[..len], context)));
        for at in 0..out.len() {
            let mut flipped = out.clone();
            flipped[at] ^= 1 << (at % 8);
            if let Some(column) = Column::read(&flipped, context) {
                for row in 0..rows {
                    let _ = column.value(row, &mut scratch);
                }
            }
        }
    }

    #[test]
    fn every_kind_of_value_reads_back() {
        let texts: Vec<String> = (0..100).map(|i| format!("text number {i} ü")).collect();
        let nested = crate::model::Attributes::new(&[("a", Value::Int(1))]);
        let nested = Value::Nested(Nested::new(nested.as_bytes()));
        let every =
            |value: &dyn Fn(u32) -> Value<'static>| (0..100).map(|i| (i, value(i))).collect::<Vec<_>>();
        round_trip(100, &every(&|_| Value::Str("same")), Encoding::Const);
        round_trip(100, &every(&|_| Value::Double(f64::NAN)), Encoding::Const);
        round_trip(100, &every(&|_| Value::Empty), Encoding::Const);
        round_trip(100, &every(&|i| Value::Str(["a", "b", "c"][i as usize % 3])), Encoding::Dict);
        round_trip(100, &every(&|i| Value::Bool(i % 3 == 0)), Encoding::Dict);
        round_trip(100, &every(&|i| Value::Int([200, 404, 503][i as usize % 3])), Encoding::Dict);
        round_trip(100, &every(&|i| Value::Int(i64::from(i).pow(9))), Encoding::Ints);
        round_trip(100, &every(&|i| Value::Int([i64::MIN, i64::MAX][i as usize % 2])), Encoding::Dict);
        round_trip(
            100,
            &every(&|i| Value::Int(1_700_000_000_000_500_000 + i64::from(i) * 1_000_003)),
            Encoding::Ints,
        );
        round_trip(100, &every(&|i| Value::Double(f64::from(i) / 1000.0)), Encoding::Decimals);
        round_trip(100, &every(&|i| Value::Double(f64::from(i).sqrt())), Encoding::Doubles);
        round_trip(100, &every(&|i| Value::Double(if i == 7 { -0.0 } else { 1.5 })), Encoding::Doubles);
        let strings: Vec<Cell<'_>> = (0..100).map(|i| (i, Value::Str(&texts[i as usize]))).collect();
        round_trip(100, &strings, Encoding::Patterns);
        let words: Vec<String> = (b'a'..=b'z')
            .flat_map(|a| (b'a'..=b'd').map(move |b| (a, b)))
            .map(|(a, b)| format!("{}-{}", char::from(a), char::from(b)))
            .collect();
        let words: Vec<Cell<'_>> = (0..100).map(|i| (i, Value::Str(&words[i as usize]))).collect();
        round_trip(100, &words, Encoding::Strings);
        let bytes: Vec<Cell<'_>> =
            (0..100).map(|i| (i, Value::Bytes(texts[i as usize].as_bytes()))).collect();
        round_trip(100, &bytes, Encoding::Bytes);
        let fixed: Vec<Cell<'_>> =
            (0..100).map(|i| (i, Value::Bytes(&texts[i as usize].as_bytes()[12..16]))).collect();
        round_trip(100, &fixed, Encoding::Fixed);
        let sparse: Vec<Cell<'_>> = strings.iter().copied().filter(|cell| cell.0 % 7 == 3).collect();
        round_trip(100, &sparse, Encoding::Strings);
        round_trip(3, &[(0, nested), (1, Value::Int(1)), (2, Value::Str("x"))], Encoding::Mixed);
        let other = crate::model::Attributes::new(&[]);
        round_trip(3, &[(0, nested), (2, Value::Nested(Nested::new(other.as_bytes())))], Encoding::Nested);
    }
}
