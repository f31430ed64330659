use std::sync::Arc;

use parking_lot::RwLock;

use super::*;
use crate::blobs::BlobData;
use crate::head::SampleHead;
use crate::model::{
    Exemplar, HistogramPoint, LabelMatcher, Labels, Lsn, MatchOp, MetricKind, MetricRef, Nested, SampleBatch,
    SampleBatchBuilder, SeriesPart, StreamParts, Temporality, Tenant, Value, WriterId,
};
use crate::selection::{Selection, Source, Spelling, each_whole};

fn batch() -> SampleBatch {
    let mut b = SampleBatchBuilder::default();
    for service in ["cart", "pay"] {
        let resource = [("service.name", Value::Str(service))];
        let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
        let metric = b.metric(MetricRef {
            name: "requests",
            unit: "",
            description: "all of them",
            kind: MetricKind::Sum,
            temporality: Temporality::Cumulative,
            monotonic: true,
        });
        for code in 0..3 {
            let attributes = b.attributes(&mut vec![("code", Value::Int(code))]);
            let series = b.series(stream, metric, attributes, SeriesPart::Value);
            for step in 0..10 {
                b.point(series, 1_000 * step, if step < 5 { 1 } else { 5_000 }, (step * code) as f64 / 4.0);
            }
            b.exemplar(Exemplar {
                group: series,
                part: 0,
                time_ms: 7_000,
                value: 0.5,
                trace_id: &[7; 16],
                span_id: &[],
                attributes: Nested::new(&[]),
            });
        }
        let attributes = b.attributes(&mut vec![]);
        let native = b.series(stream, metric, attributes, SeriesPart::Count);
        b.histogram(
            native,
            500,
            1,
            &HistogramPoint { count: 2.0, positive: vec![2.0], ..Default::default() },
        );
    }
    b.finish()
}

fn lsn(counter: u64) -> Lsn {
    Lsn { writer: WriterId(1), counter }
}

fn meta() -> SampleSegmentMeta {
    let tenant = Tenant::authenticated("t").unwrap();
    SampleSegmentMeta { tenant, lsns: vec![(lsn(9), lsn(9))], created_ms: 1, level: 0 }
}

fn write(sources: Vec<Source>) -> Vec<u8> {
    let selection = Selection::new(sources, &[], Spelling::Either, &mut |_| panic!("sound"));
    let mut writer = SegmentWriter::new();
    each_whole(&selection, &mut |one| writer.push(one)).ok().unwrap();
    writer.finish(&meta())
}

fn file() -> Vec<u8> {
    write(vec![head(&[batch()])])
}

fn head(batches: &[SampleBatch]) -> Source {
    let mut head = SampleHead::default();
    batches.iter().for_each(|batch| head.push(batch));
    Source::Head(Arc::new(RwLock::new(head)))
}

fn open(bytes: Vec<u8>) -> Option<SampleSegment> {
    SampleSegment::open(BlobData::Owned(bytes.into())).ok()
}

/// What a query reads; `None`: something is damaged.
fn select(
    sources: Vec<Source>,
    matchers: &[LabelMatcher],
    range: (i64, i64),
) -> Option<Vec<(Labels, Piece)>> {
    let mut sound = true;
    let selection = Selection::new(sources, matchers, Spelling::Either, &mut |_| sound = false);
    let mut reader = selection.reader();
    let read = |at| (selection.labels(at).clone(), reader.read(at, range, &mut |_| sound = false));
    let mut found: Vec<_> = (0..selection.len()).map(read).collect();
    found.retain(|(_, piece)| !piece.times.is_empty() || !piece.histograms.is_empty());
    sound.then_some(found)
}

fn of(bytes: Vec<u8>) -> Vec<Source> {
    vec![Source::Segment(1, Arc::new(open(bytes).unwrap()))]
}

fn matcher(name: &str, op: MatchOp, value: &str) -> LabelMatcher {
    LabelMatcher::new(name, op, value).unwrap()
}

#[test]
fn what_was_written_is_selected_by_labels_and_time() {
    for sources in [of(file()), vec![head(&[batch()])]] {
        let matchers = [matcher("job", MatchOp::Equal, "pay"), matcher("code", MatchOp::Regex, "[12]")];
        let found = select(sources.clone(), &matchers, (4_000, 6_000)).unwrap();
        assert_eq!(found.len(), 2);
        let (_, two) = found.iter().find(|(labels, _)| labels.get("code") == Some("2")).unwrap();
        assert_eq!(*two.times, [4_000, 5_000, 6_000]);
        assert_eq!(two.values, [2.0, 2.5, 3.0]);
        assert_eq!(two.starts, [(0, 1), (1, 5_000)]);
        let without_code = [matcher("code", MatchOp::Equal, "")];
        let native = select(sources.clone(), &without_code, (0, 9_000)).unwrap();
        assert_eq!(native.iter().map(|(_, piece)| piece.histograms.len()).sum::<usize>(), 2);
        let others = [matcher("code", MatchOp::NotEqual, "1")];
        assert_eq!(select(sources, &others, (0, 9_000)).unwrap().len(), 6);
    }
    let footer = open(file()).unwrap().footer().clone();
    assert_eq!((footer.rows, footer.min_time_ms, footer.max_time_ms), (62, 0, 9_000));
}

#[test]
fn exemplars_and_everything_else_survive_a_merge() {
    assert_eq!(open(file()).unwrap().exemplars().unwrap().len(), 6);
    assert_eq!(write(of(file())), file());
}

#[test]
fn series_are_found_by_both_spellings_and_by_hidden_labels() {
    let mut b = SampleBatchBuilder::default();
    let resource = [("service.name", Value::Str("cart")), ("cloud.region", Value::Str("eu"))];
    let parts = StreamParts { resource: &resource, scope_name: "lib", ..Default::default() };
    let stream = b.stream(&parts);
    let metric = b.metric(MetricRef {
        name: "http.server.duration",
        unit: "s",
        description: "",
        kind: MetricKind::Histogram,
        temporality: Temporality::Delta,
        monotonic: false,
    });
    let attributes = b.attributes(&mut vec![("http.route", Value::Str("/x"))]);
    let parts = b.parts([SeriesPart::Bucket(f64::INFINITY), SeriesPart::Count].into_iter());
    let group = b.group(stream, metric, attributes, parts);
    b.group_point(group, 1_000, 500, [3.0, 3.0].into_iter());
    let batch = b.finish();
    let name = |value| matcher(Labels::METRIC_NAME, MatchOp::Equal, value);
    let cases: [(LabelMatcher, usize); 10] = [
        (name("http_server_duration_seconds_count"), 1),
        (name("http.server.duration_count"), 1),
        (name("http.server.duration"), 2),
        (matcher(Labels::METRIC_NAME, MatchOp::Regex, "http[.].*"), 0),
        (matcher("cloud_region", MatchOp::Equal, "eu"), 3),
        (matcher("cloud.region", MatchOp::Regex, "e."), 3),
        (matcher("service.name", MatchOp::NotEqual, "cart"), 1),
        (matcher("http.route", MatchOp::Equal, "/x"), 2),
        (matcher("otel_scope_name", MatchOp::Equal, "lib"), 2),
        (matcher("otel_temporality", MatchOp::Equal, "delta"), 2),
    ];
    for sources in
        [vec![head(std::slice::from_ref(&batch))], of(write(vec![head(std::slice::from_ref(&batch))]))]
    {
        for (matcher, count) in &cases {
            let found = select(sources.clone(), std::slice::from_ref(matcher), (0, 9_000)).unwrap();
            assert_eq!(found.len(), *count, "{matcher:?}: {found:?}");
        }
        let info = select(sources, &[name("target_info")], (0, 9_000)).unwrap();
        assert_eq!((&*info[0].1.times, info[0].0.get("cloud_region")), (&[1_000][..], Some("eu")));
    }
}

#[test]
fn flipped_bits_are_found_never_answered() {
    let good = file();
    let whole = select(of(good.clone()), &[], (0, 9_000)).unwrap();
    for bit in (0..good.len() * 8).step_by(3) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let Some(segment) = open(bad) else { continue };
        if let Some(found) = select(vec![Source::Segment(1, Arc::new(segment))], &[], (0, 9_000)) {
            assert_eq!(found.len(), whole.len(), "bit {bit}");
            for (a, b) in found.iter().zip(&whole) {
                assert_eq!((&a.0, &a.1.times, &a.1.values), (&b.0, &b.1.times, &b.1.values), "bit {bit}");
            }
        }
    }
}

#[test]
fn cut_files_are_refused() {
    let good = file();
    for len in 0..good.len() {
        assert!(open(good[..len].to_vec()).is_none(), "{len}");
    }
}

#[test]
fn many_series_make_many_blocks() {
    let mut b = SampleBatchBuilder::default();
    let stream = b.stream(&StreamParts::default());
    let metric = gauge(&mut b);
    for i in 0..500 {
        let attributes = b.attributes(&mut vec![("i", Value::Int(i))]);
        let series = b.series(stream, metric, attributes, SeriesPart::Value);
        (0..300).for_each(|step| b.point(series, step, 0, (i * step) as f64));
    }
    let sources = of(write(vec![head(&[b.finish()])]));
    let found = select(sources.clone(), &[matcher("i", MatchOp::Equal, "499")], (0, 299)).unwrap();
    assert_eq!(found[0].1.values[299], 499.0 * 299.0);
    let all = select(sources, &[], (10, 20)).unwrap();
    assert_eq!(all.len(), 500);
    assert!(all.iter().all(|(_, piece)| Arc::ptr_eq(&piece.times, &all[0].1.times)), "times are shared");
}

fn gauge(b: &mut SampleBatchBuilder) -> u32 {
    b.metric(MetricRef {
        name: "m",
        unit: "",
        description: "",
        kind: MetricKind::Gauge,
        temporality: Temporality::Unspecified,
        monotonic: false,
    })
}

#[test]
fn segments_of_every_released_version_are_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/samples-v2.seg");
    let Ok(bytes) = std::fs::read(path) else {
        std::fs::write(path, file()).unwrap();
        panic!("{path} was missing and has been written: look at it and commit it");
    };
    let all = |sources| {
        let found = select(sources, &[], (i64::MIN, i64::MAX)).unwrap();
        let shown = |(labels, piece): (Labels, Piece)| {
            (labels, piece.times.to_vec(), piece.values, piece.starts, piece.histograms)
        };
        found.into_iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(all(of(bytes.clone())), all(vec![head(&[batch()])]));
    assert_eq!(open(bytes).unwrap().exemplars().unwrap().len(), 6);
}
