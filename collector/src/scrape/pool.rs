//! One job: its discoveries, and a worker for each target they find.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use store::model::Tenant;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::config::{Job, KubernetesEnv};
use super::discovery::{self, Group, News, Teller};
use super::fetch::Client;
use super::labels::LabelMap;
use super::series::TargetSeries;
use super::status::{PoolStatus, TargetStatus};
use super::target::{Found, Target, targets};
use super::worker::{self, Worker};
use crate::collector::Shared;

/// What relabelling dropped is shown up to this.
const DROPPED_SHOWN_MAX: u64 = 10_000;
/// Discoveries that tell faster than targets can be changed wait.
const NEWS_QUEUE: usize = 16;

/// A job and the client its targets are asked with.
#[derive(Clone)]
pub(super) struct Work {
    pub job: Arc<Job>,
    pub client: Arc<Client>,
}

/// What others may see of a pool.
#[derive(Default)]
pub(super) struct PoolState(Mutex<Shown>);

#[derive(Default)]
struct Shown {
    job: String,
    active: Vec<Arc<Mutex<TargetStatus>>>,
    dropped: Vec<LabelMap>,
    dropped_count: u64,
    problem: String,
}

pub(super) struct Pool {
    pub shared: Arc<Shared>,
    pub tenant: Tenant,
    pub kubernetes: KubernetesEnv,
    pub state: Arc<PoolState>,
    pub work: watch::Receiver<Work>,
    pub stop: CancellationToken,
}

struct Running {
    status: Arc<Mutex<TargetStatus>>,
    stop: CancellationToken,
    task: JoinHandle<TargetSeries>,
}

/// A pool under one version of its job.
struct Season<'p> {
    pool: &'p Pool,
    work: Work,
    /// What each discovery told last; `None`: nothing yet.
    groups: Vec<Option<Vec<Group>>>,
    problems: Vec<String>,
    running: BTreeMap<Target, Running>,
    /// Series of targets of the season before, until it is clear whether they are still there.
    kept: BTreeMap<Target, TargetSeries>,
    forced: Arc<Mutex<Option<String>>>,
}

// === impl PoolState ===

impl PoolState {
    pub(super) fn status(&self) -> PoolStatus {
        let shown = self.0.lock();
        PoolStatus {
            job: shown.job.clone(),
            active: shown.active.iter().map(|status| status.lock().clone()).collect(),
            dropped: shown.dropped.clone(),
            dropped_count: shown.dropped_count,
            problem: shown.problem.clone(),
        }
    }
}

// === impl Pool ===

impl Pool {
    /// Runs until told to stop. Series do not end with the process: the next one goes on with them.
    pub(super) async fn run(mut self) {
        let mut kept = BTreeMap::new();
        loop {
            let work = self.work.borrow_and_update().clone();
            let mut changes = self.work.clone();
            let mut season = Season::new(&self, work, kept);
            let again = season.run(&mut changes).await;
            kept = season.end().await;
            if !again {
                break;
            }
        }
        // A pool that was taken out of the configuration, not one of a process that stops.
        if !self.stop.is_cancelled() {
            let job = Arc::clone(&self.work.borrow().job);
            for (target, series) in kept {
                worker::end(&self.shared, &self.tenant, &job, &target, series).await;
            }
        }
    }
}

// === impl Season ===

impl<'p> Season<'p> {
    fn new(pool: &'p Pool, work: Work, kept: BTreeMap<Target, TargetSeries>) -> Self {
        let count = work.job.discovery.len();
        Self {
            pool,
            work,
            groups: vec![None; count],
            problems: vec![String::new(); count],
            running: BTreeMap::new(),
            kept,
            forced: Arc::default(),
        }
    }

    /// `true`: the job has changed; `false`: the pool is to end.
    async fn run(&mut self, changes: &mut watch::Receiver<Work>) -> bool {
        let stop = CancellationToken::new();
        let _ends_with_season = stop.clone().drop_guard();
        let (news, mut told) = mpsc::channel(NEWS_QUEUE);
        let mut discoveries = JoinSet::new();
        for (number, discovery) in self.work.job.discovery.iter().enumerate() {
            let teller = Teller { number, news: news.clone(), stop: stop.clone() };
            discoveries.spawn(discovery::run(discovery.clone(), self.pool.kubernetes.clone(), teller));
        }
        self.sync().await;
        loop {
            tokio::select! {
                () = self.pool.stop.cancelled() => return false,
                changed = changes.changed() => return changed.is_ok(),
                Some((number, first)) = told.recv() => {
                    self.note(number, first);
                    while let Ok((number, more)) = told.try_recv() {
                        self.note(number, more);
                    }
                    self.sync().await;
                }
            }
        }
    }

    fn note(&mut self, number: usize, news: News) {
        match news {
            News::Groups(groups) => {
                self.groups[number] = Some(groups);
                self.problems[number].clear();
            }
            News::Failed(problem) => {
                if self.problems[number] != problem {
                    tracing::warn!(job = self.work.job.name, problem, "discovery");
                }
                self.problems[number] = problem;
            }
        }
    }

    /// Makes the workers those of the targets that are there.
    async fn sync(&mut self) {
        let known: Vec<Group> = self.groups.iter().flatten().flatten().cloned().collect();
        let found = targets(&self.work.job, &known);
        let limit = self.work.job.limits.targets;
        let count = found.active.len() as u64;
        let over = (limit > 0 && count > limit)
            .then(|| format!("target_limit exceeded (number of targets: {count}, limit: {limit})"));
        *self.forced.lock() = over;
        let wanted: BTreeSet<&Target> = found.active.iter().map(|(target, _)| target).collect();
        let gone: Vec<Target> =
            self.running.keys().filter(|target| !wanted.contains(target)).cloned().collect();
        for target in gone {
            if let Some(running) = self.running.remove(&target)
                && let Some(series) = running.end().await
            {
                self.end_series(&target, series).await;
            }
        }
        for (target, discovered) in &found.active {
            if !self.running.contains_key(target) {
                self.start(target, discovered);
            }
        }
        if self.groups.iter().all(Option::is_some) {
            for (target, series) in std::mem::take(&mut self.kept) {
                self.end_series(&target, series).await;
            }
        }
        self.show(found);
    }

    async fn end_series(&self, target: &Target, series: TargetSeries) {
        worker::end(&self.pool.shared, &self.pool.tenant, &self.work.job, target, series).await;
    }

    fn start(&mut self, target: &Target, discovered: &LabelMap) {
        let status = Arc::new(Mutex::new(TargetStatus {
            discovered: discovered.clone(),
            labels: target.labels.clone(),
            url: target.url.clone(),
            interval_s: target.interval.as_secs_f64(),
            timeout_s: target.timeout.as_secs_f64(),
            ..TargetStatus::default()
        }));
        let stop = CancellationToken::new();
        let worker = Worker {
            shared: Arc::clone(&self.pool.shared),
            tenant: self.pool.tenant.clone(),
            job: Arc::clone(&self.work.job),
            client: Arc::clone(&self.work.client),
            target: target.clone(),
            status: Arc::clone(&status),
            forced: Arc::clone(&self.forced),
            stop: stop.clone(),
        };
        let series = self.kept.remove(target).unwrap_or_default();
        let task = tokio::spawn(worker.run(series));
        self.running.insert(target.clone(), Running { status, stop, task });
    }

    fn show(&self, found: Found) {
        let kept = match self.work.job.limits.dropped_kept {
            0 => DROPPED_SHOWN_MAX,
            limit => limit.min(DROPPED_SHOWN_MAX),
        };
        let problems = self.problems.iter().filter(|problem| !problem.is_empty()).cloned();
        let problem = problems.chain(found.problems).collect::<Vec<_>>().join("; ");
        let dropped_count = found.dropped.len() as u64;
        *self.pool.state.0.lock() = Shown {
            job: self.work.job.name.clone(),
            active: self.running.values().map(|running| Arc::clone(&running.status)).collect(),
            dropped: found.dropped.into_iter().take(kept as usize).collect(),
            dropped_count,
            problem,
        };
    }

    /// Stops all workers; what they remember is for the season to come.
    async fn end(self) -> BTreeMap<Target, TargetSeries> {
        let mut kept = self.kept;
        self.running.values().for_each(|running| running.stop.cancel());
        for (target, running) in self.running {
            if let Some(series) = running.end().await {
                kept.insert(target, series);
            }
        }
        kept
    }
}

// === impl Running ===

impl Running {
    /// What it remembers; `None`: it ended badly.
    async fn end(self) -> Option<TargetSeries> {
        self.stop.cancel();
        self.task.await.ok()
    }
}
