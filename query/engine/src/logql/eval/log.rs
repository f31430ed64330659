//! Log queries: the newest (or oldest) lines that pass.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;
use store::model::{EventBatch, Labels, RequestCtx};
use store::{Order, ScanControl, Snapshot};

use super::error::EvalError;
use super::plan::{Compiled, Reads};
use super::row::{BoundBatch, Names, Origin, RowLabels, RowRef, line_of};
use super::{Answer, Data, Direction, Entry, QueryParams, StreamEntries, scan, stages};
use crate::logql::ast::{LogExpr, Stage};

/// An entry with its stream's labels and its place: `rank` grows with how welcome the entry is.
struct Found {
    rank: i64,
    sequence: u64,
    labels: Labels,
    entry: Entry,
}

impl PartialEq for Found {
    fn eq(&self, other: &Found) -> bool {
        (self.rank, self.sequence) == (other.rank, other.sequence)
    }
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Found) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Found {
    fn cmp(&self, other: &Found) -> std::cmp::Ordering {
        // Of equal times the one found first is more welcome.
        self.rank.cmp(&other.rank).then(other.sequence.cmp(&self.sequence))
    }
}

pub(super) fn query(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    log: &LogExpr,
    params: &QueryParams,
) -> Result<Answer, EvalError> {
    let compiled = Compiled::new(log)?;
    let mut names = Names::new(compiled.names(), &compiled.selector);
    let backward = params.direction == Direction::Backward;
    let order = if backward { Order::NewestFirst } else { Order::OldestFirst };
    let scan_query = compiled.query(ctx, snapshot, (params.start, params.end), Reads::All, order)?;
    let mut collector = Collector {
        ctx,
        residual: compiled.residual(),
        all_stages: &compiled.stages,
        full: compiled.reads_all(),
        backward,
        limit: params.limit,
        labels: RowLabels::default(),
        heap: BinaryHeap::new(),
        sequence: 0,
    };
    if params.limit == 0 || params.start >= params.end {
        return Ok(Answer { data: Data::Streams(Vec::new()), stats: Default::default() });
    }
    let stats = scan(ctx, snapshot, &scan_query, &mut names, &mut |batch, bound, rows| {
        collector.block(batch, bound, rows)?;
        Ok(collector.control(params))
    })?;
    Ok(Answer { data: Data::Streams(collector.into_streams()), stats })
}

struct Collector<'a> {
    ctx: &'a RequestCtx,
    residual: Vec<Stage>,
    all_stages: &'a [Stage],
    /// A template looks at all labels.
    full: bool,
    backward: bool,
    limit: usize,
    labels: RowLabels,
    heap: BinaryHeap<Reverse<Found>>,
    sequence: u64,
}

impl Collector<'_> {
    fn rank(&self, time: i64) -> i64 {
        if self.backward { time } else { time.saturating_neg() }
    }

    /// Once full, only rows better than the worst one kept are of interest.
    fn threshold(&self) -> Option<i64> {
        let full = self.heap.len() >= self.limit;
        self.heap.peek().filter(|_| full).map(|worst| worst.0.rank)
    }

    fn control(&self, params: &QueryParams) -> ScanControl {
        match self.threshold() {
            None => ScanControl::Continue,
            Some(rank) if self.backward => {
                ScanControl::Narrow { start: rank.saturating_add(1), end: params.end }
            }
            Some(rank) => ScanControl::Narrow { start: params.start, end: rank.saturating_neg() },
        }
    }

    fn block(&mut self, batch: &EventBatch, bound: &BoundBatch, rows: &[u32]) -> Result<(), EvalError> {
        let mut order: Vec<u32> = rows.to_vec();
        order.sort_by_key(|row| Reverse(self.rank(batch.times()[*row as usize])));
        for row in order {
            let row = RowRef { batch, bound, row: row as usize };
            let rank = self.rank(batch.times()[row.row]);
            if self.threshold().is_some_and(|worst| rank <= worst) {
                return Ok(());
            }
            if bound.facts(batch, row.row).selected && self.passes(row) {
                self.keep(row, rank)?;
            }
        }
        Ok(())
    }

    fn passes(&mut self, row: RowRef<'_>) -> bool {
        if self.residual.is_empty() {
            return true;
        }
        self.labels.start_as(row, self.full);
        stages::run(&self.residual, row, &mut self.labels, &mut line_of(row.batch, row.row))
    }

    fn keep(&mut self, row: RowRef<'_>, rank: i64) -> Result<(), EvalError> {
        let (labels, entry) = entry(row, self.all_stages, &mut self.labels);
        self.ctx.budget.take(entry_bytes(&entry))?;
        self.sequence += 1;
        self.heap.push(Reverse(Found { rank, sequence: self.sequence, labels, entry }));
        if self.heap.len() > self.limit
            && let Some(Reverse(worst)) = self.heap.pop()
        {
            self.ctx.budget.give_back(entry_bytes(&worst.entry));
        }
        Ok(())
    }

    fn into_streams(self) -> Vec<StreamEntries> {
        let mut all: Vec<Found> = self.heap.into_iter().map(|found| found.0).collect();
        all.sort_by(|a, b| b.cmp(a));
        let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
        let mut streams: Vec<StreamEntries> = Vec::new();
        for found in all {
            let place = *places.entry(found.labels.clone()).or_insert_with(|| {
                streams.push(StreamEntries { labels: found.labels.clone(), entries: Vec::new() });
                streams.len() - 1
            });
            streams[place].entries.push(found.entry);
        }
        streams
    }
}

/// The row as it is answered: all stages once more, over all its labels.
pub(super) fn entry(row: RowRef<'_>, all_stages: &[Stage], labels: &mut RowLabels) -> (Labels, Entry) {
    let mut line = line_of(row.batch, row.row);
    labels.start_full(row);
    stages::run(all_stages, row, labels, &mut line);
    let entry = Entry {
        time: row.batch.times()[row.row],
        line: line.into_owned(),
        metadata: labels.of(Origin::Metadata),
        parsed: labels.of(Origin::Parsed),
    };
    (labels.of(Origin::Stream), entry)
}

fn entry_bytes(entry: &Entry) -> u64 {
    let labels =
        |labels: &Labels| labels.iter().map(|(name, value)| name.len() + value.len() + 64).sum::<usize>();
    (entry.line.len() + labels(&entry.metadata) + labels(&entry.parsed) + 128) as u64
}
