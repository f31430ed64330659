//! Requests that come again: what carries its senders' times is stored once and answered as it was, also while the first
//! is under way and after a kill; what carries none is new each time unless it brings a key (issue 2, must-show 4).

use std::sync::{Arc, Barrier};
use std::thread;

use crate::grpc::{Line, export_path, frame};
use crate::otlp::{FAR_AHEAD, PROTOBUF, SIGNALS, records};
use crate::support::{Server, eventually, http, now_ns};

/// Records of a request that are stored; as many as make a request last some milliseconds.
const RECORDS: u64 = 2_000;
/// Copies of one request under way at once.
const COPIES: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Http,
    Grpc,
}

const DOORS: [Door; 2] = [Door::Http, Door::Grpc];

/// An answer: success and the export response as it came.
type Answer = (bool, Vec<u8>);

impl Door {
    fn send(self, server: &Server, signal: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        match self {
            Self::Http => {
                let mut all = vec![("Content-Type", PROTOBUF)];
                all.extend(headers);
                let answer = http::send(&server.otlp_http, "POST", &format!("/v1/{signal}"), &all, body);
                (answer.status == 200, answer.body)
            }
            Self::Grpc => {
                let line = Line::open(&server.otlp_grpc);
                let reply = line.call(&export_path(signal), headers, frame(false, body));
                (reply.code == 0, reply.message)
            }
        }
    }
}

/// Spans have a tenant of their own: metrics are made of them, and would be counted with the samples that were sent.
fn tenant(signal: &str) -> &'static str {
    if signal == "traces" { "spans" } else { "default" }
}

fn header(signal: &str) -> [(&'static str, &'static str); 1] {
    [("x-scope-orgid", tenant(signal))]
}

/// Records of a tenant stored since its beginning, as the status counts them.
fn stored(server: &Server, tenant: &str, signal: &str) -> u64 {
    let kept = match signal {
        "metrics" => "samples",
        "traces" => "spans",
        same => same,
    };
    let status = server.get_as(tenant, "/api/signalbox/status").json();
    let signals = status["storage"]["signals"].as_array().unwrap().clone();
    let row = signals.iter().find(|row| row["signal"] == kept);
    row.map_or(0, |row| row["stored_since_creation"].as_u64().unwrap())
}

/// What a query answers, so that the counters are not taken at their word.
fn queried(server: &Server, tenant: &str, signal: &str, name: &str) -> usize {
    let from = now_ns() - 3_600_000_000_000;
    match signal {
        "logs" => {
            let query = format!(
                "/loki/api/v1/query_range?query=%7Bservice_name%3D%22{name}%22%7D&start={from}&limit=5000"
            );
            let json = server.get_as(tenant, &query).json();
            let streams = json["data"]["result"].as_array().unwrap().clone();
            streams.iter().map(|stream| stream["values"].as_array().unwrap().len()).sum()
        }
        "metrics" => {
            let json =
                server.get_as(tenant, &format!("/api/v1/query?query=count_over_time({name}%5B1h%5D)")).json();
            json["data"]["result"][0]["value"][1].as_str().map_or(0, |text| text.parse().unwrap())
        }
        _ => {
            let id: String = name.bytes().chain([b'.'; 16]).take(16).map(|b| format!("{b:02x}")).collect();
            let answer = server.get_as(tenant, &format!("/api/traces/{id}"));
            answer.text().matches("\"spanId\"").count()
        }
    }
}

/// Times of the last minute, one to a millisecond, and one that is refused.
fn times() -> Vec<u64> {
    let now = now_ns();
    (0..RECORDS).map(|n| now - n * 1_000_000).chain([FAR_AHEAD]).collect()
}

fn each(mut body: impl FnMut(Door, &str)) {
    for door in DOORS {
        SIGNALS.iter().for_each(|signal| body(door, signal));
    }
}

/// A service's and a metric's name.
fn name(door: Door, signal: &str, what: &str) -> String {
    format!("{what}_{signal}_{door:?}").to_lowercase()
}

#[test]
fn a_retry_stores_nothing_twice_and_is_answered_as_the_first_also_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut sent = Vec::new();
    each(|door, signal| {
        let name = name(door, signal, "once");
        let body = records(signal, &name, &times());
        let first = door.send(&server, signal, &header(signal), &body);
        assert!(first.0 && !first.1.is_empty(), "{name}: taken, but for one record: {first:?}");
        // The other transport too: a sender may fall back.
        DOORS
            .iter()
            .for_each(|door| assert_eq!(door.send(&server, signal, &header(signal), &body), first, "{name}"));
        sent.push((door, signal.to_owned(), name, body, first));
    });
    let count = |server: &Server| {
        for (_, signal, name, ..) in &sent {
            assert_eq!(queried(server, tenant(signal), signal, name), RECORDS as usize, "{name}");
            assert_eq!(stored(server, tenant(signal), signal), 2 * RECORDS, "{name}");
        }
    };
    count(&server);
    server.kill();
    let server = Server::start(data.path(), &[]);
    for (door, signal, name, body, first) in &sent {
        assert_eq!(door.send(&server, signal, &header(signal), body), *first, "{name}, after the kill");
    }
    count(&server);
    assert_eq!(server.post("/-/flush", &[], b"").status, 200);
    for (door, signal, name, body, first) in &sent {
        assert_eq!(door.send(&server, signal, &header(signal), body), *first, "{name}, after the flush");
    }
    count(&server);
}

/// Sends copies of a request at the same moment.
fn at_once(server: &Arc<Server>, door: Door, signal: &str, body: &[u8]) -> Vec<Answer> {
    let (start, body) = (Arc::new(Barrier::new(COPIES)), Arc::new(body.to_vec()));
    let senders: Vec<_> = (0..COPIES)
        .map(|_| {
            let (server, start, body) = (Arc::clone(server), Arc::clone(&start), Arc::clone(&body));
            let signal = signal.to_owned();
            thread::spawn(move || {
                start.wait();
                door.send(&server, &signal, &header(&signal), &body)
            })
        })
        .collect();
    senders.into_iter().map(|sender| sender.join().unwrap()).collect()
}

#[test]
fn a_retry_that_overtakes_the_first_answer_waits_for_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::start(data.path(), &[]));
    each(|door, signal| {
        let name = name(door, signal, "raced");
        let answers = at_once(&server, door, signal, &records(signal, &name, &times()));
        assert!(answers[0].0 && !answers[0].1.is_empty(), "{name}: {:?}", answers[0]);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{name}: {answers:?}");
        assert_eq!(queried(&server, tenant(signal), signal, &name), RECORDS as usize, "{name}");
    });
    SIGNALS.iter().for_each(|signal| assert_eq!(stored(&server, tenant(signal), signal), 2 * RECORDS));
}

/// The server stamps what carries no time; two stamps of one millisecond would be one sample.
fn next_millisecond() {
    let now = now_ns() / 1_000_000;
    eventually("the clock goes on", std::time::Duration::from_secs(5), || {
        (now_ns() / 1_000_000 > now).then_some(())
    });
}

#[test]
fn equal_bodies_without_times_are_two_and_with_a_key_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut keyed = Vec::new();
    each(|door, signal| {
        let name = name(door, signal, "untimed");
        let body = records(signal, &name, &[0]);
        let send = |key: &str| {
            let header = [("idempotency-key", key)];
            next_millisecond();
            let answer = door.send(&server, signal, if key.is_empty() { &[] } else { &header }, &body);
            assert_eq!(answer, (true, vec![]), "{name} {key}");
        };
        for (key, wanted) in [("", 1), ("", 2), ("k1", 3), ("k1", 3), ("k2", 4), ("k1", 4)] {
            send(&format!("{key}{}", if key.is_empty() { "" } else { &name }));
            assert_eq!(queried(&server, "default", signal, &name), wanted, "{name} {key}");
        }
        keyed.push((door, signal.to_owned(), name, body));
    });
    server.kill();
    let server = Server::start(data.path(), &[]);
    for (door, signal, name, body) in keyed {
        let key = format!("k2{name}");
        let answer = door.send(&server, &signal, &[("idempotency-key", &key)], &body);
        assert_eq!((answer, queried(&server, "default", &signal, &name)), ((true, vec![]), 4), "{name}");
    }
}

#[test]
fn tenants_do_not_know_one_anothers_requests() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let body = records("logs", "shared", &[now_ns()]);
    for tenant in ["a", "b"] {
        for _ in 0..2 {
            let headers = [("X-Scope-OrgID", tenant), ("Idempotency-Key", "same")];
            assert!(Door::Http.send(&server, "logs", &headers, &body).0);
        }
        assert_eq!(queried(&server, tenant, "logs", "shared"), 1, "{tenant}");
    }
}
