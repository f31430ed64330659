//! The spans a metrics query is about: shown while scanning if each span decides for itself, else trace by trace.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use store::model::{ColumnRef, Field, RequestCtx, Signal};
use store::{EventQuery, Order, Projection, ScanControl, ScanStats, Snapshot};

use super::super::filter::{Candidates, columns, is_exact, is_local};
use super::super::search::{TRACE_MARGIN_NS, add_stats, candidate, fetch, mentioned, span_columns};
use super::super::spanset::OfTrace;
use super::super::trace::{Structure, TraceId, id_of};
use super::super::value::SpanRef;
use super::Steps;
use crate::logql::EvalError;
use crate::traceql::ast::{Attribute, FieldExpr, Metrics, SpansetExpr, Stage};

/// Traces fetched at once: what they hold is in memory together.
const CHUNK_TRACES: usize = 2048;

pub(super) struct SpanQuery<'q> {
    pub(super) ctx: &'q RequestCtx,
    pub(super) snapshot: &'q Snapshot,
    pub(super) steps: Steps,
    stages: &'q [Stage],
    pub(super) metrics: &'q Metrics,
    /// The condition, if each span decides for itself.
    local: Option<Option<&'q FieldExpr>>,
    columns: BTreeSet<ColumnRef>,
    everything: bool,
}

/// Where a span is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The number (from 1) of the block or trace: what was learnt of a block's streams holds until it changes.
    pub(super) block: u64,
    /// In the order newest first no span from here on is newer.
    pub(super) newest: i64,
}

/// Hears of each span.
pub(super) type Visit<'v> = dyn FnMut(SpanRef<'_>, Place) -> Result<ScanControl, EvalError> + 'v;

impl<'q> SpanQuery<'q> {
    pub(super) fn new(
        ctx: &'q RequestCtx,
        snapshot: &'q Snapshot,
        steps: Steps,
        stages: &'q [Stage],
        metrics: &'q Metrics,
        extrapolate: bool,
    ) -> SpanQuery<'q> {
        let mut attributes: Vec<&Attribute> = mentioned(stages);
        attributes.extend(metrics.by.iter().chain(&metrics.of));
        if let Some(compare) = &metrics.compare {
            compare.selection.each_attribute(&mut |attribute| attributes.push(attribute));
        }
        let local = match stages {
            [Stage::Spanset(SpansetExpr::Filter(filter)), rest @ ..] => {
                let of_span = |attribute: &&Attribute| match attribute {
                    Attribute::Intrinsic(intrinsic) => !intrinsic.row().of_trace,
                    Attribute::Named { parent, .. } => !parent,
                };
                let selected = metrics.compare.as_ref().is_none_or(|compare| is_local(&compare.selection));
                let shown = metrics.by.iter().chain(&metrics.of);
                let all = filter.as_ref().is_none_or(is_local)
                    && selected
                    && shown.into_iter().all(|attribute| of_span(&attribute))
                    && rest.iter().all(|stage| matches!(stage, Stage::Select(_)));
                all.then_some(filter.as_ref())
            }
            _ => None,
        };
        let mut wanted = BTreeSet::new();
        if local.is_none() {
            wanted = span_columns(&attributes);
        }
        columns(attributes.into_iter(), &mut wanted);
        if extrapolate {
            wanted.insert(ColumnRef::Field(Field::TraceState));
        }
        let everything = metrics.compare.is_some();
        SpanQuery { ctx, snapshot, steps, stages, metrics, local, columns: wanted, everything }
    }

    /// The same with more columns, for a closer look at some of its spans.
    pub(super) fn with_columns(&self, fields: &[Field]) -> SpanQuery<'q> {
        let mut columns = self.columns.clone();
        columns.extend(fields.iter().copied().map(ColumnRef::Field));
        SpanQuery { columns, ..*self }
    }

    /// Whether the store alone can say which spans are meant.
    pub(super) fn is_whole(&self) -> bool {
        self.local.is_some_and(|condition| condition.is_none_or(is_exact))
    }

    /// The spans, with these columns, if the query [is whole](SpanQuery::is_whole).
    pub(super) fn events(&self, columns: Vec<ColumnRef>) -> EventQuery {
        self.query(&Candidates::of(self.stages), Projection::Columns(columns), Order::Any)
    }

    /// Shows each span of the query's range, in no order.
    pub(super) fn each(&self, stats: &mut ScanStats, visit: &mut Visit<'_>) -> Result<(), EvalError> {
        self.ordered(Order::Any, stats, visit)
    }

    pub(super) fn ordered(
        &self,
        order: Order,
        stats: &mut ScanStats,
        visit: &mut Visit<'_>,
    ) -> Result<(), EvalError> {
        match self.local {
            Some(_) => self.scan(order, stats, visit),
            None => self.by_trace(stats, visit),
        }
    }

    fn projection(&self) -> Projection {
        if self.everything {
            return Projection::All;
        }
        Projection::Columns(self.columns.iter().cloned().collect())
    }

    fn query(&self, candidates: &Candidates<'_>, projection: Projection, order: Order) -> EventQuery {
        let (start, end) = self.steps.range();
        let filter = candidates.filter.clone();
        EventQuery { signal: Signal::Spans, start, end, filter, projection, order }
    }

    fn scan(&self, order: Order, stats: &mut ScanStats, visit: &mut Visit<'_>) -> Result<(), EvalError> {
        let candidates = Candidates::of(self.stages);
        let query = self.query(&candidates, self.projection(), order);
        let (mut failed, mut block) = (None, 0);
        let found = self.snapshot.scan(self.ctx, &query, &mut |rows| {
            block += 1;
            let place = Place { block, newest: rows.newest };
            let mut wanted = ScanControl::Continue;
            for row in rows.rows {
                let row = *row as usize;
                if !candidate(&candidates, rows.batch, row) {
                    continue;
                }
                match visit(SpanRef { batch: rows.batch, row, structure: None }, place) {
                    Ok(ScanControl::Continue) => {}
                    Ok(ScanControl::Stop) => return ScanControl::Stop,
                    Ok(narrow) => wanted = narrow,
                    Err(error) => {
                        failed = Some(error);
                        return ScanControl::Stop;
                    }
                }
            }
            wanted
        })?;
        add_stats(stats, found);
        failed.map_or(Ok(()), Err)
    }

    /// Traces with candidate spans, in the order of time, a chunk after the other.
    fn by_trace(&self, stats: &mut ScanStats, visit: &mut Visit<'_>) -> Result<(), EvalError> {
        let ids = self.candidate_traces(stats)?;
        let mut block = 0;
        let (start, end) = self.steps.range();
        for chunk in ids.chunks(CHUNK_TRACES) {
            let times = chunk.iter().map(|(_, time)| *time);
            let (first, last) = (times.clone().min().unwrap_or(start), times.max().unwrap_or(end));
            let range = (first.saturating_sub(TRACE_MARGIN_NS), last.saturating_add(TRACE_MARGIN_NS));
            let ids: Vec<TraceId> = chunk.iter().map(|(id, _)| *id).collect();
            let (traces, found) = fetch(self.ctx, self.snapshot, &ids, range, self.projection())?;
            add_stats(stats, found);
            for trace in &traces {
                block += 1;
                let structure = Structure::of(&trace.spans);
                let of = OfTrace { ctx: self.ctx, trace, structure: &structure };
                let mut rows: Vec<usize> =
                    of.run(self.stages)?.into_iter().flat_map(|set| set.rows).collect();
                rows.sort_unstable();
                rows.dedup();
                for row in rows {
                    if (start..end).contains(&trace.spans.times()[row])
                        && visit(of.span(row), Place { block, newest: i64::MAX })? == ScanControl::Stop
                    {
                        return Ok(());
                    }
                }
            }
            let bytes: usize = traces.iter().map(|trace| trace.spans.size_bytes()).sum();
            self.ctx.budget.give_back(bytes as u64);
        }
        Ok(())
    }

    fn candidate_traces(&self, stats: &mut ScanStats) -> Result<Vec<(TraceId, i64)>, EvalError> {
        let candidates = Candidates::of(self.stages);
        let mut needed = BTreeSet::from([ColumnRef::Field(Field::TraceId)]);
        for expr in candidates.any_of.iter().flatten() {
            expr.each_attribute(&mut |attribute| columns([attribute].into_iter(), &mut needed));
        }
        let projection = Projection::Columns(needed.into_iter().collect());
        let query = self.query(&candidates, projection, Order::Any);
        let mut ids: FxHashMap<TraceId, i64> = FxHashMap::default();
        let mut failed = None;
        let found = self.snapshot.scan(self.ctx, &query, &mut |rows| {
            let before = ids.len();
            for row in rows.rows {
                let row = *row as usize;
                let Ok(id) = TraceId::try_from(id_of(rows.batch, row, Field::TraceId)) else { continue };
                if candidate(&candidates, rows.batch, row) {
                    ids.entry(id).or_insert(rows.batch.times()[row]);
                }
            }
            let bytes = (ids.len() - before) * size_of::<(TraceId, i64)>() * 2;
            match self.ctx.budget.take(bytes as u64) {
                Ok(()) => ScanControl::Continue,
                Err(reason) => {
                    failed = Some(reason);
                    ScanControl::Stop
                }
            }
        })?;
        add_stats(stats, found);
        if let Some(reason) = failed {
            return Err(reason.into());
        }
        let mut ids: Vec<(TraceId, i64)> = ids.into_iter().collect();
        ids.sort_unstable_by_key(|(id, time)| (*time, *id));
        Ok(ids)
    }
}
