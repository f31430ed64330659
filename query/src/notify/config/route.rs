//! The tree of routes: who is told of an alert, and how often.

use std::collections::{BTreeMap, BTreeSet};

use engine::promql;
use serde::Deserialize;
use store::model::{LabelMatcher, MatchOp};

use super::raw::nullable;
use crate::notify::matcher;

/// Alertmanager's defaults.
const GROUP_WAIT_MS: i64 = 30_000;
const GROUP_INTERVAL_MS: i64 = 5 * 60_000;
const REPEAT_INTERVAL_MS: i64 = 4 * 3_600_000;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRoute {
    receiver: Option<String>,
    group_by: Option<Vec<String>>,
    #[serde(rename = "match", deserialize_with = "nullable")]
    match_: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    match_re: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "nullable")]
    matchers: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    mute_time_intervals: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    active_time_intervals: Vec<String>,
    #[serde(rename = "continue")]
    goes_on: bool,
    #[serde(deserialize_with = "nullable")]
    routes: Vec<RawRoute>,
    group_wait: Option<String>,
    group_interval: Option<String>,
    repeat_interval: Option<String>,
}

/// A route with everything it inherits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    pub(crate) receiver: String,
    pub(crate) group_by: GroupBy,
    pub(crate) matchers: Vec<LabelMatcher>,
    pub(crate) mute_time_intervals: Vec<String>,
    pub(crate) active_time_intervals: Vec<String>,
    pub(crate) goes_on: bool,
    pub(crate) routes: Vec<Route>,
    pub(crate) group_wait_ms: i64,
    pub(crate) group_interval_ms: i64,
    pub(crate) repeat_interval_ms: i64,
    /// Matchers from the root to here: `{}/{severity="page"}`.
    pub(crate) key: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum GroupBy {
    /// All alerts are one group.
    #[default]
    Nothing,
    /// `group_by: ['...']`: every alert is its own group.
    All,
    Labels(BTreeSet<String>),
}

/// What the tree may refer to, and what is wrong with it.
pub(super) struct Checks<'c> {
    pub(super) receivers: &'c BTreeSet<String>,
    pub(super) intervals: &'c BTreeSet<String>,
    pub(super) problems: &'c mut Vec<String>,
}

// === impl Route ===

impl Default for Route {
    /// The root of a file that says nothing else, without a receiver.
    fn default() -> Self {
        Self {
            receiver: String::new(),
            group_by: GroupBy::Nothing,
            matchers: Vec::new(),
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            goes_on: false,
            routes: Vec::new(),
            group_wait_ms: GROUP_WAIT_MS,
            group_interval_ms: GROUP_INTERVAL_MS,
            repeat_interval_ms: REPEAT_INTERVAL_MS,
            key: "{}".into(),
        }
    }
}

impl Route {
    pub(super) fn root(raw: &RawRoute, checks: &mut Checks<'_>) -> Self {
        if raw.receiver.as_deref().unwrap_or_default().is_empty() {
            checks.problems.push("route: the first route needs a receiver".into());
        }
        if !(raw.match_.is_empty() && raw.match_re.is_empty() && raw.matchers.is_empty()) {
            checks.problems.push("route: the first route takes every alert: it cannot have matchers".into());
        }
        if !(raw.mute_time_intervals.is_empty() && raw.active_time_intervals.is_empty()) {
            checks.problems.push("route: the first route cannot have time intervals".into());
        }
        if raw.goes_on {
            checks.problems.push("route: the first route cannot have continue".into());
        }
        Self::below(raw, None, "route", checks)
    }

    fn below(raw: &RawRoute, parent: Option<&Self>, place: &str, checks: &mut Checks<'_>) -> Self {
        let inherited = parent.cloned().unwrap_or_default();
        let matchers = matchers(raw, place, checks.problems);
        let receiver = raw.receiver.clone().filter(|name| !name.is_empty()).unwrap_or(inherited.receiver);
        if !receiver.is_empty() && !checks.receivers.contains(&receiver) {
            checks.problems.push(format!("{place}: there is no receiver {receiver:?}"));
        }
        for name in raw.mute_time_intervals.iter().chain(&raw.active_time_intervals) {
            if !checks.intervals.contains(name) {
                checks.problems.push(format!("{place}: there is no time interval {name:?}"));
            }
        }
        let mut millis = |key: &str, text: &Option<String>, inherited: i64, zero: bool| match text {
            None => inherited,
            Some(text) => duration(text, zero).unwrap_or_else(|problem| {
                checks.problems.push(format!("{place}: {key}: {problem}"));
                inherited
            }),
        };
        let group_wait_ms = millis("group_wait", &raw.group_wait, inherited.group_wait_ms, true);
        let group_interval_ms =
            millis("group_interval", &raw.group_interval, inherited.group_interval_ms, false);
        let repeat_interval_ms =
            millis("repeat_interval", &raw.repeat_interval, inherited.repeat_interval_ms, false);
        let group_by = match &raw.group_by {
            None => inherited.group_by,
            Some(names) => GroupBy::new(names).unwrap_or_else(|problem| {
                checks.problems.push(format!("{place}: group_by: {problem}"));
                GroupBy::Nothing
            }),
        };
        let mut route = Self {
            receiver,
            group_by,
            mute_time_intervals: raw.mute_time_intervals.clone(),
            active_time_intervals: raw.active_time_intervals.clone(),
            goes_on: raw.goes_on,
            routes: Vec::new(),
            group_wait_ms,
            group_interval_ms,
            repeat_interval_ms,
            key: match parent {
                Some(parent) => format!("{}/{}", parent.key, shown(&matchers)),
                None => inherited.key,
            },
            matchers,
        };
        let below = raw.routes.iter().enumerate().map(|(index, child)| {
            Self::below(child, Some(&route), &format!("{place}, routes[{index}]"), checks)
        });
        route.routes = below.collect();
        route
    }

    /// The deepest routes that take the alert, in the order of the file; at least the root.
    pub(crate) fn taking<'r>(&'r self, labels: &BTreeMap<String, String>) -> Vec<&'r Route> {
        if !matcher::all_match(&self.matchers, labels) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for child in &self.routes {
            let taken = child.taking(labels);
            let last = !taken.is_empty() && !child.goes_on;
            found.extend(taken);
            if last {
                break;
            }
        }
        if found.is_empty() { vec![self] } else { found }
    }

    /// This route and all below it.
    pub(crate) fn all(&self) -> Vec<&Route> {
        let mut all = vec![self];
        all.extend(self.routes.iter().flat_map(Route::all));
        all
    }
}

// === impl GroupBy ===

impl GroupBy {
    fn new(names: &[String]) -> Result<Self, String> {
        let every = names.iter().any(|name| name == "...");
        let labels: BTreeSet<String> = names.iter().cloned().collect();
        match names {
            [] => Ok(Self::Nothing),
            [_] if every => Ok(Self::All),
            _ if every => Err("\"...\" stands for every label: no other can stand beside it".into()),
            _ if labels.contains("") => Err("a label has no name".into()),
            _ if labels.len() < names.len() => Err("a label stands twice".into()),
            _ => Ok(Self::Labels(labels)),
        }
    }

    pub(crate) fn of(&self, labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        match self {
            Self::Nothing => BTreeMap::new(),
            Self::All => labels.clone(),
            Self::Labels(names) => labels
                .iter()
                .filter(|(name, _)| names.contains(*name))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect(),
        }
    }
}

/// `{a="b",c=~"d"}`
fn shown(matchers: &[LabelMatcher]) -> String {
    format!("{{{}}}", matchers.iter().map(matcher::print).collect::<Vec<_>>().join(","))
}

fn matchers(raw: &RawRoute, place: &str, problems: &mut Vec<String>) -> Vec<LabelMatcher> {
    gathered(&raw.match_, &raw.match_re, &raw.matchers).unwrap_or_else(|problem| {
        problems.push(format!("{place}: {problem}"));
        Vec::new()
    })
}

/// The three ways to write matchers, as routes and inhibition rules have them.
pub(super) fn gathered(
    equal: &BTreeMap<String, String>,
    regex: &BTreeMap<String, Option<String>>,
    texts: &[String],
) -> Result<Vec<LabelMatcher>, String> {
    let mut all = Vec::new();
    let made =
        |name: &str, op, value: &str| LabelMatcher::new(name, op, value).map_err(|e| format!("{name}: {e}"));
    for (name, value) in equal {
        if !classic_name(name) {
            return Err(format!("{name:?} is not a label's name"));
        }
        all.push(made(name, MatchOp::Equal, value)?);
    }
    for (name, pattern) in regex {
        let pattern = pattern.as_deref().ok_or_else(|| format!("match_re: {name} has no expression"))?;
        if !classic_name(name) {
            return Err(format!("{name:?} is not a label's name"));
        }
        all.push(made(name, MatchOp::Regex, pattern)?);
    }
    for text in texts {
        all.extend(matcher::parse_all(text)?);
    }
    all.sort_by(|a, b| (&a.name, &a.value).cmp(&(&b.name, &b.value)));
    Ok(all)
}

fn classic_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Milliseconds of `30s`.
pub(super) fn duration(text: &str, zero: bool) -> Result<i64, String> {
    let bad = || format!("{text:?} is not a duration: write it like 30s or 5m");
    let ms = if text == "0" { 0 } else { promql::parse_duration(text).map_err(|_| bad())? };
    match ms {
        ..0 => Err(bad()),
        0 if !zero => Err("it cannot be zero".into()),
        _ => Ok(ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = r#"
receiver: all
group_by: [alertname]
group_wait: 10s
routes:
  - matchers: ['severity="page"', team=~"a|b"]
    receiver: pager
    continue: true
    routes:
      - matchers: [team=a]
        receiver: pager-a
        group_wait: 0s
  - match: {severity: page}
    receiver: chat
    group_by: ['...']
  - match_re: {severity: 'info|debug'}
    receiver: nobody
"#;

    fn root(yaml: &str) -> (Route, Vec<String>) {
        let raw: RawRoute = serde_saphyr::from_str(yaml).unwrap();
        let receivers = ["all", "pager", "pager-a", "chat", "nobody"].map(str::to_owned).into();
        let intervals = ["nights".to_owned()].into();
        let mut problems = Vec::new();
        let route = Route::root(
            &raw,
            &mut Checks { receivers: &receivers, intervals: &intervals, problems: &mut problems },
        );
        (route, problems)
    }

    #[test]
    fn alerts_go_down_to_the_deepest_routes() {
        let (root, problems) = root(TREE);
        assert_eq!(problems, [] as [&str; 0]);
        for (labels, receivers) in [
            (&[][..], &["all"][..]),
            (&[("severity", "page")], &["chat"]),
            (&[("severity", "page"), ("team", "b")], &["pager", "chat"]),
            (&[("severity", "page"), ("team", "a")], &["pager-a", "chat"]),
            (&[("severity", "info")], &["nobody"]),
        ] {
            let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let taken: Vec<&str> = root.taking(&labels).iter().map(|route| route.receiver.as_str()).collect();
            assert_eq!(taken, receivers, "{labels:?}");
        }
    }

    #[test]
    fn what_is_not_said_is_inherited() {
        let (root, _) = root(TREE);
        let deep = &root.routes[0].routes[0];
        assert_eq!((deep.group_wait_ms, deep.group_interval_ms), (0, GROUP_INTERVAL_MS));
        assert_eq!(root.routes[0].group_wait_ms, 10_000);
        assert_eq!((&root.routes[1].group_by, &deep.group_by), (&GroupBy::All, &root.group_by));
        assert_eq!(deep.key, r#"{}/{severity="page",team=~"a|b"}/{team="a"}"#);
        assert_eq!(root.all().len(), 5);
    }

    #[test]
    fn mistakes_in_a_tree_are_found() {
        for (yaml, part) in [
            ("{}", "needs a receiver"),
            ("{receiver: all, matchers: [a=b]}", "cannot have matchers"),
            ("{receiver: all, mute_time_intervals: [nights]}", "cannot have time intervals"),
            ("{receiver: all, continue: true}", "cannot have continue"),
            ("{receiver: none}", "no receiver \"none\""),
            ("{receiver: all, routes: [{mute_time_intervals: [days]}]}", "no time interval \"days\""),
            ("{receiver: all, routes: [{matchers: ['a~b']}]}", "not a matcher"),
            ("{receiver: all, routes: [{match_re: {a: }}]}", "no expression"),
            ("{receiver: all, routes: [{match: {a-b: c}}]}", "label's name"),
            ("{receiver: all, group_by: [a, a]}", "twice"),
            ("{receiver: all, group_by: ['...', a]}", "every label"),
            ("{receiver: all, group_interval: 0s}", "zero"),
            ("{receiver: all, group_wait: soon}", "not a duration"),
        ] {
            let (_, problems) = root(yaml);
            assert!(problems.iter().any(|problem| problem.contains(part)), "{yaml}: {problems:?}");
        }
    }
}
