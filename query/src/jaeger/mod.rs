//! Jaeger's query API under `/jaeger`, in both generations: the JSON its interface and Grafana have always asked for, and
//! `/api/v3`, which answers OTLP. Searches become TraceQL.

pub(crate) mod dependencies;
pub(crate) mod legacy;
pub(crate) mod metrics;
pub(crate) mod model;
pub(crate) mod v3;

use engine::traceql::{self, SearchParams, Trace, TraceId, TraceSummary};

use crate::failure::Failure;
use crate::request::time::NS_PER_S;
use crate::service::Call;

/// Jaeger asks for services and operations without a range.
const BROWSE_WINDOW_NS: i64 = 24 * 3600 * NS_PER_S;
const SEARCH_WINDOW_NS: i64 = 3600 * NS_PER_S;
const OPERATIONS_MAX: usize = 10_000;
const TRACES_MAX: usize = 1500;

/// What a search asks for, whichever generation spells it.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) tags: Vec<(String, String)>,
    /// Unix nanoseconds.
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
    pub(crate) min_duration_ns: Option<i64>,
    pub(crate) max_duration_ns: Option<i64>,
    pub(crate) limit: usize,
}

impl Search {
    /// Conditions on one span, as Jaeger's storages apply them.
    fn traceql(&self) -> String {
        let mut conditions = Vec::new();
        if !self.service.is_empty() {
            conditions.push(format!("resource.service.name = {}", quoted(&self.service)));
        }
        if !self.operation.is_empty() {
            conditions.push(format!("name = {}", quoted(&self.operation)));
        }
        for (key, value) in &self.tags {
            conditions.push(tag(key, value));
        }
        let durations = [(self.min_duration_ns, ">="), (self.max_duration_ns, "<=")];
        for (nanos, sign) in durations.into_iter().filter_map(|(nanos, sign)| Some((nanos?, sign))) {
            conditions.push(format!("duration {sign} {nanos}ns"));
        }
        format!("{{ {} }}", conditions.join(" && "))
    }

    fn range(&self, call: &Call) -> (i64, i64) {
        let end = self.end.unwrap_or_else(|| call.now_ns().saturating_add(1));
        (self.start.unwrap_or_else(|| end.saturating_sub(SEARCH_WINDOW_NS)), end)
    }

    pub(crate) fn summaries(&self, call: &Call) -> Result<Vec<TraceSummary>, Failure> {
        let (start, end) = self.range(call);
        let limit = self.limit.clamp(1, TRACES_MAX);
        let params = SearchParams { start, end: end.max(start), limit, spans_per_set: 0 };
        let query = traceql::parse(&self.traceql())?;
        Ok(traceql::search(&call.ctx, &call.snapshot(), &query, &params)?.traces)
    }

    /// The whole traces, newest first.
    pub(crate) fn traces(&self, call: &Call) -> Result<Vec<Trace>, Failure> {
        let found = self.summaries(call)?;
        let ids: Vec<TraceId> = found.iter().map(|trace| trace.id).collect();
        let (start, end) = self.range(call);
        let margin = |time: i64, by: i64| time.saturating_add(by);
        let range = (margin(start, -SEARCH_WINDOW_NS), margin(end, SEARCH_WINDOW_NS));
        traces(call, &ids, Some(range))
    }
}

pub(crate) fn traces(call: &Call, ids: &[TraceId], range: Option<(i64, i64)>) -> Result<Vec<Trace>, Failure> {
    Ok(traceql::traces_by_id(&call.ctx, &call.snapshot(), ids, range)?)
}

/// Services with spans of late, sorted.
pub(crate) fn services(call: &Call) -> Result<Vec<String>, Failure> {
    let end = call.now_ns().saturating_add(1);
    let start = end.saturating_sub(BROWSE_WINDOW_NS);
    Ok(traceql::services(&call.ctx, &call.snapshot(), start, end)?)
}

/// A service's span names with their kinds, sorted.
pub(crate) fn operations(
    call: &Call,
    service: &str,
    kind: &str,
) -> Result<Vec<(String, &'static str)>, Failure> {
    let end = call.now_ns().saturating_add(1);
    let within = (end.saturating_sub(BROWSE_WINDOW_NS), end);
    let mut found = traceql::operations(&call.ctx, &call.snapshot(), service, within, OPERATIONS_MAX)?;
    found.retain(|(_, known)| kind.is_empty() || kind == *known);
    Ok(found)
}

/// Up to 32 hexadecimal digits.
pub(crate) fn trace_id(text: &str) -> Option<TraceId> {
    let digits = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
    Some(number.to_be_bytes())
}

pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Tags are texts; what they name may be a number, a bool, or one of the tags Jaeger makes of a span's own fields.
fn tag(key: &str, value: &str) -> String {
    match (key, value) {
        ("error", "true") | ("otel.status_code", "ERROR") => return "status = error".to_owned(),
        ("error", "false") => return "status != error".to_owned(),
        ("otel.status_code", "OK") => return "status = ok".to_owned(),
        ("span.kind", "server" | "client" | "producer" | "consumer" | "internal") => {
            return format!("kind = {value}");
        }
        ("otel.status_description", _) => return format!("statusMessage = {}", quoted(value)),
        ("otel.scope.name" | "otel.library.name", _) => {
            return format!("instrumentation:name = {}", quoted(value));
        }
        _ => {}
    }
    let name = format!(".{}", quoted(key));
    let number = value.parse::<f64>().is_ok_and(f64::is_finite) && !value.contains(['e', 'E', '+']);
    if number || matches!(value, "true" | "false") {
        return format!("({name} = {value} || {name} = {})", quoted(value));
    }
    format!("{name} = {}", quoted(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_become_traceql_that_parses() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let search = Search {
            service: "ca\"rt".to_owned(),
            operation: "GET /".to_owned(),
            tags: vec![
                pair("http.status", "500"),
                pair("error", "true"),
                pair("a b", "x\\"),
                pair("span.kind", "client"),
            ],
            min_duration_ns: Some(1_200_000),
            ..Search::default()
        };
        let text = search.traceql();
        assert_eq!(
            text,
            concat!(
                r#"{ resource.service.name = "ca\"rt" && name = "GET /" && (."http.status" = 500 || ."http.status" = "500") "#,
                r#"&& status = error && ."a b" = "x\\" && kind = client && duration >= 1200000ns }"#
            )
        );
        assert!(traceql::parse(&text).is_ok());
        assert!(traceql::parse(&Search::default().traceql()).is_ok());
    }
}
