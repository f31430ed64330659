//! Merging small segments: so far only so many that reads stay cheap.

use std::sync::Arc;

use super::open_segments::{OpenSegment, key};
use super::write::{event_rows, open_rows, put, sample_row};
use crate::StoreError;
use crate::catalog::{SegmentChange, SegmentRow};
use crate::model::{Lsn, Signal};
use crate::segment::events::{self, EventSegment, WriteOptions};
use crate::segment::samples::{self, SampleSegment, SampleSegmentMeta};
use crate::state::TenantState;
use crate::store::Shared;

/// So many neighbours of one level become one of the next.
const FAN_IN: usize = 8;
/// Segments of more rows are left as they are.
const ROWS_MAX: u64 = 1 << 20;
const SAMPLES_MAX: u64 = 16 << 20;

/// Merges where it pays; one round.
pub(super) fn compact_due(shared: &Shared) -> Result<(), StoreError> {
    for tenant in shared.tenants.all() {
        for signal in Signal::ALL {
            let segments: Vec<(SegmentRow, OpenSegment)> = tenant.read(|heads| {
                heads.segments.all().iter().filter(|(row, _)| row.signal == signal).cloned().collect()
            });
            if let Some(chosen) = choose(&segments, signal) {
                merge(shared, &tenant, signal, chosen)?;
            }
        }
    }
    Ok(())
}

/// The first run of neighbours of one level that fits into one segment. A flush's segments (one LSN range) stay
/// together, so that what replaces what can be told from LSN ranges alone.
fn choose(segments: &[(SegmentRow, OpenSegment)], signal: Signal) -> Option<&[(SegmentRow, OpenSegment)]> {
    let rows_max = if signal == Signal::Samples { SAMPLES_MAX } else { ROWS_MAX };
    let same_flush = |a: &SegmentRow, b: &SegmentRow| (a.lsn_first, a.lsn_last) == (b.lsn_first, b.lsn_last);
    segments.windows(FAN_IN).enumerate().find_map(|(at, window)| {
        let (first, last) = (window.first()?, window.last()?);
        let level = window.iter().all(|(row, _)| row.level == first.0.level);
        let fits = window.iter().map(|(row, _)| row.rows).sum::<u64>() <= rows_max;
        let cuts_left =
            at.checked_sub(1).and_then(|i| segments.get(i)).is_some_and(|(row, _)| same_flush(row, &first.0));
        let cuts_right = segments.get(at + FAN_IN).is_some_and(|(row, _)| same_flush(row, &last.0));
        (level && fits && !cuts_left && !cuts_right).then_some(window)
    })
}

fn merge(
    shared: &Shared,
    tenant: &Arc<TenantState>,
    signal: Signal,
    chosen: &[(SegmentRow, OpenSegment)],
) -> Result<(), StoreError> {
    let _one_at_a_time = shared.maintenance.lock();
    let level = chosen.iter().map(|(row, _)| row.level).max().unwrap_or(0) + 1;
    let made = if signal == Signal::Samples {
        let inputs: Vec<&SampleSegment> = chosen.iter().filter_map(|(_, s)| as_samples(s)).collect();
        let Some(bytes) = merge_samples(shared, tenant, &inputs, level) else { return Ok(()) };
        vec![sample_row(shared, tenant, bytes)?]
    } else {
        let inputs: Vec<Arc<EventSegment>> = chosen.iter().filter_map(|(_, s)| as_events(s)).collect();
        // Damage was reported where it was found; the segments stay as they are.
        let Ok(written) = events::merge(&inputs, shared.clock.now_ms(), &WriteOptions::default()) else {
            return Ok(());
        };
        event_rows(shared, vec![written], level)?
    };
    let rows: Vec<SegmentRow> = made.iter().map(|made| made.row).collect();
    put(shared, made)?;
    let opened = open_rows(shared, &rows)?;
    let remove: Vec<_> = chosen.iter().map(|(row, _)| row.id).collect();
    let change = SegmentChange { remove: remove.clone(), add: rows, ..SegmentChange::default() };
    shared.catalog.change_segments(change)?;
    tenant.change(|open| open.replace(&remove, opened));
    for (row, _) in chosen {
        // Snapshots that still read it keep the bytes.
        if let Err(error) = shared.blobs.delete(key(row)) {
            tracing::warn!(%error, segment = %key(row), "a merged segment's file stays until the next start");
        }
    }
    Ok(())
}

fn merge_samples(
    shared: &Shared,
    tenant: &TenantState,
    inputs: &[&SampleSegment],
    level: u32,
) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    for segment in inputs {
        all.extend(segment.read_all().ok()?);
    }
    let mut lsns: Vec<(Lsn, Lsn)> = Vec::new();
    for &(first, last) in inputs.iter().flat_map(|segment| &segment.footer().lsns) {
        match lsns.iter_mut().find(|known| known.0.writer == first.writer) {
            Some(known) => *known = (known.0.min(first), known.1.max(last)),
            None => lsns.push((first, last)),
        }
    }
    let meta =
        SampleSegmentMeta { tenant: tenant.name.clone(), lsns, created_ms: shared.clock.now_ms(), level };
    Some(samples::write(&meta, samples::join(all)))
}

fn as_samples(segment: &OpenSegment) -> Option<&SampleSegment> {
    match segment {
        OpenSegment::Samples(samples) => Some(samples),
        OpenSegment::Events(_) => None,
    }
}

fn as_events(segment: &OpenSegment) -> Option<Arc<EventSegment>> {
    match segment {
        OpenSegment::Events(events) => Some(Arc::clone(events)),
        OpenSegment::Samples(_) => None,
    }
}
