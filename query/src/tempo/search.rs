//! `/api/search`: traces that match TraceQL (`q`), or the older parameters `tags`, `minDuration` and `maxDuration`.

use engine::traceql::{self, SearchParams, SearchResult, SpanMatch, SpanSet, TagValue, TraceSummary};
use http::StatusCode;
use store::ScanStats;

use super::range;
use crate::failure::{Failure, Reply, reply};
use crate::json::Json;
use crate::request::time::{NS_PER_MS, duration_ns};
use crate::service::Call;

const TRACES_DEFAULT: usize = 20;
const TRACES_MAX: usize = 10_000;
const SPANS_DEFAULT: usize = 3;
const SPANS_MAX: usize = 1000;

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let found = find(call)?;
    let mut json = Json::with_capacity(4096);
    json.object(|o| {
        o.key("traces").array(|a| found.traces.iter().for_each(|trace| write_trace(a, trace)));
        write_metrics(o, found.traces.len(), &found.stats);
    });
    Ok(reply(StatusCode::OK, "application/json", json.into_bytes()))
}

pub(super) fn find(call: &Call) -> Result<SearchResult, Failure> {
    let (start, end) = range(call)?;
    let text = match call.params.get_any(&["q", "query"]) {
        Some(text) => text.to_owned(),
        None => by_tags(call)?,
    };
    let query = traceql::parse(&text)?;
    let params = SearchParams {
        start,
        end,
        limit: call.params.limit("limit", TRACES_DEFAULT, TRACES_MAX)?.max(1),
        spans_per_set: call.params.limit("spss", SPANS_DEFAULT, SPANS_MAX)?,
    };
    Ok(traceql::search(&call.ctx, &call.snapshot(), &query, &params)?)
}

/// The older parameters as TraceQL: `tags` is logfmt.
fn by_tags(call: &Call) -> Result<String, Failure> {
    let mut conditions = Vec::new();
    for (key, value) in pairs(call.params.get("tags").unwrap_or_default())? {
        conditions.push(match key.as_str() {
            "error" | "status.code" if value == "true" || value == "error" => "status = error".to_owned(),
            "name" | "rootName" | "rootServiceName" => format!("{key} = {value:?}"),
            _ => format!(".{key} = {}", literal(&value)),
        });
    }
    for (name, sign) in [("minDuration", ">="), ("maxDuration", "<=")] {
        if let Some(text) = call.params.get(name) {
            let nanos = duration_ns(text)
                .ok_or_else(|| Failure::bad(format!("invalid {name}: {text:?} is not a duration")))?;
            conditions.push(format!("traceDuration {sign} {nanos}ns"));
        }
    }
    Ok(format!("{{ {} }}", conditions.join(" && ")))
}

/// The value as TraceQL writes it. Tags do not say their type, so a number may be one or be a text.
fn literal(value: &str) -> String {
    let number = value.parse::<f64>().is_ok_and(f64::is_finite) && !value.contains(['e', 'E', '+']);
    if number || matches!(value, "true" | "false") { value.to_owned() } else { format!("{value:?}") }
}

/// `key=value` and `key="quoted value"`, separated by spaces.
fn pairs(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let bad = || Failure::bad(format!("invalid tags: {text:?} is not a list of key=value"));
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(bad)?;
        let plain = |c: char| c.is_alphanumeric() || "._-/:".contains(c);
        if key.is_empty() || !key.chars().all(plain) {
            return Err(bad());
        }
        let value;
        if let Some(quoted) = after.strip_prefix('"') {
            let (inside, tail) = quoted.split_once('"').ok_or_else(bad)?;
            (value, rest) = (inside, tail.trim_start());
        } else {
            let end = after.find(' ').unwrap_or(after.len());
            (value, rest) =
                (after.get(..end).ok_or_else(bad)?, after.get(end..).ok_or_else(bad)?.trim_start());
        }
        found.push((key.to_owned(), value.to_owned()));
    }
    Ok(found)
}

fn write_trace(json: &mut Json, trace: &TraceSummary) {
    json.object(|o| {
        o.member("traceID", &hex(&trace.id));
        o.member("rootServiceName", &trace.root_service);
        o.member("rootTraceName", &trace.root_name);
        o.member("startTimeUnixNano", &trace.start.to_string());
        o.key("durationMs").int(trace.duration_ns / NS_PER_MS);
        // Older clients read the first set only.
        if let Some(first) = trace.span_sets.first() {
            write_set(o.key("spanSet"), first);
        }
        o.key("spanSets").array(|a| trace.span_sets.iter().for_each(|set| write_set(a, set)));
        o.key("serviceStats").object(|services| {
            for (name, stats) in &trace.services {
                services.key(name).object(|s| {
                    s.key("spanCount").int(stats.spans);
                    if stats.errors > 0 {
                        s.key("errorCount").int(stats.errors);
                    }
                });
            }
        });
    });
}

fn write_set(json: &mut Json, set: &SpanSet) {
    json.object(|o| {
        o.key("spans").array(|a| set.spans.iter().for_each(|span| write_span(a, span)));
        o.key("matched").int(set.matched as u64);
        if !set.attributes.is_empty() {
            o.key("attributes").array(|a| {
                for (name, value) in &set.attributes {
                    write_attribute(a, name, value);
                }
            });
        }
    });
}

fn write_span(json: &mut Json, span: &SpanMatch) {
    json.object(|o| {
        o.member("spanID", &hex(&span.id));
        if !span.name.is_empty() {
            o.member("name", &span.name);
        }
        o.member("startTimeUnixNano", &span.start.to_string());
        o.member("durationNanos", &span.duration_ns.to_string());
        if !span.attributes.is_empty() {
            o.key("attributes").array(|a| {
                span.attributes.iter().for_each(|(name, value)| write_attribute(a, name, value));
            });
        }
    });
}

pub(super) fn write_attribute(json: &mut Json, name: &str, value: &TagValue) {
    json.object(|o| {
        o.member("key", name);
        o.key("value").object(|v| match value {
            TagValue::Int(int) => v.member("intValue", &int.to_string()),
            TagValue::Float(float) => v.key("doubleValue").number(*float),
            TagValue::Bool(bool) => v.key("boolValue").bool(*bool),
            TagValue::Text(_) | TagValue::Duration(_) | TagValue::Keyword(_) => {
                v.member("stringValue", &value.text());
            }
        });
    });
}

pub(super) fn write_metrics(o: &mut Json, traces: usize, stats: &ScanStats) {
    o.key("metrics").object(|m| {
        m.key("inspectedTraces").int(traces as u64);
        m.member("inspectedBytes", &stats.bytes_read.to_string());
        m.member("inspectedSpans", &stats.rows_read.to_string());
        m.key("completedJobs").int(1);
        m.key("totalJobs").int(1);
    });
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn tags_are_pairs() {
        let read = |text| {
            pairs(text).map(|p| p.iter().map(|(k, v)| format!("{k}:{v}")).collect::<Vec<_>>().join(","))
        };
        assert_eq!(
            read(r#"service.name=cart  http.url="a b" x="#).unwrap(),
            "service.name:cart,http.url:a b,x:"
        );
        assert!(read("nothing").is_err() && read("a=\"open").is_err() && read("a b=1").is_err());
    }

    #[tokio::test]
    async fn traces_that_match() {
        let world = World::with_data().await;
        world.fill("b", "theirs").await;
        let span = concat!(
            r#"{"spans":[{"spanID":"0303030303030303"*"startTimeUnixNano":"1763929940020000000","durationNanos":"40000000""#,
            r#"*}],"matched":1}"#
        );
        let trace = format!(
            concat!(
                r#"{{"traces":[{{"traceID":"00000000000000010203040506070809","rootServiceName":"cart","#,
                r#""rootTraceName":"POST /checkout","startTimeUnixNano":"1763929940000000000","durationMs":100,"#,
                r#""spanSet":{0},"spanSets":[{0}],"serviceStats":{{"cart":{{"spanCount":2}},"#,
                r#""payments":{{"spanCount":1,"errorCount":1}}}}}}],"metrics":{{*}}}}"#
            ),
            span
        );
        world
            .golden(&[
                ("/api/search?q={status=error}", &trace),
                ("/tempo/api/search?q={span.http.status>=500}", &trace),
                ("/api/search?tags=http.status%3D500%20who%3D%22%22", &trace),
                ("/api/search?tags=service.name%3Dnone", r#"{"traces":[],"metrics":{*}}"#),
                ("/api/search?minDuration=1s", r#"{"traces":[],"metrics":{*}}"#),
                ("/api/search?maxDuration=100ms&limit=1&spss=1", r#"{"traces":[{*}],"metrics":{*}}"#),
                ("/api/search?start=1&end=2", r#"{"traces":[],"metrics":{*}}"#),
                ("/api/search?q={status=}", "parse error *"),
                ("/api/search?minDuration=x", "invalid minDuration: *"),
            ])
            .await;
    }
}
