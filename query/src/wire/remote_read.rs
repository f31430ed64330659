//! The messages of Prometheus' remote read protocol (`prompb/remote.proto`, `prompb/types.proto`), the fields it needs.

use prost::Message;
use store::SeriesSamples;
use store::model::HistogramPoint;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) queries: Vec<ReadQuery>,
    /// See [`SAMPLES`] and [`STREAMED_XOR_CHUNKS`]; the first that is known counts.
    #[prost(int32, repeated, tag = "2")]
    pub(crate) accepted_response_types: Vec<i32>,
}

pub(crate) const SAMPLES: i32 = 0;
pub(crate) const STREAMED_XOR_CHUNKS: i32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadQuery {
    /// Inclusive.
    #[prost(int64, tag = "1")]
    pub(crate) start_timestamp_ms: i64,
    /// Inclusive.
    #[prost(int64, tag = "2")]
    pub(crate) end_timestamp_ms: i64,
    #[prost(message, repeated, tag = "3")]
    pub(crate) matchers: Vec<ReadMatcher>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadMatcher {
    /// 0 `=`, 1 `!=`, 2 `=~`, 3 `!~`.
    #[prost(int32, tag = "1")]
    pub(crate) kind: i32,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(string, tag = "3")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadResponse {
    /// In the order of the queries.
    #[prost(message, repeated, tag = "1")]
    pub(crate) results: Vec<QueryResult>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct QueryResult {
    #[prost(message, repeated, tag = "1")]
    pub(crate) timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(crate) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Label {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sample {
    #[prost(double, tag = "1")]
    pub(crate) value: f64,
    #[prost(int64, tag = "2")]
    pub(crate) timestamp: i64,
}

/// The floating-point form.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Histogram {
    #[prost(double, optional, tag = "2")]
    pub(crate) count_float: Option<f64>,
    #[prost(double, tag = "3")]
    pub(crate) sum: f64,
    #[prost(sint32, tag = "4")]
    pub(crate) schema: i32,
    #[prost(double, tag = "5")]
    pub(crate) zero_threshold: f64,
    #[prost(double, optional, tag = "7")]
    pub(crate) zero_count_float: Option<f64>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) negative_spans: Vec<BucketSpan>,
    #[prost(double, repeated, tag = "10")]
    pub(crate) negative_counts: Vec<f64>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) positive_spans: Vec<BucketSpan>,
    #[prost(double, repeated, tag = "13")]
    pub(crate) positive_counts: Vec<f64>,
    /// 0 unknown, 1 reset, 2 none, 3 gauge.
    #[prost(int32, tag = "14")]
    pub(crate) reset_hint: i32,
    #[prost(int64, tag = "15")]
    pub(crate) timestamp: i64,
    #[prost(double, repeated, tag = "16")]
    pub(crate) custom_values: Vec<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BucketSpan {
    #[prost(sint32, tag = "1")]
    pub(crate) offset: i32,
    #[prost(uint32, tag = "2")]
    pub(crate) length: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChunkedReadResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) chunked_series: Vec<ChunkedSeries>,
    #[prost(int64, tag = "2")]
    pub(crate) query_index: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChunkedSeries {
    #[prost(message, repeated, tag = "1")]
    pub(crate) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) chunks: Vec<Chunk>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Chunk {
    /// Inclusive.
    #[prost(int64, tag = "1")]
    pub(crate) min_time_ms: i64,
    /// Inclusive.
    #[prost(int64, tag = "2")]
    pub(crate) max_time_ms: i64,
    /// 1: XOR, 3: float histograms.
    #[prost(int32, tag = "3")]
    pub(crate) encoding: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) data: Vec<u8>,
}

pub(crate) fn labels(series: &SeriesSamples) -> Vec<Label> {
    series
        .labels
        .iter()
        .map(|(name, value)| Label { name: name.to_owned(), value: value.to_owned() })
        .collect()
}

// === bytes ===

impl ReadRequest {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        Self::decode(bytes).map_err(|error| error.to_string())
    }
}

impl ReadResponse {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

impl ChunkedReadResponse {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

// === impl TimeSeries ===

impl TimeSeries {
    pub(crate) fn of(series: &SeriesSamples) -> Self {
        let samples = series.times.iter().zip(&series.values);
        Self {
            labels: labels(series),
            samples: samples
                .map(|(timestamp, value)| Sample { value: *value, timestamp: *timestamp })
                .collect(),
            histograms: series
                .histograms
                .iter()
                .map(|(time, _, point)| Histogram::of(*time, point))
                .collect(),
        }
    }
}

// === impl Histogram ===

impl Histogram {
    fn of(timestamp: i64, point: &HistogramPoint) -> Self {
        // OTel numbers buckets by their lower bound, Prometheus by their upper one.
        let span = |offset: i32, counts: &[f64]| match counts.len() {
            0 => Vec::new(),
            len => vec![BucketSpan { offset: offset.saturating_add(1), length: len as u32 }],
        };
        Self {
            count_float: Some(point.count),
            sum: point.sum,
            schema: point.scale,
            zero_threshold: point.zero_threshold,
            zero_count_float: Some(point.zero_count),
            negative_spans: span(point.negative_offset, &point.negative),
            negative_counts: point.negative.clone(),
            positive_spans: span(point.positive_offset, &point.positive),
            positive_counts: point.positive.clone(),
            reset_hint: point.hint as i32,
            timestamp,
            custom_values: point.bounds.clone(),
        }
    }
}

/// What clients do.
#[cfg(test)]
pub(crate) mod client {
    use super::*;

    pub(crate) fn request_bytes(request: &ReadRequest) -> Vec<u8> {
        request.encode_to_vec()
    }

    pub(crate) fn response(bytes: &[u8]) -> ReadResponse {
        ReadResponse::decode(bytes).unwrap()
    }

    pub(crate) fn chunks(bytes: &[u8]) -> ChunkedReadResponse {
        ChunkedReadResponse::decode(bytes).unwrap()
    }
}
