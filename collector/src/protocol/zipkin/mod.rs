//! Zipkin's spans, JSON and protobuf (Zipkin API v2, `zipkin.proto`), as OTel sees them (OpenTelemetry specification,
//! "OpenTelemetry to Zipkin Transformation", the other way round).
//!
//! The local endpoint is the resource, tags are attributes, annotations events, and a tag `error` is the status. A span
//! that is wrong is refused for itself.

mod json;
mod protobuf;
mod span;

use store::model::Signal;

use super::{DecodeCtx, DecodeError, Decoded, Dialect, Encoding, PathRow, ProtocolRow};

pub(super) const ROW: ProtocolRow = ProtocolRow {
    name: "zipkin",
    title: "Zipkin",
    paths: &[
        PathRow::post("/api/v2/spans", Signal::Spans, ""),
        PathRow::post("/zipkin/api/v2/spans", Signal::Spans, "Zipkin"),
    ],
    grpc_services: &[],
    encodings: &[Encoding::Json, Encoding::Protobuf],
    dialect: Dialect::Zipkin,
    retries: true,
    decode,
};

fn decode(_: Signal, encoding: Encoding, bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    match encoding {
        Encoding::Protobuf => protobuf::decode(bytes, ctx),
        _ => json::decode(bytes, ctx),
    }
}

#[cfg(test)]
mod tests;
