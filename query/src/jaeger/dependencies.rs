//! `/api/dependencies` and `/api/v3/dependencies`: who calls whom, counted from the spans of the window. Zipkin's answer is the same list.

use engine::spans::service_graph;

use super::legacy::envelope;
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::request::time::{NS_PER_MS, event_time};
use crate::service::Call;

const LOOKBACK_DEFAULT_MS: i64 = 24 * 3600 * 1000;

pub(crate) fn jaeger(call: &Call) -> Result<Reply, Failure> {
    let edges = edges(call)?;
    Ok(envelope(0, |json| write(json, &edges)))
}

pub(crate) fn zipkin(call: &Call) -> Result<Reply, Failure> {
    let edges = edges(call)?;
    Ok(json_reply(|json| write(json, &edges)))
}

/// `/api/v3/dependencies`: counts are texts, as protobuf's JSON has them.
pub(crate) fn v3(call: &Call) -> Result<Reply, Failure> {
    let time = |name: &str, older: &str| {
        let text = call.params.get_any(&[name, older]);
        text.map(|text| event_time(name, text)).transpose()
    };
    let end = time("endTime", "end_time")?.unwrap_or_else(|| call.now_ns().saturating_add(1));
    let lookback = LOOKBACK_DEFAULT_MS.saturating_mul(NS_PER_MS);
    let start = time("startTime", "start_time")?.unwrap_or_else(|| end.saturating_sub(lookback));
    let links = links(call, start, end)?;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("dependencies").array(|a| {
                for link in &links {
                    a.object(|l| {
                        l.member("parent", &link.parent);
                        l.member("child", &link.child);
                        l.member("callCount", &link.calls.to_string());
                    });
                }
            });
        });
    }))
}

struct Link {
    parent: String,
    child: String,
    calls: u64,
    errors: u64,
}

fn edges(call: &Call) -> Result<Vec<Link>, Failure> {
    let ms = |name: &str| call.params.parse::<i64>(name, "a time in milliseconds");
    let end = ms("endTs")?.unwrap_or_else(|| call.now_ms()).saturating_mul(NS_PER_MS);
    let lookback = ms("lookback")?.unwrap_or(LOOKBACK_DEFAULT_MS).saturating_mul(NS_PER_MS);
    links(call, end.saturating_sub(lookback), end)
}

/// Unix nanoseconds.
fn links(call: &Call, start: i64, end: i64) -> Result<Vec<Link>, Failure> {
    let settled = call.now_ns().saturating_sub(crate::own::SETTLE_NS);
    let graph = service_graph(&call.ctx, &call.snapshot(), (start, end), settled)?;
    let link = |(edge, stats): (engine::spans::Edge, engine::spans::EdgeStats)| Link {
        parent: edge.client,
        child: edge.server,
        calls: stats.calls,
        errors: stats.failed,
    };
    Ok(graph.edges.into_iter().map(link).collect())
}

fn write(json: &mut Json, links: &[Link]) {
    json.array(|a| {
        for link in links {
            a.object(|o| {
                o.member("parent", &link.parent);
                o.member("child", &link.child);
                o.key("callCount").int(link.calls);
                if link.errors > 0 {
                    o.key("errorCount").int(link.errors);
                }
            });
        }
    });
}
