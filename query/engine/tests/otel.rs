//! What OTel knows of series beside their Prometheus labels: labels of the resource, and growth that came as growth.

use engine::promql::{self, Data, InstantParams, Point, Settings};
use store::Snapshot;
use store::model::{
    Batch, Budget, HistogramPoint, MetricKind, MetricRef, RequestCtx, Role, SampleBatchBuilder, SeriesPart,
    StreamParts, Temporality, Tenant, Value,
};

const MINUTE: i64 = 60_000;

/// A counter (5 a minute) and an exponential histogram (one observation a minute) of two pods, for ten minutes.
fn snapshot(temporality: Temporality) -> Snapshot {
    let mut b = SampleBatchBuilder::default();
    for pod in ["cart-0", "cart-1"] {
        let resource = [
            ("service.name", Value::Str("cart")),
            ("service.instance.id", Value::Str(pod)),
            ("k8s.pod.name", Value::Str(pod)),
            ("k8s.node.name", Value::Str("n1")),
        ];
        let parts = StreamParts { resource: &resource, scope_name: "shop", ..StreamParts::default() };
        let stream = b.stream(&parts);
        let delta = temporality == Temporality::Delta;
        let since = |n: i64| if delta { (n - 1) * MINUTE } else { 0 };
        for (name, kind) in
            [("shop.orders", MetricKind::Sum), ("shop.latency", MetricKind::ExponentialHistogram)]
        {
            let monotonic = kind == MetricKind::Sum;
            let metric =
                b.metric(MetricRef { name, unit: "", description: "", kind, temporality, monotonic });
            let attributes = b.attributes(&mut vec![("http.route", Value::Str("/"))]);
            let series = b.series(stream, metric, attributes, SeriesPart::Value);
            for n in 1..=10 {
                let times = if delta { 1.0 } else { n as f64 };
                if monotonic {
                    b.point(series, n * MINUTE, since(n), 5.0 * times);
                } else {
                    let positive = vec![times];
                    let point = HistogramPoint {
                        count: times,
                        sum: 2.0 * times,
                        positive,
                        ..HistogramPoint::default()
                    };
                    b.histogram(series, n * MINUTE, since(n), &point);
                }
            }
        }
    }
    Snapshot::of_batches([Batch::Samples(b.finish())])
}

/// The answer at ten minutes, as `labels value` in the order of labels.
fn at(text: &str, snapshot: &Snapshot) -> Vec<String> {
    let tenant = Tenant::authenticated("test").expect("valid name");
    let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 30));
    let expr = promql::parse(text).expect("valid expression");
    let params = InstantParams { time_ms: 10 * MINUTE, settings: Settings::default() };
    let answer = promql::instant(&ctx, snapshot, &expr, &params).expect("an answer");
    let Data::Vector(samples) = answer.value else { panic!("a vector, not {:?}", answer.value) };
    let mut lines: Vec<String> = samples
        .iter()
        .map(|sample| {
            let labels: Vec<String> = sample.labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
            let value = match &sample.value {
                Point::Float(value) => value.to_string(),
                Point::Histogram(h) => format!("{h}"),
            };
            format!("{{{}}} {value}", labels.join(","))
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_bare_selector_shows_the_running_total_whatever_the_temporality() {
    let (delta, cumulative) = (snapshot(Temporality::Delta), snapshot(Temporality::Cumulative));
    for text in [
        "shop_orders_total",
        "sum(shop_orders_total)",
        "shop_orders_total offset 2m",
        "sum(increase(shop_orders_total[10m]))",
        "sum(rate(shop_orders_total[5m]))",
        "sum(histogram_count(shop_latency))",
        "histogram_sum(shop_latency)",
        "histogram_quantile(0.5, sum(shop_latency))",
        "sum(histogram_count(increase(shop_latency[10m])))",
        "max(max_over_time(shop_orders_total[5m:1m]))",
    ] {
        assert_eq!(at(text, &delta), at(text, &cumulative), "{text}");
    }
    assert_eq!(at("sum(shop_orders_total)", &delta), ["{} 100"]);
    assert_eq!(at(r#"sum(shop_orders_total{otel_temporality="delta"})"#, &delta), ["{} 100"]);
    assert!(at(r#"shop_orders_total{otel_temporality="delta"}"#, &cumulative).is_empty());
    assert_eq!(at("sum by (otel_temporality) (shop_orders_total)", &delta), ["{otel_temporality=delta} 100"]);
}

#[test]
fn resource_and_scope_attributes_can_be_named_without_a_join() {
    let data = snapshot(Temporality::Cumulative);
    for (text, wanted) in [
        (
            "sum by (k8s_pod_name) (shop_orders_total)",
            &["{k8s_pod_name=cart-0} 50", "{k8s_pod_name=cart-1} 50"][..],
        ),
        (r#"sum by ("k8s.node.name") (shop_orders_total)"#, &["{k8s.node.name=n1} 100"]),
        (r#"sum by ("http.route", job) (shop_orders_total)"#, &["{http.route=/,job=cart} 100"]),
        ("sum by (otel_scope_name) (rate(shop_orders_total[5m]) * 60)", &["{otel_scope_name=shop} 10"]),
        (
            r#"sum by (k8s_pod_name) ({"shop.orders", "k8s.pod.name"="cart-1"})"#,
            &["{k8s_pod_name=cart-1} 50"],
        ),
        ("count by (k8s_node_name) (max_over_time(shop_orders_total[5m:1m]))", &["{k8s_node_name=n1} 2"]),
        ("histogram_count(sum by (k8s_node_name) (shop_latency))", &["{k8s_node_name=n1} 20"]),
        ("max by (k8s_node_name) (histogram_quantile(1, shop_latency))", &["{k8s_node_name=n1} 2"]),
        (
            "sum(shop_orders_total) by (k8s_node_name) / on (k8s_node_name) count by (k8s_node_name) (shop_orders_total)",
            &["{k8s_node_name=n1} 50"],
        ),
        (
            "count without (instance, job) (shop_orders_total) + on () group_left (k8s_node_name) topk(1, shop_orders_total)",
            &["{http_route=/,k8s_node_name=n1} 52"],
        ),
        // Not named: in no label set. Dropped by the operators, so they are not there afterwards.
        ("sum by (job) (shop_orders_total)", &["{job=cart} 100"]),
        ("count by (k8s_node_name) (shop_orders_total + shop_orders_total)", &["{} 2"]),
        ("sum without (k8s_node_name, instance) (shop_orders_total)", &["{http_route=/,job=cart} 100"]),
        ("count(shop_orders_total == ignoring (k8s_pod_name) shop_orders_total)", &["{} 2"]),
    ] {
        assert_eq!(at(text, &data), wanted, "{text}");
    }
}

/// A counter of one name from two versions of a library in one process.
fn of_two_scopes() -> Snapshot {
    let mut b = SampleBatchBuilder::default();
    for (version, growth) in [("1.0", 5.0), ("2.0", 7.0)] {
        let resource = [("service.name", Value::Str("cart")), ("service.instance.id", Value::Str("c-1"))];
        let scope_attributes = [("flavour", Value::Str("plain"))];
        let parts = StreamParts {
            resource: &resource,
            scope_name: "pool",
            scope_version: version,
            scope_attributes: &scope_attributes,
            ..StreamParts::default()
        };
        let stream = b.stream(&parts);
        let (kind, temporality) = (MetricKind::Sum, Temporality::Cumulative);
        let (name, unit, description) = ("pool.hits", "", "");
        let metric = b.metric(MetricRef { name, unit, description, kind, temporality, monotonic: true });
        let attributes = b.attributes(&mut Vec::new());
        let series = b.series(stream, metric, attributes, SeriesPart::Value);
        (1..=10).for_each(|n| b.point(series, n * MINUTE, 1, growth * n as f64));
    }
    Snapshot::of_batches([Batch::Samples(b.finish())])
}

#[test]
fn scopes_that_share_a_label_set_are_kept_apart_by_their_own_labels() {
    let snapshot = of_two_scopes();
    let labels = |version: &str| {
        format!(
            "{{__name__=pool_hits_total,instance=c-1,job=cart,otel_scope_flavour=plain,otel_scope_name=pool,\
             otel_scope_version={version}}}"
        )
    };
    assert_eq!(
        at("pool_hits_total", &snapshot),
        [format!("{} 50", labels("1.0")), format!("{} 70", labels("2.0"))]
    );
    assert_eq!(at("sum(pool_hits_total)", &snapshot), ["{} 120"]);
    // One alone needs no telling.
    assert_eq!(
        at("pool_hits_total{otel_scope_version=\"2.0\"}", &snapshot),
        ["{__name__=pool_hits_total,instance=c-1,job=cart} 70"]
    );
}
