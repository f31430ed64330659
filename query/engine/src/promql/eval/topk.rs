//! Aggregations that choose among series or need all values of a group at once.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;
use store::model::Labels;

use super::grouping::{Grouping, group_labels};
use super::matching::with;
use super::value::{Row, Steps, is_absent};
use super::{Eval, EvalError, Evaluated};
use crate::promql::ast::{Aggregate, AggregateOp};
use crate::promql::number::fmt_plain;
use crate::promql::quote::quote_bytes;

/// Quantile of values in any order; the interpolation between neighbours is linear.
pub(crate) fn quantile_of(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(nan_first);
    let rank = q * (values.len() - 1) as f64;
    let (low, high) = (rank.floor() as usize, (rank.floor() as usize + 1).min(values.len() - 1));
    let weight = rank - rank.floor();
    values[low] * (1.0 - weight) + values[high] * weight
}

/// Ascending, NaN before every number.
fn nan_first(a: &f64, b: &f64) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

// === impl Eval ===

impl Eval<'_> {
    fn grouped(&mut self, a: &Aggregate, steps: &Steps) -> Evaluated<Vec<(Labels, Vec<Row>)>> {
        let mut grouping = Grouping::new(a);
        let mut rows: Vec<Vec<Row>> = Vec::new();
        for row in self.collect(&a.expr, steps)? {
            let at = grouping.of(&row);
            rows.resize_with(grouping.labels().len(), Vec::new);
            rows[at].push(row);
        }
        Ok(grouping.labels().iter().cloned().zip(rows).collect())
    }

    fn parameter(&mut self, a: &Aggregate, steps: &Steps) -> Evaluated<Vec<f64>> {
        match &a.parameter {
            Some(parameter) => self.scalar(parameter, steps),
            None => Err(EvalError::execution("the aggregation lacks its parameter")),
        }
    }

    /// `topk`, `bottomk`, `limitk`, `limit_ratio`.
    pub(super) fn choose(&mut self, a: &Aggregate, steps: &Steps) -> Evaluated<Vec<Row>> {
        let parameter = self.parameter(a, steps)?;
        self.check_parameter(a, &parameter)?;
        let mut chosen = Vec::new();
        let mut order: Vec<(f64, usize)> = Vec::new();
        for (_, mut rows) in self.grouped(a, steps)? {
            self.ctx.check()?;
            let mut keep = vec![false; rows.len()];
            for (i, parameter) in parameter.iter().enumerate() {
                keep.fill(false);
                match a.op {
                    AggregateOp::Limitk => {
                        let present = (0..rows.len()).filter(|at| rows[*at].has(i));
                        present.take(count_of(*parameter)).for_each(|at| keep[at] = true);
                    }
                    AggregateOp::LimitRatio => {
                        (0..rows.len()).for_each(|at| keep[at] = in_ratio(&rows[at].labels, *parameter));
                    }
                    op => {
                        self.note_ignored(a, &rows, i);
                        best(&rows, i, count_of(*parameter), op == AggregateOp::Topk, &mut order);
                        order.iter().for_each(|(_, at)| keep[*at] = true);
                    }
                }
                for (row, keep) in rows.iter_mut().zip(&keep) {
                    if !keep {
                        row.clear(i);
                    }
                }
            }
            // The order of an instant query's answer is that of the values.
            if steps.len == 1 && matches!(a.op, AggregateOp::Topk | AggregateOp::Bottomk) {
                let mut slots: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
                chosen.extend(order.iter().filter_map(|(_, at)| slots[*at].take()));
            } else {
                chosen.extend(rows);
            }
        }
        chosen.retain(|row| !row.is_empty());
        Ok(chosen)
    }

    fn check_parameter(&mut self, a: &Aggregate, values: &[f64]) -> Evaluated<()> {
        let name = if a.op == AggregateOp::LimitRatio { "Ratio" } else { "Parameter" };
        if values.iter().any(|v| v.is_nan()) {
            return Err(EvalError::execution(format!("{name} value is NaN")));
        }
        if a.op == AggregateOp::LimitRatio {
            if let Some(v) = values.iter().find(|v| v.abs() > 1.0) {
                let capped = if *v > 0.0 { 1 } else { -1 };
                let message = format!(
                    "ratio value should be between -1 and 1, got {}, capping to {capped}",
                    fmt_plain(*v)
                );
                self.notes.about(a.parameter.as_ref().map_or(a.span, |p| p.span()), "");
                self.notes.warn(&message);
            }
            return Ok(());
        }
        match values.iter().find(|v| v.abs() >= 9.2e18) {
            Some(v) if *v > 0.0 => {
                Err(EvalError::execution(format!("Scalar value {} overflows int64", fmt_plain(*v))))
            }
            Some(v) => Err(EvalError::execution(format!("Scalar value {} underflows int64", fmt_plain(*v)))),
            None => Ok(()),
        }
    }

    fn note_ignored(&mut self, a: &Aggregate, rows: &[Row], i: usize) {
        if rows.iter().any(|row| row.histogram(i).is_some()) {
            self.notes.about(a.expr.span(), "");
            self.notes.info(&format!("ignored histogram in {} aggregation", a.op.name()));
        }
    }

    pub(super) fn quantile(&mut self, a: &Aggregate, steps: &Steps) -> Evaluated<Vec<Row>> {
        let parameter = self.parameter(a, steps)?;
        if let Some(q) = parameter.iter().find(|q| !(0.0..=1.0).contains(*q)) {
            self.notes.about(a.parameter.as_ref().map_or(a.span, |p| p.span()), "");
            self.notes.warn(&format!("quantile value should be between 0 and 1, got {}", fmt_plain(*q)));
        }
        let mut out = Vec::new();
        let mut values = Vec::new();
        for (labels, rows) in self.grouped(a, steps)? {
            self.ctx.check()?;
            let mut result = Row::empty(labels, steps.len);
            result.drop_name = rows.first().is_some_and(|row| row.drop_name);
            for (i, q) in parameter.iter().enumerate() {
                self.note_ignored(a, &rows, i);
                values.clear();
                values.extend(rows.iter().map(|row| row.floats[i]).filter(|v| !is_absent(*v)));
                if !values.is_empty() {
                    result.floats[i] = quantile_of(*q, &mut values);
                }
            }
            out.push(result);
        }
        out.retain(|row| !row.is_empty());
        Ok(out)
    }

    pub(super) fn count_values(&mut self, a: &Aggregate, steps: &Steps) -> Evaluated<Vec<Row>> {
        let refusal = |name: &[u8]| format!("invalid label name {}", quote_bytes(name));
        let label = match &a.parameter {
            Some(parameter) => self.label_name(parameter, steps, refusal)?,
            None => return Err(EvalError::execution(refusal(b""))),
        };
        let mut index: FxHashMap<Labels, usize> = FxHashMap::default();
        let mut out: Vec<Row> = Vec::new();
        self.for_each(&a.expr, steps, &mut |eval, row| {
            let group = group_labels(a, &row);
            for i in 0..steps.len {
                let Some(point) = row.get(i) else { continue };
                let text = match point {
                    super::Point::Float(value) => fmt_plain(value),
                    super::Point::Histogram(h) => h.to_string(),
                };
                let labels = with(&group, [(label.as_str(), text.as_str())]);
                let at = match index.get(&labels) {
                    Some(at) => *at,
                    None => {
                        eval.hold(steps.len)?;
                        out.push(Row::empty(labels.clone(), steps.len));
                        index.insert(labels, out.len() - 1);
                        out.len() - 1
                    }
                };
                let slot = &mut out[at].floats[i];
                *slot = if is_absent(*slot) { 1.0 } else { *slot + 1.0 };
            }
            Ok(())
        })?;
        Ok(out)
    }
}

fn count_of(parameter: f64) -> usize {
    // A float to integer cast saturates, so any size is fine.
    if parameter < 1.0 { 0 } else { parameter as usize }
}

/// The rows with the `count` largest (or smallest) values at a step, the best first; NaN is never better.
fn best(rows: &[Row], i: usize, count: usize, largest: bool, order: &mut Vec<(f64, usize)>) {
    order.clear();
    order
        .extend(rows.iter().enumerate().map(|(at, row)| (row.floats[i], at)).filter(|(v, _)| !is_absent(*v)));
    order.sort_by(|(a, _), (b, _)| match (a.is_nan(), b.is_nan()) {
        (false, false) if largest => nan_first(b, a),
        (false, false) => nan_first(a, b),
        (a_nan, b_nan) => a_nan.cmp(&b_nan),
    });
    order.truncate(count);
}

/// Whether a series is in the sample of `limit_ratio`: by a hash of its labels, so that the sample is stable and
/// the negative ratio chooses exactly the others.
fn in_ratio(labels: &Labels, ratio: f64) -> bool {
    use std::hash::{Hash, Hasher};
    let mut hasher = rustc_hash::FxHasher::default();
    labels.hash(&mut hasher);
    let hash = hasher.finish().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let place = (hash >> 11) as f64 / (1u64 << 53) as f64;
    if ratio >= 0.0 { place < ratio } else { place >= 1.0 + ratio }
}
