//! OTLP: logs, metrics and traces as protobuf or JSON (OpenTelemetry protocol specification 1.x).
//!
//! Protobuf goes to columns in one walk over the bytes, without a tree of objects. JSON is rewritten as protobuf
//! first and takes the same way, so both encodings mean the same thing by construction. Whatever is wrong with one
//! record refuses that record; only bytes that are no protobuf or JSON at all refuse the request.

mod attributes;
mod envelope;
mod json;
mod logs;
mod metrics;
mod points;
mod span_parts;
mod traces;
mod wire;

use store::model::{Limits, Signal};

use super::{DecodeCtx, DecodeError, Decoded, Encoding, PathRow, ProtocolRow, Reject};
use wire::Malformed;

const fn path(path: &'static str, signal: Signal, alias_of: &'static str) -> PathRow {
    PathRow { path, signal, alias_of }
}

pub(super) const ROW: ProtocolRow = ProtocolRow {
    name: "otlp",
    title: "OpenTelemetry (OTLP)",
    paths: &[
        path("/v1/logs", Signal::Logs, ""),
        path("/v1/metrics", Signal::Samples, ""),
        path("/v1/traces", Signal::Spans, ""),
        path("/api/v1/otlp/v1/metrics", Signal::Samples, "Prometheus"),
        path("/otlp", Signal::Logs, "Loki"),
        path("/otlp/v1/logs", Signal::Logs, "Loki"),
        path("/otlp/v1/metrics", Signal::Samples, "Mimir"),
        path("/otlp/v1/traces", Signal::Spans, "Grafana Cloud"),
        path("/api/{org}/v1/logs", Signal::Logs, "OpenObserve"),
        path("/api/{org}/v1/metrics", Signal::Samples, "OpenObserve"),
        path("/api/{org}/v1/traces", Signal::Spans, "OpenObserve"),
        path("/insert/opentelemetry/v1/logs", Signal::Logs, "VictoriaLogs"),
        path("/insert/opentelemetry/v1/traces", Signal::Spans, "VictoriaTraces"),
        path("/opentelemetry/v1/metrics", Signal::Samples, "VictoriaMetrics"),
    ],
    grpc_services: &[
        ("opentelemetry.proto.collector.logs.v1.LogsService", Signal::Logs),
        ("opentelemetry.proto.collector.metrics.v1.MetricsService", Signal::Samples),
        ("opentelemetry.proto.collector.trace.v1.TraceService", Signal::Spans),
    ],
    encodings: &[Encoding::Protobuf, Encoding::Json],
    retries: true,
    decode,
};

fn decode(
    signal: Signal,
    encoding: Encoding,
    bytes: &[u8],
    ctx: &DecodeCtx<'_>,
) -> Result<Decoded, DecodeError> {
    match encoding {
        Encoding::Protobuf => decode_protobuf(signal, bytes, ctx),
        Encoding::Json => {
            let (protobuf, rejected) = json::to_protobuf(signal, bytes, ctx.limits)?;
            let mut decoded = decode_protobuf(signal, &protobuf, ctx)?;
            decoded.rejected.add_all(&rejected);
            Ok(decoded)
        }
    }
}

fn decode_protobuf(signal: Signal, bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    match signal {
        Signal::Logs => logs::decode(bytes, ctx),
        Signal::Spans => traces::decode(bytes, ctx),
        Signal::Samples => metrics::decode(bytes, ctx),
    }
}

/// Why a walk over a record stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// The bytes are no protobuf: the request is refused.
    Malformed(Malformed),
    /// This record is refused.
    Reject(Reject),
    /// The batch would become too large: the request is refused.
    TooLarge { limit: u64 },
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Malformed> for DecodeError {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Protobuf(what)
    }
}

impl Fault {
    /// The reason, if only the record at hand is refused.
    fn into_reject(self) -> Result<Reject, DecodeError> {
        match self {
            Self::Malformed(malformed) => Err(malformed.into()),
            Self::TooLarge { limit } => Err(DecodeError::TooLarge { limit }),
            Self::Reject(reject) => Ok(reject),
        }
    }
}

/// Bounds what a small body can blow up to: two bytes on the wire are an empty record or attribute, and many more in
/// columns.
#[derive(Debug)]
struct Spend {
    left: u64,
    limit: u64,
}

/// Columns may take this many times the largest body.
const SPEND_PER_BODY: u64 = 2;
const ROW_COST: u64 = 16;
const CELL_COST: u64 = 16;

impl Spend {
    fn new(limits: &Limits) -> Self {
        let limit = limits.body_decompressed_bytes_max.saturating_mul(SPEND_PER_BODY);
        Self { left: limit, limit }
    }

    #[inline]
    fn take(&mut self, bytes: u64) -> Result<(), Fault> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Fault::TooLarge { limit: self.limit }),
        }
    }
}

/// A record's time by the server's rules: 0 is none; too far ahead is refused.
fn checked_time(time_ns: u64, ctx: &DecodeCtx<'_>) -> Result<Option<i64>, Fault> {
    if time_ns == 0 {
        return Ok(None);
    }
    let ahead_ns = i64::try_from(ctx.limits.future_ms_max).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    match i64::try_from(time_ns) {
        Ok(time) if time <= ctx.now_ns.saturating_add(ahead_ns) => Ok(Some(time)),
        _ => Err(Fault::Reject(Reject::InFuture)),
    }
}

/// An id that is there, of its right length and not all zero.
fn valid_id(id: &[u8], len: usize) -> bool {
    id.len() == len && id.iter().any(|byte| *byte != 0)
}
