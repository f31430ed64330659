//! Which rule groups a batch of samples concerns, by the metric names their alerts read.

use std::collections::BTreeSet;

use engine::promql::{self, Expr};
use store::model::{Labels, SampleBatch, naming};

/// What an expression reads, by metric name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Names(BTreeSet<String>),
    /// A selector without one exact name: anything may concern it.
    Anything,
}

impl Reads {
    pub(crate) fn of<'a>(expressions: impl Iterator<Item = &'a Expr>) -> Self {
        let mut names = BTreeSet::new();
        for expr in expressions {
            for used in promql::selectors(expr) {
                let name = used
                    .matchers
                    .iter()
                    .find(|m| m.name == Labels::METRIC_NAME && m.op == promql::MatchOp::Equal);
                match name {
                    Some(matcher) => drop(names.insert(matcher.value.clone())),
                    None => return Self::Anything,
                }
            }
        }
        Self::Names(names)
    }

    pub(crate) fn concerns(&self, batch: &BTreeSet<String>) -> bool {
        match self {
            Self::Anything => !batch.is_empty(),
            Self::Names(names) => {
                names.iter().any(|name| batch.contains(name) || batch.contains(family(name)))
            }
        }
    }
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

    #[test]
    fn a_batch_wakes_the_rules_that_read_its_metrics() {
        let expr = promql::parse("rate(http_seconds_count[1m]) / up > 1").unwrap();
        let reads = Reads::of([&expr].into_iter());
        let batch = |name: &str| BTreeSet::from([name.to_owned()]);
        assert!(reads.concerns(&batch("http_seconds")) && reads.concerns(&batch("up")));
        assert!(!reads.concerns(&batch("other")));
        let any = promql::parse("{job=\"x\"}").unwrap();
        assert_eq!(Reads::of([&any].into_iter()), Reads::Anything);
    }
}
