//! Bodies no honest sender makes: each gets the answer of its row in the table of errors, the process lives on, and its
//! memory stays bounded (issue 2, must-show 3).

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::body::{Body, Bytes};
use prost::Message as _;

use crate::grpc::{Line, export_path, frame};
use crate::otlp::{JSON, PROTOBUF, SIGNALS, bomb, deep, deep_json, records};
use crate::rpc::Status;
use crate::support::{Server, eventually_every, http, now_ns};

const MIB: usize = 1 << 20;
/// What the process may hold at most while many such bodies come in at once, in a debug build: the memory of ingestion
/// (`ingest_memory_bytes_max`, 192 MiB), what is on its way in sockets, and itself. The allocator is told to give back
/// at once: by itself it waits a second, and what was freed in that time would count.
const MEMORY_MAX_MIB: usize = 400;
const GIVE_BACK_AT_ONCE: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "0");
/// Senders of each kind at once.
const SENDERS: usize = 3;

/// One request over HTTP and what it must be answered.
struct Case {
    what: &'static str,
    content_type: &'static str,
    coding: &'static str,
    chunked: bool,
    body: Vec<u8>,
    status: u16,
    code: i32,
}

fn case(what: &'static str, content_type: &'static str, body: Vec<u8>, status: u16, code: i32) -> Case {
    Case { what, content_type, coding: "", chunked: false, body, status, code }
}

fn cases(signal: &str) -> Vec<Case> {
    let good = || records(signal, "good", &[now_ns()]);
    let mut cases = vec![
        case("malformed protobuf", PROTOBUF, vec![0x0a, 0x80], 400, 3),
        case("protobuf that ends early", PROTOBUF, good()[..20].to_vec(), 400, 3),
        case("malformed JSON", JSON, b"{\"resourceLogs\":[".to_vec(), 400, 3),
        case("JSON that is no object", JSON, b"[1]".to_vec(), 400, 3),
        case("wrong content type", "text/plain", good(), 415, 3),
        case("no content type", "", good(), 415, 3),
        case("depth 10,000", PROTOBUF, deep(signal, 10_000), 400, 3),
        case("depth 10,000 as JSON", JSON, deep_json(signal, 10_000), 400, 3),
        case("70 MiB, declared", PROTOBUF, vec![0x0a; 70 * MIB], 413, 8),
        case("70 MiB of JSON, declared", JSON, vec![b' '; 70 * MIB], 413, 8),
        Case { chunked: true, ..case("70 MiB, chunked", PROTOBUF, vec![0x0a; 70 * MIB], 413, 8) },
        Case { coding: "gzip", ..case("no gzip", PROTOBUF, good(), 400, 3) },
        Case { coding: "br", ..case("unknown coding", PROTOBUF, good(), 415, 3) },
    ];
    for coding in ["gzip", "deflate", "zstd"] {
        cases.push(Case { coding, ..case("bomb", PROTOBUF, bomb(coding), 413, 8) });
    }
    cases
}

fn send(address: &str, signal: &str, case: &Case) -> http::Answer {
    let mut headers = vec![];
    if !case.content_type.is_empty() {
        headers.push(("Content-Type", case.content_type));
    }
    if !case.coding.is_empty() {
        headers.push(("Content-Encoding", case.coding));
    }
    let path = format!("/v1/{signal}");
    if case.chunked {
        http::send_chunked(address, &path, &headers, &case.body)
    } else {
        http::send(address, "POST", &path, &headers, &case.body)
    }
}

/// A `google.rpc.Status` in the encoding of the request; who sent neither is answered in JSON.
fn status_of(answer: &http::Answer, case: &Case) -> Status {
    if case.content_type == PROTOBUF {
        assert_eq!(answer.header("content-type"), Some(PROTOBUF));
        return Status::decode(answer.body.as_slice()).expect("a google.rpc.Status");
    }
    assert_eq!(answer.header("content-type"), Some(JSON));
    let json = answer.json();
    let code = json["code"].as_i64().expect("a code") as i32;
    Status { code, message: json["message"].as_str().expect("a message").to_owned(), details: vec![] }
}

/// A sender that means well is served.
fn takes_good_requests(server: &Server) {
    for signal in SIGNALS {
        let body = records(signal, "good", &[now_ns()]);
        let answer = http::send(
            &server.otlp_http,
            "POST",
            &format!("/v1/{signal}"),
            &[("Content-Type", PROTOBUF)],
            &body,
        );
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{signal}: {}", answer.text());
        let body = records(signal, "good over grpc", &[now_ns()]);
        assert_eq!(
            Line::open(&server.otlp_grpc).call(&export_path(signal), &[], frame(false, &body)).code,
            0
        );
    }
}

#[test]
fn over_http_each_gets_the_answer_of_the_table() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for signal in SIGNALS {
        for case in cases(signal) {
            let answer = send(&server.otlp_http, signal, &case);
            let what = format!("{signal}: {} {}", case.what, case.coding);
            assert_eq!(answer.status, case.status, "{what}: {}", answer.text());
            assert_eq!(answer.header("retry-after"), None, "{what}");
            let status = status_of(&answer, &case);
            assert_eq!((status.code, status.details.len()), (case.code, 0), "{what}");
            assert!(!status.message.is_empty(), "{what}");
        }
    }
    takes_good_requests(&server);
}

#[test]
fn over_grpc_each_gets_the_answer_of_the_table() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let line = Line::open(&server.otlp_grpc);
    for signal in SIGNALS {
        let path = export_path(signal);
        let good = records(signal, "good", &[now_ns()]);
        let large = Bytes::from(frame(false, &vec![0x0a; 70 * MIB]));
        let undeclared = Body::new(ChunkedBody(large.clone()));
        let bomb = |coding| frame(true, &bomb(coding)).into();
        let cases: Vec<(&str, &str, Body, i32)> = vec![
            ("malformed protobuf", "", frame(false, &[0x0a, 0x80]).into(), 3),
            ("no message", "", Body::empty(), 3),
            ("a length that lies", "", vec![0, 0, 0, 0, 9, 1].into(), 3),
            ("depth 10,000", "", frame(false, &deep(signal, 10_000)).into(), 3),
            ("70 MiB, declared", "", large.into(), 8),
            ("70 MiB, length undeclared", "", undeclared, 8),
            ("gzip bomb", "gzip", bomb("gzip"), 8),
            ("deflate bomb", "deflate", bomb("deflate"), 8),
            ("zstd bomb", "zstd", bomb("zstd"), 8),
            ("no gzip", "gzip", frame(true, &good).into(), 3),
            ("unknown coding", "br", frame(true, &good).into(), 12),
        ];
        for (what, coding, body, code) in cases {
            let headers = [("grpc-encoding", coding)];
            let reply = line.call(&path, if coding.is_empty() { &[] } else { &headers }, body);
            assert_eq!((reply.code, reply.details), (code, None), "{signal}: {what}");
        }
    }
    takes_good_requests(&server);
}

/// A body in parts whose length nobody says before.
struct ChunkedBody(Bytes);

impl http_body::Body for ChunkedBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let part = self.0.len().min(1 << 16);
        let part = self.0.split_to(part);
        std::task::Poll::Ready((!part.is_empty()).then_some(Ok(http_body::Frame::data(part))))
    }
}

/// Sends until the answer is final; in between only "not now, come again" is allowed. Says how often it was told so.
fn insist(mut attempt: impl FnMut() -> (bool, bool)) -> usize {
    let mut told = 0;
    // As the hint says: a second.
    eventually_every(Duration::from_secs(1), "a final answer", Duration::from_secs(240), || {
        let (is_final, may_retry) = attempt();
        assert!(is_final || may_retry, "neither its answer nor a retry hint");
        told += usize::from(!is_final);
        is_final.then_some(())
    });
    told
}

fn over_http(address: &str, case: &Case) -> usize {
    insist(|| {
        let answer = send(address, "logs", case);
        let later = answer.status == 503 && answer.header("retry-after").is_some();
        (answer.status == case.status, later)
    })
}

fn over_grpc(address: &str, coding: &str, framed: &Bytes, code: i32) -> usize {
    let line = Line::open(address);
    let headers = [("grpc-encoding", coding)];
    insist(|| {
        let reply = line.call(&export_path("logs"), &headers, framed.clone());
        (reply.code == code, reply.code == 14 && reply.details.is_some())
    })
}

fn peak_mib(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

#[test]
fn many_at_once_stay_within_the_memory_of_ingestion() {
    let data = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::start_with(data.path(), &[], &[GIVE_BACK_AT_ONCE]));
    let wanted = ["70 MiB, declared", "70 MiB, chunked", "bomb", "depth 10,000", "depth 10,000 as JSON"];
    let cases: Vec<Arc<Case>> = cases("logs")
        .into_iter()
        .filter(|case| wanted.contains(&case.what))
        .chain([case("a good one", PROTOBUF, records("logs", "good", &[now_ns()]), 200, 0)])
        .map(Arc::new)
        .collect();
    let calls: Vec<(&str, Bytes, i32)> = vec![
        ("identity", frame(false, &vec![0x0a; 70 * MIB]).into(), 8),
        ("gzip", frame(true, &bomb("gzip")).into(), 8),
        ("zstd", frame(true, &bomb("zstd")).into(), 8),
        ("identity", frame(false, &deep("logs", 10_000)).into(), 3),
        ("identity", frame(false, &records("logs", "good", &[now_ns()])).into(), 0),
    ];
    let mut senders = Vec::new();
    for _ in 0..SENDERS {
        for case in &cases {
            let (server, case) = (Arc::clone(&server), Arc::clone(case));
            senders.push(thread::spawn(move || over_http(&server.otlp_http, &case)));
        }
        for (coding, framed, code) in calls.clone() {
            let server = Arc::clone(&server);
            senders.push(thread::spawn(move || over_grpc(&server.otlp_grpc, coding, &framed, code)));
        }
    }
    let senders_count = senders.len();
    let retries: usize = senders.into_iter().map(|sender| sender.join().expect("a sender is served")).sum();
    takes_good_requests(&server);
    let peak = peak_mib(&server);
    eprintln!("{senders_count} senders, {retries} told to retry, peak {peak} MiB");
    assert!(peak < MEMORY_MAX_MIB, "{peak} MiB at the peak, {MEMORY_MAX_MIB} allowed");
}
