//! Removing what is too old or too much. Goes by the wall clock, but not by one that has just jumped.

use std::collections::HashMap;

use crate::StoreError;
use crate::catalog::{SegmentChange, SegmentId, SegmentRow};
use crate::model::TenantNo;
use crate::store::Shared;

const META_CLOCK: &str = "wall_clock_ms";
const META_JUMPED: &str = "wall_clock_jumped_ms";
const DAY_MS: i64 = 86_400_000;
/// A clock that was off by more than a day must run steadily for so long before it may remove anything.
const STEADY_DAYS: i64 = 7;

pub(super) fn retain(shared: &Shared) -> Result<(), StoreError> {
    // What is being merged must not go at the same time: its rows would come back in the merged segment.
    let _one_at_a_time = shared.maintenance.lock();
    let now_ms = shared.clock.wall_ms();
    if !clock_is_steady(shared, now_ms)? {
        tracing::warn!(
            "the clock jumped by more than a day: nothing is removed until it has been steady for seven days"
        );
        return Ok(());
    }
    let mut rows = shared.catalog.segments()?;
    rows.sort_by_key(|row| row.max_time);
    let doomed =
        choose(&rows, now_ms, shared.config.retention.as_millis(), shared.config.retention_size_bytes);
    remove(shared, &doomed)
}

/// What goes: everything whose newest record is past retention, then the oldest while all is too large.
fn choose(
    rows_by_age: &[SegmentRow],
    now_ms: i64,
    retention_ms: u128,
    size_max: Option<u64>,
) -> Vec<SegmentRow> {
    let retention_ms = i64::try_from(retention_ms).unwrap_or(i64::MAX);
    let oldest_ns = now_ms.saturating_sub(retention_ms).saturating_mul(1_000_000);
    let mut total: u64 = rows_by_age.iter().map(|row| row.size_bytes).sum();
    let mut doomed = Vec::new();
    for row in rows_by_age {
        let too_old = row.max_time < oldest_ns;
        let too_much = size_max.is_some_and(|max| total > max);
        if too_old || too_much {
            total -= row.size_bytes;
            doomed.push(*row);
        }
    }
    doomed
}

fn remove(shared: &Shared, doomed: &[SegmentRow]) -> Result<(), StoreError> {
    if doomed.is_empty() {
        return Ok(());
    }
    let mut ids: HashMap<TenantNo, Vec<SegmentId>> = HashMap::new();
    doomed.iter().for_each(|row| ids.entry(row.tenant).or_default().push(row.id));
    let remove = ids.values().flatten().copied().collect();
    shared.catalog.change_segments(SegmentChange { remove, ..SegmentChange::default() })?;
    for tenant in shared.tenants.all() {
        if let Some(ids) = ids.get(&tenant.no) {
            tenant.change(|segments| segments.replace(ids, Vec::new()));
        }
    }
    shared.delete_segments(doomed);
    tracing::info!(segments = doomed.len(), "removed by retention");
    Ok(())
}

fn clock_is_steady(shared: &Shared, now_ms: i64) -> Result<bool, StoreError> {
    let read = |name| -> Result<Option<i64>, StoreError> {
        let bytes = shared.catalog.meta(name)?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes))
    };
    let (last, jumped) = (read(META_CLOCK)?, read(META_JUMPED)?);
    let jumped = match last {
        Some(last) if (now_ms - last).abs() > DAY_MS => {
            shared.catalog.set_meta(META_JUMPED, &now_ms.to_le_bytes())?;
            Some(now_ms)
        }
        _ => jumped,
    };
    shared.catalog.set_meta(META_CLOCK, &now_ms.to_le_bytes())?;
    Ok(jumped.is_none_or(|at| now_ms - at >= STEADY_DAYS * DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::SegmentId;
    use crate::model::{Lsn, Signal, TenantNo, WriterId};

    fn row(id: u64, max_time_ms: i64, size_bytes: u64) -> SegmentRow {
        let lsn = Lsn { writer: WriterId(1), counter: 1 };
        SegmentRow {
            id: SegmentId(id),
            tenant: TenantNo(1),
            signal: Signal::Logs,
            min_time: 0,
            max_time: max_time_ms * 1_000_000,
            rows: 1,
            size_bytes,
            level: 0,
            lsn_first: lsn,
            lsn_last: lsn,
            format: 1,
            created_ms: 0,
            checksum: 0,
        }
    }

    #[test]
    fn the_oldest_goes_by_age_and_by_size() {
        let rows = [row(1, 100, 10), row(2, 500, 10), row(3, 900, 10)];
        let ids = |size| choose(&rows, 1_000, 600, size).iter().map(|row| row.id.0).collect::<Vec<_>>();
        assert_eq!(ids(None), [1]);
        assert_eq!(ids(Some(20)), [1]);
        assert_eq!(ids(Some(19)), [1, 2]);
        assert_eq!(ids(Some(0)), [1, 2, 3]);
    }
}
