//! Relabelling: rules that keep, drop and rewrite label sets, of targets and of scraped series alike.

use md5::{Digest as _, Md5};
use regex::Regex;
use serde::Deserialize;

use super::labels::LabelMap;

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRule {
    source_labels: Vec<String>,
    separator: String,
    target_label: String,
    regex: String,
    modulus: u64,
    replacement: String,
    action: String,
}

/// A checked rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    raw: RawRule,
    regex: Regex,
    action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

const ACTIONS: &[(&str, Action)] = &[
    ("replace", Action::Replace),
    ("keep", Action::Keep),
    ("drop", Action::Drop),
    ("keepequal", Action::KeepEqual),
    ("dropequal", Action::DropEqual),
    ("hashmod", Action::HashMod),
    ("labelmap", Action::LabelMap),
    ("labeldrop", Action::LabelDrop),
    ("labelkeep", Action::LabelKeep),
    ("lowercase", Action::Lowercase),
    ("uppercase", Action::Uppercase),
];

const REGEX_DEFAULT: &str = "(.*)";

impl Default for RawRule {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: ";".into(),
            target_label: String::new(),
            regex: REGEX_DEFAULT.into(),
            modulus: 0,
            replacement: "$1".into(),
            action: "replace".into(),
        }
    }
}

// === impl RawRule ===

impl RawRule {
    pub(super) fn check(&self) -> Result<Rule, String> {
        let named = |(name, _): &&(&str, Action)| name.eq_ignore_ascii_case(&self.action);
        let action = ACTIONS
            .iter()
            .find(named)
            .map(|(_, action)| *action)
            .ok_or_else(|| format!("unknown relabel action {:?}", self.action))?;
        let regex = Regex::new(&format!("^(?s:{})$", self.regex))
            .map_err(|_| format!("relabel regex {:?} is not valid", self.regex))?;
        let needs_target = matches!(
            action,
            Action::Replace
                | Action::HashMod
                | Action::Lowercase
                | Action::Uppercase
                | Action::KeepEqual
                | Action::DropEqual
        );
        if needs_target && self.target_label.is_empty() {
            return Err(format!("relabel action {} needs a target_label", self.action));
        }
        if action == Action::HashMod && self.modulus == 0 {
            return Err("relabel action hashmod needs a modulus".to_owned());
        }
        Ok(Rule { raw: self.clone(), regex, action })
    }
}

pub(super) fn check_all(raw: &[RawRule]) -> Result<Vec<Rule>, String> {
    raw.iter().map(RawRule::check).collect()
}

// === impl Rule ===

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Rule {
    /// `false`: what has the labels is dropped.
    fn apply(&self, labels: &mut LabelMap) -> bool {
        let raw = &self.raw;
        let source = || -> String {
            let values: Vec<&str> = raw.source_labels.iter().map(|name| labels.get(name)).collect();
            values.join(&raw.separator)
        };
        match self.action {
            Action::Keep => return self.regex.is_match(&source()),
            Action::Drop => return !self.regex.is_match(&source()),
            Action::KeepEqual => return labels.get(&raw.target_label) == source(),
            Action::DropEqual => return labels.get(&raw.target_label) != source(),
            Action::Replace => self.replace(&source(), labels),
            Action::Lowercase => labels.set(raw.target_label.as_str(), source().to_lowercase()),
            Action::Uppercase => labels.set(raw.target_label.as_str(), source().to_uppercase()),
            Action::HashMod => {
                let digest: [u8; 16] = Md5::digest(source().as_bytes()).into();
                // The last eight bytes: so Prometheus shards, and shards of both must agree.
                let tail = digest.last_chunk::<8>().copied().unwrap_or_default();
                let number = u64::from_be_bytes(tail) % raw.modulus.max(1);
                labels.set(raw.target_label.as_str(), number.to_string());
            }
            Action::LabelMap => self.map_names(labels),
            Action::LabelDrop => labels.retain(|name| !self.regex.is_match(name)),
            Action::LabelKeep => labels.retain(|name| self.regex.is_match(name)),
        }
        true
    }

    fn replace(&self, source: &str, labels: &mut LabelMap) {
        let Some(captures) = self.regex.captures(source) else { return };
        let (mut target, mut value) = (String::new(), String::new());
        captures.expand(&self.raw.target_label, &mut target);
        captures.expand(&self.raw.replacement, &mut value);
        if !target.is_empty() {
            labels.set(target, value);
        }
    }

    fn map_names(&self, labels: &mut LabelMap) {
        let mut mapped = Vec::new();
        for (name, value) in labels.iter() {
            if let Some(captures) = self.regex.captures(name) {
                let mut new = String::new();
                captures.expand(&self.raw.replacement, &mut new);
                mapped.push((new, value.to_owned()));
            }
        }
        mapped.into_iter().for_each(|(name, value)| labels.set(name, value));
    }
}

/// Applies all rules in order; `false`: what has the labels is dropped.
pub(super) fn apply(rules: &[Rule], labels: &mut LabelMap) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relabel(rules: &str, labels: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        let raw: Vec<RawRule> = serde_saphyr::from_str(rules).unwrap();
        let mut labels: LabelMap = labels.iter().copied().collect();
        let kept = apply(&check_all(&raw).unwrap(), &mut labels);
        kept.then(|| labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
    }

    #[test]
    fn each_action_does_what_prometheus_does() {
        for (rules, wanted) in [
            (
                "[{source_labels: [a], target_label: d, regex: 'f(.*)', replacement: 'ch${1}-$1'}]",
                "a=foo,b=bar,c=baz,d=choo-oo",
            ),
            ("[{source_labels: [a, b], separator: '-', target_label: d}]", "a=foo,b=bar,c=baz,d=foo-bar"),
            ("[{source_labels: [a], regex: nomatch, target_label: d}]", "a=foo,b=bar,c=baz"),
            ("[{target_label: b, replacement: ''}]", "a=foo,c=baz"),
            ("[{source_labels: [a], regex: 'o', action: keep}]", "dropped"),
            ("[{source_labels: [a], regex: 'foo', action: drop}]", "dropped"),
            ("[{source_labels: [missing], regex: '', action: keep}]", "a=foo,b=bar,c=baz"),
            ("[{source_labels: [a], target_label: a, action: keepequal}]", "a=foo,b=bar,c=baz"),
            ("[{source_labels: [a], target_label: b, action: dropequal}]", "a=foo,b=bar,c=baz"),
            (
                "[{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}]",
                "a=foo,b=bar,c=baz,d=976",
            ),
            ("[{regex: '(b)', replacement: 'x_$1', action: labelmap}]", "a=foo,b=bar,c=baz,x_b=bar"),
            ("[{regex: 'a|b', action: labeldrop}]", "c=baz"),
            ("[{regex: 'a|b', action: labelkeep}]", "a=foo,b=bar"),
            ("[{source_labels: [a], target_label: A, action: uppercase}]", "A=FOO,a=foo,b=bar,c=baz"),
            (
                "[{source_labels: [a], regex: '(f).*', target_label: '${1}_x', replacement: y}]",
                "a=foo,b=bar,c=baz,f_x=y",
            ),
        ] {
            let got = relabel(rules, &[("a", "foo"), ("b", "bar"), ("c", "baz")]);
            let text = got.map_or("dropped".to_owned(), |labels| {
                labels.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(",")
            });
            assert_eq!(text, wanted, "{rules}");
        }
    }

    #[test]
    fn rules_that_cannot_work_are_refused() {
        for (rule, reason) in [
            ("{action: repalce}", "unknown relabel action"),
            ("{regex: '('}", "not valid"),
            ("{source_labels: [a]}", "needs a target_label"),
            ("{target_label: a, action: hashmod}", "needs a modulus"),
        ] {
            let raw: RawRule = serde_saphyr::from_str(rule).unwrap();
            assert!(raw.check().unwrap_err().contains(reason), "{rule}");
        }
    }
}
