//! Bytes laid out by hand from the two specifications, and what becomes of them.

use store::model::{Batch, ErrorClass, HistogramPoint, Limits, SampleBatch, SamplePoint, SeriesPart, naming};

use super::*;
use crate::protocol::Reject;

const NOW_MS: i64 = 1_700_000_000_000;

/// A protobuf message being written.
#[derive(Default, Clone)]
struct Message(Vec<u8>);

impl Message {
    fn raw(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn varint(self, field: u64, value: u64) -> Self {
        self.raw(field << 3).raw(value)
    }

    fn zigzag(self, field: u64, value: i64) -> Self {
        self.varint(field, (value << 1 ^ value >> 63) as u64)
    }

    fn double(self, field: u64, value: f64) -> Self {
        let mut message = self.raw(field << 3 | 1);
        message.0.extend_from_slice(&value.to_le_bytes());
        message
    }

    fn bytes(self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        let mut message = self.raw(field << 3 | 2).raw(bytes.as_ref().len() as u64);
        message.0.extend_from_slice(bytes.as_ref());
        message
    }

    fn message(self, field: u64, message: Message) -> Self {
        self.bytes(field, message.0)
    }

    fn packed(self, field: u64, values: &[u64]) -> Self {
        let list = values.iter().fold(Message::default(), |list, value| list.raw(*value));
        self.message(field, list)
    }
}

fn msg() -> Message {
    Message::default()
}

fn sample(value: f64, time_ms: i64) -> Message {
    msg().double(1, value).varint(2, time_ms as u64)
}

fn v1_series(labels: &[(&str, &str)]) -> Message {
    labels.iter().fold(msg(), |series, (name, value)| series.message(1, msg().bytes(1, name).bytes(2, value)))
}

fn run(encoding: Encoding, request: &Message) -> Result<Decoded, DecodeError> {
    let limits = Limits::default();
    decode(
        Signal::Samples,
        encoding,
        &request.0,
        &DecodeCtx { now_ns: NOW_MS * 1_000_000, limits: &limits, target: "" },
    )
}

fn v1(series: impl IntoIterator<Item = Message>) -> Decoded {
    let request = series.into_iter().fold(msg(), |request, series| request.message(1, series));
    run(Encoding::Protobuf, &request).unwrap()
}

fn samples(decoded: &Decoded) -> &SampleBatch {
    match &decoded.batch {
        Batch::Samples(samples) => samples,
        Batch::Events(_) => unreachable!("remote write brings samples"),
    }
}

/// Every row as `{labels} time start value`.
fn lines(decoded: &Decoded) -> Vec<String> {
    let batch = samples(decoded);
    let line = |point: SamplePoint<'_>| {
        let identity = batch.group(point.group as usize).identity(SeriesPart::Value);
        let labels = naming::prometheus_labels(&identity);
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (time, start, value) = (point.time_ms - NOW_MS, point.start_ms, point.values[0]);
        format!("{} {time} {start} {value}", labels.join(","))
    };
    batch.points().map(line).collect()
}

fn values(decoded: &Decoded) -> Vec<f64> {
    samples(decoded).points().map(|point| point.values[0]).collect()
}

fn rejects(decoded: &Decoded) -> Vec<(Reject, u64)> {
    decoded.rejected.iter().collect()
}

#[test]
fn a_series_keeps_the_labels_it_was_sent_with() {
    let labels = [("__name__", "up"), ("instance", "a:1"), ("job", "node"), ("le", ""), ("utf-8.ü", "x")];
    let decoded =
        v1([v1_series(&labels).message(2, sample(1.0, NOW_MS)).message(2, sample(0.5, NOW_MS + 1))]);
    assert_eq!(
        lines(&decoded),
        [
            "__name__=up,instance=a:1,job=node,utf-8.ü=x 0 0 1",
            "__name__=up,instance=a:1,job=node,utf-8.ü=x 1 0 0.5"
        ]
    );
    assert_eq!(Written::from_bytes(&decoded.detail), Written { samples: 2, ..Written::default() });
    assert!(decoded.all_timestamped && decoded.rejected.total() == 0);
}

#[test]
fn stale_markers_stay_what_they_are_bit_by_bit() {
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let decoded = v1([v1_series(&[("__name__", "up")]).message(2, sample(stale, NOW_MS))]);
    assert_eq!(values(&decoded)[0].to_bits(), stale.to_bits());
}

#[test]
fn wrong_label_sets_refuse_their_series_and_no_other() {
    let good = v1_series(&[("__name__", "good")]).message(2, sample(1.0, NOW_MS));
    for (labels, reason) in [
        (&[("a", "x"), ("b", "y")][..], Reject::MetricName),
        (&[("__name__", "")], Reject::MetricName),
        (&[("__name__", "m"), ("b", "1"), ("a", "2")], Reject::LabelOrder),
        (&[("__name__", "m"), ("a", "1"), ("a", "2")], Reject::LabelTwice),
        (&[("", "1"), ("__name__", "m")], Reject::LabelName),
    ] {
        let bad = v1_series(labels).message(2, sample(1.0, NOW_MS)).message(2, sample(2.0, NOW_MS));
        let decoded = v1([good.clone(), bad, good.clone()]);
        assert_eq!(rejects(&decoded), [(reason, 2)], "{labels:?}");
        assert_eq!(samples(&decoded).rows(), 2, "{labels:?}");
    }
    let not_utf8 =
        msg().message(1, msg().bytes(1, "__name__").bytes(2, [0xff])).message(2, sample(1.0, NOW_MS));
    assert_eq!(rejects(&v1([not_utf8])), [(Reject::NotUtf8, 1)]);
    assert_eq!(rejects(&v1([v1_series(&[("__name__", "m")])])), [(Reject::NoSample, 1)]);
}

#[test]
fn samples_out_of_time_are_refused_one_by_one() {
    let hours = 3_600_000;
    let series = v1_series(&[("__name__", "m")])
        .message(2, sample(1.0, NOW_MS))
        .message(2, sample(2.0, NOW_MS + 2 * hours))
        .message(2, sample(3.0, i64::MIN))
        .message(2, sample(4.0, -1));
    let decoded = v1([series]);
    assert_eq!(rejects(&decoded), [(Reject::InFuture, 1), (Reject::Time, 1)]);
    assert_eq!(values(&decoded), [1.0, 4.0]);
}

#[test]
fn exemplars_come_with_their_series_or_alone() {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let exemplar = msg()
        .message(1, msg().bytes(1, "trace_id").bytes(2, trace))
        .message(1, msg().bytes(1, "user").bytes(2, "7"))
        .double(2, 0.25)
        .varint(3, NOW_MS as u64);
    let decoded = v1([
        v1_series(&[("__name__", "m")]).message(2, sample(1.0, NOW_MS)),
        v1_series(&[("__name__", "m")]).message(3, exemplar),
    ]);
    let batch = samples(&decoded);
    assert_eq!((batch.group_count(), batch.rows(), decoded.rejected.total()), (1, 1, 0));
    let found = batch.exemplars().next().unwrap();
    assert_eq!((found.value, found.time_ms, found.trace_id.len()), (0.25, NOW_MS, 16));
    assert_eq!(found.attributes.items().count(), 1);
    assert_eq!(Written::from_bytes(&decoded.detail).exemplars, 1);
}

fn only_histogram(decoded: &Decoded) -> HistogramPoint {
    let bytes = samples(decoded).points().find_map(|point| point.histogram);
    HistogramPoint::decode(bytes.unwrap()).unwrap()
}

/// Positive buckets 1, 2 and 5 with 1, 3 and 2 observations, one negative, two zeros.
fn integer_histogram() -> Message {
    let span = |offset, length| msg().zigzag(1, offset).varint(2, length);
    msg()
        .varint(1, 9)
        .double(3, 18.5)
        .zigzag(4, 3)
        .double(5, 0.001)
        .varint(6, 2)
        .message(8, span(-2, 1))
        .packed(9, &[2])
        .message(11, span(1, 2))
        .message(11, span(2, 1))
        .packed(12, &[2, 4, 1])
        .varint(14, 2)
        .varint(15, NOW_MS as u64)
}

#[test]
fn integer_histograms_become_runs_of_counts() {
    let decoded = v1([v1_series(&[("__name__", "h")]).message(4, integer_histogram())]);
    let point = only_histogram(&decoded);
    assert_eq!((point.scale, point.count, point.sum, point.zero_count), (3, 9.0, 18.5, 2.0));
    // One less than Prometheus' number of the first bucket.
    assert_eq!((point.positive_offset, point.positive), (0, vec![1.0, 3.0, 0.0, 0.0, 2.0]));
    assert_eq!((point.negative_offset, point.negative), (-3, vec![1.0]));
    assert_eq!(Written::from_bytes(&decoded.detail), Written { histograms: 1, ..Written::default() });
}

#[test]
fn float_histograms_keep_their_counts() {
    let doubles = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let float = msg()
        .double(2, 2.5)
        .double(3, 1.0)
        .double(7, 0.5)
        .message(11, msg().zigzag(1, 0).varint(2, 2))
        .bytes(13, doubles(&[1.5, 0.5]))
        .varint(15, NOW_MS as u64);
    let point = only_histogram(&v1([v1_series(&[("__name__", "h")]).message(4, float)]));
    assert_eq!((point.count, point.zero_count, point.positive_offset), (2.5, 0.5, -1));
    assert_eq!(point.positive, [1.5, 0.5]);
}

#[test]
fn contradictory_histograms_are_refused() {
    let span = |offset, length| msg().zigzag(1, offset).varint(2, length);
    let base = || msg().varint(1, 1).zigzag(4, 0).varint(15, NOW_MS as u64);
    for (histogram, reason) in [
        (base().zigzag(4, 9), Reject::Schema),
        (base().message(11, span(0, 2)).packed(12, &[2]), Reject::Histogram),
        (base().message(11, span(0, 1)).packed(12, &[1]), Reject::Histogram),
        (base().message(11, span(0, 1)).message(11, span(-1, 1)).packed(12, &[2, 0]), Reject::Histogram),
        (base().message(11, span(0, 1)).packed(12, &[20]), Reject::Histogram),
        (base().message(11, span(0, 1)).message(11, span(1 << 30, 1)).packed(12, &[2, 0]), Reject::Buckets),
        (base().zigzag(4, -53).message(11, span(0, 2)).packed(12, &[2, 1]), Reject::Schema),
    ] {
        let decoded = v1([v1_series(&[("__name__", "h")]).message(4, histogram.clone())]);
        assert_eq!(rejects(&decoded), [(reason, 1)], "{:?}", histogram.0);
    }
}

fn v2(symbols: &[&str], series: &[Message]) -> Message {
    let table = symbols.iter().fold(msg(), |request, symbol| request.bytes(4, symbol));
    series.iter().fold(table, |request, series| request.message(5, series.clone()))
}

const SYMBOLS: [&str; 8] = ["", "__name__", "rq_total", "job", "api", "requests taken", "requests", "a"];

#[test]
fn the_second_version_finds_strings_in_its_table() {
    let metadata = msg().varint(1, 1).varint(3, 5).varint(4, 6);
    let series = msg()
        .packed(1, &[1, 2, 3, 4])
        .message(2, sample(7.0, NOW_MS))
        .message(2, sample(8.0, NOW_MS + 5).varint(3, NOW_MS as u64 + 1))
        .message(5, metadata)
        .varint(6, (NOW_MS - 10) as u64);
    let decoded = run(Encoding::ProtobufV2, &v2(&SYMBOLS, &[series])).unwrap();
    let start = NOW_MS - 10;
    assert_eq!(
        lines(&decoded),
        [
            format!("__name__=rq_total,job=api 0 {start} 7"),
            format!("__name__=rq_total,job=api 5 {} 8", NOW_MS + 1)
        ]
    );
    let batch = samples(&decoded);
    let metric = batch.group(0).metric;
    assert_eq!((metric.description, metric.unit, metric.monotonic), ("requests taken", "requests", true));
    assert_eq!(Written::from_bytes(&decoded.detail), Written { samples: 2, ..Written::default() });
}

#[test]
fn golden_bytes_of_the_second_version() {
    // symbols "", "__name__", "m"; one series m = 1.5 at 1 ms.
    let bytes = [
        0x22, 0x00, // 4: ""
        0x22, 0x08, b'_', b'_', b'n', b'a', b'm', b'e', b'_', b'_', // 4: "__name__"
        0x22, 0x01, b'm', // 4: "m"
        0x2a, 0x11, // 5: a series of 17 bytes
        0x0a, 0x02, 0x01, 0x02, // 1: refs 1, 2, packed
        0x12, 0x0b, // 2: a sample of 11 bytes
        0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, // 1: 1.5
        0x10, 0x01, // 2: 1
    ];
    let decoded = run(Encoding::ProtobufV2, &Message(bytes.to_vec())).unwrap();
    assert_eq!(lines(&decoded), [format!("__name__=m {} 0 1.5", 1 - NOW_MS)]);
}

#[test]
fn references_that_lead_nowhere_refuse_their_series() {
    let good = msg().packed(1, &[1, 2]).message(2, sample(1.0, NOW_MS));
    for refs in [&[1, 99][..], &[1, 2, 3], &[1, u64::MAX]] {
        let bad = msg().packed(1, refs).message(2, sample(1.0, NOW_MS));
        let decoded = run(Encoding::ProtobufV2, &v2(&SYMBOLS, &[bad, good.clone()])).unwrap();
        assert_eq!(rejects(&decoded), [(Reject::SymbolRef, 1)], "{refs:?}");
        assert_eq!(samples(&decoded).rows(), 1);
    }
    // References one by one, not packed.
    let single = msg().varint(1, 1).varint(1, 2).message(2, sample(1.0, NOW_MS));
    assert_eq!(run(Encoding::ProtobufV2, &v2(&SYMBOLS, &[single])).unwrap().rejected.total(), 0);
}

#[test]
fn bytes_that_are_no_message_refuse_the_request() {
    for bytes in [&[0x0a, 0x05, 1][..], &[0xff; 12], &[0x09, 1]] {
        for encoding in [Encoding::Protobuf, Encoding::ProtobufV2] {
            let error = run(encoding, &Message(bytes.to_vec())).unwrap_err();
            assert_eq!(error.class(), ErrorClass::BadData);
        }
    }
}
