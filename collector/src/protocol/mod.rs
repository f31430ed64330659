//! Protocols: how data comes in. One folder each with pure decoders, one row each in [`PROTOCOLS`].
//!
//! A decoder takes bytes, the clock and the limits, and answers a batch with what it refused; it does no I/O and
//! never panics on input.

mod cut;
pub(crate) mod elasticsearch;
mod fault;
mod hex;
mod import;
mod json;
mod loki;
mod ndjson;
mod otlp;
mod reject;
mod remote_write;
mod rfc3339;
mod syslog;
mod wire;
mod zipkin;

use store::model::{Batch, ErrorClass, Limits, Signal};

pub(crate) use elasticsearch::Items;
pub(crate) use fault::Fault;
pub(crate) use hex::hex_id;
use http::Method;
pub use reject::{Reject, Rejected};
pub(crate) use remote_write::{Buckets as HistogramReader, Head as HistogramCounts, Written};
pub use syslog::SyslogFramer;
pub(crate) use wire::{Malformed, Reader};

/// A row of [`PROTOCOLS`].
#[derive(Debug)]
pub struct ProtocolRow {
    /// In metrics and in the batch key: never changes.
    pub name: &'static str,
    pub title: &'static str,
    /// HTTP paths; `{name}` is a segment, `{name...}` one or more.
    pub paths: &'static [PathRow],
    /// Full names of the gRPC services with a unary `Export`.
    pub grpc_services: &'static [(&'static str, Signal)],
    pub encodings: &'static [Encoding],
    pub dialect: Dialect,
    /// Senders repeat a request whose answer they missed. Then a batch whose records all carry their sender's time
    /// gets a batch key; without, each request is new unless it brings an `Idempotency-Key`.
    pub retries: bool,
    pub decode: fn(Signal, Encoding, &[u8], &DecodeCtx<'_>) -> Result<Decoded, DecodeError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathRow {
    pub methods: &'static [Method],
    pub path: &'static str,
    pub signal: Signal,
    /// Whose path it is when it is an alias for exporters aimed at others; empty: the protocol's own.
    pub alias_of: &'static str,
    pub serves: Serves,
}

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Data; headers tell its encoding.
    Data,
    /// Data of this encoding, whatever the headers say.
    DataAs(Encoding),
    /// Data of this encoding in lines, whatever the headers say and however many there are: taken in parts.
    Lines(Encoding),
    /// Questions clients ask before they send.
    Handshake,
}

const POST: &[Method] = &[Method::POST];

impl PathRow {
    /// A path that takes data by POST.
    pub const fn post(path: &'static str, signal: Signal, alias_of: &'static str) -> Self {
        Self { methods: POST, path, signal, alias_of, serves: Serves::Data }
    }
}

/// How requests are told apart by their headers and answered over HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Export responses and `google.rpc.Status`; records refused are a partial success.
    Otlp,
    /// 204 and text; records refused are a 400 although the others were taken.
    RemoteWrite,
    /// The same as remote write, with JSON beside protobuf.
    Loki,
    /// An outcome for each item, errors with a type, a product header on every answer.
    Elasticsearch,
    /// 202 and text; records refused are a 400 although the others were taken.
    Zipkin,
    /// 204 and text; lines refused are a 400 although the others were taken.
    Import,
    /// There is no HTTP and there are no answers.
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Encoding {
    Protobuf,
    /// The second message of a protocol that has two.
    ProtobufV2,
    Json,
    /// Lines of JSON.
    Ndjson,
    /// Lines of JSON, a series each.
    SeriesLines,
    /// Lines of OTLP/JSON.
    OtlpLines,
    /// Prometheus' text.
    Text,
    /// Texts with their lengths before them.
    Frames,
}

/// What a decoder may use beside the bytes.
#[derive(Clone, Copy, Debug)]
pub struct DecodeCtx<'a> {
    pub now_ns: i64,
    pub limits: &'a Limits,
    /// What the path names beside the protocol, such as an index; empty: nothing.
    pub target: &'a str,
}

/// What one request held.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    pub batch: Batch,
    pub rejected: Rejected,
    /// Every record carried its sender's time.
    pub all_timestamped: bool,
    /// What the answer says beside this, in a form of the protocol's own; kept with the batch key.
    pub detail: Vec<u8>,
}

/// The request as a whole cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("malformed protobuf: {0}")]
    Protobuf(&'static str),
    #[error("malformed JSON at byte {at}: {what}")]
    Json { at: usize, what: &'static str },
    #[error("{0}")]
    Request(&'static str),
    #[error("the request decodes to more than {limit} bytes: send it in parts")]
    TooLarge { limit: u64 },
}

impl DecodeError {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Protobuf(_) | Self::Json { .. } | Self::Request(_) => ErrorClass::BadData,
            Self::TooLarge { .. } => ErrorClass::TooLarge,
        }
    }
}

/// Every protocol. Routes, docs, metrics and tests read the rows.
pub const PROTOCOLS: &[ProtocolRow] = &[
    otlp::ROW,
    remote_write::ROW,
    loki::ROW,
    elasticsearch::ROW,
    zipkin::ROW,
    syslog::ROW,
    ndjson::ROW,
    import::ROW,
];

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
