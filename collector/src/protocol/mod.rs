//! Protocols: how data comes in. One folder each with pure decoders, one row each in [`PROTOCOLS`].
//!
//! A decoder takes bytes, the clock and the limits, and answers a batch with what it refused; it does no I/O and
//! never panics on input.

mod otlp;
mod reject;

use store::model::{Batch, ErrorClass, Limits, Signal};

pub use reject::{Reject, Rejected};

/// A row of [`PROTOCOLS`].
#[derive(Debug)]
pub struct ProtocolRow {
    /// In metrics and in the batch key: never changes.
    pub name: &'static str,
    pub title: &'static str,
    /// HTTP paths, all by POST, as axum patterns.
    pub paths: &'static [PathRow],
    /// Full names of the gRPC services with a unary `Export`.
    pub grpc_services: &'static [(&'static str, Signal)],
    pub encodings: &'static [Encoding],
    /// Senders repeat a request whose answer they missed. Then a batch whose records all carry their sender's time
    /// gets a batch key; without, each request is new unless it brings an `Idempotency-Key`.
    pub retries: bool,
    pub decode: fn(Signal, Encoding, &[u8], &DecodeCtx<'_>) -> Result<Decoded, DecodeError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathRow {
    pub path: &'static str,
    pub signal: Signal,
    /// Whose path it is when it is an alias for exporters aimed at others; empty: the protocol's own.
    pub alias_of: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Encoding {
    Protobuf,
    Json,
}

/// What a decoder may use beside the bytes.
#[derive(Clone, Copy, Debug)]
pub struct DecodeCtx<'a> {
    pub now_ns: i64,
    pub limits: &'a Limits,
}

/// What one request held.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    pub batch: Batch,
    pub rejected: Rejected,
    /// Every record carried its sender's time.
    pub all_timestamped: bool,
}

/// The request as a whole cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("malformed protobuf: {0}")]
    Protobuf(&'static str),
    #[error("malformed JSON at byte {at}: {what}")]
    Json { at: usize, what: &'static str },
    #[error("the request decodes to more than {limit} bytes: send it in parts")]
    TooLarge { limit: u64 },
}

impl DecodeError {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Protobuf(_) | Self::Json { .. } => ErrorClass::BadData,
            Self::TooLarge { .. } => ErrorClass::TooLarge,
        }
    }
}

/// Every protocol. Routes, docs, metrics and tests read the rows.
pub const PROTOCOLS: &[ProtocolRow] = &[otlp::ROW];

/// Decodes one request of a protocol of [`PROTOCOLS`].
pub fn decode(
    protocol: &ProtocolRow,
    signal: Signal,
    encoding: Encoding,
    bytes: &[u8],
    ctx: &DecodeCtx<'_>,
) -> Result<Decoded, DecodeError> {
    (protocol.decode)(signal, encoding, bytes, ctx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rows_share_a_name_or_a_path() {
        let mut names: Vec<_> = PROTOCOLS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PROTOCOLS.len());
        let mut paths: Vec<_> = PROTOCOLS.iter().flat_map(|row| row.paths).map(|row| row.path).collect();
        let count = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), count);
    }
}
