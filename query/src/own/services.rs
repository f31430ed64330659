//! `/api/signalbox/services`: rate, errors and duration of each service from its spans, and its log counts. One scan of
//! three columns over spans and of one over logs; rows are grouped by their stream's number, not by name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use store::model::{ColumnRef, EventBatch, Field, Filter, RequestCtx, Signal, Tenant, Value};
use store::{EventQuery, EventRows, Order, Projection, ScanControl, Snapshot};

use super::quantiles::Durations;
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::request::time::{NS_PER_S, event_time};
use crate::service::Call;

const WINDOW_DEFAULT_NS: i64 = 15 * 60 * NS_PER_S;
/// Parts of the sparkline.
const PARTS: usize = 30;
/// Home pages ask every second or two; several of one tenant share an answer.
const CACHE_FOR: Duration = Duration::from_secs(1);
const CACHE_ENTRIES_MAX: usize = 128;
/// OTel severity numbers from here on are errors.
const SEVERITY_ERROR: i64 = 17;
const STATUS_ERROR: i64 = 2;
const KIND_SERVER: i64 = 2;
const KIND_CONSUMER: i64 = 5;

/// Answers of the last moment, by tenant and window.
#[derive(Default)]
pub(crate) struct ServicesCache(Mutex<Vec<Cached>>);

struct Cached {
    tenant: Tenant,
    window: Window,
    at: Instant,
    services: Arc<Services>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Window {
    start: i64,
    end: i64,
}

type Services = BTreeMap<String, Service>;

#[derive(Default)]
struct Service {
    spans: u64,
    errors: u64,
    durations: Durations,
    logs: u64,
    error_logs: u64,
    last_seen: Option<i64>,
    spark: [u64; PARTS],
    spark_errors: [u64; PARTS],
}

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let time =
        |name: &str, default: i64| call.params.get(name).map_or(Ok(default), |text| event_time(name, text));
    let end = time("end", call.now_ns())?;
    let window = Window { start: time("start", end.saturating_sub(WINDOW_DEFAULT_NS))?, end };
    if window.start >= window.end {
        return Err(Failure::bad("\"start\" must be before \"end\""));
    }
    let cache = &call.shared.services;
    let services = match cache.get(&call.ctx.tenant, window) {
        Some(services) => services,
        None => {
            let services = Arc::new(count(&call.ctx, &call.snapshot(), window)?);
            cache.put(&call.ctx.tenant, window, Arc::clone(&services));
            services
        }
    };
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("services")
                .array(|a| services.iter().for_each(|(name, service)| service.write(a, name, window)));
        });
    }))
}

fn count(ctx: &RequestCtx, snapshot: &Snapshot, window: Window) -> Result<Services, Failure> {
    let mut services = Services::new();
    let query = |signal, columns: &[Field]| EventQuery {
        signal,
        start: window.start,
        end: window.end,
        filter: Filter::All,
        projection: Projection::Columns(columns.iter().map(|field| ColumnRef::Field(*field)).collect()),
        order: Order::Any,
    };
    let spans = query(Signal::Spans, &[Field::Kind, Field::ParentSpanId, Field::StatusCode, Field::Duration]);
    snapshot.scan(ctx, &spans, &mut |rows| {
        each_service(&rows, &mut services, |service, batch, row| service.add_span(batch, row, window));
        ScanControl::Continue
    })?;
    let logs = query(Signal::Logs, &[Field::SeverityNumber]);
    snapshot.scan(ctx, &logs, &mut |rows| {
        each_service(&rows, &mut services, Service::add_log);
        ScanControl::Continue
    })?;
    Ok(services)
}

/// Gathers a block's rows by stream, so that the service is looked up once for each stream.
fn each_service(
    rows: &EventRows<'_>,
    services: &mut Services,
    mut add: impl FnMut(&mut Service, &EventBatch, usize),
) {
    let mut by_stream: Vec<Vec<u32>> = vec![Vec::new(); rows.batch.streams().len()];
    for &row in rows.rows {
        let stream = rows.batch.row_streams().get(row as usize).map_or(0, |stream| *stream as usize);
        if let Some(list) = by_stream.get_mut(stream) {
            list.push(row);
        }
    }
    for (stream, list) in rows.batch.streams().iter().zip(&by_stream).filter(|(_, list)| !list.is_empty()) {
        let service = services.entry(stream.service().to_owned()).or_default();
        list.iter().for_each(|&row| add(service, rows.batch, row as usize));
    }
}

// === impl Service ===

impl Service {
    /// Work somebody asked of the service: what it serves and consumes, and where traces begin. Its calls to others
    /// and its inner spans would count the same request again.
    fn add_span(&mut self, batch: &EventBatch, row: usize, window: Window) {
        let time = batch.times().get(row).copied().unwrap_or_default();
        self.last_seen = self.last_seen.max(Some(time));
        let int = |field| batch.field(row, field).and_then(Value::as_int);
        let asked = matches!(int(Field::Kind), Some(KIND_SERVER | KIND_CONSUMER));
        if !asked && batch.field(row, Field::ParentSpanId).is_some() {
            return;
        }
        let failed = int(Field::StatusCode) == Some(STATUS_ERROR);
        self.spans += 1;
        self.errors += u64::from(failed);
        self.durations.add(int(Field::Duration).unwrap_or_default().max(0).unsigned_abs());
        let part = window.part(time);
        if let (Some(spans), Some(errors)) = (self.spark.get_mut(part), self.spark_errors.get_mut(part)) {
            *spans += 1;
            *errors += u64::from(failed);
        }
    }

    fn add_log(&mut self, batch: &EventBatch, row: usize) {
        let severity = batch.field(row, Field::SeverityNumber).and_then(Value::as_int).unwrap_or_default();
        self.logs += 1;
        self.error_logs += u64::from(severity >= SEVERITY_ERROR);
        self.last_seen = self.last_seen.max(batch.times().get(row).copied());
    }

    fn write(&self, json: &mut Json, name: &str, window: Window) {
        let ratio = (self.spans > 0).then(|| self.errors as f64 / self.spans as f64);
        json.object(|o| {
            o.member("name", name);
            o.key("spans").int(self.spans);
            o.key("errors").int(self.errors);
            o.key("rate_per_s").number(self.spans as f64 / window.seconds());
            number_or_null(o.key("error_ratio"), ratio);
            for (name, q) in [("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)] {
                number_or_null(o.key(name), self.durations.quantile(q).map(|nanos| nanos / 1e6));
            }
            o.key("logs").int(self.logs);
            o.key("error_logs").int(self.error_logs);
            match self.last_seen {
                Some(nanos) => o.key("last_seen_ms").int(nanos.div_euclid(1_000_000)),
                None => o.key("last_seen_ms").null(),
            }
            o.key("spark").array(|a| self.spark.iter().for_each(|count| a.int(*count)));
            o.key("spark_errors").array(|a| self.spark_errors.iter().for_each(|count| a.int(*count)));
        });
    }
}

fn number_or_null(json: &mut Json, number: Option<f64>) {
    match number {
        Some(number) => json.number(number),
        None => json.null(),
    }
}

// === impl Window ===

impl Window {
    fn seconds(self) -> f64 {
        (self.end as f64 - self.start as f64) / 1e9
    }

    fn part(self, time: i64) -> usize {
        let share = (time as f64 - self.start as f64) / (self.end as f64 - self.start as f64);
        ((share * PARTS as f64) as usize).min(PARTS - 1)
    }
}

// === impl ServicesCache ===

impl ServicesCache {
    fn get(&self, tenant: &Tenant, window: Window) -> Option<Arc<Services>> {
        let cached = self.0.lock();
        let fresh = |entry: &&Cached| {
            entry.tenant == *tenant && entry.window == window && entry.at.elapsed() < CACHE_FOR
        };
        cached.iter().find(fresh).map(|entry| Arc::clone(&entry.services))
    }

    fn put(&self, tenant: &Tenant, window: Window, services: Arc<Services>) {
        let mut cached = self.0.lock();
        cached.retain(|entry| entry.at.elapsed() < CACHE_FOR);
        if cached.len() >= CACHE_ENTRIES_MAX {
            cached.remove(0);
        }
        cached.push(Cached { tenant: tenant.clone(), window, at: Instant::now(), services });
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn services_have_rate_errors_and_duration() {
        let world = World::with_data().await;
        let answer = world.get("/api/signalbox/services?start=1763929700&end=1763930000").await;
        let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let services = json["services"].as_array().unwrap();
        assert_eq!(services.len(), 2);
        let (cart, payments) = (&services[0], &services[1]);
        assert_eq!(cart["name"], "cart");
        assert_eq!((cart["spans"].as_u64(), cart["errors"].as_u64()), (Some(1), Some(0)));
        assert_eq!((cart["logs"].as_u64(), cart["error_logs"].as_u64()), (Some(2), Some(1)));
        assert!((cart["p99_ms"].as_f64().unwrap() / 100.0 - 1.0).abs() < 0.02);
        assert_eq!(payments["error_ratio"].as_f64(), Some(1.0));
        assert_eq!(payments["spark"].as_array().unwrap().len(), 30);
        let wrong = world.get("/api/signalbox/services?start=2&end=1").await;
        assert_eq!(
            (wrong.status, wrong.body.as_str()),
            (400, "{\"error\":\"\\\"start\\\" must be before \\\"end\\\"\"}")
        );
    }
}
