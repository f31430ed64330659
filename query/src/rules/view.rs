//! Rules and their alerts as the APIs show them.

use std::collections::BTreeMap;

use store::model::Labels;

use super::evaluate::RuleRun;
use super::file::{Rule, RuleBody};
use super::query::Language;
use super::state::{Active, Phase};
use crate::{AlertView, RuleKind, RuleView};

/// Who is told of alerts with these labels.
pub(super) type ReceiversOf<'r> = &'r dyn Fn(&BTreeMap<String, String>) -> Vec<String>;

pub(super) fn rule(rule: &Rule, run: &RuleRun, receivers: ReceiversOf<'_>, external_url: &str) -> RuleView {
    let kind = match &rule.body {
        RuleBody::Recording => RuleKind::Recording,
        RuleBody::Alerting { for_ms, keep_firing_for_ms, annotations, .. } => RuleKind::Alerting {
            for_ms: *for_ms,
            keep_firing_for_ms: *keep_firing_for_ms,
            annotations: Labels::new(annotations.clone()),
            alerts: alert_views(rule, run, receivers, external_url),
        },
    };
    RuleView {
        kind,
        name: rule.name.clone(),
        query: rule.text.clone(),
        labels: Labels::new(rule.labels.clone()),
        last_error: run.error.clone(),
        last_evaluation_ms: run.at_ms,
        evaluation_ms: run.took_ms,
    }
}

fn alert_views(rule: &Rule, run: &RuleRun, receivers: ReceiversOf<'_>, external_url: &str) -> Vec<AlertView> {
    let shown = run.alerts.iter().filter(|(_, alert)| alert.phase != Phase::Resolved);
    let generator_url = generator_url(rule, external_url);
    let view = |(labels, alert): (&BTreeMap<String, String>, &Active)| AlertView {
        labels: Labels::new(labels.clone()),
        annotations: Labels::new(alert.annotations.clone()),
        state: if alert.phase == Phase::Firing {
            crate::AlertState::Firing
        } else {
            crate::AlertState::Pending
        },
        active_at_ms: alert.active_at_ms,
        fired_at_ms: alert.fired_at_ms,
        updated_at_ms: alert.seen_at_ms,
        value: alert.value,
        generator_url: generator_url.clone(),
        receivers: receivers(labels),
    };
    shown.map(view).collect()
}

/// The page that shows what the rule asks.
pub(super) fn generator_url(rule: &Rule, external_url: &str) -> String {
    let query = percent_encoding::utf8_percent_encode(&rule.text, percent_encoding::NON_ALPHANUMERIC);
    let page = match rule.query.language() {
        Language::Promql => "metrics?query",
        Language::Logql => "logs?q",
        Language::Traceql => "traces?q",
    };
    format!("{external_url}/ui/{page}={query}")
}
