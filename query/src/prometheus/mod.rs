//! The Prometheus HTTP API, `/api/v1`. Answers are `{"status":"success","data":…}`; warnings stand beside the data.

mod answer;
pub(crate) mod exemplars;
pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod federate;
pub(crate) mod format;
pub(crate) mod labels;
pub(crate) mod metadata;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod rules;
pub(crate) mod search;
pub(crate) mod series;
pub(crate) mod status;
mod syntax_tree;
pub(crate) mod targets;

use engine::promql;
use store::LabelQuery;
use store::model::{LabelMatcher, Labels, MatchOp};

use crate::failure::{Failure, Reply, reply};
use crate::json::Json;
use crate::request::time::prometheus_time;
use crate::service::Call;

/// `data` and what stands beside it.
fn success(warnings: &[String], infos: &[String], data: impl FnOnce(&mut Json)) -> Reply {
    let mut json = Json::with_capacity(1024);
    json.object(|o| {
        o.member("status", "success");
        data(o.key("data"));
        for (name, notes) in [("warnings", warnings), ("infos", infos)] {
            if !notes.is_empty() {
                o.key(name).strings(notes.iter().map(String::as_str));
            }
        }
    });
    reply(http::StatusCode::OK, "application/json", json.into_bytes())
}

fn write_labels(json: &mut Json, labels: &Labels) {
    json.object(|o| labels.iter().for_each(|(name, value)| o.member(name, value)));
}

fn parse_failure(parameter: &str, error: &promql::ParseError) -> Failure {
    Failure::bad(format!("invalid parameter {parameter:?}: {error}"))
}

/// The `match[]` parameters: alternatives of matchers.
fn selectors(call: &Call) -> Result<Vec<Vec<LabelMatcher>>, Failure> {
    call.params.all("match[]").map(selector).collect()
}

fn selector(text: &str) -> Result<Vec<LabelMatcher>, Failure> {
    let selector = promql::parse_selector(text).map_err(|error| parse_failure("match[]", &error))?;
    let matchers = matchers(&selector.matchers)?;
    if matchers.iter().all(LabelMatcher::matches_empty) {
        return Err(Failure::bad("match[] must contain at least one non-empty matcher"));
    }
    Ok(matchers)
}

/// The matchers of a selector as the store takes them.
fn matchers(written: &[promql::ast::Matcher]) -> Result<Vec<LabelMatcher>, Failure> {
    let matcher = |m: &promql::ast::Matcher| {
        let op = match m.op {
            promql::ast::MatchOp::Equal => MatchOp::Equal,
            promql::ast::MatchOp::NotEqual => MatchOp::NotEqual,
            promql::ast::MatchOp::Regex => MatchOp::Regex,
            promql::ast::MatchOp::NotRegex => MatchOp::NotRegex,
        };
        LabelMatcher::new(&m.name, op, &m.value).map_err(|error| Failure::bad(error.to_string()))
    };
    written.iter().map(matcher).collect()
}

/// A time that may be missing, in milliseconds.
fn time_or(call: &Call, name: &str, default: i64) -> Result<i64, Failure> {
    let Some(text) = call.params.get(name) else { return Ok(default) };
    let said = |_| {
        let why = format!("Invalid time value for '{name}': cannot parse {text:?} to a valid timestamp");
        Failure::bad(format!("invalid parameter {name:?}: {why}"))
    };
    prometheus_time(name, text).map_err(said)
}

/// The expression in `query`; a missing one is an empty text, which has no expression in it.
fn expression(call: &Call) -> Result<promql::Expr, Failure> {
    promql::parse(call.params.get("query").unwrap_or_default())
        .map_err(|error| parse_failure("query", &error))
}

/// `match[]`, `start` and `end`; without times, all time.
fn label_query(call: &Call) -> Result<LabelQuery, Failure> {
    let query = LabelQuery {
        selectors: selectors(call)?,
        start_ms: time_or(call, "start", i64::MIN / 2)?,
        end_ms: time_or(call, "end", i64::MAX / 2)?,
    };
    if query.end_ms < query.start_ms {
        return Err(Failure::bad("invalid parameter \"end\": end timestamp must not be before start time"));
    }
    Ok(query)
}

/// `limit`: how many results to keep, 0 or absent for all, and what to say if some were cut.
fn cut<T>(call: &Call, results: &mut Vec<T>) -> Result<Vec<String>, Failure> {
    let limit = call.params.parse::<usize>("limit", "a count")?.unwrap_or(0);
    if limit == 0 || results.len() <= limit {
        return Ok(Vec::new());
    }
    results.truncate(limit);
    Ok(vec!["results truncated due to limit".to_owned()])
}
