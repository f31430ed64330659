//! The Tempo HTTP API. Errors are plain text.

pub(crate) mod grpc;
pub(crate) mod metrics;
pub(crate) mod search;
pub(crate) mod status;
pub(crate) mod tags;
pub(crate) mod trace;
mod trace_filter;
pub(crate) mod values;

use crate::failure::Failure;
use crate::request::time::{NS_PER_S, event_duration, event_time};
use crate::service::Call;

const WINDOW_DEFAULT_NS: i64 = 3600 * NS_PER_S;

/// `start` and `end` (Unix seconds), an hour without them. Unix nanoseconds, the end exclusive.
fn range(call: &Call) -> Result<(i64, i64), Failure> {
    let time = |name: &str| match call.params.get(name) {
        None | Some("0") => Ok(None),
        Some(text) => event_time(name, text).map(Some),
    };
    let end = time("end")?.unwrap_or_else(|| call.now_ns().saturating_add(1));
    let since = call.params.get("since").map(|text| event_duration("since", text)).transpose()?;
    let since = since.map(|nanos| end.saturating_sub(nanos));
    let start = time("start")?.or(since).unwrap_or_else(|| end.saturating_sub(WINDOW_DEFAULT_NS));
    if end < start {
        return Err(Failure::bad("invalid start: it must not be after end"));
    }
    Ok((start, end))
}
