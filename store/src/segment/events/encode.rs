//! One column of one block as bytes. The layouts are in `FORMAT.md`; `decode.rs` is the other side.

use std::hash::Hasher as _;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::super::coding::{pack, put_varint, width_of};
use super::alike::Alike;
use super::blobs::Blobs;
use super::ints::put_ints;
use super::patterns::{Others, PatternTableWriter, PatternsEncoder};
use super::tokens::BlockTokens;
use crate::model::{Field, NestedWriter, Value, take_value};

/// The second byte of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Encoding {
    /// One value, of any kind.
    Const = 0,
    /// Few different strings, ints or bools.
    Dict = 1,
    Ints = 2,
    /// Doubles that are decimals of few digits, as ints.
    Decimals = 3,
    Doubles = 4,
    /// Bytes of one length.
    Fixed = 5,
    Strings = 6,
    Bytes = 7,
    Nested = 8,
    /// Values of several kinds.
    Mixed = 9,
    /// Numbers in the segment's table of trace ids.
    Traces = 10,
    /// Texts by the segment's table of patterns.
    Patterns = 11,
    /// A dictionary with the codes of an earlier one.
    DictLike = 12,
}

impl Encoding {
    const ALL: [Self; 13] = [
        Self::Const,
        Self::Dict,
        Self::Ints,
        Self::Decimals,
        Self::Doubles,
        Self::Fixed,
        Self::Strings,
        Self::Bytes,
        Self::Nested,
        Self::Mixed,
        Self::Traces,
        Self::Patterns,
        Self::DictLike,
    ];

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// Doubles are tried as decimals of up to so many digits after the point.
const DECIMALS_MAX: u8 = 6;
/// Ints a double holds exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// A dictionary of ints is given up beyond this.
const INT_DICT_MAX: usize = 256;
/// Fewer texts are not taken apart: heads of slots would outweigh them.
const PATTERN_CELLS_MIN: usize = 64;

/// A value and the row of the block that has it.
pub(super) type Cell<'a> = (u32, Value<'a>);

/// Encodes columns; holds what is reused between them.
pub(super) struct Encoder {
    blobs: Blobs,
    patterns: PatternsEncoder,
    /// The segment's patterns so far.
    pub(super) table_of_patterns: PatternTableWriter,
    table: HashTable<u32>,
    codes: Vec<u32>,
    ints: Vec<i64>,
    bytes: Vec<u8>,
    nested: NestedWriter,
    alike: Alike,
}

/// What a column of texts may make use of.
#[derive(Default)]
pub(super) struct Beside<'a, 'c> {
    /// Columns of the block whose values texts may share.
    pub(super) others: Others<'a, 'c>,
    /// Takes words and ids of texts that are written as patterns.
    pub(super) tokens: Option<&'a mut BlockTokens>,
}

// === impl Encoder ===

impl Encoder {
    pub(super) fn new(level: i32) -> std::io::Result<Self> {
        Ok(Self {
            blobs: Blobs::new(level)?,
            patterns: PatternsEncoder::default(),
            table_of_patterns: PatternTableWriter::default(),
            table: HashTable::new(),
            codes: Vec::new(),
            ints: Vec::new(),
            bytes: Vec::new(),
            nested: NestedWriter::default(),
            alike: Alike::default(),
        })
    }

    /// From here on columns are those of another block.
    pub(super) fn begin_block(&mut self) {
        self.alike.clear();
    }

    /// Appends the column of these cells, one a row at most, in the order of the rows; there is at least one. Columns of
    /// a block come in the order of their numbers.
    pub(super) fn column<'c>(
        &mut self,
        number: u32,
        (times, cells): (&[i64], &[Cell<'c>]),
        beside: Beside<'_, 'c>,
        out: &mut Vec<u8>,
    ) -> Encoding {
        self.alike.presence(number, times.len(), cells, (&mut self.blobs, out));
        let at = out.len();
        out.push(0);
        let encoding = self.values(times, cells, beside, out);
        out[at] = encoding as u8;
        encoding
    }

    /// Appends a column of references to the table of trace ids.
    pub(super) fn traces(&mut self, rows: usize, cells: &[Cell<'_>], numbers: &[i64], out: &mut Vec<u8>) {
        self.alike.presence(Field::TraceId as u32, rows, cells, (&mut self.blobs, out));
        out.push(Encoding::Traces as u8);
        put_ints(numbers, None, out);
    }

    fn values<'c>(
        &mut self,
        times: &[i64],
        cells: &[Cell<'c>],
        beside: Beside<'_, 'c>,
        out: &mut Vec<u8>,
    ) -> Encoding {
        let first = cells.first().map_or(Value::Empty, |cell| cell.1);
        if cells.iter().all(|(_, value)| same(*value, first)) {
            put_value(first, &mut self.nested, out);
            return Encoding::Const;
        }
        let kind = std::mem::discriminant(&first);
        if cells.iter().any(|(_, value)| std::mem::discriminant(value) != kind) {
            return self.mixed(cells, out);
        }
        match first {
            Value::Str(_) => self.strings(times, cells, beside, out),
            Value::Int(_) => self.ints(times, cells, out),
            Value::Bool(_) => {
                self.try_dict(cells, 2);
                self.dict(cells, out)
            }
            Value::Double(_) => self.doubles(cells, out),
            Value::Bytes(bytes) => self.byte_strings(cells, bytes.len(), out),
            Value::Nested(_) => {
                self.blobs(cells, out);
                Encoding::Nested
            }
            Value::Empty => Encoding::Const,
        }
    }

    fn strings<'c>(
        &mut self,
        times: &[i64],
        cells: &[Cell<'c>],
        beside: Beside<'_, 'c>,
        out: &mut Vec<u8>,
    ) -> Encoding {
        if self.try_dict(cells, (cells.len() / 4).max(2)) {
            return self.dict(cells, out);
        }
        if cells.len() >= PATTERN_CELLS_MIN && self.patterns.try_split(cells, &self.table_of_patterns) {
            let table = &mut self.table_of_patterns;
            self.patterns.write((times, cells), beside, table, (&mut self.blobs, out));
            return Encoding::Patterns;
        }
        self.blobs(cells, out);
        Encoding::Strings
    }

    fn ints(&mut self, times: &[i64], cells: &[Cell<'_>], out: &mut Vec<u8>) -> Encoding {
        self.ints.clear();
        self.ints.extend(cells.iter().filter_map(|(_, value)| value.as_int()));
        let least = self.ints.iter().copied().min().unwrap_or_default();
        let most = self.ints.iter().copied().max().unwrap_or_default();
        let width = width_of(most.wrapping_sub(least) as u64) as usize;
        if width > 1 && self.try_dict(cells, INT_DICT_MAX.min(cells.len() / 4)) {
            let dict_bits =
                self.dict_len() * 72 + width_of(self.dict_len() as u64 - 1) as usize * cells.len();
            if dict_bits < width * cells.len() {
                return self.dict(cells, out);
            }
        }
        let row_times: Vec<i64> = cells.iter().map(|(row, _)| times[*row as usize]).collect();
        put_ints(&self.ints, Some(&row_times), out);
        Encoding::Ints
    }

    fn doubles(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Encoding {
        let values = || cells.iter().filter_map(|(_, value)| value.as_f64());
        if let Some(digits) = decimals(values()) {
            let scale = 10f64.powi(i32::from(digits));
            self.ints.clear();
            self.ints.extend(values().map(|v| (v * scale).round() as i64));
            out.push(digits);
            put_ints(&self.ints, None, out);
            return Encoding::Decimals;
        }
        self.bytes.clear();
        values().for_each(|v| self.bytes.extend_from_slice(&v.to_le_bytes()));
        self.blob(out);
        Encoding::Doubles
    }

    fn byte_strings(&mut self, cells: &[Cell<'_>], len: usize, out: &mut Vec<u8>) -> Encoding {
        let bytes = |value: Value<'_>| value.as_bytes().map_or(0, <[u8]>::len);
        if len > 0 && cells.iter().all(|(_, value)| bytes(*value) == len) {
            put_varint(out, len as u64);
            cells.iter().filter_map(|(_, value)| value.as_bytes()).for_each(|b| out.extend_from_slice(b));
            return Encoding::Fixed;
        }
        self.blobs(cells, out);
        Encoding::Bytes
    }

    fn mixed(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Encoding {
        self.bytes.clear();
        for (_, value) in cells {
            put_value(*value, &mut self.nested, &mut self.bytes);
        }
        self.blob(out);
        Encoding::Mixed
    }

    /// Lengths, then all bytes in one blob.
    fn blobs(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) {
        self.ints.clear();
        self.bytes.clear();
        for (_, value) in cells {
            let bytes = match value {
                Value::Nested(nested) => nested.as_bytes(),
                other => other.as_bytes().unwrap_or_default(),
            };
            self.ints.push(bytes.len() as i64);
            self.bytes.extend_from_slice(bytes);
        }
        put_ints(&self.ints, None, out);
        self.blob(out);
    }

    /// Appends `self.bytes`.
    fn blob(&mut self, out: &mut Vec<u8>) {
        self.blobs.put(&self.bytes, out);
    }

    // --- dictionaries ---

    /// Numbers the different values by first appearance, into `codes`; the first cell of each is in `ints`. False:
    /// there are more than `most`.
    fn try_dict(&mut self, cells: &[Cell<'_>], most: usize) -> bool {
        self.table.clear();
        self.codes.clear();
        let mut firsts: Vec<u32> = Vec::new();
        for (at, (_, value)) in cells.iter().enumerate() {
            if at > 0 && same(*value, cells[at - 1].1) {
                self.codes.push(self.codes[at - 1]);
                continue;
            }
            let hashed = hash(*value);
            let found =
                self.table.find(hashed, |&code| same(cells[firsts[code as usize] as usize].1, *value));
            if let Some(&code) = found {
                self.codes.push(code);
                continue;
            }
            if firsts.len() >= most {
                return false;
            }
            let code = firsts.len() as u32;
            firsts.push(at as u32);
            self.table.insert_unique(hashed, code, |&code| hash(cells[firsts[code as usize] as usize].1));
            self.codes.push(code);
        }
        true
    }

    fn dict_len(&self) -> usize {
        self.table.len().max(1)
    }

    /// Appends what the last [`Encoder::try_dict`] found: values, then a code a cell, unless another column has the same.
    fn dict(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Encoding {
        let count = self.dict_len();
        put_varint(out, count as u64);
        self.bytes.clear();
        let mut next = 0;
        for (at, code) in self.codes.iter().enumerate() {
            if *code == next {
                put_value(cells[at].1, &mut self.nested, &mut self.bytes);
                next += 1;
            }
        }
        self.blob(out);
        if let Some(other) = self.alike.codes(count, &self.codes) {
            put_varint(out, u64::from(other));
            return Encoding::DictLike;
        }
        pack(out, width_of(count as u64 - 1), self.codes.iter().map(|&code| u64::from(code)));
        Encoding::Dict
    }
}

// === helpers ===

/// Appends one value in the encoding of nested values.
fn put_value(value: Value<'_>, writer: &mut NestedWriter, out: &mut Vec<u8>) {
    writer.clear();
    match value {
        // Nested bytes are taken as they came; malformed ones would hide what follows them, so they stay bytes.
        Value::Nested(nested) if take_value(&mut nested.as_bytes()) != Some(value) => {
            writer.value(Value::Bytes(nested.as_bytes()));
        }
        other => writer.value(other),
    }
    out.extend_from_slice(writer.as_nested().as_bytes());
}

/// The digits after the point with which every value is exactly an int over a power of ten.
fn decimals(values: impl Iterator<Item = f64>) -> Option<u8> {
    let mut digits = 0;
    let exact = |v: f64, digits: u8| {
        let scale = 10f64.powi(i32::from(digits));
        let int = (v * scale).round();
        int.abs() < EXACT_MAX && (int as i64 as f64 / scale).to_bits() == v.to_bits()
    };
    let mut all = Vec::new();
    for v in values {
        while !exact(v, digits) {
            digits += 1;
            if digits > DECIMALS_MAX {
                return None;
            }
        }
        all.push(v);
    }
    all.iter().all(|v| exact(*v, digits)).then_some(digits)
}

/// Equal in kind and to the last bit.
fn same(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}

fn hash(value: Value<'_>) -> u64 {
    let mut hasher = FxHasher::default();
    match value {
        Value::Int(int) => hasher.write_u64(int as u64),
        Value::Bool(v) => hasher.write_u8(u8::from(v)),
        other => hasher.write(other.as_bytes().unwrap_or_default()),
    }
    hasher.finish()
}
