//! What a rule asks, in one of the three languages: text to tree, and the tree's vector at one time.

use std::collections::BTreeMap;

use engine::promql::{self, Data, InstantParams, Point, Settings};
use engine::{logql, traceql};
use serde::Deserialize;
use store::Snapshot;
use store::model::{Labels, RequestCtx, naming};

const NS_PER_MS: i64 = 1_000_000;

/// How far back a TraceQL rule looks that names no `range`.
pub(crate) const TRACE_RANGE_DEFAULT_MS: u64 = 60_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    Promql,
    Logql,
    Traceql,
}

#[derive(Clone, Debug)]
pub(crate) enum Query {
    Metrics(promql::Expr),
    Logs(logql::Expr),
    Traces { query: traceql::Query, range_ms: u64 },
}

/// When and how an expression is evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant {
    pub(crate) time_ms: i64,
    pub(crate) settings: Settings,
}

/// Labels and value of each element.
pub(crate) type Vector = Vec<(Labels, Point)>;

// === impl Language ===

impl Language {
    /// The language of a text that names none. PromQL and LogQL share some texts: then it is LogQL where the rules
    /// beside it are, as in a rule file for Loki.
    pub(crate) fn of(text: &str, beside_logql: bool) -> Self {
        let is_logql = matches!(logql::parse(text), Ok(logql::Expr::Metric(_)));
        match promql::parse(text).is_ok() {
            true if is_logql && beside_logql => Self::Logql,
            true => Self::Promql,
            false if is_logql => Self::Logql,
            false if traceql::parse(text).is_ok() => Self::Traceql,
            // What is wrong is told in the words of the language it looks like.
            false if text.trim_start().starts_with('{') && text.contains("&&") => Self::Traceql,
            false if ["|=", "|~", "!=\"", "| json", "| logfmt"].iter().any(|mark| text.contains(mark)) => {
                Self::Logql
            }
            false => Self::Promql,
        }
    }

    /// Whether a text is LogQL and nothing else.
    pub(crate) fn only_logql(text: &str) -> bool {
        promql::parse(text).is_err() && matches!(logql::parse(text), Ok(logql::Expr::Metric(_)))
    }
}

// === impl Query ===

impl Query {
    pub(crate) fn parse(language: Language, text: &str, range_ms: u64) -> Result<Self, String> {
        match language {
            Language::Promql => promql::parse(text).map(Self::Metrics).map_err(|e| e.to_string()),
            Language::Logql => match logql::parse(text).map_err(|e| e.to_string())? {
                logql::Expr::Log(_) => {
                    Err("a rule counts lines: put the query into count_over_time or rate".to_owned())
                }
                metric @ logql::Expr::Metric(_) => Ok(Self::Logs(metric)),
            },
            Language::Traceql => {
                let query = traceql::parse(text).map_err(|e| e.to_string())?;
                match query.expr {
                    traceql::Expr::Metrics(_) => Ok(Self::Traces { query, range_ms }),
                    _ => Err("a rule counts spans: end the query in a metrics stage as | rate()".to_owned()),
                }
            }
        }
    }

    pub(crate) fn language(&self) -> Language {
        match self {
            Self::Metrics(_) => Language::Promql,
            Self::Logs(_) => Language::Logql,
            Self::Traces { .. } => Language::Traceql,
        }
    }

    /// What it finds. Blocking: reads data.
    pub(crate) fn vector(
        &self,
        ctx: &RequestCtx,
        snapshot: &Snapshot,
        at: &Instant,
    ) -> Result<Vector, String> {
        let time_ns = at.time_ms.saturating_mul(NS_PER_MS);
        match self {
            Self::Metrics(expr) => {
                let params = InstantParams { time_ms: at.time_ms, settings: at.settings };
                let answer = promql::instant(ctx, snapshot, expr, &params).map_err(|e| e.to_string())?;
                of_metrics(answer.value)
            }
            Self::Logs(expr) => {
                let params = logql::QueryParams {
                    start: time_ns,
                    end: time_ns,
                    step: 1,
                    instant: true,
                    limit: 0,
                    interval: 0,
                    direction: logql::Direction::Backward,
                };
                let answer = logql::query(ctx, snapshot, expr, &params).map_err(|e| e.to_string())?;
                of_logs(answer.data)
            }
            Self::Traces { query, range_ms } => {
                let step = i64::try_from(*range_ms).unwrap_or(i64::MAX).saturating_mul(NS_PER_MS).max(1);
                let params = traceql::MetricsParams { start: time_ns, end: time_ns, step, exemplars: 0 };
                let (series, _) =
                    traceql::metrics(ctx, snapshot, query, &params).map_err(|e| e.to_string())?;
                Ok(series.into_iter().filter_map(of_traces).collect())
            }
        }
    }
}

fn of_metrics(value: Data) -> Result<Vector, String> {
    match value {
        Data::Scalar { value, .. } => Ok(vec![(Labels::default(), Point::Float(value))]),
        Data::Vector(samples) => Ok(samples.into_iter().map(|one| (one.labels, one.value)).collect()),
        Data::String { .. } | Data::Matrix(_) => Err("a rule needs a scalar or an instant vector".into()),
    }
}

fn of_logs(data: logql::Data) -> Result<Vector, String> {
    match data {
        logql::Data::Scalar(_, value) => Ok(vec![(Labels::default(), Point::Float(value))]),
        logql::Data::Vector(samples) => {
            Ok(samples.into_iter().map(|one| (one.labels, Point::Float(one.value))).collect())
        }
        logql::Data::Streams(_) | logql::Data::Matrix(_) => Err("a rule needs a number of lines".into()),
    }
}

/// Attributes as labels; what no span of the series has is no label.
fn of_traces(series: traceql::MetricsSeries) -> Option<(Labels, Point)> {
    let (_, value) = *series.points.last()?;
    let mut labels = BTreeMap::new();
    for (key, text) in &series.labels {
        if let (Some(text), true) = (text, key != Labels::METRIC_NAME) {
            let scopes = ["resource.", "span.", "instrumentation.", "event.", "link.", "."];
            let plain = scopes.iter().find_map(|scope| key.strip_prefix(scope)).unwrap_or(key);
            labels.insert(naming::label_name(plain), text.text());
        }
    }
    Some((Labels::new(labels), Point::Float(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_names_no_language_is_known_by_its_grammar() {
        for (text, alone, beside) in [
            ("up == 0", Language::Promql, Language::Promql),
            ("sum(rate({app=\"x\"}[5m])) > 1", Language::Promql, Language::Logql),
            ("sum(rate({app=\"x\"} |= \"bad\" [5m])) > 1", Language::Logql, Language::Logql),
            ("{ status = error } | rate() > 1", Language::Traceql, Language::Traceql),
            ("sum(", Language::Promql, Language::Promql),
            ("sum(rate({app=\"x\"} |= \"bad\" [5m]", Language::Logql, Language::Logql),
        ] {
            assert_eq!((Language::of(text, false), Language::of(text, true)), (alone, beside), "{text}");
        }
    }

    #[test]
    fn a_rule_is_a_number_not_a_search() {
        let problem = |language, text| Query::parse(language, text, 1).unwrap_err();
        assert!(problem(Language::Logql, "{app=\"x\"}").contains("count_over_time"));
        assert!(problem(Language::Traceql, "{ status = error }").contains("rate()"));
        assert!(Query::parse(Language::Traceql, "{ status = error } | rate()", 1).is_ok());
    }
}
