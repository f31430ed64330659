//! Evidence in the records of one failing service.

use std::collections::BTreeMap;

use store::model::{Batch, Budget, EventBatchBuilder, Field, Role, StreamParts, Tenant};

use super::*;

const NOW_MS: i64 = 1_763_930_000_000;

fn message(labels: &[(&str, &str)], generator_url: &str) -> Message {
    let texts = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    let told = Told {
        labels: texts(labels),
        annotations: BTreeMap::new(),
        starts_at_ms: NOW_MS - MINUTE_MS,
        ends_at_ms: None,
        generator_url: generator_url.to_owned(),
        until_ms: None,
        updated_ms: NOW_MS,
    };
    Message { alerts: vec![told], ..Message::default() }
}

fn batches() -> Vec<Batch> {
    let mut logs = EventBatchBuilder::new(Signal::Logs);
    let mut spans = EventBatchBuilder::new(Signal::Spans);
    let resource = |version: &'static str| {
        [("service.name", Value::Str("review")), ("service.version", Value::Str(version))]
    };
    for n in 0..40_i64 {
        let old = n < 20;
        let minutes_ago = if old { 30 + n } else { (n - 20) / 5 };
        let time = (NOW_MS - minutes_ago * MINUTE_MS - 1_000) * NS_PER_MS;
        let resource = resource(if old { "1.0" } else { "1.1" });
        let parts = StreamParts { resource: &resource, ..StreamParts::default() };
        let stream = logs.stream(&parts);
        logs.begin_row(time, stream);
        let line = if old { format!("served page {n}") } else { format!("no answer from db-{n}") };
        logs.field(Field::Body, Value::Str(&line));
        logs.end_row();
        let stream = spans.stream(&parts);
        let bad = !old && n % 2 == 0;
        spans.begin_row(time, stream);
        spans.field(Field::TraceId, Value::Bytes(&[n as u8 + 1; 16]));
        spans.field(Field::SpanId, Value::Bytes(&[n as u8 + 1; 8]));
        spans.field(Field::Name, Value::Str("GET /reviews"));
        spans.field(Field::Duration, Value::Int((n + 1) * 10 * NS_PER_MS));
        if bad {
            spans.field(Field::StatusCode, Value::Int(2));
        }
        spans.attribute("db.host", Value::Str(if bad { "db-9" } else { "db-1" }));
        spans.end_row();
    }
    vec![Batch::Events(logs.finish()), Batch::Events(spans.finish())]
}

#[test]
fn the_failing_service_is_described() {
    let url = "http://s/ui/metrics?query=sum%28rate%28x%5B1m%5D%29%29%20%3E%205";
    let asked = Asked::of(&message(&[("alertname", "Down"), ("job", "shop/review")], url), NOW_MS).unwrap();
    assert_eq!(asked.query, Some((Kind::Metrics, "sum(rate(x[1m])) > 5".to_owned())));
    let tenant = Tenant::authenticated("a").unwrap();
    let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 30));
    let found = collect(&ctx, &Snapshot::of_batches(batches()), &asked, "http://s");
    let texts: Vec<&str> = found.iter().map(|finding| finding.text.as_str()).collect();
    let has = |part: &str| texts.iter().any(|text| text.contains(part));
    assert!(has("20 lines (new): no answer from db-"), "{texts:#?}");
    assert!(has("failed trace: review GET /reviews") && has("slowest trace: review"), "{texts:#?}");
    assert!(has("db.host = db-9 is in 100 % of failed spans and in 0 % of the others"), "{texts:#?}");
    assert!(has("new version: 1.1 (before: 1.0)"), "{texts:#?}");
    assert!(!has("served page"), "{texts:#?}");
    let links = asked.links("http://s");
    let titles: Vec<&str> = links.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(titles, ["Graph", "Logs", "Traces"]);
    assert!(
        links[1].1.starts_with("http://s/ui/logs?q=%7Bservice_name%3D%22review%22%7D&from=17"),
        "{links:?}"
    );
}

#[test]
fn an_alert_that_names_nothing_has_no_findings() {
    let asked = Asked::of(&message(&[("alertname", "Full")], "http://other/x"), NOW_MS).unwrap();
    let tenant = Tenant::authenticated("a").unwrap();
    let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 30));
    assert_eq!(collect(&ctx, &Snapshot::of_batches(batches()), &asked, ""), []);
    assert_eq!((asked.query, Asked::of(&Message::default(), NOW_MS)), (None, None));
}

#[test]
fn the_expression_is_read_from_links_of_ours_and_of_prometheus() {
    for (url, wanted) in [
        ("http://p/graph?g0.expr=up+%3D%3D+0&g0.tab=1", Some((Kind::Metrics, "up == 0"))),
        ("http://s/ui/logs?q=%7Ba%3D%22b%22%7D", Some((Kind::Logs, "{a=\"b\"}"))),
        ("http://s/ui/traces?q=%7B%7D", Some((Kind::Traces, "{}"))),
        ("http://s/ui/metrics", None),
        ("", None),
    ] {
        assert_eq!(expression(url), wanted.map(|(kind, text)| (kind, text.to_owned())), "{url}");
    }
}

/// A service of today has no hour before: what came with the alert is told, not what was there all along.
#[test]
fn patterns_of_a_young_service_are_held_against_the_time_before_the_alert() {
    let mut logs = EventBatchBuilder::new(Signal::Logs);
    let resource = [("service.name", Value::Str("review"))];
    let parts = StreamParts { resource: &resource, ..StreamParts::default() };
    let stream = logs.stream(&parts);
    for second in 0..120_i64 {
        let time_ms = NOW_MS - 120_000 + second * 1_000;
        let failing = time_ms > NOW_MS - MINUTE_MS - 5_000;
        for line in [Some("page served to 17"), failing.then_some("no answer from 10.0.0.1")] {
            let Some(line) = line else { continue };
            logs.begin_row(time_ms * NS_PER_MS, stream);
            logs.field(Field::Body, Value::Str(line));
            logs.end_row();
        }
    }
    let asked = Asked::of(&message(&[("service", "review")], ""), NOW_MS).unwrap();
    let tenant = Tenant::authenticated("a").unwrap();
    let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 30));
    let snapshot = Snapshot::of_batches([Batch::Events(logs.finish())]);
    let found = collect(&ctx, &snapshot, &asked, "");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].text.contains("(new): no answer from 10.0.0.1"), "{found:#?}");
}
