//! The whole path against a model: whatever is written is found by exactly the filters that match it.

use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;
use regex::Regex;

use super::format::verify;
use super::*;
use crate::events_view::EventsView;
use crate::model::{
    Attributes, Budget, ColumnRef, Compare, EventBatch, EventBatchBuilder, Field, Filter, Lsn, Nested,
    OwnedValue, RequestCtx, Role, Signal, StreamParts, Tenant, TenantNo, Test, Value, WriterId,
};
use crate::segment::{SegmentBytes, StreamInterner};
use crate::snapshot::{EventQuery, Order, Projection, ScanControl, ScanStats};

// === random data ===

pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// Pieces that meet the rules of the tokenizer at their edges.
const PIECES: [&str; 28] = [
    "error",
    "ERROR",
    "Err",
    "timeout",
    "err404",
    "error404x",
    "deadbeef",
    "dead",
    "feed12beef",
    "4bf92f3577b34da6",
    "u1234567",
    "ORD-1a2b3c4d5e6f70",
    "naïve",
    "日本語",
    "\u{212a}elvin",
    "ma\u{17f}t",
    "MAST",
    "kelvin",
    " ",
    "-",
    "=",
    "_",
    "123456",
    "99",
    "aVeryLongWordThatGoesOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOn",
    "x",
    "Élan",
    "\n",
];

fn body(random: &mut Random) -> String {
    (0..random.below(7)).map(|_| random.pick(&PIECES)).collect()
}

fn value<'a>(random: &mut Random, text: &'a str, nested: &'a [u8]) -> Value<'a> {
    match random.below(9) {
        0 => Value::Empty,
        1 => Value::Bool(random.below(2) == 0),
        2 => Value::Int(random.next() as i64 >> random.below(60)),
        3 => Value::Double([0.5, -0.0, f64::NAN, 1e300, 7.0][random.below(5)]),
        4 => Value::Bytes(text.as_bytes()),
        5 => Value::Nested(Nested::new(nested)),
        _ => Value::Str(text),
    }
}

pub(super) fn random_batch(random: &mut Random, rows: usize) -> EventBatch {
    let mut b = EventBatchBuilder::new(Signal::Logs);
    let nested = Attributes::new(&[("key", Value::Str("timeout 1234567"))]);
    let mut row = 0;
    while row < rows {
        let service = random.pick(&["cart", "pay", "error404"]);
        let host = random.below(4) as i64;
        let resource =
            [("service.name", Value::Str(service)), ("host", Value::Int(host)), ("both", Value::Str("r"))];
        let stream = b.stream(&StreamParts { resource: &resource, scope_name: "lib", ..Default::default() });
        for _ in 0..=random.below(9) {
            b.begin_row(1_000_000 + random.below(5000) as i64 * 1_000_003, stream);
            let text = body(random);
            if random.below(10) > 0 {
                let plain = random.below(20) > 0;
                b.field(
                    Field::Body,
                    if plain { Value::Str(&text) } else { value(random, &text, nested.as_bytes()) },
                );
            }
            b.field(Field::SeverityNumber, Value::Int(random.below(24) as i64));
            if random.below(2) == 0 {
                let id = (random.below(40) as u128).to_be_bytes();
                let short = random.below(200) == 0;
                b.field(Field::TraceId, Value::Bytes(if short { &id[..3] } else { &id }));
            }
            for key in ["user", "n", "both"] {
                if random.below(3) > 0 {
                    let unique = random.below(1000).to_string();
                    let text = if key == "user" { &unique } else { &text };
                    b.attribute(key, value(random, text, nested.as_bytes()));
                }
            }
            b.end_row();
            row += 1;
        }
    }
    b.finish()
}

pub(super) fn random_filter(random: &mut Random, depth: usize) -> Filter {
    let kinds = if depth == 0 { 8 } else { 11 };
    match random.below(kinds) {
        8 => Filter::Not(Box::new(random_filter(random, depth - 1))),
        9 => Filter::And((0..random.below(4)).map(|_| random_filter(random, depth - 1)).collect()),
        10 => Filter::Or((0..random.below(4)).map(|_| random_filter(random, depth - 1)).collect()),
        0 => Filter::Column(
            ColumnRef::Resource("service.name".into()),
            Test::TextEquals(random.pick(&["cart", "pay", "x"]).into()),
        ),
        1 => {
            let id = (random.below(44) as u128).to_be_bytes().to_vec();
            Filter::Column(ColumnRef::Field(Field::TraceId), Test::Equals(OwnedValue::Bytes(id)))
        }
        _ => {
            let key = random.pick(&["user", "n", "both", "absent"]);
            let column = match random.below(6) {
                0 => ColumnRef::Attribute(key.into()),
                1 => ColumnRef::Any(key.into()),
                _ => ColumnRef::Field(Field::Body),
            };
            Filter::Column(column, random_test(random))
        }
    }
}

fn random_test(random: &mut Random) -> Test {
    let text = body(random);
    let count = text.chars().count();
    let (skip, take) = (random.below(count + 1), random.below(count + 2));
    let needle: String = text.chars().skip(skip).take(take.max(1)).collect();
    match random.below(12) {
        0 => Test::Exists,
        1 => Test::Missing,
        2 => Test::TextEquals(random.below(1000).to_string().into()),
        3 => Test::Equals(OwnedValue::Str(text)),
        4 => Test::Number(Compare::Greater, 3.0),
        5 => Test::Text(Compare::Equal, text.into()),
        6 | 7 => Test::Contains { needle: needle.into(), ignore_case: true },
        8 => {
            let pattern = random.pick(&[
                "(?i)KELVIN",
                "(timeout)?error",
                "(a*|-)+dead",
                r"\berror\b",
                "(error|timeout)=",
                "^err",
                "[0-9a-f]{12}",
                "x$",
                "(?:dead)+",
                "ORD-1a2b3c4d5e6f70",
                "u123456[67]",
            ]);
            Test::Matches(Regex::new(pattern).unwrap())
        }
        9 => Test::Matches(Regex::new(&format!("(?i){}", regex::escape(&needle))).unwrap()),
        _ => Test::Contains { needle: needle.into(), ignore_case: false },
    }
}

// === running ===

pub(super) fn meta() -> SegmentMeta {
    let lsn = |counter| Lsn { writer: WriterId(3), counter };
    SegmentMeta {
        tenant_no: TenantNo(1),
        tenant: Tenant::authenticated("team").unwrap(),
        signal: Signal::Logs,
        lsns: vec![LsnRange { first: lsn(5), last: lsn(9) }],
        created_ms: 77,
    }
}

pub(super) fn options() -> WriteOptions {
    WriteOptions { block_rows: 40, ..Default::default() }
}

/// Blocks with texts enough to be taken apart into patterns.
pub(super) fn large_blocks() -> WriteOptions {
    WriteOptions { block_rows: 150, ..Default::default() }
}

pub(super) fn open(bytes: Vec<u8>) -> Arc<EventSegment> {
    let sink: DamageSink = Arc::new(|damage| panic!("{damage:?}"));
    Arc::new(EventSegment::open(SegmentBytes::from(bytes), &StreamInterner::default(), sink).unwrap())
}

pub(super) fn segments(batches: &[Arc<EventBatch>]) -> Vec<Arc<EventSegment>> {
    segments_of(batches, &options())
}

pub(super) fn segments_of(batches: &[Arc<EventBatch>], options: &WriteOptions) -> Vec<Arc<EventSegment>> {
    write(batches, &meta(), options).unwrap().into_iter().map(|written| open(written.bytes)).collect()
}

pub(super) fn ctx() -> RequestCtx {
    RequestCtx::new(Tenant::authenticated("team").unwrap(), "test", Role::Read, None, Budget::new(1 << 30))
}

pub(super) fn query(filter: Filter) -> EventQuery {
    EventQuery {
        signal: Signal::Logs,
        start: 0,
        end: i64::MAX,
        filter,
        projection: Projection::All,
        order: Order::Any,
    }
}

/// A row as text, whatever batch it is in; attributes sorted, as their order is not kept.
fn show(batch: &EventBatch, row: usize) -> String {
    let mut cells: Vec<String> = batch
        .cells(row)
        .map(|(column, value)| format!("{:?}={value:?}", batch.column_name(column)))
        .collect();
    cells.sort();
    format!("{} {:x} {}", batch.times()[row], batch.stream(row).hash(), cells.join(" "))
}

pub(super) fn run(view: &EventsView, query: &EventQuery) -> (Vec<String>, ScanStats) {
    let mut found = Vec::new();
    let stats = view.scan(&ctx(), query, &mut |rows| {
        found.extend(rows.rows.iter().map(|row| show(rows.batch, *row as usize)));
        ScanControl::Continue
    });
    found.sort();
    (found, stats.unwrap())
}

fn check_filters(seed: u64) {
    let mut random = Random(seed);
    let batches: Vec<Arc<EventBatch>> = (0..4).map(|_| Arc::new(random_batch(&mut random, 60))).collect();
    let plain = EventsView::from(batches.clone());
    let flushed = EventsView::new(Vec::new(), segments(&batches));
    let parts: Vec<_> = batches.iter().flat_map(|batch| segments(std::slice::from_ref(batch))).collect();
    let merged = EventsView::new(Vec::new(), vec![open(merge(&parts, 88, &options()).unwrap().bytes)]);
    let mixed = EventsView::new(batches[2..].to_vec(), segments(&batches[..2]));
    let large = segments_of(&batches, &large_blocks());
    let remade = EventsView::new(Vec::new(), vec![open(merge(&large, 88, &large_blocks()).unwrap().bytes)]);
    let large = EventsView::new(Vec::new(), large);
    for _ in 0..60 {
        let filter = random_filter(&mut random, 3);
        let mut query = query(filter);
        query.order = [Order::Any, Order::NewestFirst, Order::OldestFirst][random.below(3)];
        if random.below(3) == 0 {
            query.start = 1_000_000 + random.below(5000) as i64 * 1_000_003;
            query.end = query.start + random.below(5000) as i64 * 1_000_003;
        }
        let (expected, _) = run(&plain, &query);
        for (name, view) in [
            ("flushed", &flushed),
            ("merged", &merged),
            ("mixed", &mixed),
            ("large", &large),
            ("large, merged", &remade),
        ] {
            let (found, stats) = run(view, &query);
            assert_eq!(found, expected, "{name}, seed {seed}, {:?}", query.filter);
            assert_eq!(stats.blocks_damaged, 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scans_of_head_segments_and_merged_segments_equal_the_filter_on_every_row(seed in any::<u64>()) {
        check_filters(seed);
    }
}

#[test]
fn a_needle_reads_its_own_blocks_only() {
    let mut b = EventBatchBuilder::new(Signal::Logs);
    let resource = [("service.name", Value::Str("cart"))];
    let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
    for i in 0..4000u64 {
        b.begin_row(i as i64, stream);
        let id = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        b.field(Field::Body, Value::Str(&format!("Order ORD-{id:016x} shipped to u{i:07}")));
        b.field(Field::TraceId, Value::Bytes(&u128::from(id).to_be_bytes()));
        b.attribute("order", Value::Str(&format!("ORD-{id:016x}")));
        b.end_row();
    }
    let view = EventsView::new(Vec::new(), segments(&[Arc::new(b.finish())]));
    let id = 1234u64.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let text: Arc<str> = format!("ORD-{id:016x}").into();
    let body = |needle: &str| {
        let test = Test::Contains { needle: needle.into(), ignore_case: false };
        Filter::Column(ColumnRef::Field(Field::Body), test)
    };
    for filter in [
        body(&text),
        body(&text[6..18]),
        Filter::Column(ColumnRef::Attribute("order".into()), Test::TextEquals(Arc::clone(&text))),
        Filter::Column(
            ColumnRef::Field(Field::TraceId),
            Test::Equals(OwnedValue::Bytes(u128::from(id).to_be_bytes().to_vec())),
        ),
        Filter::Column(
            ColumnRef::Field(Field::Body),
            Test::Matches(Regex::new(&format!("{text} (shipped|lost)")).unwrap()),
        ),
    ] {
        let (found, stats) = run(&view, &query(filter.clone()));
        assert_eq!((found.len(), stats.blocks_total), (1, 100), "{filter:?}");
        assert!(stats.blocks_read <= 4, "{} blocks for {filter:?}", stats.blocks_read);
    }
    assert_eq!(run(&view, &query(body("absentword"))).1.blocks_read, 0);
}

#[test]
fn narrowed_and_stopped_scans_end_early_and_projections_leave_the_rest_out() {
    let mut random = Random(5);
    let batches = [Arc::new(random_batch(&mut random, 2000))];
    let view = EventsView::new(Vec::new(), segments(&batches));
    let mut query = query(Filter::All);
    query.order = Order::NewestFirst;
    query.projection = Projection::Columns(vec![ColumnRef::Field(Field::SeverityNumber)]);
    let mut last = i64::MAX;
    let mut seen = 0;
    view.scan(&ctx(), &query, &mut |rows| {
        let newest = rows.batch.times().iter().copied().max().unwrap();
        assert!(newest < last);
        last = newest.min(last);
        assert!(
            rows.batch.field(0, Field::Body).is_none()
                && rows.batch.field(0, Field::SeverityNumber).is_some()
        );
        seen += 1;
        ScanControl::Narrow { start: 0, end: newest }
    })
    .unwrap();
    assert!(seen > 2);
    let stats = view.scan(&ctx(), &query, &mut |_| ScanControl::Stop).unwrap();
    assert_eq!(stats.blocks_read, 1);
}

#[test]
fn tables_answer_streams_and_keys_and_the_footer_says_whose_it_is() {
    let mut random = Random(6);
    let batches = [Arc::new(random_batch(&mut random, 500))];
    let written = write(&batches, &meta(), &options()).unwrap().remove(0);
    assert_eq!(verify(&written.bytes).unwrap(), written.info);
    assert_eq!((written.info.rows, &written.info.meta), (batches[0].rows() as u64, &meta()));
    let view = EventsView::new(Vec::new(), vec![open(written.bytes)]);
    let plain = EventsView::from(batches.to_vec());
    let keys = view.attribute_keys(&ctx(), 0, i64::MAX).unwrap();
    assert_eq!(keys, plain.attribute_keys(&ctx(), 0, i64::MAX).unwrap());
    assert_eq!(view.streams(&ctx(), 0, i64::MAX).unwrap(), plain.streams(&ctx(), 0, i64::MAX).unwrap());
    assert!(view.streams(&ctx(), 0, 5).unwrap().is_empty());
}

#[test]
fn flipped_bits_lose_blocks_and_never_change_answers() {
    let mut random = Random(7);
    let batches = [Arc::new(random_batch(&mut random, 600))];
    let file = write(&batches, &meta(), &options()).unwrap().remove(0).bytes;
    let plain = EventsView::from(batches.to_vec());
    let needle = Test::Contains { needle: "timeout".into(), ignore_case: true };
    let trace = Test::Equals(OwnedValue::Bytes(7u128.to_be_bytes().to_vec()));
    let queries = [
        query(Filter::All),
        query(Filter::Column(ColumnRef::Field(Field::Body), needle)),
        query(Filter::Column(ColumnRef::Field(Field::TraceId), trace)),
        query(Filter::Column(ColumnRef::Attribute("user".into()), Test::TextEquals("77".into()))),
    ];
    check_flips(&mut random, &file, &plain, &queries);
}

/// Whatever bit of the file is flipped: rows may be missing, and then somebody is told.
pub(super) fn check_flips(random: &mut Random, file: &[u8], plain: &EventsView, queries: &[EventQuery]) {
    let expected: Vec<Vec<String>> = queries.iter().map(|query| run(plain, query).0).collect();
    for _ in 0..200 {
        let mut damaged = file.to_vec();
        let at = random.below(damaged.len());
        damaged[at] ^= 1 << random.below(8);
        assert!(verify(&damaged).is_err(), "byte {at}");
        let reports = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&reports);
        let sink: DamageSink = Arc::new(move |damage| told.lock().push(damage));
        let Ok(segment) = EventSegment::open(SegmentBytes::from(damaged), &StreamInterner::default(), sink)
        else {
            continue;
        };
        let view = EventsView::new(Vec::new(), vec![Arc::new(segment)]);
        for (query, expected) in queries.iter().zip(&expected) {
            let (found, stats) = run(&view, query);
            let complete = stats.blocks_damaged == 0;
            assert!(found.iter().all(|row| expected.contains(row)), "byte {at}");
            assert!(!complete || found == *expected, "byte {at}: rows are missing and nobody was told");
            assert!(complete || !reports.lock().is_empty(), "byte {at}");
        }
    }
    for len in (0..file.len()).step_by(97) {
        let sink: DamageSink = Arc::new(|_| {});
        let cut = SegmentBytes::from(file[..len].to_vec());
        assert!(EventSegment::open(cut, &StreamInterner::default(), sink).is_err());
    }
}

#[test]
fn days_and_row_limits_make_segments_of_their_own() {
    const DAY: i64 = 24 * 3600 * 1_000_000_000;
    let mut b = EventBatchBuilder::new(Signal::Logs);
    let stream = b.stream(&StreamParts::default());
    for i in 0..100 {
        b.begin_row(i % 2 * DAY + i, stream);
        b.end_row();
    }
    let batch = Arc::new(b.finish());
    let options = WriteOptions { block_rows: 8, segment_rows: 30, ..Default::default() };
    let written = write(&[batch], &meta(), &options).unwrap();
    assert_eq!(written.iter().map(|segment| segment.info.rows).collect::<Vec<_>>(), [30, 20, 30, 20]);
    assert!(written.iter().all(|segment| segment.info.time_min / DAY == segment.info.time_max / DAY));
}
