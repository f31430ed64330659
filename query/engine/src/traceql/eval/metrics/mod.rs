//! Metrics over spans: `{ ... } | rate() by (...)`, counted while scanning, and what is made of such series.

mod collect;
mod compare;
mod counted;
mod exemplars;
mod second;
mod spans;
#[cfg(test)]
mod tests;

use store::model::RequestCtx;
use store::{ScanStats, Snapshot};

use super::TagValue;
use crate::logql::EvalError;
use crate::traceql::ast::{Expr, Metrics, MetricsExpr, Query, Stage, Static};
use crate::traceql::table::MetricsOp;
use collect::Collector;
use compare::Comparer;
use spans::SpanQuery;

/// Points of one series, as for logs.
const STEPS_MAX: i64 = crate::logql::STEPS_MAX;

#[derive(Clone, Copy, Debug)]
pub struct MetricsParams {
    /// Unix nanoseconds.
    pub start: i64,
    pub end: i64,
    /// Nanoseconds between points; a point at `t` says what started in `(t - step, t]`.
    pub step: i64,
    /// Exemplars to show of each query of spans.
    pub exemplars: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MetricsSeries {
    /// `None` is nil: no span of the series has the attribute.
    pub labels: Vec<(String, Option<TagValue>)>,
    pub points: Vec<(i64, f64)>,
    pub exemplars: Vec<MetricsExemplar>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MetricsExemplar {
    /// What the span has, its ids among it.
    pub labels: Vec<(String, TagValue)>,
    pub value: f64,
    /// Unix nanoseconds.
    pub time: i64,
}

/// A series while it is worked on: a value a step, NaN where there is none.
#[derive(Clone, Debug)]
struct Series {
    labels: Vec<(String, Option<TagValue>)>,
    values: Vec<f64>,
    exemplars: Vec<MetricsExemplar>,
}

/// What a time belongs to.
#[derive(Clone, Copy, Debug)]
struct Steps {
    start: i64,
    step: i64,
    count: usize,
}

const NAME: &str = "__name__";

/// Answers a query that ends in a metrics stage.
pub fn metrics(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    query: &Query,
    params: &MetricsParams,
) -> Result<(Vec<MetricsSeries>, ScanStats), EvalError> {
    answer(ctx, snapshot, query, params, true)
}

/// The same with every span looked at.
#[cfg(test)]
fn metrics_one_by_one(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    query: &Query,
    params: &MetricsParams,
) -> Result<(Vec<MetricsSeries>, ScanStats), EvalError> {
    answer(ctx, snapshot, query, params, false)
}

fn answer(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    query: &Query,
    params: &MetricsParams,
    count_in_store: bool,
) -> Result<(Vec<MetricsSeries>, ScanStats), EvalError> {
    let Expr::Metrics(expr) = &query.expr else {
        let message = "a search answers traces: end it in a metrics stage as in `{ } | rate()`";
        return Err(EvalError::BadQuery(message.to_string()));
    };
    let mut runner = Runner {
        ctx,
        snapshot,
        steps: Steps::of(params)?,
        exemplars: exemplars_wanted(query, params.exemplars),
        extrapolate: query.hint("extrapolate") == Some(&Static::Bool(true)),
        count_in_store,
        stats: ScanStats::default(),
    };
    let mut series = runner.run(expr)?;
    series.sort_by(|a, b| shown_labels(a).cmp(&shown_labels(b)));
    let steps = runner.steps;
    Ok((series.into_iter().filter_map(|series| series.finish(&steps)).collect(), runner.stats))
}

/// `with (exemplars=true)`, a number of them, or what the request says.
fn exemplars_wanted(query: &Query, asked: usize) -> usize {
    match query.hint("exemplars") {
        Some(Static::Int(count)) => usize::try_from(*count).unwrap_or(0).min(asked.max(exemplars::DEFAULT)),
        Some(Static::Bool(false)) => 0,
        Some(Static::Bool(true)) if asked == 0 => exemplars::DEFAULT,
        _ => asked,
    }
}

fn shown_labels(series: &Series) -> Vec<(&str, String)> {
    let text = |value: &Option<TagValue>| value.as_ref().map(TagValue::text).unwrap_or_default();
    series.labels.iter().map(|(name, value)| (name.as_str(), text(value))).collect()
}

struct Runner<'a> {
    ctx: &'a RequestCtx,
    snapshot: &'a Snapshot,
    steps: Steps,
    exemplars: usize,
    extrapolate: bool,
    count_in_store: bool,
    stats: ScanStats,
}

impl Runner<'_> {
    fn run(&mut self, expr: &MetricsExpr) -> Result<Vec<Series>, EvalError> {
        match expr {
            MetricsExpr::Select { stages, metrics } => self.select(stages, metrics),
            MetricsExpr::Math { op, left, right } => {
                let (left, right) = (self.run(left)?, self.run(right)?);
                Ok(second::joined(*op, left, right))
            }
            MetricsExpr::Scaled { op, number, number_first, of } => {
                Ok(second::scaled(*op, *number, *number_first, self.run(of)?))
            }
            MetricsExpr::Keep { op, number, of } => Ok(second::kept(*op, *number, self.run(of)?)),
            MetricsExpr::Top { largest, count, of } => Ok(second::top(*largest, *count, self.run(of)?)),
        }
    }

    fn select(&mut self, stages: &[Stage], metrics: &Metrics) -> Result<Vec<Series>, EvalError> {
        let query = SpanQuery::new(self.ctx, self.snapshot, self.steps, stages, metrics, self.extrapolate);
        if metrics.op == MetricsOp::Compare {
            let mut comparer = Comparer::new(self.ctx, self.steps, metrics);
            query.each(&mut self.stats, &mut |span, _| comparer.add(span))?;
            return Ok(comparer.finish());
        }
        let mut collector = Collector::new(self.ctx, self.steps, metrics, self.extrapolate);
        if self.count_in_store && !self.extrapolate && counted::applies(metrics) && query.is_whole() {
            counted::count(&query, &mut collector, &mut self.stats)?;
        } else {
            query.each(&mut self.stats, &mut |span, place| collector.add(span, place.block))?;
        }
        let mut series = collector.finish();
        if self.exemplars > 0 && !series.is_empty() {
            let chosen = exemplars::choose(&query, self.steps, self.exemplars, &mut self.stats)?;
            exemplars::attach(chosen, metrics, &self.steps, &mut series);
        }
        Ok(series)
    }
}

impl Steps {
    fn of(params: &MetricsParams) -> Result<Steps, EvalError> {
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
        Ok(Steps { start: params.start, step: params.step, count: count as usize })
    }

    /// The step whose interval, open at its start, holds the time.
    fn index(&self, time: i64) -> Option<usize> {
        let since = time.saturating_sub(self.start);
        if since <= -self.step {
            return None;
        }
        let step = if since <= 0 { 0 } else { (since - 1) / self.step + 1 };
        usize::try_from(step).ok().filter(|step| *step < self.count)
    }

    fn time(&self, index: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(index as i64))
    }

    /// Unix nanoseconds, the end exclusive, of everything that counts.
    fn range(&self) -> (i64, i64) {
        let last = self.time(self.count.saturating_sub(1));
        (self.start.saturating_sub(self.step).saturating_add(1), last.saturating_add(1))
    }
}

impl Series {
    /// `None`: it has no points.
    fn finish(self, steps: &Steps) -> Option<MetricsSeries> {
        let all = self.values.iter().enumerate().filter(|(_, value)| !value.is_nan());
        let points: Vec<(i64, f64)> = all.map(|(index, value)| (steps.time(index), *value)).collect();
        let at = |time: i64| self.values.get(steps.index(time)?).copied().filter(|value| !value.is_nan());
        // An exemplar of a count has no value of its own: it stands on the line.
        let stand = |mut exemplar: MetricsExemplar| {
            let value = at(exemplar.time)?;
            if exemplar.value.is_nan() {
                exemplar.value = value;
            }
            Some(exemplar)
        };
        let exemplars = self.exemplars.into_iter().filter_map(stand).collect();
        (!points.is_empty()).then_some(MetricsSeries { labels: self.labels, points, exemplars })
    }
}
