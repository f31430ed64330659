//! Segments that are open for reading, by signal.

use std::sync::Arc;

use crate::blobs::BlobKey;
use crate::catalog::{SegmentId, SegmentRow};
use crate::damage::DamagedKind;
use crate::model::Signal;
use crate::segment::SegmentBytes;
use crate::segment::events::{Damage, DamageSink, EventSegment};
use crate::segment::samples::SampleSegment;
use crate::store::Shared;

#[derive(Clone)]
pub(crate) enum OpenSegment {
    Events(Arc<EventSegment>),
    Samples(Arc<SampleSegment>),
}

/// In the order of their numbers.
#[derive(Default)]
pub(crate) struct OpenSegments(Vec<(SegmentRow, OpenSegment)>);

impl OpenSegments {
    pub(crate) fn events(&self, signal: Signal) -> Vec<Arc<EventSegment>> {
        let of_signal = self.0.iter().filter(|(row, _)| row.signal == signal);
        of_signal
            .filter_map(|(_, segment)| match segment {
                OpenSegment::Events(events) => Some(Arc::clone(events)),
                OpenSegment::Samples(_) => None,
            })
            .collect()
    }

    pub(crate) fn samples(&self) -> Vec<(u64, Arc<SampleSegment>)> {
        let samples = |(row, segment): &(SegmentRow, OpenSegment)| match segment {
            OpenSegment::Samples(samples) => Some((row.id.0, Arc::clone(samples))),
            OpenSegment::Events(_) => None,
        };
        self.0.iter().filter_map(samples).collect()
    }

    pub(crate) fn all(&self) -> &[(SegmentRow, OpenSegment)] {
        &self.0
    }

    /// In one step for whoever holds the lock.
    pub(crate) fn replace(&mut self, remove: &[SegmentId], add: Vec<(SegmentRow, OpenSegment)>) {
        self.0.retain(|(row, _)| !remove.contains(&row.id));
        self.0.extend(add);
        self.0.sort_by_key(|(row, _)| row.id);
    }
}

pub(super) fn key(row: &SegmentRow) -> BlobKey {
    BlobKey { tenant: row.tenant, signal: row.signal, segment: row.id.0 }
}

/// Why a segment is not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotOpen {
    /// The file could not be read just now (too many open files, no memory): it may well be sound.
    #[error("the file could not be opened: {0}")]
    Io(std::io::Error),
    #[error("{0}")]
    Damaged(String),
}

/// Opens a segment; damage found later is named by its number.
pub(super) fn open(shared: &Shared, row: &SegmentRow) -> Result<OpenSegment, NotOpen> {
    let bytes = shared.blobs.open(key(row)).map_err(NotOpen::Io)?;
    if row.signal == Signal::Samples {
        let opened = SampleSegment::open(bytes).map_err(|error| NotOpen::Damaged(error.to_string()))?;
        return Ok(OpenSegment::Samples(Arc::new(opened)));
    }
    let (damage, name) = (shared.damage.clone(), key(row));
    let sink: DamageSink = Arc::new(move |found: Damage| {
        damage.add(DamagedKind::Segment, Some(name.to_string().into()), format!("{found:?} cannot be read"));
    });
    let opened = EventSegment::open(SegmentBytes::from(bytes), &shared.streams, sink);
    let opened = opened.map_err(|error| NotOpen::Damaged(error.to_string()))?;
    Ok(OpenSegment::Events(Arc::new(opened)))
}

/// At start: opens what the catalog lists, sets damaged files aside, removes files it does not list.
pub(crate) fn open_segments(shared: &Shared) -> Result<(), String> {
    let rows = shared.catalog.segments().map_err(|e| e.to_string())?;
    let tenants = shared.tenants.all();
    for row in &rows {
        let state = tenants.iter().find(|state| state.no == row.tenant);
        match (open(shared, row), state) {
            (Ok(segment), Some(state)) => state.change(|open| open.replace(&[], vec![(*row, segment)])),
            (Ok(_), None) => {
                let detail = format!("segment {:016x}: its tenant is not in the catalog", row.id.0);
                shared.damage.add(DamagedKind::Catalog, None, detail);
            }
            (Err(NotOpen::Damaged(error)), _) => set_aside(shared, row, &error),
            (Err(error @ NotOpen::Io(_)), _) => {
                let detail = format!("{} rows are left out until the next start: {error}", row.rows);
                shared.damage.add(DamagedKind::Segment, Some(key(row).to_string().into()), detail);
            }
        }
    }
    let listed: std::collections::HashSet<BlobKey> = rows.iter().map(key).collect();
    for blob in shared.blobs.list().map_err(|e| e.to_string())? {
        if !listed.contains(&blob) {
            // Left by a flush or merge that did not reach its transaction: its rows are in the log or in other segments.
            shared.blobs.delete(blob).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// A damaged file leaves the catalog, so that every start does not meet it again; its bytes are kept in quarantine. If they
/// cannot be moved the row stays, since a file without a row is removed at the next start.
fn set_aside(shared: &Shared, row: &SegmentRow, error: &str) {
    let report = |place: &str| {
        let detail = format!("{} rows cannot be read: {error}; {place}", row.rows);
        shared.damage.add(DamagedKind::Segment, Some(key(row).to_string().into()), detail);
    };
    if let Err(error) = shared.blobs.quarantine(key(row)) {
        report(&format!("it stays where it is, moving it failed: {error}"));
        return;
    }
    report("moved to quarantine");
    let change = crate::catalog::SegmentChange { remove: vec![row.id], ..Default::default() };
    if let Err(error) = shared.catalog.change_segments(change) {
        shared.damage.add(DamagedKind::Catalog, None, error.to_string());
    }
}
