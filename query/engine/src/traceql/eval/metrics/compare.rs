//! `compare({ ... })`: how often each value of each attribute is there, among the selected spans and among the others.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use store::ScanControl;
use store::model::{Attributes, RequestCtx};

use super::super::TagValue;
use super::super::value::{SpanRef, holds, intrinsic_text};
use super::{Series, Steps};
use crate::logql::EvalError;
use crate::traceql::ast::{Compare, Metrics};
use crate::traceql::table::Intrinsic;

const META: &str = "__meta_type";
const SELECTION: usize = 1;
/// Values of an attribute that are told apart; what has more is an id, and compares nothing.
const VALUES_MAX: usize = 20_000;
/// Intrinsics that are compared like attributes.
const INTRINSICS: [Intrinsic; 6] = [
    Intrinsic::Name,
    Intrinsic::Kind,
    Intrinsic::Status,
    Intrinsic::StatusMessage,
    Intrinsic::RootName,
    Intrinsic::RootService,
];

/// Spans by step: most values are rare, so only steps that have some are kept, in the order they came.
#[derive(Default)]
struct Count {
    total: u64,
    steps: Vec<(u32, u32)>,
}

/// Of one attribute: in the baseline and in the selection.
#[derive(Default)]
struct Counts {
    values: [FxHashMap<String, (TagValue, Count)>; 2],
    totals: [Count; 2],
}

pub(super) struct Comparer<'a> {
    ctx: &'a RequestCtx,
    steps: Steps,
    compare: Option<&'a Compare>,
    counts: BTreeMap<String, Counts>,
}

impl<'a> Comparer<'a> {
    pub(super) fn new(ctx: &'a RequestCtx, steps: Steps, metrics: &'a Metrics) -> Comparer<'a> {
        Comparer { ctx, steps, compare: metrics.compare.as_ref(), counts: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, span: SpanRef<'_>) -> Result<ScanControl, EvalError> {
        let time = span.batch.times()[span.row];
        let (Some(step), Some(compare)) = (self.steps.index(time), self.compare) else {
            return Ok(ScanControl::Continue);
        };
        let within = compare.within.is_none_or(|(start, end)| time > start && time <= end);
        let side = usize::from(within && holds(&compare.selection, span));
        let place = (side, step as u32);
        let stream = span.batch.stream(span.row);
        self.attributes("resource.", &stream.resource, place)?;
        self.attributes("instrumentation.", &stream.scope_attributes, place)?;
        for (key, value) in span.batch.attributes(span.row) {
            self.count("span.", key, TagValue::of_value(value), place)?;
        }
        for intrinsic in INTRINSICS {
            self.count("", intrinsic.name(), intrinsic_text(intrinsic, span), place)?;
        }
        Ok(ScanControl::Continue)
    }

    fn attributes(&mut self, scope: &str, of: &Attributes, place: (usize, u32)) -> Result<(), EvalError> {
        of.iter().try_for_each(|(key, value)| self.count(scope, key, TagValue::of_value(value), place))
    }

    fn count(
        &mut self,
        scope: &str,
        key: &str,
        value: Option<TagValue>,
        (side, step): (usize, u32),
    ) -> Result<(), EvalError> {
        let Some(value) = value else { return Ok(()) };
        let name = [scope, key].concat();
        let counts = match self.counts.get_mut(&name) {
            Some(counts) => counts,
            None => self.counts.entry(name).or_default(),
        };
        counts.totals[side].add(step);
        let text = value.text();
        let values = &mut counts.values[side];
        if let Some((_, count)) = values.get_mut(&text) {
            count.add(step);
        } else if values.len() < VALUES_MAX {
            self.ctx.budget.take((text.len() * 2 + 160) as u64)?;
            let mut count = Count::default();
            count.add(step);
            values.insert(text, (value, count));
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<Series> {
        let top = self.compare.map_or(0, |compare| compare.top);
        let mut out = Vec::new();
        for (name, counts) in self.counts {
            for (side, values) in counts.values.into_iter().enumerate() {
                let mut values: Vec<(TagValue, Count)> = values.into_values().collect();
                values.sort_by(|a, b| b.1.total.cmp(&a.1.total).then_with(|| a.0.text().cmp(&b.0.text())));
                let meta = if side == SELECTION { "selection" } else { "baseline" };
                for (value, count) in values.into_iter().take(top) {
                    out.push(series(meta, &name, Some(value), &count, &self.steps));
                }
                if counts.totals[side].total > 0 {
                    out.push(series(
                        &format!("{meta}_total"),
                        &name,
                        None,
                        &counts.totals[side],
                        &self.steps,
                    ));
                }
            }
        }
        out
    }
}

impl Count {
    fn add(&mut self, step: u32) {
        self.total += 1;
        match self.steps.iter_mut().rev().take(2).find(|(known, _)| *known == step) {
            Some((_, count)) => *count += 1,
            None => self.steps.push((step, 1)),
        }
    }
}

fn series(meta: &str, name: &str, value: Option<TagValue>, count: &Count, steps: &Steps) -> Series {
    let mut values = vec![0.0; steps.count];
    for (step, count) in &count.steps {
        values[*step as usize] += f64::from(*count);
    }
    let labels = vec![(META.to_string(), Some(TagValue::Text(meta.to_string()))), (name.to_string(), value)];
    Series { labels, values, exemplars: Vec::new() }
}
