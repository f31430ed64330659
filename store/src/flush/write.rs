//! One flush: a sealed head becomes segments.

use std::sync::Arc;

use super::open_segments::{OpenSegment, key, open};
use crate::StoreError;
use crate::catalog::{Flushed, SegmentChange, SegmentId, SegmentRow, StoredRows};
use crate::model::{Lsn, Signal};
use crate::segment::events::{self, LsnRange, SegmentMeta, WriteOptions};
use crate::segment::samples::{self, SampleFooter, SampleSegmentMeta};
use crate::state::{HeadRange, SealedData, SealedHead, TenantState};
use crate::store::Shared;

/// Bytes of a new segment and what its row will say.
pub(super) struct Made {
    pub(super) row: SegmentRow,
    pub(super) bytes: Vec<u8>,
}

/// Flushes every head there is.
pub(crate) fn flush_all(shared: &Shared) -> Result<(), StoreError> {
    for tenant in shared.tenants.all() {
        for signal in Signal::ALL {
            flush(shared, &tenant, signal)?;
        }
    }
    Ok(())
}

/// Flushes one head; returns whether there was anything in it.
pub(super) fn flush(shared: &Shared, tenant: &Arc<TenantState>, signal: Signal) -> Result<bool, StoreError> {
    // Two flushes of one head would make its segments twice.
    let _one_at_a_time = shared.maintenance.lock();
    let Some(sealed) = tenant.seal(signal) else { return Ok(false) };
    let made = make(shared, tenant, signal, &sealed)?;
    let rows: Vec<SegmentRow> = made.iter().map(|made| made.row).collect();
    put(shared, made)?;
    // Opened before the commit: after it nothing may fail, or the sealed head would become segments a second time.
    let opened = open_rows(shared, &rows)?;
    let flushed = sealed.range.last_lsns().map(|through| Flushed { tenant: tenant.no, signal, through });
    shared.catalog.change_segments(SegmentChange {
        remove: Vec::new(),
        add: rows,
        flushed: flushed.collect(),
        stored: vec![StoredRows { tenant: tenant.no, signal, rows: sealed.range.rows }],
    })?;
    tenant.unseal(signal, |heads| heads.segments.replace(&[], opened));
    Ok(true)
}

pub(super) fn put(shared: &Shared, made: Vec<Made>) -> Result<(), StoreError> {
    for one in made {
        let name = key(&one.row);
        let written = shared.blobs.put(name, &one.bytes);
        written.map_err(|error| StoreError::Unavailable(format!("write segment {name}: {error}")))?;
    }
    Ok(())
}

pub(super) fn open_rows(
    shared: &Shared,
    rows: &[SegmentRow],
) -> Result<Vec<(SegmentRow, OpenSegment)>, StoreError> {
    let open_row = |row: &SegmentRow| {
        Ok((*row, open(shared, row).map_err(|error| StoreError::Internal(error.to_string()))?))
    };
    rows.iter().map(open_row).collect()
}

fn make(
    shared: &Shared,
    tenant: &TenantState,
    signal: Signal,
    sealed: &SealedHead,
) -> Result<Vec<Made>, StoreError> {
    let created_ms = shared.clock.now_ms();
    match &sealed.data {
        SealedData::Events(batches) => {
            let meta = SegmentMeta {
                tenant_no: tenant.no,
                tenant: tenant.name.clone(),
                signal,
                lsns: lsns(&sealed.range).map(|(first, last)| LsnRange { first, last }).collect(),
                created_ms,
            };
            let written = events::write(batches, &meta, &WriteOptions::default());
            let written = written.map_err(|error| StoreError::Internal(error.to_string()))?;
            event_rows(shared, written, 0)
        }
        SealedData::Samples(head) => {
            let meta = SampleSegmentMeta {
                tenant: tenant.name.clone(),
                lsns: lsns(&sealed.range).collect(),
                created_ms,
                level: 0,
            };
            let bytes = samples::write(&meta, head.read().to_inputs());
            Ok(vec![sample_row(shared, tenant, bytes)?])
        }
    }
}

fn lsns(range: &HeadRange) -> impl Iterator<Item = (Lsn, Lsn)> {
    range
        .lsns
        .iter()
        .map(|(&writer, &(first, last))| (Lsn { writer, counter: first }, Lsn { writer, counter: last }))
}

/// Numbers for finished event segments.
pub(super) fn event_rows(
    shared: &Shared,
    written: Vec<events::WrittenSegment>,
    level: u32,
) -> Result<Vec<Made>, StoreError> {
    let first = shared.catalog.new_segments(written.len() as u32, SegmentId(0))?;
    let rows = written.into_iter().enumerate().map(|(i, one)| {
        let ranges = &one.info.meta.lsns;
        let newest = ranges.last().copied();
        Made {
            row: SegmentRow {
                id: SegmentId(first.0 + i as u64),
                tenant: one.info.meta.tenant_no,
                signal: one.info.meta.signal,
                min_time: one.info.time_min,
                max_time: one.info.time_max,
                rows: one.info.rows,
                size_bytes: one.bytes.len() as u64,
                level,
                lsn_first: newest.map_or(NO_LSN, |range| range.first),
                lsn_last: newest.map_or(NO_LSN, |range| range.last),
                format: u32::from(one.bytes.get(8).copied().unwrap_or(0)),
                created_ms: one.info.meta.created_ms,
                checksum: u64::from(crc32fast::hash(&one.bytes)),
            },
            bytes: one.bytes,
        }
    });
    Ok(rows.collect())
}

/// A number for a finished sample segment.
pub(super) fn sample_row(shared: &Shared, tenant: &TenantState, bytes: Vec<u8>) -> Result<Made, StoreError> {
    let footer = SampleFooter::read(&bytes).map_err(|error| StoreError::Internal(error.to_string()))?;
    let id = shared.catalog.new_segments(1, SegmentId(0))?;
    let newest = footer.lsns.last().copied().unwrap_or((NO_LSN, NO_LSN));
    let row = SegmentRow {
        id,
        tenant: tenant.no,
        signal: Signal::Samples,
        min_time: footer.min_time_ms.saturating_mul(1_000_000),
        max_time: footer.max_time_ms.saturating_mul(1_000_000),
        rows: footer.rows,
        size_bytes: bytes.len() as u64,
        level: footer.level,
        lsn_first: newest.0,
        lsn_last: newest.1,
        format: 1,
        created_ms: footer.created_ms,
        checksum: u64::from(crc32fast::hash(&bytes)),
    };
    Ok(Made { row, bytes })
}

const NO_LSN: Lsn = Lsn { writer: crate::model::WriterId(0), counter: 0 };
