//! Which rule groups a batch concerns, by the metric names they read: whom it keeps waiting for a late service, and
//! whose alerts may fire early.

use std::collections::BTreeSet;

use engine::promql;
use store::model::{Labels, SampleBatch, Signal, naming};

use super::file::Group;
use super::query::Query;

/// What a group reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reads {
    /// `None`: a selector without one exact name, so anything may concern it.
    names: Option<BTreeSet<String>>,
    logs: bool,
    spans: bool,
}

impl Reads {
    pub(crate) fn of(group: &Group) -> Self {
        let read: Option<Vec<_>> = group.rules.iter().map(|rule| names_read(&rule.query)).collect();
        Self {
            names: read.map(|sets| sets.into_iter().flatten().collect()),
            logs: group.rules.iter().any(|rule| matches!(rule.query, Query::Logs(_))),
            spans: group.rules.iter().any(|rule| matches!(rule.query, Query::Traces { .. })),
        }
    }

    pub(crate) fn events(&self, signal: Signal) -> bool {
        if signal == Signal::Logs { self.logs } else { self.spans }
    }

    pub(crate) fn samples(&self, batch: &BTreeSet<String>) -> bool {
        match &self.names {
            None => true,
            Some(names) => names.iter().any(|name| batch.contains(name) || batch.contains(family(name))),
        }
    }
}

/// The metric names an expression reads; `None`: any.
pub(crate) fn names_read(query: &Query) -> Option<BTreeSet<String>> {
    let Query::Metrics(expr) = query else { return Some(BTreeSet::new()) };
    let exact = |used: promql::Used<'_>| {
        let mut matchers = used.matchers.iter();
        let name = matchers.find(|m| m.name == Labels::METRIC_NAME && m.op == promql::MatchOp::Equal);
        name.map(|matcher| matcher.value.clone())
    };
    promql::selectors(expr).into_iter().map(exact).collect()
}

/// The metric names of a batch, in both spellings, without the suffixes of a histogram's parts.
pub(crate) fn names_of(batch: &SampleBatch) -> BTreeSet<String> {
    batch.metrics().flat_map(|metric| [naming::metric_name(&metric), metric.name.to_owned()]).collect()
}

/// Without the suffix of a histogram's part.
pub(crate) fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::file::parse;

    #[test]
    fn a_batch_concerns_the_groups_that_read_its_metrics() {
        let groups = parse(
            "a.yml",
            "groups: [{name: a, rules: [{alert: A, expr: 'rate(http_seconds_count[1m]) / up > 1'}]},
                      {name: b, rules: [{alert: B, expr: '{job=\"x\"} > 1'}]},
                      {name: c, rules: [{alert: C, expr: 'rate({app=\"x\"} |= \"y\" [1m]) > 1'}]}]",
        )
        .unwrap();
        let concerned = |metric: &str| -> Vec<bool> {
            let batch = BTreeSet::from([metric.to_owned()]);
            groups.iter().map(|group| Reads::of(group).samples(&batch)).collect()
        };
        assert_eq!(concerned("http_seconds"), [true, true, false]);
        assert_eq!(concerned("up"), [true, true, false]);
        assert_eq!(concerned("other"), [false, true, false]);
        assert!(Reads::of(&groups[2]).events(Signal::Logs) && !Reads::of(&groups[2]).events(Signal::Spans));
    }
}
