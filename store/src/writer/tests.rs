//! The writer on a disk that fails.

use std::sync::Arc;

use super::*;
use crate::model::{Budget, EventBatchBuilder, Role, Signal, StreamParts};
use crate::open::{Ground, open};
use crate::wal::tests::disk::{FakeDisk, Random};
use crate::{Config, Store};

fn open_on(dir: &std::path::Path, disk: &FakeDisk) -> Store {
    let config = Config { wal_file_bytes: 64 << 10, ..Config::new(dir) };
    Store(Arc::new(open(config, Ground { disk: disk.shared(), ..Ground::machine() }).unwrap()))
}

fn ctx() -> RequestCtx {
    RequestCtx::new(Tenant::authenticated("t").unwrap(), "test", Role::Ingest, None, Budget::new(1 << 30))
}

fn logs(number: i64) -> Append {
    let mut builder = EventBatchBuilder::new(Signal::Logs);
    let stream = builder.stream(&StreamParts::default());
    builder.begin_row(number, stream);
    builder.end_row();
    let batch = Batch::Events(builder.finish());
    Append { batch, key: Some(BatchKey(number as u128)), answer: number.to_string().into_bytes() }
}

fn rows(store: &Store) -> u64 {
    let state = store.0.tenants.get(&ctx().tenant);
    state.map_or(0, |state| state.summary(Signal::Logs).stored_rows())
}

#[tokio::test]
async fn a_failed_sync_is_answered_retry_and_the_retry_is_stored_once() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), FakeDisk::default());
    let store = open_on(dir.path(), &disk);
    let writer = store.writer();
    writer.append(&ctx(), logs(1)).await.unwrap();
    disk.fail_syncs(1);
    let failed = writer.append(&ctx(), logs(2)).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    assert_eq!(rows(&store), 1, "nothing of it is shown");
    let ack = writer.append(&ctx(), logs(2)).await.unwrap();
    assert!(!ack.duplicate);
    assert_eq!(ack.lsn.counter, 2);
    let counts = writer.accounting().snapshot().into_values().next().unwrap();
    assert_eq!((counts.stored, counts.refused["unavailable"], counts.received), (2, 1, 3));
    let status = store.status().await;
    assert_eq!((status.log.failures, status.log.damaged_files.len()), (1, 1));
    drop((store, writer));
    disk.restart(&mut Random(1));
    assert_eq!(rows(&open_on(dir.path(), &disk)), 2);
}

#[tokio::test]
async fn a_full_disk_is_answered_retry_until_there_is_room() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), FakeDisk::default());
    disk.set_full(true);
    let store = open_on(dir.path(), &disk);
    let full = store.writer().append(&ctx(), logs(1)).await;
    assert!(matches!(full, Err(StoreError::Unavailable(_))));
    disk.set_full(false);
    store.writer().append(&ctx(), logs(1)).await.unwrap();
    assert_eq!(rows(&store), 1);
}

#[tokio::test]
async fn keys_outlive_the_log_files_they_were_in() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), FakeDisk::default());
    let store = open_on(dir.path(), &disk);
    for number in 1..=400 {
        store.writer().append(&ctx(), logs(number)).await.unwrap();
    }
    let files = store.status().await.log.files;
    // As a flush would leave it: all but what is in the open file may go.
    let state = store.0.tenants.get(&ctx().tenant).unwrap();
    let sealed = state.seal(Signal::Logs).unwrap();
    let through = sealed.range.last_lsns();
    let flushed =
        through.map(|through| crate::catalog::Flushed { tenant: state.no, signal: Signal::Logs, through });
    let stored =
        vec![crate::catalog::StoredRows { tenant: state.no, signal: Signal::Logs, rows: sealed.range.rows }];
    let change = crate::catalog::SegmentChange { flushed: flushed.collect(), stored, ..Default::default() };
    store.0.catalog.change_segments(change).unwrap();
    state.unseal(Signal::Logs, |_| ());
    drop(state);
    let shared = Arc::clone(&store.0);
    let cut = tokio::task::spawn_blocking(move || shared.cut_log(false)).await.unwrap();
    assert_eq!(cut.unwrap(), files, "the open file too");
    assert_eq!(rows(&store), 400, "counted once, wherever they are");
    drop(store);
    let store = open_on(dir.path(), &disk);
    for number in 1..=400 {
        let again = store.writer().append(&ctx(), logs(number)).await.unwrap();
        assert!(again.duplicate, "{number}");
        assert_eq!(*again.answer, *number.to_string().as_bytes());
    }
    let in_head = store.0.tenants.get(&ctx().tenant).unwrap().summary(Signal::Logs);
    assert_eq!((in_head.fresh.rows, in_head.stored_rows()), (0, 400));
}

#[tokio::test]
async fn who_sends_while_heads_are_full_waits_for_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { head_bytes_max: 0, ..Config::new(dir.path()) };
    let store = Store(Arc::new(open(config, Ground::machine()).unwrap()));
    let (writer, ctx) = (store.writer(), ctx());
    writer.append(&ctx, logs(1)).await.unwrap();
    let mut second = std::pin::pin!(writer.append(&ctx, logs(2)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert_eq!(rows(&store), 1);
    store.flush().await.unwrap();
    second.await.unwrap();
    assert_eq!(rows(&store), 2);
}
