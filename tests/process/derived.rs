//! The service map and the metrics made of spans, told by the process over HTTP: spans shuffled over requests, requests
//! sent again, the process killed between any of them. The map has the edges there are and no other, and the counts are
//! those of the spans (issue 5, must-show 4).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Server, eventually_every, now_ns};

const REQUESTS: u64 = 60;
/// Of one export.
const SPANS_MAX: usize = 7;
const KILLS: usize = 4;
/// Windows are settled one after the other, with rests.
const LONG: Duration = Duration::from_secs(90);
/// Calls of that age are not answered any more: their windows are settled at once.
const AGE_NS: u64 = 300_000_000_000;
const MS: u64 = 1_000_000;

/// A span of a request: service, name, kind, the place of its parent, milliseconds from the request's start, and long.
type Row = (&'static str, &'static str, u64, Option<usize>, u64, u64);

const SHAPE: [Row; 7] = [
    ("front", "GET /", 2, None, 0, 100),
    ("front", "call cart", 3, Some(0), 5, 60),
    ("cart", "load", 2, Some(1), 10, 40),
    ("cart", "SELECT", 3, Some(2), 15, 20),
    ("front", "call stock", 3, Some(0), 70, 20),
    ("stock", "count", 2, Some(4), 72, 15),
    ("stock", "tell", 4, Some(5), 80, 2),
];

fn failed(request: u64, service: &str) -> bool {
    request.is_multiple_of(3) && service == "cart"
}

/// `base`: when the first request began, Unix nanoseconds.
fn span(base: u64, request: u64, index: usize) -> (&'static str, Value) {
    let (service, name, kind, parent, offset, length) = SHAPE[index];
    let id = |index: usize| format!("{:016x}", request * 100 + index as u64 + 1);
    let start = base + request * 20 * MS + offset * MS;
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let attributes = match name {
        "SELECT" => vec![text("db.system.name", "postgresql"), text("db.namespace", "shop")],
        "tell" => vec![text("messaging.system", "kafka"), text("messaging.destination.name", "stock")],
        _ => vec![],
    };
    let span = json!({
        "traceId": format!("{:032x}", request + 1), "spanId": id(index),
        "parentSpanId": parent.map(id).unwrap_or_default(),
        "name": name, "kind": kind, "attributes": attributes,
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + length * MS).to_string(),
        "status": {"code": if failed(request, service) { 2 } else { 0 }},
    });
    (service, span)
}

/// All spans of all requests in another order, some to an export.
fn exports() -> Vec<Value> {
    let rows = (0..REQUESTS).flat_map(|request| (0..SHAPE.len()).map(move |index| (request, index)));
    let base = now_ns() - AGE_NS;
    let mut spans: Vec<_> = rows.map(|(request, index)| span(base, request, index)).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..spans.len()).rev() {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        spans.swap(at, (state >> 33) as usize % (at + 1));
    }
    let of_resource = |(service, span): &(&str, Value)| {
        let name = json!({"key": "service.name", "value": {"stringValue": service}});
        json!({"resource": {"attributes": [name]}, "scopeSpans": [{"spans": [span]}]})
    };
    let export =
        |part: &[(&str, Value)]| json!({"resourceSpans": part.iter().map(of_resource).collect::<Vec<_>>()});
    spans.chunks(SPANS_MAX).map(export).collect()
}

/// The sums of a counter by these labels, joined.
fn sums(server: &Server, metric: &str, labels: &[&str]) -> BTreeMap<String, f64> {
    let query = format!("sum%20by%20({})%20(increase({metric}%5B30m%5D))", labels.join(","));
    let json = server.get(&format!("/api/v1/query?query={query}")).json();
    let rows = json["data"]["result"].as_array().cloned().unwrap_or_default();
    let key = |row: &Value| {
        let of = |label: &&str| row["metric"][*label].as_str().unwrap_or_default().to_owned();
        labels.iter().map(of).collect::<Vec<_>>().join(" ")
    };
    let value = |row: &Value| row["value"][1].as_str().unwrap().parse::<f64>().unwrap().round();
    rows.iter().map(|row| (key(row), value(row))).filter(|(_, value)| *value != 0.0).collect()
}

fn named(rows: &[(&str, u64)]) -> BTreeMap<String, f64> {
    rows.iter().map(|(key, value)| ((*key).to_owned(), *value as f64)).collect()
}

#[test]
fn the_map_and_the_counts_are_those_of_the_spans_whatever_order_retry_or_kill() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let exports = exports();
    for part in exports.chunks(exports.len().div_ceil(KILLS)) {
        part.iter().for_each(|export| drop(server.send_json("default", "traces", export)));
        server.kill();
        server = Server::start(data.path(), &[]);
        // Its answer may have been lost.
        part.iter().rev().take(2).for_each(|export| drop(server.send_json("default", "traces", export)));
    }
    let bad = REQUESTS.div_ceil(3);
    let edges = named(&[
        ("cart shop database", REQUESTS),
        ("front cart ", REQUESTS),
        ("front stock ", REQUESTS),
        ("stock stock messaging_system", REQUESTS),
        ("user front virtual_node", REQUESTS),
    ]);
    let calls = named(&[
        ("cart STATUS_CODE_ERROR", 2 * bad),
        ("cart STATUS_CODE_UNSET", 2 * (REQUESTS - bad)),
        ("front STATUS_CODE_UNSET", 3 * REQUESTS),
        ("stock STATUS_CODE_UNSET", 2 * REQUESTS),
    ]);
    let told = |server: &Server| {
        (
            sums(server, "traces_service_graph_request_total", &["client", "server", "connection_type"]),
            sums(server, "traces_spanmetrics_calls_total", &["service", "status_code"]),
        )
    };
    let wanted = (edges, calls);
    let mut last = None;
    eventually_every(Duration::from_millis(500), "edges and counts", LONG, || {
        let now = told(&server);
        let same = now == wanted;
        last = Some(now);
        same.then_some(())
    });
    server.kill();
    let server = Server::start(data.path(), &[]);
    assert_eq!(told(&server), wanted, "after another kill");
}
