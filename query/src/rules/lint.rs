//! What of rules is doubtful though it can be read: names the store of a running server does not know, alerts that fire at
//! the first bad sample.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use engine::{logql, promql};
use serde_json::Value;
use store::model::Labels;

use super::early::Early;
use super::file::{self, Group, Rule, RuleBody};
use super::query::Query;

const ASK_TIMEOUT: Duration = Duration::from_secs(60);
/// Names are known that were there in this time.
const KNOWN_S: i64 = 7 * 24 * 3600;
/// Series rules make themselves.
const OWN: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];
/// A name that is farther is no misspelling.
const DISTANCE_MAX: usize = 3;

/// Looks over rule files.
#[derive(Debug)]
pub struct Lint {
    /// Whose data is looked at, as `http://127.0.0.1:9480`; `None`: nobody's.
    server: Option<String>,
    token: Option<String>,
    client: reqwest::Client,
    /// Answers, by path.
    answers: BTreeMap<String, Value>,
}

// === impl Lint ===

impl Lint {
    pub fn new(server: Option<String>, token: Option<String>) -> Self {
        Self { server, token, client: reqwest::Client::new(), answers: BTreeMap::new() }
    }

    /// One line for each doubt about the rules of a text, none if it cannot be read.
    ///
    /// # Errors
    /// What the server was asked and did not answer.
    pub async fn warnings(&mut self, text: &str) -> Result<Vec<String>, String> {
        let Ok(groups) = file::parse("", text) else { return Ok(Vec::new()) };
        let rules = groups.iter().flat_map(|group| &group.rules);
        let recorded: BTreeSet<&str> = rules
            .filter(|rule| matches!(rule.body, RuleBody::Recording))
            .map(|rule| rule.name.as_str())
            .collect();
        let (asks, mut warnings) = (self.server.is_some(), Vec::new());
        for group in &groups {
            warnings.extend(hasty(group));
            for rule in group.rules.iter().filter(|_| asks) {
                let unknown = match &rule.query {
                    Query::Metrics(expr) => self.metrics(expr, &recorded).await?,
                    Query::Logs(expr) => self.streams(expr).await?,
                    Query::Traces { .. } => Vec::new(),
                };
                warnings.extend(unknown.into_iter().map(|text| place(group, rule, &text)));
            }
        }
        Ok(warnings)
    }

    async fn metrics(
        &mut self,
        expr: &promql::Expr,
        recorded: &BTreeSet<&str>,
    ) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        for used in promql::selectors(expr) {
            let mut named = used.matchers.iter();
            let named = named.find(|m| m.name == Labels::METRIC_NAME && m.op == promql::MatchOp::Equal);
            let Some(name) = named.map(|matcher| matcher.value.as_str()) else { continue };
            if recorded.contains(name) || OWN.contains(&name) {
                continue;
            }
            let named = format!("__name__={}", quoted(name));
            if !self.has_series(&named).await? {
                let names = self.names("/api/v1/label/__name__/values").await?;
                found.push(format!("no series is called {name}{}", like(name, &names)));
                continue;
            }
            for matcher in used.matchers.iter().filter(|matcher| matcher.name != Labels::METRIC_NAME) {
                // A label that is to be empty may be missing.
                let wants_none = matcher.value.is_empty() && matcher.op == promql::MatchOp::Equal;
                let label = &matcher.name;
                if !wants_none && !self.has_series(&format!("{named},{label}!=\"\"")).await? {
                    let names = self
                        .names(&format!("/api/v1/labels?match[]={}", escaped(&format!("{{{named}}}"))))
                        .await?;
                    found.push(format!("no series of {name} has a label {label}{}", like(label, &names)));
                }
            }
        }
        Ok(found)
    }

    async fn streams(&mut self, expr: &logql::Expr) -> Result<Vec<String>, String> {
        let used: BTreeSet<&str> =
            logql::selectors(expr).into_iter().flatten().map(|matcher| matcher.name.as_str()).collect();
        let names = self.names("/loki/api/v1/labels").await?;
        let unknown = used.into_iter().filter(|name| !names.contains(*name));
        Ok(unknown
            .map(|name| format!("no stream of logs has a label {name}{}", like(name, &names)))
            .collect())
    }

    async fn has_series(&mut self, matchers: &str) -> Result<bool, String> {
        let path = format!("/api/v1/series?limit=1&match[]={}", escaped(&format!("{{{matchers}}}")));
        Ok(self.ask(&path).await?["data"].as_array().is_some_and(|series| !series.is_empty()))
    }

    async fn names(&mut self, path: &str) -> Result<BTreeSet<String>, String> {
        let answer = self.ask(path).await?;
        let names = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    async fn ask(&mut self, path: &str) -> Result<Value, String> {
        if let Some(known) = self.answers.get(path) {
            return Ok(known.clone());
        }
        let server = self.server.as_deref().unwrap_or_default().trim_end_matches('/');
        // What came in this second is there too.
        let end = jiff::Timestamp::now().as_second() + 1;
        let joint = if path.contains('?') { '&' } else { '?' };
        // Loki's times are nanoseconds, and it takes seconds with a fraction too.
        let url = format!("{server}{path}{joint}start={}.0&end={end}.0", end - KNOWN_S);
        let mut request = self.client.get(url).timeout(ASK_TIMEOUT);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(|e| format!("ask {server}: {e}"))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|e| format!("ask {server}: {e}"))?;
        if !status.is_success() {
            return Err(format!("{server} answers {status}: {text}"));
        }
        let value: Value =
            serde_json::from_str(&text).map_err(|e| format!("{server} answers no JSON: {e}"))?;
        self.answers.insert(path.to_owned(), value.clone());
        Ok(value)
    }
}

/// Alerts that one bad sample fires: without `for`, and of values that go down again.
fn hasty(group: &Group) -> Vec<String> {
    let grows: BTreeSet<usize> = Early::of_group(group).iter().map(|early| early.rule).collect();
    let mut found = Vec::new();
    for (at, rule) in group.rules.iter().enumerate() {
        if matches!(rule.body, RuleBody::Alerting { for_ms: 0, .. }) && !grows.contains(&at) {
            found.push(place(group, rule, "has no \"for\": the first instant at which it holds fires it"));
        }
    }
    found
}

fn place(group: &Group, rule: &Rule, text: &str) -> String {
    format!("group {:?}, {}: {text}", group.name, rule.name)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A name somebody may have meant.
fn like(name: &str, known: &BTreeSet<String>) -> String {
    let apart = |other: &String| (strsim::damerau_levenshtein(name, other), other.clone());
    let near =
        known.iter().map(apart).filter(|(distance, _)| *distance <= DISTANCE_MAX.min(name.len() / 2)).min();
    near.map(|(_, other)| format!("; did you mean {other}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_alert_that_one_bad_sample_fires_is_doubtful() {
        let text = "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: up == 0}\n  - {alert: Held, expr: up == 0, for: 1m}\n  \
                    - {alert: Grows, expr: 'increase(errors_total[5m]) > 3'}\n  - {record: r, expr: up}\n";
        let _ = rustls::crypto::ring::default_provider().install_default();
        let warnings = Lint::new(None, None).warnings(text).await.unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("group \"g\", Down: has no \"for\""), "{warnings:?}");
        assert!(Lint::new(None, None).warnings("groups: 7").await.unwrap().is_empty());
    }

    #[test]
    fn a_misspelt_name_has_a_near_one() {
        let known = BTreeSet::from(["http_requests_total".to_owned(), "up".to_owned()]);
        assert_eq!(like("http_request_total", &known), "; did you mean http_requests_total?");
        assert_eq!(like("memory_bytes", &known), "");
    }
}
