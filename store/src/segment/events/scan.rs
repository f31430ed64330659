//! A query over one segment: block by block, the matching rows as a batch.

use std::cell::OnceCell;
use std::sync::Arc;

use super::decode::Column;
use super::eval;
use super::prune::Plan;
use super::segment::{Block, DamagedBlock, EventSegment};
use crate::model::{ColumnId, ColumnRef, EventBatch, EventBatchBuilder};
use crate::snapshot::{EventQuery, Projection, ScanStats};

/// A query bound to a segment; names and words are looked up when the first block is read.
pub(crate) struct SegmentScan<'s, 'q> {
    segment: &'s EventSegment,
    query: &'q EventQuery,
    plan: OnceCell<Option<Plan<'q>>>,
}

/// A block to be read, and the times of its oldest and newest rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockSpan {
    pub(crate) block: usize,
    pub(crate) time_min: i64,
    pub(crate) time_max: i64,
}

impl<'s, 'q> SegmentScan<'s, 'q> {
    pub(crate) fn new(segment: &'s EventSegment, query: &'q EventQuery) -> Self {
        Self { segment, query, plan: OnceCell::new() }
    }

    /// The segment's blocks that touch the query's time range.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = BlockSpan> + use<'s> {
        let (start, end) = (self.query.start, self.query.end);
        let spans = self.segment.blocks.iter().enumerate().map(|(block, meta)| BlockSpan {
            block,
            time_min: meta.time_min,
            time_max: meta.time_max,
        });
        spans.filter(move |span| span.time_min < end && span.time_max >= start)
    }

    /// The block's rows with start <= time < end that match; `None`: there are none. A damaged block is counted.
    pub(crate) fn read(
        &self,
        block: usize,
        start: i64,
        end: i64,
        stats: &mut ScanStats,
    ) -> Option<EventBatch> {
        let Some(plan) = self.plan.get_or_init(|| Plan::new(&self.query.filter, self.segment)) else {
            stats.blocks_damaged += 1;
            return None;
        };
        let batch = self.matching(plan, block, (start, end), stats);
        batch.unwrap_or_else(|DamagedBlock| {
            stats.blocks_damaged += 1;
            None
        })
    }

    fn matching(
        &self,
        plan: &Plan<'q>,
        number: usize,
        (start, end): (i64, i64),
        stats: &mut ScanStats,
    ) -> Result<Option<EventBatch>, DamagedBlock> {
        let mut candidates = plan.candidates(self.segment, number);
        if candidates.is_empty() {
            return Ok(None);
        }
        let mut block = self.segment.block(number)?;
        if block.meta.time_min < start || block.meta.time_max >= end {
            let outside: Vec<usize> =
                candidates.iter().filter(|row| !(start..end).contains(&block.times[*row])).collect();
            outside.into_iter().for_each(|row| candidates.unset(row));
        }
        let rows = eval::matching(&plan.root, &mut block, &candidates)?;
        let batch = if rows.is_empty() {
            None
        } else {
            let numbers = self.projected(&block);
            Some(self.segment.show(&mut block, &numbers, rows.iter())?)
        };
        stats.blocks_read += 1;
        stats.rows_read += block.rows() as u64;
        stats.rows_matched += rows.count() as u64;
        stats.bytes_read += block.bytes_read;
        Ok(batch)
    }

    /// The numbers of the columns the visitor wants; not every block has each.
    fn projected(&self, block: &Block<'_>) -> Vec<u32> {
        match &self.query.projection {
            Projection::All => block.column_numbers().collect(),
            Projection::Columns(wanted) => {
                let mut numbers: Vec<u32> = wanted.iter().filter_map(|column| self.number(column)).collect();
                numbers.sort_unstable();
                numbers.dedup();
                numbers
            }
        }
    }

    fn number(&self, column: &ColumnRef) -> Option<u32> {
        match column {
            ColumnRef::Field(field) => Some(*field as u32),
            ColumnRef::Attribute(key) | ColumnRef::Any(key) => self.segment.attribute(key),
            ColumnRef::Resource(_)
            | ColumnRef::ScopeAttribute(_)
            | ColumnRef::ScopeName
            | ColumnRef::ScopeVersion => None,
        }
    }
}

impl EventSegment {
    /// All rows of a block with all their columns.
    pub(super) fn whole_block(&self, number: usize) -> Result<EventBatch, DamagedBlock> {
        let mut block = self.block(number)?;
        let numbers: Vec<u32> = block.column_numbers().collect();
        let rows = 0..block.rows();
        self.show(&mut block, &numbers, rows)
    }

    /// Columns of some rows, in ascending order, as a batch.
    fn show(
        &self,
        block: &mut Block<'_>,
        numbers: &[u32],
        rows: impl Iterator<Item = usize>,
    ) -> Result<EventBatch, DamagedBlock> {
        let streams = self.streams().ok_or(DamagedBlock)?;
        let mut builder = EventBatchBuilder::new(self.info.meta.signal);
        let mut columns: Vec<(ColumnId, Arc<Column>)> = Vec::with_capacity(numbers.len());
        for number in numbers {
            let Some(column) = block.column(*number)? else { continue };
            let id = match self.attribute_key(*number) {
                Some(key) => builder.attribute_column(key),
                None => ColumnId(*number),
            };
            columns.push((id, column));
        }
        let mut runs = block.meta.run_ranges();
        let mut run = runs.next();
        let mut shown = None;
        let mut scratch = Vec::new();
        for row in rows {
            while run.as_ref().is_some_and(|(_, range)| range.end <= row) {
                run = runs.next();
                shown = None;
            }
            let Some((stream, _)) = &run else { break };
            let stream = match shown {
                Some(stream) => stream,
                None => builder.shared_stream(Arc::clone(streams.get(*stream as usize).ok_or(DamagedBlock)?)),
            };
            shown = Some(stream);
            builder.begin_row(block.times[row], stream);
            for (id, column) in &columns {
                if let Some(value) = column.value(row, &mut scratch) {
                    builder.put(*id, value);
                }
            }
            builder.end_row();
        }
        Ok(builder.finish())
    }
}
