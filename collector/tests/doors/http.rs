use bytes::Bytes;
use collector::{Collector, Config, Dialect, HttpRoute};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message as _;
use store::model::Signal;

use crate::answers::Status;
use crate::server::{JSON, PROTOBUF, Server, deep, gzip, log, logs, text, two_logs, zlib};

const LOGS: &str = "/v1/logs";

fn protobuf(encoding: &str) -> [(&str, &str); 2] {
    [("content-type", PROTOBUF), ("content-encoding", encoding)]
}

#[tokio::test]
async fn every_path_and_coding_is_taken_and_visible_with_the_answer() {
    let server = Server::start().await;
    let mut rows = 0;
    for (i, (coding, pack)) in [
        ("identity", (|b: &[u8]| b.to_vec()) as fn(&[u8]) -> Vec<u8>),
        ("gzip", gzip),
        ("deflate", zlib),
        ("zstd", |b| zstd::encode_all(b, 3).unwrap()),
    ]
    .into_iter()
    .enumerate()
    {
        let body = logs(vec![log(1_000 + i as u64, text("x"))]);
        let answer = server.post(LOGS, &protobuf(coding), pack(&body)).await;
        assert_eq!((answer.code, answer.header("content-type"), answer.body.len()), (200, Some(PROTOBUF), 0));
        rows += 1;
        assert_eq!(server.rows(Signal::Logs), rows, "{coding}");
    }
    let otlp = |route: &&HttpRoute| route.protocol.dialect == Dialect::Otlp && route.signal == Signal::Logs;
    for (i, route) in Collector::http_routes().iter().filter(otlp).enumerate() {
        let body = logs(vec![log(5_000 + i as u64, text("x"))]);
        assert_eq!(server.post(&route.path.replace("{org}", "o"), &protobuf(""), body).await.code, 200);
        rows += 1;
        assert_eq!(server.rows(Signal::Logs), rows, "{}", route.path);
    }
}

#[tokio::test]
async fn json_is_answered_in_json() {
    let server = Server::start().await;
    let good = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1"}]}]}]}"#;
    let headers = [("content-type", "application/json; charset=utf-8")];
    let answer = server.post(LOGS, &headers, good).await;
    assert_eq!((answer.code, answer.header("content-type"), answer.text()), (200, Some(JSON), "{}"));
    let partial =
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"2"},{"traceId":"x"}]}]}]}"#;
    assert_eq!(
        server.post(LOGS, &headers, partial).await.text(),
        r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"1 rejected: a JSON value has the wrong type or form"}}"#
    );
    let bad = server.post(LOGS, &headers, "{").await;
    assert_eq!(bad.code, 400);
    assert_eq!(bad.text(), r#"{"code":3,"message":"malformed JSON at byte 1: expected a key"}"#);
    let empty = server.post(LOGS, &headers, "{}").await;
    assert_eq!((empty.code, empty.text(), server.rows(Signal::Logs)), (200, "{}", 2));
}

#[tokio::test]
async fn what_is_wrong_with_all_of_it_is_told_once_and_for_good() {
    let server = Server::start().await;
    let status = |body: &Bytes| Status::decode(body.clone()).unwrap();
    for (headers, body, code, grpc_code) in [
        (vec![("content-type", PROTOBUF)], vec![0x0a, 0x80], 400, 3),
        (vec![("content-type", PROTOBUF), ("content-encoding", "gzip")], vec![1, 2, 3], 400, 3),
        (vec![("content-type", PROTOBUF), ("content-encoding", "br")], two_logs(), 415, 3),
        (vec![("content-type", PROTOBUF)], deep(10_000), 400, 3),
    ] {
        let answer = server.post(LOGS, &headers, body).await;
        assert_eq!((answer.code, answer.header("content-type")), (code, Some(PROTOBUF)));
        assert_eq!(status(&answer.body).code, grpc_code);
        assert!(!status(&answer.body).message.is_empty());
        assert_eq!(answer.header("retry-after"), None);
    }
    for content_type in ["text/plain", "application/grpc", "x"] {
        let answer = server.post(LOGS, &[("content-type", content_type)], two_logs()).await;
        assert_eq!((answer.code, answer.header("content-type")), (415, Some(JSON)));
    }
    assert_eq!(server.rows(Signal::Logs), 0);
    assert_eq!(server.metric("signalbox_collector_memory_bytes"), 0.0);
}

#[tokio::test]
async fn bodies_over_the_cap_are_refused_before_and_while_they_unfold() {
    let server = Server::start().await;
    let large = server.post(LOGS, &protobuf("identity"), vec![0; 70 << 20]).await;
    assert_eq!((large.code, large.header("retry-after")), (413, None));
    // zstd makes a bomb in no time, even in a debug build.
    let bomb = zstd::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 1).unwrap();
    assert!(bomb.len() < 1 << 20);
    assert_eq!(server.post(LOGS, &protobuf("zstd"), bomb).await.code, 413);
    let small = Server::with_limits(|limits| limits.body_decompressed_bytes_max = 1 << 20).await;
    assert_eq!(small.post(LOGS, &protobuf("gzip"), gzip(&vec![0; 2 << 20])).await.code, 413);
    assert_eq!(small.post(LOGS, &protobuf("gzip"), gzip(&two_logs())).await.code, 200);
}

#[tokio::test]
async fn one_bad_record_is_refused_alone() {
    let server = Server::start().await;
    let mut body = logs(vec![log(1, text("good")), log(u64::MAX, text("from the future"))]);
    body.extend(deep(65));
    let answer = server.post(LOGS, &protobuf(""), body).await;
    assert_eq!(answer.code, 200);
    let partial = ExportLogsServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_log_records, 2);
    assert!(partial.error_message.contains("nested too deeply"), "{}", partial.error_message);
    assert_eq!(server.rows(Signal::Logs), 1);
    assert_eq!(server.metric("signalbox_records_rejected_total"), 2.0);
}

#[tokio::test]
async fn a_retry_stores_nothing_twice_and_gets_the_same_answer() {
    let server = Server::start().await;
    let body = logs(vec![log(1, text("a")), log(u64::MAX, text("b"))]);
    let first = server.post(LOGS, &protobuf(""), body.clone()).await;
    let again = server.post(LOGS, &protobuf("gzip"), gzip(&body)).await;
    assert_eq!((first.code, &first.body), (again.code, &again.body));
    assert_eq!(server.rows(Signal::Logs), 1);
    assert_eq!(server.metric("signalbox_collector_duplicate_requests_total"), 1.0);
}

#[tokio::test]
async fn bodies_without_times_are_new_unless_they_bring_a_key() {
    let server = Server::start().await;
    let body = logs(vec![log(0, text("a"))]);
    for _ in 0..2 {
        assert_eq!(server.post(LOGS, &protobuf(""), body.clone()).await.code, 200);
    }
    assert_eq!(server.rows(Signal::Logs), 2);
    let headers = [("content-type", PROTOBUF), ("idempotency-key", "k1")];
    for _ in 0..2 {
        assert_eq!(server.post(LOGS, &headers, body.clone()).await.code, 200);
    }
    assert_eq!(server.rows(Signal::Logs), 3);
}

#[tokio::test]
async fn without_memory_senders_are_told_to_retry() {
    let server = Server::with_limits(|limits| limits.ingest_memory_bytes_max = 10).await;
    let answer = server.post(LOGS, &protobuf(""), two_logs()).await;
    assert_eq!((answer.code, answer.header("retry-after")), (503, Some("1")));
    let status = Status::decode(answer.body).unwrap();
    assert_eq!((status.code, status.details.len()), (14, 1));
    assert_eq!(server.metric("signalbox_collector_permits_refused_total"), 1.0);
}

#[tokio::test]
async fn browsers_are_answered_when_their_origin_is_named() {
    let origin = ("origin", "https://shop.example");
    let closed = Server::start().await;
    let answer = closed.post(LOGS, &[("content-type", PROTOBUF), origin], two_logs()).await;
    assert_eq!((answer.code, answer.header("access-control-allow-origin")), (200, None));
    let open =
        Server::with(Config { cors_origins: vec!["https://shop.example".into()], ..Config::default() }).await;
    let preflight = open.send("OPTIONS", false, LOGS, &[origin], Bytes::new()).await;
    assert_eq!((preflight.code, preflight.header("access-control-allow-methods")), (204, Some("POST")));
    let answer = open.post(LOGS, &[("content-type", PROTOBUF), origin], two_logs()).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
}
