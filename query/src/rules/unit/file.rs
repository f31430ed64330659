//! A file of tests: text in, checked tests out.

use std::collections::BTreeMap;

use engine::promql::{self, script};
use serde::Deserialize;
use store::model::HistogramPoint;

use super::inputs::{LogInput, RawLogs, RawSpans, SpanInput};
use crate::notify::nullable;
use crate::request::time::rfc3339_to_ms;
use crate::rules::query::Language;

const EVALUATION_INTERVAL_DEFAULT_MS: i64 = 60_000;
/// Evaluations of one test: a year at five minutes. A mistyped time would have no end.
const EVALUATIONS_MAX: i64 = 110_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTests {
    #[serde(default, deserialize_with = "nullable")]
    rule_files: Vec<String>,
    evaluation_interval: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    group_eval_order: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    tests: Vec<RawTest>,
    #[serde(default)]
    fuzzy_compare: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTest {
    interval: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    input_series: Vec<RawSeries>,
    #[serde(default, deserialize_with = "nullable")]
    input_logs: Vec<RawLogs>,
    #[serde(default, deserialize_with = "nullable")]
    input_spans: Vec<RawSpans>,
    #[serde(default, deserialize_with = "nullable")]
    alert_rule_test: Vec<RawAlertCase>,
    #[serde(default, deserialize_with = "nullable")]
    promql_expr_test: Vec<RawExprCase>,
    #[serde(default, deserialize_with = "nullable")]
    external_labels: BTreeMap<String, String>,
    #[serde(default)]
    external_url: String,
    #[serde(default)]
    name: String,
    start_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeries {
    series: String,
    values: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAlertCase {
    #[serde(default)]
    eval_time: String,
    #[serde(default)]
    alertname: String,
    #[serde(default, deserialize_with = "nullable")]
    exp_alerts: Vec<ExpectedAlert>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedAlert {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) exp_labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) exp_annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExprCase {
    expr: String,
    language: Option<Language>,
    #[serde(default)]
    eval_time: String,
    #[serde(default, deserialize_with = "nullable")]
    exp_samples: Vec<RawSample>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSample {
    #[serde(default, deserialize_with = "nullable")]
    labels: String,
    #[serde(default)]
    value: f64,
    #[serde(default)]
    histogram: String,
}

/// All tests of a file.
pub(super) struct Tests {
    pub(super) rule_files: Vec<String>,
    pub(super) evaluation_interval_ms: i64,
    pub(super) group_eval_order: Vec<String>,
    pub(super) fuzzy_compare: bool,
    pub(super) tests: Vec<Test>,
}

pub(super) struct Test {
    pub(super) name: String,
    pub(super) interval_ms: i64,
    pub(super) start_ms: i64,
    pub(super) series: Result<Vec<script::SeriesLine>, String>,
    pub(super) logs: Vec<LogInput>,
    pub(super) spans: Vec<SpanInput>,
    pub(super) alerts: Vec<AlertCase>,
    pub(super) exprs: Vec<ExprCase>,
    pub(super) external_labels: BTreeMap<String, String>,
    pub(super) external_url: String,
}

pub(super) struct AlertCase {
    pub(super) at_ms: i64,
    pub(super) alertname: String,
    pub(super) expected: Vec<ExpectedAlert>,
}

pub(super) struct ExprCase {
    pub(super) at_ms: i64,
    pub(super) expr: String,
    pub(super) language: Language,
    /// What is wrong with a sample is a failure of the case.
    pub(super) expected: Result<Vec<ExpectedSample>, String>,
}

#[derive(Clone, Debug)]
pub(super) struct ExpectedSample {
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
    pub(super) histogram: Option<HistogramPoint>,
}

pub(super) fn parse(text: &str) -> Result<Tests, String> {
    let raw: RawTests = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
    let interval_ms =
        match raw.evaluation_interval.as_deref().map(|text| duration("evaluation_interval", text)) {
            None | Some(Ok(0)) => EVALUATION_INTERVAL_DEFAULT_MS,
            Some(interval) => interval?,
        };
    let mut order = raw.group_eval_order.clone();
    order.sort();
    if let Some(twice) = order.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("group_eval_order names {:?} twice", twice[0]));
    }
    let tests = raw.tests.into_iter().map(|test| check_test(test, interval_ms));
    Ok(Tests {
        rule_files: raw.rule_files,
        evaluation_interval_ms: interval_ms,
        group_eval_order: raw.group_eval_order,
        fuzzy_compare: raw.fuzzy_compare,
        tests: tests.collect::<Result<_, _>>()?,
    })
}

fn check_test(raw: RawTest, evaluation_interval_ms: i64) -> Result<Test, String> {
    let interval_ms = match raw.interval.as_deref().map(|text| duration("interval", text)) {
        None | Some(Ok(0)) => evaluation_interval_ms,
        Some(interval) => interval?,
    };
    let series = raw.input_series.iter().map(|one| {
        let line = script::parse_line(&format!("{} {}", one.series, one.values));
        line.map_err(|e| format!("series {:?}: {e}", one.series))
    });
    let mut alerts = Vec::new();
    for case in raw.alert_rule_test {
        if case.alertname.is_empty() {
            return Err(format!("alert_rule_test at {:?} has no alertname", case.eval_time));
        }
        let at_ms = eval_time(&case.eval_time)?;
        alerts.push(AlertCase { at_ms, alertname: case.alertname, expected: case.exp_alerts });
    }
    let mut exprs = Vec::new();
    for case in raw.promql_expr_test {
        let language = case.language.unwrap_or_else(|| Language::of(&case.expr, false));
        let expected = case.exp_samples.iter().map(expected_sample).collect();
        exprs.push(ExprCase { at_ms: eval_time(&case.eval_time)?, expr: case.expr, language, expected });
    }
    let test = Test {
        name: raw.name,
        interval_ms,
        start_ms: raw.start_timestamp.as_deref().map_or(Ok(0), start)?,
        series: series.collect(),
        logs: raw.input_logs.into_iter().map(RawLogs::check).collect::<Result<_, _>>()?,
        spans: raw.input_spans.into_iter().map(RawSpans::check).collect::<Result<_, _>>()?,
        alerts,
        exprs,
        external_labels: raw.external_labels,
        external_url: raw.external_url,
    };
    match test.last_ms() / evaluation_interval_ms {
        evaluations if evaluations > EVALUATIONS_MAX => {
            Err(format!("{evaluations} evaluations, at most {EVALUATIONS_MAX}: raise evaluation_interval"))
        }
        _ => Ok(test),
    }
}

fn expected_sample(raw: &RawSample) -> Result<ExpectedSample, String> {
    let wrong = |problem: String| format!("labels {:?}: {problem}", raw.labels);
    let (labels, rest) = script::parse_labels(raw.labels.trim()).map_err(wrong)?;
    if !rest.trim().is_empty() {
        return Err(wrong(format!("{rest:?} is no label")));
    }
    let histogram = match raw.histogram.trim() {
        "" => None,
        text => match script::parse_items(text).map_err(wrong)?.as_slice() {
            [script::Item::Histogram(histogram)] => Some(histogram.clone()),
            _ => return Err(wrong(format!("{text:?} is not one histogram"))),
        },
    };
    Ok(ExpectedSample { labels, value: raw.value, histogram })
}

pub(super) fn duration(key: &str, text: &str) -> Result<i64, String> {
    promql::parse_duration(text).map_err(|e| format!("{key}: {e}"))
}

fn eval_time(text: &str) -> Result<i64, String> {
    if text.is_empty() { Ok(0) } else { duration("eval_time", text) }
}

/// RFC 3339, or seconds since 1970.
fn start(text: &str) -> Result<i64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.abs() < 9e12);
    let ms = seconds.map(|seconds| (seconds * 1_000.0).round() as i64);
    ms.or_else(|| rfc3339_to_ms(text)).ok_or_else(|| {
        format!("start_timestamp {text:?}: write a time as 2026-01-02T03:04:05Z or as seconds since 1970")
    })
}

impl Test {
    /// Until when there is something to see.
    pub(super) fn last_ms(&self) -> i64 {
        let alerts = self.alerts.iter().map(|case| case.at_ms);
        alerts.chain(self.exprs.iter().map(|case| case.at_ms)).max().unwrap_or(0)
    }
}
