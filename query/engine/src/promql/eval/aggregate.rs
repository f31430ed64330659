//! Aggregations. Those that need one number per group take the operand's rows as they come and hold only groups.

use std::sync::Arc;

use store::model::Labels;

use super::grouping::Grouping;
use super::value::{Row, Steps, Value, is_absent};
use super::{Eval, Evaluated, Notes, Point};
use crate::promql::ast::{Aggregate, AggregateOp};
use crate::promql::histogram::{Histogram, Total};
use crate::promql::kahan;

// === impl Eval ===

impl Eval<'_> {
    pub(super) fn aggregate(&mut self, a: &Aggregate, steps: &Steps) -> Evaluated<Value> {
        let rows = match a.op {
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio => {
                self.choose(a, steps)?
            }
            AggregateOp::Quantile => self.quantile(a, steps)?,
            AggregateOp::CountValues => self.count_values(a, steps)?,
            _ => self.fold(a, steps)?,
        };
        Ok(Value::Vector(rows))
    }

    fn fold(&mut self, a: &Aggregate, steps: &Steps) -> Evaluated<Vec<Row>> {
        let mut grouping = Grouping::new(a);
        let mut groups: Vec<Group> = Vec::new();
        let span = a.expr.span();
        self.for_each(&a.expr, steps, &mut |eval, row| {
            let at = grouping.of(&row);
            if let Some(labels) = grouping.labels().get(groups.len()) {
                eval.hold(steps.len * 3)?;
                groups.push(Group::new(labels.clone(), row.drop_name, steps.len));
            }
            groups[at].add(a.op, &row);
            Ok(())
        })?;
        self.notes.about(span, "");
        let rows = groups.into_iter().map(|group| group.finish(a.op, &mut self.notes));
        Ok(rows.filter(|row| !row.is_empty()).collect())
    }
}

struct Group {
    row: Row,
    /// Compensation of sums, or the running mean of deviations.
    extra: Vec<f64>,
    counts: Vec<u32>,
    /// Every step has had a float.
    is_under_way: bool,
    /// Set at steps with histograms.
    histograms: Option<Vec<HistogramSum>>,
}

#[derive(Clone, Default)]
struct HistogramSum {
    sum: Option<Total>,
    count: u32,
    incompatible: bool,
}

// === impl Group ===

impl Group {
    fn new(labels: Labels, drop_name: bool, len: usize) -> Self {
        let mut row = Row::empty(labels, len);
        row.drop_name = drop_name;
        Self { row, extra: vec![0.0; len], counts: vec![0; len], is_under_way: false, histograms: None }
    }

    fn add(&mut self, op: AggregateOp, row: &Row) {
        self.row.drop_name |= row.drop_name;
        if row.histograms.is_none() {
            match op {
                AggregateOp::Count | AggregateOp::Group => return self.count(&row.floats),
                AggregateOp::Sum if self.is_under_way && row.is_dense() => {
                    return self.add_dense(&row.floats);
                }
                _ => {}
            }
        }
        for (i, value) in row.floats.iter().enumerate() {
            if !is_absent(*value) {
                self.add_float(op, i, *value);
            }
        }
        self.is_under_way = self.counts.iter().all(|count| *count > 0);
        let len = row.floats.len();
        for (i, h) in row.histograms.iter().flatten().enumerate() {
            if let Some(h) = h {
                let all = self.histograms.get_or_insert_with(|| vec![HistogramSum::default(); len]);
                all[i].add(op, h);
            }
        }
    }

    fn count(&mut self, floats: &[f64]) {
        for (count, value) in self.counts.iter_mut().zip(floats) {
            *count += u32::from(!is_absent(*value));
        }
    }

    /// Adds a float to the sum of every step.
    fn add_dense(&mut self, floats: &[f64]) {
        self.counts.iter_mut().for_each(|count| *count += 1);
        for ((slot, extra), value) in self.row.floats.iter_mut().zip(&mut self.extra).zip(floats) {
            kahan::add(*value, slot, extra);
        }
    }

    fn add_float(&mut self, op: AggregateOp, i: usize, value: f64) {
        let (slot, extra) = (&mut self.row.floats[i], &mut self.extra[i]);
        self.counts[i] += 1;
        let first = self.counts[i] == 1;
        match op {
            AggregateOp::Sum | AggregateOp::Avg | AggregateOp::Stddev | AggregateOp::Stdvar if first => {
                *slot = if matches!(op, AggregateOp::Sum | AggregateOp::Avg) { value } else { 0.0 };
                *extra = if matches!(op, AggregateOp::Sum | AggregateOp::Avg) { 0.0 } else { value };
                if !value.is_finite() && matches!(op, AggregateOp::Stddev | AggregateOp::Stdvar) {
                    *slot = f64::NAN;
                }
            }
            AggregateOp::Sum => kahan::add(value, slot, extra),
            AggregateOp::Avg => add_to_mean(slot, extra, value, self.counts[i]),
            AggregateOp::Stddev | AggregateOp::Stdvar => {
                let delta = value - *extra;
                *extra += delta / f64::from(self.counts[i]);
                *slot += delta * (value - *extra);
            }
            AggregateOp::Min if first || value < *slot || slot.is_nan() => *slot = value,
            AggregateOp::Max if first || value > *slot || slot.is_nan() => *slot = value,
            _ => {}
        }
    }

    fn finish(mut self, op: AggregateOp, notes: &mut Notes) -> Row {
        for i in 0..self.counts.len() {
            let count = f64::from(self.counts[i]);
            if self.counts[i] > 0 {
                let (value, extra) = (self.row.floats[i], self.extra[i]);
                self.row.floats[i] = match op {
                    AggregateOp::Sum if value.is_infinite() => value,
                    AggregateOp::Sum => value + extra,
                    AggregateOp::Avg => finish_mean(value, extra, count),
                    AggregateOp::Count => count,
                    AggregateOp::Group => 1.0,
                    AggregateOp::Stdvar => value / count,
                    AggregateOp::Stddev => (value / count).sqrt(),
                    _ => value,
                };
            }
            if let Some(sum) = self.histograms.as_mut().map(|all| std::mem::take(&mut all[i])) {
                self.finish_histogram(op, i, sum, notes);
            }
        }
        self.row
    }

    fn finish_histogram(&mut self, op: AggregateOp, i: usize, sum: HistogramSum, notes: &mut Notes) {
        if sum.count == 0 {
            return;
        }
        match op {
            AggregateOp::Count => self.row.floats[i] = f64::from(self.counts[i] + sum.count),
            AggregateOp::Group => self.row.floats[i] = 1.0,
            AggregateOp::Sum | AggregateOp::Avg => {
                if self.counts[i] > 0 {
                    self.row.clear(i);
                    notes.warn("encountered a mix of histograms and floats for aggregation");
                } else if sum.incompatible {
                    notes.mixed_buckets();
                } else if let Some(total) = sum.sum {
                    let mean = op == AggregateOp::Avg;
                    let (h, clash) = if mean { total.finish_mean() } else { total.finish() };
                    notes.clash(clash, "aggregation");
                    self.row.set(i, Point::Histogram(Arc::new(h.compact())));
                }
            }
            _ => notes.info(&format!("ignored histogram in {} aggregation", op.name())),
        }
    }
}

impl HistogramSum {
    fn add(&mut self, op: AggregateOp, h: &Histogram) {
        self.count += 1;
        if !matches!(op, AggregateOp::Sum | AggregateOp::Avg) {
            return;
        }
        self.sum = match self.sum.take() {
            None if self.incompatible => None,
            None => Some(Total::new(h)),
            Some(sum) => {
                let added = if op == AggregateOp::Avg { sum.add_to_mean(h) } else { sum.add(h) };
                added.map_err(|_| self.incompatible = true).ok()
            }
        };
    }
}

/// A mean is a sum until that would overflow; from then on `extra` is NaN and the slot holds the running mean.
fn add_to_mean(slot: &mut f64, extra: &mut f64, value: f64, count: u32) {
    let n = f64::from(count);
    if !extra.is_nan() {
        let (mut sum, mut compensation) = (*slot, *extra);
        kahan::add(value, &mut sum, &mut compensation);
        if sum.is_finite() || !slot.is_finite() || !value.is_finite() {
            (*slot, *extra) = (sum, compensation);
            if extra.is_nan() {
                // NaN or infinite input: the sum says so itself.
                *extra = 0.0;
            }
            return;
        }
        *slot = *slot / (n - 1.0) + *extra / (n - 1.0);
        *extra = f64::NAN;
    }
    *slot += value / n - *slot / n;
}

fn finish_mean(value: f64, extra: f64, count: f64) -> f64 {
    if extra.is_nan() {
        value
    } else if value.is_finite() {
        value / count + extra / count
    } else {
        value
    }
}
