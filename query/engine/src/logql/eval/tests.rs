//! Evaluator cases over a snapshot in memory.

use proptest::prelude::*;
use store::Snapshot;
use store::model::{
    Batch, Budget, EventBatch, EventBatchBuilder, Field, Labels, RequestCtx, Role, Signal, StreamParts,
    Tenant, Value,
};

use super::*;
use crate::logql::{parse, parse_selector};

const SECOND: i64 = 1_000_000_000;

struct Row {
    service: &'static str,
    second: i64,
    severity: i64,
    body: String,
    attributes: Vec<(&'static str, Value<'static>)>,
}

fn row(service: &'static str, second: i64, severity: i64, body: &str) -> Row {
    Row { service, second, severity, body: body.to_string(), attributes: Vec::new() }
}

fn batch(rows: &[Row]) -> EventBatch {
    let mut b = EventBatchBuilder::new(Signal::Logs);
    for row in rows {
        let mut resource =
            vec![("host.name", Value::Str("h1")), ("deployment.environment", Value::Str("prod"))];
        if !row.service.is_empty() {
            resource.push(("service.name", Value::Str(row.service)));
        }
        let stream = b.stream(&StreamParts { resource: &resource, scope_name: "lib", ..Default::default() });
        b.begin_row(row.second * SECOND, stream);
        b.field(Field::Body, Value::Str(&row.body));
        if row.severity > 0 {
            b.field(Field::SeverityNumber, Value::Int(row.severity));
        }
        b.field(Field::TraceId, Value::Bytes(&[u8::try_from(row.second).unwrap(); 16]));
        for (key, value) in &row.attributes {
            b.attribute(key, *value);
        }
        b.end_row();
    }
    b.finish()
}

/// Two batches, so that orders and limits cross a border between blocks.
fn shop() -> Vec<Row> {
    let with = |mut row: Row, key, value| {
        row.attributes.push((key, value));
        row
    };
    vec![
        with(
            row("cart", 10, 9, r#"{"msg":"added","took":"15ms","http":{"status":200}}"#),
            "http.route",
            Value::Str("/add"),
        ),
        with(
            row("cart", 20, 17, r#"{"msg":"failed","took":"2s","http":{"status":500}}"#),
            "http.route",
            Value::Str("/add"),
        ),
        with(row("pay", 30, 9, "level=info msg=\"card ok\" amount=12.5 size=2KB"), "user.id", Value::Int(7)),
        with(row("pay", 40, 13, "level=warn msg=\"card slow\" amount=30 size=1KB"), "user.id", Value::Int(8)),
        row("", 50, 0, "GET /health 200 from 10.1.2.3:99"),
        row("pay", 60, 9, "not logfmt at all \u{1b}[31mred\u{1b}[0m"),
    ]
}

fn snapshot() -> Snapshot {
    let rows = shop();
    Snapshot::of_batches([Batch::Events(batch(&rows[..3])), Batch::Events(batch(&rows[3..]))])
}

fn ctx() -> RequestCtx {
    RequestCtx::new(Tenant::authenticated("t").unwrap(), "test", Role::Read, None, Budget::new(1 << 24))
}

fn run(text: &str, params: QueryParams) -> Result<Data, EvalError> {
    let expr = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Ok(query(&ctx(), &snapshot(), &expr, &params)?.data)
}

fn range() -> QueryParams {
    let (start, end) = (0, 100 * SECOND);
    let step = 20 * SECOND;
    QueryParams { start, end, step, instant: false, limit: 100, interval: 0, direction: Direction::Forward }
}

fn labels(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", pairs.join(","))
}

/// Seconds of the lines that came.
fn seconds(text: &str) -> String {
    let Data::Streams(streams) = run(text, range()).unwrap_or_else(|e| panic!("{text}: {e}")) else {
        panic!("{text} answers no streams");
    };
    let mut all: Vec<i64> = streams.iter().flat_map(|s| s.entries.iter().map(|e| e.time / SECOND)).collect();
    all.sort_unstable();
    all.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")
}

/// `labels second:value …` of each series.
fn matrix(text: &str, params: QueryParams) -> String {
    match run(text, params).unwrap_or_else(|e| panic!("{text}: {e}")) {
        Data::Matrix(series) => {
            let show = |s: &MetricSeries| {
                let points: Vec<String> =
                    s.points.iter().map(|(t, v)| format!("{}:{v}", t / SECOND)).collect();
                format!("{} {}", labels(&s.labels), points.join(" "))
            };
            series.iter().map(show).collect::<Vec<_>>().join("; ")
        }
        Data::Vector(samples) => {
            let show = |s: &VectorSample| format!("{} {}", labels(&s.labels), s.value);
            samples.iter().map(show).collect::<Vec<_>>().join("; ")
        }
        Data::Scalar(_, value) => value.to_string(),
        Data::Streams(_) => panic!("{text} answers streams"),
    }
}

/// query ⇒ seconds of the rows
const LOGS: &str = r#"
{service_name=~".+"} ⇒ 10 20 30 40 50 60
{service.name="cart"} ⇒ 10 20
{service_name="unknown_service"} ⇒ 50
{service_name!="cart", host_name="h1"} ⇒ 30 40 50 60
{service_name=~"c.*|pay", missing=""} ⇒ 10 20 30 40 60
{service_name="pay", missing="x"} ⇒ 
{deployment_environment="prod"} |= "card" ⇒ 30 40
{host.name="h1"} |= "card" or "health" ⇒ 30 40 50
{host_name="h1"} != "card" or "health" ⇒ 10 20 60
{host_name="h1"} |~ "(?i)LEVEL=W" ⇒ 40
{host_name="h1"} !~ "card|health|msg" ⇒ 60
{host_name="h1"} |~ "" ⇒ 10 20 30 40 50 60
{host_name="h1"} |> "GET <_> 200 <_>" ⇒ 50
{host_name="h1"} |= ip("10.1.0.0/16") ⇒ 50
{host_name="h1"} | detected_level="error" ⇒ 20
{host_name="h1"} | detected_level=~"warn|unknown" ⇒ 40 50
{host_name="h1"} | trace_id="14141414141414141414141414141414" ⇒ 20
{host_name="h1"} | user_id="7" ⇒ 30
{host_name="h1"} | user.id > 7 ⇒ 40
{host_name="h1"} | user_id!="7" ⇒ 10 20 40 50 60
{host_name="h1"} | http_route="/add" or user_id="8" ⇒ 10 20 40
{host_name="h1"} | detected_pattern="GET /health <_> from <_>" ⇒ 50
{host_name="h1"} | detected_pattern=~".*card.*" ⇒ 30 40
{host_name="h1"} | detected_pattern!="GET /health <_> from <_>" ⇒ 10 20 30 40 60
{host_name="h1"} | scope_name="lib" ⇒ 10 20 30 40 50 60
{service_name="cart"} | json | http_status >= 500 ⇒ 20
{service_name="cart"} | json | took > 1s ⇒ 20
{service_name="cart"} | json s="http.status" | s=200 ⇒ 10
{service_name="pay"} | json | __error__="JSONParserErr" ⇒ 30 40 60
{service_name="pay"} | json | __error__="" ⇒ 
{service_name="pay"} | logfmt | level="warn" ⇒ 40
{service_name="pay"} | logfmt | size > 1500B ⇒ 30
{service_name="pay"} | logfmt | level > 5 ⇒ 30 40
{service_name="pay"} | logfmt | level > 5 | __error__!="" ⇒ 30 40
{service_name="pay"} | json | nothing > 5 ⇒ 
{service_name="pay"} | json x="a.b" | __error__="JSONParserErr" ⇒ 30 40 60
{service_name="cart"} | json x="a.b" | x="" | __error__="" ⇒ 10 20
{service_name="cart"} | json x="a.b" | x > 5 | __error__="LabelFilterErr" ⇒ 10 20
{service_name="cart"} | unpack | msg="" | __error__="" ⇒ 10 20
{service_name="pay"} | logfmt what="msg" | what="card ok" ⇒ 30
{host_name="h1"} | pattern "<method> <path> <status> <_>" | method="GET" ⇒ 50
{host_name="h1"} | regexp "amount=(?P<amount>\\S+)" | amount=30 ⇒ 40
{service_name="pay"} | logfmt | label_format l=level | l="info" | level="" ⇒ 30
{service_name="pay"} | logfmt | line_format "{{.msg}}!" |= "ok!" ⇒ 30
{service_name="pay"} | logfmt | line_format "{{ .msg | upper }} {{ .amount | float64 | mulf 2 }}" |= "CARD OK 25" ⇒ 30
{service_name="pay"} | logfmt | label_format a=amount, b="{{ .amount }}<{{ .a }}>" | b="<12.5>" ⇒ 30
{service_name="pay"} | logfmt | label_format b="{{ .level }}", level="x" | level="x" | b="warn" ⇒ 40
{service_name="pay"} | logfmt | label_format b="{{ . }}" | b=~"map.amount:30 .* user_id:8]" ⇒ 40
{service_name="pay"} | line_format "{{ div 1 0 }}" |= "card" | __error__="TemplateFormatErr" ⇒ 30 40
{service_name="pay"} | decolorize |= "all red" ⇒ 60
{host_name="h1"} | distinct service_name ⇒ 10 30 50
{host_name="h1"} | distinct http_route, user_id ⇒ 10 30 40 50 60
{service_name="pay"} | logfmt | drop level | level="warn" ⇒ 
{service_name="pay"} | logfmt | keep msg | amount="30" or msg="card ok" ⇒ 30
"#;

#[test]
fn log_queries_find_their_rows() {
    for line in LOGS.lines().filter(|line| !line.is_empty()) {
        let (text, expected) = line.split_once(" ⇒ ").unwrap();
        assert_eq!(seconds(text), expected, "{text}");
    }
}

/// query ⇒ series at 0, 20, 40, 60, 80 and 100 seconds
const METRICS: &str = r#"
sum(count_over_time({host_name="h1"}[20s])) ⇒ {} 20:2 40:2 60:2
sum by (service_name)(count_over_time({host_name="h1"}[20s])) ⇒ {service_name=cart} 20:2; {service_name=pay} 40:2 60:1; {service_name=unknown_service} 60:1
sum by (service.name)(rate({service_name="cart"}[20s])) ⇒ {service.name=cart} 20:0.1
sum by (detected_level)(count_over_time({service_name="pay"}[1m])) ⇒ {detected_level=info} 40:1 60:2 80:2 100:1; {detected_level=warn} 40:1 60:1 80:1
sum by (http_status)(count_over_time({service_name="cart"} | json [20s])) ⇒ {http_status=200} 20:1; {http_status=500} 20:1
count_over_time({service_name="pay"}[20s]) ⇒ {deployment_environment=prod,service_name=pay} 40:2 60:1
count_over_time({service_name="pay"} |= "card" | logfmt | keep level, service_name [20s]) ⇒ {level=info,service_name=pay} 40:1; {level=warn,service_name=pay} 40:1
sum without (deployment_environment, service_name)(count_over_time({host_name="h1"}[1m])) ⇒ {} 20:2 40:4 60:6 80:4 100:2
sum(bytes_over_time({service_name=~".+"} |= "health" [20s])) ⇒ {} 60:32
sum(sum_over_time({service_name="pay"} | logfmt | unwrap amount [1m])) ⇒ {} 40:42.5 60:42.5 80:42.5
max_over_time({service_name="pay"} | logfmt | unwrap amount [1m]) by (service_name) ⇒ {service_name=pay} 40:30 60:30 80:30
avg_over_time({service_name="cart"} | json | unwrap duration(took) [20s]) by () ⇒ {} 20:1.0075
quantile_over_time(0.5, {service_name="pay"} | logfmt | unwrap bytes(size) [20s]) by (service_name) ⇒ {service_name=pay} 40:1500
count(count_over_time({host_name="h1"}[1m])) ⇒ {} 20:1 40:2 60:3 80:2 100:2
topk(1, sum by (service_name)(count_over_time({host_name="h1"}[20s]))) ⇒ {service_name=cart} 20:2; {service_name=pay} 40:2 60:1
sum(count_over_time({service_name="cart"}[20s])) * 10 + 1 ⇒ {} 20:21
sum by (service_name)(count_over_time({host_name="h1"}[20s])) > 1 ⇒ {service_name=cart} 20:2; {service_name=pay} 40:2
sum by (service_name)(count_over_time({host_name="h1"}[20s])) > bool 1 ⇒ {service_name=cart} 20:1; {service_name=pay} 40:1 60:0; {service_name=unknown_service} 60:0
sum by (service_name)(count_over_time({host_name="h1"} | detected_level="error" [1m])) / sum by (service_name)(count_over_time({host_name="h1"}[1m])) ⇒ {service_name=cart} 20:0.5 40:0.5 60:0.5
sum by (service_name)(count_over_time({service_name="cart"}[20s])) or vector(0) ⇒ {} 0:0 20:0 40:0 60:0 80:0 100:0; {service_name=cart} 20:2
sum by (service_name)(count_over_time({host_name="h1"}[20s])) unless on (service_name) sum by (service_name)(count_over_time({service_name="pay"}[20s])) ⇒ {service_name=cart} 20:2; {service_name=unknown_service} 60:1
sum(count_over_time({service_name="cart"}[20s] offset 40s)) ⇒ {} 60:2
sum(count_over_time({service_name="cart"}[20s] @ 60 offset 40s)) ⇒ {} 0:2 20:2 40:2 60:2 80:2 100:2
sum(count_over_time({host_name="h1"}[1m] @ end())) ⇒ {} 0:2 20:2 40:2 60:2 80:2 100:2
sum(count_over_time({host_name="h1"}[1m] @ start())) ⇒ 
absent_over_time({service_name="cart"}[20s]) ⇒ {service_name=cart} 0:1 40:1 60:1 80:1 100:1
label_replace(sum by (service_name)(count_over_time({service_name="cart"}[20s])), "x", "<$1>", "service_name", "(c).*") ⇒ {service_name=cart,x=<c>} 20:2
sum by (detected_pattern)(count_over_time({service_name="unknown_service"}[20s])) ⇒ {detected_pattern=GET /health <_> from <_>} 60:1
sum by (detected_pattern)(count_over_time({service_name=~"pay|unknown_service"} |~ "card|GET" [20s])) unless sum by (detected_pattern)(count_over_time({host_name="h1"}[20s] offset 20s)) ⇒ {detected_pattern=GET /health <_> from <_>} 60:1; {detected_pattern=level=info msg="card ok" amount=<_> size=<_>} 40:1; {detected_pattern=level=warn msg="card slow" amount=<_> size=<_>} 40:1
vector(2) ⇒ {} 0:2 20:2 40:2 60:2 80:2 100:2
sum(count_over_time({service_name="pay"} | json | __error__="" [1m])) ⇒ 
"#;

#[test]
fn metric_queries_give_their_series() {
    for line in METRICS.lines().filter(|line| !line.is_empty()) {
        let (text, expected) = line.split_once(" ⇒ ").unwrap();
        assert_eq!(matrix(text, range()), expected, "{text}");
    }
}

#[test]
fn instant_queries_give_one_value() {
    let at = |second: i64| QueryParams { end: second * SECOND, instant: true, ..range() };
    for (text, expected) in [
        ("vector(1)+vector(1)", "{} 2"),
        ("1 + 1", "2"),
        (r#"sum(count_over_time({host_name="h1"}[1m]))"#, "{} 6"),
        (
            r#"sort_desc(sum by (service_name)(count_over_time({host_name="h1"}[1m])))"#,
            "{service_name=pay} 3; {service_name=cart} 2; {service_name=unknown_service} 1",
        ),
        (
            r#"bottomk(1, sum by (service_name)(count_over_time({host_name="h1"}[1m])))"#,
            "{service_name=unknown_service} 1",
        ),
    ] {
        assert_eq!(matrix(text, at(60)), expected, "{text}");
    }
    assert!(matches!(run(r#"{a="b"}"#, at(60)), Err(EvalError::BadQuery(_))));
}

#[test]
fn errors_of_rows_fail_a_metric_query_with_a_hint() {
    let error = run(r#"sum by (x)(count_over_time({service_name="pay"} | json [1m]))"#, range()).unwrap_err();
    assert!(error.to_string().starts_with("pipeline error: 'JSONParserErr' for series: '{"), "{error}");
    let error =
        run(r#"sum(sum_over_time({service_name="pay"} | logfmt | unwrap msg [1m]))"#, range()).unwrap_err();
    assert!(matches!(error, EvalError::Pipeline { error, .. } if error == "SampleExtractionErr"));
    let text = r#"sum(count_over_time({service_name="pay"} | line_format "{{ div 1 0 }}" [1m]))"#;
    let error = run(text, range()).unwrap_err();
    assert!(matches!(error, EvalError::Pipeline { error, .. } if error == "TemplateFormatErr"));
    let many = QueryParams { step: 1, ..range() };
    assert!(matches!(run("vector(1)", many), Err(EvalError::BadQuery(_))));
}

#[test]
fn what_a_query_may_not_say_is_refused_before_rows_are_read() {
    for (text, wanted) in [
        (r#"{a="b"} |= ip("x")"#, "ip: \"x\" is no address"),
        (r#"{a="b"} |~ ip("10.0.0.1")"#, "ip: |~ cannot look for addresses"),
        (r#"{a="b"} | x="1" or y=ip("10.0.0.0/33")"#, "ip: \"10.0.0.0/33\" is no address"),
        (r#"{a="b"} |~ "x(""#, "parse error at line 1, col 12: error parsing regexp"),
        (r#"{a="b"} | label_format __error__="x""#, "__error__ cannot be formatted"),
        (r#"{a="b"} | distinct x | y="1""#, "distinct must be the last stage"),
        (r#"rate({a="b"} | distinct x [1m])"#, "distinct is for log queries"),
    ] {
        let error = run(text, range()).unwrap_err();
        assert!(matches!(&error, EvalError::BadQuery(said) if said.starts_with(wanted)), "{text}: {error}");
    }
}

#[test]
fn lines_of_an_interval_come_once() {
    for (direction, interval, expected) in [
        (Direction::Forward, 15, "10 30 50"),
        (Direction::Forward, 20, "10 30 50"),
        (Direction::Backward, 25, "60 30"),
        (Direction::Backward, 1, "60 50 40 30 20 10"),
    ] {
        let params = QueryParams { interval: interval * SECOND, direction, ..range() };
        let Data::Streams(streams) = run(r#"{host_name="h1"}"#, params).unwrap() else {
            panic!("no streams")
        };
        let mut found: Vec<i64> =
            streams.iter().flat_map(|s| s.entries.iter().map(|e| e.time / SECOND)).collect();
        found.sort_by_key(|second| if direction == Direction::Backward { -second } else { *second });
        let found: Vec<String> = found.iter().map(i64::to_string).collect();
        assert_eq!(found.join(" "), expected, "{interval}");
    }
}

#[test]
fn limits_keep_the_newest_or_the_oldest() {
    for (direction, expected) in [(Direction::Backward, [60, 50, 40]), (Direction::Forward, [10, 20, 30])] {
        let params = QueryParams { limit: 3, direction, ..range() };
        let Data::Streams(streams) = run(r#"{host_name="h1"}"#, params).unwrap() else {
            panic!("no streams")
        };
        let mut found: Vec<i64> =
            streams.iter().flat_map(|s| s.entries.iter().map(|e| e.time / SECOND)).collect();
        found.sort_by_key(|second| if direction == Direction::Backward { -second } else { *second });
        assert_eq!(found, expected);
    }
}

#[test]
fn an_entry_keeps_labels_metadata_and_parsed_labels_apart() {
    let text = r#"{service_name="cart"} |= "failed" | json"#;
    let Data::Streams(streams) = run(text, range()).unwrap() else { panic!("no streams") };
    assert_eq!(labels(&streams[0].labels), "{deployment_environment=prod,service_name=cart}");
    let entry = &streams[0].entries[0];
    assert_eq!(
        labels(&entry.metadata),
        "{detected_level=error,host_name=h1,http_route=/add,scope_name=lib,severity_number=17,\
         trace_id=14141414141414141414141414141414}"
    );
    assert_eq!(labels(&entry.parsed), "{http_status=500,msg=failed,took=2s}");
}

#[test]
fn a_parsed_label_does_not_replace_one_of_the_record() {
    let mut rows = shop();
    rows[0].attributes.push(("msg", Value::Str("own")));
    let snapshot = Snapshot::of_batches([Batch::Events(batch(&rows[..1]))]);
    let count = |text: &str| match query(&ctx(), &snapshot, &parse(text).unwrap(), &range()).unwrap().data {
        Data::Streams(streams) => streams.iter().map(|s| s.entries.len()).sum::<usize>(),
        _ => 0,
    };
    assert_eq!(count(r#"{service_name="cart"} | json | msg="own" | msg_extracted="added""#), 1);
    assert_eq!(count(r#"{service_name="cart"} | json | msg="added""#), 0);
}

#[test]
fn patterns_are_counted_by_level_over_time() {
    let Expr::Log(log) = parse(r#"{host_name="h1"} != "health""#).unwrap() else { panic!("no log query") };
    let (found, stats) = patterns(&ctx(), &snapshot(), &log, (0, 100 * SECOND), 20 * SECOND).unwrap();
    let shown: Vec<String> = found
        .iter()
        .map(|series| {
            let points: Vec<String> =
                series.points.iter().map(|(time, lines)| format!("{}:{lines}", time / SECOND)).collect();
            format!("{} {} {}", series.level, series.pattern, points.join(" "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "info level=info msg=\"card ok\" amount=<_> size=<_> 20:1",
            "warn level=warn msg=\"card slow\" amount=<_> size=<_> 40:1",
            "info not logfmt at all \u{1b}[<_>\u{1b}[<_> 60:1",
            "info {\"msg\":\"added\",\"took\":\"<_>\",\"http\":{\"status\":<_>}} 0:1",
            "error {\"msg\":\"failed\",\"took\":\"<_>\",\"http\":{\"status\":<_>}} 20:1",
        ]
    );
    assert_eq!(stats.rows_matched, 5);
}

#[test]
fn budgets_and_cancellation_are_typed_errors() {
    let expr = parse(r#"{host_name="h1"}"#).unwrap();
    let small =
        RequestCtx::new(Tenant::authenticated("t").unwrap(), "test", Role::Read, None, Budget::new(10));
    assert!(matches!(query(&small, &snapshot(), &expr, &range()), Err(EvalError::Limit(_))));
    let canceled = ctx();
    canceled.cancel();
    assert_eq!(query(&canceled, &snapshot(), &expr, &range()).unwrap_err(), EvalError::Canceled);
}

#[test]
fn streams_can_be_browsed() {
    let selectors = [parse_selector(r#"{service.name=~"c.*"}"#).unwrap()];
    let (start, end) = (0, 100 * SECOND);
    let names = label_names(&ctx(), &snapshot(), &[], start, end).unwrap();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["deployment_environment", "service_name"]);
    let values = label_values(&ctx(), &snapshot(), "service_name", &[], start, end).unwrap();
    assert_eq!(values.into_iter().collect::<Vec<_>>(), ["cart", "pay", "unknown_service"]);
    let found = series(&ctx(), &snapshot(), &selectors, start, end).unwrap();
    assert_eq!(
        found.iter().map(labels).collect::<Vec<_>>(),
        ["{deployment_environment=prod,service_name=cart}"]
    );
}

#[test]
fn a_tail_matches_as_a_query_does() {
    for line in LOGS.lines().filter(|line| !line.is_empty() && !line.contains("distinct")) {
        let (text, expected) = line.split_once(" ⇒ ").unwrap();
        let Expr::Log(log) = parse(text).unwrap() else { panic!("{text} is no log query") };
        let mut rows = Vec::new();
        TailMatcher::new(&log).unwrap().rows(&batch(&shop()), |row| rows.push(row()));
        let found: Vec<String> = rows.iter().map(|row| (row.entry.time / SECOND).to_string()).collect();
        assert_eq!(found.join(" "), expected, "{text}");
    }
}

proptest! {
    /// Line filters against the obvious: every line, every needle.
    #[test]
    fn line_filters_agree_with_brute_force(
        lines in prop::collection::vec("[abAB1é \n]{0,12}", 1..12),
        needles in prop::collection::vec("[abAB1é ]{0,3}", 1..3),
        op in 0..4usize,
    ) {
        let rows: Vec<Row> = lines.iter().enumerate().map(|(i, line)| row("s", i as i64, 0, line)).collect();
        let snapshot = Snapshot::of_batches([Batch::Events(batch(&rows))]);
        let symbol = ["|=", "!=", "|~", "!~"][op];
        let quoted: Vec<String> = needles.iter().map(|needle| format!("\"{needle}\"")).collect();
        let text = format!(r#"{{service_name="s"}} {symbol} {}"#, quoted.join(" or "));
        let answer = query(&ctx(), &snapshot, &parse(&text).unwrap(), &range()).unwrap();
        let Data::Streams(streams) = answer.data else { panic!("no streams") };
        let mut found: Vec<i64> = streams.iter().flat_map(|s| s.entries.iter().map(|e| e.time / SECOND)).collect();
        found.sort_unstable();
        let holds = |line: &str| needles.iter().any(|needle| line.contains(needle.as_str())) != (op % 2 == 1);
        let expected: Vec<i64> = (0..).zip(&lines).filter(|(_, line)| holds(line)).map(|(i, _)| i).collect();
        prop_assert_eq!(found, expected, "{}", text);
    }

    /// Whatever the text, the parser answers.
    #[test]
    fn any_text_is_read_or_refused(text in r#"[{}()\[\]|=~!"a-z0-9 .,<>`5m]{0,60}"#) {
        if let Ok(expr) = parse(&text) {
            prop_assert!(parse(&expr.to_string()).is_ok(), "{}", expr);
        }
    }
}
