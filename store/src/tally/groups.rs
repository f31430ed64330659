//! The groups met so far.

use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128;

use crate::model::{
    Budget, ColumnId, ColumnRef, EventBatch, EventBatchBuilder, Signal, StopReason, Stream, Value,
};

/// What a group takes beside its counts and values.
const GROUP_BYTES: u64 = 96;

/// Gives the value of a column to whoever asks for it.
pub(crate) type ValueOf<'v> = &'v mut dyn FnMut(usize, &mut dyn FnMut(Value<'_>));

/// Groups by the hash of their class and values.
pub(crate) struct Groups {
    table: HashTable<u32>,
    hashes: Vec<u128>,
    builder: EventBatchBuilder,
    /// The columns of a group's row.
    columns: Vec<ColumnId>,
    /// The number of a stream of each class.
    classes: FxHashMap<u32, u32>,
    windows: usize,
    /// Per group: for one window its count, else how the count changes at each window, and behind the last.
    changes: Vec<i64>,
    budget: Budget,
}

/// Of what is seen of a value; a missing one differs from all.
pub(crate) fn hash_of(value: Option<Value<'_>>, by_kind: bool, scratch: &mut String) -> u128 {
    match value {
        None => 0,
        Some(Value::Str(text)) => xxh3_128(text.as_bytes()),
        Some(other) => {
            scratch.clear();
            other.write_text(scratch);
            let hash = xxh3_128(scratch.as_bytes());
            if by_kind { hash.rotate_left(1 + kind_of(other)) } else { hash }
        }
    }
}

/// Of a value that is no string.
fn kind_of(value: Value<'_>) -> u32 {
    match value {
        Value::Str(_) | Value::Empty => 0,
        Value::Int(_) => 1,
        Value::Double(_) => 2,
        Value::Bool(_) => 3,
        Value::Bytes(_) => 4,
        Value::Nested(_) => 5,
    }
}

impl Groups {
    pub(crate) fn new(signal: Signal, columns: &[ColumnRef], windows: usize, budget: &Budget) -> Self {
        let mut builder = EventBatchBuilder::new(signal);
        let mut number = |column: &ColumnRef| match column {
            ColumnRef::Field(field) => Some(ColumnId(*field as u32)),
            ColumnRef::Attribute(key) | ColumnRef::Any(key) => Some(builder.attribute_column(key)),
            _ => None,
        };
        let columns = columns.iter().filter_map(&mut number).collect();
        Self {
            table: HashTable::new(),
            hashes: Vec::new(),
            builder,
            columns,
            classes: FxHashMap::default(),
            windows,
            changes: Vec::new(),
            budget: budget.clone(),
        }
    }

    /// The hash of a group whose columns have values with these hashes.
    pub(crate) fn hash(class: u32, values: impl Iterator<Item = u128>) -> u128 {
        const ODD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
        values.fold(u128::from(class).wrapping_add(1).wrapping_mul(ODD), |hash, value| {
            (hash.rotate_left(23) ^ value).wrapping_mul(ODD)
        })
    }

    /// The group of that hash; a new one gets the values `value` gives for each column.
    pub(crate) fn find(
        &mut self,
        hash: u128,
        (class, stream): (u32, &Arc<Stream>),
        value: ValueOf<'_>,
    ) -> Result<usize, StopReason> {
        let hashes = &mut self.hashes;
        if let Some(group) = self.table.find(short(hash), |group| hashes[*group as usize] == hash) {
            return Ok(*group as usize);
        }
        let group = hashes.len();
        self.budget.take(GROUP_BYTES + 8 * self.width() as u64 + 32 * self.columns.len() as u64)?;
        let hashes = &mut self.hashes;
        hashes.push(hash);
        self.table.insert_unique(short(hash), group as u32, |group| short(hashes[*group as usize]));
        self.changes.resize((group + 1) * self.width(), 0);
        let builder = &mut self.builder;
        let stream = *self.classes.entry(class).or_insert_with(|| builder.shared_stream(Arc::clone(stream)));
        builder.begin_row(0, stream);
        for (at, column) in self.columns.iter().enumerate() {
            value(at, &mut |value| builder.put(*column, value));
        }
        builder.end_row();
        Ok(group)
    }

    /// A row of the group in the windows `[first, end)`.
    pub(crate) fn add(&mut self, group: usize, (first, end): (usize, usize)) {
        if self.windows == 1 {
            self.changes[group] += 1;
            return;
        }
        let changes = &mut self.changes[group * (self.windows + 1)..];
        changes[first] += 1;
        changes[end] -= 1;
    }

    /// Numbers kept for a group.
    fn width(&self) -> usize {
        if self.windows == 1 { 1 } else { self.windows + 1 }
    }

    pub(crate) fn windows(&self) -> usize {
        self.windows
    }

    /// Adds what another thread counted, for the same query.
    pub(crate) fn absorb(&mut self, other: Self) -> Result<(), StopReason> {
        let Self { hashes, builder, columns, classes, changes, .. } = other;
        let class_of: FxHashMap<u32, u32> =
            classes.into_iter().map(|(class, stream)| (stream, class)).collect();
        let rows = builder.finish();
        let width = self.width();
        for (row, hash) in hashes.into_iter().enumerate() {
            let class = class_of.get(&rows.row_streams()[row]).copied().unwrap_or_default();
            let group = self.find(hash, (class, rows.stream(row)), &mut |at, put| {
                rows.get(row, columns[at]).into_iter().for_each(&mut *put);
            })?;
            let own = &mut self.changes[group * width..(group + 1) * width];
            own.iter_mut().zip(&changes[row * width..]).for_each(|(own, more)| *own += more);
        }
        Ok(())
    }

    /// A row a group, and its counts in each window.
    pub(crate) fn finish(self) -> (EventBatch, Vec<i64>) {
        let rows = self.builder.finish();
        if self.windows == 1 {
            return (rows, self.changes);
        }
        let of_group = self.changes.chunks_exact(self.windows + 1);
        let running = of_group.flat_map(|changes| {
            changes[..self.windows].iter().scan(0, |total, change| {
                *total += change;
                Some(*total)
            })
        });
        (rows, running.collect())
    }
}

fn short(hash: u128) -> u64 {
    (hash >> 64) as u64
}
