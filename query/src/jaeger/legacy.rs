//! `/api/…`: the JSON that came before `/api/v3`. Every answer has the same envelope.

use super::{Search, model, operations, services, trace_id, traces};
use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::request::time::{NS_PER_MS, NS_PER_S, duration_ns};
use crate::service::Call;

const TRACES_DEFAULT: usize = 100;
const NS_PER_US: i64 = 1000;

pub(crate) fn list_services(call: &Call) -> Result<Reply, Failure> {
    let services = services(call)?;
    Ok(envelope(services.len(), |json| json.strings(services.iter().map(String::as_str))))
}

/// `/api/services/{service}/operations`: names alone.
pub(crate) fn list_names(call: &Call) -> Result<Reply, Failure> {
    let mut names: Vec<String> =
        operations(call, call.path.get("service"), "")?.into_iter().map(|(name, _)| name).collect();
    names.dedup();
    Ok(envelope(names.len(), |json| json.strings(names.iter().map(String::as_str))))
}

/// `/api/operations?service=`: names with their kinds.
pub(crate) fn list_operations(call: &Call) -> Result<Reply, Failure> {
    let kind = call.params.get("spanKind").unwrap_or_default();
    let found = operations(call, call.params.require("service")?, kind)?;
    Ok(envelope(found.len(), |json| {
        json.array(|a| {
            for (name, kind) in &found {
                a.object(|o| {
                    o.member("name", name);
                    o.member("spanKind", kind);
                });
            }
        });
    }))
}

pub(crate) fn search(call: &Call) -> Result<Reply, Failure> {
    let ids: Vec<&str> = call.params.all("traceID").collect();
    let found = if ids.is_empty() {
        search_params(call)?.traces(call)?
    } else {
        let bad = || Failure::bad("a traceID is not a hexadecimal number of up to 32 digits");
        let ids = ids.into_iter().map(|id| trace_id(id).ok_or_else(bad)).collect::<Result<Vec<_>, _>>()?;
        traces(call, &ids, None)?
    };
    Ok(envelope(0, |json| {
        json.array(|a| found.iter().for_each(|trace| model::write_trace(a, trace)));
    }))
}

pub(crate) fn one_trace(call: &Call) -> Result<Reply, Failure> {
    let text = call.path.get("id");
    let id = trace_id(text).ok_or_else(|| {
        Failure::bad(format!("trace id {text:?} is not a hexadecimal number of up to 32 digits"))
    })?;
    let (start, end) = (micros(call, "start")?, micros(call, "end")?);
    let range =
        (start.is_some() || end.is_some()).then(|| (start.unwrap_or(i64::MIN), end.unwrap_or(i64::MAX)));
    let found = traces(call, &[id], range)?;
    if found.is_empty() {
        return Err(Failure::not_found("trace not found"));
    }
    Ok(envelope(0, |json| json.array(|a| found.iter().for_each(|trace| model::write_trace(a, trace)))))
}

pub(super) fn envelope(total: usize, data: impl FnOnce(&mut Json)) -> Reply {
    json_reply(|json| {
        json.object(|o| {
            data(o.key("data"));
            o.key("total").int(total as u64);
            o.key("limit").int(0);
            o.key("offset").int(0);
            o.key("errors").null();
        });
    })
}

fn search_params(call: &Call) -> Result<Search, Failure> {
    let params = &call.params;
    let duration = |name: &str| match params.get(name) {
        None => Ok(None),
        Some(text) => match duration_ns(text) {
            Some(nanos) => Ok(Some(nanos)),
            None => Err(Failure::bad(format!("invalid {name}: {text:?} is not a duration"))),
        },
    };
    let mut tags = Vec::new();
    for text in params.all("tags").filter(|text| !text.is_empty()) {
        let map: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(text)
            .map_err(|error| Failure::bad(format!("invalid tags: no JSON object of texts: {error}")))?;
        tags.extend(map.into_iter().map(|(key, value)| match value {
            serde_json::Value::String(text) => (key, text),
            other => (key, other.to_string()),
        }));
    }
    for text in params.all("tag") {
        let pair =
            text.split_once(':').ok_or_else(|| Failure::bad(format!("invalid tag {text:?}: key:value")))?;
        tags.push((pair.0.to_owned(), pair.1.to_owned()));
    }
    let end = micros(call, "end")?;
    let lookback =
        duration("lookback")?.map(|nanos| end.unwrap_or_else(|| call.now_ns()).saturating_sub(nanos));
    Ok(Search {
        service: params.get("service").unwrap_or_default().to_owned(),
        operation: params.get("operation").filter(|name| *name != "all").unwrap_or_default().to_owned(),
        tags,
        start: micros(call, "start")?.or(lookback),
        end,
        min_duration_ns: duration("minDuration")?,
        max_duration_ns: duration("maxDuration")?,
        limit: params.limit("limit", TRACES_DEFAULT, usize::MAX)?,
    })
}

/// Unix microseconds; some clients send milliseconds or seconds, which are too small for this century.
fn micros(call: &Call, name: &str) -> Result<Option<i64>, Failure> {
    let Some(time) = call.params.parse::<i64>(name, "a Unix time in microseconds")? else { return Ok(None) };
    let unit = match time.unsigned_abs() {
        0..=99_999_999_999 => NS_PER_S,
        100_000_000_000..=99_999_999_999_999 => NS_PER_MS,
        _ => NS_PER_US,
    };
    Ok(Some(time.saturating_mul(unit)))
}
