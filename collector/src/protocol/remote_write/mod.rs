//! Prometheus remote write 1.0 and 2.0 (specifications "Prometheus Remote-Write", `prompb/types.proto` and
//! `io/prometheus/write/v2/types.proto`).
//!
//! A series keeps the label set it was sent with, exactly: it is a stream of plain labels with its name as the metric.
//! Both messages go to columns in two walks over each series, one for its labels, one for its samples. A series whose
//! labels are wrong is refused, and so is a sample or histogram that is wrong; the rest is taken.

mod histogram;
mod series;
mod v1;
mod v2;

pub(crate) use histogram::{Buckets, Head};
use store::model::Signal;

use super::{DecodeCtx, DecodeError, Decoded, Dialect, Encoding, PathRow, ProtocolRow};

const fn path(path: &'static str, alias_of: &'static str) -> PathRow {
    PathRow::post(path, Signal::Samples, alias_of)
}

pub(super) const ROW: ProtocolRow = ProtocolRow {
    name: "remote-write",
    title: "Prometheus remote write",
    paths: &[
        path("/api/v1/write", ""),
        path("/prometheus/api/v1/write", "Prometheus"),
        path("/api/v1/push", "Mimir"),
    ],
    grpc_services: &[],
    encodings: &[Encoding::Protobuf, Encoding::ProtobufV2],
    dialect: Dialect::RemoteWrite,
    retries: true,
    decode,
};

fn decode(_: Signal, encoding: Encoding, bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    match encoding {
        Encoding::ProtobufV2 => v2::decode(bytes, ctx),
        _ => v1::decode(bytes, ctx),
    }
}

/// Decodes a `prometheus.WriteRequest`.
pub(super) fn decode_v1(bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    v1::decode(bytes, ctx)
}

/// How much of a request was written, as 2.0 tells its senders.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub samples: u64,
    pub histograms: u64,
    pub exemplars: u64,
}

impl Written {
    fn to_bytes(self) -> Vec<u8> {
        [self.samples, self.histograms, self.exemplars].iter().flat_map(|count| count.to_le_bytes()).collect()
    }

    /// Reads what `to_bytes` wrote; other bytes read as nothing written.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        match bytes.as_chunks::<8>() {
            ([samples, histograms, exemplars], []) => Self {
                samples: u64::from_le_bytes(*samples),
                histograms: u64::from_le_bytes(*histograms),
                exemplars: u64::from_le_bytes(*exemplars),
            },
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests;
