use std::sync::Arc;

use super::*;
use crate::blobs::BlobData;
use crate::head::SampleHead;
use crate::model::{
    Exemplar, HistogramPoint, LabelMatcher, Lsn, MatchOp, MetricKind, MetricRef, Nested, SampleBatch,
    SampleBatchBuilder, SeriesPart, StreamParts, Temporality, Tenant, Value, WriterId,
};

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
                series,
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

fn file() -> Vec<u8> {
    let mut head = SampleHead::default();
    head.push(&batch());
    let lsn = Lsn { writer: WriterId(1), counter: 9 };
    let meta = SampleSegmentMeta {
        tenant: Tenant::authenticated("t").unwrap(),
        lsns: vec![(lsn, lsn)],
        created_ms: 1,
        level: 0,
    };
    write(&meta, head.to_inputs())
}

fn open(bytes: Vec<u8>) -> Option<SampleSegment> {
    SampleSegment::open(BlobData::Owned(bytes.into())).ok()
}

fn select(segment: &SampleSegment, matchers: &[LabelMatcher], range: (i64, i64)) -> Option<Vec<SeriesInput>> {
    let mut found = Vec::new();
    segment
        .select::<()>(matchers, range, &mut |one| {
            found.push(one);
            Ok(())
        })
        .ok()?
        .ok()?;
    Some(found)
}

fn matcher(name: &str, op: MatchOp, value: &str) -> LabelMatcher {
    LabelMatcher::new(name, op, value).unwrap()
}

#[test]
fn what_was_written_is_selected_by_labels_and_time() {
    let segment = open(file()).unwrap();
    assert_eq!(
        (segment.footer().rows, segment.footer().min_time_ms, segment.footer().max_time_ms),
        (62, 0, 9_000)
    );
    let matchers = [matcher("job", MatchOp::Equal, "pay"), matcher("code", MatchOp::Regex, "[12]")];
    let found = select(&segment, &matchers, (4_000, 6_000)).unwrap();
    assert_eq!(found.len(), 2);
    let two = found.iter().find(|one| one.labels.get("code") == Some("2")).unwrap();
    assert_eq!(two.times, [4_000, 5_000, 6_000]);
    assert_eq!(two.values, [2.0, 2.5, 3.0]);
    assert_eq!(two.starts, [(0, 1), (1, 5_000)]);
    assert_eq!(two.meta.description, "all of them");
    let without_code = [matcher("code", MatchOp::Equal, "")];
    let native = select(&segment, &without_code, (0, 9_000)).unwrap();
    assert_eq!(native.iter().map(|one| one.histograms.len()).sum::<usize>(), 2);
    assert_eq!(select(&segment, &[matcher("code", MatchOp::NotEqual, "1")], (0, 9_000)).unwrap().len(), 6);
}

#[test]
fn exemplars_and_everything_else_survive_a_merge() {
    let segment = open(file()).unwrap();
    let all = segment.read_all().unwrap();
    assert_eq!(all.iter().map(|one| one.exemplars.len()).sum::<usize>(), 6);
    let footer = segment.footer().clone();
    let meta = SampleSegmentMeta { tenant: footer.tenant, lsns: footer.lsns, created_ms: 1, level: 0 };
    assert_eq!(write(&meta, all), file());
}

#[test]
fn flipped_bits_are_found_never_answered() {
    let good = file();
    let whole = select(&open(good.clone()).unwrap(), &[], (0, 9_000)).unwrap();
    for bit in (0..good.len() * 8).step_by(3) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let Some(segment) = open(bad) else { continue };
        if let Some(found) = select(&segment, &[], (0, 9_000)) {
            assert_eq!(found.len(), whole.len(), "bit {bit}");
            for (a, b) in found.iter().zip(&whole) {
                assert_eq!((&a.labels, &a.times, &a.values), (&b.labels, &b.times, &b.values), "bit {bit}");
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
    let mut head = SampleHead::default();
    let mut b = SampleBatchBuilder::default();
    let stream = b.stream(&StreamParts::default());
    let metric = b.metric(MetricRef {
        name: "m",
        unit: "",
        description: "",
        kind: MetricKind::Gauge,
        temporality: Temporality::Unspecified,
        monotonic: false,
    });
    for i in 0..500 {
        let attributes = b.attributes(&mut vec![("i", Value::Int(i))]);
        let series = b.series(stream, metric, attributes, SeriesPart::Value);
        (0..100).for_each(|step| b.point(series, step, 0, (i * step) as f64));
    }
    head.push(&b.finish());
    let lsn = Lsn { writer: WriterId(1), counter: 1 };
    let tenant = Tenant::authenticated("t").unwrap();
    let meta = SampleSegmentMeta { tenant, lsns: vec![(lsn, lsn)], created_ms: 0, level: 0 };
    let segment = open(write(&meta, head.to_inputs())).unwrap();
    let found = select(&segment, &[matcher("i", MatchOp::Equal, "499")], (0, 99)).unwrap();
    assert_eq!(found[0].values[99], 499.0 * 99.0);
    assert_eq!(segment.matching(&[]).unwrap().count(), 500);
    assert_eq!(Arc::strong_count(&found[0].meta), 2);
}
