//! A query over one segment: block by block, the matching rows as a batch.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::bits::Bits;
use super::decode::Column;
use super::eval;
use super::prune::Plan;
use super::segment::{Block, DamagedBlock, EventSegment};
use super::tally::Classes;
use crate::model::{ColumnId, ColumnRef, EventBatch, EventBatchBuilder};
use crate::snapshot::{EventQuery, Order, Projection, ScanStats};
use crate::tally::TallyQuery;

/// A query bound to a segment; names and words are looked up when the first block is read.
pub(crate) struct SegmentScan<'s, 'q> {
    segment: &'s EventSegment,
    query: &'q EventQuery,
    plan: OnceLock<Option<Plan<'q>>>,
    kept_warm: AtomicUsize,
}

/// A query keeps no more blocks of a segment warm: one that reads them all must not drive out the others.
const WARM_MAX: usize = 48;

/// A block to be read, and the times of its oldest and newest rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockSpan {
    pub(crate) block: usize,
    pub(crate) time_min: i64,
    pub(crate) time_max: i64,
}

impl<'s, 'q> SegmentScan<'s, 'q> {
    pub(crate) fn new(segment: &'s EventSegment, query: &'q EventQuery) -> Self {
        Self { segment, query, plan: OnceLock::new(), kept_warm: AtomicUsize::new(0) }
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
        range: (i64, i64),
        stats: &mut ScanStats,
    ) -> Option<BlockRows<'s>> {
        let (block, rows) = self.find(block, range, stats)?;
        let numbers = self.projected(&block);
        // A list is turned page by page, a trace is opened again from each of its spans and logs.
        let comes_again = self.query.order != Order::Any || self.plan().is_some_and(Plan::names_traces);
        let keep_warm = comes_again && self.kept_warm.fetch_add(1, Ordering::Relaxed) < WARM_MAX;
        Some(BlockRows { block, numbers, rows: rows.iter().map(|row| row as u32).collect(), keep_warm })
    }

    pub(super) fn find(
        &self,
        block: usize,
        range: (i64, i64),
        stats: &mut ScanStats,
    ) -> Option<(Block<'s>, Bits)> {
        let Some(plan) = self.plan() else {
            stats.blocks_damaged += 1;
            return None;
        };
        let found = self.matching(plan, block, range, stats);
        found.unwrap_or_else(|DamagedBlock| {
            stats.blocks_damaged += 1;
            None
        })
    }

    /// The class of each of the segment's streams; `None`: the table of streams is damaged.
    pub(crate) fn classes(&self, query: &TallyQuery<'_>) -> Option<Classes<'s>> {
        let streams = self.segment.streams()?;
        let of = streams.iter().map(|stream| (query.class)(stream)).collect();
        Some(Classes { streams, of, by_kind: query.by_kind })
    }

    /// `None`: the segment is damaged.
    fn plan(&self) -> Option<&Plan<'q>> {
        self.plan.get_or_init(|| Plan::new(&self.query.filter, self.segment)).as_ref()
    }

    fn matching(
        &self,
        plan: &Plan<'q>,
        number: usize,
        (start, end): (i64, i64),
        stats: &mut ScanStats,
    ) -> Result<Option<(Block<'s>, Bits)>, DamagedBlock> {
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
        stats.blocks_read += 1;
        stats.rows_read += block.rows() as u64;
        stats.rows_matched += rows.count() as u64;
        stats.bytes_read += block.bytes_read;
        Ok((!rows.is_empty()).then_some((block, rows)))
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

    pub(super) fn number(&self, column: &ColumnRef) -> Option<u32> {
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

/// Rows of a block that matched and have not been shown yet.
pub(crate) struct BlockRows<'s> {
    block: Block<'s>,
    numbers: Vec<u32>,
    /// Ascending.
    rows: Vec<u32>,
    keep_warm: bool,
}

impl Drop for BlockRows<'_> {
    fn drop(&mut self) {
        if self.keep_warm {
            self.block.keep_warm();
        }
    }
}

impl BlockRows<'_> {
    /// Shows the first `most` rows in the order asked for and forgets those out of the range; `None`: nothing is left.
    pub(crate) fn show(
        &mut self,
        order: Order,
        (start, end): (i64, i64),
        most: usize,
        stats: &mut ScanStats,
    ) -> Option<EventBatch> {
        let times = Arc::clone(&self.block.times);
        let time = |row: &u32| times[*row as usize];
        self.rows.retain(|row| (start..end).contains(&time(row)));
        if self.rows.is_empty() {
            return None;
        }
        let mut first = std::mem::take(&mut self.rows);
        if order != Order::Any && first.len() > most {
            let key = |row: &u32| {
                if order == Order::NewestFirst { Reverse(time(row)) } else { Reverse(-time(row)) }
            };
            first.select_nth_unstable_by_key(most, key);
            self.rows = first.split_off(most);
            first.sort_unstable();
            self.rows.sort_unstable();
        }
        let before = self.block.bytes_read;
        let rows = first.iter().map(|row| *row as usize);
        let shown = self.block.segment.show(&mut self.block, &self.numbers, rows);
        stats.bytes_read += self.block.bytes_read - before;
        stats.blocks_damaged += u64::from(shown.is_err());
        shown.ok()
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
