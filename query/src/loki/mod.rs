//! The Loki HTTP API. Times are nanoseconds as texts in streams and seconds in samples; errors are plain text.

mod answer;
#[cfg(test)]
mod clients;
pub(crate) mod delete;
pub(crate) mod detected;
pub(crate) mod labels;
pub(crate) mod patterns;
pub(crate) mod query;
pub(crate) mod status;
pub(crate) mod tail;
pub(crate) mod volume;

use engine::logql::{EvalError, Expr, Matcher, ParseError};

use crate::failure::Failure;
use crate::json::Json;
use crate::request::time::{NS_PER_S, event_duration, event_time};
use crate::service::Call;

const WINDOW_DEFAULT_NS: i64 = 3600 * NS_PER_S;

/// The time range of a request: Unix nanoseconds, the end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: i64,
    end: i64,
}

// === impl Range ===

impl Range {
    /// `start` and `end`, or `since` before the end; an hour without them.
    fn read(call: &Call) -> Result<Self, Failure> {
        let end = match call.params.get("end") {
            Some(text) => event_time("end", text)?,
            None => call.now_ns(),
        };
        let since = match call.params.get("since") {
            Some(text) => event_duration("since", text)?,
            None => WINDOW_DEFAULT_NS,
        };
        let start = match call.params.get("start") {
            Some(text) => event_time("start", text)?,
            None => end.saturating_sub(since),
        };
        if end < start {
            return Err(Failure::bad("end timestamp must not be before start time"));
        }
        Ok(Self { start, end })
    }

    fn span(self) -> i64 {
        self.end.saturating_sub(self.start)
    }
}

/// `step`, or one that gives some 250 points, at least a second: as Loki chooses it.
fn step(call: &Call, range: Range) -> Result<i64, Failure> {
    match call.params.get("step") {
        Some(text) => event_duration("step", text),
        None => Ok((range.span() / 250 / NS_PER_S * NS_PER_S).max(NS_PER_S)),
    }
}

fn expression(call: &Call) -> Result<Expr, Failure> {
    Ok(engine::logql::parse(call.params.require("query")?)?)
}

/// The matchers of `query`, a selector or a log query whose stages do not matter here; none if it is absent or `{}`.
fn optional_selector(call: &Call, name: &str) -> Result<Vec<Vec<Matcher>>, Failure> {
    match call.params.get(name).map(str::trim) {
        None | Some("" | "{}") => Ok(Vec::new()),
        Some(text) => Ok(vec![matchers(text)?]),
    }
}

fn matchers(text: &str) -> Result<Vec<Matcher>, Failure> {
    match engine::logql::parse(text)? {
        Expr::Log(log) => Ok(log.selector),
        Expr::Metric(_) => Err(Failure::bad("only a log selector is expected here, not a metric query")),
    }
}

/// `{"status":"success","data":…}`.
fn write_success(json: &mut Json, data: impl FnOnce(&mut Json)) {
    json.object(|o| {
        o.member("status", "success");
        data(o.key("data"));
    });
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        Self::new(error.class(), error.to_string())
    }
}
