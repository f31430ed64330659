//! Loki push.

use serde_json::{Value, json};

use crate::support::now_ns;
use crate::{World, gzip, snappy};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];
const RANGE: &str = "/loki/api/v1/query_range?direction=forward&query=";

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
    out.extend_from_slice(content);
    out
}

fn varint(number: u8, value: u64) -> Vec<u8> {
    let mut out = vec![number << 3];
    prost::encoding::encode_varint(value, &mut out);
    out
}

/// A `PushRequest` with one line.
pub(super) fn protobuf(labels: &str, time_ns: u64, line: &str, metadata: (&str, &str)) -> Vec<u8> {
    let time = [varint(1, time_ns / 1_000_000_000), varint(2, time_ns % 1_000_000_000)].concat();
    let pair = [field(1, metadata.0.as_bytes()), field(2, metadata.1.as_bytes())].concat();
    let entry = [field(1, &time), field(2, line.as_bytes()), field(3, &pair)].concat();
    field(1, &[field(1, labels.as_bytes()), field(2, &entry)].concat())
}

/// Streams of an answer as (labels, lines).
fn streams(result: &Value) -> Vec<(Value, Vec<String>)> {
    let lines = |stream: &Value| {
        let values = stream["values"].as_array().unwrap();
        values.iter().map(|value| value[1].as_str().unwrap().to_owned()).collect()
    };
    result.as_array().unwrap().iter().map(|stream| (stream["stream"].clone(), lines(stream))).collect()
}

#[test]
fn pushed_lines_are_answered_with_exactly_the_labels_they_came_with() {
    let world = World::start();
    let now = now_ns();
    let pushed = json!({"streams": [{
        "stream": {"app": "shop", "namespace": "prod"},
        "values": [[now.to_string(), "second"], [(now - 1000).to_string(), "first", {"user": "7"}]],
    }]});
    for _ in 0..2 {
        let answer = world.post("/loki/api/v1/push", &JSON, pushed.to_string().as_bytes());
        assert_eq!((answer.status, answer.text()), (204, String::new()));
    }
    let body = snappy(&protobuf(r#"{namespace="prod", app="shop"}"#, now + 1000, "third", ("user", "8")));
    let headers = [("Content-Type", "application/x-protobuf")];
    assert_eq!(world.post("/api/prom/push", &headers, &body).status, 204);

    let labels = json!({"app": "shop", "namespace": "prod"});
    let counted = world.result("/loki/api/v1/query?query=sum%20by%20(app,namespace,service_name)(count_over_time(%7Bapp%3D%22shop%22%7D%5B1m%5D))");
    assert_eq!(
        (&counted[0]["metric"], &counted[0]["value"][1]),
        (&labels, &json!("3")),
        "a retry adds nothing"
    );
    let series = world.server.get("/loki/api/v1/series?match%5B%5D=%7Bapp%3D%22shop%22%7D").json();
    assert_eq!(series["data"], json!([labels]));
    let headers = [("X-Loki-Response-Encoding-Flags", "categorize-labels")];
    let path = format!("{RANGE}%7Bnamespace%3D%22prod%22%7D");
    let answer = crate::support::http::send(&world.server.main, "GET", &path, &headers, b"").json();
    let found = streams(&answer["data"]["result"]);
    assert_eq!(found, [(labels, vec!["first".into(), "second".into(), "third".into()])]);
    let metadata = &answer["data"]["result"][0]["values"][0][2]["structuredMetadata"];
    assert_eq!(metadata["user"], "7", "{metadata}");
    let filtered = world.result(&format!("{RANGE}%7Bapp%3D%22shop%22%7D%7Cuser%3D%228%22"));
    assert_eq!(streams(&filtered)[0].1, ["third"]);
    // From a segment the same.
    assert_eq!(world.post("/-/flush", &[], b"").status, 200);
    let filtered = world.result(&format!("{RANGE}%7Bapp%3D%22shop%22%7D%7Cuser%3D%228%22"));
    assert_eq!(streams(&filtered)[0].1, ["third"]);
}

#[test]
fn the_level_of_a_pushed_line_is_detected() {
    let world = World::start();
    let now = now_ns();
    let pushed = json!({"streams": [
        {"stream": {"app": "a", "level": "error"}, "values": [[now.to_string(), "by label"]]},
        {"stream": {"app": "a"}, "values": [[now.to_string(), "by metadata", {"level": "error"}]]},
        {"stream": {"app": "a"}, "values": [[now.to_string(), "by nothing"]]},
    ]});
    let body = gzip(pushed.to_string().as_bytes());
    let headers = [JSON[0], ("Content-Encoding", "gzip")];
    assert_eq!(world.post("/loki/api/v1/push", &headers, &body).status, 204);
    let found = world.result(&format!("{RANGE}%7Bapp%3D%22a%22%7D%7Cdetected_level%3D%22error%22"));
    let mut lines: Vec<String> = streams(&found).into_iter().flat_map(|(_, lines)| lines).collect();
    lines.sort();
    assert_eq!(lines, ["by label", "by metadata"]);
}

#[test]
fn the_good_part_of_a_push_is_kept() {
    let world = World::start();
    let now = now_ns().to_string();
    let pushed = json!({"streams": [
        {"stream": {}, "values": [[now, "no labels"]]},
        {"stream": {"app": "kept"}, "values": [["soon", "no time"], [now, "good"]]},
    ]});
    let answer = world.post("/loki/api/v1/push", &JSON, pushed.to_string().as_bytes());
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("the stream has no labels"), "{}", answer.text());
    let found = world.result(&format!("{RANGE}%7Bapp%3D%22kept%22%7D"));
    assert_eq!(streams(&found)[0].1, ["good"]);
    assert_eq!(world.post("/loki/api/v1/push", &JSON, b"{").status, 400);
    assert_eq!(world.post("/loki/api/v1/push", &[("Content-Encoding", "br")], b"x").status, 415);
}
