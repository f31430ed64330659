//! Evaluation: an expression and a snapshot in, an answer out.
//!
//! A range query is evaluated once, not once per step: every node yields whole rows (a series over all steps), every
//! selector is read once, and aggregations take rows one by one as their operand makes them. Metric names that an
//! operation makes meaningless are marked and dropped at the end (Prometheus' delayed name removal).

mod aggregate;
mod answer;
mod binary;
mod bounds;
mod call;
mod edge;
mod error;
mod grouping;
mod hidden;
mod matching;
mod notes;
mod operators;
mod reading;
mod samples;
mod selector;
mod sets;
mod subquery;
#[cfg(test)]
mod tests;
mod topk;
mod value;
mod window;

use rustc_hash::FxHashMap;
use store::Snapshot;
use store::model::{Labels, RequestCtx};

pub use answer::{Answer, Data, Sample, Series};
pub use error::EvalError;
pub use value::Point;

pub(crate) use bounds::{Bound, Floats, Reach};
pub(crate) use edge::{interpolated, interpolated_histogram};
pub(crate) use matching::{show_labels, with};
pub(crate) use notes::{Forced, Notes};
use selector::invariant;
pub(crate) use topk::quantile_of;
pub(crate) use value::{ABSENT, Row, Steps, Value, is_absent, without_name};
pub(crate) use window::{RangeFn, Window, starts_anew};

use super::ast::{Expr, StringLit, ValueType};

/// More steps than this make no better picture, only a slower one.
pub const STEPS_MAX: usize = 11_000;

pub(crate) type Evaluated<T> = Result<T, EvalError>;

/// What every evaluation needs to know beside the times.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How old the newest sample may be for an instant selector to show it.
    pub lookback_ms: i64,
    /// The step of subqueries that name none.
    pub subquery_step_ms: i64,
    /// Samples one query may hold at once.
    pub samples_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { lookback_ms: 300_000, subquery_step_ms: 60_000, samples_max: 50_000_000 }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct InstantParams {
    pub time_ms: i64,
    pub settings: Settings,
}

#[derive(Clone, Copy, Debug)]
pub struct RangeParams {
    pub start_ms: i64,
    /// Inclusive.
    pub end_ms: i64,
    pub step_ms: i64,
    pub settings: Settings,
}

/// One evaluation under way.
pub(crate) struct Eval<'a> {
    pub ctx: &'a RequestCtx,
    pub snapshot: &'a Snapshot,
    pub settings: Settings,
    /// The times of the query itself, whatever the subquery or `@` the evaluation is in.
    pub query: Steps,
    pub notes: Notes,
    /// Whether a histogram whose counts fell says so itself: asked for by functions that look at totals only.
    pub tells_resets: bool,
    samples: u64,
    /// Labels the query groups or matches by.
    named: Vec<String>,
}

/// Takes the rows of a vector one by one.
pub(crate) type Sink<'s, 'a> = &'s mut dyn FnMut(&mut Eval<'a>, Row) -> Evaluated<()>;

/// Evaluates at one time.
pub fn instant(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    expr: &Expr,
    params: &InstantParams,
) -> Evaluated<Answer> {
    let time_ms = params.time_ms;
    let steps = Steps { start: time_ms, step: 1, len: 1 };
    let mut eval = Eval::new(ctx, snapshot, expr, params.settings, steps);
    let value = match expr.unparen() {
        Expr::Matrix(_) | Expr::Subquery(_) => Data::Matrix(eval.matrix(expr.unparen(), time_ms)?),
        _ => match eval.expr(expr, &steps)? {
            Value::Scalar(values) => {
                Data::Scalar { time_ms, value: values.first().copied().unwrap_or(f64::NAN) }
            }
            Value::String(value) => Data::String { time_ms, value },
            Value::Vector(rows) => {
                let rows = merge_equal(rows)?;
                let sample =
                    |row: &Row| Some(Sample { labels: row.final_labels(), time_ms, value: row.get(0)? });
                Data::Vector(rows.iter().filter_map(sample).collect())
            }
        },
    };
    let samples = eval.samples;
    let (warnings, infos) = eval.notes.into_lists();
    Ok(Answer { value, warnings, infos, samples })
}

/// Evaluates at every step from start to end.
pub fn range(ctx: &RequestCtx, snapshot: &Snapshot, expr: &Expr, params: &RangeParams) -> Evaluated<Answer> {
    let steps = range_steps(params)?;
    if !matches!(expr.value_type(), ValueType::Scalar | ValueType::Vector) {
        let found = expr.value_type().words();
        let message =
            format!("invalid expression type {found:?} for range query, must be Scalar or instant Vector");
        return Err(EvalError::BadData(message));
    }
    let mut eval = Eval::new(ctx, snapshot, expr, params.settings, steps);
    let rows = match eval.expr(expr, &steps)? {
        Value::Scalar(values) => vec![Row { floats: values, ..Row::empty(Labels::default(), 0) }],
        Value::Vector(rows) => merge_equal(rows)?,
        Value::String(_) => Vec::new(),
    };
    let mut series: Vec<Series> = rows.iter().map(|row| Series::of_row(row, &steps)).collect();
    series.retain(|s| !s.floats.is_empty() || !s.histograms.is_empty());
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    let samples = eval.samples;
    let (warnings, infos) = eval.notes.into_lists();
    Ok(Answer { value: Data::Matrix(series), warnings, infos, samples })
}

fn range_steps(params: &RangeParams) -> Evaluated<Steps> {
    let bad = |message: &str| Err(EvalError::BadData(message.to_owned()));
    if params.step_ms <= 0 {
        return bad("zero or negative query resolution step widths are not accepted. Try a positive integer");
    }
    let Some(span) = params.end_ms.checked_sub(params.start_ms).filter(|span| *span >= 0) else {
        return bad("end timestamp must not be before start time");
    };
    let points = (span / params.step_ms) as usize;
    if points > STEPS_MAX {
        return bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        );
    }
    Ok(Steps { start: params.start_ms, step: params.step_ms, len: points + 1 })
}

/// Rows whose labels have become the same are one series, as long as no step has two values.
fn merge_equal(rows: Vec<Row>) -> Evaluated<Vec<Row>> {
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    let mut known: FxHashMap<Labels, usize> = FxHashMap::default();
    for row in rows {
        let labels = row.final_labels();
        let Some(&at) = known.get(&labels) else {
            known.insert(labels, merged.len());
            merged.push(row);
            continue;
        };
        for i in 0..row.floats.len() {
            let Some(point) = row.get(i) else { continue };
            if merged[at].has(i) {
                return Err(EvalError::execution("vector cannot contain metrics with the same labelset"));
            }
            merged[at].set(i, point);
        }
    }
    Ok(merged)
}

// === impl Eval ===

impl<'a> Eval<'a> {
    fn new(
        ctx: &'a RequestCtx,
        snapshot: &'a Snapshot,
        expr: &Expr,
        settings: Settings,
        query: Steps,
    ) -> Self {
        // The parsed text is not kept; positions in notes count its bytes as if it were one line.
        let text = " ".repeat(expr.span().end);
        let (notes, named) = (Notes::new(text), hidden::named(expr));
        Self { ctx, snapshot, settings, query, notes, tells_resets: false, samples: 0, named }
    }

    /// Counts samples that will be held; a query over its limit ends here.
    pub(crate) fn hold(&mut self, samples: usize) -> Evaluated<()> {
        self.samples += samples as u64;
        if self.samples > self.settings.samples_max {
            let message = "query processing would load too many samples into memory in query execution";
            return Err(EvalError::Limit(message.to_owned()));
        }
        Ok(())
    }

    pub(crate) fn expr(&mut self, expr: &Expr, steps: &Steps) -> Evaluated<Value> {
        self.ctx.check()?;
        if steps.len > 1 && invariant(expr) && !matches!(expr, Expr::Number(_) | Expr::String(_)) {
            let once = Steps { len: 1, ..*steps };
            return Ok(repeat(self.expr(expr, &once)?, steps.len));
        }
        match expr {
            Expr::Number(n) => Ok(Value::Scalar(vec![n.value; steps.len])),
            Expr::String(s) => Ok(Value::String(s.value.clone())),
            Expr::Paren(p) => self.expr(&p.expr, steps),
            Expr::Unary(u) => {
                let value = self.expr(&u.expr, steps)?;
                Ok(if u.negate { operators::negate(value) } else { value })
            }
            Expr::Binary(b) => self.binary(b, steps),
            Expr::Call(c) => self.call(c, steps),
            Expr::Aggregate(a) => self.aggregate(a, steps),
            Expr::Selector(_) => Ok(Value::Vector(self.collect(expr, steps)?)),
            Expr::Matrix(_) | Expr::Subquery(_) => {
                Err(EvalError::execution("a range vector is only allowed as a function's argument"))
            }
        }
    }

    /// Evaluates what the type checker found to be a scalar.
    pub(crate) fn scalar(&mut self, expr: &Expr, steps: &Steps) -> Evaluated<Vec<f64>> {
        match self.expr(expr, steps)? {
            Value::Scalar(values) => Ok(values),
            _ => Err(EvalError::execution("expected a scalar")),
        }
    }

    pub(crate) fn vector(&mut self, expr: &Expr, steps: &Steps) -> Evaluated<Vec<Row>> {
        match self.expr(expr, steps)? {
            Value::Vector(rows) => Ok(rows),
            _ => Err(EvalError::execution("expected an instant vector")),
        }
    }

    pub(crate) fn string(&mut self, expr: &Expr, steps: &Steps) -> Evaluated<String> {
        match self.expr(expr, steps)? {
            Value::String(text) => Ok(text),
            _ => Err(EvalError::execution("expected a string")),
        }
    }

    /// A string that names a label, which is any text but an empty one.
    pub(crate) fn label_name(
        &mut self,
        expr: &Expr,
        steps: &Steps,
        refusal: impl Fn(&[u8]) -> String,
    ) -> Evaluated<String> {
        let mut literal = expr;
        while let Expr::Paren(inner) = literal {
            literal = &inner.expr;
        }
        match literal {
            Expr::String(StringLit { not_text: Some(bytes), .. }) => {
                Err(EvalError::execution(refusal(bytes)))
            }
            _ => match self.string(expr, steps)? {
                name if name.is_empty() => Err(EvalError::execution(refusal(b""))),
                name => Ok(name),
            },
        }
    }

    /// All rows of a vector at once.
    pub(crate) fn collect(&mut self, expr: &Expr, steps: &Steps) -> Evaluated<Vec<Row>> {
        let mut rows = Vec::new();
        self.for_each(expr, steps, &mut |eval, row| {
            eval.hold(steps.len)?;
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// The rows of a vector, one by one and without holding them where the expression allows it.
    pub(crate) fn for_each(&mut self, expr: &Expr, steps: &Steps, sink: Sink<'_, 'a>) -> Evaluated<()> {
        let varies = steps.len == 1 || !invariant(expr);
        match expr {
            Expr::Paren(p) => return self.for_each(&p.expr, steps, sink),
            Expr::Selector(s) if varies => return self.instant_selector(s, steps, sink),
            Expr::Call(c) if varies && call::streams(c) => return self.stream_call(c, steps, sink),
            _ => {}
        }
        for row in self.vector(expr, steps)? {
            sink(self, row)?;
        }
        Ok(())
    }
}

/// A value of one step, for every step.
fn repeat(value: Value, len: usize) -> Value {
    match value {
        Value::Scalar(values) => Value::Scalar(vec![values.first().copied().unwrap_or(f64::NAN); len]),
        Value::String(text) => Value::String(text),
        Value::Vector(mut rows) => {
            for row in &mut rows {
                row.floats = vec![row.floats.first().copied().unwrap_or(ABSENT); len];
                row.histograms = row.histograms.take().map(|all| vec![all.into_iter().next().flatten(); len]);
            }
            Value::Vector(rows)
        }
    }
}
