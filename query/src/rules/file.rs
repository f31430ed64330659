//! Prometheus rule files, and Loki's, which have their form: text in, checked groups or findings out.

use std::collections::{BTreeMap, BTreeSet};

use engine::promql;
use serde::Deserialize;
use store::model::Labels;

use super::query::{Language, Query, TRACE_RANGE_DEFAULT_MS};
use super::template;
use crate::notify::nullable;

const INTERVAL_DEFAULT_MS: u64 = 15_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default, deserialize_with = "nullable")]
    groups: Vec<RawGroup>,
}

/// The custom resource of the Prometheus operator, or a list of it; what Kubernetes adds is not ours.
#[derive(Deserialize)]
struct RawResource {
    kind: String,
    spec: Option<RawFile>,
    #[serde(default)]
    items: Vec<RawResource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    name: String,
    interval: Option<String>,
    #[serde(alias = "evaluation_delay")]
    query_offset: Option<String>,
    #[serde(default)]
    limit: u64,
    /// Of its rules that name none.
    language: Option<Language>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Instants are multiples of the interval anyway; Mimir's groups may ask for it.
    #[serde(rename = "align_evaluation_time_on_interval")]
    _align: Option<serde::de::IgnoredAny>,
    /// What a Thanos beside Prometheus should do; the operator's resources have it.
    #[serde(rename = "partial_response_strategy")]
    _partial_response_strategy: Option<serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "nullable")]
    rules: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    record: Option<String>,
    alert: Option<String>,
    expr: String,
    language: Option<Language>,
    /// What a TraceQL expression, which names no range itself, looks at.
    range: Option<String>,
    #[serde(rename = "for")]
    hold: Option<String>,
    keep_firing_for: Option<String>,
    /// Hysteresis: what fires goes on while this finds its labels.
    keep_firing_while: Option<String>,
    flapping: Option<RawFlapping>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFlapping {
    times: u32,
    within: String,
}

/// An alert that fired so many times in this time goes on until it was quiet for as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flapping {
    pub(crate) times: u32,
    pub(crate) within_ms: u64,
}

/// Rules that are evaluated together, in order.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The file's path below the rules directory, or the namespace of a group that came by the API.
    pub(crate) file: String,
    /// How groups of equal names that came in different ways are told apart; empty: from a file.
    pub(crate) origin: &'static str,
    pub(crate) interval_ms: u64,
    pub(crate) query_offset_ms: u64,
    /// Series or alerts a rule of it may make; 0: no limit.
    pub(crate) limit: u64,
    /// What templates see as `$externalLabels`; rule files have none.
    pub(crate) external_labels: BTreeMap<String, String>,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The alert's name, or the recorded series'.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) query: Query,
    /// Templates in an alerting rule, plain in a recording one.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) body: RuleBody,
}

#[derive(Clone, Debug)]
pub(crate) enum RuleBody {
    Recording,
    Alerting { for_ms: u64, keep_firing_for_ms: u64, annotations: BTreeMap<String, String>, calm: Calm },
}

/// What keeps an alert from coming and going.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calm {
    pub(crate) keep_firing_while: Option<Box<Query>>,
    pub(crate) flapping: Option<Flapping>,
}

/// Findings of `signalbox check`, one a line; none: the file is good.
pub fn check_rules(text: &str) -> Vec<String> {
    parse("", text).err().unwrap_or_default()
}

/// All groups of a file, or everything that is wrong with it.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Group>, Vec<String>> {
    let raw = raw_groups(text)?;
    let for_loki = raw.iter().flat_map(|group| &group.rules).any(|rule| Language::only_logql(&rule.expr));
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    let mut groups = Vec::new();
    for group in raw {
        if !names.insert(group.name.clone()) {
            problems.push(format!("group {:?} stands twice in one file", group.name));
        }
        groups.push(check_group(file, group, for_loki, &mut problems));
    }
    if problems.is_empty() { Ok(groups) } else { Err(problems) }
}

/// One group, as the APIs take it. `language`: of rules that name none.
pub(crate) fn parse_group(
    namespace: &str,
    text: &str,
    language: Option<Language>,
) -> Result<Group, Vec<String>> {
    let mut raw: RawGroup = serde_saphyr::from_str(text).map_err(|e| vec![e.to_string()])?;
    raw.language = raw.language.or(language);
    let for_loki = raw.rules.iter().any(|rule| Language::only_logql(&rule.expr));
    let mut problems = Vec::new();
    let group = check_group(namespace, raw, for_loki, &mut problems);
    if problems.is_empty() { Ok(group) } else { Err(problems) }
}

fn raw_groups(text: &str) -> Result<Vec<RawGroup>, Vec<String>> {
    let problem = |error: serde_saphyr::Error| vec![error.to_string()];
    if !is_resource(text) {
        return serde_saphyr::from_str::<RawFile>(text).map(|file| file.groups).map_err(problem);
    }
    let mut waiting: Vec<RawResource> = vec![serde_saphyr::from_str(text).map_err(problem)?];
    let mut groups = Vec::new();
    while let Some(resource) = waiting.pop() {
        if !["PrometheusRule", "PrometheusRuleList", "List"].contains(&resource.kind.as_str()) {
            return Err(vec![format!("a {:?} has no rules: a PrometheusRule is expected", resource.kind)]);
        }
        groups.extend(resource.spec.into_iter().flat_map(|spec| spec.groups));
        waiting.extend(resource.items.into_iter().rev());
    }
    Ok(groups)
}

/// Whether the text is a resource of Kubernetes, by its keys at the left margin.
pub(crate) fn is_resource(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("kind:"))
}

/// `for_loki`: what could be PromQL or LogQL is LogQL.
fn check_group(file: &str, raw: RawGroup, for_loki: bool, problems: &mut Vec<String>) -> Group {
    let place = format!("group {:?}", raw.name);
    if raw.name.is_empty() {
        problems.push("a group has no name".into());
    }
    let interval_ms = millis(raw.interval.as_deref(), &place, "interval", problems);
    let query_offset_ms = millis(raw.query_offset.as_deref(), &place, "query_offset", problems);
    let mut rules = Vec::new();
    for (index, rule) in raw.rules.into_iter().enumerate() {
        let place = format!("{place}, rule {}", index + 1);
        let language = rule.language.or(raw.language);
        let language = language.unwrap_or_else(|| Language::of(&rule.expr, for_loki));
        rules.extend(check_rule(rule, language, &raw.labels, &place, problems));
    }
    Group {
        name: raw.name,
        file: file.to_owned(),
        origin: "",
        interval_ms: if interval_ms == 0 { INTERVAL_DEFAULT_MS } else { interval_ms },
        query_offset_ms,
        limit: raw.limit,
        external_labels: BTreeMap::new(),
        rules,
    }
}

fn check_rule(
    raw: RawRule,
    language: Language,
    group_labels: &BTreeMap<String, String>,
    place: &str,
    problems: &mut Vec<String>,
) -> Option<Rule> {
    let before = problems.len();
    let range_ms = match raw.range {
        Some(_) => millis(raw.range.as_deref(), place, "range", problems),
        None => TRACE_RANGE_DEFAULT_MS,
    };
    let mut problem = |text: String| problems.push(format!("{place}: {text}"));
    if raw.range.is_some() && language != Language::Traceql {
        problem("range is for TraceQL: other languages name it in the expression".into());
    }
    let query = Query::parse(language, &raw.expr, range_ms).map_err(|e| problem(format!("expr: {e}"))).ok();
    let mut labels = group_labels.clone();
    labels.extend(raw.labels);
    for name in labels.keys().filter(|name| name.is_empty() || *name == Labels::METRIC_NAME) {
        problem(format!("label {name:?} cannot be set"));
    }
    let name = match (&raw.record, &raw.alert) {
        (Some(name), None) | (None, Some(name)) if !name.is_empty() => name.clone(),
        _ => {
            problem("set either record or alert".into());
            return None;
        }
    };
    let body = if raw.record.is_some() {
        let calm = raw.keep_firing_while.is_some() || raw.flapping.is_some();
        if raw.hold.is_some() || raw.keep_firing_for.is_some() || calm || !raw.annotations.is_empty() {
            problem("for, keep_firing_for and annotations belong to alerts".into());
        }
        RuleBody::Recording
    } else {
        for (key, text) in raw.annotations.iter().chain(&labels) {
            if let Err(error) = template::check(text) {
                problem(format!("{key}: {error}"));
            }
        }
        let keep_firing_while = raw.keep_firing_while.as_ref().and_then(|text| {
            let query = Query::parse(language, text, range_ms);
            query.map_err(|e| problem(format!("keep_firing_while: {e}"))).ok().map(Box::new)
        });
        let flapping = raw.flapping.as_ref().map(|flapping| Flapping {
            times: flapping.times,
            within_ms: millis(Some(&flapping.within), place, "flapping.within", problems),
        });
        if flapping.is_some_and(|flapping| flapping.times < 2 || flapping.within_ms == 0) {
            problems.push(format!("{place}: flapping: two times or more, within some time"));
        }
        let calm = Calm { keep_firing_while, flapping };
        let for_ms = millis(raw.hold.as_deref(), place, "for", problems);
        let keep_firing_for_ms = millis(raw.keep_firing_for.as_deref(), place, "keep_firing_for", problems);
        RuleBody::Alerting { for_ms, keep_firing_for_ms, annotations: raw.annotations, calm }
    };
    let query = query.filter(|_| problems.len() == before)?;
    Some(Rule { name, text: raw.expr.trim().to_owned(), query, labels, body })
}

fn millis(text: Option<&str>, place: &str, key: &str, problems: &mut Vec<String>) -> u64 {
    let Some(text) = text else { return 0 };
    if text == "0" {
        return 0;
    }
    match promql::parse_duration(text).map(u64::try_from) {
        Ok(Ok(ms)) => ms,
        _ => {
            problems.push(format!("{place}: {key}: {text:?} is not a duration: write it like 30s or 5m"));
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prometheus_rule_file_is_read() {
        let text = r#"
groups:
  - name: shop
    interval: 2s
    labels: {team: shop}
    rules:
      - record: job:requests:rate
        expr: sum by (job) (rate(requests_total[1m]))
      - alert: Down
        expr: up == 0
        for: 1m
        labels: {severity: page}
        annotations: {summary: '{{ $labels.job }} is down'}
"#;
        let groups = parse("a.yml", text).unwrap();
        assert_eq!((groups[0].interval_ms, groups[0].rules.len()), (2_000, 2));
        let alert = &groups[0].rules[1];
        assert_eq!(alert.labels["team"], "shop");
        assert!(matches!(alert.body, RuleBody::Alerting { for_ms: 60_000, .. }));
    }

    #[test]
    fn the_operators_resource_is_read() {
        let text = "
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: x, labels: {a: b}}
spec:
  groups:
    - name: a
      partial_response_strategy: warn
      rules: [{alert: Down, expr: up == 0}]
    - {name: empty, rules: }
";
        let groups = parse("a.yml", text).unwrap();
        assert_eq!((groups.len(), groups[0].rules.len(), groups[1].rules.len()), (2, 1, 0));
        assert!(check_rules(&text.replace("PrometheusRule", "Pod"))[0].contains("\"Pod\" has no rules"));
        assert!(check_rules(&text.replace("expr: up == 0", "expr: up =="))[0].contains("expr"));
    }

    #[test]
    fn a_rule_may_be_in_any_of_the_three_languages() {
        let text = r#"
groups:
  - name: loki
    rules:
      - {alert: A, expr: 'sum(rate({app="x"} |= "bad" [1m])) > 1'}
      - {alert: B, expr: 'sum(count_over_time({app="x"}[1m])) > 1'}
  - name: named
    language: traceql
    rules:
      - {alert: C, expr: '{ status = error } | rate() > 1', range: 5m}
      - {alert: D, expr: 'up == 0', language: promql}
"#;
        let groups = parse("a.yml", text).unwrap();
        let languages = |at: usize| groups[at].rules.iter().map(|rule| rule.query.language());
        assert!(languages(0).eq([Language::Logql, Language::Logql]));
        assert!(languages(1).eq([Language::Traceql, Language::Promql]));
        assert!(matches!(groups[1].rules[0].query, Query::Traces { range_ms: 300_000, .. }));
        assert!(check_rules(&text.replace("promql}", "promql, range: 1m}"))[0].contains("TraceQL"));
    }

    #[test]
    fn an_alert_may_be_kept_calm() {
        let text = "groups: [{name: g, rules: [{alert: A, expr: x > 9, keep_firing_while: x > 5, flapping: {times: 3, within: 10m}}]}]";
        let RuleBody::Alerting { calm, .. } = &parse("a.yml", text).unwrap()[0].rules[0].body else {
            panic!()
        };
        assert!(calm.keep_firing_while.is_some());
        assert_eq!(calm.flapping, Some(Flapping { times: 3, within_ms: 600_000 }));
        for (from, to) in
            [("x > 5", "x >"), ("times: 3", "times: 1"), ("10m", "soon"), ("alert: A", "record: a")]
        {
            assert!(!check_rules(&text.replace(from, to)).is_empty(), "{to}");
        }
    }

    #[test]
    fn everything_wrong_is_found_at_once() {
        let text = r#"
groups:
  - name: a
    interval: nope
    rules:
      - record: x
        alert: y
        expr: up
      - alert: z
        expr: sum(
      - alert: z
        expr: up
        for: 5
      - alert: z
        expr: up
        annotations: {a: '{{ nofunc }}'}
  - name: a
"#;
        let problems = check_rules(text);
        for part in ["interval", "either record or alert", "rule 2: expr", "for:", "nofunc", "twice"] {
            assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:?}");
        }
        assert!(check_rules("groups: [{name: a, rulez: []}]")[0].contains("rulez"));
    }
}
