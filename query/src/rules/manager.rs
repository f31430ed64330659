//! Runs the rules: reads their files, evaluates a group at the instants of its interval and looks at what comes in
//! between, and keeps state and messages in one transaction.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::promql::Settings;
use futures_util::FutureExt as _;
use parking_lot::{Mutex, RwLock};
use store::model::{Batch, Budget, RequestCtx, Role, Tenant};
use store::{Append, Change, DocumentKind, Snapshot, Store, StoreError, TapEvent};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::early::{self, Arrived, Early};
use super::evaluate::{self, RuleRun, Surroundings};
use super::file::Group;
use super::files::{list_files, read_all};
use super::grid::{Heard, Work};
use super::pulse::Pulses;
use super::query;
use super::running::{ID_SEPARATOR, Running, SavedAlerts, id, rule_keys};
use super::state;
use crate::Clock;
use crate::notify::Notifier;

/// How often the rules directory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Groups that are evaluated at once: a slow one keeps only itself waiting.
const EVALUATIONS_MAX: usize = 8;
const EVALUATION_TIMEOUT: Duration = Duration::from_secs(30);
const EVALUATION_BYTES_MAX: u64 = 512 << 20;
/// Batches that may wait for the rules before they are told of a gap.
const TAP_CAPACITY: usize = 1_024;

#[derive(Clone)]
pub struct RulesConfig {
    /// Rule files of tenant `default`; a folder in it holds those of the tenant of its name.
    pub directory: PathBuf,
    pub external_url: String,
    /// Tell of services that fall silent, without a rule.
    pub heartbeats: bool,
    pub clock: Clock,
}

/// A handle; cheap to clone.
#[derive(Clone)]
pub struct Rules(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) config: RulesConfig,
    pub(super) store: Store,
    pub(super) notifier: Notifier,
    pub(super) groups: RwLock<Vec<Arc<Running>>>,
    /// Names, sizes and times of the files the groups were read from.
    seen: Mutex<Vec<(PathBuf, u64, u128)>>,
    /// Held by evaluations to read, by a reload to write: it must not take over the state of a group that is changing.
    turn: tokio::sync::RwLock<()>,
    pub(super) changes: watch::Sender<u64>,
    /// None: nobody asked.
    pulses: Option<Pulses>,
}

/// What all stages of an evaluation made.
struct Evaluated {
    runs: Vec<RuleRun>,
    batch: Option<Batch>,
}

// === impl Rules ===

impl Rules {
    pub fn new(config: RulesConfig, store: Store, notifier: Notifier) -> Self {
        let shared = Shared {
            pulses: config.heartbeats.then(Pulses::default),
            config,
            store,
            notifier,
            groups: RwLock::default(),
            seen: Mutex::default(),
            turn: tokio::sync::RwLock::default(),
            changes: watch::channel(0).0,
        };
        Self(Arc::new(shared))
    }

    /// Reads the files again now; `Err` lists what is wrong, and the rules in force stay.
    pub async fn reload(&self) -> Result<(), String> {
        let directory = self.0.config.directory.clone();
        let read =
            tokio::task::spawn_blocking(move || read_all(&directory)).await.map_err(|e| e.to_string())?;
        let (files, mut groups) = read?;
        groups.extend(self.all_stored().await.map_err(|e| e.to_string())?);
        let _turn = self.0.turn.write().await;
        let mut next = Vec::new();
        for (tenant, group) in groups {
            next.push(self.0.start(tenant, group).await.map_err(|e| e.to_string())?);
        }
        self.0.forget_all_but(&next).await.map_err(|e| e.to_string())?;
        *self.0.groups.write() = next;
        *self.0.seen.lock() = files;
        Ok(())
    }

    /// Evaluates a group from now on, in the place of the one it was before.
    pub(super) async fn take_up(&self, tenant: &Tenant, group: Group) -> Result<(), StoreError> {
        let _turn = self.0.turn.write().await;
        let next = self.0.start(tenant.clone(), group).await?;
        let same = |old: &Arc<Running>| old.tenant == *tenant && id(&old.group) == id(&next.group);
        let mut groups = self.0.groups.write();
        match groups.iter().position(same) {
            Some(at) => groups[at] = next,
            None => groups.push(next),
        }
        Ok(())
    }

    /// Evaluates these groups no more.
    pub(super) async fn let_go(
        &self,
        tenant: &Tenant,
        origin: &str,
        file: &str,
        names: &[&str],
    ) -> Result<(), StoreError> {
        let _turn = self.0.turn.write().await;
        let meant = |running: &Arc<Running>| {
            let group = &running.group;
            let same = group.origin == origin && group.file == file && names.contains(&group.name.as_str());
            running.tenant == *tenant && same
        };
        let kept: Vec<Arc<Running>> =
            self.0.groups.read().iter().filter(|one| !meant(one)).cloned().collect();
        self.0.forget_all_but(&kept).await?;
        *self.0.groups.write() = kept;
        Ok(())
    }

    /// Evaluates until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut tap = self.0.store.tap(TAP_CAPACITY);
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut running = JoinSet::new();
        loop {
            let due = self.0.next_due();
            tokio::select! {
                () = stop.cancelled() => break,
                _ = look.tick() => {
                    self.look().await;
                    self.0.judge().await;
                }
                event = tap.next() => match event {
                    Some(event) => self.0.hear(&event),
                    None => break,
                },
                Some(ended) = running.join_next() => if let Err(error) = ended {
                    tracing::error!(%error, "an evaluation ended badly");
                },
                () = tokio::time::sleep_until(due.into()), if running.len() < EVALUATIONS_MAX => {
                    // Counts are asked once they have all that was acknowledged.
                    while let Some(Some(event)) = tap.next().now_or_never() {
                        self.0.hear(&event);
                    }
                    for (group, work) in self.0.take_due(EVALUATIONS_MAX - running.len()) {
                        let shared = Arc::clone(&self.0);
                        running.spawn(async move { shared.work(&group, work).await });
                    }
                }
            }
        }
        // What an evaluation found is kept; its deadline ends it.
        while running.join_next().await.is_some() {}
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
        let now_ms = self.now_ms();
        let restored = |key: String| match &old {
            Some(old) => {
                let at = rule_keys(&old.group).into_iter().position(|known| known == key);
                at.and_then(|at| old.runs().get(at).cloned()).unwrap_or_default()
            }
            None => {
                let alerts = saved.get(&key).map(|alerts| alerts.iter().cloned().collect());
                RuleRun::restored(alerts.unwrap_or_default(), now_ms)
            }
        };
        let runs = rule_keys(&group).into_iter().map(restored).collect();
        Ok(Arc::new(Running::new(tenant, group, runs)))
    }

    fn now_ms(&self) -> i64 {
        (self.config.clock)().div_euclid(1_000_000)
    }

    /// Groups that stand in no file any more: their alerts are resolved, their series end, their state goes.
    async fn forget_all_but(&self, next: &[Arc<Running>]) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        let kept = |tenant: &Tenant, group_id: &str| {
            next.iter().any(|running| running.tenant == *tenant && id(&running.group) == group_id)
        };
        let documents = self.store.documents();
        for tenant in documents.tenants(DocumentKind::RuleState).await? {
            for document in documents.list(&tenant, DocumentKind::RuleState).await? {
                let of_group = document.id.contains(ID_SEPARATOR);
                if of_group && !kept(&tenant, &document.id) {
                    let gone = Change::Delete { kind: DocumentKind::RuleState, id: document.id.clone() };
                    let nothing = (Vec::new(), Vec::new());
                    self.notifier.tell(&tenant, &document.id, nothing, vec![gone], now_ms).await?;
                }
            }
        }
        let old: Vec<Arc<Running>> = self.groups.read().clone();
        for running in old.iter().filter(|old| !kept(&old.tenant, &id(&old.group))) {
            let ended = evaluate::ended(running.runs().iter(), now_ms);
            self.write(running, ended).await;
        }
        Ok(())
    }

    fn next_due(&self) -> Instant {
        let now_ms = self.now_ms();
        let due = self.groups.read().iter().filter_map(|running| running.due_ms(now_ms)).min();
        let wait = due.map(|due_ms| Duration::from_millis(u64::try_from(due_ms - now_ms).unwrap_or(0)));
        Instant::now() + wait.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)
    }

    /// Data came in: groups that read it may have something to tell.
    fn hear(&self, event: &TapEvent) {
        let groups = self.groups.read();
        match event {
            TapEvent::Gap { .. } => groups.iter().for_each(|running| running.missed()),
            TapEvent::Applied(applied) => {
                if let Some(pulses) = &self.pulses {
                    pulses.hear(applied, self.now_ms());
                }
                let mut of_tenant =
                    groups.iter().filter(|running| running.tenant == applied.tenant).peekable();
                if of_tenant.peek().is_none() {
                    return;
                }
                let Some(heard) = Heard::of(&applied.batch) else { return };
                let now_ms = self.now_ms();
                let ctx = ctx(&applied.tenant);
                of_tenant.for_each(|running| running.hear(&ctx, &heard, now_ms));
            }
        }
    }

    /// Looks for services that fell silent.
    async fn judge(&self) {
        let Some(pulses) = &self.pulses else { return };
        if let Err(error) = pulses.judge(&self.store, &self.notifier, self.now_ms()).await {
            tracing::error!(%error, "heartbeats were not judged");
        }
    }

    /// Takes groups with something to do; each is marked as running.
    fn take_due(&self, room: usize) -> Vec<(Arc<Running>, Work)> {
        let now_ms = self.now_ms();
        let groups = self.groups.read();
        let due = groups.iter().filter_map(|running| Some((Arc::clone(running), running.take(now_ms)?)));
        due.take(room).collect()
    }

    async fn work(&self, running: &Arc<Running>, work: Work) {
        let _turn = self.turn.read().await;
        let started = Instant::now();
        let ctx = ctx(&running.tenant);
        let (before, early, decided_ms) = running.begin();
        let work = running.without_deleted(&self.store.snapshot(&running.tenant), work, self.now_ms());
        let (evaluated, asked) = match &work {
            Work::Instant(instant_ms) => (self.stages(running, &ctx, &before, *instant_ms).await, true),
            Work::Early(arrived) => {
                self.early(running, &ctx, &before, (early, arrived.clone(), decided_ms)).await
            }
        };
        let took = started.elapsed();
        if let Some(evaluated) = evaluated {
            self.finish(running, &before, evaluated, self.now_ms()).await;
        }
        running.end(&work, self.now_ms(), (took, asked));
    }

    /// Fires what arrived data shows; `None`: nothing does. And whether the store was asked for it.
    async fn early(
        &self,
        running: &Arc<Running>,
        ctx: &RequestCtx,
        before: &[RuleRun],
        (early, arrived, decided_ms): (Vec<Early>, Arrived, Option<i64>),
    ) -> (Option<Evaluated>, bool) {
        let (running, ctx, runs) = (Arc::clone(running), ctx.clone(), before.to_vec());
        let (store, external_url, now_ms) =
            (self.store.clone(), self.config.external_url.clone(), self.now_ms());
        let work = move || {
            let snapshot = store.snapshot(&running.tenant);
            let from = surroundings(&ctx, &snapshot, &external_url, now_ms);
            let fired = early::fire(&from, &running.group, &early, &arrived, decided_ms, &runs);
            let mut runs = runs;
            running.began(fired.began);
            let any = !fired.changed.is_empty();
            fired.changed.into_iter().for_each(|(at, run)| runs[at] = run);
            (any.then_some(Evaluated { runs, batch: None }), fired.asked)
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
            tracing::error!(%error, "an evaluation ended badly");
            (None, true)
        })
    }

    /// Evaluates one stage after the other; what one made is in the snapshot of the next.
    async fn stages(
        &self,
        running: &Arc<Running>,
        ctx: &RequestCtx,
        before: &[RuleRun],
        instant_ms: i64,
    ) -> Option<Evaluated> {
        let mut all = Evaluated { runs: Vec::new(), batch: None };
        let known = Arc::new(running.known(instant_ms));
        for stage in running.stages.iter().cloned() {
            self.write(running, all.batch.take()).await;
            let (running, before, ctx) = (Arc::clone(running), before.to_vec(), ctx.clone());
            let (store, external_url) = (self.store.clone(), self.config.external_url.clone());
            let known = Arc::clone(&known);
            let work = move || {
                let snapshot = store.snapshot(&running.tenant);
                let from = surroundings(&ctx, &snapshot, &external_url, instant_ms);
                evaluate::evaluate(&from, &running.group, stage, &before, &known)
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(evaluated) => {
                    all.runs.extend(evaluated.runs);
                    all.batch = evaluated.batch;
                }
                Err(error) => {
                    tracing::error!(%error, "an evaluation ended badly");
                    return None;
                }
            }
        }
        Some(all)
    }

    /// Keeps what an evaluation made: state and messages first, since they must not be lost, then the series.
    async fn finish(
        &self,
        running: &Arc<Running>,
        before: &[RuleRun],
        mut evaluated: Evaluated,
        now_ms: i64,
    ) {
        if let Some(late_ms) = running.take_late() {
            for (old, new) in before.iter().zip(&mut evaluated.runs) {
                state::mark_late(&old.alerts, &mut new.alerts, late_ms);
            }
        }
        let changed = before.len() != evaluated.runs.len()
            || before.iter().zip(&evaluated.runs).any(|(old, new)| state::differs(&old.alerts, &new.alerts));
        let told = running.told(&evaluated.runs, &self.config.external_url);
        let transitions = before.iter().zip(&evaluated.runs);
        let transitions =
            transitions.flat_map(|(old, new)| state::transitions(&old.alerts, &new.alerts)).collect();
        let group_id = id(&running.group);
        let keep = changed.then(|| Change::Put {
            kind: DocumentKind::RuleState,
            id: group_id.clone(),
            bytes: running.state_bytes(&evaluated.runs),
        });
        let news = (told, transitions);
        let changes = keep.into_iter().collect();
        if let Err(error) = self.notifier.tell(&running.tenant, &group_id, news, changes, now_ms).await {
            // Nothing was kept: the same change is found again by the next evaluation.
            tracing::error!(group = running.group.name, %error, "alert state could not be kept");
            return;
        }
        running.keep(evaluated.runs);
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
        self.write(running, evaluated.batch).await;
    }

    /// Writes series of a group's rules.
    async fn write(&self, running: &Running, batch: Option<Batch>) {
        let Some(batch) = batch else { return };
        let ctx = ctx(&running.tenant);
        let append = Append { batch, key: None, answer: Vec::new() };
        if let Err(error) = self.store.writer().append(&ctx, append).await {
            tracing::warn!(group = running.group.name, %error, "series of rules were not written");
        }
    }
}

fn ctx(tenant: &Tenant) -> RequestCtx {
    let budget = Budget::new(EVALUATION_BYTES_MAX);
    let deadline = Some(Instant::now() + EVALUATION_TIMEOUT);
    RequestCtx::new(tenant.clone(), "rules", Role::Admin, deadline, budget)
}

fn surroundings<'s>(
    ctx: &'s RequestCtx,
    snapshot: &'s Snapshot,
    external_url: &'s str,
    time_ms: i64,
) -> Surroundings<'s> {
    let at = query::Instant { time_ms, settings: Settings::default() };
    Surroundings { ctx, snapshot, external_url, at }
}
