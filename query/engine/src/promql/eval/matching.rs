//! Arithmetic and comparison between two vectors: which element meets which.
//!
//! Rows of both sides are sorted into groups of equal signature once; then each group is walked step by step, since
//! which rows have a sample, and so whether a match is unique, may differ from step to step.

use rustc_hash::FxHashMap;
use store::model::Labels;

use super::operators::pair;
use super::value::{Row, Steps};
use super::{Eval, EvalError, Evaluated, Point};
use crate::promql::ast::{Binary, Cardinality, Matching};
use crate::promql::quote::quote;

const MANY_MATCHES: &str =
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";

/// The labels two elements must agree on to meet.
pub(super) fn signature(m: &Matching, row: &Row) -> Labels {
    let labels = row.labels.filter(|name| {
        let listed = m.labels.iter().any(|l| l == name);
        if m.on { listed } else { !listed && name != Labels::METRIC_NAME }
    });
    if m.on { row.with_hidden(labels, &m.labels) } else { labels }
}

#[derive(Default)]
pub(super) struct Group {
    pub left: Vec<usize>,
    pub right: Vec<usize>,
}

/// Rows by signature, in the order the signatures first appear.
pub(super) fn groups(m: &Matching, left: &[Row], right: &[Row]) -> Vec<(Labels, Group)> {
    let mut index: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut groups: Vec<(Labels, Group)> = Vec::new();
    let sides = left.iter().map(|row| (row, true)).enumerate();
    for (at, (row, is_left)) in sides.chain(right.iter().map(|row| (row, false)).enumerate()) {
        let signature = signature(m, row);
        let slot = *index.entry(signature.clone()).or_insert_with(|| {
            groups.push((signature, Group::default()));
            groups.len() - 1
        });
        let group = &mut groups[slot].1;
        if is_left { &mut group.left } else { &mut group.right }.push(at);
    }
    groups
}

// === impl Eval ===

impl Eval<'_> {
    pub(super) fn match_vectors(
        &mut self,
        b: &Binary,
        left: Vec<Row>,
        right: Vec<Row>,
        steps: &Steps,
    ) -> Evaluated<Vec<Row>> {
        let swapped = b.matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let mut matcher =
            Matcher { b, swapped, many: &many, one: &one, len: steps.len, out: Output::default() };
        for (n, (signature, group)) in groups(&b.matching, &many, &one).iter().enumerate() {
            if n % 256 == 0 {
                self.ctx.check()?;
            }
            for i in 0..steps.len {
                matcher.step(self, signature, group, i)?;
            }
        }
        let rows = matcher.out.rows;
        self.hold(rows.len() * steps.len)?;
        Ok(rows)
    }
}

#[derive(Default)]
struct Output {
    rows: Vec<Row>,
    index: FxHashMap<Labels, usize>,
    /// The output row of a pair of input rows.
    pairs: FxHashMap<(Option<usize>, Option<usize>), usize>,
}

struct Matcher<'m> {
    b: &'m Binary,
    /// The "many" rows are the right operand's.
    swapped: bool,
    many: &'m [Row],
    one: &'m [Row],
    len: usize,
    out: Output,
}

// === impl Matcher ===

impl Matcher<'_> {
    fn step(&mut self, eval: &mut Eval<'_>, signature: &Labels, group: &Group, i: usize) -> Evaluated<()> {
        let mut present = group.right.iter().copied().filter(|at| self.one[*at].has(i));
        let one = present.next();
        if let (Some(first), Some(second)) = (one, present.next()) {
            return Err(self.duplicates(signature, first, second));
        }
        let (fill_many, fill_one) = (self.b.matching.fill_left, self.b.matching.fill_right);
        let one_point = one.and_then(|at| self.one[at].get(i)).or(fill_one.map(Point::Float));
        let mut matched = false;
        for at in &group.left {
            let Some(many_point) = self.many[*at].get(i) else { continue };
            let one_to_one = self.b.matching.cardinality == Cardinality::OneToOne;
            if matched && one_to_one && one_point.is_some() {
                return Err(EvalError::execution(MANY_MATCHES));
            }
            matched = true;
            if let Some(one_point) = &one_point {
                self.put(eval, (Some(*at), one), &many_point, one_point, i)?;
            }
        }
        match (matched, one, &one_point, fill_many) {
            (false, Some(_), Some(one_point), Some(fill)) => {
                self.put(eval, (None, one), &Point::Float(fill), one_point, i)
            }
            _ => Ok(()),
        }
    }

    fn put(
        &mut self,
        eval: &mut Eval<'_>,
        key: (Option<usize>, Option<usize>),
        many: &Point,
        one: &Point,
        i: usize,
    ) -> Evaluated<()> {
        let b = self.b;
        let (lhs, rhs) = if self.swapped { (one, many) } else { (many, one) };
        // A filter keeps the value of the left operand, whichever side has the many.
        let Some(point) = pair(b.op, lhs, rhs, b.return_bool, false, &mut eval.notes) else {
            return Ok(());
        };
        let at = self.output_row(key);
        let one_to_one = b.matching.cardinality == Cardinality::OneToOne;
        if self.out.rows[at].has(i) {
            let grouped = "multiple matches for labels: grouping labels must ensure unique matches";
            return Err(EvalError::execution(if one_to_one { MANY_MATCHES } else { grouped }));
        }
        self.out.rows[at].set(i, point);
        Ok(())
    }

    fn output_row(&mut self, key: (Option<usize>, Option<usize>)) -> usize {
        if let Some(at) = self.out.pairs.get(&key) {
            return *at;
        }
        let labels = self.result_labels(key);
        let at = *self.out.index.entry(labels.clone()).or_insert_with(|| {
            let mut row = Row::empty(labels, self.len);
            row.drop_name = !self.b.op.is_comparison() || self.b.return_bool;
            self.out.rows.push(row);
            self.out.rows.len() - 1
        });
        if let Some(many) = key.0 {
            self.out.rows[at].drop_name |= self.many[many].drop_name;
        }
        self.out.pairs.insert(key, at);
        at
    }

    fn result_labels(&self, (many, one): (Option<usize>, Option<usize>)) -> Labels {
        let m = &self.b.matching;
        let base = many.map(|at| &self.many[at]).or(one.map(|at| &self.one[at]));
        let Some(base) = base else { return Labels::default() };
        let drops_name = !self.b.op.is_comparison() || self.b.return_bool || base.drop_name;
        if m.cardinality == Cardinality::OneToOne || many.is_none() {
            let labels = signature(m, base);
            let name = base.labels.get(Labels::METRIC_NAME);
            // A filter keeps the metric's name unless `on` leaves it out.
            return match name {
                Some(name) if !drops_name && !m.on && many.is_some() => {
                    with(&labels, [(Labels::METRIC_NAME, name)])
                }
                _ => labels,
            };
        }
        let labels = if drops_name { super::without_name(&base.labels) } else { base.labels.clone() };
        let one = one.map(|at| &self.one[at]);
        let value = |name: &str| one.and_then(|row| row.labels.get(name).or_else(|| row.hidden.get(name)));
        let included = m.include.iter().map(|name| (name.as_str(), value(name).unwrap_or("")));
        if m.include.is_empty() { labels } else { with(&labels, included) }
    }

    fn duplicates(&self, signature: &Labels, first: usize, second: usize) -> EvalError {
        let side = if self.swapped { "left" } else { "right" };
        let show = |at: usize| show_labels(&self.one[at].labels);
        EvalError::execution(format!(
            "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
            show_labels(signature),
            show(first),
            show(second),
        ))
    }
}

/// Labels with some set anew; an empty value removes one.
pub(crate) fn with<'l>(labels: &Labels, set: impl IntoIterator<Item = (&'l str, &'l str)>) -> Labels {
    let new = set.into_iter().map(|(n, v)| (n.into(), v.into()));
    Labels::new(labels.pairs().iter().cloned().chain(new).collect::<Vec<_>>())
}

/// Labels as messages show them.
pub(crate) fn show_labels(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(n, v)| format!("{n}={}", quote(v))).collect();
    format!("{{{}}}", pairs.join(", "))
}
