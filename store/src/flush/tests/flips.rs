//! Two hundred flipped bits in each kind of file: the store opens, no answer is wrong, what is missing is named.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use super::super::open_segments::{OpenSegment, key};
use super::super::trailer::Trailer;
use super::{NOW_MS, clock_at, config, events, found, ground, id, runtime, send, store_on};
use crate::durable::RealDisk;
use crate::model::{ColumnRef, Field, Filter, Signal, Test};
use crate::wal::tests::disk::Random;
use crate::{Append, Change, DamagedKind, DocumentKind, Store};

const FLIPS: u64 = 200;
/// Records of each signal; the last ones are in the log.
const NUMBERS: Range<u64> = 0..90;
const FLUSHED: u64 = 60;

/// A data directory with something in every file.
struct Template {
    dir: tempfile::TempDir,
    /// Segments of events: file, content before the sections, their filters, all other sections, footer and trailer.
    events: Vec<Parts>,
}

struct Parts {
    file: PathBuf,
    data: Range<u64>,
    filters: Range<u64>,
    index: [Range<u64>; 2],
    end: Range<u64>,
}

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let events = runtime().block_on(fill(dir.path()));
    Template { dir, events }
});

fn open(dir: &Path) -> Store {
    store_on(config(dir), ground(Arc::new(RealDisk), clock_at(NOW_MS).1))
}

async fn fill(dir: &Path) -> Vec<Parts> {
    let store = open(dir);
    let put = Change::Put { kind: DocumentKind::Dashboard, id: "d".into(), bytes: b"{}".to_vec() };
    store.documents().commit(&super::tenant("t"), vec![put]).await.unwrap();
    for first in NUMBERS.step_by(5) {
        if first == FLUSHED {
            store.flush().await.unwrap();
        }
        for signal in Signal::ALL {
            send(&store, "t", signal, first..first + 5).await.unwrap();
        }
    }
    let state = store.0.tenants.get(&super::tenant("t")).unwrap();
    let listed = [Signal::Logs, Signal::Spans]
        .map(|signal| state.read(|heads| heads.segments.of(signal).cloned().collect::<Vec<_>>()));
    listed.iter().flatten().map(|one| parts(dir, one.row, one.open.as_ref().unwrap())).collect()
}

fn parts(dir: &Path, row: crate::catalog::SegmentRow, open: &OpenSegment) -> Parts {
    let file = Path::new("segments").join(key(&row).to_string());
    let bytes = fs::read(dir.join(&file)).unwrap();
    let (_, content) = Trailer::read(&bytes, key(&row)).unwrap();
    let sizes = open.as_events().unwrap().sizes();
    // The frame of the footer: length of the info first, then four more numbers and the magic.
    let tail = content - (4 * 5 + 8);
    let info = u32::from_le_bytes(bytes[tail..tail + 4].try_into().unwrap()) as usize;
    let sections: Vec<u64> = sizes[..6].iter().map(|(_, len)| *len as u64).collect();
    assert_eq!(sizes[3].0, "filters");
    let end = (tail - info) as u64;
    let start = end - sections.iter().sum::<u64>();
    let filters = start + sections[..3].iter().sum::<u64>();
    let filters = filters..filters + sections[3];
    let index = [start..filters.start, filters.end..end];
    Parts { file, data: 8..start, filters, index, end: end..bytes.len() as u64 }
}

/// Whole files of the template, by their place in it.
fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path)
            } else {
                found.push(path.strip_prefix(dir).unwrap().to_owned())
            }
        }
    }
    found.sort();
    found
}

/// Flips a random bit of one of the places in a copy of the template, opens it, and lets `check` say more.
fn flip(places: &[(PathBuf, Range<u64>)], kind: DamagedKind, check: impl Fn(&Store, &str)) {
    let mut random = Random(kind as u64 + places.len() as u64);
    let template = &*TEMPLATE;
    let total: u64 = places.iter().map(|(_, range)| range.end - range.start).sum();
    assert!(total > 0);
    let runtime = runtime();
    for _ in 0..FLIPS {
        let mut at = random.below(total);
        let (file, place) = places
            .iter()
            .find_map(|(file, range)| {
                let len = range.end - range.start;
                if at < len {
                    Some((file, range.start + at))
                } else {
                    at -= len;
                    None
                }
            })
            .unwrap();
        let bit = random.below(8);
        let what = format!("{} byte {place} bit {bit}", file.display());
        let dir = tempfile::tempdir().unwrap();
        for name in files(template.dir.path()) {
            let (from, to) = (template.dir.path().join(&name), dir.path().join(&name));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            let mut bytes = fs::read(from).unwrap();
            if name == *file {
                bytes[place as usize] ^= 1 << bit;
            }
            fs::write(to, bytes).unwrap();
        }
        let store = open(dir.path());
        runtime.block_on(look(&store, kind, &what));
        check(&store, &what);
    }
}

/// No answer has a record that is not one; what an answer lacks is named, in status and in metrics.
async fn look(store: &Store, kind: DamagedKind, what: &str) {
    let all: Vec<u64> = NUMBERS.collect();
    let mut missing = BTreeMap::new();
    let mut compare = |name: String, expected: Vec<u64>, numbers: Vec<u64>| {
        assert!(numbers.is_sorted_by(|a, b| a < b), "{what}: {name}: {numbers:?}");
        assert!(numbers.iter().all(|n| expected.contains(n)), "{what}: {name}: {numbers:?}");
        if numbers.len() < expected.len() {
            missing.insert(name, expected.len() - numbers.len());
        }
    };
    for (signal, numbers) in found(store, "t") {
        compare(signal.as_str().to_owned(), all.clone(), numbers);
    }
    for signal in [Signal::Logs, Signal::Spans] {
        for (name, filter, expected) in filters() {
            let numbers = events(store, "t", signal, filter);
            compare(format!("{name} {}", signal.as_str()), expected, numbers);
        }
    }
    let status = store.status().await;
    let named = status.damaged.iter().any(|one| one.kind == kind);
    assert!(missing.is_empty() || named, "{what}: missing and not named: {missing:?} {:?}", status.damaged);
    let metric = store.metrics().into_iter().find(|row| row.name == "signalbox_damaged_total").unwrap();
    assert_eq!(metric.value as usize, status.damaged.len(), "{what}");
}

/// What each part of the index answers for.
fn filters() -> Vec<(&'static str, Filter, Vec<u64>)> {
    let body = |needle: &str| {
        let test = Test::Contains { needle: needle.into(), ignore_case: false };
        Filter::Column(ColumnRef::Field(Field::Body), test)
    };
    let order = Test::TextEquals(id(7).into());
    let trace = Test::Equals(crate::model::OwnedValue::Bytes(8u128.to_be_bytes().to_vec()));
    vec![
        ("word", body("refunded"), NUMBERS.filter(|n| n % 3 == 1).collect()),
        ("id in a body", body(&id(31)), vec![31]),
        ("attribute", Filter::Column(ColumnRef::Attribute("order".into()), order), vec![7]),
        ("trace", Filter::Column(ColumnRef::Field(Field::TraceId), trace), vec![8]),
    ]
}

fn of_events(place: impl Fn(&Parts) -> Vec<Range<u64>>) -> Vec<(PathBuf, Range<u64>)> {
    let each = |parts: &Parts| place(parts).into_iter().map(|range| (parts.file.clone(), range)).collect();
    TEMPLATE.events.iter().flat_map(|parts| -> Vec<_> { each(parts) }).collect()
}

fn whole(wanted: impl Fn(&str) -> bool) -> Vec<(PathBuf, Range<u64>)> {
    let dir = TEMPLATE.dir.path();
    let size = |name: &Path| fs::metadata(dir.join(name)).unwrap().len();
    let wanted = files(dir).into_iter().filter(|name| wanted(name.to_str().unwrap()));
    wanted.map(|name| (name.clone(), 0..size(&name))).collect()
}

/// A damaged file that is no longer read is kept.
fn kept_aside(store: &Store, what: &str) {
    let quarantine = store.0.config.data_dir.join("quarantine");
    let moved = store.0.damage.list().iter().filter(|one| one.detail.contains("moved to quarantine")).count();
    let kept = fs::read_dir(quarantine).map_or(0, Iterator::count);
    assert_eq!(kept, moved, "{what}");
}

#[test]
fn in_the_data_of_event_segments() {
    flip(&of_events(|parts| vec![parts.data.clone()]), DamagedKind::Segment, kept_aside);
}

#[test]
fn in_the_index_of_event_segments() {
    flip(&of_events(|parts| parts.index.to_vec()), DamagedKind::Segment, kept_aside);
}

#[test]
fn in_the_filters_of_event_segments() {
    flip(&of_events(|parts| vec![parts.filters.clone()]), DamagedKind::Segment, kept_aside);
}

#[test]
fn in_the_footers_of_event_segments() {
    flip(&of_events(|parts| vec![parts.end.clone()]), DamagedKind::Segment, kept_aside);
}

#[test]
fn in_sample_segments() {
    flip(&whole(|name| name.contains("samples")), DamagedKind::Segment, kept_aside);
}

#[test]
fn in_the_log() {
    // What is behind the last record is zeros nobody reads.
    let mut places = whole(|name| name.ends_with(".wal"));
    for (file, range) in &mut places {
        let bytes = fs::read(TEMPLATE.dir.path().join(file)).unwrap();
        range.end = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
    }
    flip(&places, DamagedKind::Wal, |store, what| {
        // A record that is lost is the only one.
        let lost = NUMBERS.end - found(store, "t")[&Signal::Logs].len() as u64;
        assert!(lost <= 5, "{what}: {lost} logs are lost");
    });
}

/// The catalog is made again if need be, and then nothing is missing; documents come from the copy.
fn all_is_there(store: &Store, what: &str) {
    for (signal, numbers) in found(store, "t") {
        assert_eq!(numbers.len() as u64, NUMBERS.end, "{what}: {}", signal.as_str());
    }
    let documents = store.0.catalog.documents(&super::tenant("t"), DocumentKind::Dashboard).unwrap();
    assert_eq!(documents.len(), 1, "{what}");
}

#[test]
fn in_the_catalog() {
    flip(&whole(|name| name == "catalog.db"), DamagedKind::Catalog, all_is_there);
}

#[test]
fn in_the_copy_of_the_documents() {
    flip(&whole(|name| name == "catalog.copy"), DamagedKind::Catalog, all_is_there);
}

#[test]
fn in_the_batch_keys() {
    flip(&whole(|name| name == "wal.keys"), DamagedKind::BatchKeys, |store, what| {
        all_is_there(store, what);
        let named = store.0.damage.list().iter().any(|one| one.kind == DamagedKind::BatchKeys);
        // Each key is known as before, or the file is named.
        let again = Append {
            batch: super::batch(Signal::Logs, 0..5),
            key: Some(super::key("t", Signal::Logs, 0)),
            answer: Vec::new(),
        };
        let ctx = super::ctx("t");
        let ack = runtime().block_on(async { store.writer().append(&ctx, again).await }).unwrap();
        assert!(ack.duplicate || named, "{what}");
    });
}

#[test]
fn a_directory_without_its_catalog_and_one_without_its_copy_have_everything() {
    for gone in ["catalog.db", "catalog.copy"] {
        let dir = tempfile::tempdir().unwrap();
        for name in files(TEMPLATE.dir.path()).iter().filter(|name| !name.to_str().unwrap().starts_with(gone))
        {
            let to = dir.path().join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(TEMPLATE.dir.path().join(name), to).unwrap();
        }
        all_is_there(&open(dir.path()), gone);
        all_is_there(&open(dir.path()), gone);
    }
}
