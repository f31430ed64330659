//! From a tree and a snapshot to an answer. Blocking: callers run it on a blocking thread.
//!
//! Log queries scan in the order they answer and stop when the limit is reached. Metric queries count and aggregate
//! while they scan; a row is never kept. Documented difference to Loki: a range aggregation without grouping is
//! counted per stream and parsed labels, not per structured metadata, which with OTLP would be one series per record.

mod browse;
mod check;
mod deletion;
mod error;
mod extract;
pub(crate) mod json;
mod log;
mod names;
mod operators;
mod patterns;
mod plan;
mod range;
mod row;
mod sift;
mod stages;
mod tail;
mod tally;
mod vector;
mod window;

#[cfg(test)]
mod tests;

pub use browse::{label_names, label_values, series};
pub use deletion::Deletion;
pub use error::EvalError;
pub use patterns::{PatternSeries, patterns};
pub(crate) use window::quantile;

pub use tail::{Matcher as TailMatcher, TailRow};

use store::model::{EventBatch, Labels, RequestCtx};
use store::{EventQuery, ScanControl, ScanStats, Snapshot};

use super::ast::{Expr, MetricKind};
use row::{BoundBatch, Names};

/// Points of one series in one answer, as in Loki and Prometheus: a screen has fewer pixels.
pub const STEPS_MAX: i64 = 11_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Newest first.
    Backward,
    Forward,
}

#[derive(Clone, Copy, Debug)]
pub struct QueryParams {
    /// Unix nanoseconds. Equal to `end` for an instant query.
    pub start: i64,
    /// Unix nanoseconds; exclusive for lines, inclusive for steps.
    pub end: i64,
    /// Nanoseconds between the points of a metric query.
    pub step: i64,
    pub instant: bool,
    /// Lines to answer.
    pub limit: usize,
    /// Nanoseconds that lie between lines of an answer at least; 0 for all lines.
    pub interval: i64,
    pub direction: Direction,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub data: Data,
    pub stats: ScanStats,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Streams(Vec<StreamEntries>),
    Matrix(Vec<MetricSeries>),
    Vector(Vec<VectorSample>),
    Scalar(i64, f64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct StreamEntries {
    pub labels: Labels,
    /// In the direction of the query.
    pub entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Unix nanoseconds.
    pub time: i64,
    pub line: String,
    /// Structured metadata: what the record has beside its stream's labels.
    pub metadata: Labels,
    /// Labels the query's stages made.
    pub parsed: Labels,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MetricSeries {
    pub labels: Labels,
    /// Unix nanoseconds and value; steps without a value are left out.
    pub points: Vec<(i64, f64)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    pub labels: Labels,
    pub time: i64,
    pub value: f64,
}

/// Answers a query, as a range or as an instant query.
pub fn query(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    expr: &Expr,
    params: &QueryParams,
) -> Result<Answer, EvalError> {
    match expr {
        Expr::Log(_) if params.instant => Err(EvalError::BadQuery(
            "log queries are not supported as an instant query type, please change your query to a range query type"
                .to_string(),
        )),
        Expr::Log(log) => sift::query(ctx, snapshot, log, params),
        Expr::Metric(metric) => {
            let steps = Steps::new(params)?;
            let mut eval = vector::Evaluator { ctx, snapshot, steps, stats: ScanStats::default() };
            let found = eval.eval(metric)?;
            let scalar = matches!(metric.kind, MetricKind::Literal(_));
            let data = if !params.instant {
                Data::Matrix(found.into_matrix(steps))
            } else if let (true, Some(value)) = (scalar, found.first_value()) {
                Data::Scalar(steps.start, value)
            } else {
                Data::Vector(found.into_vector(steps))
            };
            Ok(Answer { data, stats: eval.stats })
        }
    }
}

/// The times a metric query is evaluated at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    start: i64,
    step: i64,
    count: usize,
}

impl Steps {
    fn new(params: &QueryParams) -> Result<Steps, EvalError> {
        if params.instant {
            return Ok(Steps { start: params.end, step: 1, count: 1 });
        }
        if params.step <= 0 {
            return Err(EvalError::BadQuery(format!("step of {} ns: it must be positive", params.step)));
        }
        let span = params.end.checked_sub(params.start).filter(|span| *span >= 0);
        let Some(span) = span else {
            return Err(EvalError::BadQuery("end timestamp must not be before start time".to_string()));
        };
        let count = span / params.step + 1;
        if count > STEPS_MAX {
            return Err(EvalError::BadQuery(format!(
                "exceeded maximum resolution of {STEPS_MAX} points per time series: {count} asked, raise the step"
            )));
        }
        Ok(Steps { start: params.start, step: params.step, count: count as usize })
    }

    fn once(time: i64) -> Steps {
        Steps { start: time, step: 1, count: 1 }
    }

    fn time(&self, index: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(index as i64))
    }

    fn last(&self) -> i64 {
        self.time(self.count - 1)
    }
}

/// Sees the rows of one block that passed the filter, with the query's names bound.
type Visit<'v> = dyn FnMut(&EventBatch, &BoundBatch, &[u32]) -> Result<ScanControl, EvalError> + 'v;

/// Visits the rows of a scan block by block; an error ends the scan.
fn scan(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    query: &EventQuery,
    names: &mut Names,
    visit: &mut Visit<'_>,
) -> Result<ScanStats, EvalError> {
    let mut failed = None;
    let stats = snapshot.scan(ctx, query, &mut |rows| {
        let bound = names.bind(rows.batch);
        visit(rows.batch, &bound, rows.rows).unwrap_or_else(|error| {
            failed = Some(error);
            ScanControl::Stop
        })
    })?;
    failed.map_or(Ok(stats), Err)
}
