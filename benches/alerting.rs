//! From data to a message: how long it takes from an exporter's send to a webhook's receipt, with a thousand rules over
//! a hundred thousand active series, and for rules that count log lines while lines keep coming.
//!
//! `cargo bench --bench alerting`; `RULES`, `SERIES`, `TRIPS`, `LINES_PER_S` change what it does. It prints p50, p99 and
//! the largest, and what the server spent meanwhile.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/mod.rs"]
mod support;

#[path = "../tests/process/receiver.rs"]
#[allow(dead_code, reason = "tests use all of it, this bench a part")]
mod receiver;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use receiver::Receiver;
use serde_json::{Value, json};
use support::{Server, now_ns};

const RULES_OF_A_GROUP: u64 = 10;
/// Series of one request.
const SERIES_OF_A_REQUEST: u64 = 2_000;
/// How often the series are sent again.
const REFRESH: Duration = Duration::from_secs(30);
const LINES_OF_A_REQUEST: u64 = 1_000;

struct Plan {
    rules: u64,
    series: u64,
    trips: u64,
    lines_per_s: u64,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() {
    let plan = Plan {
        rules: number("RULES", 1_000),
        series: number("SERIES", 100_000),
        trips: number("TRIPS", 200),
        lines_per_s: number("LINES_PER_S", 20_000),
    };
    let data = tempfile::tempdir().unwrap();
    let hook = Receiver::open();
    let alertmanager = data.path().join("am.yml");
    std::fs::write(
        &alertmanager,
        format!(
            "route: {{receiver: r, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n\
             receivers: [{{name: r, webhook_configs: [{{url: '{}', send_resolved: false}}]}}]\n",
            hook.url("/hook")
        ),
    )
    .unwrap();
    std::fs::create_dir_all(data.path().join("rules")).unwrap();
    std::fs::write(data.path().join("rules/metrics.yml"), metric_rules(&plan)).unwrap();
    std::fs::write(data.path().join("rules/logs.yml"), log_rules(&plan)).unwrap();
    let server = Arc::new(Server::start(data.path(), &["--alertmanager", alertmanager.to_str().unwrap()]));
    let began = Instant::now();
    (0..plan.series / SERIES_OF_A_REQUEST).for_each(|part| send_series(&server, &plan, part));
    println!("{} series sent in {:?}, {} rules", plan.series, began.elapsed(), plan.rules);

    let stop = Arc::new(AtomicBool::new(false));
    let refresher = background(&stop, {
        let server = Arc::clone(&server);
        let parts = plan.series / SERIES_OF_A_REQUEST;
        let plan = Plan { ..plan };
        let mut part = 0;
        move || {
            send_series(&server, &plan, part % parts);
            part += 1;
            REFRESH / u32::try_from(parts).unwrap()
        }
    });
    let cpu = cpu_s(&server);
    let began = Instant::now();
    let times: Vec<u64> =
        (0..plan.trips).map(|trip| metric_trip(&server, &hook, trip % plan.rules)).collect();
    report("metric rules", times, cpu_s(&server) - cpu, began.elapsed());

    let writer = background(&stop, {
        let (server, per_s) = (Arc::clone(&server), plan.lines_per_s);
        let mut n = 0;
        move || {
            let began = Instant::now();
            send_lines(&server, n, LINES_OF_A_REQUEST, "order taken");
            n += LINES_OF_A_REQUEST;
            let pace = Duration::from_secs_f64(LINES_OF_A_REQUEST as f64 / per_s.max(1) as f64);
            pace.saturating_sub(began.elapsed())
        }
    });
    // Rules that count lines know after their range that they have counted all.
    pause(Duration::from_secs(65));
    let cpu = cpu_s(&server);
    let began = Instant::now();
    let times: Vec<u64> = (0..LOG_RULES.min(plan.trips)).map(|trip| log_trip(&server, &hook, trip)).collect();
    report("log rules", times, cpu_s(&server) - cpu, began.elapsed());
    stop.store(true, Ordering::Relaxed);
    refresher.join().unwrap();
    writer.join().unwrap();
}

const LOG_RULES: u64 = 50;

fn metric_rules(plan: &Plan) -> String {
    let mut text = String::from("groups:\n");
    for rule in 0..plan.rules {
        if rule % RULES_OF_A_GROUP == 0 {
            text.push_str(&format!("- name: g{rule}\n  interval: 15s\n  rules:\n"));
        }
        text.push_str(&format!(
            "  - {{alert: Load{rule}, expr: 'sum by (zone) (increase(load_{rule}_total[5m])) > 1000'}}\n"
        ));
    }
    text
}

fn log_rules(_: &Plan) -> String {
    let mut text = String::from("groups:\n- name: lines\n  interval: 15s\n  rules:\n");
    for rule in 0..LOG_RULES {
        text.push_str(&format!(
            "  - {{alert: Lines{rule}, expr: 'sum by (service_name) (count_over_time({{service_name=\"load\"}} |= \"needle {rule}.\" [1m])) > 2'}}\n"
        ));
    }
    text
}

fn resource(service: &str) -> Value {
    json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]})
}

/// Points of counters: `(rule, shard, value)`.
fn send_points(server: &Server, points: impl Iterator<Item = (u64, u64, f64)>) {
    let now = now_ns().to_string();
    let metric = |(rule, shard, value): (u64, u64, f64)| {
        let attributes = json!([
            {"key": "zone", "value": {"stringValue": if shard % 2 == 0 { "a" } else { "b" }}},
            {"key": "shard", "value": {"stringValue": shard.to_string()}},
        ]);
        let point = json!({"timeUnixNano": now, "asDouble": value, "attributes": attributes});
        let sum = json!({"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [point]});
        json!({"name": format!("load_{rule}"), "sum": sum})
    };
    let metrics: Vec<Value> = points.map(metric).collect();
    let body =
        json!({"resourceMetrics": [{"resource": resource("load"), "scopeMetrics": [{"metrics": metrics}]}]});
    server.send_json("default", "metrics", &body);
}

fn send_series(server: &Server, plan: &Plan, part: u64) {
    let of_part = part * SERIES_OF_A_REQUEST..(part + 1) * SERIES_OF_A_REQUEST;
    send_points(server, of_part.map(|n| (n % plan.rules, n / plan.rules, 1.0)));
}

fn send_lines(server: &Server, first: u64, lines: u64, text: &str) {
    let now = now_ns().to_string();
    let record = |n: u64| json!({"timeUnixNano": now, "body": {"stringValue": format!("{text} {n} of customer {} in zone {}", n * 7919 % 100_003, n % 7)}});
    let records: Vec<Value> = (first..first + lines).map(record).collect();
    let body =
        json!({"resourceLogs": [{"resource": resource("load"), "scopeLogs": [{"logRecords": records}]}]});
    server.send_json("default", "logs", &body);
}

/// Milliseconds from before the send to the receipt.
fn metric_trip(server: &Server, hook: &Receiver, rule: u64) -> u64 {
    let shard = 100_000 + now_ns() % 1_000;
    send_points(server, std::iter::once((rule, shard, 0.0)));
    pause(Duration::from_millis(20));
    let sent_ns = now_ns();
    send_points(server, std::iter::once((rule, shard, 5_000.0)));
    received(hook, &format!("Load{rule}"), sent_ns)
}

fn log_trip(server: &Server, hook: &Receiver, rule: u64) -> u64 {
    send_lines(server, 0, 2, &format!("needle {rule}."));
    pause(Duration::from_millis(300));
    let sent_ns = now_ns();
    send_lines(server, 2, 1, &format!("needle {rule}."));
    received(hook, &format!("Lines{rule}"), sent_ns)
}

fn received(hook: &Receiver, alert: &str, sent_ns: u64) -> u64 {
    let attempt = hook.wait_for(alert, |attempt| {
        attempt.body["groupLabels"]["alertname"] == alert && attempt.at_ns >= sent_ns
    });
    (attempt.at_ns - sent_ns) / 1_000_000
}

fn report(what: &str, mut times: Vec<u64>, cpu_s: f64, took: Duration) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    let distinct = times.iter().collect::<HashSet<_>>().len();
    println!(
        "{what}: {} trips, p50 {} ms, p99 {} ms, largest {} ms ({distinct} different); server {cpu_s:.1} CPU s in {:.1} s",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        took.as_secs_f64()
    );
}

/// Runs again and again with the pauses it asks for.
fn background(
    stop: &Arc<AtomicBool>,
    mut work: impl FnMut() -> Duration + Send + 'static,
) -> thread::JoinHandle<()> {
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            pause(work());
        }
    })
}

fn pause(time: Duration) {
    let (_keep, nobody) = std::sync::mpsc::channel::<()>();
    let _ = nobody.recv_timeout(time);
}

fn cpu_s(server: &Server) -> f64 {
    let text = server.get("/metrics").text();
    let line = text.lines().find(|line| line.starts_with("process_cpu_seconds_total "));
    line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0.0)
}
