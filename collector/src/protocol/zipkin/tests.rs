//! Spans in both encodings and what becomes of them.

use store::model::{Batch, EventBatch, Field, Limits};

use super::*;
use crate::protocol::Reject;

const NOW_NS: i64 = 1_700_000_000_000_000_000;

fn run(encoding: Encoding, body: &[u8]) -> Result<Decoded, DecodeError> {
    let limits = Limits::default();
    decode(Signal::Spans, encoding, body, &DecodeCtx { now_ns: NOW_NS, limits: &limits, target: "" })
}

fn events(decoded: &Decoded) -> &EventBatch {
    match &decoded.batch {
        Batch::Events(events) => events,
        Batch::Samples(_) => unreachable!("Zipkin brings spans"),
    }
}

fn show(decoded: &Decoded) -> Vec<String> {
    let batch = events(decoded);
    let field = |row, field| batch.field(row, field).map_or(String::new(), |v| v.text().into_owned());
    let row = |row: usize| {
        let attributes: Vec<String> =
            batch.attributes(row).map(|(key, value)| format!("{key}={}", value.text())).collect();
        let facts = [
            Field::Name,
            Field::Kind,
            Field::Duration,
            Field::StatusCode,
            Field::StatusMessage,
            Field::Events,
        ]
        .map(|f| field(row, f));
        format!(
            "{} | {} | {} | {}",
            batch.stream(row).service(),
            batch.times()[row] - NOW_NS,
            facts.join(","),
            attributes.join(",")
        )
    };
    (0..batch.rows()).map(row).collect()
}

const JSON: &str = r#"[{"traceId":"5af7183fb1d4cf5f","id":"352bff9a74ca9ad2","parentId":"6b221d5bc9e6496c","kind":"CLIENT",
  "name":"get /api","timestamp":1700000000000001,"duration":1431,
  "localEndpoint":{"serviceName":"frontend","ipv4":"10.0.0.1","port":80},
  "remoteEndpoint":{"serviceName":"backend","ipv4":"192.168.99.101","port":9000},
  "annotations":[{"timestamp":1700000000000002,"value":"ws"}],"tags":{"http.path":"/api","error":"timeout"}}]"#;

const EXPECTED: &str = r#"frontend | 1000 | get /api,3,1431000,2,timeout,[{"time":1700000000000002000,"name":"ws"}] | http.path=/api,peer.service=backend,network.peer.address=192.168.99.101,network.peer.port=9000"#;

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

fn fixed64(field: u8, value: u64) -> Vec<u8> {
    [&[field << 3 | 1][..], &value.to_le_bytes()].concat()
}

#[test]
fn both_encodings_mean_the_same() {
    assert_eq!(show(&run(Encoding::Json, JSON.as_bytes()).unwrap()), [EXPECTED]);
    let endpoint =
        |name: &str, ip: [u8; 4], port| [bytes(1, name.as_bytes()), bytes(2, &ip), varint(4, port)].concat();
    let tag =
        |key: &str, value: &str| bytes(11, &[bytes(1, key.as_bytes()), bytes(2, value.as_bytes())].concat());
    let span = [
        bytes(1, &0x5af7_183f_b1d4_cf5f_u64.to_be_bytes()),
        bytes(2, &0x6b22_1d5b_c9e6_496c_u64.to_be_bytes()),
        bytes(3, &0x352b_ff9a_74ca_9ad2_u64.to_be_bytes()),
        varint(4, 1),
        bytes(5, b"get /api"),
        fixed64(6, 1_700_000_000_000_001),
        varint(7, 1431),
        bytes(8, &endpoint("frontend", [10, 0, 0, 1], 80)),
        bytes(9, &endpoint("backend", [192, 168, 99, 101], 9000)),
        bytes(10, &[fixed64(1, 1_700_000_000_000_002), bytes(2, b"ws")].concat()),
        tag("http.path", "/api"),
        tag("error", "timeout"),
    ]
    .concat();
    let mut list = vec![0x0a];
    list.extend(varint(0, span.len() as u64).split_off(1));
    list.extend(&span);
    let decoded = run(Encoding::Protobuf, &list).unwrap();
    assert_eq!(show(&decoded), [EXPECTED]);
    let batch = events(&decoded);
    assert_eq!(
        batch.field(0, Field::TraceId),
        events(&run(Encoding::Json, JSON.as_bytes()).unwrap()).field(0, Field::TraceId)
    );
}

#[test]
fn ids_are_padded_and_spans_without_one_are_refused_for_themselves() {
    let body = r#"[{"traceId":"1","id":"2","name":"short"},{"traceId":"0","id":"2"},{"traceId":"1"},
        {"traceId":"xyz","id":"1"},{"traceId":7,"id":"1"},5,{"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"A2fb4a1d1a96d312"}]"#;
    let decoded = run(Encoding::Json, body.as_bytes()).unwrap();
    assert_eq!(events(&decoded).rows(), 2);
    assert!(!decoded.all_timestamped);
    let rejected: Vec<_> = decoded.rejected.iter().collect();
    assert_eq!(decoded.rejected.total(), 5, "{rejected:?}");
    assert!(
        rejected.contains(&(Reject::SpanId, 1)) && rejected.contains(&(Reject::TraceId, 2)),
        "{rejected:?}"
    );
}

#[test]
fn what_is_no_list_refuses_the_request() {
    for body in ["", "{}", "[{]", "[{\"id\":\"1\"", "[] x"] {
        assert!(run(Encoding::Json, body.as_bytes()).is_err(), "{body}");
    }
    assert!(run(Encoding::Protobuf, &[0x0a, 5, 1]).is_err());
    assert_eq!(events(&run(Encoding::Json, b"[]").unwrap()).rows(), 0);
}
