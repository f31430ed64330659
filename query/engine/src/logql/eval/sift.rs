//! Log queries that leave out lines because of the lines before them: `distinct`, and the `interval` of a request.
//!
//! Both depend on the order of the answer, which a scan does not keep. So lines are read in ordered pages, sifted, until
//! there are enough or no more.

use rustc_hash::FxHashSet;
use store::model::{Labels, RequestCtx};
use store::{ScanStats, Snapshot};

use super::error::EvalError;
use super::names::label_name;
use super::{Answer, Data, Direction, Entry, QueryParams, StreamEntries, log};
use crate::logql::ast::{LogExpr, StageKind};

/// Lines of a page at least: a page costs a scan.
const PAGE_LINES_MIN: usize = 1000;

pub(super) fn query(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    log: &LogExpr,
    params: &QueryParams,
) -> Result<Answer, EvalError> {
    let distinct = match log.stages.last().map(|stage| &stage.kind) {
        Some(StageKind::Distinct(names)) => names.iter().map(|name| label_name(name)).collect(),
        _ => Vec::new(),
    };
    if distinct.is_empty() && params.interval <= 0 {
        return log::query(ctx, snapshot, log, params);
    }
    let mut sift = Sift { distinct, interval: params.interval, seen: FxHashSet::default(), last: None };
    let page = QueryParams { limit: params.limit.max(PAGE_LINES_MIN), ..*params };
    let mut kept: Vec<(Labels, Entry)> = Vec::new();
    let mut stats = ScanStats::default();
    let mut range = (params.start, params.end);
    while kept.len() < params.limit && range.0 < range.1 {
        let answer = log::query(ctx, snapshot, log, &QueryParams { start: range.0, end: range.1, ..page })?;
        add(&mut stats, &answer.stats);
        let lines = in_order(answer.data, params.direction);
        let full = lines.len() >= page.limit;
        let edge = lines.last().map(|(_, entry)| entry.time);
        for (labels, entry) in lines {
            if kept.len() < params.limit && sift.passes(&labels, &entry) {
                kept.push((labels, entry));
            }
        }
        let Some(edge) = edge.filter(|_| full) else { break };
        range = sift.rest(range, edge, params.direction);
    }
    Ok(Answer { data: Data::Streams(streams(kept)), stats })
}

struct Sift {
    distinct: Vec<String>,
    interval: i64,
    seen: FxHashSet<Vec<String>>,
    last: Option<i64>,
}

impl Sift {
    fn passes(&mut self, labels: &Labels, entry: &Entry) -> bool {
        if self.last.is_some_and(|last| last.abs_diff(entry.time) < self.interval.unsigned_abs()) {
            return false;
        }
        if !self.distinct.is_empty() {
            let value = |name: &String| {
                let found =
                    [&entry.parsed, &entry.metadata, labels].into_iter().find_map(|set| set.get(name));
                found.unwrap_or_default().to_string()
            };
            let values: Vec<String> = self.distinct.iter().map(value).collect();
            // A line without any of them is no duplicate.
            if values.iter().any(|value| !value.is_empty()) && !self.seen.insert(values) {
                return false;
            }
        }
        self.last = Some(entry.time);
        true
    }

    /// The times that are left after a full page whose last line is at `edge`. Lines at that very time which did not
    /// fit are left out if they are more than a page.
    fn rest(&self, (start, end): (i64, i64), edge: i64, direction: Direction) -> (i64, i64) {
        let skip = self.last.filter(|_| self.interval > 0);
        match direction {
            Direction::Backward => {
                let next =
                    skip.map_or(edge, |last| last.saturating_sub(self.interval).saturating_add(1).min(edge));
                (start, next)
            }
            Direction::Forward => {
                let next = edge.saturating_add(1);
                (skip.map_or(next, |last| last.saturating_add(self.interval).max(next)), end)
            }
        }
    }
}

fn add(stats: &mut ScanStats, page: &ScanStats) {
    stats.blocks_total = stats.blocks_total.max(page.blocks_total);
    stats.blocks_read += page.blocks_read;
    stats.rows_read += page.rows_read;
    stats.rows_matched += page.rows_matched;
    stats.bytes_read += page.bytes_read;
    stats.blocks_damaged = stats.blocks_damaged.max(page.blocks_damaged);
}

fn in_order(data: Data, direction: Direction) -> Vec<(Labels, Entry)> {
    let Data::Streams(streams) = data else { return Vec::new() };
    let lines = streams.into_iter().flat_map(|stream| {
        let labels = stream.labels;
        stream.entries.into_iter().map(move |entry| (labels.clone(), entry))
    });
    let mut lines: Vec<(Labels, Entry)> = lines.collect();
    lines.sort_by_key(|(_, entry)| match direction {
        Direction::Backward => entry.time.saturating_neg(),
        Direction::Forward => entry.time,
    });
    lines
}

fn streams(lines: Vec<(Labels, Entry)>) -> Vec<StreamEntries> {
    let mut streams: Vec<StreamEntries> = Vec::new();
    for (labels, entry) in lines {
        match streams.iter_mut().find(|stream| stream.labels == labels) {
            Some(stream) => stream.entries.push(entry),
            None => streams.push(StreamEntries { labels, entries: vec![entry] }),
        }
    }
    streams
}
