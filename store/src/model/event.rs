//! Log records and spans as rows of cells: what decoders build, the WAL carries, heads hold and scans answer.
//!
//! A row is a time, a stream and a run of cells; a cell is a column number and a value, 16 bytes, strings in one arena
//! of the batch. Building a row allocates nothing but growth of five vectors.

mod encoding;

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use hashbrown::HashTable;
use rustc_hash::FxHasher;

pub(super) use encoding::{take, take_pod};

use super::{ColumnName, ColumnRef, Field, Nested, Signal, Stream, StreamParts, Value};

/// A column of one batch: below [`Field::RESERVED`] a field, from there on an attribute key of the batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ColumnId(pub u32);

#[derive(Clone, Copy, Pod, Zeroable, Debug, PartialEq)]
#[repr(C)]
struct Cell {
    column: u32,
    /// Kind in the upper four bits, length in bytes in the lower 28.
    kind_len: u32,
    /// The number itself, or where in the arena the bytes begin.
    payload: u64,
}

const LEN_BITS: u32 = 28;
const LEN_MAX: usize = (1 << LEN_BITS) - 1;

#[repr(u32)]
enum Kind {
    Empty = 0,
    Bool = 1,
    Int = 2,
    Double = 3,
    Str = 4,
    Bytes = 5,
    Nested = 6,
}

/// Rows of one signal, in the order they came.
#[derive(Clone, Debug, PartialEq)]
pub struct EventBatch {
    signal: Signal,
    arena: Vec<u8>,
    /// Attribute keys as ranges of the arena.
    keys: Vec<(u32, u32)>,
    streams: Vec<Arc<Stream>>,
    times: Vec<i64>,
    row_streams: Vec<u32>,
    /// End of each row's cells.
    cell_ends: Vec<u32>,
    cells: Vec<Cell>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("malformed batch: {0}")]
pub struct MalformedBatch(pub &'static str);

// === impl EventBatch ===

impl EventBatch {
    pub fn signal(&self) -> Signal {
        self.signal
    }

    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// Unix nanoseconds: a log's time (observed time if it has none), a span's start.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    pub fn streams(&self) -> &[Arc<Stream>] {
        &self.streams
    }

    /// Index into [`EventBatch::streams`] of each row.
    pub fn row_streams(&self) -> &[u32] {
        &self.row_streams
    }

    pub fn stream(&self, row: usize) -> &Arc<Stream> {
        &self.streams[self.row_streams[row] as usize]
    }

    /// The row's cells in the order they came.
    pub fn cells(&self, row: usize) -> impl Iterator<Item = (ColumnId, Value<'_>)> {
        self.row_cells(row).iter().map(|cell| (ColumnId(cell.column), self.value(cell)))
    }

    /// The row's first cell of that column.
    pub fn get(&self, row: usize, column: ColumnId) -> Option<Value<'_>> {
        self.row_cells(row).iter().find(|cell| cell.column == column.0).map(|cell| self.value(cell))
    }

    pub fn field(&self, row: usize, field: Field) -> Option<Value<'_>> {
        self.get(row, ColumnId(field as u32))
    }

    /// The number this batch gave an attribute key; `None`: no row has it.
    pub fn attribute_column(&self, key: &str) -> Option<ColumnId> {
        let at = (0..self.keys.len()).find(|&i| self.key(i) == key)?;
        Some(ColumnId(Field::RESERVED + at as u32))
    }

    pub fn attribute_keys(&self) -> impl Iterator<Item = (ColumnId, &str)> {
        (0..self.keys.len()).map(|i| (ColumnId(Field::RESERVED + i as u32), self.key(i)))
    }

    pub fn column_name(&self, column: ColumnId) -> Option<ColumnName<'_>> {
        match column.0.checked_sub(Field::RESERVED) {
            None => Field::from_number(column.0).map(ColumnName::Field),
            Some(i) if (i as usize) < self.keys.len() => Some(ColumnName::Attribute(self.key(i as usize))),
            Some(_) => None,
        }
    }

    /// The row's attributes (not its stream's) in the order they came.
    pub fn attributes(&self, row: usize) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.cells(row).filter_map(|(column, value)| match self.column_name(column) {
            Some(ColumnName::Attribute(key)) => Some((key, value)),
            _ => None,
        })
    }

    /// The value a query's column has in a row. Looks names up each time: loops bind them first.
    pub fn lookup(&self, row: usize, column: &ColumnRef) -> Option<Value<'_>> {
        let own = |key: &str| self.attribute_column(key).and_then(|column| self.get(row, column));
        let stream = self.stream(row);
        match column {
            ColumnRef::Field(field) => self.field(row, *field),
            ColumnRef::Attribute(key) => own(key),
            ColumnRef::Resource(key) => stream.resource.get(key),
            ColumnRef::ScopeAttribute(key) => stream.scope_attributes.get(key),
            ColumnRef::ScopeName => Some(Value::Str(&stream.scope_name)),
            ColumnRef::ScopeVersion => Some(Value::Str(&stream.scope_version)),
            ColumnRef::Any(key) => {
                own(key).or_else(|| stream.resource.get(key)).or_else(|| stream.scope_attributes.get(key))
            }
        }
    }

    /// Puts the interner's copies in the place of the batch's own streams.
    pub fn intern_streams(&mut self, mut intern: impl FnMut(Arc<Stream>) -> Arc<Stream>) {
        for stream in &mut self.streams {
            *stream = intern(Arc::clone(stream));
        }
    }

    pub fn size_bytes(&self) -> usize {
        self.arena.capacity()
            + self.cells.capacity() * size_of::<Cell>()
            + self.times.capacity() * 8
            + (self.row_streams.capacity() + self.cell_ends.capacity()) * 4
            + self.streams.len() * 8
    }

    fn key(&self, i: usize) -> &str {
        let (start, end) = self.keys[i];
        std::str::from_utf8(&self.arena[start as usize..end as usize]).unwrap_or_default()
    }

    fn row_cells(&self, row: usize) -> &[Cell] {
        let start = if row == 0 { 0 } else { self.cell_ends[row - 1] };
        &self.cells[start as usize..self.cell_ends[row] as usize]
    }

    fn value(&self, cell: &Cell) -> Value<'_> {
        let bytes = || {
            let start = cell.payload as usize;
            &self.arena[start..start + (cell.kind_len as usize & LEN_MAX)]
        };
        match cell.kind_len >> LEN_BITS {
            k if k == Kind::Bool as u32 => Value::Bool(cell.payload != 0),
            k if k == Kind::Int as u32 => Value::Int(cell.payload as i64),
            k if k == Kind::Double as u32 => Value::Double(f64::from_bits(cell.payload)),
            k if k == Kind::Str as u32 => Value::Str(std::str::from_utf8(bytes()).unwrap_or_default()),
            k if k == Kind::Bytes as u32 => Value::Bytes(bytes()),
            k if k == Kind::Nested as u32 => Value::Nested(Nested::new(bytes())),
            _ => Value::Empty,
        }
    }
}

// === building ===

/// Builds an [`EventBatch`] row by row. A row that turns out bad is taken back whole.
#[derive(Debug)]
pub struct EventBatchBuilder {
    batch: EventBatch,
    key_table: HashTable<u32>,
    /// Column numbers of the keys last used, by call order within a row: rows of one service repeat their keys.
    row_open: bool,
    row_arena: usize,
}

impl EventBatchBuilder {
    /// `signal` is logs or spans.
    pub fn new(signal: Signal) -> Self {
        let batch = EventBatch {
            signal,
            arena: Vec::new(),
            keys: Vec::new(),
            streams: Vec::new(),
            times: Vec::new(),
            row_streams: Vec::new(),
            cell_ends: Vec::new(),
            cells: Vec::new(),
        };
        Self { batch, key_table: HashTable::new(), row_open: false, row_arena: 0 }
    }

    /// Room for a body of that many bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.batch.arena.reserve(bytes);
    }

    pub fn stream(&mut self, parts: &StreamParts<'_>) -> u32 {
        self.shared_stream(Arc::new(Stream::new(parts)))
    }

    /// A stream that exists already; the number stands for it in [`EventBatchBuilder::begin_row`].
    pub fn shared_stream(&mut self, stream: Arc<Stream>) -> u32 {
        let last = self.batch.streams.len();
        if self.batch.streams.last().is_some_and(|known| known.hash() == stream.hash()) {
            return last as u32 - 1;
        }
        self.batch.streams.push(stream);
        last as u32
    }

    pub fn begin_row(&mut self, time: i64, stream: u32) {
        debug_assert!(!self.row_open, "the row before was ended or abandoned");
        self.batch.times.push(time);
        self.batch.row_streams.push(stream);
        self.row_open = true;
        self.row_arena = self.batch.arena.len();
    }

    pub fn field(&mut self, field: Field, value: Value<'_>) {
        self.cell(field as u32, value);
    }

    pub fn attribute(&mut self, key: &str, value: Value<'_>) {
        let column = self.key_column(key);
        self.cell(column, value);
    }

    /// The number of a key, for [`EventBatchBuilder::put`]: readers that copy many rows look it up once.
    pub fn attribute_column(&mut self, key: &str) -> ColumnId {
        ColumnId(self.key_column(key))
    }

    /// A value of a column of this batch: a field's number, or what [`EventBatchBuilder::attribute_column`] gave.
    pub fn put(&mut self, column: ColumnId, value: Value<'_>) {
        debug_assert!(self.batch.column_name(column).is_some(), "a column of this batch");
        self.cell(column.0, value);
    }

    /// A value decided late, e.g. the time of a row whose fields come in any order.
    pub fn set_row_time(&mut self, time: i64) {
        if let Some(last) = self.batch.times.last_mut() {
            *last = time;
        }
    }

    pub fn end_row(&mut self) {
        self.batch.cell_ends.push(self.batch.cells.len() as u32);
        self.row_open = false;
    }

    /// Takes the open row back.
    pub fn abandon_row(&mut self) {
        self.batch.times.pop();
        self.batch.row_streams.pop();
        self.batch.cells.truncate(self.batch.cell_ends.last().copied().unwrap_or(0) as usize);
        self.row_open = false;
    }

    pub fn rows(&self) -> usize {
        self.batch.cell_ends.len()
    }

    pub fn finish(mut self) -> EventBatch {
        if self.row_open {
            self.abandon_row();
        }
        self.batch
    }

    /// Copies a row of another batch, all of it or the columns `keep` accepts.
    pub fn copy_row(&mut self, from: &EventBatch, row: usize, mut keep: impl FnMut(ColumnId) -> bool) {
        let stream = self.shared_stream(Arc::clone(from.stream(row)));
        self.begin_row(from.times()[row], stream);
        for (column, value) in from.cells(row).filter(|(column, _)| keep(*column)) {
            match from.column_name(column) {
                Some(ColumnName::Field(field)) => self.field(field, value),
                Some(ColumnName::Attribute(key)) => self.attribute(key, value),
                None => {}
            }
        }
        self.end_row();
    }

    fn key_column(&mut self, key: &str) -> u32 {
        let hash = hash_key(key.as_bytes());
        let batch = &mut self.batch;
        let range = |keys: &[(u32, u32)], i: u32| keys[i as usize].0 as usize..keys[i as usize].1 as usize;
        let found = self.key_table.find(hash, |&i| &batch.arena[range(&batch.keys, i)] == key.as_bytes());
        if let Some(&i) = found {
            return Field::RESERVED + i;
        }
        let start = batch.arena.len() as u32;
        batch.arena.extend_from_slice(key.as_bytes());
        let i = batch.keys.len() as u32;
        batch.keys.push((start, batch.arena.len() as u32));
        let (keys, arena) = (&batch.keys, &batch.arena);
        self.key_table.insert_unique(hash, i, |&i| hash_key(&arena[range(keys, i)]));
        Field::RESERVED + i
    }

    fn cell(&mut self, column: u32, value: Value<'_>) {
        let (kind, len, payload) = match value {
            Value::Empty => (Kind::Empty, 0, 0),
            Value::Bool(v) => (Kind::Bool, 0, u64::from(v)),
            Value::Int(v) => (Kind::Int, 0, v as u64),
            Value::Double(v) => (Kind::Double, 0, v.to_bits()),
            Value::Str(v) => self.store(Kind::Str, v.as_bytes()),
            Value::Bytes(v) => self.store(Kind::Bytes, v),
            Value::Nested(v) => self.store(Kind::Nested, v.as_bytes()),
        };
        self.batch.cells.push(Cell { column, kind_len: (kind as u32) << LEN_BITS | len, payload });
    }

    fn store(&mut self, kind: Kind, bytes: &[u8]) -> (Kind, u32, u64) {
        debug_assert!(bytes.len() <= LEN_MAX, "bodies are capped far below");
        let start = self.batch.arena.len() as u64;
        self.batch.arena.extend_from_slice(bytes);
        (kind, bytes.len().min(LEN_MAX) as u32, start)
    }
}

fn hash_key(key: &[u8]) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = FxHasher::default();
    hasher.write(key);
    hasher.finish()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(super) fn sample() -> EventBatch {
        let mut b = EventBatchBuilder::new(Signal::Logs);
        let resource = [("service.name", Value::Str("cart"))];
        let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
        b.begin_row(10, stream);
        b.field(Field::Body, Value::Str("hello"));
        b.attribute("user.id", Value::Int(7));
        b.end_row();
        b.begin_row(11, stream);
        b.attribute("bad", Value::Bool(true));
        b.abandon_row();
        b.begin_row(12, stream);
        b.attribute("user.id", Value::Double(0.5));
        b.end_row();
        b.finish()
    }

    #[test]
    fn rows_hold_what_was_put_in_and_abandoned_rows_leave_no_trace() {
        let batch = sample();
        assert_eq!(batch.times(), [10, 12]);
        let user = batch.attribute_column("user.id").unwrap();
        assert_eq!(batch.get(0, user), Some(Value::Int(7)));
        assert_eq!(batch.get(1, user), Some(Value::Double(0.5)));
        assert_eq!(batch.field(0, Field::Body), Some(Value::Str("hello")));
        assert_eq!(batch.field(1, Field::Body), None);
        assert_eq!(batch.attributes(0).collect::<Vec<_>>(), [("user.id", Value::Int(7))]);
        assert_eq!(batch.stream(1).service(), "cart");
    }
}
