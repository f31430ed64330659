//! Sums stay right whatever happens on the way.

use std::sync::atomic::{AtomicI64, Ordering};

use store::model::{Batch, EventBatchBuilder, Field, LabelMatcher, Labels, MatchOp, StreamParts, Value};
use store::{Config, SeriesQuery};

use super::*;

const NOW: i64 = 1_763_930_000 * NS_PER_S;
const MS: i64 = 1_000_000;

/// A request of a front to a cart that asks its database, with numbers in its ids; every third one fails.
fn request(n: u64, start: i64) -> Vec<Batch> {
    let id = |part: u64| (n * 10 + part).to_be_bytes();
    let trace = [id(0), id(9)].concat();
    let failed = n.is_multiple_of(3);
    let rows = [
        ("front", "GET /", 2, 1, None, 0, 100),
        ("front", "call cart", 3, 2, Some(1), 10, 60),
        ("cart", "load", 2, 3, Some(2), 20, 40),
        ("cart", "SELECT", 3, 4, Some(3), 30, 20),
    ];
    let one =
        |(service, name, kind, own, parent, offset, ms): (&str, &str, i64, u64, Option<u64>, i64, i64)| {
            let mut b = EventBatchBuilder::new(Signal::Spans);
            let resource = [("service.name", Value::Str(service))];
            let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
            b.begin_row(start + offset * MS, stream);
            b.field(Field::TraceId, Value::Bytes(&trace));
            b.field(Field::SpanId, Value::Bytes(&id(own)));
            if let Some(parent) = parent {
                b.field(Field::ParentSpanId, Value::Bytes(&id(parent)));
            }
            b.field(Field::Name, Value::Str(name));
            b.field(Field::Kind, Value::Int(kind));
            b.field(Field::Duration, Value::Int(ms * MS));
            if failed && service == "cart" {
                b.field(Field::StatusCode, Value::Int(2));
            }
            if name == "SELECT" {
                b.attribute("db.system.name", Value::Str("postgresql"));
                b.attribute("db.namespace", Value::Str("shop"));
            }
            b.end_row();
            Batch::Events(b.finish())
        };
    rows.into_iter().map(one).collect()
}

struct Ground {
    store: Store,
    derived: Derived,
    now: Arc<AtomicI64>,
}

fn tenant() -> Tenant {
    Tenant::authenticated("a").unwrap()
}

fn ctx() -> RequestCtx {
    RequestCtx::new(tenant(), "test", Role::Admin, None, Budget::new(1 << 28))
}

impl Ground {
    fn open(dir: &std::path::Path) -> Self {
        let store = Store::open(Config::new(dir)).unwrap();
        let now = Arc::new(AtomicI64::new(NOW));
        let clock = Arc::clone(&now);
        let derived = Derived::new(store.clone(), Arc::new(move || clock.load(Ordering::Relaxed)));
        Self { store, derived, now }
    }

    async fn append(&self, batch: Batch) {
        if let Batch::Events(events) = &batch {
            self.derived.0.hear(&tenant(), events.times());
        }
        self.store.writer().append(&ctx(), Append { batch, key: None, answer: Vec::new() }).await.unwrap();
    }

    /// Settles everything that is or will be due.
    async fn settle(&self) {
        self.now.fetch_add(120 * NS_PER_S, Ordering::Relaxed);
        while let Some((tenant, start)) = self.derived.0.take(i64::MAX) {
            self.derived.0.settle(&tenant, start).await;
        }
    }

    /// The growth of a metric over all time, by its labels but `le`.
    fn sums(&self, name: &str) -> Vec<(String, f64)> {
        let matcher = LabelMatcher::new(Labels::METRIC_NAME, MatchOp::Equal, name).unwrap();
        let query = SeriesQuery { matchers: vec![matcher], start_ms: 0, end_ms: i64::MAX / 2, totals: false };
        let found = self.store.snapshot(&tenant()).select(&ctx(), &query).unwrap();
        let shown = |labels: &Labels| {
            let own = labels.iter().filter(|(name, _)| *name != Labels::METRIC_NAME);
            own.map(|(_, value)| value).collect::<Vec<_>>().join(" ")
        };
        let mut sums: Vec<(String, f64)> =
            found.iter().map(|series| (shown(&series.labels), series.values.iter().sum::<f64>())).collect();
        sums.retain(|(_, sum)| *sum != 0.0);
        sums.sort_by(|a, b| a.0.cmp(&b.0));
        sums
    }

    fn is_right(&self, requests: f64, failed: f64) {
        let calls = self.sums("traces_spanmetrics_calls_total");
        let sum = |part: &str| {
            let of = calls.iter().filter(|(labels, _)| labels.contains(part));
            of.map(|(_, value)| value).sum::<f64>()
        };
        assert_eq!(sum("GET /"), requests, "{calls:?}");
        assert_eq!((sum("load"), sum("STATUS_CODE_ERROR")), (requests, 2.0 * failed), "{calls:?}");
        let edge = |client: &str, server: &str, kind: &str| {
            let mut labels = [client, kind, server].to_vec();
            labels.retain(|label| !label.is_empty());
            labels.join(" ")
        };
        let edges = self.sums("traces_service_graph_request_total");
        let expected = [
            (edge("cart", "shop", "database"), requests),
            (edge("front", "cart", ""), requests),
            (edge("user", "front", "virtual_node"), requests),
        ];
        assert_eq!(edges, expected);
        let failures = self.sums("traces_service_graph_request_failed_total");
        assert_eq!(failures.iter().map(|(_, sum)| sum).sum::<f64>(), 2.0 * failed);
        let seconds = self.sums("traces_service_graph_request_server_seconds_sum");
        let cart = seconds.iter().find(|(labels, _)| labels == "front cart").unwrap();
        assert!((cart.1 - 0.04 * requests).abs() < 1e-6, "{seconds:?}");
    }
}

#[tokio::test]
async fn spans_in_any_order_late_and_again_end_in_the_same_sums() {
    let dir = tempfile::tempdir().unwrap();
    let ground = Ground::open(dir.path());
    // Requests over five minutes; spans of each in batches of their own, those of later requests first.
    let mut batches: Vec<Batch> =
        (0..30).rev().flat_map(|n| request(n, NOW - n as i64 * 10 * NS_PER_S)).collect();
    let late = batches.split_off(40);
    for batch in batches {
        ground.append(batch).await;
    }
    ground.settle().await;
    for batch in late {
        ground.append(batch).await;
    }
    ground.settle().await;
    ground.is_right(30.0, 10.0);
    // A request that is sent again, and windows that are settled again, change nothing.
    for batch in request(3, NOW - 30 * NS_PER_S) {
        ground.append(batch).await;
    }
    ground.settle().await;
    ground.derived.0.again().await;
    ground.settle().await;
    ground.is_right(30.0, 10.0);
}

#[tokio::test]
async fn what_was_not_settled_when_the_process_ended_is_settled_after_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let ground = Ground::open(dir.path());
    for batch in request(1, NOW - 90 * NS_PER_S) {
        ground.append(batch).await;
    }
    ground.settle().await;
    for batch in request(2, NOW - 80 * NS_PER_S) {
        ground.append(batch).await;
    }
    ground.store.shutdown().await;
    drop(ground);
    let ground = Ground::open(dir.path());
    ground.derived.0.again().await;
    ground.settle().await;
    ground.is_right(2.0, 0.0);
    ground.store.shutdown().await;
}

#[tokio::test]
async fn exemplars_lead_to_the_slowest_spans() {
    let dir = tempfile::tempdir().unwrap();
    let ground = Ground::open(dir.path());
    for batch in request(1, NOW - 90 * NS_PER_S) {
        ground.append(batch).await;
    }
    ground.settle().await;
    let matcher =
        LabelMatcher::new(Labels::METRIC_NAME, MatchOp::Equal, "traces_spanmetrics_latency_bucket").unwrap();
    let query = SeriesQuery { matchers: vec![matcher], start_ms: 0, end_ms: i64::MAX / 2, totals: false };
    let found = ground.store.snapshot(&tenant()).exemplars(&ctx(), &query).unwrap();
    let all: Vec<_> = found.iter().flat_map(|(_, exemplars)| exemplars).collect();
    assert_eq!(all.len(), 4);
    assert!(all.iter().any(|exemplar| exemplar.value == 0.1), "{all:?}");
    ground.store.shutdown().await;
}

#[test]
fn too_many_windows_give_up_the_oldest() {
    let mut due = Due::default();
    for n in 0..WINDOWS_MAX as i64 + 5 {
        due.mark(&tenant(), n * WINDOW_NS, n);
    }
    assert_eq!((due.windows.len(), due.given_up), (WINDOWS_MAX, 5));
    assert_eq!(due.windows.keys().next().unwrap().1, 5 * WINDOW_NS);
}
