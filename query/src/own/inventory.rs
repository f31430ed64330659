//! `/api/signalbox/inventory`: every service with its versions, instances and languages, when it was first and last seen, what
//! it sends, and whom it depends on both ways. Made of tables, not of records: a window of days costs little more than one
//! of an hour, and `start=0` asks for all that is kept.
//!
//! Dependencies are the edges of the service graph's series, of the window's last minutes, which may not be in these yet,
//! those of the spans themselves.

use std::collections::{BTreeMap, BTreeSet};

use engine::spans::service_graph;
use store::model::{LabelMatcher, Labels, MatchOp, RequestCtx, Signal, Stream};
use store::{LabelQuery, SeriesQuery, Snapshot, StreamUse};

use super::map::{SETTLE_NS, window};
use super::told::Told;
use crate::derived::{CALLS_BETWEEN, SCOPE};
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::request::time::{NS_PER_MS, NS_PER_S};
use crate::service::Call;

const WINDOW_DEFAULT_NS: i64 = 24 * 3600 * NS_PER_S;
/// Calls that are younger are counted from spans.
const RECENT_NS: i64 = 120 * NS_PER_S;
/// Series of a service whose times are read.
const SERIES_READ: usize = 4;
const SIGNALS: [(&str, Signal); 2] = [("logs", Signal::Logs), ("traces", Signal::Spans)];

#[derive(Default)]
struct Service {
    told: Told,
    /// Unix milliseconds of the first and the last record or sample.
    seen: Option<(i64, i64)>,
    /// Of each of [`SIGNALS`].
    sends: [Records; SIGNALS.len()],
    series: u64,
    metrics: BTreeSet<String>,
    calls: BTreeSet<String>,
    called_by: BTreeSet<String>,
}

#[derive(Clone, Copy, Default)]
struct Records {
    records: u64,
    stored_bytes: u64,
}

type Services = BTreeMap<String, Service>;

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let window = window(call, WINDOW_DEFAULT_NS)?;
    let (ctx, snapshot) = (&call.ctx, call.snapshot());
    let mut services = Services::new();
    for (at, (_, signal)) in SIGNALS.into_iter().enumerate() {
        for of in snapshot.uses(ctx, signal, window.0, window.1)? {
            service(&mut services, &of.stream).add_records(at, &of);
        }
    }
    add_series(ctx, &snapshot, window, &mut services)?;
    let settled = call.now_ns().saturating_sub(SETTLE_NS);
    for (client, server) in dependencies(ctx, &snapshot, window, settled)? {
        if let Some(service) = services.get_mut(&server) {
            service.called_by.insert(client.clone());
        }
        if let Some(service) = services.get_mut(&client) {
            service.calls.insert(server);
        }
    }
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("services").array(|a| services.iter().for_each(|(name, service)| service.write(a, name)));
        });
    }))
}

fn service<'s>(services: &'s mut Services, stream: &Stream) -> &'s mut Service {
    if !services.contains_key(stream.service()) {
        services.insert(stream.service().to_owned(), Service::default());
    }
    services.entry(stream.service().to_owned()).or_default()
}

/// Counts the series of each service, and looks at the times of the first few.
fn add_series(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    (start, end): (i64, i64),
    services: &mut Services,
) -> Result<(), Failure> {
    let (start_ms, end_ms) = (start.div_euclid(NS_PER_MS), (end - 1).div_euclid(NS_PER_MS));
    for (_, meta) in snapshot.series(ctx, &LabelQuery { selectors: Vec::new(), start_ms, end_ms })? {
        if *meta.stream.scope_name == *SCOPE {
            continue;
        }
        let service = service(services, &meta.stream);
        service.told.add(&meta.stream);
        service.series += 1;
        if !service.metrics.contains(&*meta.name) {
            service.metrics.insert(meta.name.to_string());
        }
    }
    let set =
        snapshot.series_set(ctx, &SeriesQuery { matchers: Vec::new(), start_ms, end_ms, totals: false })?;
    let mut reader = set.reader();
    let mut read: BTreeMap<&str, usize> = BTreeMap::new();
    for at in 0..set.len() {
        let name = set.meta(at).stream.service();
        let read = read.entry(name).or_default();
        let Some(service) = services.get_mut(name).filter(|service| service.series > 0) else { continue };
        if *read >= SERIES_READ || *set.meta(at).stream.scope_name == *SCOPE {
            continue;
        }
        let Some(samples) = reader.read(ctx, at)? else { continue };
        *read += 1;
        let times = samples.times.iter().copied().chain(samples.histograms.iter().map(|(time, ..)| *time));
        times.for_each(|time| service.see(time, time));
    }
    Ok(())
}

/// Who calls whom in a window, by name.
pub(super) fn dependencies(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    (start, end): (i64, i64),
    settled: i64,
) -> Result<BTreeSet<(String, String)>, Failure> {
    let matcher = LabelMatcher::new(Labels::METRIC_NAME, MatchOp::Equal, CALLS_BETWEEN);
    let query = SeriesQuery {
        matchers: vec![matcher.map_err(|error| Failure::bad(error.to_string()))?],
        start_ms: start.div_euclid(NS_PER_MS),
        end_ms: (end - 1).div_euclid(NS_PER_MS),
        totals: false,
    };
    let mut edges = BTreeSet::new();
    for series in snapshot.select(ctx, &query)? {
        // What turned out to be another call was taken back.
        let calls: f64 = series.values.iter().filter(|value| !value.is_nan()).sum();
        if let (Some(client), Some(server)) = (series.labels.get("client"), series.labels.get("server"))
            && calls >= 0.5
        {
            edges.insert((client.to_owned(), server.to_owned()));
        }
    }
    let recent = (start.max(end.saturating_sub(RECENT_NS)), end);
    let graph = service_graph(ctx, snapshot, recent, settled)?;
    edges.extend(graph.edges.into_keys().map(|edge| (edge.client, edge.server)));
    Ok(edges)
}

// === impl Service ===

impl Service {
    fn add_records(&mut self, signal: usize, of: &StreamUse) {
        self.told.add(&of.stream);
        self.see(of.first.div_euclid(NS_PER_MS), of.last.div_euclid(NS_PER_MS));
        if let Some(sends) = self.sends.get_mut(signal) {
            sends.records += of.records;
            sends.stored_bytes += of.stored_bytes;
        }
    }

    fn see(&mut self, first_ms: i64, last_ms: i64) {
        let (first, last) = self.seen.unwrap_or((first_ms, last_ms));
        self.seen = Some((first.min(first_ms), last.max(last_ms)));
    }

    fn write(&self, json: &mut Json, name: &str) {
        json.object(|o| {
            o.member("name", name);
            self.told.write(o);
            let seen = [
                ("first_seen_ms", self.seen.map(|seen| seen.0)),
                ("last_seen_ms", self.seen.map(|seen| seen.1)),
            ];
            for (name, time) in seen {
                match time {
                    Some(time) => o.key(name).int(time),
                    None => o.key(name).null(),
                }
            }
            for ((name, _), sends) in SIGNALS.iter().zip(self.sends) {
                o.key(name).object(|s| {
                    s.key("records").int(sends.records);
                    s.key("stored_bytes").int(sends.stored_bytes);
                });
            }
            o.key("metrics").object(|m| {
                m.key("series").int(self.series);
                m.key("names").int(self.metrics.len() as u64);
            });
            o.key("calls").strings(self.calls.iter().map(String::as_str));
            o.key("called_by").strings(self.called_by.iter().map(String::as_str));
        });
    }
}

#[cfg(test)]
mod tests {
    use store::Append;
    use store::model::{
        Batch, MetricKind, MetricRef, SampleBatchBuilder, SeriesPart, StreamParts, Temporality, Value,
    };

    use super::*;
    use crate::testing::{NOW_S, World, ctx};

    /// Growth of edges an hour ago, as span metrics are written.
    fn edges(edges: &[(&str, &str, &[f64])]) -> Batch {
        let mut b = SampleBatchBuilder::default();
        let stream = b.stream(&StreamParts { scope_name: SCOPE, ..Default::default() });
        let metric = b.metric(MetricRef {
            name: CALLS_BETWEEN.trim_end_matches("_total"),
            unit: "",
            description: "",
            kind: MetricKind::Sum,
            temporality: Temporality::Delta,
            monotonic: true,
        });
        for (client, server, grown) in edges {
            let mut pairs = vec![("client", Value::Str(client)), ("server", Value::Str(server))];
            let attributes = b.attributes(&mut pairs);
            let series = b.series(stream, metric, attributes, SeriesPart::Value);
            for (at, value) in (0..).zip(*grown) {
                let time_ms = (NOW_S - 3600 + at) * 1000;
                b.point(series, time_ms, time_ms - 500, *value);
            }
        }
        Batch::Samples(b.finish())
    }

    async fn services(world: &World, path: &str) -> Vec<serde_json::Value> {
        let answer: serde_json::Value = serde_json::from_str(&world.get(path).await.body).unwrap();
        answer["services"].as_array().unwrap().clone()
    }

    #[tokio::test]
    async fn services_have_what_they_say_and_send_and_whom_they_call() {
        let world = World::with_data().await;
        world.fill("b", "theirs").await;
        let batch = edges(&[
            ("payments", "bank", &[2.0]),
            ("shop", "cart", &[1.0, 1.0]),
            ("payments", "cart", &[3.0, -3.0]),
        ]);
        let append = Append { batch, key: None, answer: Vec::new() };
        world.store.writer().append(&ctx("a"), append).await.unwrap();
        let found = services(&world, "/api/signalbox/inventory").await;
        let names: Vec<&str> = found.iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(names, ["cart", "payments"]);
        let (cart, payments) = (&found[0], &found[1]);
        assert_eq!(cart["instances"], serde_json::json!(["c-1"]), "metrics alone say it");
        assert_eq!(cart["logs"], serde_json::json!({"records": 2, "stored_bytes": 0}));
        assert_eq!(cart["traces"], serde_json::json!({"records": 2, "stored_bytes": 0}));
        assert_eq!(cart["metrics"], serde_json::json!({"series": 2, "names": 1}));
        let seen = |of: &serde_json::Value| {
            [&of["first_seen_ms"], &of["last_seen_ms"]].map(|time| time.as_i64().unwrap() - NOW_S * 1000)
        };
        assert_eq!((seen(cart), seen(payments)), ([-120_000, 0], [-59_980, -20_000]));
        assert_eq!(cart["calls"], serde_json::json!(["payments"]), "of spans");
        assert_eq!(cart["called_by"], serde_json::json!(["shop", "user"]), "without what was taken back");
        assert_eq!(payments["calls"], serde_json::json!(["bank"]), "of the graph's series");
        assert_eq!(payments["called_by"], serde_json::json!(["cart"]));

        world.store.flush().await.unwrap();
        let flushed = services(&world, "/api/signalbox/inventory").await;
        assert!(flushed[0]["logs"]["stored_bytes"].as_u64().unwrap() > 0);
        assert_eq!(seen(&flushed[0]), seen(cart));
        assert_eq!(flushed[0]["traces"]["records"], 2);
    }

    #[tokio::test]
    async fn a_window_has_its_records_only() {
        let world = World::with_data().await;
        let path = format!("/api/signalbox/inventory?start={}&end={}", NOW_S - 25, NOW_S - 10);
        let found = services(&world, &path).await;
        let logs = |of: &serde_json::Value| of["logs"]["records"].as_u64();
        assert_eq!(found.iter().map(logs).collect::<Vec<_>>(), [Some(1)]);
        assert_eq!(found[0]["name"], "payments");
        assert!(services(&world, "/api/signalbox/inventory?start=1&end=2").await.is_empty());
        assert_eq!(world.get("/api/signalbox/inventory?start=2&end=1").await.status, 400);
    }
}
