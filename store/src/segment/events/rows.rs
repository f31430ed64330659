//! From batches to segments: rows are sorted by stream and time and cut by day and size.

use std::collections::HashMap;
use std::sync::Arc;

use super::format::{SegmentError, SegmentMeta};
use super::writer::{Gathered, KeyTable, Row, SegmentWriter, Source, WriteOptions, WrittenSegment};
use crate::model::{EventBatch, Stream};

const DAY_NS: i64 = 24 * 3600 * 1_000_000_000;

/// The streams of a segment: by service, then resource, so that neighbouring blocks are of one service.
pub(super) struct StreamTable {
    pub(super) streams: Vec<Arc<Stream>>,
    numbers: HashMap<u128, u32>,
}

impl StreamTable {
    pub(super) fn new<'a>(streams: impl Iterator<Item = &'a Arc<Stream>>) -> Self {
        let mut known: HashMap<u128, &Arc<Stream>> = HashMap::new();
        for stream in streams {
            known.entry(stream.hash()).or_insert(stream);
        }
        let mut streams: Vec<Arc<Stream>> = known.into_values().map(Arc::clone).collect();
        streams.sort_by(|a, b| order(a).cmp(&order(b)));
        let numbers = streams.iter().enumerate().map(|(at, stream)| (stream.hash(), at as u32)).collect();
        Self { streams, numbers }
    }

    /// The numbers of a batch's streams; every batch is one of those the table was made of.
    pub(super) fn numbers_of(&self, streams: &[Arc<Stream>]) -> Vec<u32> {
        streams.iter().map(|stream| self.numbers.get(&stream.hash()).copied().unwrap_or_default()).collect()
    }
}

/// The same in every segment, so that a merge meets streams in one order.
fn order(stream: &Stream) -> (&str, &[u8], u128) {
    (stream.service(), stream.resource.as_bytes(), stream.hash())
}

/// Makes segments of one signal's batches: one a UTC day, more if a day has more rows than a segment takes.
pub(crate) fn write(
    input: &[Arc<EventBatch>],
    meta: &SegmentMeta,
    options: &WriteOptions,
) -> Result<Vec<WrittenSegment>, SegmentError> {
    let mut days: Vec<i64> = Vec::new();
    for batch in input {
        let mut last = None;
        for day in batch.times().iter().map(|time| time.div_euclid(DAY_NS)) {
            if last != Some(day) {
                last = Some(day);
                days.push(day);
            }
        }
    }
    days.sort_unstable();
    days.dedup();
    let mut written = Vec::with_capacity(days.len());
    for day in days {
        write_day(input, day, meta, options, &mut written)?;
    }
    Ok(written)
}

fn write_day(
    input: &[Arc<EventBatch>],
    day: i64,
    meta: &SegmentMeta,
    options: &WriteOptions,
    written: &mut Vec<WrittenSegment>,
) -> Result<(), SegmentError> {
    let in_day = |time: i64| time.div_euclid(DAY_NS) == day;
    let batches: Vec<&EventBatch> = input
        .iter()
        .map(Arc::as_ref)
        .filter(|batch| batch.times().iter().any(|time| in_day(*time)))
        .collect();
    let table = StreamTable::new(batches.iter().flat_map(|batch| batch.streams()));
    let mut keys = KeyTable::default();
    let sources: Vec<Source<'_>> = batches.iter().map(|batch| keys.source(batch)).collect();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (source, batch) in sources.iter().zip(&batches) {
        let numbers = table.numbers_of(batch.streams());
        for (row, (time, stream)) in batch.times().iter().zip(batch.row_streams()).enumerate() {
            if in_day(*time) {
                rows.push(Row { stream: numbers[*stream as usize], row: row as u32, time: *time, source });
            }
        }
    }
    rows.sort_by_key(|row| (row.stream, row.time));
    for part in rows.chunks(options.segment_rows.max(1)) {
        written.push(write_part(part, &table, &keys, meta, options)?);
    }
    Ok(())
}

/// Sorted rows to one segment.
fn write_part(
    rows: &[Row<'_>],
    table: &StreamTable,
    keys: &KeyTable,
    meta: &SegmentMeta,
    options: &WriteOptions,
) -> Result<WrittenSegment, SegmentError> {
    let mut writer = SegmentWriter::new(*options, rows.iter().filter_map(Row::trace).collect())?;
    let mut gathered = Gathered::default();
    let mut rest = rows;
    while !rest.is_empty() {
        let taken = writer.push_block(rest, keys, &mut gathered)?;
        rest = &rest[taken..];
    }
    writer.finish(meta, &table.streams, keys)
}
