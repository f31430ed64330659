use std::sync::Arc;

use parking_lot::RwLock;

use super::SampleHead;
use crate::model::{
    Labels, Limits, MetricKind, MetricRef, SampleBatch, SampleBatchBuilder, SeriesPart, StreamParts,
    Temporality, Value,
};
use crate::selection::{Selection, Source, Spelling};

const VALUES_MAX: u64 = 10;

fn limited() -> SampleHead {
    let mut head = SampleHead::default();
    head.set_limits(&Limits { label_values_max: VALUES_MAX, ..Limits::default() });
    head
}

/// One data point for each user in the range, with `value` of it.
fn export(
    temporality: Temporality,
    users: std::ops::Range<i64>,
    (start_ms, time_ms): (i64, i64),
    value: impl Fn(i64) -> f64,
) -> SampleBatch {
    let mut b = SampleBatchBuilder::default();
    let resource = [("service.name", Value::Str("cart"))];
    let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
    let metric = b.metric(MetricRef {
        name: "clicks",
        unit: "",
        description: "",
        kind: MetricKind::Sum,
        temporality,
        monotonic: true,
    });
    for user in users {
        let route = if user % 2 == 0 { "/even" } else { "/odd" };
        let mut pairs = vec![("user", Value::Int(user)), ("route", Value::Str(route))];
        let attributes = b.attributes(&mut pairs);
        let group = b.series(stream, metric, attributes, SeriesPart::Value);
        b.point(group, time_ms, start_ms, value(user));
    }
    b.finish()
}

/// Labels and samples of all series of `clicks`, over heads that came one after the other.
fn series(heads: &[&Arc<RwLock<SampleHead>>]) -> Vec<(Labels, Vec<(i64, f64)>)> {
    let sources = heads.iter().map(|head| Source::Head(Arc::clone(head))).collect();
    let selection = Selection::new(sources, &[], Spelling::Either, &mut |_| panic!("sound"));
    let mut reader = selection.reader();
    let read = |at: usize| {
        let piece = reader.read(at, (i64::MIN, i64::MAX), &mut |_| panic!("sound"));
        let rows = piece.times.iter().copied().zip(piece.values).collect();
        (selection.labels(at).clone(), rows)
    };
    let all = (0..selection.len()).map(read);
    all.filter(|(labels, _)| labels.metric_name() == "clicks_total").collect()
}

fn shared(head: SampleHead) -> Arc<RwLock<SampleHead>> {
    Arc::new(RwLock::new(head))
}

#[test]
fn totals_stay_right_when_a_label_of_a_counter_explodes() {
    let mut head = limited();
    // Value grows by the user's number with each export; later ones have more users.
    for step in 1..=3 {
        let value = |user: i64| (user * step) as f64;
        head.push(&export(Temporality::Cumulative, 0..step * 50, (1, step * 1_000), value));
    }
    let overflows = head.overflows();
    assert_eq!(overflows.len(), 1);
    let one = &overflows[0];
    assert_eq!((&*one.metric, &*one.label, &*one.service), ("clicks", "user", "cart"));
    assert_eq!(one.folded_points, 50 + 100 + 150 - 3 * VALUES_MAX);
    let all = series(&[&shared(head)]);
    // Ten users known before, and what is folded, by route.
    assert_eq!(all.len() as u64, VALUES_MAX + 2);
    let newest: f64 = all.iter().map(|(_, rows)| rows.last().unwrap().1).sum();
    assert_eq!(newest, (0..150).map(|user| f64::from(user * 3)).sum::<f64>());
    let known = all.iter().find(|(labels, _)| labels.get("user") == Some("7")).unwrap();
    assert_eq!(known.1, [(1_000, 7.0), (2_000, 14.0), (3_000, 21.0)]);
    let folded = all.iter().filter(|(labels, _)| labels.get("user") == Some("__overflow__"));
    assert_eq!(folded.map(|(labels, _)| labels.get("route").unwrap()).collect::<Vec<_>>(), ["/even", "/odd"]);
}

#[test]
fn growth_is_added_up_at_its_time_also_across_heads() {
    let mut head = limited();
    let times = [(0, 1_000), (1_000, 2_000), (1_000, 2_000)];
    head.push(&export(Temporality::Delta, 0..60, times[0], |user| user as f64));
    head.push(&export(Temporality::Delta, 0..60, times[1], |user| user as f64));
    let mut next = head.successor();
    // The rest of the export, after the first part went to a segment.
    next.push(&export(Temporality::Delta, 60..100, times[2], |user| user as f64));
    next.push(&export(Temporality::Delta, 5..6, (2_000, 3_000), |user| user as f64));
    let all = series(&[&shared(head), &shared(next)]);
    let sum = |time| {
        let at = all.iter().flat_map(|(_, rows)| rows).filter(|(t, _)| *t == time);
        at.map(|(_, value)| value).sum::<f64>()
    };
    assert_eq!(sum(1_000), (0..60).map(f64::from).sum::<f64>());
    assert_eq!(sum(2_000), (0..100).map(f64::from).sum::<f64>());
    let known = all.iter().find(|(labels, _)| labels.get("user") == Some("5")).unwrap();
    assert_eq!(known.1.last(), Some(&(3_000, 5.0)), "a series known before stays itself in the next head");
}

#[test]
fn memory_stays_bounded_whatever_comes() {
    let mut head = limited();
    for export_no in 0..100 {
        let users = export_no * 500..(export_no + 1) * 500;
        head.push(&export(Temporality::Cumulative, users, (1, 1_000 + export_no), |_| 1.0));
    }
    let all = series(&[&shared(head)]);
    assert_eq!(all.len() as u64, VALUES_MAX + 2);
    assert_eq!(all.iter().map(|(_, rows)| rows.last().unwrap().1).sum::<f64>(), 50_000.0);
}

#[test]
fn what_comes_late_is_found_where_it_belongs() {
    let mut head = SampleHead::default();
    for time in (0..400).rev().chain([250, 10]) {
        head.push(&export(Temporality::Cumulative, 1..2, (0, time), |_| time as f64));
    }
    let all = series(&[&shared(head)]);
    let expected: Vec<(i64, f64)> = (0..400).map(|time| (time, time as f64)).collect();
    assert_eq!(all[0].1, expected);
}
