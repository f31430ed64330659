//! The cardinality fuse: a label of a metric that takes ever new values is folded.
//!
//! When a label (an attribute of data points) of a metric has had more values than its limit, series that are not known
//! yet get `__overflow__` as its value; all else of the metric, known series included, stays as it is. What is folded
//! is added up, so that sums over the metric stay right: growth is added at its time, of everything else each member's
//! change is added to a running total (see [`super::members`]).
//!
//! The state passes from head to head. After a restart it is made again from the log; members whose samples are in
//! segments by then are new to it and count once more.

use std::path::Path;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::xxh3_64;

use super::members::Members;
use crate::model::{Limits, Nested, NestedWriter, SampleGroup, Value};

/// The value that stands for all further ones.
pub(crate) const OVERFLOW: &str = "__overflow__";

/// A label that is being folded.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LabelOverflow {
    pub metric: String,
    pub label: String,
    /// Whose series came when the limit was reached.
    pub service: String,
    /// Data points that were added up instead of stored.
    pub folded_points: u64,
}

#[derive(Default)]
pub(super) struct Fuse {
    values_max: Option<usize>,
    series_max: Option<usize>,
    metrics: HashMap<Box<str>, MetricFuse, FxBuildHasher>,
    members: Members,
    /// Running totals of folded series, by identity.
    totals: HashMap<u128, Box<[f64]>, FxBuildHasher>,
    scratch: NestedWriter,
    generation: u64,
}

#[derive(Default)]
struct MetricFuse {
    /// Hashes of the values each label has had.
    values: HashMap<Arc<str>, HashSet<u64, FxBuildHasher>, FxBuildHasher>,
    folded: Vec<LabelOverflow>,
    /// Identities from before: these series stay.
    known: HashSet<u64, FxBuildHasher>,
}

/// What a group that the head does not know is to become.
pub(super) enum Verdict {
    Keep,
    /// Its attributes, one or more of them folded.
    Fold(Box<[u8]>),
}

// === impl Fuse ===

impl Fuse {
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        self.values_max = usize::try_from(limits.label_values_max).ok();
        self.series_max = usize::try_from(limits.series_per_tenant_max).ok();
    }

    pub(super) fn set_folder(&mut self, folder: &Arc<Path>) {
        self.members.set_folder(folder);
    }

    /// For the head that comes after: what was known stays known.
    pub(super) fn successor(&mut self) -> Self {
        for metric in self.metrics.values_mut() {
            // Without a folded label the next head counts anew: series that ended are no values any more.
            if metric.folded.is_empty() {
                metric.values.clear();
            }
        }
        self.metrics.retain(|_, metric| !metric.folded.is_empty());
        let mut next = std::mem::take(self);
        next.generation += 1;
        next
    }

    pub(super) fn overflows(&self) -> impl Iterator<Item = &LabelOverflow> {
        self.metrics.values().flat_map(|metric| &metric.folded)
    }

    /// Judges a group that is not in the head. `series` are in it by now.
    pub(super) fn judge(&mut self, group: &SampleGroup<'_>, hash: u128, series: usize) -> Verdict {
        let metric = match self.metrics.get_mut(group.metric.name) {
            Some(metric) => metric,
            None => self.metrics.entry(group.metric.name.into()).or_default(),
        };
        let identity = hash as u64;
        if metric.known.contains(&identity) {
            return Verdict::Keep;
        }
        let limit = self.values_max.unwrap_or(usize::MAX);
        let full = series >= self.series_max.unwrap_or(usize::MAX);
        let is_folded = |folded: &[LabelOverflow], key: &str| folded.iter().any(|one| one.label == key);
        for item in group.attributes.items() {
            let key = item.key.unwrap_or_default();
            if is_folded(&metric.folded, key) {
                continue;
            }
            let values = match metric.values.get_mut(key) {
                Some(values) => values,
                None => metric.values.entry(key.into()).or_default(),
            };
            values.insert(hash_of(item.value));
            if values.len() > limit {
                trip(metric, group, key);
            }
        }
        if full && metric.folded.is_empty() {
            let most = metric.values.iter().max_by_key(|(_, values)| values.len());
            if let Some(key) = most.map(|(key, _)| Arc::clone(key)) {
                trip(metric, group, &key);
            }
        }
        let folds =
            group.attributes.items().any(|item| is_folded(&metric.folded, item.key.unwrap_or_default()));
        if folds {
            return Verdict::Fold(fold(&mut self.scratch, group.attributes, &metric.folded));
        }
        metric.known.insert(identity);
        Verdict::Keep
    }

    /// Counts a data point that is folded.
    pub(super) fn count(&mut self, metric: &str) {
        if let Some(metric) = self.metrics.get_mut(metric) {
            metric.folded.iter_mut().for_each(|one| one.folded_points += 1);
        }
    }

    /// The running total of a folded series with what a member has changed since its sample before.
    pub(super) fn total(&mut self, series: u128, member: u128, values: &[f64], counter: bool) -> &[f64] {
        let change = self.members.change(member as u64, values, counter);
        let total = self.totals.entry(series).or_insert_with(|| vec![0.0; values.len()].into());
        total.iter_mut().zip(change).for_each(|(total, change)| *total += change);
        total
    }

    /// Tells growth folded at one time into different heads apart.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }
}

fn trip(metric: &mut MetricFuse, group: &SampleGroup<'_>, key: &str) {
    let overflow = LabelOverflow {
        metric: group.metric.name.to_owned(),
        label: key.to_owned(),
        service: group.stream.service().to_owned(),
        folded_points: 0,
    };
    tracing::warn!(
        metric = overflow.metric,
        label = overflow.label,
        service = overflow.service,
        "a label has too many values: further ones are counted as {OVERFLOW}"
    );
    metric.values.remove(key);
    metric.folded.push(overflow);
}

fn hash_of(value: Value<'_>) -> u64 {
    xxh3_64(value.text().as_bytes())
}

fn fold(scratch: &mut NestedWriter, attributes: Nested<'_>, folded: &[LabelOverflow]) -> Box<[u8]> {
    scratch.clear();
    scratch.begin_map();
    for item in attributes.items() {
        let key = item.key.unwrap_or_default();
        scratch.key(key);
        let is_folded = folded.iter().any(|one| one.label == key);
        scratch.value(if is_folded { Value::Str(OVERFLOW) } else { item.value });
    }
    scratch.end();
    scratch.as_nested().as_bytes().into()
}
