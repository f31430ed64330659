//! Many tenants.

use std::sync::Arc;
use std::time::Instant;

use super::{NOW_MS, clock_at, config, events, found, ground, send, store_on};
use crate::durable::RealDisk;
use crate::model::{Filter, Signal};
use crate::{Config, StoreError};

const TENANTS: u64 = 10_000;
/// Requests at once.
const SENDERS: u64 = 32;

#[test]
fn ten_thousand_tenants_are_taken_in_flushed_and_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let (_, clock) = clock_at(NOW_MS);
    let open = || {
        let config = Config { wal_file_bytes: 8 << 20, ..config(dir.path()) };
        store_on(config, ground(Arc::new(RealDisk), clock.clone()))
    };
    let name = |number: u64| format!("tenant-{number}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let store = open();
    runtime.block_on(async {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let store = store.clone();
                tokio::spawn(async move {
                    for number in (sender..TENANTS).step_by(SENDERS as usize) {
                        send(&store, &name(number), Signal::Logs, number..number + 1).await.unwrap();
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
    });
    let own = |store: &crate::Store, number: u64| {
        assert_eq!(events(store, &name(number), Signal::Logs, Filter::All), [number]);
    };
    (0..TENANTS).for_each(|number| own(&store, number));
    drop(store);
    // From the log.
    let store = open();
    (0..TENANTS).step_by(97).for_each(|number| own(&store, number));
    // Of a tenth, in segments.
    let pairs: Vec<_> = (0..TENANTS / 10)
        .map(|number| (store.0.tenants.get(&super::tenant(&name(number))).unwrap(), Signal::Logs))
        .collect();
    let before = Instant::now();
    assert_eq!(super::super::write::flush(&store.0, &pairs).unwrap(), pairs.len());
    eprintln!("{} heads flushed in {:?}", pairs.len(), before.elapsed());
    drop((pairs, store));
    let before = Instant::now();
    let store = open();
    eprintln!("opened in {:?}", before.elapsed());
    (0..TENANTS).for_each(|number| own(&store, number));
    assert_eq!(runtime.block_on(store.status()).signals.len() as u64, TENANTS);
}

#[tokio::test]
async fn a_tenant_too_many_is_refused_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.limits.tenants_max = 3;
    let store = store_on(config, ground(Arc::new(RealDisk), clock_at(NOW_MS).1));
    for number in 0..3u64 {
        send(&store, &number.to_string(), Signal::Logs, number..number + 1).await.unwrap();
    }
    let refused = send(&store, "one-too-many", Signal::Logs, 0..1).await;
    assert!(matches!(refused, Err(StoreError::Quota(_))), "{refused:?}");
    send(&store, "1", Signal::Logs, 7..8).await.unwrap();
    assert_eq!(found(&store, "1")[&Signal::Logs], [1, 7]);
}
