use base64::Engine as _;
use collector::{Config, RawProcessing};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message as _;
use store::model::Signal;

use crate::answers::Status;
use crate::server::{Answer, Server, gzip, log, logs, text, two_logs};

fn details(answer: &Answer) -> Option<Status> {
    let encoded = answer.header("grpc-status-details-bin")?;
    let bytes =
        base64::engine::general_purpose::STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).unwrap();
    Some(Status::decode(bytes.as_slice()).unwrap())
}

#[tokio::test]
async fn calls_are_taken_plain_and_compressed() {
    let server = Server::start().await;
    let one = |i: u64| logs(vec![log(i, text("x"))]);
    let zstd = zstd::encode_all(one(3).as_slice(), 3).unwrap();
    for (compressed, encoding, message) in [
        (false, "identity", one(1)),
        (true, "gzip", gzip(&one(2))),
        (true, "zstd", zstd),
        (false, "gzip", one(4)),
    ] {
        let answer = server.call(compressed, &[("grpc-encoding", encoding)], &message).await;
        assert_eq!((answer.code, answer.grpc_code()), (200, 0), "{encoding}");
        assert_eq!(&answer.body[..], [0; 5]);
    }
    assert_eq!(server.rows(Signal::Logs), 4);
}

#[tokio::test]
async fn refused_records_are_told_in_the_answer() {
    let server = Server::start().await;
    let body = logs(vec![log(1, text("a")), log(u64::MAX, text("b"))]);
    let answer = server.call(false, &[], &body).await;
    let response = ExportLogsServiceResponse::decode(&answer.body[5..]).unwrap();
    assert_eq!(response.partial_success.unwrap().rejected_log_records, 1);
    assert_eq!(answer.grpc_code(), 0);
}

#[tokio::test]
async fn refusals_carry_the_codes_of_the_table() {
    let server = Server::with_limits(|limits| limits.body_decompressed_bytes_max = 1 << 20).await;
    let large = vec![0; 2 << 20];
    for (compressed, encoding, message, code) in [
        (false, "identity", large.clone(), 8),
        (true, "gzip", gzip(&large), 8),
        (false, "identity", vec![0x0a, 0x80], 3),
        (true, "gzip", vec![1, 2, 3], 3),
        (true, "br", two_logs(), 12),
    ] {
        let answer = server.call(compressed, &[("grpc-encoding", encoding)], &message).await;
        assert_eq!((answer.code, answer.grpc_code()), (200, code), "{encoding}");
        assert_eq!(details(&answer), None, "no retry hint");
    }
    assert_eq!(server.rows(Signal::Logs), 0);
}

#[tokio::test]
async fn overload_says_when_to_come_back() {
    let server = Server::with_limits(|limits| limits.ingest_memory_bytes_max = 10).await;
    let answer = server.call(false, &[], &two_logs()).await;
    assert_eq!(answer.grpc_code(), 14);
    let status = details(&answer).unwrap();
    assert_eq!(status.code, 14);
    assert_eq!(status.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let retry_info = status.details[0].value.clone().unwrap();
    assert_eq!(retry_info.retry_delay.unwrap().seconds, 1);
}

#[tokio::test]
async fn a_service_over_its_quota_is_told_when_to_come_back_and_counted() {
    let raw: RawProcessing =
        serde_saphyr::from_str("quotas: [{records_per_s: 0.001, burst_s: 1000}]").unwrap();
    let server = Server::with(Config { processing: raw.check().unwrap(), ..Config::default() }).await;
    assert_eq!(server.call(false, &[], &two_logs()).await.grpc_code(), 0);
    let answer = server.call(false, &[], &logs(vec![log(3_000, text("three"))])).await;
    assert_eq!(answer.grpc_code(), 8);
    let status = details(&answer).unwrap();
    assert_eq!(status.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    assert_eq!(server.rows(Signal::Logs), 2);
    assert_eq!(server.metric("signalbox_records_refused_total"), 1.0);
    assert_eq!(server.metric("signalbox_processing_over_quota_total"), 1.0);
}

#[tokio::test]
async fn a_retry_over_the_other_transport_is_known_too() {
    let server = Server::start().await;
    assert_eq!(server.call(false, &[], &two_logs()).await.grpc_code(), 0);
    let headers = [("content-type", crate::server::PROTOBUF)];
    assert_eq!(server.post("/v1/logs", &headers, two_logs()).await.code, 200);
    assert_eq!(server.rows(Signal::Logs), 2);
}
