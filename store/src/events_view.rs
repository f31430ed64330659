//! The log records or spans of a snapshot: head batches and segments of one tenant, scanned as one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::StoreError;
use crate::model::{EventBatch, RequestCtx, Stream};
use crate::segment::events::{EventSegment, SegmentScan};
use crate::snapshot::{EventQuery, EventRows, Order, ScanControl, ScanStats};

/// Cheap to clone as long as there are few batches and segments.
#[derive(Clone, Default)]
pub(crate) struct EventsView {
    /// Recent batches, in the order they came.
    batches: Vec<Arc<EventBatch>>,
    segments: Vec<Arc<EventSegment>>,
}

/// What is read at once: a head batch, or a block of a segment.
#[derive(Clone, Copy)]
struct Unit {
    source: Source,
    time_min: i64,
    time_max: i64,
}

#[derive(Clone, Copy)]
enum Source {
    Batch(usize),
    Block { segment: usize, block: usize },
}

impl From<Vec<Arc<EventBatch>>> for EventsView {
    fn from(batches: Vec<Arc<EventBatch>>) -> Self {
        Self { batches, segments: Vec::new() }
    }
}

impl EventsView {
    /// Head batches and segments hold different rows: what was flushed is no longer among the batches.
    pub(crate) fn new(batches: Vec<Arc<EventBatch>>, segments: Vec<Arc<EventSegment>>) -> Self {
        Self { batches, segments }
    }

    pub(crate) fn push(&mut self, batch: Arc<EventBatch>) {
        self.batches.push(batch);
    }

    pub(crate) fn scan(
        &self,
        ctx: &RequestCtx,
        query: &EventQuery,
        visit: &mut dyn FnMut(EventRows<'_>) -> ScanControl,
    ) -> Result<ScanStats, StoreError> {
        let overlapping = self.segments.iter().filter(|segment| segment.overlaps(query.start, query.end));
        let scans: Vec<SegmentScan<'_, '_>> =
            overlapping.map(|segment| SegmentScan::new(segment, query)).collect();
        let units = self.units(query, &scans);
        let mut range = (query.start, query.end);
        let mut stats = ScanStats { blocks_total: units.len() as u64, ..Default::default() };
        for unit in units {
            if unit.time_min >= range.1 || unit.time_max < range.0 {
                continue;
            }
            ctx.check()?;
            let control = match unit.source {
                Source::Batch(at) => scan_batch(&self.batches[at], query, range, &mut stats, visit),
                Source::Block { segment, block } => {
                    match scans[segment].read(block, range.0, range.1, &mut stats) {
                        Some(batch) => visit_block(ctx, &batch, visit)?,
                        None => ScanControl::Continue,
                    }
                }
            };
            match control {
                ScanControl::Continue => {}
                ScanControl::Narrow { start, end } => range = (start.max(range.0), end.min(range.1)),
                ScanControl::Stop => break,
            }
        }
        Ok(stats)
    }

    /// Everything that touches the query's time range, in the order asked for.
    fn units(&self, query: &EventQuery, scans: &[SegmentScan<'_, '_>]) -> Vec<Unit> {
        let mut units = Vec::new();
        for (at, batch) in self.batches.iter().enumerate() {
            let times = batch.times().iter().copied();
            let Some((time_min, time_max)) = times.clone().min().zip(times.max()) else { continue };
            if time_min < query.end && time_max >= query.start {
                units.push(Unit { source: Source::Batch(at), time_min, time_max });
            }
        }
        for (segment, scan) in scans.iter().enumerate() {
            units.extend(scan.blocks().map(|span| Unit {
                source: Source::Block { segment, block: span.block },
                time_min: span.time_min,
                time_max: span.time_max,
            }));
        }
        match query.order {
            Order::Any => {}
            Order::NewestFirst => units.sort_by_key(|unit| Reverse(unit.time_max)),
            Order::OldestFirst => units.sort_by_key(|unit| unit.time_min),
        }
        units
    }

    pub(crate) fn streams(
        &self,
        ctx: &RequestCtx,
        start: i64,
        end: i64,
    ) -> Result<Vec<Arc<Stream>>, StoreError> {
        let mut found: BTreeMap<u128, Arc<Stream>> = BTreeMap::new();
        for segment in self.segments.iter().filter(|segment| segment.overlaps(start, end)) {
            ctx.check()?;
            for stream in segment.streams_between(start, end).unwrap_or_default() {
                found.entry(stream.hash()).or_insert(stream);
            }
        }
        for batch in &self.batches {
            ctx.check()?;
            let mut seen = vec![false; batch.streams().len()];
            for (time, stream) in batch.times().iter().zip(batch.row_streams()) {
                seen[*stream as usize] |= (start..end).contains(time);
            }
            for (stream, _) in batch.streams().iter().zip(seen).filter(|(_, seen)| *seen) {
                found.entry(stream.hash()).or_insert_with(|| Arc::clone(stream));
            }
        }
        Ok(found.into_values().collect())
    }

    pub(crate) fn attribute_keys(
        &self,
        ctx: &RequestCtx,
        start: i64,
        end: i64,
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut keys = BTreeSet::new();
        for segment in self.segments.iter().filter(|segment| segment.overlaps(start, end)) {
            ctx.check()?;
            keys.extend(segment.attribute_keys().map(str::to_owned));
        }
        for batch in &self.batches {
            ctx.check()?;
            if batch.times().iter().any(|time| (start..end).contains(time)) {
                keys.extend(batch.attribute_keys().map(|(_, key)| key.to_owned()));
            }
        }
        Ok(keys)
    }
}

/// Head batches have no index: every row in the range is tested.
fn scan_batch(
    batch: &EventBatch,
    query: &EventQuery,
    (start, end): (i64, i64),
    stats: &mut ScanStats,
    visit: &mut dyn FnMut(EventRows<'_>) -> ScanControl,
) -> ScanControl {
    let bound = query.filter.bind(batch);
    let in_range = |row: &u32| (start..end).contains(&batch.times()[*row as usize]);
    let rows: Vec<u32> =
        (0..batch.rows() as u32).filter(in_range).filter(|&row| bound.matches(batch, row as usize)).collect();
    stats.blocks_read += 1;
    stats.rows_read += batch.rows() as u64;
    stats.rows_matched += rows.len() as u64;
    stats.bytes_read += batch.size_bytes() as u64;
    if rows.is_empty() { ScanControl::Continue } else { visit(EventRows { batch, rows: &rows }) }
}

/// Shows a decoded block; its bytes count against the budget while it is shown.
fn visit_block(
    ctx: &RequestCtx,
    batch: &EventBatch,
    visit: &mut dyn FnMut(EventRows<'_>) -> ScanControl,
) -> Result<ScanControl, StoreError> {
    let bytes = batch.size_bytes() as u64;
    ctx.budget.take(bytes)?;
    let rows: Vec<u32> = (0..batch.rows() as u32).collect();
    let control = visit(EventRows { batch, rows: &rows });
    ctx.budget.give_back(bytes);
    Ok(control)
}
