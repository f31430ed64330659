//! What metric samples are: kinds, temporality, the parts of a data point, exponential histograms, exemplars.

use std::sync::Arc;

use super::{Nested, Stream};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum MetricKind {
    Unknown = 0,
    Gauge = 1,
    Sum = 2,
    Histogram = 3,
    ExponentialHistogram = 4,
    Summary = 5,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum Temporality {
    Unspecified = 0,
    Delta = 1,
    Cumulative = 2,
}

/// Which part of a data point a series carries.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum SeriesPart {
    /// A number, or a whole exponential histogram.
    Value,
    /// Cumulative count up to this bound.
    Bucket(f64),
    Sum,
    Count,
    Quantile(f64),
}

/// A metric as its sender described it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct MetricRef<'a> {
    pub name: &'a str,
    pub unit: &'a str,
    pub description: &'a str,
    pub kind: MetricKind,
    pub temporality: Temporality,
    pub monotonic: bool,
}

/// All that identifies a series.
#[derive(Clone, Copy, Debug)]
pub struct SeriesIdentity<'a> {
    pub stream: &'a Arc<Stream>,
    pub metric: MetricRef<'a>,
    /// A map sorted by key.
    pub attributes: Nested<'a>,
    pub part: SeriesPart,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// Index of the group in the batch, and of the part in the group.
    pub group: u32,
    pub part: u32,
    pub time_ms: i64,
    pub value: f64,
    /// 16 bytes, or none.
    pub trace_id: &'a [u8],
    /// 8 bytes, or none.
    pub span_id: &'a [u8],
    /// A map.
    pub attributes: Nested<'a>,
}

pub(super) fn kind_from(number: u32) -> MetricKind {
    match number {
        1 => MetricKind::Gauge,
        2 => MetricKind::Sum,
        3 => MetricKind::Histogram,
        4 => MetricKind::ExponentialHistogram,
        5 => MetricKind::Summary,
        _ => MetricKind::Unknown,
    }
}

pub(super) fn temporality_from(number: u32) -> Temporality {
    match number {
        1 => Temporality::Delta,
        2 => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}

pub(super) fn part_from(number: u32, value: f64) -> SeriesPart {
    match number {
        1 => SeriesPart::Bucket(value),
        2 => SeriesPart::Sum,
        3 => SeriesPart::Count,
        4 => SeriesPart::Quantile(value),
        _ => SeriesPart::Value,
    }
}

pub(super) fn part_number(part: SeriesPart) -> (u32, f64) {
    match part {
        SeriesPart::Value => (0, 0.0),
        SeriesPart::Bucket(bound) => (1, bound),
        SeriesPart::Sum => (2, 0.0),
        SeriesPart::Count => (3, 0.0),
        SeriesPart::Quantile(quantile) => (4, quantile),
    }
}

impl MetricKind {
    pub fn from_number(number: u32) -> Self {
        kind_from(number)
    }
}

impl Temporality {
    pub fn from_number(number: u32) -> Self {
        temporality_from(number)
    }
}

impl SeriesPart {
    /// Whether a bound or quantile belongs to it.
    pub fn has_value(self) -> bool {
        matches!(self, Self::Bucket(_) | Self::Quantile(_))
    }

    /// The part as a number and a bound, for files.
    pub fn to_numbers(self) -> (u32, f64) {
        part_number(self)
    }

    pub fn from_numbers(number: u32, value: f64) -> Self {
        part_from(number, value)
    }
}

impl MetricRef<'_> {
    /// Whether values only grow, but for resets to zero.
    pub fn counts_up(&self) -> bool {
        match self.kind {
            MetricKind::Sum => self.monotonic,
            MetricKind::Gauge => false,
            _ => true,
        }
    }
}
