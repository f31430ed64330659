//! The log records or spans of a snapshot: head batches and segments of one tenant, scanned as one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::StoreError;
use crate::model::{ColumnId, ColumnRef, EventBatch, RequestCtx, StopReason, Stream};
use crate::parallel::{self, Helpers};
use crate::segment::events::{BlockRows, EventSegment, SegmentScan};
use crate::snapshot::{EventQuery, EventRows, Order, Projection, ScanControl, ScanStats};
use crate::tally::{Finder, Groups, Tally, TallyQuery, hash_of};
use crate::usage::{RowsUse, StreamUse, Uses, from_both_ends};

/// Rows of a block that are shown first in a scan with an order; then so many times more.
const PIECE: usize = 128;
const PIECE_GROWTH: usize = 4;

/// Cheap to clone as long as there are few batches and segments.
#[derive(Clone, Default)]
pub(crate) struct EventsView {
    /// Recent batches, in the order they came.
    batches: Vec<Arc<EventBatch>>,
    segments: Vec<Arc<EventSegment>>,
    helpers: Helpers,
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
        Self { batches, ..Self::default() }
    }
}

impl EventsView {
    /// Head batches and segments hold different rows: what was flushed is no longer among the batches.
    pub(crate) fn new(batches: Vec<Arc<EventBatch>>, segments: Vec<Arc<EventSegment>>) -> Self {
        Self { batches, segments, helpers: Helpers::default() }
    }

    /// Threads scans may use beside the caller's.
    pub(crate) fn with(mut self, helpers: &Helpers) -> Self {
        self.helpers = helpers.clone();
        self
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
        let shared = Scanning { view: self, ctx, query, scans, range: Range::new(query.start, query.end) };
        let mut stats = ScanStats { blocks_total: units.len() as u64, ..Default::default() };
        let mut failed = None;
        let read = |at: usize| shared.read(units[at]);
        let small = |part: &Result<Part<'_>, _>| part.as_ref().map_or(true, Part::is_empty);
        parallel::in_order(&self.helpers, units.len(), &read, &small, &mut |part| {
            shared.visit(part, &mut stats, visit).unwrap_or_else(|error| {
                failed = Some(error);
                ControlFlow::Break(())
            })
        });
        failed.map_or(Ok(stats), Err)
    }

    pub(crate) fn tally(&self, ctx: &RequestCtx, query: &TallyQuery<'_>) -> Result<Tally, StoreError> {
        let events = query.events;
        let overlapping = self.segments.iter().filter(|segment| segment.overlaps(events.start, events.end));
        let scans: Vec<SegmentScan<'_, '_>> =
            overlapping.map(|segment| SegmentScan::new(segment, events)).collect();
        let classes: Vec<_> = scans.iter().map(|scan| scan.classes(query)).collect();
        let columns = match &events.projection {
            Projection::All => &[],
            Projection::Columns(columns) => columns.as_slice(),
        };
        let units = self.units(events, &scans);
        let windows = query.windows;
        let sum = || Sum {
            groups: Groups::new(events.signal, columns, windows.count, &ctx.budget),
            finder: Finder::new(windows),
            stats: ScanStats::default(),
            failed: None,
        };
        let range = (events.start, events.end);
        let add = |sum: &mut Sum, at: usize| {
            let added = ctx.check().and_then(|()| match units[at].source {
                Source::Batch(batch) => sum.batch(&self.batches[batch], query, columns),
                Source::Block { segment, block } => match &classes[segment] {
                    Some(classes) => {
                        let into = (&mut sum.finder, &mut sum.groups);
                        scans[segment].tally(block, range, columns, classes, into, &mut sum.stats)
                    }
                    None => {
                        sum.stats.blocks_damaged += 1;
                        Ok(())
                    }
                },
            });
            sum.failed = added.err();
            if sum.failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut sums = parallel::fold(&self.helpers, units.len(), &sum, &add).into_iter();
        let mut all = sums.next().unwrap_or_else(sum);
        all.stats.blocks_total = units.len() as u64;
        for more in sums {
            all.stats.add(&more.stats);
            all.failed = all.failed.or(more.failed);
            all.groups.absorb(more.groups)?;
        }
        all.failed.map_or(Ok(Tally::new(all.groups, all.stats)), |failed| Err(failed.into()))
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

    pub(crate) fn uses(&self, ctx: &RequestCtx, start: i64, end: i64) -> Result<Vec<StreamUse>, StoreError> {
        let mut uses = Uses::default();
        for batch in &self.batches {
            ctx.check()?;
            for (time, stream) in batch.times().iter().zip(batch.row_streams()) {
                if let Some(stream) =
                    batch.streams().get(*stream as usize).filter(|_| (start..end).contains(time))
                {
                    let times = Some((*time, *time));
                    uses.add(stream, RowsUse { records: 1, stored_bytes: 0, times });
                }
            }
        }
        let mut blocks = Vec::new();
        for segment in self.segments.iter().filter(|segment| segment.overlaps(start, end)) {
            blocks.extend(segment.blocks_between(start, end).map(|(time, block)| (time, segment, block)));
        }
        blocks.sort_unstable_by_key(|(time, ..)| *time);
        for (_, segment, block) in from_both_ends(blocks.len()).filter_map(|at| blocks.get(at)) {
            ctx.check()?;
            // The others tell what a damaged block does not.
            let _ = segment.add_uses(*block, (start, end), &mut uses);
        }
        Ok(uses.finish())
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

/// What the threads of a scan share.
struct Scanning<'s, 'q> {
    view: &'s EventsView,
    ctx: &'q RequestCtx,
    query: &'q EventQuery,
    scans: Vec<SegmentScan<'s, 'q>>,
    range: Range,
}

/// The times that are still of interest.
struct Range {
    start: AtomicI64,
    end: AtomicI64,
}

/// What one unit has for the visitor.
struct Part<'s> {
    newest: i64,
    rows: Rows<'s>,
    stats: ScanStats,
}

#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Rows<'s> {
    None,
    Head(&'s EventBatch, Vec<u32>),
    /// The first rows, decoded, whose bytes were taken from the budget; and the rest.
    Block(EventBatch, BlockRows<'s>),
}

impl Range {
    fn new(start: i64, end: i64) -> Self {
        Self { start: AtomicI64::new(start), end: AtomicI64::new(end) }
    }

    fn get(&self) -> (i64, i64) {
        (self.start.load(Ordering::Relaxed), self.end.load(Ordering::Relaxed))
    }

    fn narrow(&self, start: i64, end: i64) {
        self.start.fetch_max(start, Ordering::Relaxed);
        self.end.fetch_min(end, Ordering::Relaxed);
    }
}

impl Part<'_> {
    fn is_empty(&self) -> bool {
        matches!(self.rows, Rows::None)
    }
}

impl<'s> Scanning<'s, '_> {
    /// Reads what a unit has. On any thread.
    fn read(&self, unit: Unit) -> Result<Part<'s>, StoreError> {
        self.ctx.check()?;
        let range = self.range.get();
        let mut part = Part { newest: unit.time_max, rows: Rows::None, stats: ScanStats::default() };
        if unit.time_min >= range.1 || unit.time_max < range.0 {
            return Ok(part);
        }
        match unit.source {
            Source::Batch(at) => {
                let batch = &self.view.batches[at];
                let rows = matching(batch, self.query, range, &mut part.stats);
                part.rows = if rows.is_empty() { Rows::None } else { Rows::Head(batch, rows) };
            }
            Source::Block { segment, block } => {
                if let Some(mut rows) = self.scans[segment].read(block, range, &mut part.stats)
                    && let Some(first) = rows.show(self.query.order, range, PIECE, &mut part.stats)
                {
                    self.ctx.budget.take(first.size_bytes() as u64)?;
                    part.rows = Rows::Block(first, rows);
                }
            }
        }
        Ok(part)
    }

    /// Shows what was read. A block in an order comes in pieces, since its first rows may be all that is wanted.
    fn visit(
        &self,
        part: Result<Part<'s>, StoreError>,
        stats: &mut ScanStats,
        visit: &mut dyn FnMut(EventRows<'_>) -> ScanControl,
    ) -> Result<ControlFlow<()>, StoreError> {
        let Part { newest, rows, stats: own } = part?;
        stats.add(&own);
        match rows {
            Rows::None => Ok(ControlFlow::Continue(())),
            Rows::Head(batch, rows) => Ok(self.control(visit(EventRows { batch, rows: &rows, newest }))),
            Rows::Block(mut batch, mut left) => {
                let mut piece = PIECE;
                loop {
                    let rows: Vec<u32> = (0..batch.rows() as u32).collect();
                    let control = self.control(visit(EventRows { batch: &batch, rows: &rows, newest }));
                    self.ctx.budget.give_back(batch.size_bytes() as u64);
                    piece *= PIECE_GROWTH;
                    if control.is_break() {
                        return Ok(control);
                    }
                    match left.show(self.query.order, self.range.get(), piece, stats) {
                        Some(next) => batch = next,
                        None => return Ok(control),
                    }
                    self.ctx.budget.take(batch.size_bytes() as u64)?;
                }
            }
        }
    }

    fn control(&self, control: ScanControl) -> ControlFlow<()> {
        match control {
            ScanControl::Continue => {}
            ScanControl::Narrow { start, end } => self.range.narrow(start, end),
            ScanControl::Stop => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }
}

/// What one thread has counted.
struct Sum {
    groups: Groups,
    finder: Finder,
    stats: ScanStats,
    failed: Option<StopReason>,
}

impl Sum {
    fn batch(
        &mut self,
        batch: &EventBatch,
        query: &TallyQuery<'_>,
        columns: &[ColumnRef],
    ) -> Result<(), StopReason> {
        let classes: Vec<Option<u32>> = batch.streams().iter().map(|stream| (query.class)(stream)).collect();
        let own = |column: &ColumnRef| match column {
            ColumnRef::Field(field) => Some(ColumnId(*field as u32)),
            ColumnRef::Attribute(key) | ColumnRef::Any(key) => batch.attribute_column(key),
            _ => None,
        };
        let numbers: Vec<Option<ColumnId>> = columns.iter().map(own).collect();
        let events = query.events;
        let mut text = String::new();
        for row in matching(batch, events, (events.start, events.end), &mut self.stats) {
            let row = row as usize;
            let Some(class) = classes[batch.row_streams()[row] as usize] else { continue };
            let Some(windows) = self.finder.find(batch.times()[row]) else { continue };
            let value = |at: usize| numbers[at].and_then(|column| batch.get(row, column));
            let hashes = (0..numbers.len()).map(|at| hash_of(value(at), query.by_kind, &mut text));
            let hash = Groups::hash(class, hashes);
            let group = self.groups.find(hash, (class, batch.stream(row)), &mut |at, put| {
                value(at).into_iter().for_each(&mut *put);
            })?;
            self.groups.add(group, windows);
        }
        Ok(())
    }
}

/// Head batches have no index: every row in the range is tested.
fn matching(
    batch: &EventBatch,
    query: &EventQuery,
    (start, end): (i64, i64),
    stats: &mut ScanStats,
) -> Vec<u32> {
    let bound = query.filter.bind(batch);
    let in_range = |row: &u32| (start..end).contains(&batch.times()[*row as usize]);
    let rows: Vec<u32> =
        (0..batch.rows() as u32).filter(in_range).filter(|&row| bound.matches(batch, row as usize)).collect();
    stats.blocks_read += 1;
    stats.rows_read += batch.rows() as u64;
    stats.rows_matched += rows.len() as u64;
    stats.bytes_read += batch.size_bytes() as u64;
    rows
}
