//! One target's loop: ask, read, store, and tell how it went.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderName;
use http::header::{ACCEPT, ACCEPT_ENCODING};
use parking_lot::Mutex;
use store::Append;
use store::model::{Batch, Budget, RequestCtx, Role, SampleBatchBuilder, Tenant};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::config::{Format, Job};
use super::exposition::{self, Native};
use super::fetch::{Answer, Ask, Client};
use super::series::{Counts, Rules, TargetSeries, report, stale};
use super::status::{TargetHealth, TargetStatus};
use super::target::Target;
use crate::collector::Shared;
use crate::process::{Incoming, Processed};

/// Larger bodies are read on a thread that may block.
const INLINE_BYTES_MAX: usize = 1 << 20;
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// A scrape this close to its time is given that time: equal distances take less room.
const TOLERANCE_MS: i64 = 10;
const REPORTS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];
const EXTRA_REPORTS: [&str; 3] = ["scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"];

pub(super) struct Worker {
    pub shared: Arc<Shared>,
    pub tenant: Tenant,
    pub job: Arc<Job>,
    pub client: Arc<Client>,
    pub target: Target,
    pub status: Arc<Mutex<TargetStatus>>,
    /// Why the job's targets are not to be asked.
    pub forced: Arc<Mutex<Option<String>>>,
    pub stop: CancellationToken,
}

/// How one scrape went.
struct Outcome {
    counts: Counts,
    body_bytes: usize,
    error: Option<String>,
    builder: SampleBatchBuilder,
    stream: u32,
}

impl Worker {
    /// Scrapes until told to stop; answers what it remembers.
    pub(super) async fn run(self, mut series: TargetSeries) -> TargetSeries {
        let client = match self.client() {
            Ok(client) => client,
            Err(problem) => {
                self.status.lock().last_error = problem;
                self.stop.cancelled().await;
                return series;
            }
        };
        let interval = self.target.interval;
        let mut next = Instant::now() + self.first_wait(now_ms());
        let mut due_ms = now_ms() + millis(next.saturating_duration_since(Instant::now()));
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.stop.cancelled() => return series,
            }
            let now = now_ms();
            let at_ms =
                if (now - due_ms).abs() <= TOLERANCE_MS.min(millis(interval) / 100) { due_ms } else { now };
            let began = Instant::now();
            let fetched = tokio::select! {
                fetched = self.fetch(&client) => fetched,
                () = self.stop.cancelled() => return series,
            };
            let took = began.elapsed().as_secs_f64();
            let outcome;
            (outcome, series) = self.read(fetched, series, at_ms).await;
            self.tell(&outcome, &series, at_ms, took);
            self.store(outcome, at_ms, took, next + interval).await;
            // Missed turns are left out.
            while next <= Instant::now() {
                next += interval;
                due_ms += millis(interval);
            }
        }
    }

    /// A client of its own where a certificate is held against another name than the address.
    fn client(&self) -> Result<Arc<Client>, String> {
        if self.job.http.tls.server_name.is_none() {
            return Ok(Arc::clone(&self.client));
        }
        Client::new(&self.job.http, &self.target.url).map(Arc::new)
    }

    /// Targets are spread over the interval, each always at the same place in it.
    fn first_wait(&self, now_ms: i64) -> Duration {
        let mut hasher = DefaultHasher::new();
        self.target.hash(&mut hasher);
        let interval = millis(self.target.interval).max(1);
        let place = (hasher.finish() % interval.unsigned_abs()) as i64;
        Duration::from_millis((place - now_ms).rem_euclid(interval).unsigned_abs())
    }

    async fn fetch(&self, client: &Client) -> Result<Answer, String> {
        if let Some(reason) = self.forced.lock().clone() {
            return Err(reason);
        }
        let timeout = self.target.timeout;
        let seconds = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
        let mut headers =
            vec![(ACCEPT, accept(&self.job.formats)), (seconds, timeout.as_secs_f64().to_string())];
        let coding = if self.job.compression { "gzip" } else { "identity" };
        headers.push((ACCEPT_ENCODING, coding.to_owned()));
        let own = self.shared.limits.body_decompressed_bytes_max;
        let asked = self.job.limits.body_bytes;
        let bytes_max = if asked == 0 { own } else { own.min(asked) };
        client.get(Ask { url: &self.target.url, headers: &headers, timeout, bytes_max }).await
    }

    /// The answer as samples. The memory goes along: reading a large answer happens elsewhere.
    async fn read(
        &self,
        fetched: Result<Answer, String>,
        mut series: TargetSeries,
        at_ms: i64,
    ) -> (Outcome, TargetSeries) {
        let large = fetched.as_ref().is_ok_and(|answer| answer.body.len() > INLINE_BYTES_MAX);
        let latest_ms = at_ms + i64::try_from(self.shared.limits.future_ms_max).unwrap_or(i64::MAX / 2);
        let (job, labels) = (Arc::clone(&self.job), self.target.labels.clone());
        let work = move || {
            let rules = Rules { job: &job, target: &labels, now_ms: at_ms, latest_ms };
            let outcome = read_answer(fetched, &mut series, &rules);
            (outcome, series)
        };
        if !large {
            return work();
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            // The reader was stopped: its memory is lost with it.
            Err(_) => {
                let mut fresh = TargetSeries::default();
                let rules = Rules { job: &self.job, target: &self.target.labels, now_ms: at_ms, latest_ms };
                let outcome = read_answer(Err("reading was stopped".to_owned()), &mut fresh, &rules);
                (outcome, fresh)
            }
        }
    }

    fn tell(&self, outcome: &Outcome, series: &TargetSeries, at_ms: i64, took: f64) {
        let mut status = self.status.lock();
        status.health = if outcome.error.is_none() { TargetHealth::Up } else { TargetHealth::Down };
        let error = outcome.error.clone().unwrap_or_default();
        if !error.is_empty() && status.last_error != error {
            tracing::info!(job = self.job.name, url = self.target.url, error, "scrape");
        }
        status.last_error = error;
        (status.last_scrape_ms, status.last_duration_s) = (at_ms, took);
        status.metrics = series.remarks().iter().map(|(name, text)| (name.clone(), text.clone())).collect();
    }

    /// Makes a scrape durable with the series that tell of it; while the store cannot take it, until the next turn.
    async fn store(&self, outcome: Outcome, at_ms: i64, took: f64, until: Instant) {
        let Outcome { counts, body_bytes, error, mut builder, stream } = outcome;
        let up = if error.is_none() { 1.0 } else { 0.0 };
        let values = [up, took, counts.scraped as f64, counts.kept as f64, counts.added as f64];
        let mut all: Vec<(&str, f64)> = REPORTS.iter().copied().zip(values).collect();
        if self.job.extra_metrics {
            let limit = self.job.limits.samples as f64;
            let values = [self.target.timeout.as_secs_f64(), limit, body_bytes as f64];
            all.extend(EXTRA_REPORTS.iter().copied().zip(values));
        }
        report(&mut builder, stream, &self.target.labels, at_ms, &all);
        append(&self.shared, &self.tenant, builder, until).await;
    }
}

/// The target is gone: its series end now.
pub(super) async fn end(
    shared: &Arc<Shared>,
    tenant: &Tenant,
    job: &Job,
    target: &Target,
    mut series: TargetSeries,
) {
    let now_ms = now_ms();
    let rules = Rules { job, target: &target.labels, now_ms, latest_ms: now_ms };
    let (mut builder, stream) = series.round(&rules).fail();
    let extra: &[&str] = if job.extra_metrics { &EXTRA_REPORTS } else { &[] };
    let all: Vec<(&str, f64)> = REPORTS.iter().chain(extra).map(|name| (*name, stale())).collect();
    report(&mut builder, stream, &target.labels, now_ms, &all);
    append(shared, tenant, builder, Instant::now() + target.interval).await;
}

async fn append(shared: &Arc<Shared>, tenant: &Tenant, builder: SampleBatchBuilder, until: Instant) {
    // A target sends when it is asked: quotas are for senders.
    let incoming = Incoming { tenant, residue: false, now: None };
    let Processed { batch, dropped, .. } = shared.pipeline.run(Batch::Samples(builder.finish()), &incoming);
    for (rule, records) in dropped {
        shared.accounting.dropped(tenant, batch.signal(), &rule, records);
    }
    if batch.rows() == 0 {
        return;
    }
    let budget = Budget::new(shared.limits.query_memory_bytes_max);
    let ctx = RequestCtx::new(tenant.clone(), "scrape", Role::Ingest, None, budget);
    loop {
        let append = Append { batch: batch.clone(), key: None, answer: Vec::new() };
        let Err(error) = shared.writer.append(&ctx, append).await else { return };
        let transient = error.class().at_ingestion().retry_after_s().is_some();
        if !transient || Instant::now() + RETRY_AFTER >= until {
            tracing::warn!(%error, "a scrape was not stored");
            return;
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

fn read_answer(fetched: Result<Answer, String>, series: &mut TargetSeries, rules: &Rules<'_>) -> Outcome {
    let body_bytes = fetched.as_ref().map_or(0, |answer| answer.body.len());
    let mut round = series.round(rules);
    let job = rules.job;
    let read = fetched.and_then(|answer| {
        let format = format_of(&answer.content_type, job)?;
        let native = Native { taken: job.native_histograms, classic_too: job.classic_too };
        exposition::read(format, &answer.body, native, &mut |entry| round.take(entry))
            .map_err(|error| error.to_string())
    });
    match read {
        Ok(()) => {
            let (builder, stream, counts) = round.finish();
            Outcome { counts, body_bytes, error: None, builder, stream }
        }
        Err(error) => {
            let counts = Counts { kept: 0, added: 0, ..round.counts };
            let (builder, stream) = round.fail();
            Outcome { counts, body_bytes, error: Some(error), builder, stream }
        }
    }
}

/// What is asked for, best first, in the words of Prometheus.
fn accept(formats: &[Format]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (at, format) in formats.iter().enumerate() {
        let weight = (formats.len() + 1 - at).min(9);
        // Only these say how names outside the classic alphabet are written.
        let escaping = match format {
            Format::OpenMetrics0 | Format::Text0 => "",
            _ => ";escaping=allow-utf-8",
        };
        parts.push(format!("{}{escaping};q=0.{weight}", format.media_type()));
    }
    parts.push("*/*;q=0.1".to_owned());
    parts.join(",")
}

/// How an answer is to be read by its type; one without a known type is an error unless the job says what it is.
fn format_of(content_type: &str, job: &Job) -> Result<Format, String> {
    let mut parts = content_type.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let version = parts.find_map(|part| part.strip_prefix("version=")).unwrap_or_default();
    Ok(match (media.as_str(), version) {
        ("application/openmetrics-text", "0.0.1") => Format::OpenMetrics0,
        ("application/openmetrics-text", _) => Format::OpenMetrics1,
        ("text/plain", "1.0.0") => Format::Text1,
        ("text/plain", _) => Format::Text0,
        ("application/vnd.google.protobuf", _) => Format::Protobuf,
        _ => {
            let problem = || {
                format!(
                    "the answer's Content-Type {content_type:?} is not known: set fallback_scrape_protocol"
                )
            };
            job.fallback.ok_or_else(problem)?
        }
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX / 4)
}
