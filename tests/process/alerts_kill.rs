//! `kill -9` at any moment while alerts wait, fire and are told: none is lost, and what is told twice has one key.
//!
//! `KILLS=50 cargo test --test process alerts_kill` for the long run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::alerts::{HOT, LONG, Site, delivered, measure, webhook};
use crate::receiver::{Attempt, Receiver};
use crate::support::{eventually, now_ns};

const KILLS_DEFAULT: u64 = 4;

/// The alerts a message says fire or are over, by room.
fn rooms(attempt: &Attempt, status: &str) -> BTreeSet<String> {
    let alerts = attempt.body["alerts"].as_array().cloned().unwrap_or_default();
    let of_status = alerts.into_iter().filter(|alert| alert["status"] == status);
    of_status.map(|alert| alert["labels"]["room"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Keys of the messages that told of each room.
fn keys(attempts: &[Attempt], status: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for attempt in attempts {
        for room in rooms(attempt, status) {
            keys.entry(room).or_default().insert(attempt.key().to_owned());
        }
    }
    keys
}

#[test]
fn alerts_survive_kills_during_hold_firing_and_sending() {
    let kills = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS_DEFAULT);
    let hook = Receiver::open();
    let held = HOT.replace("{room='attic'}", "").replace("        labels", "        for: 1s\n        labels");
    let site = Site::new(&held, &webhook(&hook));
    let mut server = site.start();
    let mut all = BTreeSet::new();
    for n in 0..kills {
        let room = format!("room{n}");
        measure(&server, &room, 31.0);
        all.insert(room);
        // Hold, firing and sending take some two seconds.
        let after = Duration::from_millis(now_ns() / 1_000 % 2_500);
        let until = Instant::now() + after;
        eventually("some time goes by", LONG, || (Instant::now() >= until).then_some(()));
        server.kill();
        server = site.start();
    }
    eventually("all rooms are told", LONG, || {
        (keys(&hook.taken(), "firing").into_keys().collect::<BTreeSet<_>>() == all).then_some(())
    });
    for room in &all {
        measure(&server, room, 20.0);
    }
    eventually("all ends are told", LONG, || {
        (keys(&hook.taken(), "resolved").into_keys().collect::<BTreeSet<_>>() == all).then_some(())
    });
    delivered(&server);
    for status in ["firing", "resolved"] {
        for (room, keys) in keys(&hook.attempts(), status) {
            assert_eq!(keys.len(), 1, "{room} is told {status} under one key: {keys:?}");
        }
    }
    let alerts = server.get("/api/v1/alerts").json();
    assert_eq!(alerts["data"]["alerts"], Value::Array(vec![]));
}
