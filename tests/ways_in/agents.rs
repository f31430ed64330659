//! Requests as agents make them: their paths, headers, compression and bodies, and what they ask before they send.

use serde_json::json;

use crate::support::{http, now_ns};
use crate::{World, gzip, loki, snappy};

type Header = (&'static str, &'static str);

/// Agent and output, path, headers, body; then a query and the one line it finds.
type Sent = (&'static str, &'static str, Vec<Header>, Vec<u8>, &'static str, &'static str);

const FLUENT: Header = ("User-Agent", "Fluent-Bit");
const VECTOR: Header = ("User-Agent", "Vector/0.50.0 (x86_64-unknown-linux-gnu)");
const JSON: Header = ("Content-Type", "application/json");
const LINES: Header = ("Content-Type", "application/x-ndjson");
const PACKED: Header = ("Content-Encoding", "gzip");

/// What `libbeat/esleg/eslegclient/bulkapi.go` asks for.
const FILEBEAT_BULK: &str = concat!(
    "/elasticsearch/_bulk?filter_path=errors%2Citems.index.status%2Citems.index.error%2Citems.create.status",
    "%2Citems.create.error%2Citems.update.status%2Citems.update.error"
);

fn rfc3339(time_ns: u64) -> String {
    let ns = i64::try_from(time_ns).unwrap();
    jiff::Timestamp::from_nanosecond(i128::from(ns)).unwrap().to_string()
}

fn ndjson(parts: &[serde_json::Value]) -> Vec<u8> {
    parts.iter().map(|part| format!("{part}\n")).collect::<String>().into_bytes()
}

fn push(now: u64, app: &str, line: &str, metadata: serde_json::Value) -> Vec<u8> {
    let values = json!([[now.to_string(), line, metadata]]);
    json!({"streams": [{"stream": {"app": app}, "values": values}]}).to_string().into_bytes()
}

fn fluent_bit(now: u64) -> Vec<Sent> {
    let time = rfc3339(now);
    vec![
        (
            "Fluent Bit, loki",
            "/loki/api/v1/push",
            vec![FLUENT, JSON],
            json!({"streams": [{"stream": {"app": "fb"}, "values": [[now.to_string(), "{\"log\":\"one\"}"]]}]})
                .to_string()
                .into_bytes(),
            r#"{app="fb"} | json | log="one""#,
            "{\"log\":\"one\"}",
        ),
        (
            "Fluent Bit, loki, gzip and structured metadata",
            "/loki/api/v1/push",
            vec![FLUENT, JSON, PACKED],
            gzip(&push(now, "fb-gzip", "two", json!({"trace": "7"}))),
            r#"{app="fb-gzip"} | trace="7""#,
            "two",
        ),
        (
            "Fluent Bit, es",
            "/elasticsearch/_bulk",
            vec![FLUENT, LINES],
            ndjson(&[
                json!({"create": {"_index": "fluent-bit", "_type": "_doc"}}),
                json!({"@timestamp": time, "log": "three", "kubernetes": {"pod_name": "cart-1", "namespace_name": "shop"}}),
            ]),
            r#"{elasticsearch_index="fluent-bit"}"#,
            "three",
        ),
        (
            "Fluent Bit, es, gzip",
            "/elasticsearch/_bulk",
            vec![FLUENT, LINES, PACKED],
            gzip(&ndjson(&[
                json!({"index": {"_index": "fb-gzip"}}),
                json!({"@timestamp": time, "log": "four"}),
            ])),
            r#"{elasticsearch_index="fb-gzip"}"#,
            "four",
        ),
    ]
}

fn vector(now: u64) -> Vec<Sent> {
    let time = rfc3339(now);
    vec![
        (
            "Vector, loki",
            "/loki/api/v1/push",
            vec![VECTOR, ("Content-Type", "application/x-protobuf")],
            snappy(&loki::protobuf(r#"{app="vector"}"#, now, "five", ("host", "a"))),
            r#"{app="vector"} | host="a""#,
            "five",
        ),
        (
            "Vector, elasticsearch",
            "/elasticsearch/_bulk",
            vec![VECTOR, LINES, PACKED],
            gzip(&ndjson(&[
                json!({"index": {"_index": "vector-2026.11.26"}}),
                json!({"timestamp": time, "message": "six", "source_type": "file", "file": "/var/log/cart.log"}),
            ])),
            r#"{elasticsearch_index="vector-2026.11.26"} | source_type="file" | timestamp="" "#,
            "six",
        ),
        (
            "Vector, loki, JSON",
            "/loki/api/v1/push",
            vec![VECTOR, JSON, PACKED],
            gzip(&push(now, "vector-json", "nine", json!({}))),
            r#"{app="vector-json"}"#,
            "nine",
        ),
    ]
}

fn filebeat_and_promtail(now: u64) -> Vec<Sent> {
    let time = rfc3339(now);
    vec![
        (
            "Filebeat",
            FILEBEAT_BULK,
            vec![
                ("User-Agent", "Elastic-filebeat/8.19.0 (linux; amd64)"),
                ("Accept", "application/json"),
                ("Content-Type", "application/json; charset=UTF-8"),
                ("X-Elastic-Uncompressed-Request-Length", "250"),
                PACKED,
            ],
            gzip(&ndjson(&[
                json!({"create": {"_index": "filebeat-8.19.0"}}),
                json!({
                    "@timestamp": time, "message": "seven", "log": {"offset": 12, "file": {"path": "/var/log/a"}},
                    "input": {"type": "filestream"}, "ecs": {"version": "8.0.0"}, "host": {"name": "node-1"},
                    "agent": {"type": "filebeat", "version": "8.19.0"},
                }),
            ])),
            r#"{elasticsearch_index="filebeat-8.19.0"} | log_offset="12""#,
            "seven",
        ),
        (
            "Promtail",
            "/loki/api/v1/push",
            vec![("User-Agent", "promtail/3.5.0"), ("Content-Type", "application/x-protobuf")],
            snappy(&loki::protobuf(r#"{app="promtail", filename="/var/log/b"}"#, now, "eight", ("pod", "b"))),
            r#"{app="promtail", filename="/var/log/b"} | pod="b""#,
            "eight",
        ),
    ]
}

fn plain_lines(now: u64) -> Vec<Sent> {
    vec![
        (
            "Fluent Bit, http, json_lines",
            "/api/v1/logs/ndjson",
            vec![FLUENT, LINES],
            ndjson(&[json!({"date": now as f64 / 1e9, "log": "ten", "service.name": "fb-lines"})]),
            r#"{service_name="fb-lines"}"#,
            "ten",
        ),
        (
            "VictoriaLogs' clients",
            "/insert/jsonline?_stream_fields=service.name&_msg_field=_msg&_time_field=_time",
            vec![("Content-Type", "application/stream+json")],
            ndjson(&[json!({"_time": rfc3339(now), "_msg": "eleven", "service.name": "vl-lines"})]),
            r#"{service_name="vl-lines"}"#,
            "eleven",
        ),
    ]
}

#[test]
fn what_agents_send_is_taken_and_found() {
    let world = World::start();
    let now = now_ns();
    for (agent, path, headers, body, query, line) in
        [fluent_bit(now), vector(now), filebeat_and_promtail(now), plain_lines(now)].concat()
    {
        let answer = world.post(path, &headers, &body);
        // Vector takes nothing but 204 of Loki for an answer.
        let wanted = if path.starts_with("/elasticsearch") { 200 } else { 204 };
        assert_eq!(answer.status, wanted, "{agent}: {}", answer.text());
        assert!(!answer.text().contains("\"error\""), "{agent}: {}", answer.text());
        assert_eq!(world.lines(query), [line], "{agent}: {query}");
    }
}

#[test]
fn what_agents_ask_before_they_send_is_answered() {
    let world = World::start();
    for (agent, path) in [
        ("Vector, loki", "/ready"),
        ("Vector, elasticsearch", "/elasticsearch/_cluster/health"),
        ("Vector, elasticsearch", "/elasticsearch/"),
        ("Filebeat", "/elasticsearch/_license?human=false"),
        ("Filebeat", "/elasticsearch/_ilm/policy/filebeat"),
        ("Filebeat", "/elasticsearch/_cat/templates/filebeat"),
        ("Filebeat", "/elasticsearch/_xpack"),
        ("Filebeat", "/elasticsearch/_index_template/filebeat-8.19.0"),
    ] {
        let answer = http::send(&world.server.main, "GET", path, &[], b"");
        assert_eq!(answer.status, 200, "{agent}: {path}: {}", answer.text());
    }
}
