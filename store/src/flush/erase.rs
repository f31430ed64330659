//! Taking deleted rows out of segments: each that may have some is looked through once, and written anew without them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::open_segments::{Listed, open_all_of};
use super::write::{Origin, commit, place};
use crate::StoreError;
use crate::catalog::{SegmentChange, SegmentId, SegmentRow};
use crate::erasure::Erasures;
use crate::model::{Signal, TenantNo};
use crate::segment::events::{self, EventSegment, WriteOptions};
use crate::state::TenantState;
use crate::store::Shared;

/// Segments that were looked through, of the deletions of that number.
#[derive(Default)]
pub(crate) struct Examined(Mutex<HashMap<TenantNo, (u64, HashSet<SegmentId>)>>);

impl Examined {
    fn has(&self, tenant: &TenantState, id: SegmentId) -> bool {
        let known = self.0.lock();
        known.get(&tenant.no).is_some_and(|(number, ids)| *number == tenant.erasures().0 && ids.contains(&id))
    }

    fn add(&self, tenant: &TenantState, number: u64, ids: impl IntoIterator<Item = SegmentId>) {
        let mut known = self.0.lock();
        let entry = known.entry(tenant.no).or_default();
        if entry.0 != number {
            *entry = (number, HashSet::new());
        }
        entry.1.extend(ids);
    }
}

pub(super) fn erase_due(shared: &Shared) -> Result<(), StoreError> {
    for tenant in shared.tenants.all() {
        let (number, erasures) = tenant.erasures();
        if erasures.is_empty() {
            continue;
        }
        while let Some(rows) = next(shared, &tenant, &erasures) {
            let made = rewrite(shared, &tenant, &erasures, &rows)?;
            let ids = rows.iter().map(|row| row.id).chain(made);
            shared.maintenance.examined.add(&tenant, number, ids);
        }
    }
    Ok(())
}

/// Whether no segment is left to look through, and nothing deleted is in memory.
pub(crate) fn is_done(shared: &Shared, tenant: &Arc<TenantState>) -> bool {
    let (_, erasures) = tenant.erasures();
    let in_memory = tenant.read(|heads| heads.logs.batches());
    let deleted = |batch: &Arc<crate::model::EventBatch>| {
        let mut rows: Vec<u32> = (0..batch.rows() as u32).collect();
        erasures.retain(batch, &mut rows);
        rows.len() < batch.rows()
    };
    !in_memory.iter().any(deleted) && next(shared, tenant, &erasures).is_none()
}

/// The segments of one flush, of which one may have deleted rows: they stay together, as when they are merged.
fn next(shared: &Shared, tenant: &Arc<TenantState>, erasures: &Erasures) -> Option<Vec<SegmentRow>> {
    let rows: Vec<SegmentRow> =
        tenant.read(|heads| heads.segments.of(Signal::Logs).map(|listed| listed.row).collect());
    let due = rows.iter().find(|row| {
        let touched = !erasures.overlapping(row.min_time, row.max_time.saturating_add(1)).is_empty();
        touched && !shared.maintenance.examined.has(tenant, row.id)
    })?;
    let flush = |row: &&SegmentRow| (row.lsn_first, row.lsn_last) == (due.lsn_first, due.lsn_last);
    Some(rows.iter().filter(flush).copied().collect())
}

/// Returns the segment that took their place, if one did.
fn rewrite(
    shared: &Shared,
    tenant: &Arc<TenantState>,
    erasures: &Erasures,
    rows: &[SegmentRow],
) -> Result<Option<SegmentId>, StoreError> {
    let _one_at_a_time = shared.maintenance.lock();
    open_all_of(shared, tenant);
    let wanted = |listed: &&Listed| rows.iter().any(|row| row.id == listed.row.id);
    let chosen: Vec<Listed> =
        tenant.read(|heads| heads.segments.of(Signal::Logs).filter(wanted).cloned().collect());
    let inputs: Vec<Arc<EventSegment>> = chosen
        .iter()
        .filter_map(|listed| listed.open.as_ref().and_then(|open| open.as_events()).cloned())
        .collect();
    if inputs.len() < rows.len() {
        // Merged or removed meanwhile: chosen anew. Or damaged, which was named: it is left as it is.
        return Ok(None);
    }
    let now_ms = shared.clock.now_ms();
    let Ok(left) = events::rows_without(&inputs, erasures) else { return Ok(None) };
    if left == rows.iter().map(|row| row.rows).sum::<u64>() {
        return Ok(None);
    }
    let ids: Vec<SegmentId> = rows.iter().map(|row| row.id).collect();
    let level = rows.iter().map(|row| row.level).max().unwrap_or(0);
    let origin = Origin { tenant, signal: Signal::Logs, level, replaces: ids.clone(), now_ms };
    let mut made = match left {
        0 => Vec::new(),
        _ => match events::merge_without(&inputs, erasures, now_ms, &WriteOptions::default()) {
            Ok(written) => origin.events(vec![written]),
            Err(_) => return Ok(None),
        },
    };
    let opened = if made.is_empty() { Vec::new() } else { place(shared, &mut made)? };
    let id = opened.first().map(|listed| listed.row.id);
    let add = made.into_iter().map(|made| made.row).collect();
    commit(shared, SegmentChange { remove: ids.clone(), add, ..SegmentChange::default() })?;
    tenant.change(|open| open.replace(&ids, opened));
    // Snapshots that still read them keep the bytes.
    shared.delete_segments(rows);
    tracing::info!(segments = rows.len(), rows = left, "segments were written without deleted records");
    Ok(id)
}
