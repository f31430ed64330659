//! Prometheus remote write.

use prost::Message;
use serde_json::json;

use crate::{World, now_ms, snappy};

const V1: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];
const V2: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "2.0.0"),
];

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// `io.prometheus.write.v2.Request`.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<TimeSeriesV2>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
}

fn series(labels: &[(&str, &str)], samples: &[(f64, i64)]) -> TimeSeries {
    let label = |(name, value): &(&str, &str)| Label { name: (*name).into(), value: (*value).into() };
    let sample = |(value, timestamp): &(f64, i64)| Sample { value: *value, timestamp: *timestamp };
    TimeSeries { labels: labels.iter().map(label).collect(), samples: samples.iter().map(sample).collect() }
}

fn body(timeseries: Vec<TimeSeries>) -> Vec<u8> {
    snappy(&WriteRequest { timeseries }.encode_to_vec())
}

#[test]
fn samples_are_answered_with_the_labels_they_came_with_and_a_retry_adds_nothing() {
    let world = World::start();
    let now = now_ms();
    let labels = [
        ("__name__", "http_requests_total"),
        ("instance", "10.0.0.1:9100"),
        ("job", "node"),
        ("service.name", "kept as it is"),
    ];
    let sent = body(vec![series(&labels, &[(1.0, now - 1000), (3.0, now)])]);
    for _ in 0..2 {
        let answer = world.post("/api/v1/write", &V1, &sent);
        assert_eq!((answer.status, answer.text()), (204, String::new()));
    }
    assert_eq!(world.counter("signalbox_collector_duplicate_requests_total"), 1.0);
    let found = world.result("/api/v1/query?query=%7Bjob%3D%22node%22%7D");
    assert_eq!(
        found[0]["metric"],
        json!({
            "__name__": "http_requests_total", "instance": "10.0.0.1:9100", "job": "node", "service.name": "kept as it is",
        })
    );
    assert_eq!((found[0]["value"][1].as_str(), found.as_array().map(Vec::len)), (Some("3"), Some(1)));
    let counted = world.result("/api/v1/query?query=count_over_time(http_requests_total%5B1m%5D)");
    assert_eq!(counted[0]["value"][1], "2");
    // After a flush and from a segment the same.
    assert_eq!(world.post("/-/flush", &[], b"").status, 200);
    assert_eq!(world.result("/api/v1/query?query=%7Bjob%3D%22node%22%7D")[0]["metric"], found[0]["metric"]);
}

#[test]
fn the_good_part_of_a_request_is_kept_and_the_bad_one_named() {
    let world = World::start();
    let now = now_ms();
    let mixed = body(vec![
        series(&[("__name__", "good")], &[(1.0, now)]),
        series(&[("__name__", "bad"), ("b", "1"), ("a", "1")], &[(1.0, now)]),
        series(&[("job", "nameless")], &[(1.0, now), (2.0, now + 1)]),
    ]);
    for _ in 0..2 {
        let answer = world.post("/api/v1/write", &V1, &mixed);
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("1 rejected: the labels are not sorted by name"), "{}", answer.text());
    }
    assert_eq!(world.result("/api/v1/query?query=good")[0]["value"][1], "1");
    assert_eq!(world.result("/api/v1/query?query=bad"), json!([]));
}

#[test]
fn the_second_version_says_how_much_was_written() {
    let world = World::start();
    let symbols = ["", "__name__", "queue_length", "job", "api", "jobs that wait"].map(String::from).to_vec();
    let good = TimeSeriesV2 {
        labels_refs: vec![1, 2, 3, 4],
        samples: vec![Sample { value: 7.0, timestamp: now_ms() }],
        metadata: Some(Metadata { kind: 2, help_ref: 5 }),
    };
    let bad = TimeSeriesV2 { labels_refs: vec![1, 99], ..good.clone() };
    let send = |timeseries: Vec<TimeSeriesV2>| {
        let request = Request { symbols: symbols.clone(), timeseries };
        world.post("/api/v1/write", &V2, &snappy(&request.encode_to_vec()))
    };
    let written = |answer: &crate::support::http::Answer| {
        ["Samples", "Histograms", "Exemplars"].map(|kind| {
            answer.header(&format!("X-Prometheus-Remote-Write-{kind}-Written")).map(str::to_owned)
        })
    };
    let counts = |samples: &str| [samples, "0", "0"].map(|count| Some(count.to_owned()));
    let answer = send(vec![good.clone()]);
    assert_eq!((answer.status, written(&answer)), (204, counts("1")));
    let answer = send(vec![bad.clone(), good]);
    assert_eq!((answer.status, written(&answer)), (400, counts("1")));
    let answer = send(vec![bad]);
    assert_eq!((answer.status, written(&answer)), (400, counts("0")));
    assert_eq!(world.result("/api/v1/query?query=queue_length")[0]["value"][1], "7");
    let metadata = world.server.get("/api/v1/metadata?metric=queue_length").json();
    assert_eq!(
        metadata["data"]["queue_length"][0],
        json!({"type": "gauge", "help": "jobs that wait", "unit": ""})
    );
}

#[test]
fn what_is_no_remote_write_is_refused_by_its_kind() {
    let world = World::start();
    let good = body(vec![series(&[("__name__", "x")], &[(1.0, now_ms())])]);
    let with = |content_type: &'static str, encoding: &'static str| {
        world
            .post("/api/v1/write", &[("Content-Type", content_type), ("Content-Encoding", encoding)], &good)
            .status
    };
    assert_eq!(with("application/x-protobuf;proto=io.prometheus.write.v3.Request", "snappy"), 415);
    assert_eq!(with("application/json", "snappy"), 415);
    assert_eq!(with("application/x-protobuf", "br"), 415);
    assert_eq!(with("application/x-protobuf", "zstd"), 400, "it is not what it says");
    assert_eq!(world.post("/api/v1/write", &V1, b"no snappy").status, 400);
    assert_eq!(world.post("/api/v1/write", &V1, &snappy(&[0x0a, 9, 1])).status, 400);
    assert_eq!(world.server.get("/api/v1/write").status, 405);
    assert_eq!(world.post("/prometheus/api/v1/write", &V1, &good).status, 204);
}

/// A request with one sample of a series with one label.
pub(crate) fn one_sample(name: &str, label: &str, value: &str) -> Vec<u8> {
    let pair = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
    let labels = vec![pair("__name__", name), pair(label, value)];
    let samples = vec![Sample { value: 1.0, timestamp: now_ms() }];
    WriteRequest { timeseries: vec![TimeSeries { labels, samples }] }.encode_to_vec()
}
