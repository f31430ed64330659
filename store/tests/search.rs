//! Search against `grep`: the same lines are found for every needle, however it is cut.
//!
//! `SEARCH_LINES=1000000 SEARCH_NEEDLES=10000 cargo test --release -p store --test search -- --nocapture` is the whole
//! of it; it prints how many blocks needles of each class open.

#![allow(clippy::unwrap_used)]
#![expect(clippy::print_stderr, reason = "it says what it found")]

#[path = "search/lines.rs"]
mod lines;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lines::{Class, Random, changed, expression, line, piece};
use regex::Regex;
use store::measure::Segments;
use store::model::{
    Budget, ColumnRef, EventBatch, EventBatchBuilder, Field, Filter, RequestCtx, Role, Signal, StreamParts,
    Tenant, Test, Value,
};
use store::{EventQuery, Order, Projection, ScanControl, ScanStats};

const LINES: usize = 12_000;
const NEEDLES: usize = 240;
const BATCH_ROWS: usize = 1000;
const SEED: u64 = 20_261_126;

/// What is looked for, and how.
#[derive(Clone, Debug)]
enum Needle {
    /// `grep -F`
    Fixed(String),
    /// `grep -F -i`
    Folded(String),
    /// `grep -E`
    Expression(String),
}

impl Needle {
    fn test(&self) -> Test {
        match self {
            Self::Fixed(text) => Test::Contains { needle: text.as_str().into(), ignore_case: false },
            Self::Folded(text) => Test::Contains { needle: text.as_str().into(), ignore_case: true },
            Self::Expression(pattern) => Test::Matches(Regex::new(pattern).unwrap()),
        }
    }

    /// The numbers of the lines grep finds.
    fn grep(&self, file: &Path) -> Vec<i64> {
        let (options, text, locale) = match self {
            Self::Fixed(text) => (&["-F"][..], text, "C"),
            Self::Folded(text) => (&["-F", "-i"][..], text, "C.UTF-8"),
            Self::Expression(pattern) => (&["-E"][..], pattern, "C.UTF-8"),
        };
        let mut grep = Command::new("grep");
        grep.env("LC_ALL", locale).args(options).args(["-a", "-n", "-e", text]).arg(file);
        let output = grep.output().expect("grep is there");
        assert!(output.status.code() < Some(2), "{self:?}: {}", String::from_utf8_lossy(&output.stderr));
        let number = |line: &[u8]| {
            let digits = line.split(|byte| *byte == b':').next()?;
            std::str::from_utf8(digits).ok()?.parse::<i64>().ok()
        };
        output.stdout.split(|byte| *byte == b'\n').filter_map(number).map(|number| number - 1).collect()
    }

    fn class(&self, absent: bool) -> String {
        match self {
            _ if absent => "absent".to_owned(),
            Self::Fixed(text) => format!("{:?}", Class::of(text)),
            Self::Folded(_) => "ignoring case".to_owned(),
            Self::Expression(_) => "expression".to_owned(),
        }
    }
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Lines as records; the time of each is its number.
fn batches(lines: &[String]) -> Vec<Arc<EventBatch>> {
    let of_chunk = |(chunk, lines): (usize, &[String])| {
        let mut b = EventBatchBuilder::new(Signal::Logs);
        let streams = ["cart", "pay", "search"].map(|service| {
            b.stream(&StreamParts {
                resource: &[("service.name", Value::Str(service))],
                ..Default::default()
            })
        });
        for (at, line) in lines.iter().enumerate() {
            b.begin_row((chunk * BATCH_ROWS + at) as i64, streams[at % streams.len()]);
            b.field(Field::Body, Value::Str(line));
            b.end_row();
        }
        Arc::new(b.finish())
    };
    lines.chunks(BATCH_ROWS).enumerate().map(of_chunk).collect()
}

fn found(segments: &Segments, test: Test) -> (Vec<i64>, ScanStats) {
    let tenant = Tenant::authenticated("default").unwrap();
    let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 30));
    let query = EventQuery {
        signal: Signal::Logs,
        start: i64::MIN,
        end: i64::MAX,
        filter: Filter::Column(ColumnRef::Field(Field::Body), test),
        projection: Projection::Columns(Vec::new()),
        order: Order::Any,
    };
    let mut numbers = Vec::new();
    let stats = segments.scan(&ctx, &query, &mut |rows| {
        numbers.extend(rows.rows.iter().map(|row| rows.batch.times()[*row as usize]));
        ScanControl::Continue
    });
    numbers.sort_unstable();
    (numbers, stats.unwrap())
}

/// Of ten needles seven are pieces, one is one that was changed, one ignores case and one is an expression.
fn needles(lines: &[String], count: usize) -> Vec<Needle> {
    let mut random = Random(SEED ^ 1);
    let mut needles = Vec::with_capacity(count);
    while needles.len() < count {
        let line = &lines[random.below(lines.len())];
        let needle = match needles.len() % 10 {
            8 => piece(&mut random, line).map(|piece| Needle::Folded(piece.to_uppercase())),
            9 => expression(&mut random, line).map(Needle::Expression),
            7 => piece(&mut random, line).map(|piece| Needle::Fixed(changed(&mut random, &piece))),
            _ => piece(&mut random, line).map(Needle::Fixed),
        };
        needles.extend(needle);
    }
    needles
}

#[derive(Default)]
struct Sum {
    needles: usize,
    lines: usize,
    opened: u64,
    blocks: u64,
}

#[test]
fn every_needle_is_found_where_grep_finds_it() {
    let (count, needle_count) = (setting("SEARCH_LINES", LINES), setting("SEARCH_NEEDLES", NEEDLES));
    let mut random = Random(SEED);
    let lines: Vec<String> = (0..count).map(|number| line(&mut random, number)).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    lines.iter().for_each(|line| writeln!(file, "{line}").unwrap());
    file.flush().unwrap();
    let mut segments = Segments::default();
    for flush in batches(&lines).chunks(300) {
        let block_rows = if count > 100_000 { 4096 } else { 512 };
        segments.flush(flush, block_rows, 3).unwrap();
    }
    let needles = needles(&lines, needle_count);
    let next = AtomicUsize::new(0);
    let check = || {
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        while let Some(needle) = needles.get(next.fetch_add(1, Ordering::Relaxed)) {
            let expected = needle.grep(file.path());
            let (numbers, stats) = found(&segments, needle.test());
            assert!(numbers == expected, "{needle:?}: {}", difference(&numbers, &expected));
            let sum = sums.entry(needle.class(expected.is_empty())).or_default();
            sum.needles += 1;
            sum.lines += expected.len();
            sum.opened += stats.blocks_read;
            sum.blocks += stats.blocks_total;
        }
        sums
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let sums: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(check)).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    report(&sums);
}

fn difference(numbers: &[i64], expected: &[i64]) -> String {
    let missing: Vec<_> =
        expected.iter().filter(|number| numbers.binary_search(number).is_err()).take(3).collect();
    let wrong: Vec<_> =
        numbers.iter().filter(|number| expected.binary_search(number).is_err()).take(3).collect();
    format!("{} lines instead of {}, missing {missing:?}, wrong {wrong:?}", numbers.len(), expected.len())
}

fn report(sums: &[BTreeMap<String, Sum>]) {
    let mut all: BTreeMap<&str, Sum> = BTreeMap::new();
    for (class, sum) in sums.iter().flatten() {
        let known = all.entry(class).or_default();
        known.needles += sum.needles;
        known.lines += sum.lines;
        known.opened += sum.opened;
        known.blocks += sum.blocks;
    }
    for (class, sum) in all {
        let (needles, share) = (sum.needles as f64, sum.opened as f64 / sum.blocks as f64);
        eprintln!(
            "{class}: {} needles, {:.1} lines each, {:.1} blocks of {:.0} opened each ({:.2} %)",
            sum.needles,
            sum.lines as f64 / needles,
            sum.opened as f64 / needles,
            sum.blocks as f64 / needles,
            100.0 * share
        );
    }
}
