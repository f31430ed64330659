//! `kill -9` at any moment while alerts wait, fire and are told: none is lost, what is told twice has one key, and no kill
//! starts a hold again or ends it too soon.
//!
//! `KILLS=50 cargo test --test process alerts_kill` for the long run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::alerts::{HOT, LONG, Site, delivered, measure, webhook};
use crate::receiver::{Attempt, Receiver};
use crate::support::{Server, eventually, now_ns};

const KILLS_DEFAULT: u64 = 4;
/// Of the rule.
const HOLD_MS: f64 = 2_000.0;

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

/// Values of a series by room: Unix milliseconds and value.
fn by_room(server: &Server, selector: &str) -> BTreeMap<String, Vec<(f64, f64)>> {
    let path = format!("/api/v1/query?query={selector}%5B30m%5D");
    let path = path.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    let json = server.get(&path).json();
    let series = json["data"]["result"].as_array().cloned().unwrap_or_default();
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap();
    let point = |point: &Value| (number(&point[0]) * 1_000.0, number(&point[1]));
    let points = |one: &Value| one["values"].as_array().unwrap().iter().map(point).collect();
    series.iter().map(|one| (one["metric"]["room"].as_str().unwrap().to_owned(), points(one))).collect()
}

/// What was decided is in the series of the alerts. A hold, once it began, begins never again; while it is not served the
/// alert waits, and at the first instant that was looked at after that it fires.
fn holds_are_served(server: &Server, told: &[Attempt]) {
    let began = by_room(server, "ALERTS_FOR_STATE");
    let waits = by_room(server, "ALERTS{alertstate=\"pending\"}");
    let fires = by_room(server, "ALERTS{alertstate=\"firing\"}");
    for (room, values) in &began {
        let starts: BTreeSet<String> = values.iter().map(|(_, start)| start.to_string()).collect();
        assert_eq!(starts.len(), 1, "{room}: the hold began at {starts:?}");
        let served = values[0].1 * 1_000.0 + HOLD_MS;
        let waited = waits.get(room).map_or(&[][..], Vec::as_slice);
        assert!(waited.iter().all(|(at, _)| *at < served), "{room} waits though its hold is served");
        let first = fires[room][0].0;
        assert!(first >= served, "{room} fires {} ms before its hold is served", served - first);
        // What is told began to fire at that instant, or by data within the interval before it.
        let of_room = |alert: &Value| alert["labels"]["room"] == room.as_str() && alert["status"] == "firing";
        let alerts = told.iter().filter_map(|attempt| attempt.body["alerts"].as_array()).flatten();
        for alert in alerts.filter(|alert| of_room(alert)) {
            let since: jiff::Timestamp = alert["startsAt"].as_str().unwrap().parse().unwrap();
            let since = since.as_millisecond() as f64;
            assert!(
                served <= since && since <= first,
                "{room} is told to fire since {since}: {served} to {first}"
            );
        }
    }
}

#[test]
fn alerts_survive_kills_during_hold_firing_and_sending() {
    let kills = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS_DEFAULT);
    let hook = Receiver::open();
    let held = HOT.replace("{room='attic'}", "").replace("        labels", "        for: 2s\n        labels");
    let site = Site::new(&held, &webhook(&hook));
    let mut server = site.start();
    let mut all = BTreeSet::new();
    for n in 0..kills {
        let room = format!("room{n}");
        measure(&server, &room, 31.0);
        all.insert(room);
        // Hold, firing and sending take some three seconds.
        let after = Duration::from_millis(now_ns() / 1_000 % 3_500);
        let until = Instant::now() + after;
        eventually("some time goes by", LONG, || (Instant::now() >= until).then_some(()));
        server.kill();
        server = site.start();
    }
    eventually("all rooms are told", LONG, || {
        (keys(&hook.taken(), "firing").into_keys().collect::<BTreeSet<_>>() == all).then_some(())
    });
    holds_are_served(&server, &hook.taken());
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
