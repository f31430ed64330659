//! Requests of remote write and of OTLP metrics that were damaged: no panic, and never a 5xx for the client's fault.
//!
//! `MUTATIONS=100000 cargo test --release -p collector --test mutations` sends more than the few of every day;
//! `MUTATIONS_SEED` repeats a run.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[allow(dead_code, reason = "only its metrics are damaged here")]
#[path = "../differential/generate.rs"]
mod generate;
mod mutate;
mod remote_write;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use collector::{Collector, Config};
use prost::Message as _;
use store::Store;
use store::model::{Budget, RequestCtx, Role, Tenant};

use generate::Generator;
use mutate::Random;

const MUTATIONS: u64 = 2_000;
const SEED: u64 = 7;
/// Requests in flight at once: they share an fsync.
const AT_ONCE: u64 = 64;

/// A request as its sender meant it, and damaged.
struct Request {
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Vec<u8>,
}

const OTLP: &[(&str, &str)] = &[("content-type", "application/x-protobuf")];
const V1: &[(&str, &str)] = &[("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];
const V2: &[(&str, &str)] = &[
    ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
    ("content-encoding", "snappy"),
];

fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

/// The number's request; most damage is inside the message, some in its compression.
fn request(seed: u64, number: u64) -> Request {
    let mut random = Random::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (path, headers, mut body) = match number % 3 {
        0 => ("/v1/metrics", OTLP, Generator::new(random.next()).metrics().encode_to_vec()),
        1 => ("/api/v1/write", V1, remote_write::v1(&mut random).encode_to_vec()),
        _ => ("/api/v1/write", V2, remote_write::v2(&mut random).encode_to_vec()),
    };
    let compressed = path == "/api/v1/write";
    if !compressed {
        mutate::damage(&mut body, &mut random);
    } else if random.below(8) == 0 {
        body = snappy(&body);
        mutate::damage(&mut body, &mut random);
    } else {
        mutate::damage(&mut body, &mut random);
        body = snappy(&body);
    }
    Request { path, headers, body }
}

async fn send(collector: &Collector, request: Request) -> u16 {
    let tenant = Tenant::authenticated("t").unwrap();
    let ctx = RequestCtx::new(tenant, "test", Role::Ingest, None, Budget::new(u64::MAX));
    let route = Collector::http_routes().iter().find(|route| route.path == request.path).unwrap();
    let mut message = http::Request::post(request.path);
    for (name, value) in request.headers {
        message = message.header(*name, *value);
    }
    let message = message.body(Body::from(request.body)).unwrap();
    collector.handle_http(ctx, route, message).await.status().as_u16()
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_requests_are_refused_and_never_the_servers_fault() {
    let (count, seed) =
        (setting("MUTATIONS").unwrap_or(MUTATIONS), setting("MUTATIONS_SEED").unwrap_or(SEED));
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(store::Config::new(dir.path())).unwrap();
    let collector = Arc::new(Collector::new(Config::default(), store.writer()));
    let mut answers: BTreeMap<u16, u64> = BTreeMap::new();
    let mut number = 0;
    while number < count {
        let end = count.min(number + AT_ONCE);
        let sent: Vec<_> = (number..end)
            .map(|number| {
                let collector = Arc::clone(&collector);
                tokio::spawn(async move { (number, send(&collector, request(seed, number)).await) })
            })
            .collect();
        for task in sent {
            let (number, status) = task.await.unwrap();
            assert!(
                [200, 204, 400, 413].contains(&status),
                "MUTATIONS_SEED={seed}, request {number}: {status}"
            );
            *answers.entry(status).or_default() += 1;
        }
        number = end;
    }
    let panics = collector.metrics().into_iter().find(|row| row.name == "signalbox_collector_panics_total");
    assert_eq!(panics.map(|row| row.value), Some(0.0));
    assert!(answers.contains_key(&400) && answers.contains_key(&204), "{answers:?}");
    eprintln!("{count} requests of seed {seed}: {answers:?}");
}
