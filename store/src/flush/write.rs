//! From heads to segments: sealed heads are written, and several become part of the catalog in one transaction.

use std::ops::Range;
use std::sync::Arc;

use super::open_segments::{Listed, key, open};
use super::trailer::Trailer;
use crate::StoreError;
use crate::catalog::{Flushed, SegmentChange, SegmentId, SegmentRow, StoredRows};
use crate::model::{Lsn, Signal};
use crate::segment::events::{self, LsnRange, SegmentMeta, WriteOptions};
use crate::segment::samples::{SampleFooter, SampleSegmentMeta, SegmentWriter};
use crate::selection::{Selection, Source, SourceError, Spelling, each_whole};
use crate::state::{HeadRange, SealedData, SealedHead, TenantState};
use crate::store::Shared;

/// Heads of one transaction.
const GROUP_HEADS_MAX: usize = 256;
/// A transaction takes no further head when those it has are so large: their segments are held until it is done.
const GROUP_BYTES_MAX: u64 = 32 << 20;

/// One signal of one tenant.
pub(super) type Pair = (Arc<TenantState>, Signal);

/// A finished file and what its row will say; numbered last.
pub(super) struct Made {
    pub(super) row: SegmentRow,
    pub(super) bytes: Vec<u8>,
}

/// Sealed heads, and the segments they became.
#[derive(Default)]
struct Group {
    heads: Vec<(Pair, HeadRange, Range<usize>)>,
    made: Vec<Made>,
    head_bytes: u64,
}

/// Flushes every head there is.
pub(crate) fn flush_all(shared: &Shared) -> Result<(), StoreError> {
    let pairs = |tenant: Arc<TenantState>| Signal::ALL.map(|signal| (Arc::clone(&tenant), signal));
    let all: Vec<Pair> = shared.tenants.all().into_iter().flat_map(pairs).collect();
    flush(shared, &all).map(drop)
}

/// Flushes heads; returns how many had anything in them. One that cannot be flushed stays sealed and is tried again;
/// the others go on, and the first error is returned in the end.
pub(super) fn flush(shared: &Shared, pairs: &[Pair]) -> Result<usize, StoreError> {
    let (mut flushed, mut failed, mut rest) = (0, None, pairs);
    while !rest.is_empty() {
        // Two flushes of one head would make its segments twice.
        let _one_at_a_time = shared.maintenance.lock();
        let mut group = Group::default();
        while let Some((pair, tail)) = rest.split_first().filter(|_| group.has_room()) {
            rest = tail;
            if let Err(error) = group.add(shared, pair) {
                let (tenant, signal) = (&pair.0.name, pair.1.as_str());
                tracing::error!(%tenant, signal, %error, "a head could not be flushed");
                failed.get_or_insert(error);
            }
        }
        match group.commit(shared) {
            Ok(count) => flushed += count,
            Err(error) => drop(failed.get_or_insert(error)),
        }
    }
    failed.map_or(Ok(flushed), Err)
}

// === impl Group ===

impl Group {
    fn has_room(&self) -> bool {
        self.heads.len() < GROUP_HEADS_MAX && self.head_bytes < GROUP_BYTES_MAX
    }

    fn add(&mut self, shared: &Shared, pair: &Pair) -> Result<(), StoreError> {
        let (tenant, signal) = pair;
        let Some(sealed) = tenant.seal(*signal) else { return Ok(()) };
        let made = make(shared, tenant, *signal, &sealed)?;
        let places = self.made.len()..self.made.len() + made.len();
        self.made.extend(made);
        self.head_bytes += sealed.range.size_bytes;
        self.heads.push((pair.clone(), sealed.range, places));
        Ok(())
    }

    /// Files first, then one transaction, then what snapshots see. After the transaction nothing may fail, or the sealed
    /// heads would become segments a second time.
    fn commit(mut self, shared: &Shared) -> Result<usize, StoreError> {
        if self.heads.is_empty() {
            return Ok(0);
        }
        let mut listed = place(shared, &mut self.made)?.into_iter();
        let rows = self.made.into_iter().map(|made| made.row).collect();
        let mut change = SegmentChange { add: rows, ..SegmentChange::default() };
        for ((tenant, signal), range, _) in &self.heads {
            let (tenant, signal) = (tenant.no, *signal);
            change.flushed.extend(range.last_lsns().map(|through| Flushed { tenant, signal, through }));
            change.stored.push(StoredRows { tenant, signal, rows: range.rows });
        }
        commit(shared, change)?;
        for ((tenant, signal), _, places) in &self.heads {
            let segments: Vec<Listed> = listed.by_ref().take(places.len()).collect();
            tenant.unseal(*signal, |heads| heads.segments.replace(&[], segments));
        }
        Ok(self.heads.len())
    }
}

/// Numbers the files, makes them durable and opens them. If that fails, none is left: nothing names them.
pub(super) fn place(shared: &Shared, made: &mut [Made]) -> Result<Vec<Listed>, StoreError> {
    let first = shared.catalog.new_segments(made.len() as u32, SegmentId(0))?;
    for (at, one) in made.iter_mut().enumerate() {
        one.row.id = SegmentId(first.0 + at as u64);
    }
    let place_one = |one: &Made| {
        let name = key(&one.row);
        let put = shared.blobs.put(name, &one.bytes);
        put.map_err(|error| StoreError::Unavailable(format!("write segment {name}: {error}")))?;
        let opened = open(shared, &one.row);
        let opened = opened.map_err(|e| StoreError::Internal(format!("open segment {name}: {e}")))?;
        Ok(Listed { row: one.row, open: Some(opened) })
    };
    made.iter().map(place_one).collect::<Result<_, _>>().inspect_err(|_| {
        shared.delete_segments(&made.iter().map(|made| made.row).collect::<Vec<_>>());
    })
}

/// Nobody knows what became of a transaction that failed: its files must stay, whether the next start finds them listed
/// or not. Until then nothing of these pairs is merged, since a merged segment names what it replaces and would not
/// name them.
pub(super) fn commit(shared: &Shared, change: SegmentChange) -> Result<(), StoreError> {
    let pairs: Vec<_> = change.add.iter().map(|row| (row.tenant, row.signal)).collect();
    shared.catalog.change_segments(change).map_err(|error| {
        shared.maintenance.no_merges_of(pairs);
        error.into()
    })
}

fn make(
    shared: &Shared,
    tenant: &TenantState,
    signal: Signal,
    sealed: &SealedHead,
) -> Result<Vec<Made>, StoreError> {
    let lsns: Vec<(Lsn, Lsn)> = lsns(&sealed.range).collect();
    let origin = Origin { tenant, signal, level: 0, replaces: Vec::new(), now_ms: shared.clock.now_ms() };
    match &sealed.data {
        SealedData::Events(batches) => {
            let meta = SegmentMeta {
                tenant_no: tenant.no,
                tenant: tenant.name.clone(),
                signal,
                lsns: lsns.iter().map(|&(first, last)| LsnRange { first, last }).collect(),
                created_ms: origin.now_ms,
            };
            let written = events::write(batches, &meta, &WriteOptions::default());
            let written = written.map_err(|error| StoreError::Internal(error.to_string()))?;
            Ok(origin.events(written))
        }
        SealedData::Samples(head) => {
            let name = tenant.name.clone();
            let meta = SampleSegmentMeta { tenant: name, lsns, created_ms: origin.now_ms, level: 0 };
            let bytes = write_samples(&meta, vec![Source::Head(Arc::clone(head))]);
            let bytes = bytes.map_err(|failed| StoreError::Internal(failed.error.to_string()))?;
            Ok(vec![origin.samples(bytes)?])
        }
    }
}

/// One segment of all that is in some sources, series by series.
pub(super) fn write_samples(meta: &SampleSegmentMeta, sources: Vec<Source>) -> Result<Vec<u8>, SourceError> {
    let mut failed = None;
    let selection = Selection::new(sources, &[], Spelling::Either, &mut |error| {
        failed.get_or_insert(error);
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let mut writer = SegmentWriter::new();
    each_whole(&selection, &mut |series| writer.push(series))?;
    Ok(writer.finish(meta))
}

fn lsns(range: &HeadRange) -> impl Iterator<Item = (Lsn, Lsn)> {
    range
        .lsns
        .iter()
        .map(|(&writer, &(first, last))| (Lsn { writer, counter: first }, Lsn { writer, counter: last }))
}

/// What a segment's trailer says beside its content.
pub(super) struct Origin<'a> {
    pub(super) tenant: &'a TenantState,
    pub(super) signal: Signal,
    pub(super) level: u32,
    pub(super) replaces: Vec<SegmentId>,
    pub(super) now_ms: i64,
}

impl Origin<'_> {
    /// The segments of one flush, or the one of a merge.
    pub(super) fn events(&self, written: Vec<events::WrittenSegment>) -> Vec<Made> {
        let parts = written.len() as u32;
        let numbered = (1..).zip(written);
        let each = numbered.map(|(part, one)| {
            let info = &one.info;
            let lsns = info.meta.lsns.iter().map(|range| (range.first, range.last)).collect();
            let trailer = Trailer {
                part,
                parts,
                rows: info.rows,
                min_time: info.time_min,
                max_time: info.time_max,
                ..self.trailer(lsns)
            };
            finish(&trailer, one.bytes)
        });
        each.collect()
    }

    pub(super) fn samples(&self, bytes: Vec<u8>) -> Result<Made, StoreError> {
        let footer = SampleFooter::read(&bytes).map_err(|error| StoreError::Internal(error.to_string()))?;
        let trailer = Trailer {
            rows: footer.rows,
            min_time: footer.min_time_ms.saturating_mul(1_000_000),
            max_time: footer.max_time_ms.saturating_mul(1_000_000),
            ..self.trailer(footer.lsns)
        };
        Ok(finish(&trailer, bytes))
    }

    fn trailer(&self, lsns: Vec<(Lsn, Lsn)>) -> Trailer {
        Trailer {
            tenant_no: self.tenant.no,
            tenant: self.tenant.name.clone(),
            signal: self.signal,
            lsns,
            part: 1,
            parts: 1,
            level: self.level,
            replaces: self.replaces.clone(),
            rows: 0,
            min_time: 0,
            max_time: 0,
            created_ms: self.now_ms,
        }
    }
}

fn finish(trailer: &Trailer, mut bytes: Vec<u8>) -> Made {
    trailer.append(&mut bytes);
    Made { row: trailer.row(SegmentId(0), &bytes), bytes }
}
