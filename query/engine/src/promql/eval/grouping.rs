//! The groups of an aggregation: which one a row belongs to, without making labels for each row.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};
use store::model::Labels;

use super::value::Row;
use crate::promql::ast::Aggregate;

pub(super) struct Grouping<'a> {
    of: &'a Aggregate,
    /// In the order they came.
    groups: Vec<Labels>,
    /// By hash of their labels.
    index: FxHashMap<u64, Vec<usize>>,
}

// === impl Grouping ===

impl<'a> Grouping<'a> {
    pub(super) fn new(of: &'a Aggregate) -> Self {
        Self { of, groups: Vec::new(), index: FxHashMap::default() }
    }

    /// The number of a row's group; a new one is the next.
    pub(super) fn of(&mut self, row: &Row) -> usize {
        if row.hidden.is_empty() || self.of.without {
            let of = self.of;
            return self.find(row.labels.iter().filter(|(name, _)| keeps(of, name)), || {
                row.labels.filter(|name| keeps(of, name))
            });
        }
        let labels = group_labels(self.of, row);
        self.find(labels.iter(), || labels.clone())
    }

    pub(super) fn labels(&self) -> &[Labels] {
        &self.groups
    }

    fn find<'l>(
        &mut self,
        pairs: impl Iterator<Item = (&'l str, &'l str)> + Clone,
        make: impl FnOnce() -> Labels,
    ) -> usize {
        let mut hasher = FxHasher::default();
        pairs.clone().for_each(|pair| pair.hash(&mut hasher));
        let same_hash = self.index.entry(hasher.finish()).or_default();
        if let Some(known) = same_hash.iter().find(|at| is_same(&self.groups[**at], pairs.clone())) {
            return *known;
        }
        same_hash.push(self.groups.len());
        self.groups.push(make());
        self.groups.len() - 1
    }
}

fn is_same<'l>(labels: &Labels, mut pairs: impl Iterator<Item = (&'l str, &'l str)>) -> bool {
    labels.iter().all(|pair| pairs.next() == Some(pair)) && pairs.next().is_none()
}

fn keeps(of: &Aggregate, name: &str) -> bool {
    let listed = of.grouping.iter().any(|listed| listed == name);
    if of.without { !listed && name != Labels::METRIC_NAME } else { listed }
}

/// The labels of the group a series belongs to.
pub(super) fn group_labels(of: &Aggregate, row: &Row) -> Labels {
    let labels = row.labels.filter(|name| keeps(of, name));
    if of.without { labels } else { row.with_hidden(labels, &of.grouping) }
}
