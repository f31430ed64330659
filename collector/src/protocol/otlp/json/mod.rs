//! OTLP/JSON, lenient: rewritten as protobuf by a table of messages, then decoded like protobuf.
//!
//! Taken beside what the specification asks for: hex ids in either case; integers as numbers, strings or `1.5e18`;
//! enums by number or name; `NaN` and `Infinity` as strings; base64 in both alphabets, padded or not; `null` as
//! absent; `camelCase` and `snake_case` names; unknown fields of any form. A value of the wrong form refuses its
//! record; only text that is no JSON refuses the request.

mod schema;
mod write;

use store::model::{Limits, Signal};

use super::DecodeError;
use crate::protocol::Rejected;
use crate::protocol::json::{self as text, Fault, Text};
use schema::Message;
use write::Writer;

/// Rewrites a request as protobuf, without the records that are refused.
pub(super) fn to_protobuf(
    signal: Signal,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(Vec<u8>, Rejected), DecodeError> {
    let message: &Message = match signal {
        Signal::Logs => &schema::LOGS,
        Signal::Spans => &schema::TRACES,
        Signal::Samples => &schema::METRICS,
    };
    let mut writer = Writer::new(bytes.len(), limits);
    let mut text = Text::new(bytes);
    writer.message(&mut text, message, 0).and_then(|()| text.end())?;
    Ok((writer.out, writer.rejected))
}

#[cfg(test)]
mod tests;
