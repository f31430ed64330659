//! `/api/signalbox/map`: who calls whom, how often and how it goes, and the services with their versions and instances.

use std::collections::{BTreeMap, BTreeSet};

use engine::spans::{Distribution, Edge, EdgeStats, service_graph};
use store::model::Signal;

use super::told::Told;
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::request::time::{NS_PER_S, event_time};
use crate::service::Call;

const WINDOW_DEFAULT_NS: i64 = 15 * 60 * NS_PER_S;
/// A call may be answered for so long before its other side is said to send no spans.
pub(crate) const SETTLE_NS: i64 = 15 * NS_PER_S;

/// What streams say of a service.
#[derive(Default)]
struct Service {
    told: Told,
    signals: BTreeSet<&'static str>,
}

/// `start` and `end` of a request, in nanoseconds.
pub(crate) fn window(call: &Call, default_ns: i64) -> Result<(i64, i64), Failure> {
    let time = |name: &str, default| call.params.get(name).map_or(Ok(default), |text| event_time(name, text));
    let end = time("end", call.now_ns().saturating_add(1))?;
    let start = time("start", end.saturating_sub(default_ns))?;
    if start >= end {
        return Err(Failure::bad("\"start\" must be before \"end\""));
    }
    Ok((start, end))
}

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let window = window(call, WINDOW_DEFAULT_NS)?;
    let snapshot = call.snapshot();
    let settled = call.now_ns().saturating_sub(SETTLE_NS);
    let graph = service_graph(&call.ctx, &snapshot, window, settled)?;
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    for (signal, name) in [(Signal::Spans, "traces"), (Signal::Logs, "logs")] {
        for stream in snapshot.streams(&call.ctx, signal, window.0, window.1)? {
            let service = services.entry(stream.service().to_owned()).or_default();
            service.signals.insert(name);
            service.told.add(&stream);
        }
    }
    services.remove("");
    let seconds = (window.1 - window.0) as f64 / 1e9;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("services").array(|a| {
                services.iter().for_each(|(name, service)| write_service(a, name, service, &graph.edges));
            });
            o.key("edges").array(|a| {
                graph.edges.iter().for_each(|(edge, stats)| write_edge(a, edge, stats, seconds));
            });
        });
    }))
}

fn write_service(json: &mut Json, name: &str, service: &Service, edges: &BTreeMap<Edge, EdgeStats>) {
    let calls: BTreeSet<&str> =
        edges.keys().filter(|e| e.client == name).map(|e| e.server.as_str()).collect();
    let called: BTreeSet<&str> =
        edges.keys().filter(|e| e.server == name).map(|e| e.client.as_str()).collect();
    json.object(|o| {
        o.member("name", name);
        service.told.write(o);
        o.key("signals").strings(service.signals.iter().copied());
        o.key("calls").strings(calls);
        o.key("called_by").strings(called);
    });
}

fn write_edge(json: &mut Json, edge: &Edge, stats: &EdgeStats, seconds: f64) {
    json.object(|o| {
        o.member("client", &edge.client);
        o.member("server", &edge.server);
        o.member("kind", edge.kind.label());
        o.key("calls").int(stats.calls);
        o.key("failed").int(stats.failed);
        o.key("rate_per_s").number(stats.calls as f64 / seconds);
        let seen = if stats.server.count > 0 { &stats.server } else { &stats.client };
        write_distribution(o, seen);
    });
}

fn write_distribution(o: &mut Json, of: &Distribution) {
    o.key("mean_ms").number(if of.count > 0 { of.sum_s() * 1e3 / of.count as f64 } else { 0.0 });
    if let Some(slowest) = &of.slowest {
        o.key("slowest").object(|s| {
            s.member("trace_id", &crate::jaeger::hex(&slowest.trace_id));
            s.member("span_id", &format!("{:016x}", slowest.span_id));
            s.key("ms").number(slowest.duration_ns as f64 / 1e6);
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn the_map_has_services_and_edges() {
        let world = World::with_data().await;
        world.fill("b", "theirs").await;
        let edge = concat!(
            r#"{"client":"cart","server":"payments","kind":"","calls":1,"failed":1,"rate_per_s":*,"mean_ms":40,"#,
            r#""slowest":{"trace_id":"00000000000000010203040506070809","span_id":"0303030303030303","ms":40}}"#
        );
        let service = concat!(
            r#"{"name":"cart","versions":[],"instances":[],"languages":[],"namespaces":[],"signals":["logs","traces"],"#,
            r#""calls":["payments"],"called_by":["user"]}"#
        );
        world
            .golden(&[
                (
                    "/api/signalbox/map",
                    &format!(r#"{{"services":[{service},*],"edges":[{edge},*"user","server":"cart"*]}}"#),
                ),
                ("/api/signalbox/map?start=1&end=2", r#"{"services":[],"edges":[]}"#),
                ("/api/signalbox/map?start=2&end=1", "{\"error\":*"),
            ])
            .await;
    }
}
