//! In which steps a group is evaluated: a rule sees what the rules before it recorded, so what they made is written
//! before it runs. Rules that do not read one another run on one snapshot.

use std::collections::BTreeSet;
use std::ops::Range;

use super::file::{Group, RuleBody};
use super::wake::names_read;

/// Runs of rules, in order, that cover the group.
pub(crate) fn stages(group: &Group) -> Vec<Range<usize>> {
    let mut stages = Vec::new();
    let mut start = 0;
    let mut made: BTreeSet<&str> = BTreeSet::new();
    for (at, rule) in group.rules.iter().enumerate() {
        let reads_it = match names_read(&rule.query) {
            Some(names) => names.iter().any(|name| made.contains(name.as_str())),
            None => !made.is_empty(),
        };
        if reads_it {
            stages.push(start..at);
            start = at;
            made.clear();
        }
        match rule.body {
            RuleBody::Recording => drop(made.insert(&rule.name)),
            RuleBody::Alerting { .. } => made.extend(["ALERTS", "ALERTS_FOR_STATE"]),
        }
    }
    stages.push(start..group.rules.len());
    stages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::file::parse;

    #[test]
    fn a_rule_runs_after_what_it_reads_was_written() {
        for (rules, wanted) in [
            ("[{record: a, expr: x}, {record: b, expr: y}, {alert: C, expr: z}]", "[0..3]"),
            ("[{record: a, expr: x}, {record: b, expr: a}, {alert: C, expr: a + b}]", "[0..1, 1..2, 2..3]"),
            ("[{record: a, expr: x}, {record: b, expr: y}, {alert: C, expr: 'a > b'}]", "[0..2, 2..3]"),
            ("[{alert: A, expr: x}, {alert: B, expr: 'ALERTS{alertname=\"A\"}'}]", "[0..1, 1..2]"),
            ("[]", "[0..0]"),
        ] {
            let groups = parse("a.yml", &format!("groups: [{{name: g, rules: {rules}}}]")).unwrap();
            assert_eq!(format!("{:?}", stages(&groups[0])), wanted, "{rules}");
        }
    }
}
