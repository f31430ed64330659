//! Inhibition: an alert says nothing while another one fires.

use std::collections::{BTreeMap, BTreeSet};

use store::model::LabelMatcher;

use super::raw::RawInhibit;
use super::route::gathered;
use crate::notify::matcher::all_match;

type Texts = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inhibition {
    source: Vec<LabelMatcher>,
    target: Vec<LabelMatcher>,
    equal: BTreeSet<String>,
}

impl Inhibition {
    pub(super) fn new(raw: &RawInhibit) -> Result<Self, String> {
        Ok(Self {
            source: gathered(&raw.source_match, &raw.source_match_re, &raw.source_matchers)?,
            target: gathered(&raw.target_match, &raw.target_match_re, &raw.target_matchers)?,
            equal: raw.equal.iter().cloned().collect(),
        })
    }

    pub(crate) fn is_source(&self, labels: &Texts) -> bool {
        all_match(&self.source, labels)
    }

    pub(crate) fn is_target(&self, labels: &Texts) -> bool {
        all_match(&self.target, labels)
    }

    /// Whether a firing `source` keeps `target` quiet. An alert on both sides is not quieted by another such one, else
    /// two of them would quiet each other.
    pub(crate) fn quiets(&self, source: &Texts, target: &Texts) -> bool {
        let same = |name: &String| {
            source.get(name).map_or("", String::as_str) == target.get(name).map_or("", String::as_str)
        };
        self.is_source(source)
            && self.is_target(target)
            && self.equal.iter().all(same)
            && !(self.is_source(target) && self.is_target(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(yaml: &str) -> Inhibition {
        Inhibition::new(&serde_saphyr::from_str(yaml).unwrap()).unwrap()
    }

    fn labels(text: &str) -> Texts {
        text.split(' ').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.into(), v.into())).collect()
    }

    #[test]
    fn a_source_quiets_targets_with_equal_labels() {
        let rule = rule(
            "{source_matchers: [severity=critical], target_match_re: {severity: 'warning|critical'}, equal: [service]}",
        );
        for (source, target, quiet) in [
            ("severity=critical service=cart", "severity=warning service=cart", true),
            ("severity=critical service=cart", "severity=warning service=search", false),
            ("severity=critical", "severity=warning", true),
            ("severity=warning service=cart", "severity=warning service=cart", false),
            ("severity=critical service=cart", "severity=critical service=cart", false),
        ] {
            assert_eq!(rule.quiets(&labels(source), &labels(target)), quiet, "{source} over {target}");
        }
    }
}
