//! Merging small segments: so far only so many that reads stay cheap.

use std::sync::Arc;

use super::open_segments::{Listed, open_all_of};
use super::write::{Origin, commit, place, write_samples};
use crate::StoreError;
use crate::catalog::{SegmentChange, SegmentRow};
use crate::model::{Lsn, Signal};
use crate::segment::events::{self, EventSegment, WriteOptions};
use crate::segment::samples::{SampleSegment, SampleSegmentMeta};
use crate::selection::Source;
use crate::state::TenantState;
use crate::store::Shared;

/// So many neighbours of one level become one of the next.
const FAN_IN: usize = 8;
/// Segments of more rows are left as they are.
const ROWS_MAX: u64 = 1 << 20;
const SAMPLES_MAX: u64 = 16 << 20;

/// Merges where it pays; one round. A merge that fails does not keep the others from being done.
pub(super) fn compact_due(shared: &Shared) -> Result<(), StoreError> {
    let mut failed = None;
    for tenant in shared.tenants.all() {
        for signal in Signal::ALL {
            if let Some(rows) = tenant.read(|heads| due(shared, &tenant, heads.segments.of(signal), signal))
                && let Err(error) = merge(shared, &tenant, signal, &rows)
            {
                failed.get_or_insert(error);
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

fn due<'a>(
    shared: &Shared,
    tenant: &TenantState,
    segments: impl Iterator<Item = &'a Listed>,
    signal: Signal,
) -> Option<Vec<SegmentRow>> {
    let rows: Vec<SegmentRow> = segments.map(|listed| listed.row).collect();
    let chosen = choose(&rows, if signal == Signal::Samples { SAMPLES_MAX } else { ROWS_MAX })?;
    shared.maintenance.may_merge((tenant.no, signal)).then(|| chosen.to_vec())
}

/// The first run of neighbours of one level that are enough and fit into one segment. A flush's segments stay together:
/// only all of them hold all of its records.
fn choose(rows: &[SegmentRow], rows_max: u64) -> Option<&[SegmentRow]> {
    if rows.len() < FAN_IN {
        return None;
    }
    let same_flush = |a: &SegmentRow, b: &SegmentRow| (a.lsn_first, a.lsn_last) == (b.lsn_first, b.lsn_last);
    let flushes: Vec<&[SegmentRow]> = rows.chunk_by(same_flush).collect();
    let mut starts = flushes.iter().scan(0, |at, flush| {
        *at += flush.len();
        Some(*at - flush.len())
    });
    (0..flushes.len()).find_map(|first| {
        let start = starts.next()?;
        let (mut end, mut total) = (start, 0);
        for flush in &flushes[first..] {
            total += flush.iter().map(|row| row.rows).sum::<u64>();
            if total > rows_max || flush.iter().any(|row| row.level != rows[start].level) {
                return None;
            }
            end += flush.len();
            if end - start >= FAN_IN {
                return Some(&rows[start..end]);
            }
        }
        None
    })
}

fn merge(
    shared: &Shared,
    tenant: &Arc<TenantState>,
    signal: Signal,
    rows: &[SegmentRow],
) -> Result<(), StoreError> {
    let _one_at_a_time = shared.maintenance.lock();
    open_all_of(shared, tenant);
    let wanted = |listed: &&Listed| rows.iter().any(|row| row.id == listed.row.id);
    let chosen: Vec<Listed> =
        tenant.read(|heads| heads.segments.of(signal).filter(wanted).cloned().collect());
    if chosen.len() < rows.len() || chosen.iter().any(|listed| listed.open.is_none()) {
        // One of them turned out damaged or cannot be opened now: it was named, the others are chosen anew.
        return Ok(());
    }
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let level = rows.iter().map(|row| row.level).max().unwrap_or(0) + 1;
    let now_ms = shared.clock.now_ms();
    let origin = Origin { tenant, signal, level, replaces: ids.clone(), now_ms };
    let open = || chosen.iter().filter_map(|listed| listed.open.as_ref());
    let made = if signal == Signal::Samples {
        let bytes = merge_samples(tenant, &chosen, level, now_ms);
        bytes.map(|bytes| origin.samples(bytes)).transpose()?.map(|made| vec![made])
    } else {
        let inputs: Vec<Arc<EventSegment>> = open().filter_map(|s| s.as_events()).cloned().collect();
        let written = events::merge(&inputs, now_ms, &WriteOptions::default());
        written.ok().map(|written| origin.events(vec![written]))
    };
    let Some(mut made) = made else {
        // Damage, reported where it was found. The segments stay as they are and are not read again and again.
        shared.maintenance.no_merges_of(vec![(tenant.no, signal)]);
        return Ok(());
    };
    let opened = place(shared, &mut made)?;
    let add = made.into_iter().map(|made| made.row).collect();
    commit(shared, SegmentChange { remove: ids.clone(), add, ..SegmentChange::default() })?;
    tenant.change(|open| open.replace(&ids, opened));
    // Snapshots that still read them keep the bytes.
    shared.delete_segments(rows);
    Ok(())
}

/// `None`: one cannot be read, which is told where it is read for queries; they stay as they are.
fn merge_samples(tenant: &TenantState, chosen: &[Listed], level: u32, created_ms: i64) -> Option<Vec<u8>> {
    let numbered = |one: &Listed| Some((one.row.id.0, Arc::clone(one.open.as_ref()?.as_samples()?)));
    let inputs: Vec<(u64, Arc<SampleSegment>)> = chosen.iter().filter_map(numbered).collect();
    let mut lsns: Vec<(Lsn, Lsn)> = Vec::new();
    for &(first, last) in inputs.iter().flat_map(|(_, segment)| &segment.footer().lsns) {
        match lsns.iter_mut().find(|known| known.0.writer == first.writer) {
            Some(known) => *known = (known.0.min(first), known.1.max(last)),
            None => lsns.push((first, last)),
        }
    }
    let meta = SampleSegmentMeta { tenant: tenant.name.clone(), lsns, created_ms, level };
    let sources = inputs.into_iter().map(|(number, segment)| Source::Segment(number, segment));
    write_samples(&meta, sources.collect()).ok()
}
