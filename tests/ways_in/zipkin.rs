//! Zipkin.

use serde_json::json;

use crate::World;
use crate::support::http;

#[test]
fn spans_are_found_by_their_trace() {
    let world = World::with_config("listen: [{protocol: zipkin, address: '127.0.0.1:0'}]");
    let now_us = crate::now_ms() * 1000;
    let span = |id: &str, parent: Option<&str>| {
        json!({
            "traceId": "5af7183fb1d4cf5f", "id": id, "parentId": parent, "kind": "SERVER", "name": "get /api",
            "timestamp": now_us, "duration": 1500, "localEndpoint": {"serviceName": "front"},
            "tags": {"http.path": "/api", "error": "timeout"},
        })
    };
    let body = json!([span("1", None), span("2", Some("1")), {"traceId": "x"}]).to_string();
    let headers = [("Content-Type", "application/json")];
    for _ in 0..2 {
        let answer = world.post("/api/v2/spans", &headers, body.as_bytes());
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    let good = json!([span("3", Some("1"))]).to_string();
    let answer = http::send(&world.address("zipkin"), "POST", "/api/v2/spans", &headers, good.as_bytes());
    assert_eq!(answer.status, 202);
    let trace = world.server.get("/api/v2/traces/5af7183fb1d4cf5f").text();
    assert_eq!(trace.matches("\"get /api\"").count(), 3, "{trace}");
    let found = world
        .server
        .get("/api/search?q=%7Bstatus%3Derror%20%26%26%20resource.service.name%3D%22front%22%7D")
        .json();
    assert_eq!(found["traces"].as_array().map(Vec::len), Some(1), "{found}");
}
