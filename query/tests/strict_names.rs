//! With the strict switch queries know Prometheus' names and label sets, and nothing beside them.

// Helpers of a test may unwrap as the test itself may.
#![allow(clippy::unwrap_used)]

use engine::promql::{self, Data, InstantParams, Settings};
use store::model::{
    Batch, Budget, MetricKind, MetricRef, RequestCtx, Role, SampleBatchBuilder, SeriesPart, StreamParts,
    Temporality, Tenant, Value,
};
use store::{Append, Config, LabelQuery, Store};

const NOW_MS: i64 = 1_700_000_000_000;

fn ctx() -> RequestCtx {
    RequestCtx::new(Tenant::authenticated("a").unwrap(), "test", Role::Admin, None, Budget::new(1 << 30))
}

fn orders() -> Batch {
    let mut b = SampleBatchBuilder::default();
    let resource = [("k8s.pod.name", Value::Str("cart-0")), ("service.name", Value::Str("cart"))];
    let stream = b.stream(&StreamParts { resource: &resource, ..StreamParts::default() });
    let (kind, temporality) = (MetricKind::Sum, Temporality::Cumulative);
    let (name, unit, description) = ("shop.orders", "", "");
    let metric = b.metric(MetricRef { name, unit, description, kind, temporality, monotonic: true });
    let attributes = b.attributes(&mut vec![("http.route", Value::Str("/"))]);
    let series = b.series(stream, metric, attributes, SeriesPart::Value);
    b.point(series, NOW_MS, 0, 5.0);
    Batch::Samples(b.finish())
}

/// How many elements each query answers with, in the head and after a flush; and whether a resource's label has values.
fn counts(strict_names: bool, queries: &[&str]) -> (Vec<usize>, bool) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = Store::open(Config { strict_names, ..Config::new(dir.path()) }).unwrap();
    let append = Append { batch: orders(), key: None, answer: Vec::new() };
    runtime.block_on(store.writer().append(&ctx(), append)).unwrap();
    let count = |text: &&str| {
        let expr = promql::parse(text).unwrap();
        let params = InstantParams { time_ms: NOW_MS, settings: Settings::default() };
        let snapshot = store.snapshot(&ctx().tenant);
        match promql::instant(&ctx(), &snapshot, &expr, &params).unwrap().value {
            Data::Vector(samples) => samples.len(),
            other => panic!("{text}: {other:?}"),
        }
    };
    let fresh: Vec<usize> = queries.iter().map(count).collect();
    runtime.block_on(store.flush()).unwrap();
    assert_eq!(queries.iter().map(count).collect::<Vec<_>>(), fresh, "a flush changes no answer");
    let all = LabelQuery { selectors: Vec::new(), start_ms: NOW_MS - 1, end_ms: NOW_MS };
    let matchers = LabelQuery { selectors: vec![promql_matchers("shop_orders_total")], ..all };
    let values = store.snapshot(&ctx().tenant).label_values(&ctx(), "k8s_pod_name", &matchers).unwrap();
    (fresh, !values.is_empty())
}

fn promql_matchers(name: &str) -> Vec<store::model::LabelMatcher> {
    let op = store::model::MatchOp::Equal;
    vec![store::model::LabelMatcher::new(store::model::Labels::METRIC_NAME, op, name).unwrap()]
}

#[test]
fn strict_names_are_those_of_label_sets_alone() {
    let queries = [
        "shop_orders_total{http_route=\"/\", job=\"cart\"}",
        "{\"shop.orders\"}",
        "shop_orders_total{\"http.route\"=\"/\"}",
        "shop_orders_total{k8s_pod_name=\"cart-0\"}",
        "shop_orders_total{k8s_pod_name=\"\"}",
        "shop_orders_total{otel_temporality!=\"cumulative\"}",
        "sum by (k8s_pod_name) (shop_orders_total) and on (k8s_pod_name) vector(1)",
    ];
    assert_eq!(counts(false, &queries), (vec![1, 1, 1, 1, 0, 0, 0], true));
    assert_eq!(counts(true, &queries), (vec![1, 0, 0, 0, 1, 1, 1], false));
}
