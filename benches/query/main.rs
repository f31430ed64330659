//! What questions cost: the real binary over HTTP, on data it took over OTLP and flushed. Decoding, languages, segments and
//! the writing of answers are all in it. `cargo bench --bench query`.

// A bench ends where a test would fail.
#![allow(clippy::unwrap_used)]

mod data;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use support::Server;

const ROUNDS: usize = 30;

/// Seconds of CPU the server used, in clock ticks of a hundredth.
fn cpu_s(server: &Server) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

struct Question {
    name: &'static str,
    path: String,
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn questions(end_s: u64) -> Vec<Question> {
    let start_s = end_s - data::SPAN_S;
    let ask = |name, path: String| Question { name, path };
    let logs = |name, q: &str| {
        let range = format!("start={start_s}&end={end_s}&limit=100&query={}", encoded(q));
        ask(name, format!("/loki/api/v1/query_range?{range}"))
    };
    let count = |name, q: &str| ask(name, format!("/loki/api/v1/query?time={end_s}&query={}", encoded(q)));
    let range = |name, q: &str| {
        let range = format!("start={start_s}&end={end_s}&step=15&query={}", encoded(q));
        ask(name, format!("/api/v1/query_range?{range}"))
    };
    let search = |name, q: &str| {
        ask(name, format!("/api/search?start={start_s}&end={end_s}&limit=20&q={}", encoded(q)))
    };
    let needle = data::request_id(data::LOGS / 2);
    vec![
        logs("logs: one id in a line", &format!("{{service_name=~\".+\"}} |= \"{}\"", &needle[3..13])),
        logs("logs: what is nowhere", "{service_name=~\".+\"} |= \"nothing of the kind\""),
        logs("logs: word of a service, newest 100", "{service_name=\"checkout\"} |= \"declined\""),
        logs("logs: newest 100", "{service_name=~\".+\"}"),
        count(
            "logs: inside a word, counted",
            "sum(count_over_time({service_name=~\".+\"} |= \"clin\" [1h]))",
        ),
        count(
            "logs: regex, counted",
            "sum(count_over_time({service_name=~\".+\"} |~ \"took [0-9]7 ms\" [1h]))",
        ),
        count(
            "logs: by service and level",
            "sum by (service_name, severity_text) (count_over_time({service_name=~\".+\"}[1h]))",
        ),
        count(
            "logs: top 10 users",
            "topk(10, sum by (user_id) (count_over_time({service_name=~\".+\"}[1h])))",
        ),
        range("metrics: rate by job", "sum by (job) (rate(shop_requests_total[5m]))"),
        range("metrics: one job", "rate(shop_requests_total{job=\"checkout\"}[5m])"),
        range("metrics: top 5", "topk(5, rate(shop_requests_total[5m]))"),
        range("metrics: by regex", "sum(rate(shop_requests_total{pod=~\"pod-1[0-9]\"}[5m]))"),
        ask("traces: by id", format!("/api/v2/traces/{}", data::trace_id(data::TRACES / 2))),
        search(
            "traces: service, attribute, duration",
            "{resource.service.name=\"checkout\" && span.user.id=\"user-7\" && duration>10ms}",
        ),
        search("traces: newest 20", "{}"),
    ]
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn main() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let end_ns = support::now_ns();
    data::fill(&server, end_ns);
    assert_eq!(server.post("/-/flush", &[], b"").status, 200);
    println!(
        "{} log records, {} samples, {} spans, flushed",
        data::LOGS,
        data::SAMPLES,
        data::TRACES * data::SPANS
    );
    println!("{:<40} {:>10} {:>10} {:>10} {:>12}", "", "first ms", "median ms", "most ms", "CPU-ms each");
    for Question { name, path } in questions(end_ns / 1_000_000_000 + 1) {
        let ask = || {
            let started = Instant::now();
            let answer = server.get(&path);
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            started.elapsed().as_secs_f64() * 1e3
        };
        let first = ask();
        let cpu_before = cpu_s(&server);
        let mut took: Vec<f64> = (0..ROUNDS).map(|_| ask()).collect();
        let cpu_ms = (cpu_s(&server) - cpu_before) * 1e3 / ROUNDS as f64;
        took.sort_by(f64::total_cmp);
        println!(
            "{name:<40} {first:>10.1} {:>10.1} {:>10.1} {cpu_ms:>12.1}",
            took[ROUNDS / 2],
            took[ROUNDS - 1]
        );
    }
}
