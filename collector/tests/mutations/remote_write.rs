//! Requests of remote write with a bit of everything.

use super::mutate::Random;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<MetricMetadata>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    exemplars: Vec<Exemplar>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(int64, tag = "3")]
    start_timestamp: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MetricMetadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    metric_family_name: String,
    #[prost(string, tag = "4")]
    help: String,
    #[prost(string, tag = "5")]
    unit: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Histogram {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(uint64, tag = "6")]
    zero_count: u64,
    #[prost(message, repeated, tag = "8")]
    negative_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "9")]
    negative_deltas: Vec<i64>,
    #[prost(message, repeated, tag = "11")]
    positive_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "12")]
    positive_deltas: Vec<i64>,
    #[prost(int32, tag = "14")]
    reset_hint: i32,
    #[prost(int64, tag = "15")]
    timestamp: i64,
    #[prost(double, repeated, tag = "16")]
    custom_values: Vec<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Request {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<TimeSeriesV2>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<Histogram>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<MetadataV2>,
    #[prost(int64, tag = "6")]
    created_timestamp: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MetadataV2 {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
    #[prost(uint32, tag = "4")]
    unit_ref: u32,
}

/// In the past of every clock this runs under.
const TIME_MS: i64 = 1_700_000_000_000;
const WORDS: [&str; 8] = ["", "__name__", "m_total", "job", "node", "le", "trace_id", "größe"];

pub(crate) fn v1(random: &mut Random) -> WriteRequest {
    let timeseries = (0..1 + random.below(6))
        .map(|i| TimeSeries {
            labels: labels(random, i),
            samples: (0..random.below(4)).map(|_| sample(random)).collect(),
            exemplars: (0..random.below(2)).map(|_| exemplar(random)).collect(),
            histograms: (0..random.below(2)).map(|_| histogram(random)).collect(),
        })
        .collect();
    let metadata = MetricMetadata {
        kind: random.below(9) as i32,
        metric_family_name: "m_total".into(),
        help: "helps".into(),
        unit: "s".into(),
    };
    WriteRequest { timeseries, metadata: vec![metadata; random.below(2) as usize] }
}

pub(crate) fn v2(random: &mut Random) -> Request {
    let timeseries = (0..1 + random.below(6))
        .map(|_| TimeSeriesV2 {
            labels_refs: if random.below(4) == 0 {
                (0..random.below(7)).map(|_| random.below(10) as u32).collect()
            } else {
                vec![1, 2, 3, 4]
            },
            samples: (0..random.below(4)).map(|_| sample(random)).collect(),
            histograms: (0..random.below(2)).map(|_| histogram(random)).collect(),
            metadata: (random.below(2) == 0).then(|| MetadataV2 {
                kind: random.below(9) as i32,
                help_ref: random.below(10) as u32,
                unit_ref: 0,
            }),
            created_timestamp: random.below(2) as i64 * TIME_MS,
        })
        .collect();
    Request { symbols: WORDS.map(String::from).to_vec(), timeseries }
}

fn labels(random: &mut Random, number: u64) -> Vec<Label> {
    let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
    let mut labels = vec![
        label("__name__", "m_total"),
        label("i", &number.to_string()),
        label("job", random.pick::<&str>(&WORDS)),
    ];
    if random.below(5) == 0 {
        labels.swap(0, 2);
    }
    labels
}

fn sample(random: &mut Random) -> Sample {
    let timestamp =
        if random.below(10) == 0 { random.next() as i64 } else { TIME_MS + random.below(1000) as i64 };
    Sample { value: random.float(), timestamp, start_timestamp: random.below(2) as i64 * TIME_MS }
}

fn exemplar(random: &mut Random) -> Exemplar {
    let value = if random.below(2) == 0 { "0af7651916cd43dd8448eb211c80319c" } else { "short" };
    let labels = vec![Label { name: "trace_id".into(), value: value.into() }];
    Exemplar { labels, value: random.float(), timestamp: TIME_MS }
}

/// Most are sound before they are damaged.
fn histogram(random: &mut Random) -> Histogram {
    let spans = |random: &mut Random| {
        let offset = if random.below(10) == 0 { random.next() as i32 } else { random.below(40) as i32 - 20 };
        vec![Span { offset, length: 2 }, Span { offset: random.below(5) as i32, length: 1 }]
    };
    Histogram {
        count: 12,
        sum: random.float(),
        schema: *random.pick(&[0, 3, 8, -4, -53, 9]),
        zero_threshold: 0.001,
        zero_count: 2,
        negative_spans: spans(random),
        negative_deltas: vec![1, 1, -1],
        positive_spans: spans(random),
        positive_deltas: vec![2, 0, 0],
        reset_hint: random.below(5) as i32,
        timestamp: TIME_MS,
        custom_values: vec![0.1, 0.5, 1.0],
    }
}
