//! The picture a chart's link shows: its expression over the hour around the alert, read when somebody looks.

use engine::promql::{self, Data, RangeParams, Settings};
use engine::{logql, traceql};
use serde::{Deserialize, Serialize};
use store::Snapshot;
use store::model::{Labels, RequestCtx};

use super::chart::{Chart, Line, SERIES_MAX};
use super::collect::{Asked, Kind};
use crate::rules::compared_with;

const NS_PER_MS: i64 = 1_000_000;
/// Around the moment an alert fired.
const MINUTE_MS: i64 = 60_000;
const BEFORE_MS: i64 = 45 * MINUTE_MS;
const AFTER_MS: i64 = 15 * 60_000;
const STEPS: i64 = 240;

/// What a chart's link says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Drawn {
    #[serde(rename = "k")]
    kind: Kind,
    #[serde(rename = "q")]
    query: String,
    #[serde(rename = "f")]
    fired_ms: i64,
    #[serde(rename = "n")]
    title: String,
}

impl Drawn {
    /// `None`: the expression is not known.
    pub(crate) fn of(asked: &Asked) -> Option<Self> {
        let (kind, query) = asked.query.clone()?;
        Some(Self { kind, query, fired_ms: asked.fired_ms, title: asked.title.clone() })
    }
}

/// Blocking: reads data.
pub(crate) fn png_of(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    drawn: &Drawn,
    now_ms: i64,
) -> Result<Vec<u8>, String> {
    let end_ms = now_ms.min(drawn.fired_ms + AFTER_MS);
    let mut range = Range::new(ctx, snapshot, (drawn.fired_ms - BEFORE_MS, end_ms));
    let (mut series, mut threshold) = range.read(drawn)?;
    if let Some(start_ms) = young(&series, &range) {
        range = Range::new(ctx, snapshot, (start_ms, end_ms));
        (series, threshold) = range.read(drawn)?;
    }
    let (start_ms, step_ms) = (range.start_ms, range.step_ms);
    // Of many those that are highest at the end: they are what the alert is about.
    let last = |line: &Line| line.points.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    series.sort_by(|a, b| last(b).total_cmp(&last(a)));
    series.truncate(SERIES_MAX);
    let chart = Chart {
        title: drawn.title.clone(),
        start_ms,
        end_ms,
        series,
        threshold,
        fired_ms: Some(drawn.fired_ms),
        gap_ms: step_ms * 5,
    };
    chart.png().map_err(|e| e.to_string())
}

struct Range<'r> {
    ctx: &'r RequestCtx,
    snapshot: &'r Snapshot,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
}

type Drawing = Result<(Vec<Line>, Option<f64>), String>;

/// Where to begin if there is nothing in the first half of the range.
fn young(series: &[Line], range: &Range<'_>) -> Option<i64> {
    let first_ms = series.iter().filter_map(|line| line.points.first()).map(|(time_ms, _)| *time_ms).min()?;
    let rest_ms = range.end_ms - first_ms;
    (first_ms - range.start_ms > rest_ms).then(|| first_ms - rest_ms.max(MINUTE_MS) / 2)
}

impl<'r> Range<'r> {
    fn new(ctx: &'r RequestCtx, snapshot: &'r Snapshot, (start_ms, end_ms): (i64, i64)) -> Self {
        let step_ms = ((end_ms - start_ms) / STEPS).max(1_000);
        Self { ctx, snapshot, start_ms, end_ms, step_ms }
    }

    fn read(&self, drawn: &Drawn) -> Drawing {
        match drawn.kind {
            Kind::Metrics => self.metrics(&drawn.query),
            Kind::Logs => self.logs(&drawn.query),
            Kind::Traces => self.traces(&drawn.query),
        }
    }

    fn metrics(&self, query: &str) -> Drawing {
        let expr = promql::parse(query).map_err(|e| e.to_string())?;
        let (value, threshold) = compared_with(&expr);
        let (start_ms, end_ms, step_ms) = (self.start_ms, self.end_ms, self.step_ms);
        let params = RangeParams { start_ms, end_ms, step_ms, settings: Settings::default() };
        let answer = promql::range(self.ctx, self.snapshot, value, &params).map_err(|e| e.to_string())?;
        let Data::Matrix(series) = answer.value else { return Ok((Vec::new(), threshold)) };
        let line = |one: promql::Series| Line { name: name(&one.labels), points: one.floats };
        Ok((series.into_iter().map(line).collect(), threshold))
    }

    fn logs(&self, query: &str) -> Drawing {
        let expr = logql::parse(query).map_err(|e| e.to_string())?;
        let (expr, threshold) = without_threshold(expr);
        let params = logql::QueryParams {
            start: self.start_ms * NS_PER_MS,
            end: self.end_ms * NS_PER_MS,
            step: self.step_ms * NS_PER_MS,
            instant: false,
            limit: 0,
            interval: 0,
            direction: logql::Direction::Backward,
        };
        let answer = logql::query(self.ctx, self.snapshot, &expr, &params).map_err(|e| e.to_string())?;
        let logql::Data::Matrix(series) = answer.data else { return Ok((Vec::new(), threshold)) };
        let line = |one: logql::MetricSeries| Line {
            name: name(&one.labels),
            points: one.points.into_iter().map(|(time, value)| (time / NS_PER_MS, value)).collect(),
        };
        Ok((series.into_iter().map(line).collect(), threshold))
    }

    fn traces(&self, query: &str) -> Drawing {
        let mut query = traceql::parse(query).map_err(|e| e.to_string())?;
        let mut threshold = None;
        if let traceql::Expr::Metrics(traceql::MetricsExpr::Keep { number, of, .. }) = query.expr {
            threshold = Some(number);
            query.expr = traceql::Expr::Metrics(*of);
        }
        let params = traceql::MetricsParams {
            start: self.start_ms * NS_PER_MS,
            end: self.end_ms * NS_PER_MS,
            step: self.step_ms.max(60_000) * NS_PER_MS,
            exemplars: 0,
        };
        let (series, _) =
            traceql::metrics(self.ctx, self.snapshot, &query, &params).map_err(|e| e.to_string())?;
        let line = |one: traceql::MetricsSeries| {
            let texts = one.labels.iter().filter_map(|(_, value)| value.as_ref().map(|value| value.text()));
            Line {
                name: texts.collect::<Vec<_>>().join(" "),
                points: one.points.into_iter().map(|(time, value)| (time / NS_PER_MS, value)).collect(),
            }
        };
        Ok((series.into_iter().map(line).collect(), threshold))
    }
}

fn without_threshold(expr: logql::Expr) -> (logql::Expr, Option<f64>) {
    let logql::Expr::Metric(metric) = expr else { return (expr, None) };
    match metric.kind {
        logql::MetricKind::Binary(b)
            if matches!(b.op, logql::BinaryOp::Compare(_))
                && matches!(b.right.kind, logql::MetricKind::Literal(_)) =>
        {
            let threshold = match b.right.kind {
                logql::MetricKind::Literal(value) => Some(value),
                _ => None,
            };
            (logql::Expr::Metric(b.left), threshold)
        }
        kind => (logql::Expr::Metric(logql::MetricExpr { kind, span: metric.span }), None),
    }
}

/// The values of a series' labels; names would take the room.
fn name(labels: &Labels) -> String {
    let own = labels.iter().filter(|(name, _)| *name != Labels::METRIC_NAME);
    own.map(|(_, text)| text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use store::model::{Budget, Role, Tenant};

    use super::*;

    #[test]
    fn a_chart_of_each_language_is_drawn_and_a_bad_query_says_why() {
        let tenant = Tenant::authenticated("a").unwrap();
        let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 30));
        let draw = |kind, query: &str| {
            let drawn = Drawn { kind, query: query.into(), fired_ms: 10_000_000, title: "Down".into() };
            png_of(&ctx, &Snapshot::default(), &drawn, 10_060_000)
        };
        for (kind, query) in [
            (Kind::Metrics, "sum(rate(x[1m])) > 5"),
            (Kind::Metrics, "vector(3)"),
            (Kind::Logs, "sum(count_over_time({a=\"b\"}[1m])) > 5"),
            (Kind::Traces, "{ status = error } | rate() > 5"),
        ] {
            assert!(draw(kind, query).unwrap().starts_with(b"\x89PNG"), "{query}");
        }
        assert!(draw(Kind::Metrics, "sum(").is_err());
    }
}
