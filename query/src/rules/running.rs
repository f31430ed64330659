//! A group that is evaluated again and again: what its last evaluation left, and when the next is due.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use parking_lot::Mutex;
use store::Snapshot;
use store::model::{RequestCtx, Tenant};

use super::counting::Counts;
use super::early::{Arrived, Early};
use super::evaluate::{Known, RuleRun};
use super::file::{self, Group};
use super::grid::{Grid, Heard, Work};
use super::stages::stages;
use super::state;
use super::view::{self, ReceiversOf};
use crate::GroupView;
use crate::notify::Told;

/// Deletions of lines that are older than that concern no count.
const DELETED_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// Alerts of each rule as the catalog keeps them: the labels of an alert and its state.
pub(super) type SavedAlerts = BTreeMap<String, Vec<(BTreeMap<String, String>, state::Active)>>;

/// A group of one tenant with what its last evaluation left.
pub(super) struct Running {
    pub(super) tenant: Tenant,
    pub(super) group: Group,
    pub(super) stages: Vec<Range<usize>>,
    state: Mutex<GroupState>,
}

struct GroupState {
    runs: Vec<RuleRun>,
    grid: Grid,
    running: bool,
    took_ms: f64,
    at_ms: Option<i64>,
    /// How often arrived data was looked at, and for how many seconds.
    early: (u64, f64),
}

// === impl Running ===

impl Running {
    pub(super) fn new(tenant: Tenant, group: Group, runs: Vec<RuleRun>) -> Self {
        let grid = Grid::new(&group);
        let state = GroupState { runs, grid, running: false, took_ms: 0.0, at_ms: None, early: (0, 0.0) };
        Self { tenant, stages: stages(&group), group, state: Mutex::new(state) }
    }

    pub(super) fn runs(&self) -> Vec<RuleRun> {
        self.state.lock().runs.clone()
    }

    pub(super) fn keep(&self, runs: Vec<RuleRun>) {
        self.state.lock().runs = runs;
    }

    /// When there is something to do; `None` while something is being done.
    pub(super) fn due_ms(&self, now_ms: i64) -> Option<i64> {
        let mut state = self.state.lock();
        if state.running { None } else { Some(state.grid.due_ms(now_ms)) }
    }

    pub(super) fn hear(&self, ctx: &RequestCtx, heard: &Heard<'_>, now_ms: i64) {
        self.state.lock().grid.hear(ctx, heard, now_ms);
    }

    pub(super) fn missed(&self) {
        self.state.lock().grid.missed();
    }

    /// What is to be done now; then it counts as running.
    pub(super) fn take(&self, now_ms: i64) -> Option<Work> {
        let mut state = self.state.lock();
        if state.running {
            return None;
        }
        let work = state.grid.take(now_ms);
        state.running = work.is_some();
        work
    }

    /// What an evaluation starts from: what the rules remember, and which of them may fire early from when on.
    pub(super) fn begin(&self) -> (Vec<RuleRun>, Vec<Early>, Option<i64>) {
        let state = self.state.lock();
        (state.runs.clone(), state.grid.early.clone(), state.grid.decided_ms())
    }

    /// While lines of late are being deleted the store is asked, not counts that have them.
    pub(super) fn without_deleted(&self, snapshot: &Snapshot, work: Work, now_ms: i64) -> Work {
        let end = now_ms.saturating_mul(1_000_000);
        if !snapshot.deletes(end - DELETED_NS, end) {
            return work;
        }
        self.state.lock().grid.count_anew();
        match work {
            Work::Early(arrived) => Work::Early(Arrived { says: BTreeMap::new(), ..arrived }),
            instant => instant,
        }
    }

    /// What need not be asked for at an instant.
    pub(super) fn known(&self, instant_ms: i64) -> Known {
        self.state.lock().grid.known(instant_ms)
    }

    /// How late data was that came too late, since this was last asked.
    pub(super) fn take_late(&self) -> Option<i64> {
        self.state.lock().grid.take_late()
    }

    /// What was there before the counting of early rules began, at a time in Unix milliseconds.
    pub(super) fn began(&self, found: Vec<(usize, i64, Counts)>) {
        self.state.lock().grid.began(found);
    }

    /// How long the evaluation took, without what was kept and told of it, and whether the store was asked: what counts
    /// tell costs nothing to rest from, however busy the machine is.
    pub(super) fn end(&self, work: &Work, now_ms: i64, (took, asked): (Duration, bool)) {
        let mut state = self.state.lock();
        state.running = false;
        match work {
            Work::Instant(instant_ms) => {
                state.grid.decide(*instant_ms);
                state.took_ms = took.as_secs_f64() * 1_000.0;
                state.at_ms = Some(*instant_ms);
            }
            Work::Early(_) => {
                state.early = (state.early.0 + 1, state.early.1 + took.as_secs_f64());
                let took_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
                state.grid.rest(now_ms, if asked { took_ms } else { 0 });
            }
        }
    }

    pub(super) fn told(&self, runs: &[RuleRun], external_url: &str) -> Vec<Told> {
        let mut all = Vec::new();
        for (rule, run) in self.group.rules.iter().zip(runs) {
            let generator_url = view::generator_url(rule, external_url);
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

    /// Names, evaluations and seconds; without a name what arrived data cost.
    pub(super) fn costs(&self) -> Vec<(String, u64, f64)> {
        let state = self.state.lock();
        let rules = self.group.rules.iter().zip(&state.runs);
        let mut costs: Vec<(String, u64, f64)> =
            rules.map(|(rule, run)| (rule.name.clone(), run.evaluations, run.total_ms / 1_000.0)).collect();
        costs.push((String::new(), state.early.0, state.early.1));
        costs
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
            rules: rules.map(|(rule, run)| view::rule(rule, run, receivers, external_url)).collect(),
        }
    }
}

/// Between file and name; in no other id of the kind.
pub(super) const ID_SEPARATOR: char = ';';

/// One name for a group among all files.
pub(super) fn id(group: &Group) -> String {
    format!("{}{}{ID_SEPARATOR}{}", group.origin, group.file, group.name)
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
