//! Deleted records: hidden at once, taken out of segments, and nothing else with them, wherever the machine goes off.

use std::sync::Arc;

use super::super::erase::erase_due;
use super::super::flush_all;
use super::ground::{CutBlobs, CutCatalog, Steps};
use super::{NOW_MS, clock_at, config, found, runtime, send, tenant, time_ms};
use crate::durable::RealDisk;
use crate::erasure::Erasure;
use crate::model::{EventBatch, Field, Signal, Value};
use crate::open::{Ground, open};
use crate::wal::tests::disk::{FakeDisk, Random};
use crate::{Projection, Store};

/// Deletes the even numbers of a range of them.
struct Even(std::ops::Range<u64>);

fn number(batch: &EventBatch, row: u32) -> u64 {
    let body = batch.field(row as usize, Field::Body).and_then(Value::as_str).unwrap_or_default();
    body.split(' ').next().and_then(|text| text.parse().ok()).unwrap()
}

impl Erasure for Even {
    fn range(&self) -> (i64, i64) {
        let times = self.0.clone().map(|number| time_ms(number) * 1_000_000);
        (times.clone().min().unwrap(), times.max().unwrap() + 1)
    }

    fn projection(&self) -> Projection {
        Projection::Columns(vec![crate::model::ColumnRef::Field(Field::Body)])
    }

    fn retain(&self, batch: &EventBatch, rows: &mut Vec<u32>) {
        rows.retain(|row| {
            let number = number(batch, *row);
            number % 2 == 1 || !self.0.contains(&number)
        });
    }
}

/// Deletes everything of three days.
struct All;

impl Erasure for All {
    fn range(&self) -> (i64, i64) {
        (i64::MIN, i64::MAX)
    }

    fn projection(&self) -> Projection {
        Projection::Columns(Vec::new())
    }

    fn retain(&self, _: &EventBatch, rows: &mut Vec<u32>) {
        rows.clear();
    }
}

fn logs(store: &Store) -> Vec<u64> {
    found(store, "a").remove(&Signal::Logs).unwrap()
}

fn odd(numbers: std::ops::Range<u64>) -> Vec<u64> {
    numbers.filter(|number| number % 2 == 1).collect()
}

fn rows_of_logs(store: &Store) -> u64 {
    let rows = store.0.catalog.segments().unwrap();
    rows.iter().filter(|row| row.signal == Signal::Logs).map(|row| row.rows).sum()
}

#[test]
fn deleted_records_are_hidden_at_once_and_gone_after_a_rewrite() {
    let dir = tempfile::tempdir().unwrap();
    let (_, clock) = clock_at(NOW_MS);
    let open = || super::store_on(config(dir.path()), super::ground(Arc::new(RealDisk), clock.clone()));
    let store = open();
    runtime().block_on(async {
        for signal in Signal::ALL {
            send(&store, "a", signal, 0..30).await.unwrap();
        }
        store.erase(&tenant("a"), vec![Arc::new(Even(0..30))]).await.unwrap();
        assert_eq!(logs(&store), odd(0..30));
        assert!(!store.erased(&tenant("a")), "they are in memory");
        flush_all(&store.0).unwrap();
        assert_eq!(logs(&store), odd(0..30));
        assert_eq!(rows_of_logs(&store), 30);
        erase_due(&store.0).unwrap();
        assert_eq!(rows_of_logs(&store), 15);
        assert!(store.erased(&tenant("a")));
        // Other signals and what comes later stay.
        send(&store, "a", Signal::Logs, 30..40).await.unwrap();
        assert_eq!(found(&store, "a")[&Signal::Spans].len(), 30);
        assert_eq!(logs(&store), [odd(0..30), (30..40).collect()].concat());
        flush_all(&store.0).unwrap();
    });
    drop(store);
    // The list is gone with the process; the records are gone for good.
    let store = open();
    assert_eq!(logs(&store), [odd(0..30), (30..40).collect()].concat());
    runtime().block_on(async {
        store.erase(&tenant("a"), vec![Arc::new(All)]).await.unwrap();
        erase_due(&store.0).unwrap();
        assert_eq!((logs(&store), rows_of_logs(&store)), (Vec::new(), 0));
        store.erase(&tenant("a"), Vec::new()).await.unwrap();
        send(&store, "a", Signal::Logs, 50..52).await.unwrap();
        assert_eq!(logs(&store), [50, 51]);
    });
}

#[test]
fn a_machine_that_goes_off_loses_nothing_else() {
    for steps_left in 0..40 {
        let dir = tempfile::tempdir().unwrap();
        let disk = FakeDisk::default();
        let open = |steps: &Steps| {
            let (blobs, catalog) = (steps.clone(), steps.clone());
            let ground = Ground {
                disk: disk.shared(),
                clock: clock_at(NOW_MS).1,
                blobs: Box::new(move |inner| Arc::new(CutBlobs(inner, blobs))),
                catalog: Box::new(move |inner| Arc::new(CutCatalog(inner, catalog))),
            };
            Store(Arc::new(open(config(dir.path()), ground).unwrap()))
        };
        let steps = Steps::endless(&disk);
        let store = open(&steps);
        let list = || -> Vec<Arc<dyn Erasure>> { vec![Arc::new(Even(0..30))] };
        runtime().block_on(async {
            send(&store, "a", Signal::Logs, 0..30).await.unwrap();
            flush_all(&store.0).unwrap();
            store.erase(&tenant("a"), list()).await.unwrap();
            steps.off_after(steps_left);
            let _ = erase_due(&store.0);
        });
        drop(store);
        disk.restart(&mut Random(steps_left));
        if steps_left % 2 == 1 {
            for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
                let _ = std::fs::remove_file(dir.path().join(name));
            }
        }
        let store = open(&Steps::endless(&disk));
        let before: Vec<u64> = logs(&store);
        assert!(odd(0..30).iter().all(|number| before.contains(number)), "{steps_left}: {before:?}");
        runtime().block_on(async {
            store.erase(&tenant("a"), list()).await.unwrap();
            assert_eq!(logs(&store), odd(0..30), "{steps_left}");
            erase_due(&store.0).unwrap();
        });
        assert_eq!((logs(&store), rows_of_logs(&store)), (odd(0..30), 15), "{steps_left}");
    }
}
