//! Loki's push API: streams of labels with lines (Loki HTTP API, "Ingest logs"; `pkg/push/push.proto`).
//!
//! The labels of a stream are kept as they were sent and are the labels LogQL shows; structured metadata are attributes
//! of the record. Lines may come in any order. A stream with wrong labels is refused, and so is a line that is wrong;
//! the rest is taken.

mod json;
mod labels;
mod protobuf;
mod push;

use store::model::Signal;

use super::{DecodeCtx, DecodeError, Decoded, Dialect, Encoding, PathRow, ProtocolRow};

const fn path(path: &'static str, alias_of: &'static str) -> PathRow {
    PathRow::post(path, Signal::Logs, alias_of)
}

pub(super) const ROW: ProtocolRow = ProtocolRow {
    name: "loki",
    title: "Loki push",
    paths: &[
        path("/loki/api/v1/push", ""),
        path("/api/prom/push", ""),
        path("/loki/loki/api/v1/push", "Loki"),
        path("/loki/api/v1/loki/api/v1/push", "Loki"),
    ],
    grpc_services: &[],
    encodings: &[Encoding::Protobuf, Encoding::Json],
    dialect: Dialect::Loki,
    retries: true,
    decode,
};

fn decode(_: Signal, encoding: Encoding, bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    match encoding {
        Encoding::Json => json::decode(bytes, ctx),
        _ => protobuf::decode(bytes, ctx),
    }
}

#[cfg(test)]
mod tests;
