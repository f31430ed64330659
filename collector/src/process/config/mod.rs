//! `processing` of the configuration: as written, and checked.

mod raw;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use store::model::{OwnedValue, Signal};

pub use raw::RawProcessing;
use raw::{OneOrMany, RawCondition, RawQuota, RawRedact, RawRule, Scalar};

use super::quota::Quota;
use super::redact::{self, Redactor, Style, Wanted};
use super::rules::{Action, Condition, Edit, Place, Rule, Subject, Test, severity_number};

/// Rules, redaction and quotas in force, or to be. Cheap to clone; the default does nothing.
#[derive(Clone, Default)]
pub struct Processing(pub(crate) Arc<Plan>);

#[derive(Default)]
pub(crate) struct Plan {
    pub rules: Vec<Rule>,
    pub redactor: Option<Redactor>,
    pub quotas: Vec<Quota>,
}

/// Each rule that changes resources has a bit, and a list that long can be read by nobody.
const RULES_MAX: usize = 64;
const OWN_PATTERNS_MAX: usize = 64;
const QUOTAS_MAX: usize = 1024;
/// A compiled pattern of somebody's own.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// How many seconds of its rate a service may send at once, unless the quota says so.
const BURST_S: f64 = 10.0;

// === impl Processing ===

impl Processing {
    /// Whether hashes are made, for which there must be a key.
    pub fn needs_key(&self) -> bool {
        self.0.redactor.as_ref().is_some_and(Redactor::hashes)
    }

    /// What is in force, in one line.
    pub fn to_yaml(&self) -> String {
        let list =
            |names: Vec<&str>| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        let redact = self.0.redactor.iter().flat_map(Redactor::names).collect();
        let rules = self.0.rules.iter().map(|rule| rule.name.as_str()).collect();
        format!("{{rules: [{}], redact: [{}], quotas: {}}}", list(rules), list(redact), self.0.quotas.len())
    }
}

impl std::fmt::Debug for Processing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_yaml())
    }
}

impl RawProcessing {
    /// Checks all of it; the first problem is the error.
    pub fn check(&self) -> Result<Processing, String> {
        let too_many = |what: &str, most: usize| format!("{what}: there are more than {most}");
        if self.rules.len() > RULES_MAX {
            return Err(too_many("rules", RULES_MAX));
        }
        if self.quotas.len() > QUOTAS_MAX {
            return Err(too_many("quotas", QUOTAS_MAX));
        }
        let mut names = BTreeSet::new();
        let mut rules = Vec::new();
        for (place, raw) in self.rules.iter().enumerate() {
            let at = |problem: String| format!("rules[{}]: {problem}", name_or(&raw.name, place));
            if !names.insert(&raw.name) {
                return Err(at("the name stands twice".to_owned()));
            }
            rules.push(rule(raw).map_err(at)?);
        }
        let quotas = self.quotas.iter().enumerate();
        let quotas =
            quotas.map(|(place, raw)| quota(raw).map_err(|problem| format!("quotas[{place}]: {problem}")));
        Ok(Processing(Arc::new(Plan {
            rules,
            redactor: self.redactor()?,
            quotas: quotas.collect::<Result<_, _>>()?,
        })))
    }

    fn redactor(&self) -> Result<Option<Redactor>, String> {
        let default =
            style(self.redact_style.as_deref()).map_err(|problem| format!("redact_style: {problem}"))?;
        let mut wanted: Vec<Wanted> = Vec::new();
        for (place, raw) in self.redact.iter().enumerate() {
            let at = |problem: String| format!("redact[{}]: {problem}", name_or(&raw.name, place));
            let style = match &raw.style {
                Some(given) => style(Some(given)).map_err(at)?,
                None => default,
            };
            for next in wanted_by(raw, style).map_err(at)? {
                // What is said later is said more exactly.
                wanted.retain(|known| name_of(known) != name_of(&next));
                wanted.push(next);
            }
        }
        if wanted.iter().filter(|wanted| matches!(wanted, Wanted::Own { .. })).count() > OWN_PATTERNS_MAX {
            return Err(format!("redact: there are more than {OWN_PATTERNS_MAX} patterns"));
        }
        let redactor = Redactor::new(&wanted, self.redact_except.iter().cloned().collect())?;
        Ok((!redactor.is_empty()).then_some(redactor))
    }
}

fn name_or(name: &str, place: usize) -> String {
    if name.is_empty() { place.to_string() } else { name.to_owned() }
}

fn name_of(wanted: &Wanted) -> &str {
    match wanted {
        Wanted::Detector { name, .. } => name,
        Wanted::Own { name, .. } => name,
    }
}

fn style(name: Option<&str>) -> Result<Style, String> {
    match name {
        None | Some("mask") => Ok(Style::Mask),
        Some("hash") => Ok(Style::Hash),
        Some("remove") => Ok(Style::Remove),
        Some(other) => Err(format!("style {other:?} is none of mask, hash, remove")),
    }
}

fn wanted_by(raw: &RawRedact, style: Style) -> Result<Vec<Wanted>, String> {
    let names = redact::named(&raw.name);
    let Some(pattern) = &raw.regex else {
        if names.is_empty() {
            let known = redact::known_names().join(", ");
            return Err(format!("there is no such detector: name one of {known}, or give a regex"));
        }
        return Ok(names.into_iter().map(|name| Wanted::Detector { name, style }).collect());
    };
    if !names.is_empty() {
        return Err("the name is that of a detector: give the pattern another one".to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if raw.name.is_empty() || !raw.name.chars().all(plain) {
        return Err("a name has letters, digits, _ and -".to_owned());
    }
    let regex = pattern_of(pattern)?;
    if regex.is_match("") {
        return Err("the regex matches the empty text".to_owned());
    }
    Ok(vec![Wanted::Own { name: raw.name.clone(), regex, style }])
}

fn pattern_of(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().map_err(|e| e.to_string())
}

fn signals(names: Option<&[String]>) -> Result<[bool; 3], String> {
    let Some(names) = names else { return Ok([true; 3]) };
    let mut on = [false; 3];
    for name in names {
        let place = match name.as_str() {
            "logs" => Signal::Logs,
            "spans" | "traces" => Signal::Spans,
            "samples" | "metrics" => Signal::Samples,
            other => return Err(format!("signal {other:?} is none of logs, spans, samples")),
        };
        on[place as usize - 1] = true;
    }
    Ok(on)
}

fn rule(raw: &RawRule) -> Result<Rule, String> {
    if raw.name.is_empty() {
        return Err("a rule has a name".to_owned());
    }
    let when = raw.when.iter().map(condition).collect::<Result<_, _>>()?;
    let mut actions = Vec::new();
    if raw.drop {
        actions.push(Action::Drop);
    }
    if raw.keep {
        actions.push(Action::Keep);
    }
    for (from, to) in &raw.rename {
        let (from, to) = (place(from)?, place(to)?);
        if from.is_resource != to.is_resource {
            return Err("rename: an attribute stays where it is, on the record or on the resource".to_owned());
        }
        actions.push(Action::Edit(Edit::Rename { from, to: to.key }));
    }
    for (name, Scalar(value)) in &raw.set {
        actions.push(Action::Edit(Edit::Set { place: place(name)?, value: value.clone() }));
    }
    for name in &raw.remove {
        let (pattern, prefix) = wildcard(name);
        actions.push(Action::Edit(Edit::Remove { place: place(pattern)?, prefix }));
    }
    if !raw.keep_attributes.is_empty() {
        let kept = raw.keep_attributes.iter().map(|name| {
            let (key, prefix) = wildcard(name);
            (key.to_owned(), prefix)
        });
        actions.push(Action::Edit(Edit::KeepAttributes(kept.collect())));
    }
    let alone = actions.len() == 1 || actions.iter().all(|action| matches!(action, Action::Edit(_)));
    if actions.is_empty() || !alone {
        return Err(
            "say one of drop, keep, or what is to change: rename, set, remove, keep_attributes".to_owned()
        );
    }
    Ok(Rule {
        name: raw.name.clone(),
        tenant: raw.tenant.clone(),
        signals: signals(raw.signals.as_deref())?,
        when,
        actions,
    })
}

/// `http.*` is every name that begins so.
fn wildcard(name: &str) -> (&str, bool) {
    name.strip_suffix('*').map_or((name, false), |prefix| (prefix, true))
}

/// `attribute.KEY` or `resource.KEY`.
fn place(name: &str) -> Result<Place, String> {
    let problem = || format!("{name:?}: write attribute.NAME or resource.NAME");
    let (side, key) = name.split_once('.').ok_or_else(problem)?;
    match side {
        "attribute" => Ok(Place { is_resource: false, key: key.to_owned() }),
        "resource" => Ok(Place { is_resource: true, key: key.to_owned() }),
        _ => Err(problem()),
    }
}

fn condition(raw: &RawCondition) -> Result<Condition, String> {
    let subject = match raw.field.as_str() {
        "service" => Subject::Service,
        "scope" => Subject::Scope,
        "severity" => Subject::Severity,
        "body" => Subject::Body,
        "name" => Subject::Name,
        other => Subject::Attribute(place(other).map_err(|_| {
            format!(
                "field {other:?} is none of service, scope, severity, body, name, attribute.NAME, resource.NAME"
            )
        })?),
    };
    let tests = [
        raw.equals.as_ref().map(|OneOrMany(all)| Ok(Test::OneOf(all.iter().map(Scalar::text).collect()))),
        raw.matches.as_ref().map(|pattern| pattern_of(pattern).map(Test::Matches)),
        raw.contains.as_ref().map(|text| Ok(Test::Contains(text.clone()))),
        raw.exists.map(|exists| Ok(Test::Exists(exists))),
        raw.at_least.as_ref().map(|least| number(least).map(Test::AtLeast)),
        raw.below.as_ref().map(|bound| number(bound).map(Test::Below)),
    ];
    let mut tests = tests.into_iter().flatten();
    let (test, more) = (tests.next(), tests.next());
    let at = |problem: String| format!("{}: {problem}", raw.field);
    match (test, more) {
        (Some(test), None) => Ok(Condition { subject, test: test.map_err(at)?, negated: raw.not }),
        _ => Err(at("say one of equals, matches, contains, exists, at_least, below".to_owned())),
    }
}

/// A number, or the name of a severity.
fn number(scalar: &Scalar) -> Result<f64, String> {
    match &scalar.0 {
        OwnedValue::Str(name) => severity_number(name)
            .map(|number| number as f64)
            .ok_or_else(|| format!("{name:?} is neither a number nor a severity such as warn")),
        other => other.as_value().as_f64().ok_or_else(|| "a number is needed".to_owned()),
    }
}

fn quota(raw: &RawQuota) -> Result<Quota, String> {
    let rates = [raw.records_per_s, raw.bytes_per_s];
    if rates.iter().all(Option::is_none) {
        return Err("say records_per_s, bytes_per_s or both".to_owned());
    }
    let burst_s = raw.burst_s.unwrap_or(BURST_S);
    let good = |number: f64| number.is_finite() && number > 0.0;
    if !rates.into_iter().flatten().chain([burst_s]).all(good) {
        return Err("rates and burst_s are numbers above 0".to_owned());
    }
    Ok(Quota {
        tenant: raw.tenant.clone(),
        service: raw.service.clone(),
        signals: signals(raw.signals.as_deref())?,
        rates,
        burst_s,
    })
}
