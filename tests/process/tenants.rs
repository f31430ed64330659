//! Two tenants with different data under equal names: every row of the table, read and written over the real binary,
//! shows a tenant nothing of the other (issue 2, must-show 8).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use collector::Serves;
use query::{Probe, Timeout, probes};
use serde_json::json;

use crate::grpc::{Line, export_path, frame};
use crate::other_ways;
use crate::otlp::{JSON, records};
use crate::receiver::Receiver;
use crate::support::{Server, eventually, http, now_ns};

/// A tenant's name, and a mark in every value of its records and in one name.
#[derive(Clone, Copy)]
struct Side {
    tenant: &'static str,
    mark: &'static str,
}

const ALPHA: Side = Side { tenant: "tenant-alpha", mark: "alphamark" };
const BETA: Side = Side { tenant: "tenant-beta", mark: "betamark" };

impl Side {
    fn header(self) -> (&'static str, &'static str) {
        ("X-Scope-OrgID", self.tenant)
    }

    fn other(self) -> Self {
        if self.tenant == ALPHA.tenant { BETA } else { ALPHA }
    }

    fn trace_id(self) -> String {
        self.mark.bytes().cycle().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// One record as OTLP/JSON.
    fn record(self, signal: &str) -> String {
        let text = |key: &str| json!({"key": key, "value": {"stringValue": self.mark}});
        let resource = json!({"attributes": [text("service.name"), text("k8s.namespace.name")]});
        let attributes = json!([text("who"), text("user_id"), text("region"), text(self.mark)]);
        let time = now_ns().to_string();
        let body = match signal {
            "logs" => {
                let body = json!({"stringValue": format!("hello {}", self.mark)});
                let record = json!({"timeUnixNano": time, "body": body, "attributes": attributes, "traceId": self.trace_id()});
                json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]})
            }
            "traces" => {
                let id = format!("{:016x}", now_ns());
                let span = json!({
                    "traceId": self.trace_id(), "spanId": id, "name": self.mark, "attributes": attributes,
                    "startTimeUnixNano": time, "endTimeUnixNano": time, "status": {"code": 2, "message": self.mark},
                });
                json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]})
            }
            _ => {
                let point = json!({"timeUnixNano": time, "asInt": "7", "attributes": attributes});
                let metric = |name: &str| {
                    let sum =
                        json!({"dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": true});
                    json!({"name": name, "description": self.mark, "sum": sum})
                };
                let metrics = [metric("shop.orders"), metric(self.mark)];
                json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]})
            }
        };
        body.to_string()
    }
}

/// A server with data of both sides, sent through every row that takes any, and an alert and a message of each.
struct World {
    server: Server,
    _receiver: Receiver,
    _data: tempfile::TempDir,
}

fn world() -> World {
    let (data, receiver) = (tempfile::tempdir().unwrap(), Receiver::open());
    for side in [ALPHA, BETA] {
        let folder = data.path().join("rules").join(side.tenant);
        std::fs::create_dir_all(&folder).unwrap();
        let rules = format!(
            "groups:\n  - name: shared\n    rules:\n      - {{record: 'recorded', expr: shop_orders_total, labels: {{of: {0}}}}}\n      - {{alert: Shared, expr: 'shop_orders_total > 1', annotations: {{summary: 'for {0}'}}}}\n",
            side.mark
        );
        std::fs::write(folder.join("rules.yml"), rules).unwrap();
    }
    let file = data.path().join("am.yml");
    let alertmanager = format!(
        "route: {{receiver: hook, group_wait: 0s}}\nreceivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
        receiver.url("/")
    );
    std::fs::write(&file, alertmanager).unwrap();
    let server = Server::start(data.path(), &["--alertmanager", file.to_str().unwrap()]);
    for side in [ALPHA, BETA] {
        fill(&server, side);
    }
    for side in [ALPHA, BETA] {
        eventually("the notification is out", Duration::from_secs(60), || {
            let text = server.get_as(side.tenant, "/api/signalbox/notifications").text();
            text.contains(&format!("for {}", side.mark)).then_some(())
        });
    }
    World { server, _receiver: receiver, _data: data }
}

fn fill(server: &Server, side: Side) {
    for row in collector::Collector::http_routes() {
        let signal = match row.signal {
            store::model::Signal::Logs => "logs",
            store::model::Signal::Samples => "metrics",
            store::model::Signal::Spans => "traces",
        };
        // A path that names an organisation does not choose the tenant.
        let path = row.path.replace("{org}", side.other().tenant);
        let path = path.replace("{index}", "orders").replace("{id}", "1").replace("{path...}", "any");
        let headers = [("Content-Type", JSON), side.header()];
        if row.serves == Serves::Handshake {
            continue;
        }
        if let Some(other_ways::Sent { mut headers, body }) = other_ways::record(row, side.mark) {
            headers.push(side.header());
            let answer = http::send(&server.main, "POST", &path, &headers, &body);
            assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
        } else {
            let answer = http::send(&server.main, "POST", &path, &headers, side.record(signal).as_bytes());
            assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{path}");
        }
        let refused = http::send(&server.main, "POST", &path, &headers, b"{");
        assert!(!refused.text().contains(side.other().mark));
    }
    let line = Line::open(&server.otlp_grpc);
    for signal in crate::otlp::SIGNALS {
        let body = records(signal, side.mark, &[now_ns()]);
        let reply = line.call(&export_path(signal), &[("x-scope-orgid", side.tenant)], frame(false, &body));
        assert_eq!(reply.code, 0);
    }
    let message = json!({"text": side.mark}).to_string();
    let posted = server.post("/api/signalbox/demo/chat/room", &[side.header()], message.as_bytes());
    assert_eq!(posted.status, 200, "{}", posted.text());
}

/// Asks every row as a side. Answers the paths that showed something of its own.
fn ask_all(server: &Server, side: Side) -> Vec<String> {
    let now_s = i64::try_from(now_ns() / 1_000_000_000).unwrap() + 1;
    let ids = [ALPHA.trace_id(), BETA.trace_id()];
    let mut own = Vec::new();
    for route in query::routes().iter().filter(|route| route.timeout != Timeout::Stream) {
        let mut all = probes(route, now_s, &ids);
        if route.methods.contains(&axum::http::Method::GET) && !route.path.contains('{') {
            // Parameters narrow some answers: without any there is the most to show.
            let path_and_query = route.path.clone();
            all.push(Probe {
                method: axum::http::Method::GET,
                path_and_query,
                content_type: "",
                body: String::new(),
            });
        }
        for probe in all {
            let shown = ask(server, side, &probe);
            let other = side.other();
            for secret in [other.mark, other.tenant] {
                let (method, path) = (&probe.method, &probe.path_and_query);
                assert!(!shown.contains(secret), "{method} {path} as {}: {shown}", side.tenant);
            }
            if shown.contains(side.mark) {
                own.push(route.path.clone());
            }
        }
    }
    own.dedup();
    own
}

/// Headers and body of an answer.
fn ask(server: &Server, side: Side, probe: &Probe) -> String {
    let headers = [("Content-Type", probe.content_type), side.header()];
    let headers = if probe.content_type.is_empty() { &headers[1..] } else { &headers[..] };
    let (method, path) = (probe.method.as_str(), &probe.path_and_query);
    let answer = http::send(&server.main, method, path, headers, probe.body.as_bytes());
    let shown = format!("{:?} {}", answer.headers, answer.text());
    assert_ne!(answer.status, 500, "{method} {path}: {shown}");
    shown
}

#[test]
fn no_row_shows_a_tenant_what_is_anothers() {
    let World { server, _receiver, _data } = world();
    for flushed in [false, true] {
        if flushed {
            assert_eq!(server.post("/-/flush", &[], b"").status, 200);
        }
        // In turns: what one left in a cache is the other's to miss.
        for side in [BETA, ALPHA, BETA] {
            let own = ask_all(&server, side);
            for path in [
                "/api/v1/query",
                "/api/v1/query_range",
                "/api/v1/series",
                "/api/v1/labels",
                "/api/v1/metadata",
                "/api/v1/rules",
                "/api/v1/alerts",
                "/loki/api/v1/query_range",
                "/loki/api/v1/series",
                "/loki/api/v1/label/{name}/values",
                "/loki/api/v1/detected_fields",
                "/loki/api/v1/index/volume",
                "/api/traces/{id}",
                "/api/v2/traces/{id}",
                "/api/search",
                "/api/v2/search/tag/{tag...}/values",
                "/api/v2/alerts",
                "/api/signalbox/services",
                "/api/signalbox/notifications",
                "/api/signalbox/demo/chat/{channel}",
            ] {
                assert!(
                    own.iter().any(|shown| shown == path),
                    "{path} shows nothing of {}'s own",
                    side.tenant
                );
            }
        }
    }
    for side in [ALPHA, BETA] {
        let metrics = server.get_as(side.tenant, "/metrics").text();
        assert!(metrics.contains(&format!("tenant=\"{}\"", side.tenant)));
    }
    let third = Side { tenant: "tenant-gamma", mark: "gammamark" };
    assert_eq!(ask_all(&server, third), Vec::<String>::new(), "nobody's data is nobody's");
}

/// The stream of an endless answer after its head.
fn open_stream(server: &Server, side: Side, path: &str, headers: &str) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(&server.main).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nX-Scope-OrgID: {}\r\n{headers}\r\n",
        server.main, side.tenant
    );
    socket.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream ended in its head");
    }
    reader
}

/// The text of a websocket's next message.
fn message(reader: &mut BufReader<TcpStream>) -> String {
    let mut head = [0; 2];
    reader.read_exact(&mut head).unwrap();
    let length = match head[1] & 0x7f {
        126 => {
            let mut more = [0; 2];
            reader.read_exact(&mut more).unwrap();
            usize::from(u16::from_be_bytes(more))
        }
        127 => {
            let mut more = [0; 8];
            reader.read_exact(&mut more).unwrap();
            usize::try_from(u64::from_be_bytes(more)).unwrap()
        }
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload).unwrap();
    String::from_utf8(payload).unwrap()
}

fn send_log(server: &Server, side: Side) {
    let headers = [("Content-Type", JSON), side.header()];
    let answer = http::send(&server.main, "POST", "/v1/logs", &headers, side.record("logs").as_bytes());
    assert_eq!(answer.status, 200);
}

#[test]
fn what_is_told_live_is_the_own_tenants() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let query = "/loki/api/v1/tail?query=%7Bservice_name%3D~%22.%2B%22%7D";
    let mut tail = open_stream(&server, ALPHA, query, upgrade);
    let mut live = open_stream(&server, ALPHA, "/api/signalbox/live", "");
    send_log(&server, BETA);
    send_log(&server, ALPHA);
    let told = loop {
        let text = message(&mut tail);
        assert!(!text.contains(BETA.mark) && !text.contains(BETA.tenant), "{text}");
        if text.contains(ALPHA.mark) {
            break text;
        }
    };
    assert!(told.contains("streams"), "{told}");
    let counted = loop {
        let mut line = String::new();
        live.read_line(&mut line).unwrap();
        if line.contains("\"ingest\"") {
            break line;
        }
    };
    assert!(counted.contains("\"logs\":1,"), "one record of two is this tenant's: {counted}");
}
