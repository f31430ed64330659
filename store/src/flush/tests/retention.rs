//! Retention through the store, on a clock that jumps; counters over flush and restart.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::{flush_all, retention};
use super::{DAY_MS, NOW_MS, clock_at, config, found, ground, runtime, send, store_on, time_ms};
use crate::durable::RealDisk;
use crate::model::Signal;
use crate::{Config, Store};

fn open(config: &Config, clock: &crate::clock::Clock) -> Store {
    store_on(config.clone(), ground(Arc::new(RealDisk), clock.clone()))
}

fn logs(store: &Store, name: &str) -> Vec<u64> {
    found(store, name).remove(&Signal::Logs).unwrap()
}

async fn fill(store: &Store, name: &str) {
    for signal in Signal::ALL {
        send(store, name, signal, 0..30).await.unwrap();
    }
    flush_all(&store.0).unwrap();
}

#[test]
fn what_is_too_old_goes_whoever_it_belongs_to_and_stays_counted() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { retention: Duration::from_secs(36 * 3600), ..config(dir.path()) };
    let (_, clock) = clock_at(NOW_MS);
    let store = open(&config, &clock);
    runtime().block_on(async {
        fill(&store, "busy").await;
        fill(&store, "idle").await;
        retention::retain(&store.0).unwrap();
        for name in ["busy", "idle"] {
            let young: Vec<u64> = (0..30).filter(|n| time_ms(*n) > NOW_MS - DAY_MS * 3 / 2).collect();
            assert_eq!(logs(&store, name), young);
        }
        let files = store.0.blobs.list().unwrap().len();
        assert_eq!(files, store.0.catalog.segments().unwrap().len());
        for signal in store.status().await.signals {
            assert_eq!(signal.stored_since_creation, 30);
        }
    });
    drop(store);
    let store = open(&config, &clock);
    assert_eq!(runtime().block_on(store.status()).signals[0].stored_since_creation, 30);
}

#[test]
fn the_oldest_segments_go_while_all_are_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let (_, clock) = clock_at(NOW_MS);
    let mut config = config(dir.path());
    let store = open(&config, &clock);
    runtime().block_on(fill(&store, "t"));
    let total: u64 = store.0.catalog.segments().unwrap().iter().map(|row| row.size_bytes).sum();
    drop(store);
    config.retention_size_bytes = Some(total - 1);
    let store = open(&config, &clock);
    retention::retain(&store.0).unwrap();
    let rows = store.0.catalog.segments().unwrap();
    let left: u64 = rows.iter().map(|row| row.size_bytes).sum();
    assert!(left < total && !rows.is_empty());
    let of_day = |days: i64| {
        let (start, end) = ((NOW_MS - DAY_MS * days - 60_000) * 1_000_000, NOW_MS * 1_000_000);
        rows.iter().filter(|row| row.max_time >= start && row.max_time <= end).count()
    };
    assert!(of_day(0) > 0, "the newest stay");
    // Once it fits, nothing more goes.
    retention::retain(&store.0).unwrap();
    assert_eq!(store.0.catalog.segments().unwrap().len(), rows.len());
}

#[test]
fn a_clock_that_jumped_removes_nothing_until_it_was_steady_for_seven_days() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { retention: Duration::from_secs(30 * 86_400), ..config(dir.path()) };
    let (time, clock) = clock_at(NOW_MS);
    let store = open(&config, &clock);
    runtime().block_on(fill(&store, "t"));
    retention::retain(&store.0).unwrap();
    let jumped = NOW_MS + 365 * DAY_MS;
    time.store(jumped, Ordering::SeqCst);
    for hours in [0, 12, 100, 7 * 24 - 1] {
        // The store runs all the time; what it sees is persisted.
        for hour in 0..=hours {
            time.store(jumped + hour * 3_600_000, Ordering::SeqCst);
            retention::retain(&store.0).unwrap();
        }
        assert_eq!(logs(&store, "t").len(), 30, "{hours} hours after the jump");
        time.store(jumped, Ordering::SeqCst);
    }
    drop(store);
    // Set right, in a later life: another jump, and what is not too old stays after the wait as well.
    time.store(NOW_MS + DAY_MS, Ordering::SeqCst);
    let store = open(&config, &clock);
    for hour in 0..=8 * 24 {
        time.store(NOW_MS + DAY_MS + hour * 3_600_000, Ordering::SeqCst);
        retention::retain(&store.0).unwrap();
    }
    assert_eq!(logs(&store, "t").len(), 30);
    // Time that passes in small steps is no jump.
    for hour in 9 * 24..=40 * 24 {
        time.store(NOW_MS + DAY_MS + hour * 3_600_000, Ordering::SeqCst);
        retention::retain(&store.0).unwrap();
    }
    assert!(logs(&store, "t").is_empty());
}

#[test]
fn every_record_is_accounted_for_over_flush_and_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (_, clock) = clock_at(NOW_MS);
    let config = config(dir.path());
    let stored = |store: &Store| {
        let status = runtime().block_on(store.status());
        status.signals.iter().map(|one| one.stored_since_creation).collect::<Vec<_>>()
    };
    let mut sent = 0;
    for life in 0..4u64 {
        let store = open(&config, &clock);
        runtime().block_on(async {
            for round in 0..5 {
                for signal in Signal::ALL {
                    let first = life * 100 + round * 10;
                    send(&store, "t", signal, first..first + 10).await.unwrap();
                    // A retry stores nothing.
                    assert!(send(&store, "t", signal, first..first + 10).await.unwrap().duplicate);
                }
                sent += 10;
                if round % 2 == 0 {
                    flush_all(&store.0).unwrap();
                }
            }
            let shared = Arc::clone(&store.0);
            tokio::task::spawn_blocking(move || shared.cut_log(true)).await.unwrap().unwrap();
        });
        assert_eq!(stored(&store), [sent; 3]);
        for (signal, counts) in store.writer().accounting().snapshot() {
            assert_eq!(counts.received, counts.sum(), "{signal:?}");
            assert_eq!((counts.stored, counts.deduplicated), (50, 50));
        }
    }
    assert_eq!(stored(&open(&config, &clock)), [sent; 3]);
}
