//! Metric expressions over all steps at once: a value per series and step.

use rustc_hash::FxHashMap;
use store::model::{Labels, RequestCtx};
use store::{ScanStats, Snapshot};

use super::error::EvalError;
use super::operators;
use super::range;
use super::window::variance;
use super::{MetricSeries, Steps, VectorSample};
use crate::logql::ast::{
    At, Grouping, LabelReplace, MetricExpr, MetricKind, RangeAggregation, VectorAggregation,
};
use crate::logql::table::{RangeOp, VectorOp};

/// One series; steps without a value are `None`.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) values: Vec<Option<f64>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct SeriesSet {
    pub(super) series: Vec<Series>,
    /// The order says something (`sort`, `topk`) and is kept in instant answers.
    pub(super) ordered: bool,
}

impl SeriesSet {
    pub(super) fn new(series: Vec<Series>) -> SeriesSet {
        SeriesSet { series, ordered: false }
    }

    fn constant(value: f64, steps: Steps) -> SeriesSet {
        let values = vec![Some(value); steps.count];
        SeriesSet::new(vec![Series { labels: Labels::default(), values }])
    }

    pub(super) fn first_value(&self) -> Option<f64> {
        self.series.first().and_then(|series| series.values.first().copied().flatten())
    }

    pub(super) fn into_matrix(mut self, steps: Steps) -> Vec<MetricSeries> {
        self.series.sort_by(|a, b| a.labels.cmp(&b.labels));
        let points = |series: &Series| {
            let values = series.values.iter().enumerate();
            values.filter_map(|(index, value)| Some((steps.time(index), (*value)?))).collect::<Vec<_>>()
        };
        let all = self.series.iter().map(|s| MetricSeries { labels: s.labels.clone(), points: points(s) });
        all.filter(|series| !series.points.is_empty()).collect()
    }

    pub(super) fn into_vector(mut self, steps: Steps) -> Vec<VectorSample> {
        if !self.ordered {
            self.series.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        let time = steps.last();
        let first = |series: Series| {
            let value = series.values.first().copied().flatten()?;
            Some(VectorSample { labels: series.labels, time, value })
        };
        self.series.into_iter().filter_map(first).collect()
    }
}

pub(super) struct Evaluator<'a> {
    pub(super) ctx: &'a RequestCtx,
    pub(super) snapshot: &'a Snapshot,
    pub(super) steps: Steps,
    pub(super) stats: ScanStats,
}

impl Evaluator<'_> {
    pub(super) fn eval(&mut self, expr: &MetricExpr) -> Result<SeriesSet, EvalError> {
        self.ctx.check()?;
        match &expr.kind {
            MetricKind::Literal(value) | MetricKind::Constant(value) => {
                Ok(SeriesSet::constant(*value, self.steps))
            }
            MetricKind::Range(range) => self.range(range, None, None),
            MetricKind::Vector(vector) => self.vector(vector),
            MetricKind::LabelReplace(replace) => {
                let set = self.eval(&replace.inner)?;
                label_replace(replace, set)
            }
            MetricKind::Binary(binary) => {
                let left = self.eval(&binary.left)?;
                let right = self.eval(&binary.right)?;
                operators::apply(binary, left, right, self.steps)
            }
        }
    }

    fn range(
        &mut self,
        range: &RangeAggregation,
        grouping: Option<&Grouping>,
        keep: Option<usize>,
    ) -> Result<SeriesSet, EvalError> {
        let steps = match range.at {
            None => self.steps,
            Some(At::Start) => Steps::once(self.steps.start),
            Some(At::End) => Steps::once(self.steps.last()),
            Some(At::Time(nanos)) => Steps::once(nanos),
        };
        let (mut set, stats) = range::aggregate(self.ctx, self.snapshot, range, grouping, keep, steps)?;
        if range.at.is_some() {
            for series in &mut set.series {
                series.values = vec![series.values.first().copied().flatten(); self.steps.count];
            }
        }
        self.stats.add(&stats);
        Ok(set)
    }

    fn vector(&mut self, vector: &VectorAggregation) -> Result<SeriesSet, EvalError> {
        self.vector_of(vector, None)
    }

    /// With `keep`, of the series only so many of the largest are needed.
    fn vector_of(&mut self, vector: &VectorAggregation, keep: Option<usize>) -> Result<SeriesSet, EvalError> {
        let none = Grouping { without: false, labels: Vec::new() };
        let grouping = vector.grouping.as_ref().unwrap_or(&none);
        if let MetricKind::Range(range) = &vector.inner.kind
            && groups_at_once(vector.op, range)
            && !grouping.without
        {
            return self.range(range, Some(grouping), keep);
        }
        let top = matches!(vector.op, VectorOp::Topk | VectorOp::ApproxTopk) && vector.grouping.is_none();
        let inner = match &vector.inner.kind {
            MetricKind::Vector(inner) if top && inner.op == VectorOp::Sum => {
                self.vector_of(inner, Some(vector.param.unwrap_or(1) as usize))?
            }
            _ => self.eval(&vector.inner)?,
        };
        Ok(match vector.op {
            VectorOp::Sort | VectorOp::SortDesc => sorted(inner, vector.op == VectorOp::SortDesc),
            VectorOp::Topk | VectorOp::ApproxTopk => {
                selected(inner, grouping, vector.param.unwrap_or(1), true, self.steps)
            }
            VectorOp::Bottomk => selected(inner, grouping, vector.param.unwrap_or(1), false, self.steps),
            op => reduced(op, inner, grouping, self.steps),
        })
    }
}

/// Whether the aggregation over series is the same as the range aggregation over larger groups of rows.
fn groups_at_once(op: VectorOp, range: &RangeAggregation) -> bool {
    if range.grouping.is_some() {
        return false;
    }
    match op {
        VectorOp::Sum => matches!(
            range.op,
            RangeOp::Count | RangeOp::Rate | RangeOp::Bytes | RangeOp::BytesRate | RangeOp::Sum
        ),
        VectorOp::Min => range.op == RangeOp::Min,
        VectorOp::Max => range.op == RangeOp::Max,
        _ => false,
    }
}

/// The labels a group has, given those of a member.
fn group_labels(labels: &Labels, grouping: &Grouping) -> Labels {
    labels.filter(|name| grouping.labels.iter().any(|wanted| wanted == name) != grouping.without)
}

fn grouped(set: &SeriesSet, grouping: &Grouping) -> Vec<(Labels, Vec<usize>)> {
    let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut groups: Vec<(Labels, Vec<usize>)> = Vec::new();
    for (index, series) in set.series.iter().enumerate() {
        let labels = group_labels(&series.labels, grouping);
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            groups.push((labels, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(index);
    }
    groups
}

fn reduced(op: VectorOp, set: SeriesSet, grouping: &Grouping, steps: Steps) -> SeriesSet {
    let groups = grouped(&set, grouping);
    let reduce = |members: &[usize], step: usize| {
        let values: Vec<f64> = members.iter().filter_map(|index| set.series[*index].values[step]).collect();
        let count = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let all = values.iter().copied();
        Some(match op {
            VectorOp::Avg => all.sum::<f64>() / count,
            VectorOp::Min => all.fold(f64::INFINITY, f64::min),
            VectorOp::Max => all.fold(f64::NEG_INFINITY, f64::max),
            VectorOp::Count => count,
            VectorOp::Stdvar => variance(all, count),
            VectorOp::Stddev => variance(all, count).sqrt(),
            _ => all.sum(),
        })
    };
    let series = groups.into_iter().map(|(labels, members)| {
        let values = (0..steps.count).map(|step| reduce(&members, step)).collect();
        Series { labels, values }
    });
    SeriesSet::new(series.collect())
}

/// The `k` largest or smallest of each group, at each step apart.
fn selected(mut set: SeriesSet, grouping: &Grouping, k: u32, largest: bool, steps: Steps) -> SeriesSet {
    for (_, members) in grouped(&set, grouping) {
        for step in 0..steps.count {
            let mut present: Vec<(f64, usize)> =
                members.iter().filter_map(|index| Some((set.series[*index].values[step]?, *index))).collect();
            present.sort_by(|a, b| compare(a.0, b.0, largest));
            for (_, index) in present.into_iter().skip(k as usize) {
                set.series[index].values[step] = None;
            }
        }
    }
    set.series.retain(|series| series.values.iter().any(Option::is_some));
    sorted(set, largest)
}

/// NaN comes last in both directions.
fn compare(a: f64, b: f64, largest: bool) -> std::cmp::Ordering {
    let nan = a.is_nan().cmp(&b.is_nan());
    let order = if largest { b.total_cmp(&a) } else { a.total_cmp(&b) };
    nan.then(order)
}

fn sorted(mut set: SeriesSet, descending: bool) -> SeriesSet {
    let first = |series: &Series| series.values.iter().copied().find_map(|value| value).unwrap_or(f64::NAN);
    set.series.sort_by(|a, b| compare(first(a), first(b), descending).then_with(|| a.labels.cmp(&b.labels)));
    set.ordered = true;
    set
}

fn label_replace(replace: &LabelReplace, mut set: SeriesSet) -> Result<SeriesSet, EvalError> {
    let mut seen: FxHashMap<Labels, ()> = FxHashMap::default();
    for series in &mut set.series {
        let source = series.labels.get(&replace.source).unwrap_or_default().to_string();
        if let Some(captures) = replace.regex.regex.captures(&source) {
            let mut value = String::new();
            captures.expand(&replace.replacement, &mut value);
            let kept = series.labels.iter().filter(|(name, _)| *name != replace.target);
            let pairs: Vec<(String, String)> = kept.map(|(n, v)| (n.to_string(), v.to_string())).collect();
            series.labels = Labels::new(pairs.into_iter().chain([(replace.target.clone(), value)]));
        }
        if seen.insert(series.labels.clone(), ()).is_some() {
            return Err(EvalError::BadQuery(format!(
                "label_replace makes two series with the labels {:?}: keep a label that tells them apart",
                series.labels
            )));
        }
    }
    Ok(set)
}
