//! From data to a message: how long it takes from an exporter's send to a webhook's receipt, and how much later chat has
//! it with evidence; with a thousand rules over a hundred thousand active series, and for rules that count log lines
//! while lines keep coming.
//!
//! `cargo bench --bench alerting`; `RULES`, `SERIES`, `TRIPS`, `LINES_PER_S` change what it does. It prints each figure
//! beside its bar, what the server spent, and ends with 1 if a bar is missed.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../tests/support/mod.rs"]
mod support;

#[path = "../../tests/process/receiver.rs"]
#[allow(dead_code, reason = "tests use all of it, this bench a part")]
mod receiver;

mod load;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use load::{Exporter, Pacer, pause};
use receiver::{Attempt, Receiver};
use support::{Server, now_ns};

const RULES_OF_A_GROUP: u64 = 10;
const LOG_RULES: u64 = 10;
/// How often all series are sent again.
const REFRESH: Duration = Duration::from_secs(30);
/// Between what a rule must have seen before and what fires it.
const BEFORE: Duration = Duration::from_millis(30);
/// Bars of the time to the webhook, and of how much later chat may be.
const P50_MS: f64 = 150.0;
const P99_MS: f64 = 1_000.0;
const CHAT_LATER_MS: f64 = 300.0;

struct Plan {
    rules: u64,
    series: u64,
    trips: u64,
    lines_per_s: u64,
}

/// One firing, milliseconds.
struct Trip {
    /// From the exporter's send to its answer.
    to_answer: f64,
    to_hook: f64,
    /// From the hook's receipt to the chat's.
    chat_later: f64,
}

struct Bench {
    server: Arc<Server>,
    exporter: Exporter,
    hook: Receiver,
    chat: Receiver,
    missed: bool,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> ExitCode {
    let plan = Plan {
        rules: number("RULES", 1_000),
        series: number("SERIES", 100_000),
        trips: number("TRIPS", 200),
        lines_per_s: number("LINES_PER_S", 20_000),
    };
    let data = tempfile::tempdir().unwrap();
    let mut bench = Bench::start(&plan, data.path());
    let began = Instant::now();
    bench.exporter.series(&plan, 0..plan.series);
    println!("{} series sent in {:.1} s, {} rules", plan.series, began.elapsed().as_secs_f64(), plan.rules);
    let refresher = Pacer::series(&bench.exporter, &plan);
    bench.phase("metric rules", plan.trips, |bench, trip| bench.metric_trip(trip % plan.rules, trip));
    let lines = Pacer::lines(&bench.exporter, plan.lines_per_s);
    bench.phase("log rules", plan.trips, |bench, trip| bench.log_trip(trip % LOG_RULES, trip));
    println!("lines: {:.0}/s came in of {}/s", lines.stop(), plan.lines_per_s);
    println!("points of series: {:.0}/s", refresher.stop());
    bench.costs(plan.rules + LOG_RULES);
    ExitCode::from(u8::from(bench.missed))
}

fn metric_rules(plan: &Plan) -> String {
    let mut text = String::from("groups:\n");
    for rule in 0..plan.rules {
        if rule % RULES_OF_A_GROUP == 0 {
            text.push_str(&format!("- name: g{rule}\n  interval: 15s\n  rules:\n"));
        }
        text.push_str(&format!(
            "  - {{alert: Load{rule}, expr: 'sum by (job, zone) (increase(load_{rule}_total[5m])) > 1000'}}\n"
        ));
    }
    text
}

fn log_rules() -> String {
    let mut text = String::from("groups:\n- name: lines\n  interval: 15s\n  rules:\n");
    for rule in 0..LOG_RULES {
        text.push_str(&format!(
            "  - {{alert: Lines{rule}, expr: 'sum by (service_name, trip) (count_over_time({{service_name=\"load\"}} |= \"needle {rule}.\" [1m])) > 2'}}\n"
        ));
    }
    text
}

// === impl Bench ===

impl Bench {
    fn start(plan: &Plan, data: &std::path::Path) -> Self {
        let (hook, chat) = (Receiver::open(), Receiver::open());
        let alertmanager = data.join("am.yml");
        let text = format!(
            "route: {{receiver: r, group_by: [alertname, trip], group_wait: 0s, group_interval: 1s}}\n\
             receivers:\n- name: r\n  webhook_configs: [{{url: '{}', send_resolved: false}}]\n  \
             slack_configs: [{{api_url: '{}'}}]\n",
            hook.url("/hook"),
            chat.url("/chat")
        );
        std::fs::write(&alertmanager, text).unwrap();
        std::fs::create_dir_all(data.join("rules")).unwrap();
        std::fs::write(data.join("rules/metrics.yml"), metric_rules(plan)).unwrap();
        std::fs::write(data.join("rules/logs.yml"), log_rules()).unwrap();
        let server = Arc::new(Server::start(data, &["--alertmanager", alertmanager.to_str().unwrap()]));
        let exporter = Exporter::new(server.otlp_http.clone());
        Self { server, exporter, hook, chat, missed: false }
    }

    /// A counter grows by far more than a rule's threshold.
    fn metric_trip(&self, rule: u64, trip: u64) -> Trip {
        let shard = 100_000 + trip;
        self.exporter.points(&[(rule, shard, 0.0)]);
        pause(BEFORE);
        let sent_ns = now_ns();
        self.exporter.points(&[(rule, shard, 5_000.0)]);
        self.received(&format!("Load{rule}"), (sent_ns, now_ns()))
    }

    /// The third line of three.
    fn log_trip(&self, rule: u64, trip: u64) -> Trip {
        let needle = |n: u64| (format!("needle {rule}. {n} of trip {trip}"), Some(trip));
        self.exporter.lines(&[needle(0), needle(1)]);
        pause(BEFORE);
        let sent_ns = now_ns();
        self.exporter.lines(&[needle(2)]);
        self.received(&format!("Lines{rule}"), (sent_ns, now_ns()))
    }

    /// When it was sent, and when that was answered.
    fn received(&self, alert: &str, (sent_ns, answered_ns): (u64, u64)) -> Trip {
        let of_hook = |one: &Attempt| one.body["groupLabels"]["alertname"] == alert;
        let hook = self.hook.wait_for(alert, |one| one.at_ns >= sent_ns && of_hook(one));
        let of_chat = |one: &Attempt| one.key() == hook.key();
        let chat = self.chat.wait_for(alert, |one| one.at_ns >= sent_ns && of_chat(one));
        let evidence = &chat.body["attachments"][1];
        assert!(evidence["image_url"].is_string() && evidence["actions"].is_array(), "{}", chat.body);
        let ms = |ns: u64| ns as f64 / 1e6;
        let to_answer = ms(answered_ns - sent_ns);
        Trip {
            to_answer,
            to_hook: ms(hook.at_ns - sent_ns),
            chat_later: ms(chat.at_ns.saturating_sub(hook.at_ns)),
        }
    }

    fn phase(&mut self, what: &str, trips: u64, trip: impl Fn(&Self, u64) -> Trip) {
        let (cpu, began) = (cpu_s(&self.server), Instant::now());
        let trips: Vec<Trip> = (0..trips).map(|number| trip(self, number)).collect();
        let (cpu, took) = (cpu_s(&self.server) - cpu, began.elapsed().as_secs_f64());
        println!("{what}: {} trips; server {cpu:.1} CPU s in {took:.1} s", trips.len());
        let hook = sorted(trips.iter().map(|trip| trip.to_hook));
        let later = sorted(trips.iter().map(|trip| trip.chat_later));
        self.against("  send to webhook, p50", at(&hook, 0.5), P50_MS);
        self.against("  send to webhook, p99", at(&hook, 0.99), P99_MS);
        let slowest = trips.iter().max_by(|a, b| a.to_hook.total_cmp(&b.to_hook)).unwrap();
        println!(
            "  send to webhook, largest: {:.0} ms, of them {:.0} until the exporter was answered",
            slowest.to_hook, slowest.to_answer
        );
        println!("  chat with evidence later by, p50: {:.0} ms", at(&later, 0.5));
        self.against("  chat with evidence later by, largest", at(&later, 1.0), CHAT_LATER_MS);
    }

    fn against(&mut self, what: &str, ms: f64, bar_ms: f64) {
        let met = ms <= bar_ms;
        self.missed |= !met;
        println!("{what}: {ms:.0} ms, bar {bar_ms:.0}: {}", if met { "met" } else { "MISSED" });
    }

    /// What `/metrics` says each rule cost.
    fn costs(&mut self, rules: u64) {
        let text = self.server.get("/metrics").text();
        let of = |family: &str| -> Vec<(String, f64)> {
            let rows = text.lines().filter_map(|line| line.strip_prefix(family)?.rsplit_once(' '));
            let named = rows.filter(|(labels, _)| !labels.contains("rule=\"\""));
            named.filter_map(|(labels, value)| Some((labels.to_owned(), value.parse().ok()?))).collect()
        };
        let seconds = of("signalbox_rule_evaluation_seconds_total");
        let evaluations: f64 = of("signalbox_rule_evaluations_total").iter().map(|(_, value)| value).sum();
        let total: f64 = seconds.iter().map(|(_, value)| value).sum();
        let dearest = seconds.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        println!(
            "cost of {} rules of {rules} in /metrics: {evaluations} evaluations on the grid, {total:.2} s; dearest {:.3} s: {}",
            seconds.len(),
            dearest.1,
            dearest.0
        );
        self.missed |= seconds.len() as u64 != rules;
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all
}

/// The value that a share of all do not pass.
fn at(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn cpu_s(server: &Server) -> f64 {
    let text = server.get("/metrics").text();
    let line = text.lines().find(|line| line.starts_with("process_cpu_seconds_total "));
    line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0.0)
}
