//! Rules that count log lines as they come: early, with the rule's own value, and without what was deleted.

use std::time::Duration;

use serde_json::{Value, json};

use crate::alerts::{LONG, Site, alert_in, is_status, webhook};
use crate::receiver::Receiver;
use crate::support::{Server, eventually, now_ns};

const MANY: &str = "      - alert: Many
        expr: 'sum by (service_name) (count_over_time({service_name=\"shop\"} |= \"bad\" [1m])) > 3'
        annotations: {summary: '{{ $value }} lines'}
";

fn lines(server: &Server, texts: &[&str]) {
    let record = |text: &&str| json!({"timeUnixNano": now_ns().to_string(), "body": {"stringValue": text}});
    let records: Vec<Value> = texts.iter().map(record).collect();
    let name = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    let body = json!({"resourceLogs": [{"resource": name, "scopeLogs": [{"logRecords": records}]}]});
    server.send_json("default", "logs", &body);
}

/// How often what came was looked at before its instant.
fn looks(server: &Server) -> u64 {
    let text = server.get("/metrics").text();
    let rows = text.lines().filter(|line| line.starts_with("signalbox_rule_evaluations_total{"));
    let early = rows.filter(|line| line.contains("rule=\"\"")).filter_map(|line| line.rsplit_once(' '));
    early.filter_map(|(_, count)| count.parse::<u64>().ok()).sum()
}

/// The instant that was decided last, Unix milliseconds.
fn decided_ms(server: &Server) -> i64 {
    let json = server.get("/api/v1/rules").json();
    let at = &json["data"]["groups"][0]["rules"][0]["lastEvaluation"];
    at.as_str().unwrap().parse().map_or(0, |at: jiff::Timestamp| at.as_millisecond())
}

#[test]
fn lines_are_counted_as_they_come_and_not_when_they_are_deleted() {
    let hook = Receiver::open();
    let site = Site::new(MANY, &webhook(&hook));
    let server = site.start();
    lines(&server, &["fine"]);
    eventually("counting has begun", LONG, || (looks(&server) > 0).then_some(()));
    lines(&server, &["bad 1", "fine", "bad 2"]);
    lines(&server, &["bad 3"]);
    let query = "%7Bservice_name%3D%22shop%22%7D%20%7C%3D%20%22bad%22";
    let end = now_ns() / 1_000_000_000 + 1;
    eventually("the second is over", LONG, || (now_ns() / 1_000_000_000 > end).then_some(()));
    let path = format!("/loki/api/v1/delete?query={query}&start={}&end={end}", end - 60);
    let deleted = server.post(&path, &[], b"");
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    let later = i64::try_from(now_ns() / 1_000_000).unwrap();
    lines(&server, &["bad 4", "bad 5"]);
    lines(&server, &["bad 6"]);
    eventually("two more instants", LONG, || (decided_ms(&server) > later + 2_000).then_some(()));
    let alerts = server.get("/api/v1/alerts").json();
    assert_eq!(alerts["data"]["alerts"], json!([]), "three are left");
    assert!(hook.attempts().is_empty());

    lines(&server, &["bad 7", "fine"]);
    let told = hook.wait_for("the alert", is_status("firing"));
    assert_eq!(told.body["alerts"][0]["annotations"]["summary"], "4 lines");
    let alert = alert_in(&server, "firing");
    assert_eq!(alert["labels"]["service_name"], "shop");
    lines(&server, &["bad 8"]);
    eventually("the value of the next instant", Duration::from_secs(60), || {
        (alert_in(&server, "firing")["value"] == "5e+00").then_some(())
    });
}
