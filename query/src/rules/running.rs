//! A group that is evaluated again and again: what its last evaluation left, and when the next is due.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use store::model::{Labels, Tenant};

use super::evaluate::RuleRun;
use super::file::{self, Group, RuleBody};
use super::query::Language;
use super::stages::stages;
use super::state;
use super::wake::Reads;
use crate::notify::Told;
use crate::{AlertView, GroupView, RuleKind, RuleView};

/// Data may make a group run before its interval is over, but not more often than this.
const GAP_MIN: Duration = Duration::from_millis(500);

/// Alerts of each rule as the catalog keeps them: the labels of an alert and its state.
pub(super) type SavedAlerts = BTreeMap<String, Vec<(BTreeMap<String, String>, state::Active)>>;

/// Who is told of alerts with these labels.
type ReceiversOf<'r> = &'r dyn Fn(&BTreeMap<String, String>) -> Vec<String>;

/// A group of one tenant with what its last evaluation left.
pub(super) struct Running {
    pub(super) tenant: Tenant,
    pub(super) group: Group,
    pub(super) reads: Reads,
    pub(super) stages: Vec<Range<usize>>,
    state: Mutex<GroupState>,
}

struct GroupState {
    runs: Vec<RuleRun>,
    due: Instant,
    running: bool,
    last: Option<Instant>,
    took_ms: f64,
    at_ms: Option<i64>,
}

// === impl Running ===

impl Running {
    pub(super) fn new(tenant: Tenant, group: Group, reads: Reads, runs: Vec<RuleRun>) -> Self {
        let due = Instant::now();
        let state = GroupState { runs, due, running: false, last: None, took_ms: 0.0, at_ms: None };
        Self { tenant, reads, stages: stages(&group), group, state: Mutex::new(state) }
    }

    pub(super) fn runs(&self) -> Vec<RuleRun> {
        self.state.lock().runs.clone()
    }

    pub(super) fn keep(&self, runs: Vec<RuleRun>) {
        self.state.lock().runs = runs;
    }

    /// When to evaluate it; `None` while that is being done.
    pub(super) fn due(&self) -> Option<Instant> {
        let state = self.state.lock();
        (!state.running).then_some(state.due)
    }

    /// Data it reads came in: it is due at once, or when its gap is over.
    pub(super) fn hasten(&self) {
        let mut state = self.state.lock();
        let now = Instant::now();
        let soon = state.last.map_or(now, |last| (last + GAP_MIN).max(now));
        state.due = state.due.min(soon);
    }

    /// Whether it is due; then it counts as running.
    pub(super) fn take_if_due(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        let take = state.due <= now && !state.running;
        state.running |= take;
        take
    }

    /// An evaluation starts from what this answers. Data that comes in from now on is a reason for another.
    pub(super) fn begin(&self, started: Instant) -> Vec<RuleRun> {
        let mut state = self.state.lock();
        state.last = Some(started);
        state.due = started + self.interval();
        state.runs.clone()
    }

    pub(super) fn end(&self, started: Instant, now_ms: i64) {
        let mut state = self.state.lock();
        state.due = state.due.min(self.next_due(&state.runs, now_ms, started));
        state.running = false;
        state.took_ms = started.elapsed().as_secs_f64() * 1_000.0;
        state.at_ms = Some(now_ms);
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.group.interval_ms)
    }

    /// At the end of the interval, or when a hold ends before it.
    fn next_due(&self, runs: &[RuleRun], now_ms: i64, started: Instant) -> Instant {
        // A rule with an error was not stepped: its hold may be over, and that is no reason to hurry.
        let stepped = self.group.rules.iter().zip(runs).filter(|(_, run)| run.error.is_none());
        let changes = stepped.filter_map(|(rule, run)| match rule.body {
            RuleBody::Alerting { for_ms, keep_firing_for_ms, .. } => {
                state::next_change_ms(&run.alerts, for_ms, keep_firing_for_ms)
            }
            RuleBody::Recording => None,
        });
        let hold = changes.min().map(|at_ms| u64::try_from(at_ms - now_ms).unwrap_or(0));
        let wait = hold.map_or(self.interval(), |ms| Duration::from_millis(ms).min(self.interval()));
        started + wait.max(Duration::from_millis(20))
    }

    pub(super) fn told(&self, runs: &[RuleRun], external_url: &str) -> Vec<Told> {
        let mut all = Vec::new();
        for (rule, run) in self.group.rules.iter().zip(runs) {
            let generator_url = generator_url(rule, external_url);
            all.extend(
                run.alerts.iter().filter_map(|(labels, alert)| Told::new(labels, alert, &generator_url)),
            );
        }
        all
    }

    pub(super) fn state_bytes(&self, runs: &[RuleRun]) -> Vec<u8> {
        let alerts =
            |run: &RuleRun| run.alerts.iter().map(|(l, a)| (l.clone(), a.clone())).collect::<Vec<_>>();
        let keys = rule_keys(&self.group).into_iter();
        let all: BTreeMap<String, Vec<_>> = keys.zip(runs).map(|(key, run)| (key, alerts(run))).collect();
        serde_json::to_vec(&all).unwrap_or_default()
    }

    pub(super) fn view(&self, receivers: ReceiversOf<'_>, external_url: &str) -> GroupView {
        let state = self.state.lock();
        let rules = self.group.rules.iter().zip(&state.runs);
        GroupView {
            name: self.group.name.clone(),
            file: self.group.file.clone(),
            interval_ms: self.group.interval_ms,
            limit: self.group.limit,
            last_evaluation_ms: state.at_ms,
            evaluation_ms: state.took_ms,
            rules: rules.map(|(rule, run)| rule_view(rule, run, receivers, external_url)).collect(),
        }
    }
}

fn rule_view(rule: &file::Rule, run: &RuleRun, receivers: ReceiversOf<'_>, external_url: &str) -> RuleView {
    let kind = match &rule.body {
        RuleBody::Recording => RuleKind::Recording,
        RuleBody::Alerting { for_ms, keep_firing_for_ms, annotations } => RuleKind::Alerting {
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

fn alert_views(
    rule: &file::Rule,
    run: &RuleRun,
    receivers: ReceiversOf<'_>,
    external_url: &str,
) -> Vec<AlertView> {
    let shown = run.alerts.iter().filter(|(_, alert)| alert.phase != state::Phase::Resolved);
    let generator_url = generator_url(rule, external_url);
    let view = |(labels, alert): (&BTreeMap<String, String>, &state::Active)| AlertView {
        labels: Labels::new(labels.clone()),
        annotations: Labels::new(alert.annotations.clone()),
        state: if alert.phase == state::Phase::Firing {
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
fn generator_url(rule: &file::Rule, external_url: &str) -> String {
    let query = percent_encoding::utf8_percent_encode(&rule.text, percent_encoding::NON_ALPHANUMERIC);
    let page = match rule.query.language() {
        Language::Promql => "metrics?query",
        Language::Logql => "logs?q",
        Language::Traceql => "traces?q",
    };
    format!("{external_url}/ui/{page}={query}")
}

/// Between file and name; in no other id of the kind.
pub(super) const ID_SEPARATOR: char = ';';

/// One name for a group among all files.
pub(super) fn id(group: &Group) -> String {
    format!("{}{ID_SEPARATOR}{}", group.file, group.name)
}

/// What rules are known by from one file to its next version: their names, and of one name their order.
pub(super) fn rule_keys(group: &Group) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let key = |rule: &'_ file::Rule, count: usize| format!("{};{count}", rule.name);
    let mut keys = Vec::new();
    for rule in &group.rules {
        let count = counts.entry(&rule.name).or_default();
        keys.push(key(rule, *count));
        *count += 1;
    }
    keys
}
