//! The store through its public interface: what an ack promises, across restarts.

// Helpers of a test may unwrap as the test itself may.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use store::model::{
    Batch, BatchKey, Budget, EventBatchBuilder, Field, Filter, RequestCtx, Role, Signal, StreamParts, Tenant,
    Value,
};
use store::{
    Ack, Append, Change, Config, DocumentKind, EventQuery, OpenError, Order, Projection, ScanControl, Store,
    StoreError, TapEvent,
};

fn open(dir: &Path) -> Store {
    let config = Config { wal_file_bytes: 64 << 10, ..Config::new(dir) };
    Store::open(config).unwrap()
}

fn ctx(tenant: &str) -> RequestCtx {
    RequestCtx::new(Tenant::authenticated(tenant).unwrap(), "test", Role::Admin, None, Budget::new(1 << 30))
}

fn logs(times: impl IntoIterator<Item = i64>) -> Batch {
    let mut builder = EventBatchBuilder::new(Signal::Logs);
    let resource = [("service.name", Value::Str("cart"))];
    let stream = builder.stream(&StreamParts { resource: &resource, ..Default::default() });
    for time in times {
        builder.begin_row(time, stream);
        builder.field(Field::Body, Value::Str(&format!("line {time}")));
        builder.end_row();
    }
    Batch::Events(builder.finish())
}

fn append(batch: Batch, key: Option<u128>, answer: &str) -> Append {
    Append { batch, key: key.map(BatchKey), answer: answer.as_bytes().to_vec() }
}

async fn put(store: &Store, tenant: &str, time: i64, key: Option<u128>) -> Ack {
    let append = append(logs([time]), key, &format!("answer {time}"));
    store.writer().append(&ctx(tenant), append).await.unwrap()
}

/// Times of all logs in the order they came.
fn times(store: &Store, tenant: &str) -> Vec<i64> {
    let ctx = ctx(tenant);
    let query = EventQuery {
        signal: Signal::Logs,
        start: i64::MIN,
        end: i64::MAX,
        filter: Filter::All,
        projection: Projection::All,
        order: Order::Any,
    };
    let mut times = Vec::new();
    let mut visit = |rows: store::EventRows<'_>| {
        times.extend(rows.rows.iter().map(|row| rows.batch.times()[*row as usize]));
        ScanControl::Continue
    };
    store.snapshot(&ctx.tenant).scan(&ctx, &query, &mut visit).unwrap();
    times
}

#[tokio::test]
async fn an_acknowledged_batch_is_queryable_at_once_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for time in 1..=300 {
        put(&store, "a", time, None).await;
    }
    put(&store, "b", 7, None).await;
    assert_eq!(times(&store, "a"), (1..=300).collect::<Vec<_>>());
    // Without a shutdown: as after a kill, only the process's own memory is gone.
    drop(store);
    let store = open(dir.path());
    assert_eq!(times(&store, "a"), (1..=300).collect::<Vec<_>>());
    assert_eq!(times(&store, "b"), [7]);
    let status = store.status().await;
    assert_eq!((status.replayed_records, status.writer, status.damaged.len()), (301, 2, 0));
    assert_eq!(status.signals[0].stored_since_creation, 300);
    assert!(store.ready());
}

#[tokio::test]
async fn a_retry_stores_nothing_and_gets_the_same_answer_also_in_the_next_life() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let first = put(&store, "a", 1, Some(11)).await;
    for _ in 0..2 {
        let again = store.writer().append(&ctx("a"), append(logs([1]), Some(11), "other")).await.unwrap();
        assert!(again.duplicate && !first.duplicate);
        assert_eq!((again.lsn, again.answer), (first.lsn, Arc::from(&b"answer 1"[..])));
    }
    store.shutdown().await;
    drop(store);
    let store = open(dir.path());
    assert!(put(&store, "a", 1, Some(11)).await.duplicate);
    assert_eq!(times(&store, "a"), [1]);
    let counts = store.writer().accounting().snapshot().into_values().next().unwrap();
    assert_eq!((counts.received, counts.deduplicated, counts.stored), (1, 1, 0));
}

#[tokio::test]
async fn the_same_request_twice_at_once_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let both = |n: u128| {
        let (one, two) = (store.clone(), store.clone());
        async move { tokio::join!(put(&one, "a", 5, Some(n)), put(&two, "a", 5, Some(n))) }
    };
    for n in 0..50 {
        let (one, two) = both(n).await;
        assert_eq!(u8::from(one.duplicate) + u8::from(two.duplicate), 1);
        assert_eq!((one.lsn, one.answer), (two.lsn, two.answer));
    }
    assert_eq!(times(&store, "a").len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_record_is_accounted_for_at_every_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config { wal_file_bytes: 64 << 10, ..Config::new(dir.path()) };
    config.limits.writer_queue_batches_max = 2;
    let store = Store::open(config).unwrap();
    let writers: Vec<_> = (0..8u128)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let writer = store.writer();
                let (mut stored, tenant) = (0, if task % 2 == 0 { "a" } else { "b" });
                for n in 0..100u128 {
                    let rows = 1 + (n * 7 + task) as i64 % 5;
                    // Some keys collide between tasks: those are retries.
                    let append = append(logs(0..rows), Some(n * 3 + task % 3), "");
                    match writer.append(&ctx(tenant), append).await {
                        Ok(ack) if !ack.duplicate => stored += rows as u64,
                        Ok(_) | Err(StoreError::QueueFull) => {}
                        Err(error) => panic!("{error}"),
                    }
                    let tenant = ctx(tenant).tenant;
                    writer.accounting().rejected(&tenant, Signal::Logs, "too_old", 1);
                    for counts in writer.accounting().snapshot().values() {
                        assert_eq!(counts.received, counts.sum());
                    }
                }
                stored
            })
        })
        .collect();
    let mut acked = 0;
    for writer in writers {
        acked += writer.await.unwrap();
    }
    let counts = store.writer().accounting().snapshot();
    assert_eq!(counts.values().map(|counts| counts.stored).sum::<u64>(), acked);
    assert!(counts.values().all(|counts| counts.in_flight == 0 && counts.rejected["too_old"] == 400));
    assert_eq!((times(&store, "a").len() + times(&store, "b").len()) as u64, acked);
}

#[tokio::test]
async fn a_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(matches!(Store::open(Config::new(dir.path())), Err(OpenError::InUse { .. })));
    drop(store);
    open(dir.path());
}

#[tokio::test]
async fn after_shutdown_nothing_is_taken_and_taps_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut tap = store.tap(4);
    let ack = put(&store, "a", 1, None).await;
    match tap.next().await {
        Some(TapEvent::Applied(applied)) => {
            assert_eq!((applied.lsn, applied.tenant.as_str()), (ack.lsn, "a"))
        }
        other => panic!("{other:?}"),
    }
    store.shutdown().await;
    assert!(tap.next().await.is_none() && !store.ready());
    let refused = store.writer().append(&ctx("a"), append(logs([2]), None, "")).await;
    assert!(matches!(refused, Err(StoreError::ShuttingDown)));
}

#[tokio::test]
async fn documents_survive_and_come_back_when_the_catalog_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let tenant = ctx("a").tenant;
    let change = Change::Put { kind: DocumentKind::Dashboard, id: "d".to_owned(), bytes: b"{}".to_vec() };
    store.documents().commit(&tenant, vec![change]).await.unwrap();
    put(&store, "a", 1, None).await;
    drop(store);
    std::fs::write(dir.path().join("catalog.db"), b"not a database at all").unwrap();
    let store = open(dir.path());
    let documents = store.documents().list(&tenant, DocumentKind::Dashboard).await.unwrap();
    assert_eq!(documents.len(), 1);
    assert_eq!(times(&store, "a"), [1]);
    let status = store.status().await;
    assert_eq!(status.damaged.len(), 1);
    assert_eq!(status.damaged_count, 1);
}

#[tokio::test]
async fn damage_to_the_log_is_named_and_the_rest_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for time in 1..=20 {
        put(&store, "a", time, None).await;
    }
    store.shutdown().await;
    drop(store);
    let wal = dir.path().join("wal");
    let file = std::fs::read_dir(&wal).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2 + 2048;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let store = open(dir.path());
    let found = times(&store, "a");
    assert_eq!(found.len(), 19);
    assert!(found.is_sorted());
    let status = store.status().await;
    assert!(status.damaged[0].detail.contains("are lost"), "{:?}", status.damaged);
    assert_eq!(status.log.damaged_files, [file]);
    let named = store.metrics().into_iter().find(|row| row.name == "signalbox_damaged_total").unwrap();
    assert_eq!(named.value, 1.0);
}
