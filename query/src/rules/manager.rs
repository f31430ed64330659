//! Runs the rules: reads their files, evaluates a group when its interval is over or data it reads came in, and keeps
//! state and messages in one transaction.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, join_all};
use parking_lot::{Mutex, RwLock};
use store::model::{Budget, Labels, RequestCtx, Role, Tenant};
use store::{Append, AppliedBatch, Change, DocumentKind, Store, StoreError, TapEvent};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::evaluate::{self, Evaluated, RuleRun};
use super::file::{self, Group, RuleBody};
use super::files::{list_files, read_all};
use super::state::{self, Alerts};
use super::wake::{Reads, names_of};
use crate::notify::{Notifier, Told};
use crate::{AlertView, ChannelView, Clock, GroupView, NotificationView, RuleKind, RuleView, RulesView};

/// Data may make a group run before its interval is over, but not more often than this.
const GAP_MIN: Duration = Duration::from_millis(500);
/// How often the rules directory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const EVALUATION_TIMEOUT: Duration = Duration::from_secs(30);
const EVALUATION_BYTES_MAX: u64 = 512 << 20;
/// Batches that may wait for the rules before they are told of a gap.
const TAP_CAPACITY: usize = 1_024;

#[derive(Clone)]
pub struct RulesConfig {
    /// Rule files of tenant `default`; a folder in it holds those of the tenant of its name.
    pub directory: PathBuf,
    pub external_url: String,
    pub clock: Clock,
}

/// A handle; cheap to clone.
#[derive(Clone)]
pub struct Rules(Arc<Shared>);

struct Shared {
    config: RulesConfig,
    store: Store,
    notifier: Notifier,
    groups: RwLock<Vec<Arc<Running>>>,
    /// Names, sizes and times of the files the groups were read from.
    seen: Mutex<Vec<(PathBuf, u64, u128)>>,
    changes: watch::Sender<u64>,
}

/// Alerts of each rule as the catalog keeps them: the labels of an alert and its state.
type SavedAlerts = BTreeMap<String, Vec<(BTreeMap<String, String>, state::Active)>>;

/// A group of one tenant with what its last evaluation left.
struct Running {
    tenant: Tenant,
    group: Group,
    reads: Reads,
    state: Mutex<GroupState>,
}

struct GroupState {
    runs: Vec<RuleRun>,
    due: Instant,
    last: Option<Instant>,
    took_ms: f64,
    at_ms: Option<i64>,
}

// === impl Rules ===

impl Rules {
    pub fn new(config: RulesConfig, store: Store, notifier: Notifier) -> Self {
        let shared = Shared {
            config,
            store,
            notifier,
            groups: RwLock::default(),
            seen: Mutex::default(),
            changes: watch::channel(0).0,
        };
        Self(Arc::new(shared))
    }

    /// Reads the files again now; `Err` lists what is wrong, and the rules in force stay.
    pub async fn reload(&self) -> Result<(), String> {
        let directory = self.0.config.directory.clone();
        let read =
            tokio::task::spawn_blocking(move || read_all(&directory)).await.map_err(|e| e.to_string())?;
        let (files, groups) = read?;
        let mut next = Vec::new();
        for (tenant, group) in groups {
            next.push(self.0.start(tenant, group).await.map_err(|e| e.to_string())?);
        }
        *self.0.groups.write() = next;
        *self.0.seen.lock() = files;
        Ok(())
    }

    /// Evaluates until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut tap = self.0.store.tap(TAP_CAPACITY);
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            let due = self.0.next_due();
            tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => self.look().await,
                event = tap.next() => match event {
                    Some(event) => self.0.hear(&event),
                    None => return,
                },
                () = tokio::time::sleep_until(due.into()) => self.0.evaluate_due().await,
            }
        }
    }

    /// Reads the files again if they have changed.
    async fn look(&self) {
        let directory = self.0.config.directory.clone();
        let found = tokio::task::spawn_blocking(move || list_files(&directory)).await;
        let Ok(Ok(files)) = found else { return };
        if *self.0.seen.lock() == files {
            return;
        }
        if let Err(problems) = self.reload().await {
            tracing::error!(%problems, "rule files were not read: the rules in force stay");
            // Said once for each change.
            *self.0.seen.lock() = files;
        }
    }
}

// === impl Shared ===

impl Shared {
    /// A group with the state of its predecessor, in memory or from the catalog.
    async fn start(&self, tenant: Tenant, group: Group) -> Result<Arc<Running>, StoreError> {
        let same = |old: &&Arc<Running>| old.tenant == tenant && id(&old.group) == id(&group);
        let old = self.groups.read().iter().find(same).cloned();
        let saved: SavedAlerts = match &old {
            Some(_) => BTreeMap::new(),
            None => {
                let document =
                    self.store.documents().get(&tenant, DocumentKind::RuleState, &id(&group)).await?;
                document.and_then(|document| serde_json::from_slice(&document.bytes).ok()).unwrap_or_default()
            }
        };
        let restored = |key: String| {
            let from_old = old.as_ref().and_then(|old| {
                let at = old.group.rules.iter().enumerate().position(|(i, rule)| rule_key(i, rule) == key)?;
                old.state.lock().runs.get(at).cloned()
            });
            from_old.unwrap_or_else(|| RuleRun {
                alerts: saved.get(&key).map(|alerts| alerts.iter().cloned().collect()).unwrap_or_default(),
                ..RuleRun::default()
            })
        };
        let runs = group.rules.iter().enumerate().map(|(i, rule)| restored(rule_key(i, rule))).collect();
        let alerting = group.rules.iter().filter(|rule| matches!(rule.body, RuleBody::Alerting { .. }));
        let reads = Reads::of(alerting.map(|rule| &rule.expr));
        let state = GroupState { runs, due: Instant::now(), last: None, took_ms: 0.0, at_ms: None };
        Ok(Arc::new(Running { tenant, group, reads, state: Mutex::new(state) }))
    }

    fn next_due(&self) -> Instant {
        let groups = self.groups.read();
        let due = groups.iter().map(|running| running.state.lock().due).min();
        due.unwrap_or_else(|| Instant::now() + LOOK_EVERY)
    }

    /// Data came in: the groups that read it are due at once, or when their gap is over.
    fn hear(&self, event: &TapEvent) {
        let groups = self.groups.read();
        let hasten = |running: &Running| {
            let mut state = running.state.lock();
            let now = Instant::now();
            let soon = state.last.map_or(now, |last| (last + GAP_MIN).max(now));
            state.due = state.due.min(soon);
        };
        match event {
            TapEvent::Gap { .. } => groups.iter().for_each(|running| hasten(running)),
            TapEvent::Applied(applied) => {
                let AppliedBatch::Samples(samples) = &applied.batch else { return };
                let mut of_tenant =
                    groups.iter().filter(|running| running.tenant == applied.tenant).peekable();
                if of_tenant.peek().is_none() {
                    return;
                }
                let names = names_of(samples);
                of_tenant
                    .filter(|running| running.reads.concerns(&names))
                    .for_each(|running| hasten(running));
            }
        }
    }

    async fn evaluate_due(&self) {
        let now = Instant::now();
        let due: Vec<Arc<Running>> =
            self.groups.read().iter().filter(|running| running.state.lock().due <= now).cloned().collect();
        join_all(due.iter().map(|running| self.evaluate(running))).await;
    }

    async fn evaluate(&self, running: &Arc<Running>) {
        let started = Instant::now();
        let now_ms = (self.config.clock)().div_euclid(1_000_000);
        let before = running.state.lock().runs.clone();
        let deadline = started + EVALUATION_TIMEOUT;
        let budget = Budget::new(EVALUATION_BYTES_MAX);
        let ctx = RequestCtx::new(running.tenant.clone(), "rules", Role::Admin, Some(deadline), budget);
        let work = {
            let (running, before, ctx) = (Arc::clone(running), before.clone(), ctx.clone());
            let (store, external_url) = (self.store.clone(), self.config.external_url.clone());
            move || {
                let snapshot = store.snapshot(&running.tenant);
                evaluate::evaluate(&ctx, &snapshot, &running.group, &before, now_ms, &external_url)
            }
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(evaluated) => self.finish(running, &ctx, &before, evaluated, now_ms).await,
            Err(error) => tracing::error!(group = running.group.name, %error, "an evaluation ended badly"),
        }
        let interval = Duration::from_millis(running.group.interval_ms);
        let mut state = running.state.lock();
        state.due = running.next_due(&state.runs, now_ms, started, interval);
        state.last = Some(started);
        state.took_ms = started.elapsed().as_secs_f64() * 1_000.0;
        state.at_ms = Some(now_ms);
    }

    /// Keeps what an evaluation made: state and messages first, since they must not be lost, then the series.
    async fn finish(
        &self,
        running: &Arc<Running>,
        ctx: &RequestCtx,
        before: &[RuleRun],
        evaluated: Evaluated,
        now_ms: i64,
    ) {
        let changed = before.len() != evaluated.runs.len()
            || before.iter().zip(&evaluated.runs).any(|(old, new)| state::differs(&old.alerts, &new.alerts));
        let told = running.told(&evaluated.runs, &self.config.external_url);
        let group_id = id(&running.group);
        let keep = changed.then(|| Change::Put {
            kind: DocumentKind::RuleState,
            id: group_id.clone(),
            bytes: running.state_bytes(&evaluated.runs),
        });
        if let Err(error) =
            self.notifier.tell(&running.tenant, &group_id, told, keep.into_iter().collect(), now_ms).await
        {
            // Nothing was kept: the same change is found again by the next evaluation.
            tracing::error!(group = running.group.name, %error, "alert state could not be kept");
            return;
        }
        running.state.lock().runs = evaluated.runs;
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
        if let Some(batch) = evaluated.batch {
            let append = Append { batch, key: None, answer: Vec::new() };
            if let Err(error) = self.store.writer().append(ctx, append).await {
                tracing::warn!(group = running.group.name, %error, "series of rules were not written");
            }
        }
    }
}

// === impl Running ===

impl Running {
    /// At the end of the interval, or when a hold ends before it.
    fn next_due(&self, runs: &[RuleRun], now_ms: i64, started: Instant, interval: Duration) -> Instant {
        let changes = self.group.rules.iter().zip(runs).filter_map(|(rule, run)| match rule.body {
            RuleBody::Alerting { for_ms, keep_firing_for_ms, .. } => {
                state::next_change_ms(&run.alerts, for_ms, keep_firing_for_ms)
            }
            RuleBody::Recording => None,
        });
        let hold = changes.min().map(|at_ms| u64::try_from(at_ms - now_ms).unwrap_or(0));
        let wait = hold.map_or(interval, |ms| Duration::from_millis(ms).min(interval));
        started + wait.max(Duration::from_millis(20))
    }

    fn told(&self, runs: &[RuleRun], external_url: &str) -> Vec<Told> {
        let mut all = Vec::new();
        for (rule, run) in self.group.rules.iter().zip(runs) {
            let query =
                percent_encoding::utf8_percent_encode(&rule.query, percent_encoding::NON_ALPHANUMERIC);
            let generator_url = format!("{external_url}/ui/metrics?query={query}");
            all.extend(
                run.alerts.iter().filter_map(|(labels, alert)| Told::new(labels, alert, &generator_url)),
            );
        }
        all
    }

    fn state_bytes(&self, runs: &[RuleRun]) -> Vec<u8> {
        let alerts =
            |run: &RuleRun| run.alerts.iter().map(|(l, a)| (l.clone(), a.clone())).collect::<Vec<_>>();
        let all: BTreeMap<String, Vec<_>> = self
            .group
            .rules
            .iter()
            .zip(runs)
            .enumerate()
            .map(|(i, (rule, run))| (rule_key(i, rule), alerts(run)))
            .collect();
        serde_json::to_vec(&all).unwrap_or_default()
    }

    fn view(&self, receivers: &[String], external_url: &str) -> GroupView {
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

fn rule_view(rule: &file::Rule, run: &RuleRun, receivers: &[String], external_url: &str) -> RuleView {
    let kind = match &rule.body {
        RuleBody::Recording => RuleKind::Recording,
        RuleBody::Alerting { for_ms, keep_firing_for_ms, annotations } => RuleKind::Alerting {
            for_ms: *for_ms,
            keep_firing_for_ms: *keep_firing_for_ms,
            annotations: Labels::new(annotations.clone()),
            alerts: alert_views(&run.alerts, &rule.query, receivers, external_url),
        },
    };
    RuleView {
        kind,
        name: rule.name.clone(),
        query: rule.query.clone(),
        labels: Labels::new(rule.labels.clone()),
        last_error: run.error.clone(),
        last_evaluation_ms: run.at_ms,
        evaluation_ms: run.took_ms,
    }
}

fn alert_views(alerts: &Alerts, query: &str, receivers: &[String], external_url: &str) -> Vec<AlertView> {
    let shown = alerts.iter().filter(|(_, alert)| alert.phase != state::Phase::Resolved);
    let query = percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC).to_string();
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
        generator_url: format!("{external_url}/ui/metrics?query={query}"),
        receivers: receivers.to_vec(),
    };
    shown.map(view).collect()
}

/// One name for a group among all files.
fn id(group: &Group) -> String {
    format!("{};{}", group.file, group.name)
}

fn rule_key(index: usize, rule: &file::Rule) -> String {
    format!("{index};{}", rule.name)
}

// === views ===

impl RulesView for Rules {
    fn groups(&self, tenant: &Tenant) -> Vec<GroupView> {
        let receivers = self.0.notifier.receivers();
        let groups = self.0.groups.read();
        let own = groups.iter().filter(|running| running.tenant == *tenant);
        own.map(|running| running.view(&receivers, &self.0.config.external_url)).collect()
    }

    fn receivers(&self) -> Vec<String> {
        self.0.notifier.receivers()
    }

    fn alertmanager_yaml(&self) -> String {
        self.0.notifier.yaml()
    }

    fn notifications<'a>(
        &'a self,
        tenant: &'a Tenant,
        limit: usize,
    ) -> BoxFuture<'a, Result<(Vec<ChannelView>, Vec<NotificationView>), StoreError>> {
        Box::pin(self.0.notifier.view(tenant, limit))
    }

    fn changes(&self, _: &Tenant) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }
}
