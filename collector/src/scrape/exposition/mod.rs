//! What targets expose, to samples: the text format, OpenMetrics, and the protobuf messages of delimited families.

mod labels;
mod protobuf;
mod text;

use std::borrow::Cow;

use store::model::HistogramPoint;

use super::config::Format;

/// A label's name and value; the metric's name is the first, under `__name__`.
pub(crate) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

pub(crate) enum Entry<'a> {
    Meta { family: &'a str, remark: Remark<'a> },
    Sample(Sample<'a>),
}

pub(crate) enum Remark<'a> {
    Kind(Kind),
    Help(Cow<'a, str>),
    Unit(&'a str),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Kind {
    #[default]
    Unknown,
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
}

pub(crate) struct Sample<'a> {
    /// Tells the series from all others of the target; the same in each scrape.
    pub key: &'a [u8],
    pub labels: &'a [Pair<'a>],
    pub value: Value<'a>,
    /// `None`: the time of the scrape.
    pub time_ms: Option<i64>,
    /// When it began to count; 0: not said.
    pub start_ms: i64,
    pub exemplars: &'a [ExemplarText<'a>],
}

pub(crate) enum Value<'a> {
    Float(f64),
    Histogram(&'a HistogramPoint),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExemplarText<'a> {
    pub labels: Vec<Pair<'a>>,
    pub value: f64,
    pub time_ms: Option<i64>,
}

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("line {line}: {what}")]
    Line { line: usize, what: &'static str },
    #[error("malformed protobuf: {0}")]
    Protobuf(&'static str),
    #[error("{0}")]
    Refused(String),
}

/// Takes what was read; an error ends the reading.
pub(crate) type Sink<'s> = dyn FnMut(Entry<'_>) -> Result<(), Malformed> + 's;

/// How native histograms are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Native {
    pub taken: bool,
    /// Classic buckets beside them too.
    pub classic_too: bool,
}

/// Reads a line of Prometheus' text.
pub(crate) fn read_line(line: &[u8], sink: &mut Sink<'_>) -> Result<(), Malformed> {
    text::read(line, text::Dialect::Prometheus, sink)
}

/// Reads an answer whole.
pub(super) fn read(
    format: Format,
    bytes: &[u8],
    native: Native,
    sink: &mut Sink<'_>,
) -> Result<(), Malformed> {
    match format {
        Format::Protobuf => protobuf::read(bytes, native, sink),
        Format::OpenMetrics1 | Format::OpenMetrics0 => text::read(bytes, text::Dialect::OpenMetrics, sink),
        Format::Text1 | Format::Text0 => text::read(bytes, text::Dialect::Prometheus, sink),
    }
}

// === impl Kind ===

const KINDS: &[(&str, Kind)] = &[
    ("counter", Kind::Counter),
    ("gauge", Kind::Gauge),
    ("histogram", Kind::Histogram),
    ("gaugehistogram", Kind::GaugeHistogram),
    ("summary", Kind::Summary),
    ("info", Kind::Info),
    ("stateset", Kind::StateSet),
    ("unknown", Kind::Unknown),
    ("untyped", Kind::Unknown),
];

impl Kind {
    pub(crate) fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    pub(crate) fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("unknown", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests;
