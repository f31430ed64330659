//! Which rule groups a batch of samples concerns, by the metric names their alerts depend on.

use std::collections::BTreeSet;

use engine::promql;
use store::model::{Labels, SampleBatch, Signal, naming};

use super::file::{Group, Rule, RuleBody};
use super::query::Query;

/// What a group has to hear of at once. What only its recording rules read can wait for its interval, unless an alert
/// of the tenant depends on what they record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reads {
    /// `None`: a selector without one exact name, so anything may concern it.
    names: Option<BTreeSet<String>>,
    /// What the group writes itself: it never wakes it, or it would go round and round.
    own: BTreeSet<String>,
    /// Log records and spans concern it.
    logs: bool,
    spans: bool,
}

impl Reads {
    /// Of each of a tenant's groups, in their order.
    pub(crate) fn of(groups: &[&Group]) -> Vec<Self> {
        let wanted = wanted(groups);
        groups.iter().map(|group| Self::of_group(group, &wanted)).collect()
    }

    fn of_group(group: &Group, wanted: &BTreeSet<String>) -> Self {
        let mut own: BTreeSet<String> =
            group.rules.iter().filter(|rule| !alerts(rule)).map(|rule| rule.name.clone()).collect();
        if group.rules.iter().any(alerts) {
            own.extend(["ALERTS".to_owned(), "ALERTS_FOR_STATE".to_owned()]);
        }
        let urgent: Vec<&Rule> =
            group.rules.iter().filter(|rule| alerts(rule) || wanted.contains(&rule.name)).collect();
        let logs = urgent.iter().any(|rule| matches!(rule.query, Query::Logs(_)));
        let spans = urgent.iter().any(|rule| matches!(rule.query, Query::Traces { .. }));
        let read: Option<Vec<_>> = urgent.iter().map(|rule| names_read(&rule.query)).collect();
        let names = read.map(|sets| sets.into_iter().flatten().filter(|name| !own.contains(name)).collect());
        Self { names, own, logs, spans }
    }

    pub(crate) fn concerns_events(&self, signal: Signal) -> bool {
        if signal == Signal::Logs { self.logs } else { self.spans }
    }

    pub(crate) fn concerns(&self, batch: &BTreeSet<String>) -> bool {
        match &self.names {
            None => batch.iter().any(|name| !self.own.contains(name)),
            Some(names) => names.iter().any(|name| batch.contains(name) || batch.contains(family(name))),
        }
    }
}

/// The names that alerts depend on, also through rules that record them.
fn wanted(groups: &[&Group]) -> BTreeSet<String> {
    let rules = || groups.iter().flat_map(|group| &group.rules);
    let reads = |rule: &Rule| names_read(&rule.query).unwrap_or_default();
    let mut wanted: BTreeSet<String> = rules().filter(|rule| alerts(rule)).flat_map(reads).collect();
    loop {
        let recorded = rules().filter(|rule| !alerts(rule) && wanted.contains(&rule.name));
        let more: Vec<String> = recorded.flat_map(reads).filter(|name| !wanted.contains(name)).collect();
        if more.is_empty() {
            return wanted;
        }
        wanted.extend(more);
    }
}

fn alerts(rule: &Rule) -> bool {
    matches!(rule.body, RuleBody::Alerting { .. })
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

fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::file::parse;

    fn groups(text: &str) -> Vec<Group> {
        parse("a.yml", text).unwrap()
    }

    /// Which of the groups a batch with one metric wakes.
    fn woken(groups: &[Group], metric: &str) -> Vec<usize> {
        let reads = Reads::of(&groups.iter().collect::<Vec<_>>());
        let batch = BTreeSet::from([metric.to_owned()]);
        reads.iter().enumerate().filter(|(_, reads)| reads.concerns(&batch)).map(|(at, _)| at).collect()
    }

    #[test]
    fn a_batch_wakes_the_rules_that_read_its_metrics() {
        let groups = groups(
            "groups: [{name: a, rules: [{alert: A, expr: 'rate(http_seconds_count[1m]) / up > 1'}]},
                      {name: b, rules: [{alert: B, expr: '{job=\"x\"} > 1'}]}]",
        );
        assert_eq!(woken(&groups, "http_seconds"), [0, 1]);
        assert_eq!(woken(&groups, "up"), [0, 1]);
        assert_eq!(woken(&groups, "other"), [1]);
    }

    #[test]
    fn what_alerts_depend_on_through_records_wakes_too_and_nothing_wakes_its_writer() {
        let groups = groups(
            "groups: [{name: a, rules: [{record: r1, expr: 'sum(raw)'}, {record: r2, expr: 'sum(unused)'}]},
                      {name: b, rules: [{record: r3, expr: 'r1 * 2'}, {alert: B, expr: 'r3 > 1'}]},
                      {name: c, rules: [{alert: C, expr: '{job=\"x\"}'}]}]",
        );
        assert_eq!(woken(&groups, "raw"), [0, 2]);
        assert_eq!(woken(&groups, "unused"), [2]);
        assert_eq!(woken(&groups, "r1"), [1, 2]);
        assert_eq!(woken(&groups, "r3"), [2]);
        assert_eq!(woken(&groups, "ALERTS"), [] as [usize; 0], "its own or another's: neither is data");
    }
}
