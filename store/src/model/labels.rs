//! Prometheus label sets and matchers.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::naming;
use super::pattern::Pattern;

/// A label set sorted by name, without empty values. Cheap to clone.
#[derive(Clone, Eq, Default)]
pub struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

impl Labels {
    pub const METRIC_NAME: &'static str = "__name__";

    /// Sorts; of two equal names the last stays; empty values are no labels.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut all: Vec<(Arc<str>, Arc<str>)> =
            pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let mut kept: Vec<(Arc<str>, Arc<str>)> = Vec::with_capacity(all.len());
        for pair in all {
            match kept.last_mut() {
                Some(last) if last.0 == pair.0 => *last = pair,
                _ => kept.push(pair),
            }
        }
        kept.retain(|(_, value)| !value.is_empty());
        Self(kept.into())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(n, _)| n.as_ref().cmp(name)).ok()?;
        self.0.get(at).map(|(_, value)| value.as_ref())
    }

    /// As [`Labels::get`]; a name of another alphabet is also looked for in its Prometheus spelling.
    pub fn get_spelled(&self, name: &str) -> Option<&str> {
        self.get(name).or_else(|| self.get(&naming::label_name(name)))
    }

    pub fn metric_name(&self) -> &str {
        self.get(Self::METRIC_NAME).unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.0.iter().map(|(n, v)| (n.as_ref(), v.as_ref()))
    }

    /// The pairs themselves, to share their strings.
    pub fn pairs(&self) -> &[(Arc<str>, Arc<str>)] {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of pairs that are sorted by name, each once, none empty.
    pub(crate) fn from_sorted(pairs: Vec<(Arc<str>, Arc<str>)>) -> Self {
        debug_assert!(pairs.is_sorted_by(|a, b| a.0 < b.0) && pairs.iter().all(|(_, v)| !v.is_empty()));
        Self(pairs.into())
    }

    /// The labels whose name `keep` accepts.
    pub fn filter(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.0.len() == other.0.len()
                && self.0.iter().zip(&*other.0).all(|(a, b)| same(&a.0, &b.0) && same(&a.1, &b.1))
    }
}

impl std::hash::Hash for Labels {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        for (a, b) in self.0.iter().zip(&*other.0) {
            for (a, b) in [(&a.0, &b.0), (&a.1, &b.1)] {
                if !Arc::ptr_eq(a, b) {
                    match a.cmp(b) {
                        Ordering::Equal => {}
                        unequal => return unequal,
                    }
                }
            }
        }
        self.0.len().cmp(&other.0.len())
    }
}

/// Equal strings of one head or segment are one string: most comparisons end here.
fn same(a: &Arc<str>, b: &Arc<str>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

/// `name op "value"`. A missing label matches as the empty string.
#[derive(Clone, Debug)]
pub struct LabelMatcher {
    pub name: Arc<str>,
    pub op: MatchOp,
    pub value: Arc<str>,
    pattern: Option<Pattern>,
}

#[derive(Debug, thiserror::Error)]
#[error("the regular expression {pattern:?} is not valid: {reason}")]
pub struct InvalidMatcher {
    pub pattern: String,
    pub reason: String,
}

impl LabelMatcher {
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, InvalidMatcher> {
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Pattern::new(value).map_err(|e| {
                let reason = e.to_string().lines().last().unwrap_or_default().to_owned();
                InvalidMatcher { pattern: value.to_owned(), reason }
            })?),
        };
        Ok(Self { name: name.into(), op, value: value.into(), pattern })
    }

    pub fn matches(&self, value: &str) -> bool {
        let pattern = || self.pattern.as_ref().is_some_and(|pattern| pattern.matches(value));
        match self.op {
            MatchOp::Equal => *self.value == *value,
            MatchOp::NotEqual => *self.value != *value,
            MatchOp::Regex => pattern(),
            MatchOp::NotRegex => !pattern(),
        }
    }

    pub(crate) fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }

    /// Whether a series without the label matches.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }
}

impl PartialEq for LabelMatcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_unique_and_never_empty() {
        let labels = Labels::new([("b", "1"), ("a", "2"), ("c", ""), ("b", "3")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
        assert_eq!(labels.get("b"), Some("3"));
        assert_eq!(labels.get("c"), None);
    }

    #[test]
    fn regex_matchers_are_anchored_and_cross_lines() {
        let matcher = LabelMatcher::new("a", MatchOp::Regex, "x.*|y").unwrap();
        assert!(matcher.matches("x\nz") && matcher.matches("y"));
        assert!(!matcher.matches("ax") && !matcher.matches_empty());
        assert!(LabelMatcher::new("a", MatchOp::NotRegex, "x").unwrap().matches_empty());
        assert!(LabelMatcher::new("a", MatchOp::Regex, "(").is_err());
    }
}
