//! A backup taken while a store is open holds everything that was acknowledged before it began.

// Helpers of a test may unwrap as the test itself may.
#![allow(clippy::unwrap_used)]

use store::model::{
    Batch, Budget, EventBatchBuilder, Field, Filter, RequestCtx, Role, Signal, StreamParts, Tenant, Value,
};
use store::{Append, Change, Config, DocumentKind, EventQuery, Order, Projection, ScanControl, Store};

fn ctx() -> RequestCtx {
    let tenant = Tenant::authenticated("t").unwrap();
    RequestCtx::new(tenant, "test", Role::Admin, None, Budget::new(1 << 30))
}

async fn append(store: &Store, lines: &[&str]) {
    let mut b = EventBatchBuilder::new(Signal::Logs);
    let stream =
        b.stream(&StreamParts { resource: &[("service.name", Value::Str("cart"))], ..Default::default() });
    for line in lines {
        b.begin_row(1_000, stream);
        b.field(Field::Body, Value::Str(line));
        b.end_row();
    }
    let append = Append { batch: Batch::Events(b.finish()), key: None, answer: Vec::new() };
    store.writer().append(&ctx(), append).await.unwrap();
}

fn lines(store: &Store) -> Vec<String> {
    let query = EventQuery {
        signal: Signal::Logs,
        start: 0,
        end: i64::MAX,
        filter: Filter::All,
        projection: Projection::All,
        order: Order::Any,
    };
    let mut found = Vec::new();
    let visited = store.snapshot(&ctx().tenant).scan(&ctx(), &query, &mut |rows| {
        for &row in rows.rows {
            let body = rows.batch.field(row as usize, Field::Body).and_then(Value::as_str);
            found.push(body.unwrap_or_default().to_owned());
        }
        ScanControl::Continue
    });
    visited.unwrap();
    found.sort();
    found
}

#[tokio::test]
async fn a_backup_of_an_open_store_is_restored_whole() {
    let dir = tempfile::tempdir().unwrap();
    let config = |name: &str| Config::new(dir.path().join(name));
    let store = Store::open(config("live")).unwrap();
    append(&store, &["flushed"]).await;
    store.flush().await.unwrap();
    append(&store, &["in the log"]).await;
    let put = Change::Put { kind: DocumentKind::Dashboard, id: "d".into(), bytes: b"x".to_vec() };
    store.documents().commit(&ctx().tenant, vec![put]).await.unwrap();

    let copy = dir.path().join("copy");
    store::backup(&config("live"), &copy).unwrap();
    append(&store, &["after the backup"]).await;
    store::restore(&copy, &config("restored")).unwrap();

    let restored = Store::open(config("restored")).unwrap();
    assert_eq!(lines(&restored), ["flushed", "in the log"]);
    let document = restored.documents().get(&ctx().tenant, DocumentKind::Dashboard, "d").await.unwrap();
    assert_eq!(document.map(|document| document.bytes.to_vec()), Some(b"x".to_vec()));
    assert_eq!(lines(&store), ["after the backup", "flushed", "in the log"]);
}

#[test]
fn nothing_is_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::new(dir.path().join("live"));
    drop(Store::open(config.clone()).unwrap());
    let full = dir.path().join("full");
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("x"), "x").unwrap();
    assert!(store::backup(&config, &full).is_err());
    assert!(store::restore(dir.path(), &config).is_err());
}
