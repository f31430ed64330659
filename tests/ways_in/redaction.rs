//! With redaction on, no value that is to be taken out is found anywhere: not in the log's payloads, not in files (as they
//! are and unpacked), not in answers, not in what alerts leave behind, not in what the server says. The same search
//! without redaction finds every one (issue 4, must-show 7).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::World;
use crate::support::{eventually, files_below, now_ns};

const LONG: Duration = Duration::from_secs(60);

/// One of each kind, as a line has it, and the part that must go.
const KINDS: [(&str, &str); 16] = [
    ("paid with 4111111111111111 today", "4111111111111111"),
    ("card 5555-5555-5555-4444 refused", "5555-5555-5555-4444"),
    ("amex 3782 822463 10005", "3782 822463 10005"),
    ("transfer to DE89370400440532013000 done", "DE89370400440532013000"),
    ("transfer to GB82 WEST 1234 5698 7654 32 done", "GB82 WEST 1234 5698 7654 32"),
    ("key AKIAIOSFODNN7ABCDEFG used", "AKIAIOSFODNN7ABCDEFG"),
    ("push with ghp_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F292c6912E7710c838347Ae178B4a"),
    ("hook xoxb-263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1", "FGqddMF8t08v8N7Oq4i57vs1"),
    ("maps AIzaSyD4tV3b9xK2mW7qP1rT8uY5zA6cE0fG3hJ", "SyD4tV3b9xK2mW7qP1rT8uY5zA6cE0fG3hJ"),
    ("Authorization: Bearer q1w2e3r4t5y6u7i8", "q1w2e3r4t5y6u7i8"),
    ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.SflKxwRJSMeKKF2QT4", "SflKxwRJSMeKKF2QT4"),
    ("login password=Tr0ub4dor3 ok", "Tr0ub4dor3"),
    ("sent {\"api_key\":\"k9j8h7g6f5d4\"}", "k9j8h7g6f5d4"),
    ("connect postgres://app:pl4intext9@db/shop", "pl4intext9"),
    (
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0",
    ),
    ("client 203.0.113.77 connected", "203.0.113.77"),
];

/// A mailbox for each place of a record: `place07@secret.example.com`.
fn mailbox(place: usize) -> String {
    format!("place{place:02}@secret.example.com")
}

const PLACES: usize = 31;
/// The one that is an attribute's name.
const NAME: usize = 7;

fn text(value: &str) -> Value {
    json!({"stringValue": value})
}

fn pair(key: &str, value: &str) -> Value {
    json!({"key": key, "value": text(value)})
}

/// Every place of a log record, a span and a data point.
fn send_otlp(world: &World) {
    let now = now_ns().to_string();
    let nested = json!({"kvlistValue": {"values": [
        {"key": "inner", "value": {"arrayValue": {"values": [text(&mailbox(0))]}}},
        {"key": mailbox(1), "value": {"intValue": "1"}},
    ]}});
    let resource = json!({"attributes": [pair("service.name", "shop"), pair("owner", &mailbox(2)), {"key": "more", "value": nested}]});
    let scope =
        json!({"name": format!("scope {}", mailbox(3)), "attributes": [pair("scope.owner", &mailbox(4))]});
    let mut records = vec![
        json!({"timeUnixNano": now, "body": text(&format!("hello {}", mailbox(5))), "attributes": [
            pair("user.email", &mailbox(6)), pair(&mailbox(NAME), "x"), pair("db.password", "n0-c0ntext-at-all"),
            {"key": "list", "value": {"arrayValue": {"values": [text(&mailbox(8))]}}},
        ]}),
        json!({"timeUnixNano": now, "body": {"kvlistValue": {"values": [pair("message", &mailbox(9))]}}}),
        json!({"timeUnixNano": now, "eventName": mailbox(10), "body": text("an event")}),
    ];
    records.extend(KINDS.iter().map(|(line, _)| json!({"timeUnixNano": now, "body": text(line)})));
    world.server.send_json("default", "logs", &json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": records}]}]}));

    let id = |byte: &str, len: usize| byte.repeat(len);
    let span = json!({
        "traceId": id("ab", 16), "spanId": id("cd", 8), "name": format!("mail {}", mailbox(11)),
        "startTimeUnixNano": now, "endTimeUnixNano": now, "traceState": format!("v={}", mailbox(12)),
        "attributes": [pair("enduser.id", &mailbox(13))],
        "status": {"code": 2, "message": format!("no such user {}", mailbox(14))},
        "events": [{"timeUnixNano": now, "name": format!("event {}", mailbox(15)), "attributes": [pair("exception.message", &mailbox(16))]}],
        "links": [{"traceId": id("ef", 16), "spanId": id("12", 8), "attributes": [pair("why", &mailbox(17))]}],
    });
    let resource = json!({"attributes": [pair("service.name", "shop"), pair("owner", &mailbox(18))]});
    world.server.send_json(
        "default",
        "traces",
        &json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}),
    );

    let exemplar =
        json!({"timeUnixNano": now, "asDouble": 1, "filteredAttributes": [pair("who", &mailbox(19))]});
    let point = json!({"timeUnixNano": now, "asDouble": 7, "attributes": [pair("user", &mailbox(20))], "exemplars": [exemplar]});
    let metric = json!({"name": "logins", "description": format!("ask {}", mailbox(21)), "sum": {
        "dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": true,
    }});
    let resource = json!({"attributes": [pair("service.name", "shop"), pair("owner", &mailbox(22))]});
    world.server.send_json(
        "default",
        "metrics",
        &json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}),
    );
}

/// The other ways in.
fn send_others(world: &World) {
    let (now, json) = (now_ns(), [("Content-Type", "application/json")]);
    let push = json!({"streams": [{"stream": {"app": "push", "who": mailbox(23)}, "values": [
        [now.to_string(), format!("pushed {}", mailbox(24)), {"by": mailbox(25)}],
    ]}]});
    assert_eq!(world.post("/loki/api/v1/push", &json, push.to_string().as_bytes()).status, 204);
    let document =
        json!({"@timestamp": now / 1_000_000, "message": mailbox(26), "user": {"email": mailbox(27)}});
    let bulk = format!("{{\"create\":{{\"_index\":\"{}\"}}}}\n{document}\n", mailbox(28));
    let answer =
        world.post("/elasticsearch/_bulk", &[("Content-Type", "application/x-ndjson")], bulk.as_bytes());
    assert_eq!((answer.status, answer.json()["errors"].clone()), (200, json!(false)));
    let span = json!([{"traceId": "0f".repeat(16), "id": "0e".repeat(8), "name": "get", "timestamp": now / 1000,
        "duration": 5, "localEndpoint": {"serviceName": "zip"}, "tags": {"mail": mailbox(29)}}]);
    assert_eq!(world.post("/api/v2/spans", &json, span.to_string().as_bytes()).status, 202);
    let mut tcp = TcpStream::connect(world.address("syslog_tcp")).unwrap();
    tcp.write_all(format!("<34>1 - web-1 nginx 7 - - by syslog {}\n", mailbox(30)).as_bytes()).unwrap();
    drop(tcp);
    eventually("the message of syslog", LONG, || {
        (world.lines(r#"{service_name="nginx"}"#).len() == 1).then_some(())
    });
}

/// What must not be there.
fn values() -> Vec<String> {
    let kinds = KINDS.iter().map(|(_, value)| (*value).to_owned());
    let named = ["n0-c0ntext-at-all".to_owned()];
    kinds.chain((0..PLACES).map(mailbox)).chain(named).collect()
}

/// Everything the reading APIs say.
fn answers(world: &World) -> String {
    let all_logs = "%7Bservice_name%3D~%22.%2B%22%7D";
    let series = "match%5B%5D=%7B__name__%3D~%22.%2B%22%7D";
    let paths = [
        format!("/loki/api/v1/query_range?limit=5000&query={all_logs}"),
        "/loki/api/v1/query_range?limit=5000&query=%7Bapp%3D~%22.%2B%22%7D".to_owned(),
        format!("/loki/api/v1/patterns?query={all_logs}"),
        format!("/loki/api/v1/detected_fields?query={all_logs}"),
        format!("/loki/api/v1/series?match%5B%5D={all_logs}"),
        "/loki/api/v1/labels".to_owned(),
        "/loki/api/v1/label/who/values".to_owned(),
        "/loki/api/v1/label/owner/values".to_owned(),
        format!("/api/traces/{}", "ab".repeat(16)),
        format!("/api/traces/{}", "0f".repeat(16)),
        "/api/v2/search/tags".to_owned(),
        "/api/v2/search/tag/resource.owner/values".to_owned(),
        format!("/api/v1/series?{series}"),
        format!("/federate?{series}"),
        "/api/v1/metadata".to_owned(),
        "/api/v1/query_exemplars?query=logins_total".to_owned(),
        "/api/v1/query?query=target_info".to_owned(),
        "/api/v1/query?query=last_over_time(ALERTS%5B1h%5D)".to_owned(),
        "/api/v1/alerts".to_owned(),
        "/api/v2/alerts".to_owned(),
        "/api/signalbox/notifications".to_owned(),
        "/api/signalbox/status".to_owned(),
        "/metrics".to_owned(),
        "/config".to_owned(),
    ];
    paths
        .iter()
        .map(|path| world.server.get(path).text().replace("\\n", "\n").replace("\\\"", "\""))
        .collect()
}

/// What alerts left: their series, their state, their messages.
fn history(world: &World) -> String {
    let paths = [
        "/api/v1/query?query=last_over_time(ALERTS%5B1h%5D)",
        "/api/v1/alerts",
        "/api/v2/alerts",
        "/api/signalbox/notifications",
    ];
    paths.map(|path| world.server.get(path).text()).concat()
}

/// The values that a search for a piece of a line finds, which goes by the words of segments.
fn needles(world: &World) -> String {
    let count = |value: &String| {
        let needle = value.replace('\\', "\\\\").replace('"', "\\\"");
        world.lines(&format!("{{service_name=~\".+\"}} |= \"{needle}\"")).len()
    };
    let found: Vec<String> = values().into_iter().filter(|value| count(value) > 0).collect();
    format!("found: {}", found.join("\n"))
}

/// A file as it is, and every zstd frame in it unpacked.
fn contents(path: &std::path::Path) -> Vec<u8> {
    const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut all = bytes.clone();
    for at in (0..bytes.len().saturating_sub(4)).filter(|at| bytes[*at..].starts_with(&FRAME)) {
        if let Ok(frame) = zstd::stream::read::Decoder::with_buffer(&bytes[at..]) {
            // Something else may begin with the same four bytes: what could be unpacked counts.
            let _ = frame.single_frame().read_to_end(&mut all);
        }
    }
    all
}

/// The places that were searched, with what stood there.
fn search(config: &str) -> Vec<(&'static str, Vec<u8>)> {
    let listen = "listen: [{protocol: syslog_tcp, address: '127.0.0.1:0'}]\nlog_level: debug\n";
    let world = World::with_alert(
        &format!("{listen}{config}"),
        "expr: logins_total > 0\n        annotations: {summary: '{{ $labels.user }} was here'}",
    );
    send_otlp(&world);
    send_others(&world);
    eventually("the alert fires", LONG, || {
        let alerts = world.server.get("/api/v1/alerts").json();
        (alerts["data"]["alerts"][0]["state"] == "firing").then_some(())
    });
    eventually("the alert is in its history", LONG, || {
        let history = world.result("/api/v1/query?query=ALERTS");
        (!history.as_array().unwrap().is_empty()).then_some(())
    });
    let data = world.data.path().join("data");
    let log = store::measure::log_payloads(&data.join("wal")).unwrap().concat();
    let before = answers(&world);
    assert_eq!(world.post("/-/flush", &[], b"").status, 200);
    let after = answers(&world);
    let (history, needles) = (history(&world), needles(&world));
    let files: Vec<u8> = files_below(&data).iter().flat_map(|path| contents(path)).collect();
    vec![
        ("payloads of the log", log),
        ("answers from heads", before.into_bytes()),
        ("answers from segments", after.into_bytes()),
        ("history of alerts", history.into_bytes()),
        ("searches", needles.into_bytes()),
        ("files", files),
        ("the server's log", world.server.log().concat().into_bytes()),
    ]
}

fn holds(place: &[u8], value: &str) -> bool {
    place.windows(value.len()).any(|window| window == value.as_bytes())
}

#[test]
fn what_is_redacted_is_nowhere() {
    let config = "processing: {redact: [secrets, personal, addresses]}";
    for (place, content) in search(config) {
        assert!(!content.is_empty(), "{place}");
        let found: Vec<String> = values().into_iter().filter(|value| holds(&content, value)).collect();
        assert!(found.is_empty(), "in {place}: {found:?}");
    }
}

#[test]
fn hashes_leave_nothing_behind_either_and_join() {
    let config = "processing: {redact: [secrets, personal, addresses], redact_style: hash}";
    let places = search(config);
    for (place, content) in &places {
        let found: Vec<String> = values().into_iter().filter(|value| holds(content, value)).collect();
        assert!(found.is_empty(), "in {place}: {found:?}");
    }
    let payloads = String::from_utf8_lossy(&places[0].1);
    assert!(payloads.contains("hello <email:"), "bodies hold hashes");
}

#[test]
fn the_same_search_without_redaction_finds_every_value() {
    let places = search("");
    for place in ["payloads of the log", "answers from heads", "answers from segments"] {
        let (_, content) = places.iter().find(|(name, _)| *name == place).unwrap();
        let missing: Vec<String> = values().into_iter().filter(|value| !holds(content, value)).collect();
        // Answers show a name in Prometheus' alphabet.
        let spelled = |value: &String| holds(content, &value.replace(['@', '.'], "_"));
        assert!(
            missing.iter().all(|value| *value == mailbox(NAME) && spelled(value)),
            "not in {place}: {missing:?}"
        );
    }
    let place = |name: &str| &places.iter().find(|(known, _)| *known == name).unwrap().1;
    assert!(holds(place("history of alerts"), &mailbox(20)));
    let unfound: Vec<&str> =
        KINDS.iter().map(|(_, value)| *value).filter(|value| !holds(place("searches"), value)).collect();
    assert!(unfound.is_empty(), "no search finds {unfound:?}");
    let files = place("files");
    let in_files = values().iter().filter(|value| holds(files, value)).count();
    // Some stand in columns of digits, apart from the text around them.
    assert!(in_files * 2 > values().len(), "{in_files} of {} in files", values().len());
}
