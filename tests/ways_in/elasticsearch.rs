//! Elasticsearch bulk.

use serde_json::json;

use crate::World;
use crate::support::http::{self, Answer};

const NDJSON: [(&str, &str); 1] = [("Content-Type", "application/x-ndjson")];

fn is_elastic(answer: &Answer) -> bool {
    answer.header("X-Elastic-Product") == Some("Elasticsearch")
}

#[test]
fn clients_find_what_they_ask_for_before_they_send() {
    let world = World::start();
    let get = |path: &str| http::send(&world.server.main, "GET", path, &[], b"");
    let info = get("/elasticsearch/");
    assert!(is_elastic(&info));
    assert_eq!(info.json()["tagline"], "You Know, for Search");
    assert!(info.json()["version"]["number"].as_str().unwrap().starts_with("8."));
    let beat = [("User-Agent", "Elastic-filebeat/9.1.0 (linux; amd64)")];
    let info = http::send(&world.server.main, "GET", "/elasticsearch", &beat, b"").json();
    assert!(info["version"]["number"].as_str().unwrap().starts_with("9."));
    assert_eq!(get("/elasticsearch/_license").json()["license"]["status"], "active");
    for path in [
        "_ilm/policy/filebeat",
        "_index_template/filebeat",
        "_data_stream/logs",
        "_nodes/http",
        "_xpack",
        "logs",
    ] {
        let answer = get(&format!("/elasticsearch/{path}"));
        assert!(answer.status == 200 && is_elastic(&answer), "{path}");
    }
    let put = http::send(&world.server.main, "PUT", "/elasticsearch/_ilm/policy/x", &[], b"{}");
    assert_eq!(put.json()["acknowledged"], true);
    assert_eq!(http::send(&world.server.main, "HEAD", "/elasticsearch/", &[], b"").status, 200);
    assert_eq!(get("/elasticsearch/_search").status, 404);
}

#[test]
fn documents_are_log_records_and_each_item_has_its_outcome() {
    let world = World::start();
    let now = crate::now_ms();
    let body = [
        json!({"create": {"_index": "logs-shop"}}).to_string(),
        json!({"@timestamp": now, "message": "paid", "service": {"name": "cart"}, "log.level": "error", "user": {"id": 7}}).to_string(),
        json!({"index": {}}).to_string(),
        json!({"@timestamp": "soon", "message": "lost"}).to_string(),
        json!({"delete": {"_id": "1"}}).to_string(),
    ]
    .join("\n")
        + "\n";
    for _ in 0..2 {
        let answer = world.post("/elasticsearch/fallback/_bulk", &NDJSON, body.as_bytes());
        assert!(answer.status == 200 && is_elastic(&answer), "{}", answer.text());
        let answer = answer.json();
        assert_eq!(answer["errors"], true);
        assert_eq!(
            (&answer["items"][0]["create"]["status"], &answer["items"][0]["create"]["_index"]),
            (&json!(201), &json!("logs-shop"))
        );
        assert_eq!(
            (&answer["items"][1]["index"]["status"], &answer["items"][1]["index"]["_index"]),
            (&json!(400), &json!("fallback"))
        );
        assert_eq!(answer["items"][1]["index"]["error"]["reason"], "the time is out of range");
        assert_eq!(answer["items"][2]["delete"]["status"], 400);
    }
    assert_eq!(world.lines(r#"{service_name="cart"} | user_id="7" | detected_level="error""#), ["paid"]);
    assert_eq!(world.counter("signalbox_collector_duplicate_requests_total"), 1.0);
}

#[test]
fn one_document_and_what_is_refused_whole() {
    let world = World::start();
    let json_type = [("Content-Type", "application/json")];
    let one = world.post("/elasticsearch/logs/_doc", &json_type, br#"{"message":"single"}"#);
    assert_eq!((one.status, one.json()["result"].as_str().map(str::to_owned)), (201, Some("created".into())));
    assert_eq!(world.lines(r#"{elasticsearch_index="logs"}"#), ["single"]);
    assert_eq!(world.post("/elasticsearch/logs/_doc", &json_type, b"[]").status, 400);
    let bad = world.post("/elasticsearch/_bulk", &NDJSON, b"nonsense\n{}\n");
    assert!(bad.status == 400 && is_elastic(&bad));
    assert_eq!(bad.json()["error"]["type"], "illegal_argument_exception");
}

#[test]
fn the_classic_port_serves_it_at_the_root() {
    let world = World::with_config("listen: [{protocol: elasticsearch, address: '127.0.0.1:0'}]");
    let address = world.address("elasticsearch");
    let info = http::send(&address, "GET", "/", &[], b"");
    assert!(info.status == 200 && is_elastic(&info));
    let sent = http::send(
        &address,
        "POST",
        "/_bulk",
        &NDJSON,
        b"{\"create\":{\"_index\":\"i\"}}\n{\"message\":\"by 9200\"}\n",
    );
    assert_eq!((sent.status, sent.json()["errors"].as_bool()), (200, Some(false)));
    assert_eq!(world.lines(r#"{elasticsearch_index="i"}"#), ["by 9200"]);
    assert_eq!(
        http::send(&address, "GET", "/api/v1/query?query=1", &[], b"").status,
        404,
        "nothing else is there"
    );
}
