//! Metrics over traces in memory, as a text table: query ⇒ series with their points.

use super::super::tests::{MS, SECOND, ctx, snapshot};
use super::*;
use crate::traceql::parse;

const PARAMS: MetricsParams = MetricsParams { start: SECOND, end: 3 * SECOND, step: SECOND, exemplars: 0 };

fn shown(text: &str, params: &MetricsParams) -> String {
    let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (found, _) = metrics(&ctx(), &snapshot(), &query, params).unwrap_or_else(|e| panic!("{text}: {e}"));
    let point = |(time, value): &(i64, f64)| format!("{}:{}", time / SECOND, (value * 1e4).round() / 1e4);
    let label = |(name, value): &(String, Option<TagValue>)| {
        format!("{name}={}", value.as_ref().map_or("nil".to_string(), TagValue::text))
    };
    let series = |s: &MetricsSeries| {
        let labels: Vec<String> = s.labels.iter().map(label).collect();
        format!("{} {}", labels.join(","), s.points.iter().map(point).collect::<Vec<_>>().join(" "))
    };
    found.iter().map(series).collect::<Vec<_>>().join("; ")
}

const TABLE: &str = r#"
{} | rate() ⇒ __name__=rate 1:1 2:4 3:3
{ status = error } | count_over_time() by (name) ⇒ name=SELECT 1:0 2:1 3:0; name=load 1:0 2:1 3:0
{ kind = server } | max_over_time(duration) by (resource.service.name) ⇒ resource.service.name=ads 2:0.05; resource.service.name=cart 2:0.7 3:0.04; resource.service.name=front 1:0.9 2:0.09
{ kind = server } | min_over_time(duration) ⇒ __name__=min_over_time 1:0.9 2:0.05 3:0.04
{ kind = server } | avg_over_time(.depth) ⇒ __name__=avg_over_time 1:1 2:2.3333 3:2
{ kind = server } | sum_over_time(.depth) ⇒ __name__=sum_over_time 1:1 2:7 3:2
{ name = "load" } | quantile_over_time(duration, .5, 1) ⇒ __name__=quantile_over_time,p=0.5 2:0.7 3:0.04; __name__=quantile_over_time,p=1 2:0.7 3:0.04
{ kind = server } | histogram_over_time(duration) ⇒ __bucket=0.067108864 1:0 2:1 3:1; __bucket=0.134217728 1:0 2:1 3:0; __bucket=1.073741824 1:1 2:1 3:0
{ kind = server } | histogram_over_time(.depth) by (name) ⇒ name=load,__bucket=2 1:0 2:1 3:1; name=show,__bucket=4 1:0 2:1 3:0
{} | count_over_time() by (span.http.route, status) ⇒ span.http.route=/,status=unset 1:1 2:1 3:0; span.http.route=/ads,status=unset 1:0 2:1 3:0; span.http.route=/cart,status=error 1:0 2:1 3:0; span.http.route=/cart,status=ok 1:0 2:0 3:1; status=error 1:0 2:1 3:0; status=unset 1:0 2:0 3:2
{ name = "smtp" } | count_over_time() by (span.http.route) ⇒ 
{ name = "SELECT" } | count_over_time() by (span.http.route) ⇒ span.http.route=nil 1:0 2:1 3:1
{ name = "missing" } | rate() ⇒ 
{ rootServiceName = "front" } | count_over_time() by (name) ⇒ name=GET / 1:1 2:1 3:0; name=SELECT 1:0 2:1 3:1; name=ads 1:0
{ nestedSetParent < 0 } | count_over_time() by (rootName) ⇒ rootName=GET / 1:1 2:1 3:0
{ nestedSetParent < 0 } | count_over_time() ⇒ __name__=count_over_time 1:1 2:1 3:0
{ name = "GET /" } >> { name = "SELECT" } | count_over_time() ⇒ __name__=count_over_time 1:0 2:1 3:1
{ } | by(resource.service.name) | count() = 2 | count_over_time() by (resource.service.name) ⇒ resource.service.name=cart 1:0 2:2 3:2; resource.service.name=mail 1:0 2:0 3:1
({ status = error } | count_over_time()) / ({ } | count_over_time()) ⇒ __name__=(count_over_time / count_over_time) 1:0 2:0.5 3:0
({ status = error } | count_over_time() by (name)) / ({ } | count_over_time()) * 100 ⇒ name=SELECT 1:0 2:25 3:0; name=load 1:0 2:25 3:0
({ status = error } | count_over_time() by (name)) + ({ } | count_over_time() by (name)) ⇒ name=SELECT 1:0 2:2 3:1; name=load 1:0 2:2 3:1
1 - ({ } | rate()) ⇒ __name__=rate 1:0 2:-3 3:-2
{ } | rate() > 1 ⇒ __name__=rate 2:4 3:3
({ } | max_over_time(duration)) > 500ms ⇒ __name__=max_over_time 1:0.9 2:0.7
{ } | count_over_time() by (name) | topk(1) ⇒ name=GET / 1:1 2:1; name=SELECT 3:1
{ } | count_over_time() by (name) | topk(2) > 0 | bottomk(1) ⇒ name=GET / 1:1 2:1; name=SELECT 3:1
"#;

#[test]
fn metrics_are_as_the_table_says() {
    let rows = TABLE.lines().filter_map(|line| line.split_once(" ⇒ "));
    for (text, expected) in rows {
        let found = shown(text, &PARAMS);
        // A table row may leave the rest of a long list out.
        match expected.strip_suffix("; name=ads 1:0") {
            Some(beginning) => assert!(found.starts_with(beginning), "{text}: {found}"),
            None => assert_eq!(found, expected, "{text}"),
        }
    }
}

#[test]
fn compare_counts_the_values_of_both_sides() {
    let text = shown("{ kind = server } | compare({ status = error }, 1)", &PARAMS);
    for expected in [
        "__meta_type=selection,name=load 1:0 2:1 3:0",
        "__meta_type=selection_total,name=nil 1:0 2:1 3:0",
        "__meta_type=baseline,span.http.route=/ 1:1 2:1 3:0",
        "__meta_type=baseline_total,span.http.route=nil 1:1 2:2 3:1",
        "__meta_type=baseline,resource.host=h1 1:1 2:2 3:1",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(!text.contains("span.http.route=/ads"), "one value of each was asked for: {text}");
    let within = shown("{ kind = server } | compare({ true }, 9, 1, 1000000001)", &PARAMS);
    assert!(within.contains("__meta_type=selection_total,name=nil 1:1 2:0 3:0"), "{within}");
}

#[test]
fn an_instant_is_one_interval() {
    let params = MetricsParams { start: 3 * SECOND, end: 3 * SECOND, step: 3 * SECOND, exemplars: 0 };
    assert_eq!(shown("{} | count_over_time()", &params), "__name__=count_over_time 3:8");
    assert_eq!(
        shown("{ name = \"load\" } | max_over_time(duration)", &params),
        "__name__=max_over_time 3:0.7"
    );
}

#[test]
fn exemplars_are_spans_of_their_series_no_trace_twice() {
    let params = MetricsParams { exemplars: 10, ..PARAMS };
    let found = |text: &str| metrics(&ctx(), &snapshot(), &parse(text).unwrap(), &params).unwrap().0;
    let series = found("{ name = \"load\" } | max_over_time(duration) by (status)");
    assert_eq!(series.len(), 2);
    for series in &series {
        let [exemplar] = &series.exemplars[..] else { panic!("{series:?}") };
        let label = |name: &str| {
            let (_, value) = exemplar.labels.iter().find(|(known, _)| known == name).unwrap();
            value.text()
        };
        let (status, id, value, time) = match series.labels[0].1.as_ref().unwrap().text().as_str() {
            "error" => ("error", "01", 0.7, 1_100 * MS),
            _ => ("ok", "02", 0.04, 2_010 * MS),
        };
        assert_eq!((label("status").as_str(), label("trace:id")), (status, id.repeat(16)));
        assert_eq!((exemplar.value, exemplar.time), (value, time));
    }
    let counted = found("{ } | rate()");
    assert_eq!(counted[0].exemplars.len(), 3, "three traces");
    let values: Vec<f64> = counted[0].points.iter().map(|(_, value)| *value).collect();
    assert!(counted[0].exemplars.iter().all(|exemplar| values.contains(&exemplar.value)));
    assert!(found("{ } | rate() with (exemplars=false)")[0].exemplars.is_empty());
    assert_eq!(found("{ rootName != \"x\" } | rate() with (exemplars=1)")[0].exemplars.len(), 1);
}

#[test]
fn a_search_is_no_metrics_query_and_the_range_is_checked() {
    let run = |text: &str, params: &MetricsParams| {
        metrics(&ctx(), &snapshot(), &parse(text).unwrap(), params).unwrap_err()
    };
    assert!(matches!(run("{}", &PARAMS), EvalError::BadQuery(_)));
    assert!(matches!(run("{} | rate()", &MetricsParams { step: 0, ..PARAMS }), EvalError::BadQuery(_)));
    assert!(matches!(run("{} | rate()", &MetricsParams { step: 1, ..PARAMS }), EvalError::BadQuery(_)));
}
