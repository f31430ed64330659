//! The ledger: clients write down what they send and what was acknowledged, the server is killed at random moments, and
//! afterwards everything acknowledged is there, nothing is there twice, and nothing is there that nobody sent.
//!
//! `LEDGER_CYCLES=50 cargo test --test ledger` runs more than the few cycles of every day; `LEDGER_SEED` repeats a run.

// Helpers of a test may unwrap as the test itself may.
#![allow(clippy::unwrap_used)]

mod support;

#[path = "ledger/batch.rs"]
mod batch;
#[path = "ledger/client.rs"]
mod client;
#[path = "ledger/found.rs"]
mod found;
#[path = "ledger/journal.rs"]
mod journal;

use std::path::Path;
use std::sync::mpsc;

use batch::{Door, Kind};
use client::{Client, Life};
use support::Server;

const CYCLES: u64 = 3;
/// A life ends after a random number of acknowledged batches below this.
const ACKS_MAX: u64 = 150;

/// One client for each signal at each door.
fn clients(dir: &Path) -> Vec<Client> {
    let each = |kind| [Door::Grpc, Door::Http].map(|door| (kind, door));
    let pairs = [Kind::Logs, Kind::Metrics, Kind::Traces].into_iter().flat_map(each);
    pairs.enumerate().map(|(number, (kind, door))| Client::new(dir, number as u64, kind, door)).collect()
}

/// Lets all clients send until `acks` batches were acknowledged, then kills the server or asks it to stop. Every client
/// keeps the batch it got no answer for.
fn live(data: &Path, clients: Vec<Client>, acks: u64, kill: bool) -> Vec<Client> {
    let server = Server::start(data, &[]);
    let life = Life::new(&server);
    let (acked, acks_seen) = mpsc::channel();
    std::thread::scope(|scope| {
        let running: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let (life, acked) = (&life, acked.clone());
                scope.spawn(move || {
                    client.send_until_the_end(life, &acked);
                    client
                })
            })
            .collect();
        drop(acked);
        // Flushes until the server is gone, so that it is often killed in the middle of one.
        let main = server.main.clone();
        scope.spawn(move || while support::http::try_send(&main, "POST", "/-/flush", &[], b"").is_ok() {});
        assert_eq!(acks_seen.iter().take(acks as usize).count() as u64, acks, "the clients ended early");
        life.end();
        if kill {
            server.kill();
        } else {
            assert!(server.stop().success(), "the server stops without an error");
        }
        running.into_iter().map(|client| client.join().expect("a client fails")).collect()
    })
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn what_was_acknowledged_is_stored_once_and_nothing_else_is() {
    let cycles = setting("LEDGER_CYCLES").unwrap_or(CYCLES);
    let mut random = setting("LEDGER_SEED").unwrap_or_else(support::now_ns);
    eprintln!("LEDGER_SEED={random}");
    let (data, journals) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut clients = clients(journals.path());
    for cycle in 0..cycles {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (acks, kill) = (1 + (random >> 33) % ACKS_MAX, !(random >> 20).is_multiple_of(5));
        clients = live(data.path(), clients, acks, kill);
        let counts = found::check(data.path(), &clients);
        eprintln!("cycle {cycle}: {acks} acks, {}: {counts}", if kill { "killed" } else { "stopped" });
    }
    // Everything that still waits for an answer gets one, and then sent is what is stored.
    let server = Server::start(data.path(), &[]);
    let life = Life::new(&server);
    clients.iter_mut().for_each(|client| client.send_pending(&life));
    assert!(server.stop().success());
    eprintln!("in the end: {}", found::check(data.path(), &clients));
    for client in &clients {
        assert_eq!(client.journal.sent(), client.journal.acked(), "{:?} {:?}", client.kind, client.door);
    }
}
