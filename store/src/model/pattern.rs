//! What a matcher's regular expression asks of a value, as far as that can be told without running it.

use std::sync::Arc;

use regex::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// An alternation of more literals is left to the regex engine.
const LITERALS_MAX: usize = 1_000;

/// An expression anchored at both ends; `.` matches newlines, as in Prometheus.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// Everything, or everything of at least so many characters (0 or 1).
    Any { least: u32 },
    /// One of these, sorted.
    OneOf(Arc<[Box<str>]>),
    /// This, then anything, of at least so many characters (0 or 1).
    Prefix { prefix: Arc<str>, least: u32 },
    /// Something that begins with the prefix.
    Regex { prefix: Arc<str>, regex: Regex },
}

// === impl Pattern ===

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self, regex::Error> {
        // The engine's error is the one to show; what it takes, the parser takes.
        let parsed = ParserBuilder::new().dot_matches_new_line(true).build().parse(text);
        if let Ok(hir) = &parsed
            && let Some(simple) = Self::simple(hir)
        {
            return Ok(simple);
        }
        let regex = Regex::new(&format!("^(?s:{text})$"))?;
        Ok(Self::Regex { prefix: parsed.map_or_else(|_| "".into(), |hir| common_prefix(&hir)), regex })
    }

    fn simple(hir: &Hir) -> Option<Self> {
        if !hir.properties().look_set().is_empty() {
            return None;
        }
        if let Some(least) = anything(hir) {
            return Some(Self::Any { least });
        }
        if let HirKind::Concat(parts) = hir.kind()
            && let [first, last] = &parts[..]
            && let (HirKind::Literal(literal), Some(least)) = (first.kind(), anything(last))
            && let Ok(prefix) = std::str::from_utf8(&literal.0)
        {
            return Some(Self::Prefix { prefix: prefix.into(), least });
        }
        let found = Extractor::new().limit_total(LITERALS_MAX).extract(hir);
        if !found.is_exact() {
            return None;
        }
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Box::from);
        let literals: Option<Vec<Box<str>>> =
            found.literals()?.iter().map(|literal| text(literal.as_bytes())).collect();
        let mut literals = literals?;
        literals.sort();
        literals.dedup();
        Some(Self::OneOf(literals.into()))
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        match self {
            Self::Any { least } => value.len() >= *least as usize,
            Self::OneOf(all) => all.binary_search_by(|one| (**one).cmp(value)).is_ok(),
            Self::Prefix { prefix, least } => {
                value.starts_with(&**prefix) && value.len() >= prefix.len() + *least as usize
            }
            Self::Regex { prefix, regex } => value.starts_with(&**prefix) && regex.is_match(value),
        }
    }
}

/// The least number of characters of `.*` and `.+`.
fn anything(hir: &Hir) -> Option<u32> {
    match hir.kind() {
        HirKind::Repetition(Repetition { min: min @ (0 | 1), max: None, sub, .. }) => {
            let HirKind::Class(Class::Unicode(class)) = sub.kind() else { return None };
            let all = class.ranges().first().filter(|_| class.ranges().len() == 1)?;
            (all.start() == '\0' && all.end() == char::MAX).then_some(*min)
        }
        HirKind::Capture(capture) => anything(&capture.sub),
        _ => None,
    }
}

fn common_prefix(hir: &Hir) -> Arc<str> {
    let found = Extractor::new().extract(hir);
    let bytes = found.longest_common_prefix().unwrap_or_default();
    let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    valid.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_told_without_running_it() {
        for (text, shown) in [
            (".*", "Any { least: 0 }"),
            (".+", "Any { least: 1 }"),
            ("(.*)", "Any { least: 0 }"),
            ("", r#"OneOf([""])"#),
            ("a|b|cd", r#"OneOf(["a", "b", "cd"])"#),
            ("5..?", r#"Regex { prefix: "5","#),
            ("shop-.*", r#"Prefix { prefix: "shop-", least: 0 }"#),
            ("x.+", r#"Prefix { prefix: "x", least: 1 }"#),
            ("https?", r#"OneOf(["http", "https"])"#),
            ("ab(c|d).*", r#"Regex { prefix: "ab","#),
            (r"a\b", "Regex {"),
            ("[äö].*", r#"Regex { prefix: "","#),
        ] {
            let pattern = format!("{:?}", Pattern::new(text).unwrap());
            assert!(pattern.starts_with(shown), "{text}: {pattern}");
        }
    }

    #[test]
    fn every_form_matches_what_the_expression_matches() {
        let values =
            ["", "a", "b", "cd", "ab", "abc1", "abd", "shop-", "shop-1\n", "x", "xy", "http", "https!"];
        let texts =
            [".*", ".+", "", "a|b|cd", "shop-.*", "x.+", "https?", "ab(c|d).*", "(?i)A", "a$", "^ab.*"];
        for text in texts {
            let (pattern, regex) =
                (Pattern::new(text).unwrap(), Regex::new(&format!("^(?s:{text})$")).unwrap());
            for value in values {
                assert_eq!(pattern.matches(value), regex.is_match(value), "{text} on {value:?}");
            }
        }
    }
}
