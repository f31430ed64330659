//! The stages of a query over one trace.

use store::model::RequestCtx;

use super::TagValue;
use super::relation::related;
use super::trace::{Structure, Trace};
use super::value::{SpanRef, Val, attribute_values, holds, values};
use crate::logql::EvalError;
use crate::traceql::ast::{
    Attribute, FieldExpr, RelationMode, Scalar, ScalarFilter, SpansetExpr, SpansetOp, Stage, Static,
};
use crate::traceql::table::{AggregateOp, Intrinsic};

/// Spans of one trace (rows, rising), with what `by` grouped them under and what scalar filters found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spanset {
    pub(super) rows: Vec<usize>,
    pub(super) attributes: Vec<(String, TagValue)>,
}

pub(super) struct OfTrace<'a> {
    pub(super) ctx: &'a RequestCtx,
    pub(super) trace: &'a Trace,
    pub(super) structure: &'a Structure,
}

impl<'a> OfTrace<'a> {
    pub(super) fn span(&self, row: usize) -> SpanRef<'a> {
        SpanRef { batch: &self.trace.spans, row, structure: Some(self.structure) }
    }

    pub(super) fn run(&self, stages: &[Stage]) -> Result<Vec<Spanset>, EvalError> {
        let all = Spanset { rows: (0..self.trace.spans.rows()).collect(), ..Spanset::default() };
        let mut sets = vec![all];
        for stage in stages {
            let mut next = Vec::new();
            match stage {
                Stage::Coalesce => {
                    let mut rows: Vec<usize> = sets.into_iter().flat_map(|set| set.rows).collect();
                    rows.sort_unstable();
                    rows.dedup();
                    next.push(Spanset { rows, ..Spanset::default() });
                }
                Stage::Select(_) => next = sets,
                Stage::Spanset(spanset) => {
                    for set in sets {
                        let rows = self.spanset(spanset, &set.rows)?;
                        next.push(Spanset { rows, ..set });
                    }
                }
                Stage::Filter(filter) => {
                    for set in sets {
                        next.extend(self.passing(filter, set)?);
                    }
                }
                Stage::By(field) => sets.iter().for_each(|set| self.by(field, set, &mut next)),
            }
            sets = next;
            sets.retain(|set| !set.rows.is_empty());
        }
        Ok(sets)
    }

    fn spanset(&self, expr: &SpansetExpr, rows: &[usize]) -> Result<Vec<usize>, EvalError> {
        match expr {
            SpansetExpr::Filter(None) => Ok(rows.to_vec()),
            SpansetExpr::Filter(Some(field)) => {
                Ok(rows.iter().copied().filter(|row| holds(field, self.span(*row))).collect())
            }
            SpansetExpr::Pipeline(stages) => {
                let mut found: Vec<usize> = self.run(stages)?.into_iter().flat_map(|set| set.rows).collect();
                found.retain(|row| rows.binary_search(row).is_ok());
                found.sort_unstable();
                found.dedup();
                Ok(found)
            }
            SpansetExpr::Binary { op, left, right } => {
                let (left, right) = (self.spanset(left, rows)?, self.spanset(right, rows)?);
                let needs_both =
                    !matches!(op, SpansetOp::Or | SpansetOp::Structural { mode: RelationMode::Not, .. });
                if needs_both && (left.is_empty() || right.is_empty()) {
                    return Ok(Vec::new());
                }
                match op {
                    SpansetOp::And | SpansetOp::Or => Ok(united(left, right)),
                    SpansetOp::Structural { relation, mode } => {
                        self.ctx.check()?;
                        Ok(related(self.structure, *relation, *mode, &left, &right))
                    }
                }
            }
        }
    }

    fn by(&self, field: &FieldExpr, set: &Spanset, out: &mut Vec<Spanset>) {
        let first = out.len();
        for row in &set.rows {
            let value = values(field, self.span(*row)).first().cloned();
            let value = value.map_or(TagValue::Text("nil".to_string()), TagValue::of);
            let key = (format!("by({field})"), value);
            match out[first..].iter_mut().find(|group| group.attributes.last() == Some(&key)) {
                Some(group) => group.rows.push(*row),
                None => {
                    let attributes = set.attributes.iter().cloned().chain([key]).collect();
                    out.push(Spanset { rows: vec![*row], attributes });
                }
            }
        }
    }

    /// The set if its scalars compare so; sets of pipelines in the scalars are what the answer shows.
    fn passing(&self, filter: &ScalarFilter, mut set: Spanset) -> Result<Option<Spanset>, EvalError> {
        let mut of_pipelines = Vec::new();
        let left = self.scalar(&filter.left, &set, &mut of_pipelines)?;
        let right = self.scalar(&filter.right, &set, &mut of_pipelines)?;
        let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
        if !filter.op.holds(left, right) {
            return Ok(None);
        }
        if !of_pipelines.is_empty() {
            set.rows = united(of_pipelines, Vec::new());
        }
        if let Scalar::Aggregate { of, .. } = &filter.left {
            let is_time = of.as_ref().is_some_and(is_time);
            let shown = if is_time { TagValue::Duration(left as i64) } else { number(left) };
            set.attributes.push((filter.left.to_string(), shown));
        }
        Ok(Some(set))
    }

    /// `None` where no span has a value: such a set passes no comparison.
    fn scalar(
        &self,
        scalar: &Scalar,
        set: &Spanset,
        of_pipelines: &mut Vec<usize>,
    ) -> Result<Option<f64>, EvalError> {
        Ok(match scalar {
            Scalar::Static(Static::Int(v) | Static::Duration(v)) => Some(*v as f64),
            Scalar::Static(Static::Float(v)) => Some(*v),
            Scalar::Static(_) => None,
            Scalar::Arithmetic { op, left, right } => {
                let left = self.scalar(left, set, of_pipelines)?;
                let right = self.scalar(right, set, of_pipelines)?;
                left.zip(right).map(|(left, right)| op.apply(left, right))
            }
            Scalar::Pipeline { stages, of } => {
                let mut own = Spanset::default();
                for found in self.run(stages)? {
                    own.rows = united(own.rows, found.rows);
                }
                of_pipelines.extend(&own.rows);
                self.scalar(of, &own, of_pipelines)?
            }
            Scalar::Aggregate { op: AggregateOp::Count, .. } => Some(set.rows.len() as f64),
            Scalar::Aggregate { op, of } => of.as_ref().and_then(|of| self.aggregate(*op, of, set)),
        })
    }

    fn aggregate(&self, op: AggregateOp, of: &FieldExpr, set: &Spanset) -> Option<f64> {
        let mut numbers =
            set.rows.iter().filter_map(|row| values(of, self.span(*row)).first().and_then(Val::number));
        let first = numbers.next()?;
        let (mut count, mut sum, mut min, mut max) = (1.0, first, first, first);
        for number in numbers {
            (count, sum, min, max) = (count + 1.0, sum + number, number.min(min), number.max(max));
        }
        Some(match op {
            AggregateOp::Count => count,
            AggregateOp::Avg => sum / count,
            AggregateOp::Max => max,
            AggregateOp::Min => min,
            AggregateOp::Sum => sum,
        })
    }

    /// What a span shows of an attribute the query mentions.
    pub(super) fn shown(&self, attribute: &Attribute, row: usize) -> Option<TagValue> {
        attribute_values(attribute, self.span(row)).first().cloned().map(TagValue::of)
    }
}

fn united(mut left: Vec<usize>, right: Vec<usize>) -> Vec<usize> {
    left.extend(right);
    left.sort_unstable();
    left.dedup();
    left
}

/// Whether an expression's numbers are nanoseconds.
fn is_time(expr: &FieldExpr) -> bool {
    let time = |intrinsic: &Intrinsic| matches!(intrinsic, Intrinsic::Duration | Intrinsic::TraceDuration);
    matches!(expr, FieldExpr::Attribute(Attribute::Intrinsic(intrinsic)) if time(intrinsic))
}

fn number(value: f64) -> TagValue {
    let whole = value.fract() == 0.0 && value.abs() < 9e15;
    if whole { TagValue::Int(value as i64) } else { TagValue::Float(value) }
}
