//! Silences: matchers that keep alerts quiet for a time.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use serde::{Deserialize, Serialize};
use store::model::{LabelMatcher, MatchOp};

/// Expired silences are kept this long for people to see, as in Alertmanager.
const KEEP_MS: i64 = 120 * 3_600_000;

/// As the catalog keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Silence {
    pub(crate) id: String,
    pub(crate) matchers: Vec<SilenceMatcher>,
    pub(crate) starts_at_ms: i64,
    pub(crate) ends_at_ms: i64,
    pub(crate) updated_at_ms: i64,
    pub(crate) created_by: String,
    pub(crate) comment: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SilenceMatcher {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) is_regex: bool,
    #[serde(default = "yes")]
    pub(crate) is_equal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SilenceState {
    Active,
    Pending,
    Expired,
}

fn yes() -> bool {
    true
}

// === impl Silence ===

impl Silence {
    pub(crate) fn state(&self, now_ms: i64) -> SilenceState {
        match now_ms {
            now if now >= self.ends_at_ms => SilenceState::Expired,
            now if now < self.starts_at_ms => SilenceState::Pending,
            _ => SilenceState::Active,
        }
    }

    pub(crate) fn is_forgotten(&self, now_ms: i64) -> bool {
        now_ms - self.ends_at_ms >= KEEP_MS
    }

    /// What is wrong with it.
    pub(crate) fn check(&self, now_ms: i64) -> Result<(), String> {
        let parsed = self.parsed()?;
        if parsed.is_empty() {
            return Err("a silence needs a matcher".into());
        }
        if parsed.iter().all(LabelMatcher::matches_empty) {
            return Err(
                "one matcher at least must not match the empty text: it would silence everything".into()
            );
        }
        if self.ends_at_ms <= self.starts_at_ms {
            return Err("the silence ends before it begins: start time must be before end time".into());
        }
        if self.ends_at_ms <= now_ms {
            return Err("end time can't be in the past".into());
        }
        Ok(())
    }

    pub(crate) fn parsed(&self) -> Result<Vec<LabelMatcher>, String> {
        self.matchers.iter().map(SilenceMatcher::parsed).collect()
    }

    /// Whether `next`, with the same id, is this one changed: else it is a new one and this one ends. What has begun
    /// keeps its begin, what is over stays over.
    pub(crate) fn can_become(&self, next: &Self, now_ms: i64) -> bool {
        self.matchers == next.matchers
            && match self.state(now_ms) {
                SilenceState::Active => next.starts_at_ms == self.starts_at_ms,
                SilenceState::Pending => true,
                SilenceState::Expired => false,
            }
    }
}

/// An id as Alertmanager's look: a random UUID.
pub(crate) fn new_id() -> String {
    // Each of these hashers has keys of its own from the system's random numbers.
    let random = || RandomState::new().build_hasher().finish();
    let (high, low) = (random(), random());
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let text = format!("{high:016x}{low:016x}");
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

// === impl SilenceMatcher ===

impl SilenceMatcher {
    fn parsed(&self) -> Result<LabelMatcher, String> {
        let op = match (self.is_regex, self.is_equal) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (true, false) => MatchOp::NotRegex,
        };
        if self.name.is_empty() {
            return Err("a matcher has no name".into());
        }
        LabelMatcher::new(&self.name, op, &self.value).map_err(|error| format!("{}: {error}", self.name))
    }
}

// === impl SilenceState ===

impl SilenceState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

/// A tenant's silences, with their matchers ready.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silences(BTreeMap<String, (Silence, Vec<LabelMatcher>)>);

// === impl Silences ===

impl Silences {
    /// One whose matchers cannot be used silences nothing.
    pub(crate) fn put(&mut self, silence: Silence) {
        let matchers = silence.parsed().unwrap_or_default();
        self.0.insert(silence.id.clone(), (silence, matchers));
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Silence> {
        self.0.get(id).map(|(silence, _)| silence)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.0.values().map(|(silence, _)| silence)
    }

    /// Ids of the active ones that silence these labels.
    pub(crate) fn over(&self, labels: &BTreeMap<String, String>, now_ms: i64) -> Vec<String> {
        let silences = |(silence, matchers): &&(Silence, Vec<LabelMatcher>)| {
            silence.state(now_ms) == SilenceState::Active
                && !matchers.is_empty()
                && super::matcher::all_match(matchers, labels)
        };
        self.0.values().filter(silences).map(|(silence, _)| silence.id.clone()).collect()
    }

    /// When the next one begins or ends.
    pub(crate) fn next_change(&self, now_ms: i64) -> Option<i64> {
        let times = self.iter().flat_map(|silence| [silence.starts_at_ms, silence.ends_at_ms]);
        times.filter(|at_ms| *at_ms > now_ms).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(matchers: &[(&str, &str, bool, bool)], from: i64, to: i64) -> Silence {
        let matcher = |&(name, value, is_regex, is_equal): &(&str, &str, bool, bool)| SilenceMatcher {
            name: name.into(),
            value: value.into(),
            is_regex,
            is_equal,
        };
        Silence {
            id: "1".into(),
            matchers: matchers.iter().map(matcher).collect(),
            starts_at_ms: from,
            ends_at_ms: to,
            updated_at_ms: 0,
            created_by: "me".into(),
            comment: "why".into(),
        }
    }

    #[test]
    fn an_active_silence_covers_what_its_matchers_match() {
        let mut all = Silences::default();
        all.put(silence(&[("a", "b.*", true, true), ("c", "d", false, false)], 10, 20));
        let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        for (pairs, at, covered) in [
            (&[("a", "bx")][..], 10, true),
            (&[("a", "bx")], 9, false),
            (&[("a", "bx")], 20, false),
            (&[("a", "bx"), ("c", "d")], 10, false),
            (&[("a", "x")], 10, false),
        ] {
            assert_eq!(!all.over(&labels(pairs), at).is_empty(), covered, "{pairs:?} at {at}");
        }
        assert_eq!(
            (all.next_change(0), all.next_change(10), all.next_change(20)),
            (Some(10), Some(20), None)
        );
    }

    #[test]
    fn mistakes_are_found() {
        for (silence, part) in [
            (silence(&[], 0, 10), "needs a matcher"),
            (silence(&[("a", ".*", true, true)], 0, 10), "everything"),
            (silence(&[("a", "(", true, true)], 0, 10), "a:"),
            (silence(&[("a", "b", false, true)], 10, 10), "before end"),
            (silence(&[("a", "b", false, true)], 0, 4), "past"),
        ] {
            assert!(silence.check(5).unwrap_err().contains(part), "{silence:?}");
        }
        assert_eq!(silence(&[("a", "b", false, true)], 0, 10).check(5), Ok(()));
    }

    #[test]
    fn ids_are_random_uuids() {
        let (a, b) = (new_id(), new_id());
        assert_ne!(a, b);
        assert_eq!((a.len(), a.as_bytes()[14]), (36, b'4'));
    }
}
