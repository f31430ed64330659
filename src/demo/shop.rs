//! The running shop: which services are up, who visits, how the processes feel. Clocks are arguments.

use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::logs::Severity;
use opentelemetry_otlp::ExporterBuildError;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};

use super::draft::ORDERS_TOPIC;
use super::pipeline::{Ids, Pipeline};
use super::random::Random;
use super::service::{Row, SERVICES, Service};
use super::timeline::{self, Incident};
use super::{actions, emit};

/// How often the gauges of the processes are read.
const VITALS_INTERVAL: Duration = Duration::from_secs(1);
/// Visitors who wait to be played at most: a machine that was suspended does not replay hours.
const BEHIND_MAX: Duration = Duration::from_secs(2);
const MIB: i64 = 1 << 20;

pub(crate) struct Shop {
    endpoint: Endpoint,
    headers: MetadataMap,
    ids: Ids,
    random: Random,
    /// Mean time between two visitors.
    gap_s: f64,
    next_visit: Duration,
    next_vitals: Duration,
    pipelines: Vec<Option<Pipeline>>,
    vitals: Vec<Vitals>,
    queue_depth: i64,
}

/// What a process last reported, since its counters take differences.
#[derive(Clone, Copy, Default)]
struct Vitals {
    started: Duration,
    memory: i64,
    threads: i64,
}

// === impl Shop ===

impl Shop {
    /// `rate` is in visitors per second.
    pub(crate) fn new(endpoint: Endpoint, headers: MetadataMap, rate: f64, seed: u64) -> Self {
        Self {
            endpoint,
            headers,
            ids: Ids::new(seed ^ 0x5167_6e61_6c62_6f78),
            random: Random::new(seed),
            gap_s: 1.0 / rate,
            next_visit: Duration::ZERO,
            next_vitals: Duration::ZERO,
            pipelines: SERVICES.iter().map(|_| None).collect(),
            vitals: vec![Vitals::default(); SERVICES.len()],
            queue_depth: 0,
        }
    }

    /// Brings the shop to `at` (time since the opening), which is `now` on the wall. Answers the pipelines
    /// of services that went down, for the caller to end where blocking is allowed.
    pub(crate) fn step(
        &mut self,
        at: Duration,
        now: SystemTime,
    ) -> Result<Vec<Pipeline>, ExporterBuildError> {
        let incident = timeline::state(at);
        let ended = self.deploy(incident, at, now)?;
        self.next_visit = self.next_visit.max(at.saturating_sub(BEHIND_MAX));
        while self.next_visit <= at {
            let plan = actions::next(&mut self.random, incident);
            emit::play(plan, &self.pipelines, now - (at - self.next_visit));
            self.next_visit += Duration::from_secs_f64(self.random.exponential(self.gap_s));
        }
        if self.next_vitals <= at {
            self.next_vitals = at + VITALS_INTERVAL;
            self.read_vitals(incident, at);
        }
        Ok(ended)
    }

    /// Ends all services.
    pub(crate) fn close(&mut self) -> Vec<Pipeline> {
        self.pipelines.iter_mut().filter_map(Option::take).collect()
    }

    /// Starts, stops and replaces services until they are what the incident says.
    fn deploy(
        &mut self,
        incident: Incident,
        at: Duration,
        now: SystemTime,
    ) -> Result<Vec<Pipeline>, ExporterBuildError> {
        let mut ended = Vec::new();
        for row in &SERVICES {
            let index = row.service as usize;
            let wanted = row.service.version(incident);
            let runs = self.pipelines[index].as_ref().map(|pipeline| pipeline.version);
            if wanted == runs {
                continue;
            }
            if let Some(pipeline) = self.pipelines[index].take() {
                say_goodbye(&pipeline, row, wanted, now);
                ended.push(pipeline);
            }
            if let Some(version) = wanted {
                let channel: Channel = self.endpoint.connect_lazy();
                let pipeline = Pipeline::start(row, version, &channel, &self.headers, &self.ids)?;
                let body = format!("{} {version} started, listening on :{}", row.name, row.port);
                emit::line(&pipeline, now, Severity::Info, body);
                self.pipelines[index] = Some(pipeline);
                self.vitals[index] = Vitals { started: at, ..Vitals::default() };
            }
        }
        Ok(ended)
    }

    fn read_vitals(&mut self, incident: Incident, at: Duration) {
        for row in &SERVICES {
            let index = row.service as usize;
            let Some(pipeline) = &self.pipelines[index] else { continue };
            let instruments = &pipeline.instruments;
            let vitals = &mut self.vitals[index];
            let busy = self.random.log_normal(0.06, 0.35).min(1.0);
            instruments.cpu_utilization.record(busy, &[]);
            instruments.cpu_time.add(busy * 0.8, &[KeyValue::new("cpu.mode", "user")]);
            instruments.cpu_time.add(busy * 0.2, &[KeyValue::new("cpu.mode", "system")]);
            let memory = (row.memory_mib as f64 * (0.95 + 0.1 * self.random.unit())) as i64 * MIB;
            instruments.memory.add(memory - vitals.memory, &[]);
            let threads = 12 + self.random.below(6) as i64;
            instruments.threads.add(threads - vitals.threads, &[]);
            instruments.uptime.record(at.saturating_sub(vitals.started).as_secs_f64(), &[]);
            *vitals = Vitals { memory, threads, ..*vitals };
        }
        let backlog = if incident == Incident::SlowDatabase { 14.0 } else { 3.0 };
        let depth = self.random.log_normal(backlog, 0.4) as i64;
        if let Some(checkout) = &self.pipelines[Service::Checkout as usize] {
            let topic = [KeyValue::new("messaging.destination.name", ORDERS_TOPIC)];
            checkout.instruments.queue_depth.add(depth - self.queue_depth, &topic);
            self.queue_depth = depth;
        }
    }
}

fn say_goodbye(pipeline: &Pipeline, row: &Row, wanted: Option<&'static str>, now: SystemTime) {
    let (severity, body) = match wanted {
        Some(version) => {
            let body = format!("{} {} stops, {version} takes over", row.name, pipeline.version);
            (Severity::Info, body)
        }
        None => {
            let body =
                format!("{} {} panicked: out of memory while loading the word list", row.name, row.version);
            (Severity::Fatal, body)
        }
    };
    emit::line(pipeline, now, severity, body);
}
