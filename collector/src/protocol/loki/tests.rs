//! Pushes in both encodings and what becomes of them.

use store::model::{Batch, EventBatch, Field, Limits, Value};

use super::*;
use crate::protocol::Reject;

const NOW_NS: i64 = 1_700_000_000_000_000_000;

fn run(encoding: Encoding, body: &[u8]) -> Result<Decoded, DecodeError> {
    let limits = Limits { log_body_bytes_max: 100, ..Limits::default() };
    decode(Signal::Logs, encoding, body, &DecodeCtx { now_ns: NOW_NS, limits: &limits, target: "" })
}

fn json(body: &str) -> Decoded {
    run(Encoding::Json, body.as_bytes()).unwrap()
}

fn events(decoded: &Decoded) -> &EventBatch {
    match &decoded.batch {
        Batch::Events(events) => events,
        Batch::Samples(_) => unreachable!("a push brings logs"),
    }
}

/// Every row as `labels | time | line | metadata`.
fn lines(decoded: &Decoded) -> Vec<String> {
    let batch = events(decoded);
    let pairs = |pairs: Vec<(&str, Value<'_>)>| {
        pairs.iter().map(|(key, value)| format!("{key}={}", value.text())).collect::<Vec<_>>().join(",")
    };
    let line = |row: usize| {
        let stream = batch.stream(row);
        assert!(stream.has_plain_labels());
        let line = batch.field(row, Field::Body).unwrap().text().into_owned();
        let labels = pairs(stream.resource.iter().collect());
        let metadata = pairs(batch.attributes(row).collect());
        format!("{labels} | {} | {line} | {metadata}", batch.times()[row] - NOW_NS)
    };
    (0..batch.rows()).map(line).collect()
}

fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2, u8::try_from(content.len()).unwrap()];
    out.extend_from_slice(content);
    out
}

fn varint(field: u8, mut value: u64) -> Vec<u8> {
    let mut out = vec![field << 3];
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn entry(line: &[u8], pairs: &[(&str, &str)]) -> Vec<u8> {
    let time = [varint(1, 1_700_000_000), varint(2, 5)].concat();
    let mut entry = [bytes(1, &time), bytes(2, line)].concat();
    for (name, value) in pairs {
        entry.extend(bytes(3, &[bytes(1, name.as_bytes()), bytes(2, value.as_bytes())].concat()));
    }
    bytes(2, &entry)
}

#[test]
fn both_encodings_and_the_older_form_mean_the_same() {
    let expected = ["app=shop,env=prod | 5 | hello | user=7"];
    let now = json(
        r#"{"streams":[{"values":[["1700000000000000005","hello",{"user":"7"}]],
            "stream":{"env":"prod","app":"shop"},"more":[1,{"a":null}]}]}"#,
    );
    assert_eq!(lines(&now), expected);
    let older = json(
        r#"{"streams":[{"labels":"{env=\"prod\", app=\"shop\"}","entries":[
            {"ts":"2023-11-14T22:13:20.000000005Z","line":"hello","structuredMetadata":{"user":7}}]}]}"#,
    );
    assert_eq!(lines(&older), expected);
    let stream = [bytes(1, br#"{env="prod", app="shop"}"#), entry(b"hello", &[("user", "7")])].concat();
    let protobuf = run(Encoding::Protobuf, &bytes(1, &stream)).unwrap();
    assert_eq!(lines(&protobuf), expected);
    for decoded in [now, older, protobuf] {
        assert!(decoded.all_timestamped && decoded.rejected.total() == 0);
    }
}

#[test]
fn ids_in_the_metadata_are_fields_of_the_record() {
    let decoded = json(
        r#"{"streams":[{"stream":{"a":"b"},"values":[
            ["1700000000000000000","x",{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"none"}]]}]}"#,
    );
    let batch = events(&decoded);
    assert_eq!(batch.field(0, Field::TraceId).map(|id| id.text().len()), Some(24), "16 bytes in base64");
    assert_eq!(lines(&decoded), ["a=b | 0 | x | span_id=none"]);
}

#[test]
fn lines_that_are_wrong_are_refused_one_by_one() {
    let body = r#"{"streams":[{"stream":{"a":"b"},"values":[
            ["1700000000000000000","good"], ["soon","bad time"], ["1700000000000000000"],
            ["9000000000000000000","future"],
            ["1700000000000000000",{"not":"text"}], 7, ["1699999999999999999","good, older"]]}]}"#;
    let decoded = json(body);
    assert_eq!(lines(&decoded), ["a=b | 0 | good | ", "a=b | -1 | good, older | "]);
    let rejects: Vec<_> = decoded.rejected.iter().collect();
    assert!(rejects.contains(&(Reject::Time, 1)) && rejects.contains(&(Reject::InFuture, 1)), "{rejects:?}");
}

#[test]
fn a_line_that_is_too_long_is_cut_and_the_others_stay() {
    let body = format!(
        r#"{{"streams":[{{"stream":{{"a":"b"}},"values":[
            ["1700000000000000000","good"],["1700000000000000001","long {}"]]}}]}}"#,
        "x".repeat(120)
    );
    let decoded = json(&body);
    let expected =
        ["a=b | 0 | good | ", "a=b | 1 | long … [cut, 125 bytes in all] | signalbox.cut_from_bytes=125"];
    assert_eq!(lines(&decoded), expected);
    assert_eq!(decoded.rejected.total(), 0);
}

#[test]
fn streams_with_wrong_labels_are_refused_and_no_other() {
    for (labels, reject) in [
        (r#""stream":{}"#, Reject::NoLabels),
        (r#""stream":{"a":1}"#, Reject::BadValue),
        (r#""stream":{"a":"1","a":"2"}"#, Reject::LabelTwice),
        (r#""stream":{"":"1"}"#, Reject::LabelName),
        (r#""labels":"{a=}""#, Reject::Labels),
        (r#""other":1"#, Reject::NoLabels),
    ] {
        let body = format!(
            r#"{{"streams":[{{{labels},"values":[["1","x"],["2","y"]]}},
                {{"stream":{{"a":"b"}},"values":[["1700000000000000000","good"]]}}]}}"#
        );
        let decoded = json(&body);
        assert_eq!(decoded.rejected.iter().collect::<Vec<_>>(), [(reject, 2)], "{labels}");
        assert_eq!(lines(&decoded), ["a=b | 0 | good | "], "{labels}");
    }
}

#[test]
fn bytes_that_are_no_text_are_shown_and_no_time_is_the_servers() {
    let stream =
        [bytes(1, br#"{a="b"}"#), entry(&[b'x', 0xff], &[]), bytes(2, &bytes(2, b"no time"))].concat();
    let decoded = run(Encoding::Protobuf, &bytes(1, &stream)).unwrap();
    assert_eq!(lines(&decoded), ["a=b | 5 | x\u{fffd} | ", "a=b | 0 | no time | "]);
    assert!(!decoded.all_timestamped);
}

#[test]
fn what_is_no_push_refuses_the_request() {
    for body in ["", "[]", "{", r#"{"streams":{}}"#, r#"{"streams":[{"values":[["1","x"]}]}"#, "{} x"] {
        assert!(run(Encoding::Json, body.as_bytes()).is_err(), "{body}");
    }
    assert!(run(Encoding::Protobuf, &[0x0a, 9, 1]).is_err());
    assert_eq!(events(&json("{}")).rows(), 0);
    assert_eq!(events(&json(r#"{"streams":null}"#)).rows(), 0);
}
