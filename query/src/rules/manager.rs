//! Runs the rules: reads their files, evaluates a group when its interval is over or data it reads came in, and keeps
//! state and messages in one transaction.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::promql::Settings;
use futures_util::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use store::model::{Batch, Budget, RequestCtx, Role, Tenant};
use store::{Append, AppliedBatch, Change, DocumentKind, Store, StoreError, TapEvent};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::evaluate::{self, RuleRun, Surroundings};
use super::file::Group;
use super::files::{list_files, read_all};
use super::query;
use super::running::{ID_SEPARATOR, Running, SavedAlerts, id, rule_keys};
use super::state;
use super::wake::{Reads, names_of};
use crate::notify::Notifier;
use crate::{ChannelView, Clock, GroupView, NotificationView, RulesView};

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
    /// Held by evaluations to read, by a reload to write: it must not take over the state of a group that is changing.
    turn: tokio::sync::RwLock<()>,
    changes: watch::Sender<u64>,
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
        let (files, groups) = read?;
        let _turn = self.0.turn.write().await;
        let mut next = Vec::new();
        for (tenant, group, reads) in with_reads(groups) {
            next.push(self.0.start(tenant, group, reads).await.map_err(|e| e.to_string())?);
        }
        self.0.forget_all_but(&next).await.map_err(|e| e.to_string())?;
        *self.0.groups.write() = next;
        *self.0.seen.lock() = files;
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
                _ = look.tick() => self.look().await,
                event = tap.next() => match event {
                    Some(event) => self.0.hear(&event),
                    None => break,
                },
                Some(ended) = running.join_next() => if let Err(error) = ended {
                    tracing::error!(%error, "an evaluation ended badly");
                },
                () = tokio::time::sleep_until(due.into()), if running.len() < EVALUATIONS_MAX => {
                    for group in self.0.take_due(EVALUATIONS_MAX - running.len()) {
                        let shared = Arc::clone(&self.0);
                        running.spawn(async move { shared.evaluate(&group).await });
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
    async fn start(&self, tenant: Tenant, group: Group, reads: Reads) -> Result<Arc<Running>, StoreError> {
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
        Ok(Arc::new(Running::new(tenant, group, reads, runs)))
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
                    self.notifier.tell(&tenant, &document.id, Vec::new(), vec![gone], now_ms).await?;
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
        let groups = self.groups.read();
        let due = groups.iter().filter_map(|running| running.due()).min();
        due.unwrap_or_else(|| Instant::now() + LOOK_EVERY)
    }

    /// Data came in: the groups that read it are due at once, or when their gap is over.
    fn hear(&self, event: &TapEvent) {
        let groups = self.groups.read();
        match event {
            TapEvent::Gap { .. } => groups.iter().for_each(|running| running.hasten()),
            TapEvent::Applied(applied) => {
                let mut of_tenant =
                    groups.iter().filter(|running| running.tenant == applied.tenant).peekable();
                if of_tenant.peek().is_none() {
                    return;
                }
                let concerned: &dyn Fn(&Reads) -> bool = match &applied.batch {
                    AppliedBatch::Events(events) => &|reads| reads.concerns_events(events.signal()),
                    AppliedBatch::Samples(samples) => {
                        let names = names_of(samples);
                        &move |reads| reads.concerns(&names)
                    }
                };
                of_tenant.filter(|running| concerned(&running.reads)).for_each(|running| running.hasten());
            }
        }
    }

    /// Takes groups that are due; each is marked as running.
    fn take_due(&self, room: usize) -> Vec<Arc<Running>> {
        let now = Instant::now();
        self.groups.read().iter().filter(|running| running.take_if_due(now)).take(room).cloned().collect()
    }

    async fn evaluate(&self, running: &Arc<Running>) {
        let _turn = self.turn.read().await;
        let started = Instant::now();
        let now_ms = self.now_ms();
        let before = running.begin(started);
        let budget = Budget::new(EVALUATION_BYTES_MAX);
        let deadline = Some(started + EVALUATION_TIMEOUT);
        let ctx = RequestCtx::new(running.tenant.clone(), "rules", Role::Admin, deadline, budget);
        if let Some(evaluated) = self.stages(running, &ctx, &before, now_ms).await {
            self.finish(running, &before, evaluated, now_ms).await;
        }
        running.end(started, now_ms);
    }

    /// Evaluates one stage after the other; what one made is in the snapshot of the next.
    async fn stages(
        &self,
        running: &Arc<Running>,
        ctx: &RequestCtx,
        before: &[RuleRun],
        now_ms: i64,
    ) -> Option<Evaluated> {
        let mut all = Evaluated { runs: Vec::new(), batch: None };
        for stage in running.stages.iter().cloned() {
            self.write(running, all.batch.take()).await;
            let (running, before, ctx) = (Arc::clone(running), before.to_vec(), ctx.clone());
            let (store, external_url) = (self.store.clone(), self.config.external_url.clone());
            let work = move || {
                let from = Surroundings {
                    ctx: &ctx,
                    snapshot: &store.snapshot(&running.tenant),
                    external_url: &external_url,
                    at: query::Instant { time_ms: now_ms, settings: Settings::default() },
                };
                evaluate::evaluate(&from, &running.group, stage, &before)
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
    async fn finish(&self, running: &Arc<Running>, before: &[RuleRun], evaluated: Evaluated, now_ms: i64) {
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
        running.keep(evaluated.runs);
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
        self.write(running, evaluated.batch).await;
    }

    /// Writes series of a group's rules.
    async fn write(&self, running: &Running, batch: Option<Batch>) {
        let Some(batch) = batch else { return };
        let budget = Budget::new(EVALUATION_BYTES_MAX);
        let deadline = Some(Instant::now() + EVALUATION_TIMEOUT);
        let ctx = RequestCtx::new(running.tenant.clone(), "rules", Role::Admin, deadline, budget);
        let append = Append { batch, key: None, answer: Vec::new() };
        if let Err(error) = self.store.writer().append(&ctx, append).await {
            tracing::warn!(group = running.group.name, %error, "series of rules were not written");
        }
    }
}

/// Each group with what it has to hear of, which depends on all groups of its tenant.
fn with_reads(groups: Vec<(Tenant, Group)>) -> Vec<(Tenant, Group, Reads)> {
    let mut of_tenants: BTreeMap<Tenant, Vec<Group>> = BTreeMap::new();
    for (tenant, group) in groups {
        of_tenants.entry(tenant).or_default().push(group);
    }
    let mut all = Vec::new();
    for (tenant, groups) in of_tenants {
        let reads = Reads::of(&groups.iter().collect::<Vec<_>>());
        all.extend(groups.into_iter().zip(reads).map(|(group, reads)| (tenant.clone(), group, reads)));
    }
    all
}

// === views ===

impl RulesView for Rules {
    fn groups(&self, tenant: &Tenant) -> Vec<GroupView> {
        let receivers = |labels: &BTreeMap<String, String>| self.0.notifier.receivers_of(labels);
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

    fn notifier(&self) -> Option<Notifier> {
        Some(self.0.notifier.clone())
    }

    fn changes(&self, _: &Tenant) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }
}
