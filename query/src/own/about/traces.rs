//! Its traces: how its operations go, what failed and what was slow; of one trace, who spent the time.

use std::collections::BTreeMap;

use engine::spans::trace_path;
use engine::traceql::{self, MetricsParams, SearchParams, Trace, TraceSummary};
use store::model::{Field, Value};

use super::About;
use super::subject::{duration, extent, id_text};
use crate::failure::Failure;
use crate::json::Json;

const OPERATIONS_MAX: usize = 50;
/// Failed ones, and slow ones.
const TRACES_MAX: usize = 20;
/// What is slower than this share of all spans is slow.
const SLOW: f64 = 0.95;
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50_ns"), (0.95, "p95_ns"), (0.99, "p99_ns")];
const STATUS_ERROR: i64 = 2;

pub(super) struct Traces {
    operations: Vec<(String, Operation)>,
    failed: Vec<TraceSummary>,
    slow: Vec<TraceSummary>,
    one: Option<One>,
}

/// Of the spans of one name.
#[derive(Default)]
struct Operation {
    spans: u64,
    failed: u64,
    /// Nanoseconds of each of [`QUANTILES`].
    quantiles: [Option<f64>; QUANTILES.len()],
}

/// One trace.
struct One {
    spans: usize,
    failed: usize,
    duration_ns: i64,
    /// Nanoseconds services spent themselves, and on the critical path.
    services: BTreeMap<String, (i64, i64)>,
}

// === impl Traces ===

impl Traces {
    pub(super) fn find(about: &About<'_>) -> Result<Self, Failure> {
        let condition = about.subject.spans();
        let failed = search(about, &format!("{{ {condition} && status = error }}"))?;
        let one = about.subject.trace().map(One::of);
        let slow = match one {
            Some(_) => Vec::new(),
            None => slow(about, &condition)?,
        };
        Ok(Self { operations: operations(about, &condition)?, failed, slow, one })
    }

    /// Failed and slow ones.
    pub(super) fn bad(&self) -> Vec<TraceSummary> {
        let mut bad = self.failed.clone();
        bad.extend(self.slow.iter().filter(|slow| !self.failed.iter().any(|one| one.id == slow.id)).cloned());
        bad
    }

    pub(super) fn write(&self, json: &mut Json) {
        json.object(|o| {
            o.key("operations").array(|a| self.operations.iter().for_each(|one| write_operation(a, one)));
            for (name, traces) in [("failed", &self.failed), ("slow", &self.slow)] {
                o.key(name).array(|a| traces.iter().for_each(|trace| write_trace(a, trace)));
            }
            if let Some(one) = &self.one {
                one.write(o.key("trace"));
            }
        });
    }
}

fn search(about: &About<'_>, query: &str) -> Result<Vec<TraceSummary>, Failure> {
    let (start, end) = about.subject.window;
    let params = SearchParams { start, end, limit: TRACES_MAX, spans_per_set: 0 };
    Ok(traceql::search(&about.call.ctx, &about.snapshot, &traceql::parse(query)?, &params)?.traces)
}

/// The slowest of the newest that are slower than most.
fn slow(about: &About<'_>, condition: &str) -> Result<Vec<TraceSummary>, Failure> {
    let limits = by_name(about, &format!("{{ {condition} }} | quantile_over_time(duration, {SLOW})"))?;
    let Some((_, _, seconds)) = limits.first() else { return Ok(Vec::new()) };
    let limit_ns = (seconds * 1e9) as i64;
    let mut found = search(about, &format!("{{ {condition} && duration > {limit_ns}ns }}"))?;
    found.sort_by_key(|trace| std::cmp::Reverse(trace.duration_ns));
    Ok(found)
}

/// The value of each series at the end of the window, with its `name` and its `p` if it has them.
fn by_name(about: &About<'_>, query: &str) -> Result<Vec<(String, f64, f64)>, Failure> {
    let (start, end) = about.subject.window;
    let params = MetricsParams { start: end, end, step: (end - start).max(1), exemplars: 0 };
    let (found, _) = traceql::metrics(&about.call.ctx, &about.snapshot, &traceql::parse(query)?, &params)?;
    let label = |series: &traceql::MetricsSeries, wanted: &str| {
        let mut labels = series.labels.iter();
        let found = labels.find(|(name, _)| name == wanted).and_then(|(_, value)| value.as_ref());
        found.map(|value| value.text()).unwrap_or_default()
    };
    let row = |series: &traceql::MetricsSeries| {
        let (_, value) = *series.points.last()?;
        let p = label(series, "p").parse().unwrap_or_default();
        value.is_finite().then(|| (label(series, "name"), p, value))
    };
    Ok(found.iter().filter_map(row).collect())
}

fn operations(about: &About<'_>, condition: &str) -> Result<Vec<(String, Operation)>, Failure> {
    let mut all: BTreeMap<String, Operation> = BTreeMap::new();
    for (name, _, spans) in by_name(about, &format!("{{ {condition} }} | count_over_time() by (name)"))? {
        all.entry(name).or_default().spans = spans as u64;
    }
    let failed = format!("{{ {condition} && status = error }} | count_over_time() by (name)");
    for (name, _, spans) in by_name(about, &failed)? {
        all.entry(name).or_default().failed = spans as u64;
    }
    let wanted = QUANTILES.map(|(p, _)| p.to_string()).join(", ");
    let quantiles = format!("{{ {condition} }} | quantile_over_time(duration, {wanted}) by (name)");
    for (name, p, seconds) in by_name(about, &quantiles)? {
        let operation = all.entry(name).or_default();
        if let Some(at) = QUANTILES.iter().position(|(known, _)| *known == p) {
            operation.quantiles[at] = Some(seconds * 1e9);
        }
    }
    let mut all: Vec<(String, Operation)> = all.into_iter().filter(|(_, one)| one.spans > 0).collect();
    all.sort_by_key(|(_, one)| std::cmp::Reverse(one.spans));
    all.truncate(OPERATIONS_MAX);
    Ok(all)
}

fn write_operation(json: &mut Json, (name, operation): &(String, Operation)) {
    json.object(|o| {
        o.member("name", name);
        o.key("spans").int(operation.spans);
        o.key("failed").int(operation.failed);
        for ((_, name), value) in QUANTILES.iter().zip(operation.quantiles) {
            match value {
                Some(nanos) => o.key(name).int(nanos as i64),
                None => o.key(name).null(),
            }
        }
    });
}

fn write_trace(json: &mut Json, trace: &TraceSummary) {
    json.object(|o| {
        o.member("trace_id", &id_text(&trace.id));
        o.member("root_service", &trace.root_service);
        o.member("root_name", &trace.root_name);
        o.member("start_ns", &trace.start.to_string());
        o.key("duration_ns").int(trace.duration_ns);
    });
}

// === impl One ===

impl One {
    fn of(trace: &Trace) -> Self {
        let spans = &trace.spans;
        let path = trace_path(trace);
        let mut services: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for (row, own) in path.self_ns.iter().enumerate() {
            services.entry(spans.stream(row).service().to_owned()).or_default().0 += own;
        }
        for part in &path.parts {
            let service = services.entry(spans.stream(part.row).service().to_owned()).or_default();
            service.1 += part.end - part.start;
        }
        let (start, end) = extent(trace);
        let status = |row: &usize| spans.field(*row, Field::StatusCode).and_then(Value::as_int);
        let failed = (0..spans.rows()).filter(|row| status(row) == Some(STATUS_ERROR)).count();
        Self { spans: spans.rows(), failed, duration_ns: (end - start).max(duration(trace, 0)), services }
    }

    fn write(&self, json: &mut Json) {
        json.object(|o| {
            o.key("spans").int(self.spans as u64);
            o.key("failed").int(self.failed as u64);
            o.key("duration_ns").int(self.duration_ns);
            o.key("services").array(|a| {
                for (name, (own, path)) in &self.services {
                    a.object(|s| {
                        s.member("name", name);
                        s.key("self_ns").int(*own);
                        s.key("path_ns").int(*path);
                    });
                }
            });
        });
    }
}
