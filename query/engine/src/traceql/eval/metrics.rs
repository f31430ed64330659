//! Metrics over spans: `{ ... } | rate() by (...)`, counted while scanning.

use rustc_hash::FxHashMap;
use store::model::RequestCtx;
use store::{EventQuery, Order, Projection, ScanControl, ScanStats, Snapshot};

use super::filter::{Candidates, columns, each_attribute, is_local};
use super::search::candidate;
use super::trace::duration_of;
use super::value::{SpanRef, Val, attribute_values};
use crate::logql::EvalError;
use crate::traceql::ast::{Attribute, Metrics, Query, SpansetExpr, Stage};
use crate::traceql::table::{Intrinsic, METRICS, MetricsOp};

/// Points of one series, as for logs.
const STEPS_MAX: i64 = crate::logql::STEPS_MAX;

#[derive(Clone, Copy, Debug)]
pub struct MetricsParams {
    /// Unix nanoseconds.
    pub start: i64,
    pub end: i64,
    /// Nanoseconds between points; a point at `t` says what started in `(t - step, t]`.
    pub step: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MetricsSeries {
    pub labels: Vec<(String, String)>,
    pub points: Vec<(i64, f64)>,
}

/// Answers a query that ends in a metrics stage.
pub fn metrics(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    query: &Query,
    params: &MetricsParams,
) -> Result<(Vec<MetricsSeries>, ScanStats), EvalError> {
    let [Stage::Spanset(SpansetExpr::Filter(filter)), Stage::Metrics(stage)] = &query.stages[..] else {
        return Err(EvalError::NotSupported(
            "a metrics query of more than one { } and one metrics stage".to_string(),
        ));
    };
    if stage.op == MetricsOp::Histogram {
        return Err(EvalError::NotSupported("histogram_over_time".to_string()));
    }
    let mut mentioned: Vec<&Attribute> = stage.by.iter().chain(&stage.of).collect();
    if let Some(filter) = filter {
        if !is_local(filter) {
            return Err(EvalError::NotSupported("a metrics query about whole traces".to_string()));
        }
        each_attribute(filter, &mut |attribute| mentioned.push(attribute));
    }
    let count = steps(params)?;
    let candidates = Candidates::of(query);
    let mut wanted = std::collections::BTreeSet::new();
    columns(mentioned.into_iter(), &mut wanted);
    let scan = EventQuery {
        signal: store::model::Signal::Spans,
        start: params.start.saturating_sub(params.step).saturating_add(1),
        end: params.end.saturating_add(1),
        filter: candidates.filter.clone(),
        projection: Projection::Columns(wanted.into_iter().collect()),
        order: Order::Any,
    };
    let mut collector =
        Collector { ctx, stage, params, count, index: FxHashMap::default(), groups: Vec::new() };
    let mut failed = None;
    let stats = snapshot.scan(ctx, &scan, &mut |rows| {
        for row in rows.rows {
            let row = *row as usize;
            if candidate(&candidates, rows.batch, row)
                && let Err(error) = collector.add(SpanRef { batch: rows.batch, row, structure: None })
            {
                failed = Some(error);
                return ScanControl::Stop;
            }
        }
        ScanControl::Continue
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok((collector.finish(), stats)),
    }
}

fn steps(params: &MetricsParams) -> Result<usize, EvalError> {
    let span = params.end.checked_sub(params.start).filter(|span| *span >= 0 && params.step > 0);
    let Some(span) = span else {
        return Err(EvalError::BadQuery(
            "the range must not end before it starts, and step must be positive".to_string(),
        ));
    };
    let count = span / params.step + 1;
    if count > STEPS_MAX {
        return Err(EvalError::BadQuery(format!(
            "{count} points per series, at most {STEPS_MAX}: raise the step"
        )));
    }
    Ok(count as usize)
}

/// What a series keeps per step.
#[derive(Clone, Default)]
struct Point {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    /// Only for quantiles.
    values: Vec<f64>,
}

struct Collector<'a> {
    ctx: &'a RequestCtx,
    stage: &'a Metrics,
    params: &'a MetricsParams,
    count: usize,
    index: FxHashMap<Vec<String>, usize>,
    groups: Vec<(Vec<String>, Vec<Point>)>,
}

impl Collector<'_> {
    fn add(&mut self, span: SpanRef<'_>) -> Result<(), EvalError> {
        let since = span.batch.times()[span.row].saturating_sub(self.params.start);
        let step = if since <= 0 { 0 } else { (since - 1) / self.params.step + 1 };
        if step >= self.count as i64 {
            return Ok(());
        }
        let Some(value) = self.value(span) else { return Ok(()) };
        let shown =
            |attribute| attribute_values(attribute, span).first().map_or("nil".to_string(), super::shown);
        let key: Vec<String> = self.stage.by.iter().map(shown).collect();
        let group = match self.index.get(&key) {
            Some(group) => *group,
            None => {
                self.ctx.budget.take((self.count * size_of::<Point>() + 256) as u64)?;
                self.groups.push((key.clone(), vec![Point::default(); self.count]));
                self.index.insert(key, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        let point = &mut self.groups[group].1[step as usize];
        (point.min, point.max) = match point.count {
            0 => (value, value),
            _ => (point.min.min(value), point.max.max(value)),
        };
        point.count += 1;
        point.sum += value;
        if self.stage.op == MetricsOp::Quantile {
            self.ctx.budget.take(16)?;
            point.values.push(value);
        }
        Ok(())
    }

    /// Durations count in seconds, as in Tempo's answers.
    fn value(&self, span: SpanRef<'_>) -> Option<f64> {
        match &self.stage.of {
            None => Some(1.0),
            Some(Attribute::Intrinsic(Intrinsic::Duration)) => {
                Some(duration_of(span.batch, span.row) as f64 / 1e9)
            }
            Some(attribute) => match attribute_values(attribute, span).first()? {
                Val::Duration(nanos) => Some(*nanos as f64 / 1e9),
                other => other.number(),
            },
        }
    }

    fn finish(mut self) -> Vec<MetricsSeries> {
        self.groups.sort_by(|a, b| a.0.cmp(&b.0));
        let mut out = Vec::new();
        for (key, points) in &self.groups {
            let mut labels: Vec<(String, String)> =
                self.stage.by.iter().zip(key).map(|(by, value)| (by.to_string(), value.clone())).collect();
            if labels.is_empty() {
                let name =
                    METRICS.iter().find(|(op, _, _)| *op == self.stage.op).map_or("", |(_, name, _)| name);
                labels.push(("__name__".to_string(), name.to_string()));
            }
            if self.stage.op != MetricsOp::Quantile {
                out.push(MetricsSeries { labels, points: self.points(points, |point| self.reduced(point)) });
                continue;
            }
            for q in &self.stage.numbers {
                let mut labels = labels.clone();
                labels.push(("p".to_string(), q.to_string()));
                let quantile = |point: &Point| crate::logql::quantile(*q, &mut point.values.clone());
                out.push(MetricsSeries { labels, points: self.points(points, quantile) });
            }
        }
        out
    }

    /// Counts are zero where nothing was; other functions have no value there.
    fn points(&self, points: &[Point], value: impl Fn(&Point) -> f64) -> Vec<(i64, f64)> {
        let counts = matches!(self.stage.op, MetricsOp::Rate | MetricsOp::Count);
        let time =
            |step: usize| self.params.start.saturating_add(self.params.step.saturating_mul(step as i64));
        let all = points.iter().enumerate().filter(|(_, point)| counts || point.count > 0);
        all.map(|(step, point)| (time(step), value(point))).collect()
    }

    fn reduced(&self, point: &Point) -> f64 {
        match self.stage.op {
            MetricsOp::Rate => point.count as f64 * 1e9 / self.params.step as f64,
            MetricsOp::Min => point.min,
            MetricsOp::Max => point.max,
            MetricsOp::Avg => point.sum / point.count as f64,
            MetricsOp::Sum => point.sum,
            MetricsOp::Count | MetricsOp::Quantile | MetricsOp::Histogram => point.count as f64,
        }
    }
}
