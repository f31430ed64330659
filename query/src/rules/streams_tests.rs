//! Rules over random streams with late and shuffled data: what the grid says is what a plain evaluation says once all
//! data is there, whatever fires early is true by a plain evaluation at its instant, and nothing ends that does not.
//!
//! `STREAMS=10000 cargo test --release -p query rules::streams` for the long run; `STREAM_FIRST` begins at another one.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::promql::Settings;
use store::model::{
    Batch, Budget, EventBatchBuilder, Field, MetricKind, MetricRef, RequestCtx, Role, SampleBatchBuilder,
    SeriesPart, Signal, StreamParts, Temporality, Tenant, Value,
};
use store::{AppliedBatch, Snapshot};

use super::early;
use super::evaluate::{self, Known, RuleRun, Surroundings};
use super::file::{Group, RuleBody, parse};
use super::grid::{Grid, Heard, Work};
use super::query::Instant;
use super::state::{self, Alerts, Phase};

/// Of a run that takes seconds; the environment asks for more.
const STREAMS_DEFAULT: u64 = 40;
/// Streams that found something once.
const FOUND: [u64; 4] = [49, 515, 6179, 8271];
const START_MS: i64 = 1_700_000_000_000;
const LENGTH_MS: i64 = 30_000;

const RULES: &str = r#"
  - {alert: Growth, expr: 'sum by (zone) (increase(orders_total[10s])) > 12'}
  - {alert: Held, expr: 'sum by (zone) (increase(orders_total[10s])) >= 8', for: 3s}
  - {alert: Kept, expr: 'max by (zone) (rate(orders_total[5s])) * 60 > 90', keep_firing_for: 4s}
  - {alert: Count, expr: 'count_over_time(orders_total[6s]) >= 6'}
  - {alert: Level, expr: 'level * 2 > 14'}
  - {alert: Low, expr: 'level < 2'}
  - {alert: Mean, expr: 'avg(level) > 6', for: 2s}
  - {alert: Share, expr: 'sum(rate(orders_total{zone="a"}[8s])) / sum(rate(orders_total[8s])) > 0.6'}
  - {alert: Silent, expr: 'absent(orders_total{zone="b"})'}
  - {alert: Lines, expr: 'sum by (service_name) (count_over_time({service_name=~"s.*"} |= "bad" [5s])) > 3'}
"#;

/// A generator that is the same everywhere (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, most: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1).unsigned_abs()) as i64
    }
}

#[derive(Clone, Copy)]
enum Record {
    Counter(f64),
    Level(f64),
    Line(bool),
}

/// One record of service `s0` … on its way.
#[derive(Clone, Copy)]
struct Sent {
    arrives_ms: i64,
    time_ms: i64,
    service: i64,
    record: Record,
}

fn sent(random: &mut Random, late_most_ms: i64) -> Vec<Sent> {
    // The first is as late as any: from then on the group knows how long to wait.
    let first = START_MS - late_most_ms;
    let mut all = Vec::new();
    for service in 0..3 {
        let first = Sent { arrives_ms: START_MS, time_ms: first, service, record: Record::Level(1.0) };
        all.push(first);
        all.push(Sent { record: Record::Counter(0.0), ..first });
        all.push(Sent { record: Record::Line(false), ..first });
        let (mut time_ms, mut counter) = (START_MS, 0.0);
        let pace = 300 + random.below(1_500);
        while time_ms < START_MS + LENGTH_MS {
            time_ms += 1 + random.below(pace);
            counter = if random.below(20) == 0 { 0.0 } else { counter + random.below(5) as f64 };
            let record = match random.below(4) {
                0 => Record::Level(random.below(10) as f64),
                1 => Record::Line(random.below(2) == 0),
                _ => Record::Counter(counter),
            };
            let arrives_ms = time_ms + random.below(late_most_ms + 1);
            all.push(Sent { arrives_ms, time_ms, service, record });
        }
    }
    all.sort_by_key(|sent| sent.arrives_ms);
    all
}

fn batch(sent: &Sent) -> AppliedBatch {
    let service = format!("s{}", sent.service);
    let resource = [("service.name", Value::Str(&service))];
    let parts = StreamParts { resource: &resource, ..StreamParts::default() };
    let (name, kind, value) = match sent.record {
        Record::Counter(value) => ("orders", MetricKind::Sum, value),
        Record::Level(value) => ("level", MetricKind::Gauge, value),
        Record::Line(bad) => {
            let mut builder = EventBatchBuilder::new(Signal::Logs);
            let stream = builder.stream(&parts);
            builder.begin_row(sent.time_ms * 1_000_000, stream);
            builder.field(Field::Body, Value::Str(if bad { "bad order" } else { "order" }));
            builder.end_row();
            return AppliedBatch::Events(Arc::new(builder.finish()));
        }
    };
    let mut builder = SampleBatchBuilder::default();
    let stream = builder.stream(&parts);
    let monotonic = kind == MetricKind::Sum;
    let temporality = if monotonic { Temporality::Cumulative } else { Temporality::Unspecified };
    let metric = builder.metric(MetricRef { name, unit: "", description: "", kind, temporality, monotonic });
    let zone = if sent.service == 0 { "a" } else { "b" };
    let attributes = builder.attributes(&mut vec![("zone", Value::Str(zone))]);
    let series = builder.series(stream, metric, attributes, SeriesPart::Value);
    builder.point(series, sent.time_ms, 0, value);
    AppliedBatch::Samples(Arc::new(builder.finish()))
}

/// What a stream did to the rules.
struct Run {
    group: Group,
    grid: Grid,
    snapshot: Snapshot,
    runs: Vec<RuleRun>,
    /// Answers of rules that counted.
    known: usize,
    /// Each decided instant with the alerts of each rule.
    decided: Vec<(i64, Vec<Alerts>)>,
    /// Rule, labels and instant of what fired early.
    fired: Vec<(usize, BTreeMap<String, String>, i64)>,
}

fn ctx() -> RequestCtx {
    let tenant = Tenant::authenticated("test").unwrap();
    RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 32))
}

fn at<'s>(ctx: &'s RequestCtx, snapshot: &'s Snapshot, time_ms: i64) -> Surroundings<'s> {
    Surroundings { ctx, snapshot, external_url: "", at: Instant { time_ms, settings: Settings::default() } }
}

fn push(snapshot: &mut Snapshot, batch: &AppliedBatch) {
    snapshot.push(match batch {
        AppliedBatch::Events(events) => Batch::Events((**events).clone()),
        AppliedBatch::Samples(samples) => Batch::Samples((**samples).clone()),
    });
}

impl Run {
    fn new(interval_ms: i64) -> Self {
        let text = format!("groups:\n- name: g\n  interval: {interval_ms}ms\n  rules:{RULES}");
        let group = parse("a.yml", &text).unwrap().remove(0);
        let runs = vec![RuleRun::default(); group.rules.len()];
        let (grid, snapshot) = (Grid::new(&group), Snapshot::default());
        Self { group, grid, snapshot, runs, known: 0, decided: Vec::new(), fired: Vec::new() }
    }

    fn hear(&mut self, batch: &AppliedBatch, now_ms: i64) {
        push(&mut self.snapshot, batch);
        self.grid.hear(&ctx(), &Heard::of(batch).unwrap(), now_ms);
    }

    fn work(&mut self, now_ms: i64) {
        let ctx = ctx();
        while let Some(work) = self.grid.take(now_ms) {
            match work {
                Work::Instant(instant_ms) => {
                    let from = at(&ctx, &self.snapshot, instant_ms);
                    let all = 0..self.group.rules.len();
                    let known = self.grid.known(instant_ms);
                    self.known += known.len();
                    self.runs = evaluate::evaluate(&from, &self.group, all, &self.runs, &known).runs;
                    self.grid.decide(instant_ms);
                    let alerts = self.runs.iter().map(|run| run.alerts.clone()).collect();
                    self.decided.push((instant_ms, alerts));
                }
                Work::Early(arrived) => {
                    let from = at(&ctx, &self.snapshot, now_ms);
                    let (early, decided_ms) = (&self.grid.early, self.grid.decided_ms());
                    let fired = early::fire(&from, &self.group, early, &arrived, decided_ms, &self.runs);
                    self.grid.rest(now_ms, 0);
                    self.grid.began(fired.began);
                    for (rule, run) in fired.changed {
                        let new = run.alerts.iter().filter(|(_, alert)| alert.early.is_some());
                        let new = new.filter(|(labels, _)| {
                            let known = self.runs[rule].alerts.get(*labels);
                            known.is_none_or(|known| known.phase != Phase::Firing)
                        });
                        let new = new.map(|(labels, alert)| {
                            (rule, labels.clone(), alert.fired_at_ms.unwrap_or_default())
                        });
                        self.fired.extend(new);
                        self.runs[rule] = run;
                    }
                }
            }
        }
    }
}

/// What the grid knows of alerts that are not over.
fn shown(alerts: &Alerts) -> Vec<(&BTreeMap<String, String>, Phase, i64)> {
    let on_grid =
        |alert: &state::Active| alert.phase != Phase::Resolved && alert.early != Some(state::Early::Unknown);
    let active = alerts.iter().filter(|(_, alert)| on_grid(alert));
    active.map(|(labels, alert)| (labels, alert.phase, alert.active_at_ms)).collect()
}

fn holds(run: &Run, whole: &Snapshot, rule: usize, time_ms: i64) -> Vec<BTreeMap<String, String>> {
    let ctx = ctx();
    let from = at(&ctx, whole, time_ms);
    let samples = run.group.rules[rule].query.vector(&ctx, whole, &from.at).unwrap();
    let found = evaluate::found(&from, &run.group, &run.group.rules[rule], samples).unwrap();
    found.into_iter().map(|one| one.labels).collect()
}

fn check_grid(stream: u64, run: &Run, whole: &Snapshot) {
    let ctx = ctx();
    let mut plain = vec![RuleRun::default(); run.group.rules.len()];
    let mut before: Vec<Alerts> = vec![Alerts::new(); run.group.rules.len()];
    for (instant_ms, alerts) in &run.decided {
        let from = at(&ctx, whole, *instant_ms);
        plain = evaluate::evaluate(&from, &run.group, 0..plain.len(), &plain, &Known::new()).runs;
        for (rule, (got, want)) in alerts.iter().zip(&plain).enumerate() {
            let place = format!("stream {stream}, {}, {}", run.group.rules[rule].name, instant_ms - START_MS);
            assert_eq!(want.error, None, "{place}");
            assert_eq!(shown(got), shown(&want.alerts), "{place}");
            let ended = got.iter().filter(|(labels, alert)| {
                let known = before[rule].get(*labels).is_some_and(|known| known.phase == Phase::Firing);
                alert.phase == Phase::Resolved && known
            });
            for (labels, _) in ended {
                assert!(!holds(run, whole, rule, *instant_ms).contains(labels), "a false end: {place}");
            }
        }
        before.clone_from(alerts);
    }
}

fn check_early(stream: u64, run: &Run, whole: &Snapshot) {
    for (rule, labels, time_ms) in &run.fired {
        let name = &run.group.rules[*rule].name;
        let place = format!("stream {stream}: {name} {labels:?} at {}", time_ms - START_MS);
        assert!(holds(run, whole, *rule, *time_ms).contains(labels), "fired and does not hold: {place}");
        let RuleBody::Alerting { for_ms, .. } = run.group.rules[*rule].body else { continue };
        if for_ms > 0 {
            let (_, alerts) = run.decided.iter().rev().find(|(instant, _)| instant < time_ms).unwrap();
            let held = alerts[*rule].get(labels).map(|alert| time_ms - alert.active_at_ms);
            assert!(held.is_some_and(|held| held >= for_ms as i64), "fired before its time: {place}");
        }
    }
}

#[test]
fn the_grid_is_plain_evaluation_and_early_firings_are_true() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("STREAM_FIRST").unwrap_or(0);
    let streams = number("STREAMS").unwrap_or(STREAMS_DEFAULT);
    let (mut instants, mut fired, mut known) = (0, 0, 0);
    for stream in (first..first + streams).chain(FOUND.iter().copied()) {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (stream + 1).wrapping_mul(0xd134_2543_de82_ef95));
        let late_most_ms = random.below(6_000);
        let mut run = Run::new([1_000, 2_000, 5_000][random.below(3) as usize]);
        let mut whole = Snapshot::default();
        let all = sent(&mut random, late_most_ms);
        let mut now_ms = START_MS;
        for sent in &all {
            // Time goes by in steps of the grid, and with each record.
            while now_ms + 500 < sent.arrives_ms {
                now_ms += 500;
                run.work(now_ms);
            }
            now_ms = sent.arrives_ms;
            let batch = batch(sent);
            push(&mut whole, &batch);
            run.hear(&batch, now_ms);
            run.work(now_ms);
        }
        check_grid(stream, &run, &whole);
        check_early(stream, &run, &whole);
        instants += run.decided.len();
        fired += run.fired.len();
        known += run.known;
    }
    eprintln!(
        "{streams} streams from {first} on, {instants} instants, {known} answers by counts, {fired} early firings"
    );
    assert!(instants > 0 && known > 0 && fired > 0);
}

#[test]
fn what_fires_early_is_told_with_the_rules_own_value() {
    let mut run = Run::new(10_000);
    run.work(START_MS);
    for n in 0..4 {
        let sent = Sent {
            arrives_ms: 0,
            time_ms: START_MS + 100 + n * 100,
            service: 0,
            record: Record::Counter(n as f64 * 10.0),
        };
        run.hear(&batch(&sent), START_MS + 500);
    }
    run.work(START_MS + 500);
    let growth = run.runs[0].alerts.values().next().unwrap();
    assert_eq!((growth.phase, growth.early), (Phase::Firing, Some(state::Early::Unknown)));
    assert!(growth.value > 30.0, "extrapolated: {}", growth.value);
    assert!(run.runs[1].alerts.is_empty(), "its hold has not begun");
}
