//! Bulk import, to move here from elsewhere: samples in lines, of any length as a whole. Requests are cut into parts at
//! the ends of lines; each part is a batch of its own.
//!
//! Three forms: Prometheus' text with times in milliseconds, lines of JSON with a series each as VictoriaMetrics exports
//! them, and lines of OTLP/JSON as the collector's file exporter writes them. The first two are rewritten as remote
//! write and take its way, so a label set is kept as it came. A line that is wrong is refused, the rest is taken.

mod series;
mod text;
mod values;

use store::model::Signal;

use super::{DecodeCtx, DecodeError, Decoded, Dialect, Encoding, PathRow, ProtocolRow, Serves};

const fn lines(path: &'static str, encoding: Encoding, alias_of: &'static str) -> PathRow {
    PathRow { serves: Serves::Lines(encoding), ..PathRow::post(path, Signal::Samples, alias_of) }
}

pub(super) const ROW: ProtocolRow = ProtocolRow {
    name: "import",
    title: "Bulk import of samples",
    paths: &[
        lines("/api/v1/import", Encoding::SeriesLines, "VictoriaMetrics"),
        lines("/api/v1/import/prometheus", Encoding::Text, "VictoriaMetrics"),
        lines("/api/v1/import/otlp", Encoding::OtlpLines, ""),
    ],
    grpc_services: &[],
    encodings: &[Encoding::SeriesLines, Encoding::Text, Encoding::OtlpLines],
    dialect: Dialect::Import,
    retries: true,
    decode,
};

fn decode(_: Signal, encoding: Encoding, bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    match encoding {
        Encoding::Text => text::decode(bytes, ctx),
        Encoding::OtlpLines => super::otlp::decode_metric_lines(bytes, ctx),
        _ => values::decode(bytes, ctx),
    }
}

/// Lines that are not empty.
fn each_line(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests;
