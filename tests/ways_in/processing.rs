//! Rules, quotas, long lines and the times that are taken, over the real binary.

use serde_json::{Value, json};

use crate::support::{http, now_ns};
use crate::{World, snappy};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];
const MINUTE_NS: u64 = 60_000_000_000;

/// Log records of a service, as (time, body).
fn logs(service: &str, records: &[(u64, &str)]) -> Value {
    let record = |(time, body): &(u64, &str)| {
        json!({"timeUnixNano": time.to_string(), "severityNumber": 9, "body": {"stringValue": body},
            "attributes": [{"key": "http.route", "value": {"stringValue": "/healthz"}}]})
    };
    let records: Vec<Value> = records.iter().map(record).collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
    json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]})
}

fn post_logs(world: &World, body: &Value) -> http::Answer {
    http::send(&world.server.otlp_http, "POST", "/v1/logs", &JSON, body.to_string().as_bytes())
}

#[test]
fn rules_drop_and_change_records_and_a_reload_changes_the_rules() {
    let world = World::with_config(
        "
processing:
  rules:
    - {name: health, when: [{field: attribute.http.route, equals: /healthz}, {field: service, equals: cart}], drop: true}
    - {name: team, when: [{field: service, equals: mail}], set: {resource.team: post}, rename: {attribute.http.route: attribute.route}}
",
    );
    let now = now_ns();
    assert_eq!(post_logs(&world, &logs("cart", &[(now, "one")])).status, 200);
    assert_eq!(post_logs(&world, &logs("mail", &[(now, "two")])).status, 200);
    assert_eq!(world.lines(r#"{service_name="cart"}"#), [] as [&str; 0]);
    assert_eq!(world.lines(r#"{service_name="mail"} | team="post" | route="/healthz""#), ["two"]);
    assert_eq!(world.counter("signalbox_records_dropped_total"), 1.0);
    assert_eq!(world.counter("signalbox_processing_rule_records_total"), 2.0);
    let status = world.server.get("/api/signalbox/status").json();
    assert_eq!(status["processing"]["rules"], json!({"health": 1, "team": 1}));

    let file = world.data.path().join("signalbox.yml");
    std::fs::write(&file, "processing: {rules: [{name: x, drop: yes please}]}").unwrap();
    assert_ne!(world.post("/-/reload", &[], b"").status, 200, "a wrong file changes nothing");
    assert_eq!(post_logs(&world, &logs("cart", &[(now, "three")])).status, 200);
    assert_eq!(world.lines(r#"{service_name="cart"}"#), [] as [&str; 0]);
    std::fs::write(&file, "processing: {redact: [personal]}").unwrap();
    let reloaded = world.post("/-/reload", &[], b"");
    assert_eq!(reloaded.status, 200, "{}", reloaded.text());
    assert_eq!(post_logs(&world, &logs("cart", &[(now, "four for bob@example.com")])).status, 200);
    assert_eq!(world.lines(r#"{service_name="cart"}"#), ["four for <redacted:email>"]);
}

#[test]
fn a_service_over_its_quota_is_refused_and_the_others_are_taken() {
    // Tokens come so slowly that none comes back while the test runs.
    let world = World::with_config(
        "processing: {quotas: [{service: noisy, records_per_s: 0.001, burst_s: 1000}, {service: push, records_per_s: 0.001, burst_s: 1000}]}",
    );
    let now = now_ns();
    assert_eq!(post_logs(&world, &logs("noisy", &[(now, "first"), (now, "second")])).status, 200);
    // All of it: to be sent again later.
    let refused = post_logs(&world, &logs("noisy", &[(now, "third")]));
    assert_eq!((refused.status, refused.header("Retry-After").is_some()), (429, true));
    assert!(refused.text().contains("over the quota of noisy"), "{}", refused.text());
    // A part of it: the rest is taken.
    let mut both = logs("noisy", &[(now, "fourth")]);
    let quiet = logs("quiet", &[(now, "fifth")])["resourceLogs"][0].clone();
    both["resourceLogs"].as_array_mut().unwrap().push(quiet);
    let partial = post_logs(&world, &both);
    assert_eq!(partial.status, 200);
    assert_eq!(partial.json()["partialSuccess"]["rejectedLogRecords"], "1");
    assert_eq!(world.lines(r#"{service_name="quiet"}"#), ["fifth"]);
    assert_eq!(world.lines(r#"{service_name="noisy"}"#).len(), 2);
    assert_eq!(world.counter("signalbox_processing_over_quota_total"), 2.0);

    // Item by item, so that clients send again what was refused and nothing else.
    let document = |service: &str| {
        format!(
            "{{\"create\":{{}}}}\n{}\n",
            json!({"@timestamp": now / 1_000_000, "message": "x", "service": {"name": service}})
        )
    };
    let bulk = document("noisy") + &document("calm");
    let answer = world
        .post("/elasticsearch/_bulk", &[("Content-Type", "application/x-ndjson")], bulk.as_bytes())
        .json();
    let statuses: Vec<&Value> = (0..2).map(|at| &answer["items"][at]["create"]["status"]).collect();
    assert_eq!((statuses, &answer["errors"]), (vec![&json!(429), &json!(201)], &json!(true)));

    // Loki's clients hear 429 too when nothing could be taken.
    let push = |line: &str| {
        let body = json!({"streams": [{"stream": {"app": "push"}, "values": [[now.to_string(), line]]}]});
        world.post("/loki/api/v1/push", &JSON, body.to_string().as_bytes()).status
    };
    assert_eq!((push("one"), push("two")), (204, 429));
    // Received is the sum of what became of it.
    let sum: f64 = ["stored", "rejected", "refused", "dropped", "deduplicated"]
        .map(|fate| {
            world.counter(&format!("signalbox_records_{fate}_total{{tenant=\"default\",signal=\"logs\""))
        })
        .iter()
        .sum();
    assert_eq!(world.counter("signalbox_records_received_total{tenant=\"default\",signal=\"logs\""), sum);
}

#[test]
fn a_huge_line_is_cut_and_says_so_whatever_way_it_came() {
    let world = World::with_config("listen: [{protocol: syslog_tcp, address: '127.0.0.1:0'}]");
    let huge = format!("start {}", "word ".repeat(200_000));
    let now = now_ns();
    let answer = post_logs(&world, &logs("otlp", &[(now, &huge), (now, "short")]));
    assert_eq!((answer.status, answer.text()), (200, "{}".to_owned()));
    let push =
        json!({"streams": [{"stream": {"service_name": "push"}, "values": [[now.to_string(), huge]]}]});
    assert_eq!(world.post("/loki/api/v1/push", &JSON, push.to_string().as_bytes()).status, 204);
    let document = json!({"@timestamp": now / 1_000_000, "message": huge, "service": {"name": "bulk"}});
    let answer = world.post("/elasticsearch/bulk/_doc", &JSON, document.to_string().as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let mut tcp = std::net::TcpStream::connect(world.address("syslog_tcp")).unwrap();
    let message = format!("<34>1 - web-1 syslog 7 - - {huge}\n<34>1 - web-1 syslog 7 - - short\n");
    std::io::Write::write_all(&mut tcp, message.as_bytes()).unwrap();
    drop(tcp);
    for service in ["otlp", "push", "bulk", "syslog"] {
        let selector = format!("{{service_name=\"{service}\"}} | signalbox_cut_from_bytes > 262144");
        let lines = crate::support::eventually(service, std::time::Duration::from_secs(30), || {
            let lines = world.lines(&selector);
            (!lines.is_empty()).then_some(lines)
        });
        assert_eq!(lines.len(), 1, "{service}");
        assert!(lines[0].starts_with("start word") && lines[0].contains(" … [cut, "), "{service}");
        assert!(lines[0].len() < 262_144 + 100, "{service}: {}", lines[0].len());
    }
    assert_eq!(world.lines(r#"{service_name="otlp"} |= "short""#), ["short"]);
    assert_eq!(world.lines(r#"{service_name="syslog"} |= "short""#), ["short"]);
}

#[test]
fn late_lines_are_taken_and_those_far_ahead_are_refused_one_by_one() {
    let world = World::start();
    let now = now_ns();
    let day = 24 * 60 * MINUTE_NS;
    let answer = post_logs(
        &world,
        &logs(
            "a",
            &[
                (now - 29 * day, "29 days old"),
                (now - MINUTE_NS, "a minute old"),
                (now + 30 * MINUTE_NS, "ahead"),
                (now + 120 * MINUTE_NS, "too far ahead"),
            ],
        ),
    );
    assert_eq!((answer.status, &answer.json()["partialSuccess"]["rejectedLogRecords"]), (200, &json!("1")));
    let lines = || {
        let range = format!("start={}&end={}", now - 30 * day, now + day);
        let found = world.result(&format!(
            "/loki/api/v1/query_range?direction=forward&{range}&query=%7Bservice_name%3D%22a%22%7D"
        ));
        let values = found[0]["values"].as_array().unwrap().clone();
        values.iter().map(|value| value[1].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let expected = ["29 days old", "a minute old", "ahead"];
    assert_eq!(lines(), expected);
    assert_eq!(world.post("/-/flush", &[], b"").status, 200);
    assert_eq!(lines(), expected, "retention leaves what is not too old");
}

#[test]
fn labels_of_remote_write_are_redacted_too() {
    let world = World::with_config("processing: {redact: [personal]}");
    let headers = [
        ("Content-Type", "application/x-protobuf"),
        ("Content-Encoding", "snappy"),
        ("X-Prometheus-Remote-Write-Version", "0.1.0"),
    ];
    let body = crate::remote_write::one_sample("logins", "user", "bob@example.com");
    assert_eq!(world.post("/api/v1/write", &headers, &snappy(&body)).status, 204);
    let found = world.result("/api/v1/query?query=logins");
    assert_eq!(found[0]["metric"]["user"], "<redacted:email>", "{found}");
    assert_eq!(world.counter("signalbox_processing_redacted_total"), 1.0);
}
