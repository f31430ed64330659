//! Search over traces in memory.

use store::Snapshot;
use store::model::{
    Batch, Budget, EventBatch, EventBatchBuilder, Field, NestedWriter, RequestCtx, Role, Signal, StreamParts,
    Tenant, Value,
};

use super::*;
use crate::traceql::{parse, parse_attribute};

pub(super) const SECOND: i64 = 1_000_000_000;
pub(super) const MS: i64 = 1_000_000;

/// trace, span, parent, service, name, kind, status, start ms, duration ms, route
type Span = (u8, u8, u8, &'static str, &'static str, i64, i64, i64, i64, &'static str);

/// Trace 1: a page that loads a cart whose database fails. Trace 2: the same, fine. Trace 3: its root is missing.
const SPANS: [Span; 9] = [
    (1, 1, 0, "front", "GET /", 2, 0, 1_000, 900, "/"),
    (1, 2, 1, "cart", "load", 2, 2, 1_100, 700, "/cart"),
    (1, 3, 2, "cart", "SELECT", 3, 2, 1_200, 500, ""),
    (1, 4, 1, "ads", "show", 2, 0, 1_100, 50, "/ads"),
    (2, 1, 0, "front", "GET /", 2, 0, 2_000, 90, "/"),
    (2, 2, 1, "cart", "load", 2, 1, 2_010, 40, "/cart"),
    (2, 3, 2, "cart", "SELECT", 3, 0, 2_020, 20, ""),
    (3, 7, 6, "mail", "send", 5, 0, 3_000, 10, ""),
    (3, 8, 7, "mail", "smtp", 3, 0, 3_001, 5, ""),
];

fn batch(spans: &[Span]) -> EventBatch {
    let mut b = EventBatchBuilder::new(Signal::Spans);
    for (trace, span, parent, service, name, kind, status, start, duration, route) in spans {
        let resource = [("service.name", Value::Str(service)), ("host", Value::Str("h1"))];
        let stream = b.stream(&StreamParts { resource: &resource, scope_name: "lib", ..Default::default() });
        b.begin_row(start * MS, stream);
        b.field(Field::TraceId, Value::Bytes(&[*trace; 16]));
        b.field(Field::SpanId, Value::Bytes(&[*span; 8]));
        if *parent > 0 {
            b.field(Field::ParentSpanId, Value::Bytes(&[*parent; 8]));
        }
        b.field(Field::Name, Value::Str(name));
        b.field(Field::Kind, Value::Int(*kind));
        b.field(Field::Duration, Value::Int(duration * MS));
        if *status > 0 {
            b.field(Field::StatusCode, Value::Int(*status));
        }
        if !route.is_empty() {
            b.attribute("http.route", Value::Str(route));
        }
        b.attribute("depth", Value::Int(i64::from(*span)));
        if (*trace, *span) == (2, 1) {
            let mut tags = NestedWriter::default();
            tags.begin_array();
            tags.value(Value::Str("blue"));
            tags.value(Value::Str("green"));
            tags.end();
            let bytes = tags.into_bytes();
            b.attribute("tags", Value::Nested(store::model::Nested::new(&bytes)));
        }
        if *status == 2 {
            let mut events = NestedWriter::default();
            events.begin_array();
            events.begin_map();
            events.key("name");
            events.value(Value::Str("exception"));
            events.end();
            events.end();
            let bytes = events.into_bytes();
            b.field(Field::Events, Value::Nested(store::model::Nested::new(&bytes)));
        }
        b.end_row();
    }
    b.finish()
}

pub(super) fn snapshot() -> Snapshot {
    Snapshot::of_batches([Batch::Events(batch(&SPANS[..3])), Batch::Events(batch(&SPANS[3..]))])
}

pub(super) fn ctx() -> RequestCtx {
    RequestCtx::new(Tenant::authenticated("t").unwrap(), "test", Role::Read, None, Budget::new(1 << 24))
}

const PARAMS: SearchParams = SearchParams { start: 0, end: 10 * SECOND, limit: 10, spans_per_set: 10 };

fn found(text: &str, params: &SearchParams) -> Vec<TraceSummary> {
    let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    search(&ctx(), &snapshot(), &query, params).unwrap_or_else(|error| panic!("{text}: {error}")).traces
}

/// `trace:span,span` of each span set, oldest trace first.
fn spans(text: &str) -> String {
    let mut traces = found(text, &PARAMS);
    traces.reverse();
    let set = |id: u8, set: &SpanSet| {
        let spans: Vec<String> = set.spans.iter().map(|span| span.id[0].to_string()).collect();
        format!("{id}:{}", spans.join(","))
    };
    let sets = traces.iter().flat_map(|trace| trace.span_sets.iter().map(|one| set(trace.id[0], one)));
    sets.collect::<Vec<_>>().join(" ")
}

const SEARCHES: &str = r#"
{} ⇒ 1:1,2,4,3 2:1,2,3 3:7,8
{ status = error } ⇒ 1:2,3
{ status != error && name = "load" } ⇒ 2:2
{ status = unset && .http.route != nil } ⇒ 1:1,4 2:1
{ resource.service.name = "cart" && duration > 100ms } ⇒ 1:2,3
{ .service.name =~ "c.*" && kind = client } ⇒ 1:3 2:3
{ span.http.route = "/cart" || name = "smtp" } ⇒ 1:2 2:2 3:8
{ span.http.route !~ "/c.*" } ⇒ 1:1,4 2:1
{ span.http.route = nil && kind != server } ⇒ 1:3 2:3 3:7,8
{ .depth + 1 >= 4 && .depth < 5 } ⇒ 1:4,3 2:3
{ rootServiceName = "front" && name = "SELECT" } ⇒ 1:3 2:3
{ traceDuration > 500ms && name = "show" } ⇒ 1:4
{ nestedSetParent < 0 } ⇒ 1:1 2:1
{ span:childCount = 2 } ⇒ 1:1
{ parent.http.route = "/cart" } ⇒ 1:3 2:3
{ event:name = "exception" } ⇒ 1:2,3
{ trace:id = "03030303030303030303030303030303" && span:id = "0808080808080808" } ⇒ 3:8
{ instrumentation:name = "lib" && name = "send" } ⇒ 3:7
{ !(status = error) && name = "SELECT" } ⇒ 2:3
{ name = "load" } && { name = "show" } ⇒ 1:2,4
{ name = "show" } || { name = "smtp" } ⇒ 1:4 3:8
{ name = "load" } > { name = "SELECT" } ⇒ 1:3 2:3
{ name = "GET /" } > { name = "SELECT" } ⇒ 
{ name = "GET /" } >> { name = "SELECT" } ⇒ 1:3 2:3
{ name = "send" } >> { name = "smtp" } ⇒ 3:8
{ name = "SELECT" } << { kind = server } ⇒ 1:1,2 2:1,2
{ name = "SELECT" } < { kind = server } ⇒ 1:2 2:2
{ name = "load" } ~ { name = "show" } ⇒ 1:4
{ name = "load" } !> { kind = client } ⇒ 3:8
{ name = "load" } &> { kind = client } ⇒ 1:2,3 2:2,3
{ resource.service.name = "cart" } | count() > 1 | avg(duration) > 100ms ⇒ 1:2,3
{ } | max(duration) < 100ms ⇒ 2:1,2,3 3:7,8
{ } | by(resource.service.name) | count() = 2 ⇒ 1:2,3 2:2,3 3:7,8
{ } | by(resource.service.name) | count() = 2 | coalesce() | { name = "SELECT" } ⇒ 1:3 2:3
({ status = error } | count() > 1) || { name = "send" } ⇒ 1:2,3 3:7
({ status = error } | count()) > 1 ⇒ 1:2,3
({ name = "SELECT" } | max(duration)) * 2 > ({ name = "load" } | max(duration)) + 100ms ⇒ 1:2,3
{ .tags = "blue" } ⇒ 2:1
{ .tags =~ "g.*" } ⇒ 2:1
{ .tags != "red" } ⇒ 2:1
{ .tags != "blue" } ⇒ 
{ .depth / 2 = 1 && .depth * 2 = 6 } ⇒ 1:3 2:3
{ .depth % 2 = 0 } ⇒ 1:2,4 2:2 3:8
{ 1 / 0 = 1 } ⇒ 
{ span:parentID = "0606060606060606" } ⇒ 3:7
"#;

#[test]
fn searches_find_their_spans() {
    for line in SEARCHES.lines().filter(|line| !line.is_empty()) {
        let (text, expected) = line.split_once(" ⇒ ").unwrap();
        assert_eq!(spans(text), expected, "{text}");
    }
}

#[test]
fn a_summary_has_roots_extent_services_and_mentioned_attributes() {
    let traces = found(r#"{ span.http.route = "/cart" && status = error } | select(resource.host)"#, &PARAMS);
    let [trace] = &traces[..] else { panic!("{traces:?}") };
    assert_eq!((trace.root_service.as_str(), trace.root_name.as_str()), ("front", "GET /"));
    assert_eq!((trace.start, trace.duration_ns), (SECOND, 900 * MS));
    assert_eq!(trace.services["cart"], ServiceStats { spans: 2, errors: 2 });
    let shown: Vec<String> = trace.span_sets[0].spans[0]
        .attributes
        .iter()
        .map(|(name, value)| format!("{name}={}", value.text()))
        .collect();
    assert_eq!(shown, ["http.route=/cart", "status=error", "host=h1"]);
    assert_eq!(found(r#"{ name = "smtp" }"#, &PARAMS)[0].root_name, ROOT_MISSING);
}

#[test]
fn limits_keep_the_newest_traces_and_show_few_spans() {
    let params = SearchParams { limit: 2, spans_per_set: 1, ..PARAMS };
    let traces = found("{}", &params);
    assert_eq!(traces.iter().map(|trace| trace.id[0]).collect::<Vec<_>>(), [3, 2]);
    assert_eq!((traces[1].span_sets[0].matched, traces[1].span_sets[0].spans.len()), (3, 1));
    let params = SearchParams { end: 1_500 * MS, ..PARAMS };
    assert_eq!(found("{}", &params).len(), 1);
}

#[test]
fn many_traces_are_searched_in_rounds_until_the_limit() {
    let spans: Vec<Span> = (1..=200u8)
        .map(|trace| {
            (trace, 1, 0, "s", if trace % 50 == 0 { "rare" } else { "x" }, 1, 0, i64::from(trace), 1, "")
        })
        .collect();
    let snapshot = Snapshot::of_batches([Batch::Events(batch(&spans))]);
    // What a root is called is known only when the trace is fetched.
    let query = parse(r#"{ rootName = "rare" }"#).unwrap();
    let found = search(&ctx(), &snapshot, &query, &SearchParams { limit: 3, ..PARAMS }).unwrap();
    assert_eq!(found.traces.iter().map(|trace| trace.id[0]).collect::<Vec<_>>(), [200, 150, 100]);
}

#[test]
fn traces_are_fetched_by_id() {
    let trace = trace_by_id(&ctx(), &snapshot(), [1; 16], None).unwrap().unwrap();
    assert_eq!(trace.spans.rows(), 4);
    assert!(trace_by_id(&ctx(), &snapshot(), [9; 16], None).unwrap().is_none());
}

#[test]
fn tags_and_values_can_be_browsed() {
    let (start, end) = (0, 10 * SECOND);
    let scopes = tags(&ctx(), &snapshot(), start, end, None).unwrap();
    let names = |scope: &str| {
        let found = scopes.iter().find(|tags| tags.scope == scope).unwrap();
        found.names.iter().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("resource"), "host service.name");
    assert_eq!(names("span"), "depth http.route tags");
    assert!(names("intrinsic").contains("span:duration"));
    let query = parse("{ status = error }").unwrap();
    let within = tags(&ctx(), &snapshot(), start, end, Some(&query)).unwrap();
    let of_span = within.iter().find(|tags| tags.scope == "span").unwrap();
    assert_eq!(of_span.names.iter().cloned().collect::<Vec<_>>(), ["depth", "http.route"]);
    let values = |name: &str, query| {
        let within = TagQuery { start, end, query, limit: 100 };
        let found = tag_values(&ctx(), &snapshot(), &parse_attribute(name).unwrap(), &within).unwrap();
        found
            .iter()
            .map(|value| format!("{}:{}", value.type_name(), value.text()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (name, expected) in [
        ("resource.service.name", "string:ads string:cart string:front string:mail"),
        ("span.http.route", "string:/ string:/ads string:/cart"),
        (".host", "string:h1"),
        ("status", "keyword:unset keyword:ok keyword:error"),
        ("rootName", "string:GET /"),
        ("rootServiceName", "string:front"),
        ("event:name", "string:exception"),
        (".tags", "string:blue string:green"),
        (".missing", ""),
    ] {
        assert_eq!(values(name, None), expected, "{name}");
    }
    assert_eq!(values(".depth", Some(&query)), "int:2 int:3");
}
