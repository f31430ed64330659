//! Lines as programs write them, against a model: what is written is read back, and found by exactly the needles it has.

use std::sync::Arc;

use proptest::prelude::*;
use regex::Regex;

use super::super::tests::{Random, check_flips, meta, open, query, run, segments_of};
use super::super::{WriteOptions, merge, write};
use crate::events_view::EventsView;
use crate::model::{ColumnRef, Compare, EventBatch, EventBatchBuilder, Field, Filter, Signal};
use crate::model::{OwnedValue, StreamParts, Test, Value};

const SECOND: i64 = 1_000_000_000;

/// A line of one of a few kinds, and the id in it.
fn line(random: &mut Random, time: i64) -> (String, String) {
    let (n, id) = (random.below(1000), random.next());
    let (seconds, millis) = (time / SECOND % 86_400, time / 1_000_000 % 1000);
    let clock = format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let order = format!("ORD-{id:016x}");
    let text = match random.below(14) {
        0 => format!("order {order} of u{n:07} {} in {n} ms", random.pick(&["shipped", "lost"])),
        1 => format!("2023-11-14T{clock}Z level=info took={}.{:02}ms user=u{n:07} {order}", n % 7, n % 100),
        2 => format!("2023-11-14 {},{n} error{n} at step {}", &clock[..8], n % 3),
        3 => format!("[1970-01-01 00:00:00] GET /cart/{n} {}", [200, 404, 500][n % 3]),
        4 => format!("Kelvin {n}\u{212a}x {order}"),
        5 => format!("{{\"id\":\"{:08x}-{:04X}-{order}\",\"n\":{n}}}", id as u32, id >> 48),
        6 => "probe ok".to_owned(),
        7 => format!("2026-02-30T00:00:00.123456Z abc{n} {n}def"),
        8 => format!("日本語 {n:03} é{n} naïve{n}ſ"),
        9 => format!("path /api/v2beta{}/{:x}/x?y=%2F{n}", n % 3, id >> 30),
        10 => format!("{}", id >> random.below(60)),
        11 => format!("base64 {} end", base64ish(id)),
        12 => format!("unique {} {}", words(id), words(id.rotate_left(20))),
        _ => String::new(),
    };
    (text, order)
}

fn base64ish(mut id: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..12)
        .map(|_| {
            let letter = LETTERS[id as usize % 64];
            id >>= 5;
            char::from(letter)
        })
        .collect()
}

fn words(mut id: u64) -> String {
    (0..6)
        .map(|_| {
            let letter = b'a' + (id % 26) as u8;
            id /= 26;
            char::from(letter)
        })
        .collect()
}

/// Lines with an attribute that has the id of the line at its end, another text, and a trace.
pub(in super::super) fn batch(random: &mut Random, rows: usize) -> EventBatch {
    let mut b = EventBatchBuilder::new(Signal::Logs);
    let streams = ["cart", "pay"].map(|service| {
        let resource = [("service.name", Value::Str(service))];
        b.stream(&StreamParts { resource: &resource, ..Default::default() })
    });
    for i in 0..rows as i64 {
        let time = 1_700_000_000 * SECOND + i * 1_234_567;
        let (body, order) = line(random, time);
        b.begin_row(time, streams[random.below(2)]);
        b.field(Field::Body, Value::Str(&body));
        b.attribute("order", Value::Str(&format!("id={order}")));
        if random.below(3) > 0 {
            b.attribute("line", Value::Str(&line(random, time).0));
        }
        b.end_row();
    }
    b.finish()
}

pub(in super::super) fn options() -> WriteOptions {
    WriteOptions { block_rows: 300, ..Default::default() }
}

/// A piece of a line: anywhere in it, or at its front or end, or with one letter changed.
fn needle(random: &mut Random, batch: &EventBatch) -> String {
    let row = random.below(batch.rows());
    let column = if random.below(3) == 0 { batch.attribute_column("line") } else { None };
    let value = match column {
        Some(column) => batch.get(row, column),
        None => batch.field(row, Field::Body),
    };
    let chars: Vec<char> = value.and_then(Value::as_str).unwrap_or("probe").chars().collect();
    let most = 1 + random.below(40);
    let len = (1 + random.below(most)).min(chars.len());
    let start = match random.below(4) {
        0 => 0,
        1 => chars.len() - len,
        _ => random.below(chars.len() - len + 1),
    };
    let mut piece = chars[start..start + len].to_vec();
    if len > 0 && random.below(4) == 0 {
        let at = random.below(len);
        piece[at] = ['0', 'f', 'z', 'Z', '-', ' ', ':', 'T', '5', 'é'][random.below(10)];
    }
    piece.into_iter().collect()
}

fn test(random: &mut Random, batch: &EventBatch) -> Test {
    let text = needle(random, batch);
    match random.below(8) {
        0 => Test::Contains { needle: text.into(), ignore_case: true },
        1 => Test::TextEquals(text.into()),
        2 => Test::Equals(OwnedValue::Str(text)),
        3 => {
            let compare = [Compare::Equal, Compare::NotEqual, Compare::Less, Compare::GreaterOrEqual];
            Test::Text(compare[random.below(4)], text.into())
        }
        4 => {
            let (first, second) = (regex::escape(&text), regex::escape(&needle(random, batch)));
            let pattern = match random.below(6) {
                0 => first,
                1 => format!("{first}.*{second}"),
                2 => format!("({first}|{second})[0-9a-f]+"),
                3 => format!("(?i){first}"),
                4 => format!("^{first}"),
                _ => format!("({first})?{second}$"),
            };
            Test::Matches(Regex::new(&pattern).unwrap())
        }
        _ => Test::Contains { needle: text.into(), ignore_case: false },
    }
}

fn check(seed: u64) {
    let mut random = Random(seed);
    let batches: Vec<_> = [700, 400].map(|rows| Arc::new(batch(&mut random, rows))).into();
    let plain = EventsView::from(batches.clone());
    let parts: Vec<_> =
        batches.iter().flat_map(|batch| segments_of(std::slice::from_ref(batch), &options())).collect();
    let merged = EventsView::new(Vec::new(), vec![open(merge(&parts, 88, &options()).unwrap().bytes)]);
    let flushed = EventsView::new(Vec::new(), parts);
    let everything = run(&plain, &query(Filter::All)).0;
    assert_eq!(run(&flushed, &query(Filter::All)).0, everything, "seed {seed}");
    assert_eq!(run(&merged, &query(Filter::All)).0, everything, "seed {seed}");
    for _ in 0..120 {
        let test = test(&mut random, &batches[0]);
        let column = match random.below(4) {
            0 => ColumnRef::Attribute("line".into()),
            1 => ColumnRef::Attribute("order".into()),
            _ => ColumnRef::Field(Field::Body),
        };
        let mut filter = Filter::Column(column, test);
        if random.below(4) == 0 {
            filter = Filter::Not(Box::new(filter));
        }
        let query = query(filter);
        let (expected, _) = run(&plain, &query);
        assert_eq!(run(&flushed, &query).0, expected, "flushed, seed {seed}, {:?}", query.filter);
        assert_eq!(run(&merged, &query).0, expected, "merged, seed {seed}, {:?}", query.filter);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_lines_cut_anywhere_are_found_where_they_are(seed in any::<u64>()) {
        check(seed);
    }
}

#[test]
fn flipped_bits_of_patterns_lose_blocks_and_never_change_answers() {
    let mut random = Random(11);
    let batches = [Arc::new(batch(&mut random, 900))];
    let file = write(&batches, &meta(), &options()).unwrap().remove(0).bytes;
    let body = |needle: &str| {
        let test = Test::Contains { needle: needle.into(), ignore_case: false };
        query(Filter::Column(ColumnRef::Field(Field::Body), test))
    };
    let queries = [query(Filter::All), body("ORD-1"), body("step 2"), body("user=u0000")];
    check_flips(&mut random, &file, &EventsView::from(batches.to_vec()), &queries);
}

#[test]
fn patterns_take_less_than_the_compressed_text() {
    let mut random = Random(3);
    let batches = [Arc::new(batch(&mut random, 4000))];
    let texts: Vec<&str> =
        (0..4000).filter_map(|row| batches[0].field(row, Field::Body).and_then(Value::as_str)).collect();
    let compressed = zstd::bulk::compress(texts.join("\n").as_bytes(), 3).unwrap().len();
    let file = write(&batches, &meta(), &WriteOptions::default()).unwrap().remove(0).bytes;
    let sizes = open(file).sizes().into_iter();
    let body: usize = sizes.filter(|(name, _)| name == "column Body").map(|(_, len)| len).sum();
    assert!(body < compressed * 3 / 4, "{body} bytes, {compressed} compressed");
}
