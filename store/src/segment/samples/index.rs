//! From labels to series, for heads and segments alike.
//!
//! Series are numbered in the order they are added. Labels nobody sees unless they are named (of resource and scope)
//! are in the index like others; a visible label of the same name hides them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use hashbrown::HashMap;
use roaring::RoaringBitmap;
use rustc_hash::FxBuildHasher;

use crate::model::{LabelMatcher, Labels, MatchOp, Pattern, naming};
use crate::snapshot::SeriesMeta;

type Values = BTreeMap<Arc<str>, RoaringBitmap>;

#[derive(Default)]
pub(crate) struct LabelIndex {
    names: HashMap<Arc<str>, Values, FxBuildHasher>,
    /// Series by their OTel name, where that is not their Prometheus name.
    otel_names: HashMap<Arc<str>, RoaringBitmap, FxBuildHasher>,
    count: u32,
}

// === impl LabelIndex ===

impl LabelIndex {
    /// Adds the next series.
    pub(crate) fn push(&mut self, labels: &Labels, meta: &SeriesMeta) {
        let number = self.count;
        self.count += 1;
        for (name, value) in labels.pairs() {
            self.put(name, value, number);
        }
        for (name, value) in meta.hidden.pairs() {
            if labels.get(name).is_none() {
                self.put(name, value, number);
            }
        }
        if let Some(temporality) = meta.temporality_label()
            && labels.get(naming::TEMPORALITY).is_none()
        {
            self.put(&naming::TEMPORALITY.into(), &temporality.into(), number);
        }
        for name in meta.otel_names(labels.metric_name()) {
            self.otel_names.entry_ref(&*name).or_default().insert(number);
        }
    }

    fn put(&mut self, name: &Arc<str>, value: &Arc<str>, number: u32) {
        let values = match self.names.get_mut(name) {
            Some(values) => values,
            None => self.names.entry(Arc::clone(name)).or_default(),
        };
        match values.get_mut(value) {
            Some(series) => drop(series.insert(number)),
            None => drop(values.insert(Arc::clone(value), RoaringBitmap::from([number]))),
        }
    }

    /// The series all matchers accept.
    pub(crate) fn select(&self, matchers: &[LabelMatcher]) -> RoaringBitmap {
        let mut found: Option<RoaringBitmap> = None;
        // Equality first: it is cheap and leaves little for the rest.
        let (equal, other): (Vec<_>, Vec<_>) =
            matchers.iter().partition(|m| m.op == MatchOp::Equal && !m.matches_empty());
        for matcher in equal.into_iter().chain(other) {
            if found.as_ref().is_some_and(RoaringBitmap::is_empty) {
                break;
            }
            let accepted = self.accepted(matcher);
            found = Some(match found {
                Some(before) => before & accepted,
                None => accepted,
            });
        }
        found.unwrap_or_else(|| self.all())
    }

    fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.count);
        all
    }

    fn accepted(&self, matcher: &LabelMatcher) -> RoaringBitmap {
        let values = self.values(&matcher.name);
        if matcher.matches_empty() {
            // Series without the label match too: everything but those whose value does not.
            let rejected = values.into_iter().flatten().filter(|(value, _)| !matcher.matches(value));
            let mut all = self.all();
            rejected.for_each(|(_, series)| all -= series);
            return all;
        }
        let mut found = match values {
            Some(values) => accepted_values(values, matcher),
            None => RoaringBitmap::new(),
        };
        if matcher.op == MatchOp::Equal
            && &*matcher.name == Labels::METRIC_NAME
            && let Some(series) = self.otel_names.get(&matcher.value)
        {
            found |= series;
        }
        found
    }

    /// The values of a label, by either spelling of its name.
    fn values(&self, name: &str) -> Option<&Values> {
        self.names.get(name).or_else(|| {
            let spelled = naming::label_name(name);
            (spelled != name).then(|| self.names.get(spelled.as_str())).flatten()
        })
    }
}

/// Series by a matcher that does not accept the empty value.
fn accepted_values(values: &Values, matcher: &LabelMatcher) -> RoaringBitmap {
    let one = |value: &str| values.get(value).cloned().unwrap_or_default();
    let from = |prefix: &Arc<str>| {
        let range = values.range::<str, _>((Bound::Included(&**prefix), Bound::Unbounded));
        let prefix = Arc::clone(prefix);
        range.take_while(move |(value, _)| value.starts_with(&*prefix))
    };
    let mut found = RoaringBitmap::new();
    match (matcher.op, matcher.pattern()) {
        (MatchOp::Equal, _) => return one(&matcher.value),
        (MatchOp::Regex, Some(Pattern::OneOf(all))) => {
            all.iter().for_each(|value| found |= one(value));
        }
        (MatchOp::Regex, Some(Pattern::Prefix { prefix, .. } | Pattern::Regex { prefix, .. })) => {
            from(prefix).filter(|(value, _)| matcher.matches(value)).for_each(|(_, series)| found |= series);
        }
        _ => {
            let accepted = values.iter().filter(|(value, _)| matcher.matches(value));
            accepted.for_each(|(_, series)| found |= series);
        }
    }
    found
}
