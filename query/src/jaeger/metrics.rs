//! `/api/metrics/…`: latencies, calls and errors of services over time, for the Monitor tab of Jaeger's interface. Each
//! point says what was in its own step, counted from spans, so that `ratePer`, over which Jaeger smooths, is not needed.

use std::collections::HashMap;

use engine::traceql::{self, MetricsParams, MetricsSeries, TagValue};

use super::legacy::envelope;
use super::quoted;
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::request::time::{NS_PER_MS, rfc3339_ms};
use crate::service::Call;

const LOOKBACK_DEFAULT_MS: i64 = 3600 * 1000;
const STEP_DEFAULT_MS: i64 = 5000;
const STEPS_MAX: i64 = 11_000;
const MS_PER_S: f64 = 1000.0;
const KINDS: [&str; 5] = ["internal", "server", "client", "producer", "consumer"];

/// Milliseconds at `quantile`.
pub(crate) fn latencies(call: &Call) -> Result<Reply, Failure> {
    let quantile = call.params.require("quantile")?;
    let number = quantile.parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
    let number = number
        .ok_or_else(|| Failure::bad(format!("invalid quantile: {quantile:?} is not within 0 and 1")))?;
    let asked = Asked::of(call)?;
    let mut series = asked.run(call, "", &format!("quantile_over_time(duration, {number})"))?;
    for one in &mut series {
        one.points.iter_mut().for_each(|(_, value)| *value *= MS_PER_S);
    }
    Ok(asked.answer("latencies", &format!("{number}th quantile latency, ms"), &series))
}

/// Calls a second.
pub(crate) fn calls(call: &Call) -> Result<Reply, Failure> {
    let asked = Asked::of(call)?;
    let series = asked.run(call, "", "rate()")?;
    Ok(asked.answer("call_rate", "calls/sec", &series))
}

/// The part of calls that failed, 0 to 1; steps without calls have none.
pub(crate) fn errors(call: &Call) -> Result<Reply, Failure> {
    let asked = Asked::of(call)?;
    let mut series = asked.run(call, "", "rate()")?;
    let failed = asked.run(call, " && status = error", "rate()")?;
    let failed: HashMap<_, HashMap<i64, f64>> =
        failed.into_iter().map(|one| (names(&one), one.points.into_iter().collect())).collect();
    for one in &mut series {
        let failed = failed.get(&names(one));
        one.points.retain(|(_, calls)| *calls > 0.0);
        for (time, value) in &mut one.points {
            *value = failed.and_then(|failed| failed.get(time)).copied().unwrap_or_default() / *value;
        }
    }
    Ok(asked.answer("error_rate", "error rate, a fraction between 0 and 1", &series))
}

/// The finest step there is, in milliseconds.
pub(crate) fn min_step(_: &Call) -> Result<Reply, Failure> {
    Ok(envelope(0, |json| json.int(1)))
}

struct Asked {
    services: Vec<String>,
    kinds: Vec<String>,
    by_operation: bool,
    params: MetricsParams,
}

impl Asked {
    fn of(call: &Call) -> Result<Self, Failure> {
        let ms = |name: &str| call.params.parse::<i64>(name, "a number of milliseconds");
        let end = ms("endTs")?.unwrap_or_else(|| call.now_ms());
        let lookback = ms("lookback")?.unwrap_or(LOOKBACK_DEFAULT_MS).max(1);
        let step = ms("step")?.unwrap_or(STEP_DEFAULT_MS).max(1);
        if lookback / step >= STEPS_MAX {
            return Err(Failure::bad(format!("lookback and step make more than {STEPS_MAX} points")));
        }
        // Steps begin at multiples of themselves, so that a refresh moves no span from one to the next.
        let end = end.saturating_add(end.wrapping_neg().rem_euclid(step));
        let start = end.saturating_sub(lookback);
        let start = start.saturating_sub(start.rem_euclid(step));
        let ns = |ms: i64| ms.saturating_mul(NS_PER_MS);
        let services: Vec<String> = call.params.all("service").map(str::to_owned).collect();
        if services.is_empty() {
            return Err(Failure::bad("the parameter \"service\" is missing"));
        }
        Ok(Self {
            services,
            kinds: kinds(call)?,
            by_operation: call.params.get("groupByOperation") == Some("true"),
            params: MetricsParams { start: ns(start), end: ns(end), step: ns(step), exemplars: 0 },
        })
    }

    fn run(&self, call: &Call, and: &str, counted: &str) -> Result<Vec<MetricsSeries>, Failure> {
        let any = |name: &str, values: &mut dyn Iterator<Item = String>| {
            values.map(|value| format!("{name} = {value}")).collect::<Vec<_>>().join(" || ")
        };
        let services = any("resource.service.name", &mut self.services.iter().map(|name| quoted(name)));
        let kinds = any("kind", &mut self.kinds.iter().cloned());
        let by = if self.by_operation { ", name" } else { "" };
        let text = format!("{{ ({services}) && ({kinds}){and} }} | {counted} by (resource.service.name{by})");
        let query = traceql::parse(&text)?;
        Ok(traceql::metrics(&call.ctx, &call.snapshot(), &query, &self.params)?.0)
    }

    fn answer(&self, name: &str, help: &str, series: &[MetricsSeries]) -> Reply {
        let (of, by) = if self.by_operation {
            ("service_operation", "service & operation")
        } else {
            ("service", "service")
        };
        json_reply(|json| {
            json.object(|o| {
                o.member("name", &format!("{of}_{name}"));
                o.member("type", "GAUGE");
                o.member("help", &format!("{help}, grouped by {by}"));
                o.key("metrics").array(|a| series.iter().for_each(|one| write(a, one)));
            });
        })
    }
}

/// Kinds of spans, those of a service's own requests if none is named.
fn kinds(call: &Call) -> Result<Vec<String>, Failure> {
    let named: Vec<String> = call.params.all("spanKind").map(kind).collect::<Result<_, _>>()?;
    Ok(if named.is_empty() { vec!["server".to_owned()] } else { named })
}

fn kind(text: &str) -> Result<String, Failure> {
    let name = text.to_ascii_lowercase();
    let name = name.strip_prefix("span_kind_").unwrap_or(&name);
    match name {
        "unspecified" => Ok(name.to_owned()),
        name if KINDS.contains(&name) => Ok(name.to_owned()),
        _ => Err(Failure::bad(format!("unsupported span kind: {text:?}"))),
    }
}

/// Service, and operation if asked for.
fn names(series: &MetricsSeries) -> Vec<String> {
    let text = |(name, value): &(String, Option<TagValue>)| match (name.as_str(), value) {
        ("resource.service.name" | "name", Some(TagValue::Text(text))) => Some(text.clone()),
        _ => None,
    };
    series.labels.iter().filter_map(text).collect()
}

fn write(json: &mut Json, series: &MetricsSeries) {
    let names = names(series);
    json.object(|o| {
        o.key("labels").array(|a| {
            for (name, value) in ["service_name", "operation"].iter().zip(&names).rev() {
                a.object(|l| {
                    l.member("name", name);
                    l.member("value", value);
                });
            }
        });
        o.key("metricPoints").array(|a| {
            for (time, value) in series.points.iter().filter(|(_, value)| value.is_finite()) {
                a.object(|p| {
                    p.key("gaugeValue").object(|g| {
                        g.key("doubleValue").number(*value);
                    });
                    p.member("timestamp", &rfc3339_ms(time.div_euclid(NS_PER_MS)));
                });
            }
        });
    });
}
