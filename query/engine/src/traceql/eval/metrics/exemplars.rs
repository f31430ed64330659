//! Exemplars: spans to look at, spread over the range, no trace twice.

use std::collections::BTreeSet;

use store::model::Field;
use store::{Order, ScanControl, ScanStats};

use super::super::TagValue;
use super::super::trace::{TraceId, id_of};
use super::super::value::{SpanRef, attribute_values, hex, intrinsic_text};
use super::collect::value_of;
use super::spans::SpanQuery;
use super::{MetricsExemplar, Series, Steps};
use crate::logql::EvalError;
use crate::traceql::ast::Metrics;
use crate::traceql::table::{Intrinsic, MetricsOp};

/// How many if the query asks for some.
pub(super) const DEFAULT: usize = 100;
const PER_PART: usize = 2;
/// What is shown of a span beside what the query names.
const FIELDS: [Field; 6] =
    [Field::TraceId, Field::SpanId, Field::Name, Field::StatusCode, Field::Duration, Field::Kind];
const SHOWN: [Intrinsic; 4] = [Intrinsic::SpanId, Intrinsic::Name, Intrinsic::Status, Intrinsic::Kind];

/// A span with the values of the query's grouping, which tell its series.
pub(super) struct Chosen {
    by: Vec<Option<TagValue>>,
    exemplar: MetricsExemplar,
}

/// Newest first, until each part of the range has enough: a look at few blocks.
pub(super) fn choose(
    query: &SpanQuery<'_>,
    steps: Steps,
    wanted: usize,
    stats: &mut ScanStats,
) -> Result<Vec<Chosen>, EvalError> {
    let (start, end) = steps.range();
    let parts = wanted.div_ceil(PER_PART).max(1);
    let width = ((end - start) / parts as i64).max(1);
    let mut missing = vec![PER_PART.min(wanted); parts];
    let mut open = parts;
    let mut seen: BTreeSet<TraceId> = BTreeSet::new();
    let mut chosen = Vec::new();
    query.with_columns(&FIELDS).ordered(Order::NewestFirst, stats, &mut |span, place| {
        // Nothing comes any more into what is newer.
        let possible = (place.newest.saturating_sub(start) / width).max(0) as usize + 1;
        let closed = missing.drain(possible.min(missing.len())..);
        open -= closed.filter(|missing| *missing > 0).count();
        if open == 0 {
            return Ok(ScanControl::Stop);
        }
        let time = span.batch.times()[span.row];
        let part = ((time.saturating_sub(start) / width).max(0) as usize).min(parts - 1);
        if missing.get(part).is_none_or(|missing| *missing == 0) {
            return Ok(ScanControl::Continue);
        }
        let id = TraceId::try_from(id_of(span.batch, span.row, Field::TraceId));
        let (Some(value), Ok(id)) = (value_of(query.metrics, span), id) else {
            return Ok(ScanControl::Continue);
        };
        if !seen.insert(id) {
            return Ok(ScanControl::Continue);
        }
        chosen.push(of_span(query.metrics, span, value, &id));
        missing[part] -= 1;
        open -= usize::from(missing[part] == 0);
        if open == 0 || chosen.len() >= wanted {
            return Ok(ScanControl::Stop);
        }
        // What is newer than the newest part that lacks some is not needed any more.
        let newest = missing.iter().rposition(|missing| *missing > 0).map_or(0, |part| part as i64 + 1);
        let needed = if newest == parts as i64 { end } else { start.saturating_add(newest * width) };
        Ok(ScanControl::Narrow { start, end: needed })
    })?;
    Ok(chosen)
}

fn of_span(metrics: &Metrics, span: SpanRef<'_>, value: f64, id: &TraceId) -> Chosen {
    let mut labels = vec![("trace:id".to_string(), TagValue::Text(hex(id)))];
    for intrinsic in SHOWN {
        labels.extend(intrinsic_text(intrinsic, span).map(|value| (intrinsic.scoped_name(), value)));
    }
    let service = span.batch.stream(span.row).service().to_string();
    labels.push(("resource.service.name".to_string(), TagValue::Text(service)));
    let mut by = Vec::new();
    for attribute in &metrics.by {
        let found = attribute_values(attribute, span).first().cloned().map(TagValue::of);
        let name = attribute.to_string();
        if let Some(value) = found.clone().filter(|_| !labels.iter().any(|(known, _)| *known == name)) {
            labels.push((name, value));
        }
        by.push(found);
    }
    let counts = matches!(metrics.op, MetricsOp::Rate | MetricsOp::Count | MetricsOp::Histogram);
    let value = if counts { f64::NAN } else { value };
    Chosen { by, exemplar: MetricsExemplar { labels, value, time: span.batch.times()[span.row] } }
}

/// Gives each exemplar to its series; of several (quantiles, buckets) to the one whose line is nearest.
pub(super) fn attach(chosen: Vec<Chosen>, metrics: &Metrics, steps: &Steps, series: &mut [Series]) {
    let names: Vec<String> = metrics.by.iter().map(ToString::to_string).collect();
    for Chosen { by, exemplar } in chosen {
        let Some(step) = steps.index(exemplar.time) else { continue };
        let belongs = |series: &Series| {
            names.iter().zip(&by).all(|(name, value)| {
                let label = series.labels.iter().find(|(known, _)| known == name);
                label.and_then(|(_, value)| value.as_ref()) == value.as_ref()
            })
        };
        let distance = |series: &Series| (series.values[step] - exemplar.value).abs();
        let nearest = series
            .iter_mut()
            .filter(|series| belongs(series) && series.values[step] != 0.0)
            .min_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some(series) = nearest {
            series.exemplars.push(exemplar);
        }
    }
}
