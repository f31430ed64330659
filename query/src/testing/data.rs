//! The records of tests.

use store::model::{
    Batch, EventBatchBuilder, Exemplar, Field, MetricKind, MetricRef, NestedWriter, SampleBatchBuilder,
    SeriesPart, Signal, StreamParts, Temporality, Value,
};

use super::{NOW_NS, NOW_S};

const S: i64 = 1_000_000_000;
pub(crate) const TRACE: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// The trace's id; a marker gives another one.
pub(crate) fn trace_id(marker: &str) -> [u8; 16] {
    let mut id = TRACE;
    id[15] = id[15].wrapping_add(marker.bytes().fold(0, u8::wrapping_add));
    id
}

fn resource<'a>(service: &'a str, marker: &'a str) -> Vec<(&'a str, Value<'a>)> {
    let mut pairs = vec![("service.name", Value::Str(service))];
    if !marker.is_empty() {
        pairs.push(("k8s.namespace.name", Value::Str(marker)));
    }
    pairs
}

pub(super) fn logs(marker: &str) -> Batch {
    let mut b = EventBatchBuilder::new(Signal::Logs);
    let noted = format!("note_{marker}");
    for (service, age_s, severity, number, body) in [
        ("cart", 60, "INFO", 9, format!("item added {marker}")),
        ("cart", 30, "ERROR", 17, format!("level=error msg=\"cart full\" took=5ms who={marker}")),
        ("payments", 20, "INFO", 9, format!("{{\"msg\":\"paid\",\"amount\":3,\"who\":\"{marker}\"}}")),
    ] {
        let stream = b.stream(&StreamParts { resource: &resource(service, marker), ..Default::default() });
        b.begin_row(NOW_NS - age_s * S, stream);
        b.field(Field::SeverityNumber, Value::Int(number));
        b.field(Field::SeverityText, Value::Str(severity));
        b.field(Field::Body, Value::Str(&body));
        b.field(Field::TraceId, Value::Bytes(&trace_id(marker)));
        b.attribute("user.id", Value::Str("u1"));
        if !marker.is_empty() {
            b.attribute(&noted, Value::Str(marker));
        }
        b.end_row();
    }
    Batch::Events(b.finish())
}

struct SpanRow {
    service: &'static str,
    name: &'static str,
    kind: i64,
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    start_ms: i64,
    duration_ms: i64,
    error: bool,
}

pub(super) fn spans(marker: &str) -> Batch {
    let [root, call, served] = [[1; 8], [2; 8], [3; 8]];
    let rows = [
        SpanRow {
            service: "cart",
            name: "POST /checkout",
            kind: 2,
            id: root,
            parent: None,
            start_ms: 0,
            duration_ms: 100,
            error: false,
        },
        SpanRow {
            service: "cart",
            name: "charge",
            kind: 3,
            id: call,
            parent: Some(root),
            start_ms: 10,
            duration_ms: 60,
            error: false,
        },
        SpanRow {
            service: "payments",
            name: "Charge",
            kind: 2,
            id: served,
            parent: Some(call),
            start_ms: 20,
            duration_ms: 40,
            error: true,
        },
    ];
    let mut b = EventBatchBuilder::new(Signal::Spans);
    for row in rows {
        let resource = resource(row.service, marker);
        let stream = b.stream(&StreamParts {
            resource: &resource,
            scope_name: "shop",
            scope_version: "1.0",
            ..Default::default()
        });
        b.begin_row(NOW_NS - 60 * S + row.start_ms * 1_000_000, stream);
        b.field(Field::TraceId, Value::Bytes(&trace_id(marker)));
        b.field(Field::SpanId, Value::Bytes(&row.id));
        if let Some(parent) = row.parent {
            b.field(Field::ParentSpanId, Value::Bytes(&parent));
        }
        b.field(Field::Name, Value::Str(row.name));
        b.field(Field::Kind, Value::Int(row.kind));
        b.field(Field::Duration, Value::Int(row.duration_ms * 1_000_000));
        if row.error {
            b.field(Field::StatusCode, Value::Int(2));
            b.field(Field::StatusMessage, Value::Str("card refused"));
            b.field(Field::Events, Value::Nested(exception().as_nested()));
        }
        b.attribute("http.status", Value::Int(if row.error { 500 } else { 200 }));
        b.attribute("who", Value::Str(marker));
        b.end_row();
    }
    Batch::Events(b.finish())
}

fn exception() -> NestedWriter {
    let mut w = NestedWriter::default();
    w.begin_array();
    w.begin_map();
    w.key("time");
    w.value(Value::Int(NOW_NS - 60 * S + 30_000_000));
    w.key("name");
    w.value(Value::Str("exception"));
    w.key("attributes");
    w.begin_map();
    w.key("exception.type");
    w.value(Value::Str("CardRefused"));
    w.end();
    w.end();
    w.end();
    w
}

pub(super) fn samples(marker: &str) -> Batch {
    let mut b = SampleBatchBuilder::default();
    let resource = [("service.name", Value::Str("cart")), ("service.instance.id", Value::Str("c-1"))];
    let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
    let metric = b.metric(MetricRef {
        name: "shop.orders",
        unit: "{order}",
        description: "orders taken",
        kind: MetricKind::Sum,
        temporality: Temporality::Cumulative,
        monotonic: true,
    });
    let noted = format!("note_{marker}");
    let mut order = NestedWriter::default();
    order.begin_map();
    order.key("order.who");
    order.value(Value::Str(marker));
    order.end();
    for (region, per_minute) in [("eu", 60.0), ("us", 30.0)] {
        let mut pairs = vec![("region", Value::Str(region))];
        if !marker.is_empty() {
            pairs.push((&noted, Value::Str(marker)));
        }
        let attributes = b.attributes(&mut pairs);
        let series = b.series(stream, metric, attributes, SeriesPart::Value);
        for minute in [1, 2] {
            let time_ms = (NOW_S - 120 + minute * 60) * 1000;
            b.point(series, time_ms, (NOW_S - 120) * 1000, per_minute * minute as f64);
        }
        b.exemplar(Exemplar {
            group: series,
            part: 0,
            time_ms: (NOW_S - 30) * 1000,
            value: 1.0,
            trace_id: &trace_id(marker),
            span_id: &[1; 8],
            attributes: order.as_nested(),
        });
    }
    Batch::Samples(b.finish())
}
