//! The list of segments made again from their footers, when the catalog was lost.

use std::collections::HashMap;

use crate::blobs::{BlobKey, Blobs};
use crate::catalog::{Catalog, Flushed, SegmentChange, SegmentId, SegmentRow, StoredRows};
use crate::damage::{DamageList, DamagedKind};
use crate::model::{Lsn, Signal, Tenant, WriterId};
use crate::segment::events;
use crate::segment::samples::SampleFooter;

/// A file's own account of itself.
struct Account {
    row: SegmentRow,
    tenant: Tenant,
    lsns: Vec<(Lsn, Lsn)>,
}

/// Reads every segment file. A file that cannot be read goes to quarantine; one whose records another holds too (a merge
/// that was interrupted between its transaction and its tidying) is left out, and removed as unlisted afterwards.
pub(crate) fn rebuild(catalog: &dyn Catalog, blobs: &dyn Blobs, damage: &DamageList) -> Result<(), String> {
    let mut accounts = Vec::new();
    for key in blobs.list().map_err(|e| e.to_string())? {
        match account(blobs, key) {
            Ok(account) => accounts.push(account),
            Err(error) => {
                let moved =
                    blobs.quarantine(key).map_or_else(|e| e.to_string(), |()| "moved to quarantine".into());
                damage.add(DamagedKind::Segment, Some(key.to_string().into()), format!("{error}; {moved}"));
            }
        }
    }
    let keep: Vec<&Account> =
        accounts.iter().filter(|one| !accounts.iter().any(|other| superseded(one, other))).collect();
    let mut change = SegmentChange::default();
    let mut flushed: HashMap<(crate::model::TenantNo, Signal, WriterId), Lsn> = HashMap::new();
    for one in keep {
        catalog.restore_tenant(&one.tenant, one.row.tenant).map_err(|e| e.to_string())?;
        change.add.push(one.row);
        change.stored.push(StoredRows { tenant: one.row.tenant, signal: one.row.signal, rows: one.row.rows });
        for (_, last) in &one.lsns {
            let known = flushed.entry((one.row.tenant, one.row.signal, last.writer)).or_insert(*last);
            *known = (*known).max(*last);
        }
    }
    change.flushed = flushed
        .into_iter()
        .map(|((tenant, signal, _), through)| Flushed { tenant, signal, through })
        .collect();
    let highest = accounts.iter().map(|one| one.row.id).max();
    let writer = accounts.iter().flat_map(|one| &one.lsns).map(|(_, last)| last.writer).max();
    catalog.change_segments(change).map_err(|e| e.to_string())?;
    // Numbers already used must not be given again.
    if let Some(highest) = highest {
        catalog.new_segments(1, highest).map_err(|e| e.to_string())?;
    }
    if let Some(writer) = writer {
        catalog.new_writer(writer).map_err(|e| e.to_string())?;
    }
    tracing::warn!(segments = accounts.len(), "the catalog was made again from the segments' footers");
    Ok(())
}

fn account(blobs: &dyn Blobs, key: BlobKey) -> Result<Account, String> {
    let bytes = blobs.open(key).map_err(|e| e.to_string())?;
    let (tenant, lsns, min_time, max_time, rows, level, created_ms) = if key.signal == Signal::Samples {
        let footer = SampleFooter::read(&bytes).map_err(|e| e.to_string())?;
        let ns = |ms: i64| ms.saturating_mul(1_000_000);
        let (min, max) = (ns(footer.min_time_ms), ns(footer.max_time_ms));
        (footer.tenant, footer.lsns, min, max, footer.rows, footer.level, footer.created_ms)
    } else {
        let info = events::verify(&bytes).map_err(|e| e.to_string())?;
        let lsns: Vec<(Lsn, Lsn)> = info.meta.lsns.iter().map(|range| (range.first, range.last)).collect();
        (info.meta.tenant, lsns, info.time_min, info.time_max, info.rows, 0, info.meta.created_ms)
    };
    let nothing = Lsn { writer: WriterId(0), counter: 0 };
    let newest = lsns.last().copied().unwrap_or((nothing, nothing));
    let row = SegmentRow {
        id: SegmentId(key.segment),
        tenant: key.tenant,
        signal: key.signal,
        min_time,
        max_time,
        rows,
        size_bytes: bytes.len() as u64,
        level,
        lsn_first: newest.0,
        lsn_last: newest.1,
        format: 1,
        created_ms,
        checksum: u64::from(crc32fast::hash(&bytes)),
    };
    Ok(Account { row, tenant, lsns })
}

/// Whether all of one's records are in another, larger segment of the same tenant and signal.
fn superseded(one: &Account, other: &Account) -> bool {
    let same = one.row.tenant == other.row.tenant && one.row.signal == other.row.signal;
    let inside = |(first, last): &(Lsn, Lsn)| {
        other.lsns.iter().any(|(f, l)| f.writer == first.writer && f <= first && last <= l)
    };
    same && one.row.id != other.row.id && one.lsns != other.lsns && one.lsns.iter().all(inside)
}
