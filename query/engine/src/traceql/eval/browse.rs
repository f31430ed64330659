//! What other APIs than Tempo's ask of spans: services, operations, conditions on single spans.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;
use store::model::{ColumnRef, EventBatch, Field, Filter, OwnedValue, RequestCtx, Signal, Test, Value};
use store::{EventQuery, Order, Projection, ScanControl, Snapshot};

use super::TagValue;
use super::filter::{is_local, pushed};
use super::value::{SpanRef, holds, intrinsic_text};
use crate::logql::EvalError;
use crate::traceql::ast::{FieldExpr, Kind};
use crate::traceql::table::Intrinsic;

/// The services that sent spans, sorted.
pub fn services(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    start: i64,
    end: i64,
) -> Result<Vec<String>, EvalError> {
    let streams = snapshot.streams(ctx, Signal::Spans, start, end)?;
    let names: BTreeSet<String> = streams.iter().map(|stream| stream.service().to_string()).collect();
    Ok(names.into_iter().filter(|name| !name.is_empty()).collect())
}

/// The names of a service's spans with their kinds, sorted; of a bounded number.
pub fn operations(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    service: &str,
    (start, end): (i64, i64),
    limit: usize,
) -> Result<Vec<(String, &'static str)>, EvalError> {
    let test = Test::Equals(OwnedValue::Str(service.to_string()));
    let query = EventQuery {
        signal: Signal::Spans,
        start,
        end,
        filter: Filter::column(ColumnRef::Resource("service.name".into()), test),
        projection: Projection::Columns([Field::Name, Field::Kind].map(ColumnRef::Field).to_vec()),
        order: Order::NewestFirst,
    };
    let mut seen: FxHashSet<(String, u8)> = FxHashSet::default();
    snapshot.scan(ctx, &query, &mut |rows| {
        let mut last: Option<(&str, u8)> = None;
        for row in rows.rows {
            let row = *row as usize;
            let name = rows.batch.field(row, Field::Name).and_then(Value::as_str).unwrap_or_default();
            let kind = rows.batch.field(row, Field::Kind).and_then(Value::as_int).unwrap_or_default();
            let found = (name, Kind::of(kind) as u8);
            if last != Some(found) {
                last = Some(found);
                if !seen.contains(&(name.to_string(), found.1)) {
                    seen.insert((name.to_string(), found.1));
                }
            }
        }
        if seen.len() >= limit { ScanControl::Stop } else { ScanControl::Continue }
    })?;
    let word = |kind: u8| match Kind::of(i64::from(kind)) {
        Kind::Unspecified => "",
        kind => kind.name(),
    };
    let mut found: Vec<(String, &'static str)> =
        seen.into_iter().map(|(name, kind)| (name, word(kind))).collect();
    found.sort();
    Ok(found)
}

/// A condition each span decides for itself.
pub(crate) struct SpanCondition<'q>(&'q FieldExpr);

impl<'q> SpanCondition<'q> {
    pub(crate) fn new(expr: &'q FieldExpr) -> Result<SpanCondition<'q>, EvalError> {
        if is_local(expr) {
            return Ok(SpanCondition(expr));
        }
        let message = format!("a condition on single spans cannot ask about their trace: {{ {expr} }}");
        Err(EvalError::BadQuery(message))
    }

    /// Lets through every span that could pass.
    pub(crate) fn filter(&self) -> Filter {
        pushed(self.0).unwrap_or(Filter::All)
    }

    pub(crate) fn holds(&self, batch: &EventBatch, row: usize) -> bool {
        holds(self.0, SpanRef { batch, row, structure: None })
    }
}

/// Intrinsics with few values, for comparing spans: name, kind, status and its message.
pub(crate) fn span_intrinsics(
    batch: &EventBatch,
    row: usize,
) -> impl Iterator<Item = (&'static str, TagValue)> {
    let span = SpanRef { batch, row, structure: None };
    let all = [Intrinsic::Name, Intrinsic::Kind, Intrinsic::Status, Intrinsic::StatusMessage];
    let found = all.map(|intrinsic| intrinsic_text(intrinsic, span).map(|value| (intrinsic.name(), value)));
    found.into_iter().flatten()
}
