//! OTLP/JSON, lenient: rewritten as protobuf by a table of messages, then decoded like protobuf.
//!
//! Taken beside what the specification asks for: hex ids in either case; integers as numbers, strings or `1.5e18`;
//! enums by number or name; `NaN` and `Infinity` as strings; base64 in both alphabets, padded or not; `null` as
//! absent; `camelCase` and `snake_case` names; unknown fields of any form. A value of the wrong form refuses its
//! record; only text that is no JSON refuses the request.

mod schema;
mod text;
mod write;

use store::model::{Limits, Signal};

use super::{DecodeError, Reject};
use crate::protocol::Rejected;
use schema::Message;
use text::Text;
use write::Writer;

/// Why the walk over a value stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// The text is no JSON: the request is refused.
    Syntax { at: usize, what: &'static str },
    /// The value is not what its field takes: the record is refused.
    Value { at: usize, reject: Reject },
}

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
    let done = writer.message(&mut text, message, 0).and_then(|()| text.end());
    match done {
        Ok(()) => Ok((writer.out, writer.rejected)),
        Err(Fault::Syntax { at, what }) => Err(DecodeError::Json { at, what }),
        // Outside of a record there is nothing smaller to refuse.
        Err(Fault::Value { at, reject }) => Err(DecodeError::Json { at, what: reject.text() }),
    }
}

#[cfg(test)]
mod tests;
