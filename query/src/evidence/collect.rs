//! Evidence for one message: what the store says about the time around its alert. Each part stands alone: one that
//! fails or takes too long is left out.

use std::collections::BTreeSet;

use engine::logql::{self, Direction, QueryParams};
use engine::spans::{DifferenceParams, difference};
use engine::traceql::{self, SearchParams, SpansetExpr, Stage, TraceSummary};
use store::Snapshot;
use store::model::{RequestCtx, Signal, Value};

use super::Finding;
use crate::hmac::hex;
use crate::notify::{Message, Told};

const NS_PER_MS: i64 = 1_000_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// What came so long before an alert fired may have to do with it.
const LEAD_MS: i64 = 5 * MINUTE_MS;
/// What came so long ago has not.
const BACK_MS: i64 = 30 * MINUTE_MS;
/// An alert is about what began so long before it fired, at least.
const ONSET_MS: i64 = 15_000;
/// Steps of a count: they tell when the first line came.
const COUNT_STEPS: i64 = 60;
const PATTERNS_MAX: usize = 3;
/// Lines of a pattern before it is worth telling.
const LINES_MIN: u64 = 3;
/// How much more often a pattern comes than in the hour before.
const GROWTH_MIN: f64 = 2.0;
const SAMPLE_CHARS_MAX: usize = 160;
/// Traces the slowest and a typical one are looked for in.
const TRACES_MAX: usize = 100;
/// From 0 to 1: a weaker difference says little.
const EFFECT_MIN: f64 = 0.2;

/// What is asked about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) title: String,
    pub(crate) query: Option<(Kind, String)>,
    pub(crate) service: Option<String>,
    /// A log selector, or a condition on spans, that the rule names itself.
    logs_query: Option<String>,
    trace_query: Option<String>,
    pub(crate) fired_ms: i64,
    pub(crate) now_ms: i64,
}

/// The page of the user interface that shows an expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Kind {
    #[serde(rename = "m")]
    Metrics,
    #[serde(rename = "l")]
    Logs,
    #[serde(rename = "t")]
    Traces,
}

// === impl Asked ===

impl Asked {
    /// `None`: nothing fires.
    pub(crate) fn of(message: &Message, now_ms: i64) -> Option<Self> {
        let told = message.alerts.iter().filter(|told| told.fires()).min_by_key(|told| told.starts_at_ms)?;
        let annotation = |name: &str| told.annotations.get(name).filter(|text| !text.is_empty()).cloned();
        Some(Self {
            title: told.labels.get("alertname").cloned().unwrap_or_default(),
            query: expression(&told.generator_url),
            service: service(told),
            logs_query: annotation("logs_query"),
            trace_query: annotation("trace_query"),
            fired_ms: told.starts_at_ms.min(now_ms),
            now_ms,
        })
    }

    /// What findings are about, and when, to the minute.
    pub(crate) fn subject(&self) -> String {
        let parts =
            [&self.service, &self.logs_query, &self.trace_query].map(|part| part.as_deref().unwrap_or(""));
        format!("{}\n{}", parts.join("\n"), self.fired_ms.div_euclid(MINUTE_MS))
    }

    #[cfg(test)]
    pub(crate) fn about(service: &str, fired_ms: i64) -> Self {
        let (service, title) = (Some(service.to_owned()), String::new());
        Self { title, query: None, service, logs_query: None, trace_query: None, fired_ms, now_ms: fired_ms }
    }

    /// Unix nanoseconds: when it happened, until now.
    fn window(&self) -> (i64, i64) {
        let start_ms = (self.fired_ms - LEAD_MS).max(self.now_ms - BACK_MS);
        (start_ms * NS_PER_MS, self.now_ms * NS_PER_MS)
    }

    fn logs(&self) -> Option<logql::LogExpr> {
        let of_service = self.service.as_ref().map(|name| format!("{{service_name={}}}", quoted(name)));
        let text = self.logs_query.clone().or(of_service)?;
        match logql::parse(&text).ok()? {
            logql::Expr::Log(log) => Some(log),
            logql::Expr::Metric(_) => None,
        }
    }

    /// A condition on spans, and the same for failed ones.
    fn spans(&self) -> Option<(String, String)> {
        let inner = match (&self.trace_query, &self.service) {
            (Some(query), _) => query.trim().strip_prefix('{')?.strip_suffix('}')?.trim().to_owned(),
            (None, Some(name)) => format!("resource.service.name = {}", quoted(name)),
            (None, None) => return None,
        };
        Some((format!("{{ {inner} }}"), format!("{{ ({inner}) && status = error }}")))
    }
}

/// Texts of LogQL and TraceQL are quoted as in JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// What the link of an alert shows: a page of ours, or Prometheus' graph.
fn expression(url: &str) -> Option<(Kind, String)> {
    let (path, params) = url.split_once('?')?;
    let get = |wanted: &str| {
        form_urlencoded::parse(params.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, v)| v.into_owned())
    };
    let (kind, param) = match path.rsplit('/').next()? {
        "metrics" => (Kind::Metrics, "query"),
        "logs" => (Kind::Logs, "q"),
        "traces" => (Kind::Traces, "q"),
        "graph" => (Kind::Metrics, "g0.expr"),
        _ => return None,
    };
    Some((kind, get(param)?))
}

/// The service an alert is about, by the labels that name one.
fn service(told: &Told) -> Option<String> {
    let label = |name: &str| told.labels.get(name).filter(|text| !text.is_empty());
    let named = ["service_name", "service", "server_address"].into_iter().find_map(label);
    // `job` is namespace and name where there is a namespace.
    let job = || label("job").map(|job| job.rsplit('/').next().unwrap_or(job).to_owned());
    named.cloned().or_else(job)
}

// === findings ===

/// Blocking: reads data, until the deadline of the context.
pub(crate) fn collect(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    asked: &Asked,
    external_url: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(grown_patterns(ctx, snapshot, asked, external_url).unwrap_or_default());
    let traces = traces(ctx, snapshot, asked, external_url).unwrap_or_default();
    let failed = traces.iter().any(|finding| finding.text.starts_with(FAILED));
    findings.extend(traces);
    if failed {
        findings.extend(separating(ctx, snapshot, asked));
    }
    findings.extend(new_version(ctx, snapshot, asked));
    findings
}

/// Log patterns that came most often against the hour before.
fn grown_patterns(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    asked: &Asked,
    external_url: &str,
) -> Option<Vec<Finding>> {
    let log = asked.logs()?;
    let counts = |from: i64, to: i64| {
        let step = ((to - from) / COUNT_STEPS).max(1);
        logql::patterns(ctx, snapshot, &log, (from, to), step).ok().map(|(found, _)| found)
    };
    let (mut start, end) = asked.window();
    let mut before = counts(start - HOUR_MS * NS_PER_MS, start)?;
    if before.is_empty() {
        // A service of today: what came before the alert is all there is to compare with.
        let began = start;
        start = (asked.fired_ms - ONSET_MS) * NS_PER_MS;
        before = counts(began, start)?;
    }
    let now = counts(start, end)?;
    let minutes = |from: i64, to: i64| ((to - from) as f64 / (MINUTE_MS * NS_PER_MS) as f64).max(0.25);
    let first = before.iter().flat_map(|series| series.points.first()).map(|(time, _)| *time).min();
    let mut grown: Vec<(f64, u64, u64, &str)> = Vec::new();
    for series in now.iter().filter(|series| series.lines() >= LINES_MIN) {
        let known = before.iter().filter(|other| other.pattern == series.pattern);
        let earlier: u64 = known.map(logql::PatternSeries::lines).sum();
        let rate = series.lines() as f64 / minutes(start, end);
        let rate_before = first.map_or(0.0, |first| earlier as f64 / minutes(first, start));
        if rate >= GROWTH_MIN * rate_before {
            grown.push((rate - rate_before, series.lines(), earlier, &series.pattern));
        }
    }
    grown.sort_by(|a, b| b.0.total_cmp(&a.0));
    let selector = logql::format_query(&logql::Expr::Log(log));
    let finding = |(_, lines, earlier, pattern): (f64, u64, u64, &str)| {
        let query = format!("{selector} |> {}", quoted(pattern));
        let sample = sample(ctx, snapshot, &query, (start, end)).unwrap_or_else(|| pattern.to_owned());
        let times = if earlier == 0 { "new".to_owned() } else { format!("{earlier} before") };
        Finding {
            text: format!("{lines} lines ({times}): {}", cut(&sample)),
            url: Some(page(external_url, "logs", "q", &query, asked)),
        }
    };
    Some(grown.into_iter().take(PATTERNS_MAX).map(finding).collect())
}

fn sample(ctx: &RequestCtx, snapshot: &Snapshot, query: &str, (start, end): (i64, i64)) -> Option<String> {
    let params = QueryParams {
        start,
        end,
        step: 1,
        instant: false,
        limit: 1,
        interval: 0,
        direction: Direction::Backward,
    };
    let answer = logql::query(ctx, snapshot, &logql::parse(query).ok()?, &params).ok()?;
    match answer.data {
        logql::Data::Streams(streams) => Some(streams.into_iter().next()?.entries.into_iter().next()?.line),
        _ => None,
    }
}

const FAILED: &str = "failed trace";

/// The newest that failed, the slowest, and one in the middle.
fn traces(ctx: &RequestCtx, snapshot: &Snapshot, asked: &Asked, external_url: &str) -> Option<Vec<Finding>> {
    let (all, failed) = asked.spans()?;
    let (start, end) = asked.window();
    let find = |query: &str, limit: usize| -> Option<Vec<TraceSummary>> {
        let params = SearchParams { start, end, limit, spans_per_set: 1 };
        Some(traceql::search(ctx, snapshot, &traceql::parse(query).ok()?, &params).ok()?.traces)
    };
    let mut chosen: Vec<(&str, TraceSummary)> = Vec::new();
    chosen.extend(find(&failed, 1).unwrap_or_default().into_iter().map(|trace| (FAILED, trace)));
    let mut by_duration = find(&all, TRACES_MAX).unwrap_or_default();
    by_duration.sort_by_key(|trace| trace.duration_ns);
    let typical = by_duration.get(by_duration.len() / 2).cloned();
    chosen.extend(by_duration.pop().map(|trace| ("slowest trace", trace)));
    chosen.extend(typical.map(|trace| ("typical trace", trace)));
    let mut seen = BTreeSet::new();
    chosen.retain(|(_, trace)| seen.insert(trace.id));
    let finding = |(what, trace): (&str, TraceSummary)| Finding {
        text: format!(
            "{what}: {} {}, {} ms",
            trace.root_service,
            trace.root_name,
            trace.duration_ns / NS_PER_MS
        ),
        url: Some(format!("{external_url}/ui/trace/{}", hex(&trace.id))),
    };
    Some(chosen.into_iter().map(finding).collect())
}

/// What failed spans have and others have not.
fn separating(ctx: &RequestCtx, snapshot: &Snapshot, asked: &Asked) -> Option<Finding> {
    let among = condition(&asked.spans()?.0)?;
    let selection = condition("{ status = error }")?;
    let params =
        DifferenceParams { window: asked.window(), among: Some(&among), selection: &selection, limit: 5 };
    let found = difference(ctx, snapshot, &params).ok()?;
    let telling = found
        .values
        .into_iter()
        .find(|one| one.significant && one.effect >= EFFECT_MIN && one.explained_by.is_none())?;
    let share = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
    Some(Finding {
        text: format!(
            "{} = {} is in {:.0} % of failed spans and in {:.0} % of the others",
            telling.attribute,
            telling.value.text(),
            share(telling.selected, found.selected),
            share(telling.others, found.others)
        ),
        url: None,
    })
}

fn condition(text: &str) -> Option<traceql::FieldExpr> {
    match traceql::parse(text).ok()?.expr {
        traceql::Expr::Search(mut stages) => match (stages.pop()?, stages.is_empty()) {
            (Stage::Spanset(SpansetExpr::Filter(filter)), true) => filter,
            _ => None,
        },
        traceql::Expr::Metrics(_) => None,
    }
}

/// A version of the service that was not there in the hour before.
fn new_version(ctx: &RequestCtx, snapshot: &Snapshot, asked: &Asked) -> Option<Finding> {
    let service = asked.service.as_deref()?;
    let (start, end) = asked.window();
    let versions = |from: i64, to: i64| -> Option<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for signal in [Signal::Logs, Signal::Spans] {
            for stream in snapshot.streams(ctx, signal, from, to).ok()? {
                if let (true, Some(Value::Str(version))) =
                    (stream.service() == service, stream.resource.get("service.version"))
                {
                    found.insert(version.to_owned());
                }
            }
        }
        Some(found)
    };
    let (now, before) = (versions(start, end)?, versions(start - HOUR_MS * NS_PER_MS, start)?);
    let new: Vec<&str> = now.difference(&before).map(String::as_str).collect();
    let known: Vec<&str> = before.iter().map(String::as_str).collect();
    (!new.is_empty() && !known.is_empty()).then(|| Finding {
        text: format!("{service} has a new version: {} (before: {})", new.join(", "), known.join(", ")),
        url: None,
    })
}

/// A page of the user interface around the time of the alert.
pub(super) fn page(external_url: &str, page: &str, param: &str, query: &str, asked: &Asked) -> String {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let (from, to) = (asked.fired_ms - HOUR_MS / 2, asked.now_ms + LEAD_MS);
    format!("{external_url}/ui/{page}?{param}={query}&from={from}&to={to}")
}

impl Asked {
    /// Pages people open first.
    pub(crate) fn links(&self, external_url: &str) -> Vec<(String, String)> {
        let mut links = Vec::new();
        let mut add = |title: &str, name: &str, param: &str, query: &str| {
            links.push((title.to_owned(), page(external_url, name, param, query, self)));
        };
        if let Some((kind, query)) = &self.query {
            match kind {
                Kind::Metrics => add("Graph", "metrics", "query", query),
                Kind::Logs => add("Count", "logs", "q", query),
                Kind::Traces => add("Rate", "traces", "q", query),
            }
        }
        if let Some(log) = self.logs() {
            add("Logs", "logs", "q", &logql::format_query(&logql::Expr::Log(log)));
        }
        if let Some((all, _)) = self.spans() {
            add("Traces", "traces", "q", &all);
        }
        links
    }
}

fn cut(text: &str) -> String {
    let line = text.replace(['\n', '\r'], " ");
    match line.chars().count() > SAMPLE_CHARS_MAX {
        true => line.chars().take(SAMPLE_CHARS_MAX - 1).chain(['…']).collect(),
        false => line,
    }
}

#[cfg(test)]
mod tests;
