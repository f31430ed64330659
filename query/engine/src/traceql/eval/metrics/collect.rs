//! Spans to series: a group for each set of values, a point for each step.

use std::hash::{Hash as _, Hasher as _};

use rustc_hash::{FxHashMap, FxHasher};
use store::ScanControl;
use store::model::{Field, RequestCtx, Value};

use super::super::TagValue;
use super::super::trace::duration_of;
use super::super::value::{SpanRef, Val, Vals, attribute_values};
use super::{NAME, Series, Steps};
use crate::logql::EvalError;
use crate::traceql::ast::{Attribute, Metrics, Scope};
use crate::traceql::table::{Intrinsic, MetricsOp};

/// Label of a histogram's bucket: its upper end.
const BUCKET: &str = "__bucket";

/// What a series keeps of a step.
#[derive(Clone, Copy, Default)]
struct Point {
    /// A span counts once, or as often as its sampler says.
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
}

struct Group {
    key: Vec<Option<TagValue>>,
    points: Vec<Point>,
    /// Only for quantiles: the values of each step.
    values: Vec<Vec<f64>>,
}

pub(super) struct Collector<'a> {
    ctx: &'a RequestCtx,
    steps: Steps,
    metrics: &'a Metrics,
    extrapolate: bool,
    /// Whether the stream alone decides the group.
    by_stream: bool,
    /// By the stream's number, in that block.
    of_stream: Vec<Option<usize>>,
    block: u64,
    index: FxHashMap<u64, Vec<usize>>,
    groups: Vec<Group>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(
        ctx: &'a RequestCtx,
        steps: Steps,
        metrics: &'a Metrics,
        extrapolate: bool,
    ) -> Collector<'a> {
        let of_stream = |by: &Attribute| {
            matches!(
                by,
                Attribute::Named { scope: Scope::Resource | Scope::Instrumentation, parent: false, .. }
                    | Attribute::Intrinsic(
                        Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion
                    )
            )
        };
        Collector {
            ctx,
            steps,
            metrics,
            extrapolate,
            by_stream: metrics.op != MetricsOp::Histogram && metrics.by.iter().all(of_stream),
            of_stream: Vec::new(),
            block: 0,
            index: FxHashMap::default(),
            groups: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, span: SpanRef<'_>, block: u64) -> Result<ScanControl, EvalError> {
        let Some(step) = self.steps.index(span.batch.times()[span.row]) else {
            return Ok(ScanControl::Continue);
        };
        let Some(value) = value_of(self.metrics, span) else { return Ok(ScanControl::Continue) };
        let Some(group) = self.group(span, block)? else { return Ok(ScanControl::Continue) };
        let weight = if self.extrapolate { weight_of(span) } else { 1.0 };
        let group = &mut self.groups[group];
        if self.metrics.op == MetricsOp::Quantile {
            self.ctx.budget.take(size_of::<f64>() as u64)?;
            group.values[step].push(value);
        }
        let point = &mut group.points[step];
        (point.min, point.max) = match point.count {
            0.0 => (value, value),
            _ => (point.min.min(value), point.max.max(value)),
        };
        point.count += weight;
        point.sum += value * weight;
        Ok(ScanControl::Continue)
    }

    /// Adds spans like this one, so many a step; only for functions that count.
    pub(super) fn add_counts(&mut self, span: SpanRef<'_>, counts: &[i64]) -> Result<(), EvalError> {
        if let Some(group) = self.group_by_values(span)? {
            let points = self.groups[group].points.iter_mut();
            points.zip(counts).for_each(|(point, count)| point.count += *count as f64);
        }
        Ok(())
    }

    fn group(&mut self, span: SpanRef<'_>, block: u64) -> Result<Option<usize>, EvalError> {
        if !self.by_stream {
            return self.group_by_values(span);
        }
        if block != self.block {
            self.of_stream.clear();
            self.of_stream.resize(span.batch.streams().len(), None);
            self.block = block;
        }
        let stream = span.batch.row_streams()[span.row] as usize;
        if let Some(group) = self.of_stream.get(stream).copied().flatten() {
            return Ok(Some(group));
        }
        let group = self.group_by_values(span)?;
        if let Some(known) = self.of_stream.get_mut(stream) {
            *known = group;
        }
        Ok(group)
    }

    fn group_by_values(&mut self, span: SpanRef<'_>) -> Result<Option<usize>, EvalError> {
        let mut hasher = FxHasher::default();
        let by = &self.metrics.by;
        let values: [Vals<'_>; 5] =
            std::array::from_fn(|at| by.get(at).map_or(Vals::None, |by| attribute_values(by, span)));
        values.iter().take(by.len()).for_each(|value| hash(value.first(), &mut hasher));
        let bucket = match self.metrics.op {
            MetricsOp::Histogram => match bucket_of(self.metrics, span) {
                Some(bucket) => Some(bucket),
                None => return Ok(None),
            },
            _ => None,
        };
        bucket.map(f64::to_bits).hash(&mut hasher);
        let hash = hasher.finish();
        let same = |group: &Group| {
            let mut key = group.key.iter();
            values.iter().take(by.len()).zip(&mut key).all(|(value, known)| is(value.first(), known))
                && bucket.is_none_or(|bucket| key.next() == Some(&Some(TagValue::Float(bucket))))
        };
        let known = self.index.get(&hash).and_then(|at| at.iter().find(|at| same(&self.groups[**at])));
        if let Some(group) = known {
            return Ok(Some(*group));
        }
        let count = self.steps.count;
        self.ctx.budget.take((count * size_of::<Point>() + 512) as u64)?;
        let mut key: Vec<Option<TagValue>> =
            values.iter().take(by.len()).map(|value| value.first().cloned().map(TagValue::of)).collect();
        key.extend(bucket.map(|bucket| Some(TagValue::Float(bucket))));
        let values =
            if self.metrics.op == MetricsOp::Quantile { vec![Vec::new(); count] } else { Vec::new() };
        self.groups.push(Group { key, points: vec![Point::default(); count], values });
        self.index.entry(hash).or_default().push(self.groups.len() - 1);
        Ok(Some(self.groups.len() - 1))
    }

    pub(super) fn finish(self) -> Vec<Series> {
        let mut out = Vec::new();
        for group in self.groups {
            let labels = labels(self.metrics, group.key);
            if self.metrics.op != MetricsOp::Quantile {
                let values = group.points.iter().map(|point| reduced(self.metrics.op, point, &self.steps));
                out.push(Series { labels, values: values.collect(), exemplars: Vec::new() });
                continue;
            }
            let mut steps = group.values;
            for q in &self.metrics.numbers {
                let mut labels = labels.clone();
                labels.push(("p".to_string(), Some(TagValue::Float(*q))));
                let values = steps.iter_mut().map(|values| match values.is_empty() {
                    true => f64::NAN,
                    false => crate::logql::quantile(*q, values),
                });
                out.push(Series { labels, values: values.collect(), exemplars: Vec::new() });
            }
        }
        out
    }
}

/// What a span lacks is left out; a series of spans that lack everything says so once.
fn labels(metrics: &Metrics, key: Vec<Option<TagValue>>) -> Vec<(String, Option<TagValue>)> {
    let names = metrics.by.iter().map(ToString::to_string).chain([BUCKET.to_string()]);
    let mut labels: Vec<(String, Option<TagValue>)> =
        names.zip(key).filter(|(_, value)| value.is_some()).collect();
    if labels.is_empty() {
        labels.push(match metrics.by.first() {
            Some(by) => (by.to_string(), None),
            None => (NAME.to_string(), Some(TagValue::Text(metrics.op.name().to_string()))),
        });
    }
    labels
}

/// Counts are zero where nothing was; other functions have no value there.
fn reduced(op: MetricsOp, point: &Point, steps: &Steps) -> f64 {
    match op {
        MetricsOp::Rate => point.count * 1e9 / steps.step as f64,
        MetricsOp::Count | MetricsOp::Histogram => point.count,
        _ if point.count == 0.0 => f64::NAN,
        MetricsOp::Min => point.min,
        MetricsOp::Max => point.max,
        MetricsOp::Avg => point.sum / point.count,
        MetricsOp::Sum | MetricsOp::Quantile | MetricsOp::Compare => point.sum,
    }
}

/// What is aggregated; durations count in seconds, as in Tempo's answers.
pub(super) fn value_of(metrics: &Metrics, span: SpanRef<'_>) -> Option<f64> {
    match &metrics.of {
        None => Some(1.0),
        Some(Attribute::Intrinsic(Intrinsic::Duration)) => {
            Some(duration_of(span.batch, span.row) as f64 / 1e9)
        }
        Some(attribute) => match attribute_values(attribute, span).first()? {
            Val::Duration(nanos) => Some(*nanos as f64 / 1e9),
            other => other.number(),
        },
    }
}

/// The next power of two, of nanoseconds for durations (told in seconds).
fn bucket_of(metrics: &Metrics, span: SpanRef<'_>) -> Option<f64> {
    let (whole, unit) = match attribute_values(metrics.of.as_ref()?, span).first()? {
        Val::Duration(nanos) => (*nanos, 1e9),
        Val::Int(value) => (*value, 1.0),
        Val::Float(value) => (value.ceil() as i64, 1.0),
        _ => return None,
    };
    let whole = u64::try_from(whole).ok().filter(|value| *value >= 2)?;
    whole.checked_next_power_of_two().map(|bucket| bucket as f64 / unit)
}

/// How many spans one stands for: OTel's probability sampling puts its threshold into the trace state.
fn weight_of(span: SpanRef<'_>) -> f64 {
    let state = span.batch.field(span.row, Field::TraceState).and_then(Value::as_str).unwrap_or_default();
    let vendor = state.split(',').find_map(|member| member.trim().strip_prefix("ot="));
    let threshold = vendor.and_then(|ot| ot.split(';').find_map(|part| part.strip_prefix("th:")));
    let Some(digits) = threshold.filter(|th| (1..=14).contains(&th.len())) else { return 1.0 };
    let Ok(rejected) = u64::from_str_radix(digits, 16) else { return 1.0 };
    let share = rejected as f64 / 16f64.powi(digits.len() as i32);
    1.0 / (1.0 - share)
}

fn hash(value: Option<&Val<'_>>, hasher: &mut FxHasher) {
    match value {
        None => 0u8.hash(hasher),
        Some(Val::Int(v)) => (1u8, v).hash(hasher),
        Some(Val::Float(v)) => (2u8, v.to_bits()).hash(hasher),
        Some(Val::Duration(v)) => (3u8, v).hash(hasher),
        Some(Val::Text(v)) => (4u8, v.as_bytes()).hash(hasher),
        Some(Val::Bool(v)) => (5u8, v).hash(hasher),
        Some(Val::Status(v)) => (6u8, *v as u8).hash(hasher),
        Some(Val::Kind(v)) => (7u8, *v as u8).hash(hasher),
    }
}

fn is(value: Option<&Val<'_>>, known: &Option<TagValue>) -> bool {
    match (value, known) {
        (None, None) => true,
        (Some(Val::Int(a)), Some(TagValue::Int(b)))
        | (Some(Val::Duration(a)), Some(TagValue::Duration(b))) => a == b,
        (Some(Val::Float(a)), Some(TagValue::Float(b))) => a.to_bits() == b.to_bits(),
        (Some(Val::Text(a)), Some(TagValue::Text(b))) => a.as_ref() == b,
        (Some(Val::Bool(a)), Some(TagValue::Bool(b))) => a == b,
        (Some(Val::Status(a)), Some(TagValue::Keyword(b))) => a.name() == *b,
        (Some(Val::Kind(a)), Some(TagValue::Keyword(b))) => a.name() == *b,
        _ => false,
    }
}
