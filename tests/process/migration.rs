//! Moving house: what one server exports, another imports, and both answer the same.

use serde_json::{Value, json};

use crate::support::{Server, http, now_ns};

const MINUTES: u64 = 30;
const MINUTE_NS: u64 = 60_000_000_000;

/// What of a metric is sent at a minute.
type Data = fn(u64, u64) -> Value;

fn point(start: u64, time: u64, value: Value) -> Value {
    let mut point = json!({
        "attributes": [{ "key": "http.route", "value": { "stringValue": "/\"a\"\n" } }],
        "startTimeUnixNano": start.to_string(),
        "timeUnixNano": time.to_string(),
    });
    point.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    point
}

/// A counter that began anew in the middle, growth, a gauge that ends, every kind of histogram.
const METRICS: &[(&str, &str, Data)] = &[
    ("orders", "{order}", |minute, at| {
        let (began, count) = if minute < 15 { (0, minute * 7) } else { (15, (minute - 15) * 3) };
        let points =
            [point(at - (minute - began) * MINUTE_NS - 1_000_000, at, json!({ "asInt": count.to_string() }))];
        json!({ "sum": { "dataPoints": points, "aggregationTemporality": 2, "isMonotonic": true } })
    }),
    ("sent", "By", |minute, at| {
        let points = [point(at - MINUTE_NS, at, json!({ "asDouble": minute as f64 * 1.5 }))];
        json!({ "sum": { "dataPoints": points, "aggregationTemporality": 1, "isMonotonic": true } })
    }),
    ("depth", "1", |minute, at| {
        let value =
            if minute == 20 { json!({ "flags": 1 }) } else { json!({ "asDouble": minute as f64 / 3.0 }) };
        json!({ "gauge": { "dataPoints": [point(0, at, value)] } })
    }),
    ("latency", "s", |minute, at| {
        let counts = [minute, minute * 2, minute];
        let point = point(
            at - (minute + 1) * MINUTE_NS,
            at,
            json!({
                "count": (minute * 4).to_string(),
                "sum": minute as f64 * 0.7,
                "explicitBounds": [0.1, 0.5],
                "bucketCounts": counts.map(|count| count.to_string()),
            }),
        );
        json!({ "histogram": { "dataPoints": [point], "aggregationTemporality": 2 } })
    }),
    ("waits", "s", |minute, at| {
        let point = point(
            at - MINUTE_NS,
            at,
            json!({
                "count": (minute * 2 + 1).to_string(),
                "sum": minute as f64 * 2.5,
                "scale": 2,
                "zeroCount": "1",
                "positive": { "offset": 3, "bucketCounts": [minute.to_string(), minute.to_string()] },
            }),
        );
        json!({ "exponentialHistogram": { "dataPoints": [point], "aggregationTemporality": 1 } })
    }),
    ("rpc", "s", |minute, at| {
        let quantiles =
            json!([{ "quantile": 0.5, "value": minute as f64 }, { "quantile": 0.9, "value": 2 * minute }]);
        let value = json!({ "count": minute.to_string(), "sum": minute * 3, "quantileValues": quantiles });
        json!({ "summary": { "dataPoints": [point(at - MINUTE_NS * 40, at, value)] } })
    }),
];

const QUESTIONS: &[&str] = &[
    "{__name__=~\".+\"}",
    "sum by (service_name, k8s_node_name) (rate(orders_total[5m]))",
    "increase({\"sent\"}[10m])",
    "rate({\"waits\"}[5m])",
    "histogram_quantile(0.9, rate({\"latency_bucket\"}[10m]))",
    "histogram_quantile(0.5, sum(increase(waits_seconds[10m])))",
    "resets(orders_total[20m])",
    "count by (__name__) ({otel_scope_version=\"1.4\"})",
    "{otel_temporality=\"delta\"}",
];
/// What has no form in numbers alone: markers of an end, native histograms, attributes of resource and scope, growth.
const NUMBERS: &[&str] = &[
    "{__name__=~\"orders_total|sent_bytes_total|latency_seconds_.*|rpc_seconds.*|bare\"}",
    "histogram_quantile(0.9, rate(latency_seconds_bucket[10m]))",
];

fn fill(server: &Server, end_ns: u64) {
    for minute in 0..MINUTES {
        let at = end_ns - (MINUTES - minute) * MINUTE_NS;
        let metrics: Vec<Value> = METRICS
            .iter()
            .map(|(name, unit, data)| {
                let mut metric = json!({ "name": name, "unit": unit, "description": "what it is" });
                metric.as_object_mut().unwrap().extend(data(minute, at).as_object().unwrap().clone());
                metric
            })
            .collect();
        let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        let body = json!({ "resourceMetrics": [{
            "resource": { "attributes": [
                text("service.name", "shop"), text("service.instance.id", "s-1"), text("k8s.node.name", "n1"),
                { "key": "process.pid", "value": { "intValue": "7" } },
            ] },
            "scopeMetrics": [{ "scope": { "name": "shop.meter", "version": "1.4" }, "metrics": metrics }],
        }] });
        assert_eq!(server.send_json("default", "metrics", &body).status, 200);
        if minute == 12 {
            assert_eq!(server.post("/-/flush", &[], b"").status, 200);
        }
    }
    let plain: String = (0..MINUTES)
        .map(|minute| {
            format!("bare{{zone=\"a\"}} {} {}\n", minute * 2, (end_ns - minute * MINUTE_NS) / 1_000_000)
        })
        .collect();
    assert_eq!(server.post("/api/v1/import/prometheus", &[], plain.as_bytes()).status, 204);
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn answers(server: &Server, questions: &[&str], end_ns: u64) -> Vec<Value> {
    let end_s = end_ns / 1_000_000_000;
    let ask = |question: &&str| {
        let (start_s, question) = (end_s - MINUTES * 60 - 300, encoded(question));
        let path = format!("/api/v1/query_range?query={question}&start={start_s}&end={end_s}&step=30");
        server.get(&path).json()["data"]["result"].clone()
    };
    questions.iter().map(ask).collect()
}

#[test]
fn what_is_exported_and_imported_elsewhere_answers_the_same() {
    let dirs = [(); 4].map(|()| tempfile::tempdir().unwrap());
    let [from, whole, text, values] = [0, 1, 2, 3].map(|at| Server::start(dirs[at].path(), &[]));
    let end_ns = now_ns() / 1_000_000_000 * 1_000_000_000;
    fill(&from, end_ns);
    for (to, form, path, questions) in [
        (&whole, "otlp", "/api/v1/import/otlp", QUESTIONS),
        (&text, "prometheus", "/api/v1/import/prometheus", NUMBERS),
        (&values, "json", "/api/v1/import", NUMBERS),
    ] {
        let export = format!("/api/v1/export?format={form}&match[]={}", encoded("{__name__=~\".+\"}"));
        let exported = from.get(&export);
        assert_eq!(exported.status, 200);
        // Again, as after a connection that broke: nothing is stored twice.
        for _ in 0..2 {
            let answer = to.post(path, &[], &exported.body);
            assert_eq!(answer.status, 204, "{form}: {}", answer.text());
        }
        let (wanted, found) = (answers(&from, questions, end_ns), answers(to, questions, end_ns));
        for ((question, wanted), found) in questions.iter().zip(wanted).zip(found) {
            assert!(
                wanted.as_array().is_some_and(|series| !series.is_empty()),
                "{question}: nothing to compare"
            );
            let pairs = found.as_array().unwrap().iter().zip(wanted.as_array().unwrap());
            let differ = pairs.clone().find(|(found, wanted)| found != wanted);
            assert_eq!(differ, None, "{form}: {question}");
            assert_eq!(found, wanted, "{form}: {question}");
        }
    }
}

#[test]
fn a_body_of_any_length_is_taken_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let end_ms = now_ns() / 1_000_000;
    // Longer than a request of another protocol may be, and one line in the middle of it is wrong.
    let line = |at: u64| match at {
        500_000 => "broken line\n".to_owned(),
        at => format!(
            "long{{series=\"{}\",padding=\"{}\"}} {at} {}\n",
            at % 1_000,
            "x".repeat(80),
            end_ms - at / 1_000
        ),
    };
    let body: String = (0..600_000).map(line).collect();
    assert!(body.len() > 64 << 20);
    let answer = http::send_chunked(&server.main, "/api/v1/import/prometheus", &[], body.as_bytes());
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text().trim(), "599999 stored; 1 rejected: the line cannot be read");
    let count = server.get("/api/v1/query?query=count(count_over_time(long[1h]))").json();
    assert_eq!(count["data"]["result"][0]["value"][1], "1000");
    let total = server.get("/api/v1/query?query=sum(count_over_time(long[1h]))").json();
    assert_eq!(total["data"]["result"][0]["value"][1], "599999");
}
