//! Search: candidate traces newest first, then each whole trace exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use store::model::{
    ColumnRef, EventBatch, EventBatchBuilder, Field, Filter, OwnedValue, RequestCtx, Signal, Test,
};
use store::{EventQuery, Order, Projection, ScanControl, ScanStats, Snapshot};

use super::TagValue;
use super::filter::{Candidates, columns};
use super::spanset::{OfTrace, Spanset};
use super::trace::{Structure, Trace, TraceId, duration_of, id_of};
use super::value::{SpanRef, holds, span_name};
use crate::logql::EvalError;
use crate::traceql::ast::{Attribute, FieldExpr, Query, Scalar, SpansetExpr, Stage};
use crate::traceql::table::Intrinsic;

/// What clients show for a trace whose root has not come: Tempo's text, which they know.
pub const ROOT_MISSING: &str = "<root span not yet received>";
/// Spans of a found trace may lie outside the searched range by this much.
pub(super) const TRACE_MARGIN_NS: i64 = 3_600_000_000_000;
/// What puts spans together.
const STRUCTURE: [Field; 4] = [Field::TraceId, Field::SpanId, Field::ParentSpanId, Field::Kind];
/// Traces fetched at once at least: a round costs a scan.
const ROUND_TRACES_MIN: usize = 20;

#[derive(Clone, Copy, Debug)]
pub struct SearchParams {
    /// Unix nanoseconds.
    pub start: i64,
    pub end: i64,
    /// Traces to answer.
    pub limit: usize,
    /// Spans to show of each span set.
    pub spans_per_set: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SearchResult {
    /// Newest first.
    pub traces: Vec<TraceSummary>,
    pub stats: ScanStats,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TraceSummary {
    pub id: TraceId,
    pub root_service: String,
    pub root_name: String,
    /// Unix nanoseconds.
    pub start: i64,
    pub duration_ns: i64,
    pub span_sets: Vec<SpanSet>,
    pub services: BTreeMap<String, ServiceStats>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceStats {
    pub spans: u64,
    pub errors: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SpanSet {
    /// What `by` grouped it under, and what scalar filters found.
    pub attributes: Vec<(String, TagValue)>,
    /// Spans of the set, shown or not.
    pub matched: usize,
    pub spans: Vec<SpanMatch>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SpanMatch {
    pub id: Vec<u8>,
    pub name: String,
    pub start: i64,
    pub duration_ns: i64,
    /// Attributes the query mentions.
    pub attributes: Vec<(String, TagValue)>,
}

/// The spans of one trace; `None` if there are none. Without a range everything stored is looked at.
pub fn trace_by_id(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    id: TraceId,
    range: Option<(i64, i64)>,
) -> Result<Option<Trace>, EvalError> {
    let range = range.unwrap_or((i64::MIN, i64::MAX));
    let (mut traces, _) = fetch(ctx, snapshot, &[id], range, Projection::All)?;
    Ok(traces.pop())
}

/// Whole traces with everything spans have, in the order of `ids`; those that are not stored are left out.
pub fn traces_by_id(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    ids: &[TraceId],
    range: Option<(i64, i64)>,
) -> Result<Vec<Trace>, EvalError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let range = range.unwrap_or((i64::MIN, i64::MAX));
    Ok(fetch(ctx, snapshot, ids, range, Projection::All)?.0)
}

pub fn search(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    query: &Query,
    params: &SearchParams,
) -> Result<SearchResult, EvalError> {
    let Some(stages) = query.stages() else {
        let message = "a metrics query answers series: ask for it at /api/metrics/query_range";
        return Err(EvalError::BadQuery(message.to_string()));
    };
    let mentioned = mentioned(stages);
    let mut searcher = Searcher {
        ctx,
        snapshot,
        candidates: Candidates::of(stages),
        columns: span_columns(&mentioned),
        seen: FxHashSet::default(),
        stats: ScanStats::default(),
    };
    let mut traces = Vec::new();
    let mut end = params.end;
    let round = params.limit.max(ROUND_TRACES_MIN);
    while traces.len() < params.limit && params.start < end {
        let found = searcher.round((params.start, end), round)?;
        let (Some(oldest), ids) = (found.last().map(|(_, time)| *time), found.iter().map(|(id, _)| *id))
        else {
            break;
        };
        let ids: Vec<TraceId> = ids.collect();
        for trace in searcher.traces(&ids, params)? {
            let structure = Structure::of(&trace.spans);
            let of = OfTrace { ctx, trace: &trace, structure: &structure };
            let sets = of.run(stages)?;
            if !sets.is_empty() && traces.len() < params.limit {
                traces.push(summary(&of, &sets, &mentioned, params));
            }
        }
        if ids.len() < round {
            break;
        }
        end = oldest.saturating_add(1);
    }
    traces.sort_by_key(|trace| std::cmp::Reverse(trace.start));
    Ok(SearchResult { traces, stats: searcher.stats })
}

struct Searcher<'a> {
    ctx: &'a RequestCtx,
    snapshot: &'a Snapshot,
    candidates: Candidates<'a>,
    columns: BTreeSet<ColumnRef>,
    seen: FxHashSet<TraceId>,
    stats: ScanStats,
}

impl Searcher<'_> {
    /// The traces with the newest candidate spans, newest first, none twice.
    fn round(&mut self, (start, end): (i64, i64), count: usize) -> Result<Vec<(TraceId, i64)>, EvalError> {
        let query = EventQuery {
            signal: Signal::Spans,
            start,
            end,
            filter: self.candidates.filter.clone(),
            projection: Projection::Columns(self.columns.iter().cloned().collect()),
            order: Order::NewestFirst,
        };
        let mut newest: FxHashMap<TraceId, i64> = FxHashMap::default();
        let mut floor = start;
        let (seen, any_of) = (&self.seen, &self.candidates.any_of);
        let stats = self.snapshot.scan(self.ctx, &query, &mut |rows| {
            for row in rows.rows {
                let row = *row as usize;
                let time = rows.batch.times()[row];
                let Ok(id) = TraceId::try_from(id_of(rows.batch, row, Field::TraceId)) else { continue };
                if time < floor || seen.contains(&id) || newest.get(&id).is_some_and(|known| *known >= time) {
                    continue;
                }
                let span = SpanRef { batch: rows.batch, row, structure: None };
                if any_of.iter().any(|expr| expr.is_none_or(|expr| holds(expr, span))) {
                    newest.insert(id, time);
                }
            }
            if newest.len() <= count {
                return ScanControl::Continue;
            }
            // Only traces newer than the last one kept can still get in.
            let mut times: Vec<i64> = newest.values().copied().collect();
            let (_, last, _) = times.select_nth_unstable_by(count - 1, |a, b| b.cmp(a));
            floor = *last;
            newest.retain(|_, time| *time >= floor);
            ScanControl::Narrow { start: floor, end }
        })?;
        add_stats(&mut self.stats, stats);
        let mut found: Vec<(TraceId, i64)> = newest.into_iter().collect();
        found.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(count);
        self.seen.extend(found.iter().map(|(id, _)| *id));
        Ok(found)
    }

    /// Whole traces, in the order of `ids`.
    fn traces(&mut self, ids: &[TraceId], params: &SearchParams) -> Result<Vec<Trace>, EvalError> {
        let range =
            (params.start.saturating_sub(TRACE_MARGIN_NS), params.end.saturating_add(TRACE_MARGIN_NS));
        let columns = Projection::Columns(self.columns.iter().cloned().collect());
        let (traces, stats) = fetch(self.ctx, self.snapshot, ids, range, columns)?;
        add_stats(&mut self.stats, stats);
        Ok(traces)
    }
}

/// Whole traces, in the order of `ids`. What came twice (the id and the kind of a span tell) is there once.
pub(super) fn fetch(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    ids: &[TraceId],
    (start, end): (i64, i64),
    projection: Projection,
) -> Result<(Vec<Trace>, ScanStats), EvalError> {
    let test = match ids {
        [id] => Test::Equals(OwnedValue::Bytes(id.to_vec())),
        ids => Test::OneOf(Arc::new(ids.iter().copied().collect())),
    };
    let filter = Filter::column(ColumnRef::Field(Field::TraceId), test);
    let query =
        EventQuery { signal: Signal::Spans, start, end, filter, projection, order: Order::OldestFirst };
    let mut builders: FxHashMap<TraceId, EventBatchBuilder> = FxHashMap::default();
    let mut known: FxHashSet<(TraceId, u64, i64)> = FxHashSet::default();
    let mut failed = None;
    let stats = snapshot.scan(ctx, &query, &mut |rows| {
        for row in rows.rows {
            let row = *row as usize;
            let Ok(id) = TraceId::try_from(id_of(rows.batch, row, Field::TraceId)) else { continue };
            let kind = rows.batch.field(row, Field::Kind).and_then(|kind| kind.as_int()).unwrap_or(0);
            let span = <[u8; 8]>::try_from(id_of(rows.batch, row, Field::SpanId)).map(u64::from_be_bytes);
            if span.is_ok_and(|span| !known.insert((id, span, kind))) {
                continue;
            }
            let builder = builders.entry(id).or_insert_with(|| EventBatchBuilder::new(Signal::Spans));
            builder.copy_row(rows.batch, row, |_| true);
        }
        let share = rows.batch.size_bytes() as u64 * rows.rows.len() as u64 / rows.batch.rows().max(1) as u64;
        match ctx.budget.take(share) {
            Ok(()) => ScanControl::Continue,
            Err(reason) => {
                failed = Some(reason);
                ScanControl::Stop
            }
        }
    })?;
    if let Some(reason) = failed {
        return Err(reason.into());
    }
    let traces = ids.iter().filter_map(|id| Some(Trace { id: *id, spans: builders.remove(id)?.finish() }));
    Ok((traces.collect(), stats))
}

pub(super) fn add_stats(sum: &mut ScanStats, stats: ScanStats) {
    sum.blocks_total += stats.blocks_total;
    sum.blocks_read += stats.blocks_read;
    sum.rows_read += stats.rows_read;
    sum.rows_matched += stats.rows_matched;
    sum.bytes_read += stats.bytes_read;
    sum.blocks_damaged += stats.blocks_damaged;
}

fn summary(
    of: &OfTrace<'_>,
    sets: &[Spanset],
    mentioned: &[&Attribute],
    params: &SearchParams,
) -> TraceSummary {
    let spans = &of.trace.spans;
    let missing = || ROOT_MISSING.to_string();
    let mut services: BTreeMap<String, ServiceStats> = BTreeMap::new();
    for row in 0..spans.rows() {
        let stats = services.entry(spans.stream(row).service().to_string()).or_default();
        stats.spans += 1;
        stats.errors += u64::from(spans.field(row, Field::StatusCode).and_then(|v| v.as_int()) == Some(2));
    }
    TraceSummary {
        id: of.trace.id,
        root_service: of.structure.root.map_or_else(missing, |row| spans.stream(row).service().to_string()),
        root_name: of.structure.root.map_or_else(missing, |row| span_name(spans, row).to_string()),
        start: of.structure.start,
        duration_ns: of.structure.end.saturating_sub(of.structure.start),
        span_sets: sets.iter().map(|set| span_set(of, set, mentioned, params.spans_per_set)).collect(),
        services,
    }
}

fn span_set(of: &OfTrace<'_>, set: &Spanset, mentioned: &[&Attribute], count: usize) -> SpanSet {
    let spans = &of.trace.spans;
    let mut rows = set.rows.clone();
    rows.sort_by_key(|row| spans.times()[*row]);
    let show = |row: &usize| SpanMatch {
        id: id_of(spans, *row, Field::SpanId).to_vec(),
        name: span_name(spans, *row).to_string(),
        start: spans.times()[*row],
        duration_ns: duration_of(spans, *row),
        attributes: shown_attributes(of, *row, mentioned),
    };
    let matched = rows.len();
    SpanSet {
        attributes: set.attributes.clone(),
        matched,
        spans: rows.iter().take(count).map(show).collect(),
    }
}

fn shown_attributes(of: &OfTrace<'_>, row: usize, mentioned: &[&Attribute]) -> Vec<(String, TagValue)> {
    let mut out: Vec<(String, TagValue)> = Vec::new();
    for attribute in mentioned {
        let name = match attribute {
            // Every span shows these anyway.
            Attribute::Intrinsic(
                Intrinsic::Name | Intrinsic::Duration | Intrinsic::SpanId | Intrinsic::TraceId,
            ) => {
                continue;
            }
            Attribute::Intrinsic(intrinsic) => intrinsic.name(),
            Attribute::Named { name, .. } => name,
        };
        if let Some(value) = of.shown(attribute, row)
            && !out.iter().any(|(known, _)| known == name)
        {
            out.push((name.to_string(), value));
        }
    }
    out
}

/// The attributes a query mentions, each once, in its order.
pub(super) fn mentioned(stages: &[Stage]) -> Vec<&Attribute> {
    let mut out: Vec<&Attribute> = Vec::new();
    let mut add = |attribute| {
        if !out.contains(&attribute) {
            out.push(attribute);
        }
    };
    stages_attributes(stages, &mut add);
    out
}

fn stages_attributes<'q>(stages: &'q [Stage], add: &mut dyn FnMut(&'q Attribute)) {
    for stage in stages {
        match stage {
            Stage::Spanset(spanset) => spanset_attributes(spanset, add),
            Stage::Filter(filter) => {
                scalar_attributes(&filter.left, add);
                scalar_attributes(&filter.right, add);
            }
            Stage::Select(attributes) => attributes.iter().for_each(&mut *add),
            Stage::By(field) => field.each_attribute(add),
            Stage::Coalesce => {}
        }
    }
}

fn spanset_attributes<'q>(spanset: &'q SpansetExpr, add: &mut dyn FnMut(&'q Attribute)) {
    match spanset {
        SpansetExpr::Filter(field) => field.iter().for_each(|field: &FieldExpr| field.each_attribute(add)),
        SpansetExpr::Pipeline(stages) => stages_attributes(stages, add),
        SpansetExpr::Binary { left, right, .. } => {
            spanset_attributes(left, add);
            spanset_attributes(right, add);
        }
    }
}

fn scalar_attributes<'q>(scalar: &'q Scalar, add: &mut dyn FnMut(&'q Attribute)) {
    match scalar {
        Scalar::Static(_) => {}
        Scalar::Aggregate { of, .. } => of.iter().for_each(|field| field.each_attribute(add)),
        Scalar::Pipeline { stages, of } => {
            stages_attributes(stages, add);
            scalar_attributes(of, add);
        }
        Scalar::Arithmetic { left, right, .. } => {
            scalar_attributes(left, add);
            scalar_attributes(right, add);
        }
    }
}

/// What search reads of a span: its place in the trace, what answers show, what the query mentions.
pub(super) fn span_columns(mentioned: &[&Attribute]) -> BTreeSet<ColumnRef> {
    let mut out: BTreeSet<ColumnRef> = STRUCTURE.into_iter().map(ColumnRef::Field).collect();
    out.extend([Field::Name, Field::Duration, Field::StatusCode].map(ColumnRef::Field));
    columns(mentioned.iter().copied(), &mut out);
    out
}

/// Whether a span passes what a query's text says of single spans: for tag values under a query.
pub(super) fn candidate(candidates: &Candidates<'_>, batch: &EventBatch, row: usize) -> bool {
    let span = SpanRef { batch, row, structure: None };
    candidates.any_of.iter().any(|expr| expr.is_none_or(|expr| holds(expr, span)))
}
