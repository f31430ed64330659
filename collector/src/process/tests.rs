//! Batches through rules, redaction and quotas.

use store::model::{
    Batch, EventBatch, EventBatchBuilder, Exemplar, Field, HistogramPoint, MetricKind, MetricRef,
    NestedWriter, SampleBatch, SampleBatchBuilder, SeriesPart, Signal, Stream, StreamParts, Temporality,
    Value,
};

use super::*;

fn pipeline(text: &str) -> Pipeline {
    let raw: RawProcessing = serde_saphyr::from_str(text).unwrap();
    let pipeline = Pipeline::default();
    pipeline.configure(raw.check().unwrap(), RedactionKey::default());
    pipeline
}

fn tenant() -> Tenant {
    Tenant::authenticated("t").unwrap()
}

fn run(pipeline: &Pipeline, batch: Batch) -> Processed {
    pipeline.run(batch, &Incoming { tenant: &tenant(), residue: false, now: Some(Instant::now()) })
}

/// Rows of a service with a body, a route and a severity.
fn logs(rows: &[(&str, &str, &str, i64)]) -> EventBatch {
    let mut b = EventBatchBuilder::new(Signal::Logs);
    for (time, (service, body, route, severity)) in rows.iter().enumerate() {
        let resource = [("service.name", Value::Str(service)), ("env", Value::Str("prod"))];
        let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
        b.begin_row(time as i64, stream);
        b.field(Field::SeverityNumber, Value::Int(*severity));
        b.field(Field::Body, Value::Str(body));
        b.attribute("http.route", Value::Str(route));
        b.attribute("tries", Value::Int(time as i64));
        b.end_row();
    }
    b.finish()
}

fn three() -> EventBatch {
    logs(&[("cart", "one", "/healthz", 9), ("cart", "two", "/buy", 17), ("mail", "three", "/healthz", 13)])
}

/// `service {resource} body {attributes}`, row by row.
fn show(batch: &Batch) -> Vec<String> {
    let Batch::Events(batch) = batch else { unreachable!("events") };
    let pairs = |pairs: Vec<(&str, Value<'_>)>| {
        pairs.iter().map(|(key, value)| format!("{key}={}", value.text())).collect::<Vec<_>>().join(" ")
    };
    let row = |row| {
        let resource = pairs(batch.stream(row).resource.iter().collect());
        let body = batch.field(row, Field::Body).map(|body| body.text().into_owned()).unwrap_or_default();
        format!("{resource} | {body} | {}", pairs(batch.attributes(row).collect()))
    };
    (0..batch.rows()).map(row).collect()
}

#[test]
fn without_rules_a_batch_is_handed_on_as_it_is() {
    let pipeline = Pipeline::default();
    assert!(!pipeline.is_active());
    let processed = run(&pipeline, Batch::Events(three()));
    assert_eq!(processed.batch, Batch::Events(three()));
    assert!(pipeline.metrics().is_empty());
}

#[test]
fn rules_drop_keep_and_change_in_their_order() {
    let pipeline = pipeline(
        "
rules:
  - {name: health, when: [{field: attribute.http.route, equals: /healthz}, {field: severity, below: warn}], drop: true}
  - {name: rename, rename: {attribute.http.route: attribute.route}}
  - {name: team, when: [{field: attribute.route, equals: /buy}], set: {resource.team: shop, attribute.paid: true}}
  - {name: tidy, when: [{field: service, equals: mail}], remove: [attribute.tr*]}
",
    );
    let processed = run(&pipeline, Batch::Events(three()));
    assert_eq!(
        show(&processed.batch),
        [
            "env=prod service.name=cart team=shop | two | route=/buy tries=1 paid=true",
            "env=prod service.name=mail | three | route=/healthz",
        ]
    );
    assert_eq!(processed.dropped, [("health".to_owned(), 1)]);
    let status = pipeline.status(&tenant()).rules;
    let counts: Vec<(&str, u64)> = status.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(counts, [("health", 1), ("rename", 2), ("team", 1), ("tidy", 1)]);
    assert_eq!(pipeline.metrics().len(), 4);
}

#[test]
fn a_rule_of_a_tenant_is_for_nobody_else() {
    let others = pipeline("rules: [{name: all, tenant: other, drop: true}]");
    assert_eq!(run(&others, Batch::Events(three())).batch.rows(), 3);
    let own = pipeline("rules: [{name: all, tenant: t, drop: true}]");
    assert_eq!(run(&own, Batch::Events(three())).batch.rows(), 0);
}

#[test]
fn conditions_read_every_part_of_a_record() {
    for (condition, left) in [
        ("{field: body, contains: wo}", "two"),
        ("{field: body, matches: '^t.o$'}", "two"),
        ("{field: severity, at_least: error}", "two"),
        ("{field: severity, equals: error}", "two"),
        ("{field: resource.env, equals: prod, not: true}", ""),
        ("{field: attribute.tries, at_least: 1}", "two,three"),
        ("{field: attribute.tries, equals: 2}", "three"),
        ("{field: service, equals: [mail, chat]}", "three"),
        ("{field: attribute.absent, exists: false}", "one,two,three"),
        ("{field: attribute.absent, equals: x}", ""),
        ("{field: name, exists: true}", ""),
    ] {
        let pipeline = pipeline(&format!("rules: [{{name: k, when: [{condition}], keep: true}}]"));
        let processed = run(&pipeline, Batch::Events(three()));
        let bodies: Vec<String> = show(&processed.batch)
            .iter()
            .map(|row| row.split(" | ").nth(1).unwrap_or_default().to_owned())
            .collect();
        assert_eq!(bodies.join(","), left, "{condition}");
        assert_eq!(processed.batch.rows() as u64 + processed.dropped.iter().map(|d| d.1).sum::<u64>(), 3);
    }
}

#[test]
fn what_is_redacted_is_nowhere_in_the_batch_that_is_logged() {
    let batch = logs(&[
        ("cart", "nothing", "/buy", 9),
        ("bob@example.com", "mail bob@example.com", "/u/bob@example.com", 9),
        ("cart", "nothing either", "/buy", 9),
    ]);
    let mut bytes = Vec::new();
    batch.encode(&mut bytes);
    assert_eq!(memchr::memmem::find_iter(&bytes, b"bob@").count(), 3);
    let pipeline = pipeline("redact: [personal]");
    let processed = run(&pipeline, Batch::Events(batch));
    assert_eq!(
        show(&processed.batch),
        [
            "env=prod service.name=cart | nothing | http.route=/buy tries=0",
            "env=prod service.name=<redacted:email> | mail <redacted:email> | http.route=/u/<redacted:email> tries=1",
            "env=prod service.name=cart | nothing either | http.route=/buy tries=2",
        ]
    );
    let Batch::Events(changed) = &processed.batch else { unreachable!("events") };
    let mut bytes = Vec::new();
    changed.encode(&mut bytes);
    assert_eq!(memchr::memmem::find(&bytes, b"bob@"), None);
    assert_eq!(pipeline.status(&tenant()).redacted, BTreeMap::from([("email".to_owned(), 3)]));
}

#[test]
fn bytes_of_refused_records_do_not_stay_behind() {
    let mut b = EventBatchBuilder::new(Signal::Logs);
    let stream = b.stream(&StreamParts::default());
    b.begin_row(1, stream);
    b.field(Field::Body, Value::Str("refused: bob@example.com"));
    b.abandon_row();
    b.begin_row(2, stream);
    b.field(Field::Body, Value::Str("good"));
    b.end_row();
    let batch = b.finish();
    let incoming = Incoming { tenant: &tenant(), residue: true, now: None };
    let processed = pipeline("redact: [personal]").run(Batch::Events(batch), &incoming);
    let Batch::Events(batch) = &processed.batch else { unreachable!("events") };
    let mut bytes = Vec::new();
    batch.encode(&mut bytes);
    assert!(
        memchr::memmem::find(&bytes, b"good").is_some() && memchr::memmem::find(&bytes, b"bob@").is_none()
    );
}

/// A counter with labels, a native histogram, an exemplar.
fn samples() -> SampleBatch {
    let mut b = SampleBatchBuilder::default();
    let stream = b.stream(&StreamParts { resource_schema_url: Stream::LABELS_SCHEMA, ..Default::default() });
    let metric = |name| MetricRef {
        name,
        unit: "",
        description: "asked by bob@example.com",
        kind: MetricKind::Sum,
        temporality: Temporality::Cumulative,
        monotonic: true,
    };
    for (place, user) in ["ada", "bob@example.com"].into_iter().enumerate() {
        let number = b.metric(metric(if place == 0 { "logins_total" } else { "mails_total" }));
        let attributes = b.attributes(&mut vec![("job", Value::Str("web")), ("user", Value::Str(user))]);
        let group = b.series(stream, number, attributes, SeriesPart::Value);
        b.point(group, 1000, 0, 1.0);
        b.histogram(
            group,
            2000,
            0,
            &HistogramPoint { count: 3.0, positive: vec![3.0], ..Default::default() },
        );
        let mut labels = NestedWriter::default();
        labels.begin_map();
        labels.key("mail");
        labels.value(Value::Str("bob@example.com"));
        labels.end();
        b.exemplar(Exemplar {
            group,
            part: 0,
            time_ms: 1000,
            value: 1.0,
            trace_id: &[1; 16],
            span_id: &[],
            attributes: labels.as_nested(),
        });
    }
    b.finish()
}

#[test]
fn labels_exemplars_and_descriptions_are_redacted_and_points_stay() {
    let before = samples();
    let processed = run(&pipeline("redact: [personal]"), Batch::Samples(before.clone()));
    let Batch::Samples(after) = &processed.batch else { unreachable!("samples") };
    let mut bytes = Vec::new();
    after.encode(&mut bytes);
    assert_eq!(memchr::memmem::find(&bytes, b"bob@"), None);
    let shown: Vec<_> =
        after.points().map(|p| (p.group, p.time_ms, p.values.to_vec(), p.histogram.is_some())).collect();
    let expected: Vec<_> =
        before.points().map(|p| (p.group, p.time_ms, p.values.to_vec(), p.histogram.is_some())).collect();
    assert_eq!(shown, expected);
    assert_eq!(after.group(1).attributes.get("user"), Some(Value::Str("<redacted:email>")));
    assert_eq!(after.group(1).metric.name, "mails_total");
    assert_eq!(after.exemplars().count(), 2);
    assert_eq!(after.metrics().next().map(|metric| metric.description), Some("asked by <redacted:email>"));
}

#[test]
fn rules_know_series_by_name_labels_and_service() {
    let pipeline = pipeline(
        "
rules:
  - {name: mails, when: [{field: name, equals: mails_total}], drop: true}
  - {name: user, when: [{field: service, equals: web}], remove: [attribute.user], set: {attribute.team: shop}}
",
    );
    let processed = run(&pipeline, Batch::Samples(samples()));
    let Batch::Samples(after) = &processed.batch else { unreachable!("samples") };
    let mut json = String::new();
    after.group(0).attributes.write_json(&mut json);
    assert_eq!((after.group_count(), after.rows(), json.as_str()), (1, 2, r#"{"job":"web","team":"shop"}"#));
    assert_eq!(processed.dropped, [("mails".to_owned(), 2)]);
    assert_eq!(after.exemplars().count(), 1, "those of what went are gone");
}

#[test]
fn what_is_over_a_quota_is_refused_by_service_and_named_by_its_row() {
    let pipeline = pipeline(
        "
rules: [{name: first, when: [{field: body, equals: one}], drop: true}]
quotas: [{service: cart, records_per_s: 1, burst_s: 1}]
",
    );
    let first = run(&pipeline, Batch::Events(three()));
    assert_eq!((first.over_quota.records, first.batch.rows()), (0, 2), "a full bucket takes a whole request");
    first.charge.stored();
    let second = run(&pipeline, Batch::Events(three()));
    assert_eq!(second.over_quota.services, [("cart".to_owned(), 1)]);
    assert_eq!(second.over_quota.rows, BTreeSet::from([1]), "the row as it came, before the rule");
    assert!(second.over_quota.message().contains("cart"));
    assert_eq!(show(&second.batch).len(), 1);
    assert_eq!(pipeline.status(&tenant()).over_quota["cart"], 1);
}

#[test]
fn a_charge_that_is_not_stored_is_given_back() {
    let pipeline = pipeline("quotas: [{records_per_s: 1, burst_s: 1}]");
    drop(run(&pipeline, Batch::Events(three())));
    let again = run(&pipeline, Batch::Events(three()));
    assert_eq!(again.over_quota.records, 0);
}

#[test]
fn a_reload_is_in_force_at_once_and_counters_stay() {
    let pipeline = pipeline("rules: [{name: all, drop: true}]");
    assert_eq!(run(&pipeline, Batch::Events(three())).batch.rows(), 0);
    pipeline.configure(Processing::default(), RedactionKey::default());
    assert_eq!(run(&pipeline, Batch::Events(three())).batch.rows(), 3);
    assert_eq!(pipeline.status(&tenant()).rules["all"], 3);
}
