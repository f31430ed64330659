//! Several segments to one, a block of each in memory at a time.

use std::sync::Arc;

use super::format::{LsnRange, SegmentError, SegmentMeta};
use super::rows::StreamTable;
use super::segment::EventSegment;
use super::traces::Traces;
use super::writer::{Gathered, KeyTable, Row, SegmentWriter, Source, WriteOptions, WrittenSegment};
use crate::erasure::Erasures;
use crate::model::EventBatch;

/// A segment being read front to back.
struct Cursor<'s> {
    segment: &'s EventSegment,
    next_block: usize,
    erasures: &'s Erasures,
    block: Option<Block>,
    /// The block's place among the batches of the round.
    place: Option<usize>,
}

/// The block at hand.
struct Block {
    batch: Arc<EventBatch>,
    /// The merged table's numbers of its streams.
    streams: Vec<u32>,
    /// Those that are kept, and the next of them.
    rows: Vec<u32>,
    next: usize,
}

/// Rows picked for one block of the merged segment: batch, row, stream.
type Picked = (usize, u32, u32);

/// Merges segments of one tenant and signal. Damaged blocks make it fail: what cannot be read is not written away.
pub(crate) fn merge(
    segments: &[Arc<EventSegment>],
    created_ms: i64,
    options: &WriteOptions,
) -> Result<WrittenSegment, SegmentError> {
    merge_without(segments, &Erasures::default(), created_ms, options)
}

/// How many rows the segments have without those that are deleted.
pub(crate) fn rows_without(segments: &[Arc<EventSegment>], erasures: &Erasures) -> Result<u64, SegmentError> {
    let mut left = 0;
    for segment in segments {
        for block in 0..segment.blocks.len() {
            let batch = segment.whole_block(block).map_err(|_| SegmentError::Damaged { part: "block" })?;
            left += kept(&batch, erasures).len() as u64;
        }
    }
    Ok(left)
}

fn kept(batch: &EventBatch, erasures: &Erasures) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..batch.rows() as u32).collect();
    erasures.retain(batch, &mut rows);
    rows
}

/// As `merge`, but for the rows that are deleted; at least one must be left.
pub(crate) fn merge_without(
    segments: &[Arc<EventSegment>],
    erasures: &Erasures,
    created_ms: i64,
    options: &WriteOptions,
) -> Result<WrittenSegment, SegmentError> {
    let meta = merged_meta(segments, created_ms)?;
    let mut streams = Vec::new();
    for segment in segments {
        streams.extend(segment.streams().ok_or(SegmentError::Damaged { part: "stream table" })?);
    }
    let table = StreamTable::new(streams.into_iter());
    let mut cursors: Vec<Cursor<'_>> = segments
        .iter()
        .map(|segment| Cursor { segment, next_block: 0, erasures, block: None, place: None })
        .collect();
    let mut keys = KeyTable::default();
    let traces = segments.iter().filter_map(|segment| segment.traces()).flat_map(Traces::ids);
    let mut writer = SegmentWriter::new(*options, traces.collect())?;
    loop {
        let (batches, picked) = pick(&mut cursors, &table, options.block_rows.max(1))?;
        if picked.is_empty() {
            return writer.finish(&meta, &table.streams, &keys);
        }
        let sources: Vec<Source<'_>> = batches.iter().map(|batch| keys.source(batch)).collect();
        let rows: Vec<Row<'_>> = picked
            .iter()
            .map(|&(batch, row, stream)| Row {
                stream,
                row,
                time: batches[batch].times()[row as usize],
                source: &sources[batch],
            })
            .collect();
        let mut gathered = Gathered::default();
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            let taken = writer.push_block(rest, &keys, &mut gathered)?;
            rest = &rest[taken..];
        }
    }
}

/// The next rows by stream and time, and the batches they are in.
fn pick(
    cursors: &mut [Cursor<'_>],
    table: &StreamTable,
    rows: usize,
) -> Result<(Vec<Arc<EventBatch>>, Vec<Picked>), SegmentError> {
    let mut batches = Vec::new();
    let mut picked = Vec::with_capacity(rows);
    cursors.iter_mut().for_each(|cursor| cursor.place = None);
    while picked.len() < rows {
        let mut least: Option<((u32, i64), usize)> = None;
        for (at, cursor) in cursors.iter_mut().enumerate() {
            if let Some(key) = cursor.peek(table)?
                && least.is_none_or(|(known, _)| key < known)
            {
                least = Some((key, at));
            }
        }
        let Some(((stream, _), at)) = least else { break };
        let cursor = &mut cursors[at];
        if let Some(block) = &mut cursor.block {
            let place = *cursor.place.get_or_insert_with(|| {
                batches.push(Arc::clone(&block.batch));
                batches.len() - 1
            });
            picked.push((place, block.rows[block.next], stream));
            block.next += 1;
        }
    }
    Ok((batches, picked))
}

impl Cursor<'_> {
    /// Stream and time of the next row; `None` at the end.
    fn peek(&mut self, table: &StreamTable) -> Result<Option<(u32, i64)>, SegmentError> {
        loop {
            if let Some(Block { batch, streams, rows, next }) = &self.block
                && let Some(row) = rows.get(*next)
            {
                let row = *row as usize;
                return Ok(Some((streams[batch.row_streams()[row] as usize], batch.times()[row])));
            }
            if self.next_block >= self.segment.blocks.len() {
                return Ok(None);
            }
            let damaged = SegmentError::Damaged { part: "block" };
            let batch = self.segment.whole_block(self.next_block).map_err(|_| damaged)?;
            self.next_block += 1;
            self.place = None;
            let streams = table.numbers_of(batch.streams());
            let rows = kept(&batch, self.erasures);
            self.block = Some(Block { batch: Arc::new(batch), streams, rows, next: 0 });
        }
    }
}

fn merged_meta(segments: &[Arc<EventSegment>], created_ms: i64) -> Result<SegmentMeta, SegmentError> {
    let first = segments.first().ok_or(SegmentError::NotASegment)?;
    let mut lsns: Vec<LsnRange> = Vec::new();
    for range in segments.iter().flat_map(|segment| &segment.info.meta.lsns) {
        match lsns.iter_mut().find(|known| known.first.writer == range.first.writer) {
            Some(known) => {
                known.first = known.first.min(range.first);
                known.last = known.last.max(range.last);
            }
            None => lsns.push(*range),
        }
    }
    Ok(SegmentMeta { lsns, created_ms, ..first.info.meta.clone() })
}
