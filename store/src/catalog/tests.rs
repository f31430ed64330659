use std::path::Path;

use super::*;

fn open(dir: &Path) -> Opened {
    SqliteCatalog::open(dir, 5).unwrap()
}

fn sound(dir: &Path) -> SqliteCatalog {
    let opened = open(dir);
    assert_eq!((opened.damage, opened.rebuild), (vec![], false));
    opened.catalog
}

fn tenant(name: &str) -> Tenant {
    Tenant::authenticated(name).unwrap()
}

fn lsn(writer: u32, counter: u64) -> Lsn {
    Lsn { writer: WriterId(writer), counter }
}

fn segment(id: u64) -> SegmentRow {
    SegmentRow {
        id: SegmentId(id),
        tenant: TenantNo(1),
        signal: Signal::Spans,
        min_time: -(id as i64),
        max_time: i64::MAX,
        rows: id * 10,
        size_bytes: id * 100,
        level: 1,
        lsn_first: lsn(1, id),
        lsn_last: lsn(2, id + 5),
        format: 3,
        created_ms: 99,
        checksum: u64::MAX - id,
    }
}

fn flushed(counter: u64) -> Flushed {
    Flushed { tenant: TenantNo(1), signal: Signal::Spans, through: lsn(1, counter) }
}

fn put(id: &str, text: &str) -> Change {
    Change::Put { kind: DocumentKind::Silence, id: id.to_owned(), bytes: text.as_bytes().to_vec() }
}

/// A catalog with something in every table.
fn fill(catalog: &SqliteCatalog) {
    for name in ["a", "b"] {
        catalog.tenant_no(&tenant(name), 10).unwrap();
    }
    let rows: Vec<SegmentRow> = (1..=30).map(segment).collect();
    let stored = vec![StoredRows { tenant: TenantNo(1), signal: Signal::Spans, rows: 7 }];
    let flushed = vec![flushed(8)];
    catalog.change_segments(SegmentChange { add: rows, flushed, stored, ..Default::default() }).unwrap();
    let changes = (0..20).map(|i| put(&i.to_string(), &"x".repeat(i * 20))).collect();
    catalog.change_documents(&tenant("b"), changes).unwrap();
}

/// All a catalog says.
#[derive(PartialEq, Debug)]
struct Content {
    tenants: Vec<(TenantNo, Tenant)>,
    documents: Vec<Document>,
    segments: Vec<SegmentRow>,
    flushed: Vec<Flushed>,
    stored: Vec<StoredRows>,
}

fn content(catalog: &SqliteCatalog) -> Content {
    Content {
        tenants: catalog.tenants().unwrap(),
        documents: catalog.documents(&tenant("b"), DocumentKind::Silence).unwrap(),
        segments: catalog.segments().unwrap(),
        flushed: catalog.flushed().unwrap(),
        stored: catalog.stored().unwrap(),
    }
}

#[test]
fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = sound(dir.path());
    fill(&catalog);
    let before = content(&catalog);
    drop(catalog);
    assert_eq!(content(&sound(dir.path())), before);
    assert_eq!(before.segments, (1..=30).map(segment).collect::<Vec<_>>());
    assert_eq!((before.flushed, before.stored[0].rows), (vec![flushed(8)], 7));
}

#[test]
fn a_swap_is_all_or_nothing_and_flushed_through_never_moves_back() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = sound(dir.path());
    fill(&catalog);
    let before = content(&catalog);
    // Segment 30 exists: the whole change is refused.
    let change = SegmentChange { remove: vec![SegmentId(1)], add: vec![segment(30)], ..Default::default() };
    catalog.change_segments(change).unwrap_err();
    assert_eq!(content(&catalog), before);
    let remove = (1..=30).map(SegmentId).collect();
    let change = SegmentChange {
        remove,
        add: vec![segment(31)],
        flushed: vec![flushed(4)],
        stored: before.stored.clone(),
    };
    catalog.change_segments(change).unwrap();
    assert_eq!(catalog.segments().unwrap(), [segment(31)]);
    assert_eq!(catalog.flushed().unwrap(), [flushed(8)]);
    assert_eq!(catalog.stored().unwrap()[0].rows, 14);
}

#[test]
fn numbers_are_never_given_twice() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = sound(dir.path());
    assert_eq!(catalog.new_writer(WriterId(0)).unwrap(), WriterId(1));
    assert_eq!(catalog.new_segments(3, SegmentId(0)).unwrap(), SegmentId(1));
    drop(catalog);
    let catalog = sound(dir.path());
    assert_eq!(catalog.new_writer(WriterId(0)).unwrap(), WriterId(2));
    assert_eq!(catalog.new_writer(WriterId(9)).unwrap(), WriterId(10));
    assert_eq!(catalog.new_segments(1, SegmentId(0)).unwrap(), SegmentId(4));
    assert_eq!(catalog.new_segments(1, SegmentId(40)).unwrap(), SegmentId(41));
}

#[test]
fn a_tenant_keeps_its_number_and_one_too_many_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = sound(dir.path());
    let numbers: Vec<_> = ["a", "b", "a"].map(|name| catalog.tenant_no(&tenant(name), 2).unwrap()).into();
    assert_eq!(numbers, [TenantNo(1), TenantNo(2), TenantNo(1)]);
    assert!(matches!(catalog.tenant_no(&tenant("c"), 2), Err(CatalogError::TenantLimit { limit: 2 })));
    catalog.restore_tenant(&tenant("z"), TenantNo(7)).unwrap();
    catalog.restore_tenant(&tenant("a"), TenantNo(7)).unwrap_err();
    assert_eq!(catalog.tenant_no(&tenant("c"), 9).unwrap(), TenantNo(8));
}

#[test]
fn a_document_counts_its_revisions_and_a_failed_commit_changes_none() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = sound(dir.path());
    let tenant = tenant("a");
    catalog.change_documents(&tenant, vec![put("x", "1"), put("y", "1")]).unwrap();
    let delete = Change::Delete { kind: DocumentKind::Silence, id: "y".to_owned() };
    catalog.change_documents(&tenant, vec![put("x", "2"), delete]).unwrap();
    let documents = catalog.documents(&tenant, DocumentKind::Silence).unwrap();
    assert_eq!(documents, [Document { id: "x".to_owned(), revision: 2, bytes: (*b"2").into() }]);
    assert_eq!(catalog.document_tenants(DocumentKind::Silence).unwrap(), std::slice::from_ref(&tenant));
    assert_eq!(catalog.document(&tenant, DocumentKind::Dashboard, "x").unwrap(), None);
}

#[test]
fn a_lost_catalog_has_its_tenants_and_documents_from_the_copy() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = sound(dir.path());
    fill(&catalog);
    let before = content(&catalog);
    drop(catalog);
    std::fs::remove_file(dir.path().join("catalog.db")).unwrap();
    let opened = open(dir.path());
    assert!(opened.rebuild && opened.damage.len() == 1);
    let after = content(&opened.catalog);
    assert_eq!((after.tenants, after.documents), (before.tenants, before.documents));
    assert!(after.segments.is_empty());
}

#[test]
fn changes_that_sqlite_lost_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = sound(dir.path());
    fill(&catalog);
    drop(catalog);
    let old = std::fs::read(dir.path().join("catalog.db")).unwrap();
    let catalog = sound(dir.path());
    catalog.change_documents(&tenant("b"), vec![put("late", "1")]).unwrap();
    drop(catalog);
    std::fs::write(dir.path().join("catalog.db"), old).unwrap();
    let opened = open(dir.path());
    assert!(opened.rebuild && opened.damage[0].moved_to.is_some());
    assert!(opened.catalog.document(&tenant("b"), DocumentKind::Silence, "late").unwrap().is_some());
}

#[test]
fn no_flipped_bit_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = sound(dir.path());
    fill(&catalog);
    let before = content(&catalog);
    drop(catalog);
    let files =
        ["catalog.db", "catalog.copy"].map(|name| (name, std::fs::read(dir.path().join(name)).unwrap()));
    let mut state = 11u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    for round in 0..200 {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in &files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let (name, bytes) = &files[usize::from(round % 8 == 0)];
        let (at, bit) = (below(bytes.len()), below(8));
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        std::fs::write(dir.path().join(name), flipped).unwrap();
        let opened = open(dir.path());
        let after = content(&opened.catalog);
        let what = format!("{name} byte {at} bit {bit}: {:?}", opened.damage);
        if opened.rebuild {
            assert!(!opened.damage.is_empty(), "{what}");
            assert_eq!(
                (after.tenants, after.documents),
                (before.tenants.clone(), before.documents.clone()),
                "{what}"
            );
        } else {
            assert_eq!(after, before, "{what}");
        }
    }
}

#[test]
fn a_newer_catalog_is_refused_by_the_version_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    drop(sound(dir.path()));
    let connection = rusqlite::Connection::open(dir.path().join("catalog.db")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    tables::set_meta(&connection, "format", &99u64.to_le_bytes()).unwrap();
    tables::set_meta(&connection, "program", b"7.0.0").unwrap();
    drop(connection);
    let error = SqliteCatalog::open(dir.path(), 5).err().unwrap().to_string();
    assert!(error.contains("use signalbox 7.0.0 or later"), "{error}");
}
