//! `/api/v3/…`: what Jaeger's interface asks for since 2.15. Traces are OTLP in its JSON.

use engine::traceql::{Trace, TraceSummary};
use http::StatusCode;

use super::{Search, hex, operations, services, trace_id, traces};
use crate::failure::{Failure, Reply, json_reply, reply};
use crate::json::Json;
use crate::request::time::{duration_ns, event_time};
use crate::service::Call;
use crate::wire::{JsonStyle, TraceBuilder};

const TRACES_DEFAULT: usize = 100;

pub(crate) fn list_services(call: &Call) -> Result<Reply, Failure> {
    let services = services(call)?;
    Ok(json_reply(|json| {
        json.object(|o| o.key("services").strings(services.iter().map(String::as_str)));
    }))
}

pub(crate) fn list_operations(call: &Call) -> Result<Reply, Failure> {
    let kind = call.params.get_any(&["spanKind", "span_kind"]).unwrap_or_default();
    let found = operations(call, call.params.require("service")?, kind)?;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("operations").array(|a| {
                for (name, kind) in &found {
                    a.object(|op| {
                        op.member("name", name);
                        op.member("spanKind", if kind.is_empty() { "internal" } else { kind });
                    });
                }
            });
        });
    }))
}

pub(crate) fn search(call: &Call) -> Result<Reply, Failure> {
    otlp(&search_params(call)?.traces(call)?)
}

pub(crate) fn one_trace(call: &Call) -> Result<Reply, Failure> {
    let text = call.path.get("id");
    let id = trace_id(text).ok_or_else(|| Failure::bad(format!("malformed parameter trace_id: {text:?}")))?;
    let (start, end) = (time(call, "startTime", "start_time")?, time(call, "endTime", "end_time")?);
    let range =
        (start.is_some() || end.is_some()).then(|| (start.unwrap_or(i64::MIN), end.unwrap_or(i64::MAX)));
    otlp(&traces(call, &[id], range)?)
}

pub(crate) fn summaries(call: &Call) -> Result<Reply, Failure> {
    let found = search_params(call)?.summaries(call)?;
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("summaries").array(|a| found.iter().for_each(|trace| write_summary(a, trace)));
        });
    }))
}

fn write_summary(json: &mut Json, trace: &TraceSummary) {
    let count = |of: fn(&engine::traceql::ServiceStats) -> u64| trace.services.values().map(of).sum::<u64>();
    json.object(|o| {
        o.member("traceId", &hex(&trace.id));
        o.member("rootServiceName", &trace.root_service);
        o.member("rootOperationName", &trace.root_name);
        o.member("minStartTimeUnixNano", &trace.start.to_string());
        o.member("maxEndTimeUnixNano", &trace.start.saturating_add(trace.duration_ns).to_string());
        o.key("spanCount").int(count(|stats| stats.spans));
        o.key("errorSpanCount").int(count(|stats| stats.errors));
        o.key("services").array(|a| {
            for (name, stats) in &trace.services {
                a.object(|s| {
                    s.member("name", name);
                    s.key("spanCount").int(stats.spans);
                    s.key("errorSpanCount").int(stats.errors);
                });
            }
        });
    });
}

/// All traces in one message, as the gateway sends them; no trace is 404.
fn otlp(traces: &[Trace]) -> Result<Reply, Failure> {
    if traces.is_empty() {
        return Err(Failure::not_found("No traces found"));
    }
    let mut json = Json::with_capacity(4096);
    json.object(|o| {
        o.key("result").object(|r| {
            r.key("resourceSpans").array(|a| {
                for trace in traces {
                    let mut builder = TraceBuilder::default();
                    (0..trace.spans.rows()).for_each(|row| builder.add(&trace.spans, row));
                    builder.finish().write_resources(a, JsonStyle::Otlp);
                }
            });
        });
    });
    Ok(reply(StatusCode::OK, "application/json", json.into_bytes()))
}

fn search_params(call: &Call) -> Result<Search, Failure> {
    let params = &call.params;
    let named =
        |name: &str, older: &str| params.get_any(&[&format!("query.{name}"), &format!("query.{older}")]);
    let duration = |name: &str, older: &str| match named(name, older) {
        None => Ok(None),
        Some(text) => match duration_ns(text) {
            Some(nanos) => Ok(Some(nanos)),
            None => Err(Failure::bad(format!("malformed parameter query.{name}: {text:?}"))),
        },
    };
    let mut tags = Vec::new();
    if let Some(text) = params.get("query.attributes") {
        let map: std::collections::BTreeMap<String, String> = serde_json::from_str(text)
            .map_err(|error| Failure::bad(format!("malformed parameter query.attributes: {error}")))?;
        tags.extend(map);
    }
    let limit = match named("searchDepth", "search_depth").or_else(|| params.get("query.num_traces")) {
        None => TRACES_DEFAULT,
        Some(text) => text
            .parse()
            .map_err(|_| Failure::bad(format!("malformed parameter query.searchDepth: {text:?}")))?,
    };
    Ok(Search {
        service: named("serviceName", "service_name").unwrap_or_default().to_owned(),
        operation: named("operationName", "operation_name").unwrap_or_default().to_owned(),
        tags,
        start: time(call, "query.startTimeMin", "query.start_time_min")?,
        end: time(call, "query.startTimeMax", "query.start_time_max")?,
        min_duration_ns: duration("durationMin", "duration_min")?,
        max_duration_ns: duration("durationMax", "duration_max")?,
        limit,
    })
}

fn time(call: &Call, name: &str, older: &str) -> Result<Option<i64>, Failure> {
    call.params.get_any(&[name, older]).map(|text| event_time(name, text)).transpose()
}
