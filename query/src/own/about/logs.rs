//! Its lines, and the patterns of lines inside its failed and slow traces.

use engine::logql::{self, Data, Direction, PatternSeries, QueryParams};

use super::About;
use super::subject::{id_text, lines_of};
use crate::failure::Failure;
use crate::json::Json;
use crate::request::time::NS_PER_MS;

/// Newest lines, and newest lines of errors.
const LINES_MAX: u32 = 20;
const LINE_CHARS_MAX: usize = 1_000;
const PATTERNS_MAX: usize = 20;
/// As `detected_level` names them.
const ERRORS: &str = "detected_level=~\"error|critical|fatal\"";

pub(super) struct Lines {
    by_level: Vec<(String, u64)>,
    newest: Vec<Line>,
    errors: Vec<Line>,
}

struct Line {
    /// Unix nanoseconds.
    time: i64,
    service: String,
    level: String,
    trace_id: String,
    text: String,
}

// === impl Lines ===

impl Lines {
    pub(super) fn find(about: &About<'_>) -> Result<Self, Failure> {
        let base = about.subject.lines();
        let (newest, errors) = (newest(about, &base)?, newest(about, &format!("{base} | {ERRORS}"))?);
        Ok(Self { by_level: by_level(about, &base)?, newest, errors })
    }

    pub(super) fn write(&self, json: &mut Json) {
        json.object(|o| {
            o.key("levels")
                .object(|l| self.by_level.iter().for_each(|(level, lines)| l.key(level).int(*lines)));
            for (name, lines) in [("newest", &self.newest), ("errors", &self.errors)] {
                o.key(name).array(|a| lines.iter().for_each(|line| line.write(a)));
            }
        });
    }
}

fn by_level(about: &About<'_>, base: &str) -> Result<Vec<(String, u64)>, Failure> {
    let (start, end) = about.subject.window;
    let range_ms = (end - start).div_euclid(NS_PER_MS) + 1;
    let query = format!("sum by (detected_level) (count_over_time({base} [{range_ms}ms]))");
    let params = QueryParams { instant: true, start: end - 1, ..params(about, 0) };
    let found = logql::query(&about.call.ctx, &about.snapshot, &logql::parse(&query)?, &params)?;
    let Data::Vector(found) = found.data else { return Ok(Vec::new()) };
    let level = |labels: &store::model::Labels| labels.get("detected_level").unwrap_or("unknown").to_owned();
    let mut levels: Vec<(String, u64)> =
        found.iter().map(|one| (level(&one.labels), one.value as u64)).collect();
    levels.sort_by_key(|(_, lines)| std::cmp::Reverse(*lines));
    Ok(levels)
}

fn params(about: &About<'_>, limit: u32) -> QueryParams {
    let (start, end) = about.subject.window;
    let end = end - i64::from(limit == 0);
    QueryParams {
        start,
        end,
        step: 1,
        instant: false,
        limit: limit as usize,
        interval: 0,
        direction: Direction::Backward,
    }
}

fn newest(about: &About<'_>, query: &str) -> Result<Vec<Line>, Failure> {
    let (ctx, query) = (&about.call.ctx, logql::parse(query)?);
    let found = logql::query(ctx, &about.snapshot, &query, &params(about, LINES_MAX))?;
    let Data::Streams(streams) = found.data else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    for stream in streams {
        for entry in stream.entries {
            let get = |name: &str| {
                let found = entry.metadata.get(name).or_else(|| stream.labels.get(name));
                found.unwrap_or_default().to_owned()
            };
            lines.push(Line {
                time: entry.time,
                service: get("service_name"),
                level: get("detected_level"),
                trace_id: get("trace_id"),
                text: entry.line.chars().take(LINE_CHARS_MAX).collect(),
            });
        }
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.time));
    Ok(lines)
}

impl Line {
    fn write(&self, json: &mut Json) {
        json.object(|o| {
            o.member("time_ns", &self.time.to_string());
            let texts = [("service", &self.service), ("level", &self.level), ("trace_id", &self.trace_id)];
            texts
                .into_iter()
                .filter(|(_, text)| !text.is_empty())
                .for_each(|(name, text)| o.member(name, text));
            o.member("line", &self.text);
        });
    }
}

// === patterns ===

/// Of the lines of its failed and slow traces, those with most lines first; of the one trace asked about, of all its lines.
pub(super) fn bad_patterns(about: &About<'_>) -> Result<Vec<PatternSeries>, Failure> {
    let mut ids: Vec<String> = about.bad.iter().map(|trace| id_text(&trace.id)).collect();
    if about.subject.trace().is_some() {
        ids = vec![about.subject.name.clone()];
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (start, end) = about.subject.window;
    let logql::Expr::Log(log) = logql::parse(&lines_of(&ids))? else { return Ok(Vec::new()) };
    let step = (end - start).max(1);
    let (mut found, _) = logql::patterns(&about.call.ctx, &about.snapshot, &log, (start, end), step)?;
    found.truncate(PATTERNS_MAX);
    Ok(found)
}

pub(super) fn write_patterns(json: &mut Json, found: &[PatternSeries]) {
    json.array(|a| {
        for one in found {
            a.object(|o| {
                o.member("pattern", &one.pattern);
                o.member("level", one.level);
                o.key("lines").int(one.lines());
            });
        }
    });
}
