//! The stages of a query over one trace.

use store::model::RequestCtx;

use super::trace::{Structure, Trace};
use super::value::{SpanRef, attribute_values, calculate, first_number, holds, values};
use crate::logql::EvalError;
use crate::traceql::ast::{
    Attribute, FieldExpr, Relation, RelationMode, Scalar, SpansetExpr, SpansetOp, Stage, Static,
};
use crate::traceql::table::AggregateOp;

/// Spans of one trace (rows, rising), with what `by` grouped them under.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spanset {
    pub(super) rows: Vec<usize>,
    pub(super) by: Vec<(String, String)>,
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
        let all = Spanset { rows: (0..self.trace.spans.rows()).collect(), by: Vec::new() };
        let mut sets = vec![all];
        for stage in stages {
            let mut next = Vec::new();
            match stage {
                Stage::Coalesce => {
                    let mut rows: Vec<usize> = sets.into_iter().flat_map(|set| set.rows).collect();
                    rows.sort_unstable();
                    rows.dedup();
                    next.push(Spanset { rows, by: Vec::new() });
                }
                Stage::Metrics(_) => {
                    return Err(EvalError::NotSupported("a metrics stage in a search".to_string()));
                }
                Stage::Select(_) => next = sets,
                Stage::Spanset(spanset) => {
                    for set in sets {
                        let rows = self.spanset(spanset, &set.rows)?;
                        next.push(Spanset { rows, by: set.by });
                    }
                }
                Stage::Filter(filter) => {
                    for set in sets {
                        let sides = (self.scalar(&filter.left, &set), self.scalar(&filter.right, &set));
                        if matches!(sides, (Some(a), Some(b)) if filter.op.holds(a, b)) {
                            next.push(set);
                        }
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
                found.retain(|row| rows.contains(row));
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
                    SpansetOp::Structural { relation, mode } => self.related(*relation, *mode, &left, &right),
                }
            }
        }
    }

    fn related(
        &self,
        relation: Relation,
        mode: RelationMode,
        left: &[usize],
        right: &[usize],
    ) -> Result<Vec<usize>, EvalError> {
        let mut found = Vec::new();
        for r in right {
            self.ctx.check()?;
            let mut partners = left.iter().filter(|l| self.stands(relation, **l, *r)).peekable();
            match (mode, partners.peek()) {
                (RelationMode::Not, None) | (RelationMode::Right, Some(_)) => found.push(*r),
                (RelationMode::Union, Some(_)) => {
                    found.push(*r);
                    found.extend(partners);
                }
                _ => {}
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Whether `right` is the child (parent, …) of `left`.
    fn stands(&self, relation: Relation, left: usize, right: usize) -> bool {
        let parents = &self.structure.parents;
        match relation {
            Relation::Child => parents[right] == Some(left),
            Relation::Parent => parents[left] == Some(right),
            Relation::Descendant => self.structure.is_ancestor(left, right),
            Relation::Ancestor => self.structure.is_ancestor(right, left),
            Relation::Sibling => left != right && parents[left].is_some() && parents[left] == parents[right],
        }
    }

    fn by(&self, field: &FieldExpr, set: &Spanset, out: &mut Vec<Spanset>) {
        let first = out.len();
        for row in &set.rows {
            let value = values(field, self.span(*row)).first().map_or("nil".to_string(), super::shown);
            let key = (format!("by({field})"), value);
            match out[first..].iter_mut().find(|group| group.by.last() == Some(&key)) {
                Some(group) => group.rows.push(*row),
                None => {
                    let by = set.by.iter().cloned().chain([key]).collect();
                    out.push(Spanset { rows: vec![*row], by });
                }
            }
        }
    }

    /// `None` where no span has a value: such a set passes no comparison.
    fn scalar(&self, scalar: &Scalar, set: &Spanset) -> Option<f64> {
        match scalar {
            Scalar::Static(Static::Int(v) | Static::Duration(v)) => Some(*v as f64),
            Scalar::Static(Static::Float(v)) => Some(*v),
            Scalar::Static(_) => None,
            Scalar::Arithmetic { op, left, right } => {
                Some(calculate(*op, self.scalar(left, set)?, self.scalar(right, set)?))
            }
            Scalar::Aggregate { op: AggregateOp::Count, .. } => Some(set.rows.len() as f64),
            Scalar::Aggregate { op, of } => {
                let of = of.as_ref()?;
                let numbers: Vec<f64> =
                    set.rows.iter().filter_map(|row| first_number(of, self.span(*row))).collect();
                let sum: f64 = numbers.iter().sum();
                let some = !numbers.is_empty();
                some.then(|| match op {
                    AggregateOp::Avg => sum / numbers.len() as f64,
                    AggregateOp::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    AggregateOp::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
                    AggregateOp::Sum | AggregateOp::Count => sum,
                })
            }
        }
    }

    /// What a span shows of an attribute the query mentions.
    pub(super) fn shown(&self, attribute: &Attribute, row: usize) -> Option<super::TagValue> {
        attribute_values(attribute, self.span(row)).into_iter().next().map(super::TagValue::of)
    }
}

fn united(mut left: Vec<usize>, right: Vec<usize>) -> Vec<usize> {
    left.extend(right);
    left.sort_unstable();
    left.dedup();
    left
}
