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

use store::model::Signal;

use super::fault::{CELL_COST, Fault, ROW_COST, Spend, checked_time};
use super::{
    DecodeCtx, DecodeError, Decoded, Dialect, Encoding, PathRow, ProtocolRow, Reject, Rejected, wire,
};

const fn path(path: &'static str, signal: Signal, alias_of: &'static str) -> PathRow {
    PathRow::post(path, signal, alias_of)
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
    dialect: Dialect::Otlp,
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
        Encoding::Json => {
            let (protobuf, rejected) = json::to_protobuf(signal, bytes, ctx.limits)?;
            let mut decoded = decode_protobuf(signal, &protobuf, ctx)?;
            decoded.rejected.add_all(&rejected);
            Ok(decoded)
        }
        _ => decode_protobuf(signal, bytes, ctx),
    }
}

/// Decodes lines of OTLP/JSON. A message is what its parts are one after the other, so they are one batch.
pub(super) fn decode_metric_lines(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    let (mut protobuf, mut rejected) = (Vec::new(), Rejected::default());
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        match json::to_protobuf(Signal::Samples, line, ctx.limits) {
            Ok((message, refused)) => {
                protobuf.extend_from_slice(&message);
                rejected.add_all(&refused);
            }
            Err(DecodeError::Json { .. }) => rejected.add(Reject::Line, 1),
            Err(other) => return Err(other),
        }
    }
    let mut decoded = metrics::decode(&protobuf, ctx)?;
    decoded.rejected.add_all(&rejected);
    Ok(decoded)
}

fn decode_protobuf(signal: Signal, bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    match signal {
        Signal::Logs => logs::decode(bytes, ctx),
        Signal::Spans => traces::decode(bytes, ctx),
        Signal::Samples => metrics::decode(bytes, ctx),
    }
}

/// An id that is there, of its right length and not all zero.
fn valid_id(id: &[u8], len: usize) -> bool {
    id.len() == len && id.iter().any(|byte| *byte != 0)
}
