//! The handle the binary holds: a plan in, targets out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use store::model::Tenant;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::config::{KubernetesEnv, ScrapeFile};
use super::fetch::Client;
use super::pool::{Pool, PoolState, Work};
use super::status::PoolStatus;
use crate::Collector;

/// What to scrape for whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScrapePlan {
    pub files: Vec<(Tenant, ScrapeFile)>,
}

/// Scrapes what its plan says; cheap to clone.
#[derive(Clone)]
pub struct Scraper(Arc<State>);

struct State {
    collector: Collector,
    kubernetes: KubernetesEnv,
    pools: Mutex<BTreeMap<Key, Entry>>,
    changed: Notify,
}

type Key = (Tenant, String);

struct Entry {
    state: Arc<PoolState>,
    work: watch::Sender<Work>,
    /// Taken when it is started.
    unstarted: Option<watch::Receiver<Work>>,
}

/// A plan whose files were read and clients made: it can be put in force.
pub struct CheckedPlan(BTreeMap<Key, Work>);

// === impl Scraper ===

impl Scraper {
    pub fn new(collector: Collector, kubernetes: KubernetesEnv) -> Self {
        let (pools, changed) = (Mutex::default(), Notify::new());
        Self(Arc::new(State { collector, kubernetes, pools, changed }))
    }

    /// Reads certificates and makes clients; nothing changes yet.
    pub fn check(plan: ScrapePlan) -> Result<CheckedPlan, String> {
        let mut works = BTreeMap::new();
        for (tenant, file) in plan.files {
            for job in file.jobs {
                let named = |problem: String| format!("job {:?}: {problem}", job.name);
                let client = Arc::new(Client::new(&job.http, "").map_err(named)?);
                let key = (tenant.clone(), job.name.clone());
                if works.insert(key, Work { job: Arc::new(job.clone()), client }).is_some() {
                    return Err(named("two scrape_configs of one tenant have this name".to_owned()));
                }
            }
        }
        Ok(CheckedPlan(works))
    }

    /// Puts a plan in force: jobs that did not change go on undisturbed.
    pub fn configure(&self, plan: CheckedPlan) {
        let mut pools = self.0.pools.lock();
        let wanted: BTreeSet<Key> = plan.0.keys().cloned().collect();
        // A pool ends when nobody can change its work any more.
        pools.retain(|key, _| wanted.contains(key));
        for (key, work) in plan.0 {
            match pools.get(&key) {
                Some(entry) if entry.work.borrow().job == work.job => {}
                Some(entry) => drop(entry.work.send_replace(work)),
                None => {
                    let (work, unstarted) = watch::channel(work);
                    let entry = Entry { state: Arc::default(), work, unstarted: Some(unstarted) };
                    pools.insert(key, entry);
                }
            }
        }
        self.0.changed.notify_one();
    }

    /// Scrapes until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut running = JoinSet::new();
        loop {
            for pool in self.unstarted(&stop) {
                running.spawn(pool.run());
            }
            tokio::select! {
                () = self.0.changed.notified() => {}
                () = stop.cancelled() => break,
                // Ended pools are let go of.
                Some(_) = running.join_next() => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    fn unstarted(&self, stop: &CancellationToken) -> Vec<Pool> {
        let mut pools = self.0.pools.lock();
        let start = |((tenant, _), entry): (&Key, &mut Entry)| {
            let work = entry.unstarted.take()?;
            Some(Pool {
                shared: Arc::clone(&self.0.collector.0),
                tenant: tenant.clone(),
                kubernetes: self.0.kubernetes.clone(),
                state: Arc::clone(&entry.state),
                work,
                stop: stop.clone(),
            })
        };
        pools.iter_mut().filter_map(start).collect()
    }

    /// The jobs of a tenant with their targets, by name.
    pub fn status(&self, tenant: &Tenant) -> Vec<PoolStatus> {
        let states: Vec<(String, Arc<PoolState>)> = {
            let pools = self.0.pools.lock();
            let own = pools.iter().filter(|((owner, _), _)| owner == tenant);
            own.map(|((_, job), entry)| (job.clone(), Arc::clone(&entry.state))).collect()
        };
        states.into_iter().map(|(job, state)| PoolStatus { job, ..state.status() }).collect()
    }
}
