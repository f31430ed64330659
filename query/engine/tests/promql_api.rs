//! What callers of the evaluator rely on beside the language: limits, stopping, error classes, OTel's view of a series.

use std::time::{Duration, Instant};

use engine::promql::{self, Answer, Data, EvalError, InstantParams, Point, RangeParams, Settings};
use store::Snapshot;
use store::model::{
    Batch, Budget, ErrorClass, MetricKind, MetricRef, RequestCtx, Role, SampleBatchBuilder, SeriesPart,
    StreamParts, Temporality, Tenant, Value,
};

/// Three series of a counter, a sample every 10 s, growing by 5 each time (delta: each sample is 5).
fn snapshot(temporality: Temporality) -> Snapshot {
    let mut b = SampleBatchBuilder::default();
    let stream = b.stream(&StreamParts::default());
    let metric = b.metric(MetricRef {
        name: "shop.orders",
        unit: "{order}",
        description: "",
        kind: MetricKind::Sum,
        temporality,
        monotonic: true,
    });
    for zone in ["a", "b", "c"] {
        let attributes = b.attributes(&mut vec![("cloud.zone", Value::Str(zone))]);
        let series = b.series(stream, metric, attributes, SeriesPart::Value);
        for i in 1..=60 {
            let value = if temporality == Temporality::Delta { 5.0 } else { 5.0 * f64::from(i) };
            b.point(series, i64::from(i) * 10_000, 0, value);
        }
    }
    Snapshot::of_batches([Batch::Samples(b.finish())])
}

fn ctx(deadline: Option<Instant>, budget: u64) -> RequestCtx {
    let tenant = Tenant::authenticated("test").expect("valid name");
    RequestCtx::new(tenant, "test", Role::Read, deadline, Budget::new(budget))
}

fn at(text: &str, snapshot: &Snapshot, ctx: &RequestCtx, settings: Settings) -> Result<Answer, EvalError> {
    let expr = promql::parse(text).expect("valid expression");
    promql::instant(ctx, snapshot, &expr, &InstantParams { time_ms: 600_000, settings })
}

fn values(answer: Answer) -> Vec<f64> {
    let Data::Vector(samples) = answer.value else { panic!("a vector, not {:?}", answer.value) };
    let float = |point: &Point| match point {
        Point::Float(value) => *value,
        Point::Histogram(_) => f64::NAN,
    };
    samples.iter().map(|s| float(&s.value)).collect()
}

#[test]
fn growth_of_delta_series_is_the_sum_of_their_samples() {
    let snapshot = snapshot(Temporality::Delta);
    for (text, want) in [
        ("sum(increase(shop_orders_total[1m]))", 90.0),
        ("sum(rate(shop_orders_total[1m]))", 1.5),
        ("sum(irate(shop_orders_total[1m]))", 1.5),
        // Growth is whole in its window: samples around it tell no more.
        ("sum(increase(shop_orders_total[1m] anchored))", 90.0),
        ("sum(increase(shop_orders_total[1m] smoothed))", 90.0),
    ] {
        let answer = at(text, &snapshot, &ctx(None, 1 << 30), Settings::default()).unwrap();
        assert_eq!(values(answer), [want], "{text}");
    }
}

#[test]
fn a_metric_answers_to_its_otel_name_too() {
    let snapshot = snapshot(Temporality::Cumulative);
    for text in ["count({\"shop.orders\"})", "count(shop_orders_total)"] {
        let answer = at(text, &snapshot, &ctx(None, 1 << 30), Settings::default()).unwrap();
        assert_eq!(values(answer), [3.0], "{text}");
    }
}

#[test]
fn a_query_ends_at_its_limits_with_the_error_that_says_which() {
    let snapshot = snapshot(Temporality::Cumulative);
    let text = "sum(rate(shop_orders_total[5m]))";
    let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    let timeout = at(text, &snapshot, &ctx(Some(past), 1 << 30), Settings::default()).unwrap_err();
    assert!(matches!(timeout, EvalError::Timeout) && timeout.class() == ErrorClass::Deadline);

    let gone = ctx(None, 1 << 30);
    gone.cancel();
    let canceled = at(text, &snapshot, &gone, Settings::default()).unwrap_err();
    assert!(matches!(canceled, EvalError::Canceled) && canceled.class() == ErrorClass::Canceled);

    let bytes = at(text, &snapshot, &ctx(None, 100), Settings::default()).unwrap_err();
    assert!(matches!(bytes, EvalError::Limit(_)) && bytes.class() == ErrorClass::QueryLimit);

    let few = Settings { samples_max: 10, ..Settings::default() };
    let samples = at(text, &snapshot, &ctx(None, 1 << 30), few).unwrap_err();
    let want = "query processing would load too many samples into memory in query execution";
    assert_eq!(samples.to_string(), want);
}

#[test]
fn a_range_query_checks_its_times() {
    let snapshot = snapshot(Temporality::Cumulative);
    let range = |start_ms, end_ms, step_ms, text: &str| {
        let expr = promql::parse(text).expect("valid expression");
        let params = RangeParams { start_ms, end_ms, step_ms, settings: Settings::default() };
        promql::range(&ctx(None, 1 << 30), &snapshot, &expr, &params).map_err(|e| e.to_string())
    };
    assert!(range(0, 11_000_000, 1_000, "vector(1)").is_ok());
    for (start, end, step, text, want) in [
        (0, 11_001_000, 1_000, "vector(1)", "exceeded maximum resolution of 11,000 points per timeseries"),
        (0, 1_000, 0, "vector(1)", "zero or negative query resolution step widths are not accepted"),
        (1, 0, 1_000, "vector(1)", "end timestamp must not be before start time"),
        (i64::MIN, i64::MAX, 1, "vector(1)", "end timestamp must not be before start time"),
        (0, 1_000, 1_000, "up[1m]", "invalid expression type \"range vector\" for range query"),
        (0, 1_000, 1_000, "\"text\"", "invalid expression type \"string\" for range query"),
    ] {
        let error = range(start, end, step, text).unwrap_err();
        assert!(error.starts_with(want), "{error}");
    }
}

#[test]
fn extreme_times_and_durations_are_errors_or_empty_but_never_a_panic() {
    let snapshot = snapshot(Temporality::Cumulative);
    for time_ms in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
        for text in [
            "shop_orders_total",
            "rate(shop_orders_total[5m])",
            "rate(shop_orders_total[290y])",
            "shop_orders_total offset 290y",
            "shop_orders_total offset -290y",
            "shop_orders_total @ -9e15",
            "shop_orders_total @ 9e15 offset -290y",
            "max_over_time(shop_orders_total[1h:1m])",
            "absent_over_time(nothing[5m])",
            "timestamp(shop_orders_total) + time() + hour() + year(vector(1e300))",
            "predict_linear(shop_orders_total[5m], 1e300)",
            "topk(1e300, shop_orders_total) or limitk(-1e300, shop_orders_total)",
        ] {
            let expr = promql::parse(text).expect("valid expression");
            let params = InstantParams { time_ms, settings: Settings::default() };
            let _ = promql::instant(&ctx(None, 1 << 30), &snapshot, &expr, &params);
        }
    }
}
