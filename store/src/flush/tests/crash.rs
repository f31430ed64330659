//! Random histories of sends, flushes, merges, retention and cuts of the log on a machine that goes off between any two
//! steps, sometimes with the catalog gone afterwards: what was acknowledged is there once, nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use super::super::write::flush;
use super::super::{compact, flush_all, retention};
use super::ground::{CutBlobs, CutCatalog, Steps};
use super::{DAY_MS, NOW_MS, clock_at, config, found, runtime, send, time_ms};
use crate::model::Signal;
use crate::open::{Ground, open};
use crate::wal::tests::disk::{FakeDisk, Random};
use crate::{Config, Store};
use std::sync::Arc;

const TENANTS: [&str; 2] = ["a", "b"];
/// What is of the day before yesterday is too old.
const RETENTION_MS: i64 = DAY_MS * 3 / 2;

/// Seeds 0 to this; more were run when the code was written.
const HISTORIES: u64 = 40;

type Pair = (&'static str, Signal);

struct World {
    seed: u64,
    dir: tempfile::TempDir,
    disk: FakeDisk,
    random: Random,
    next: u64,
    acked: BTreeMap<Pair, BTreeSet<u64>>,
    /// Sent and not answered: sent again, with their keys, until they are.
    pending: Vec<(Pair, Range<u64>)>,
    /// Retention ran since: too old records may have gone.
    expired: bool,
    catalog_lost: bool,
}

impl World {
    fn config(&self) -> Config {
        let retention = Duration::from_millis(RETENTION_MS as u64);
        Config { retention, ..config(self.dir.path()) }
    }

    /// Opens the store; `None`: the machine went off meanwhile.
    fn open(&mut self, steps: &Steps) -> Option<Store> {
        let (blobs, catalog) = (steps.clone(), steps.clone());
        let ground = Ground {
            disk: self.disk.shared(),
            clock: clock_at(NOW_MS).1,
            blobs: Box::new(move |inner| Arc::new(CutBlobs(inner, blobs))),
            catalog: Box::new(move |inner| Arc::new(CutCatalog(inner, catalog))),
        };
        match open(self.config(), ground) {
            Ok(shared) => Some(Store(Arc::new(shared))),
            Err(error) => {
                assert!(steps.is_off(), "seed {}: {error}", self.seed);
                None
            }
        }
    }

    async fn life(&mut self) {
        let steps = Steps::endless(&self.disk);
        if self.random.below(4) > 0 {
            steps.off_after(self.random.below(120));
        }
        let Some(store) = self.open(&steps) else { return };
        for pending in std::mem::take(&mut self.pending) {
            self.send(&store, pending.0, pending.1).await;
        }
        for _ in 0..self.random.below(40) {
            match self.random.below(12) {
                0..6 => {
                    let tenant = TENANTS[self.random.below(2) as usize];
                    let signal = Signal::ALL[self.random.below(3) as usize];
                    let numbers = self.next..self.next + 1 + self.random.below(5);
                    self.next = numbers.end;
                    self.send(&store, (tenant, signal), numbers).await;
                }
                6 => drop(flush_all(&store.0)),
                7 | 8 => self.flush_one(&store),
                9 => drop(compact::compact_due(&store.0)),
                10 => {
                    self.expired = true;
                    let _ = retention::retain(&store.0);
                }
                _ => {
                    let shared = Arc::clone(&store.0);
                    let rest = self.random.below(2) == 0;
                    let _ = tokio::task::spawn_blocking(move || shared.cut_log(rest)).await.unwrap();
                }
            }
        }
    }

    fn flush_one(&mut self, store: &Store) {
        let tenants = store.0.tenants.all();
        if !tenants.is_empty() {
            let tenant = &tenants[self.random.below(tenants.len() as u64) as usize];
            let signal = Signal::ALL[self.random.below(3) as usize];
            let _ = flush(&store.0, &[(Arc::clone(tenant), signal)]);
        }
    }

    async fn send(&mut self, store: &Store, pair: Pair, numbers: Range<u64>) {
        match send(store, pair.0, pair.1, numbers.clone()).await {
            Ok(_) => self.acked.entry(pair).or_default().extend(numbers),
            Err(_) => self.pending.push((pair, numbers)),
        }
    }

    /// The machine comes back; sometimes the catalog does not.
    fn restart(&mut self) {
        self.disk.restart(&mut self.random);
        if self.random.below(5) == 0 {
            self.catalog_lost = true;
            for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
                let _ = std::fs::remove_file(self.dir.path().join(name));
            }
        }
    }

    async fn check(&mut self) {
        let store = self.open(&Steps::endless(&self.disk)).expect("it is on");
        let seed = self.seed;
        let status = store.status().await;
        let lost = status.damaged.iter().all(|one| one.detail.contains("the catalog's file is gone"));
        assert!(lost, "seed {seed}: {:?}", status.damaged);
        for tenant in TENANTS {
            for (signal, numbers) in found(&store, tenant) {
                let what = format!("seed {seed}: {} of {tenant}", signal.as_str());
                assert!(numbers.is_sorted_by(|a, b| a < b), "{what}: there twice: {numbers:?}");
                let acked = self.acked.entry((tenant, signal)).or_default();
                let old = |number: &u64| self.expired && time_ms(*number) < NOW_MS - RETENTION_MS;
                let missing: Vec<_> =
                    acked.iter().filter(|n| numbers.binary_search(n).is_err() && !old(n)).collect();
                assert!(missing.is_empty(), "{what}: acknowledged and gone: {missing:?}");
                let pending = |number: &u64| {
                    self.pending.iter().any(|(pair, sent)| *pair == (tenant, signal) && sent.contains(number))
                };
                let invented: Vec<_> = numbers.iter().filter(|n| !acked.contains(n) && !pending(n)).collect();
                assert!(invented.is_empty(), "{what}: nobody sent it: {invented:?}");
                self.check_counts(&store, (tenant, signal), &numbers);
            }
        }
    }

    /// Two samples of one millisecond show as one: only the counts know. And what was ever stored is counted once.
    fn check_counts(&self, store: &Store, pair: Pair, numbers: &[u64]) {
        let what = format!("seed {}: {pair:?}", self.seed);
        let Some(state) = store.0.tenants.get(&super::tenant(pair.0)) else { return };
        let in_segments: u64 =
            state.read(|heads| heads.segments.of(pair.1).map(|listed| listed.row.rows).sum());
        let head = state.summary(pair.1);
        let in_memory: u64 = head.in_memory().map(|range| range.rows).sum();
        assert_eq!(in_segments + in_memory, numbers.len() as u64, "{what}: rows");
        if !self.catalog_lost {
            let sent = self.pending.iter().filter(|(other, _)| *other == pair);
            let unknown: u64 = sent.map(|(_, numbers)| numbers.end - numbers.start).sum();
            let acked = self.acked.get(&pair).map_or(0, |acked| acked.len() as u64);
            let stored = head.stored_rows();
            assert!((acked..=acked + unknown).contains(&stored), "{what}: {stored} stored of {acked}");
        }
    }
}

fn history(seed: u64) {
    let mut world = World {
        seed,
        dir: tempfile::tempdir().unwrap(),
        disk: FakeDisk::default(),
        random: Random(seed),
        next: 0,
        acked: BTreeMap::new(),
        pending: Vec::new(),
        expired: false,
        catalog_lost: false,
    };
    let runtime = runtime();
    for _ in 0..6 {
        runtime.block_on(world.life());
        world.restart();
        runtime.block_on(world.check());
    }
}

#[test]
fn acknowledged_is_stored_once_after_a_crash_between_any_two_steps() {
    (0..HISTORIES).for_each(history);
}
