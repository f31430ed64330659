//! Segments of a tenant: all that are listed, some of them open. They are opened when a snapshot wants them, and closed
//! again when too many are open: each costs a map of its file.

use std::sync::Arc;

use super::trailer::{Trailer, TrailerError};
use crate::blobs::BlobKey;
use crate::catalog::{SegmentId, SegmentRow};
use crate::damage::DamagedKind;
use crate::model::Signal;
use crate::segment::SegmentBytes;
use crate::segment::events::{Damage, DamageSink, EventSegment};
use crate::segment::samples::SampleSegment;
use crate::state::TenantState;
use crate::store::Shared;

#[derive(Clone)]
pub(crate) enum OpenSegment {
    Events(Arc<EventSegment>),
    Samples(Arc<SampleSegment>),
}

/// A segment the catalog lists.
#[derive(Clone)]
pub(crate) struct Listed {
    pub(crate) row: SegmentRow,
    pub(crate) open: Option<OpenSegment>,
}

/// In the order their records were written: a merged segment has a higher number than younger ones beside it.
#[derive(Default)]
pub(crate) struct OpenSegments(Vec<Listed>);

impl OpenSegments {
    pub(crate) fn events(&self, signal: Signal) -> Vec<Arc<EventSegment>> {
        let of_signal = self.0.iter().filter(|listed| listed.row.signal == signal);
        of_signal.filter_map(|listed| listed.open.as_ref()?.as_events().cloned()).collect()
    }

    pub(crate) fn samples(&self) -> Vec<(u64, Arc<SampleSegment>)> {
        let samples = |listed: &Listed| Some((listed.row.id.0, listed.open.as_ref()?.as_samples().cloned()?));
        self.0.iter().filter_map(samples).collect()
    }

    pub(crate) fn of(&self, signal: Signal) -> impl Iterator<Item = &Listed> {
        self.0.iter().filter(move |listed| listed.row.signal == signal)
    }

    pub(crate) fn closed(&self) -> Vec<SegmentRow> {
        self.0.iter().filter(|listed| listed.open.is_none()).map(|listed| listed.row).collect()
    }

    pub(crate) fn open_count(&self) -> usize {
        self.0.iter().filter(|listed| listed.open.is_some()).count()
    }

    fn lists(&self, id: SegmentId) -> bool {
        self.0.iter().any(|listed| listed.row.id == id)
    }

    fn opened(&mut self, id: SegmentId, segment: OpenSegment) {
        if let Some(listed) = self.0.iter_mut().find(|listed| listed.row.id == id) {
            listed.open = Some(segment);
        }
    }

    pub(crate) fn close(&mut self) {
        self.0.iter_mut().for_each(|listed| listed.open = None);
    }

    /// In one step for whoever holds the lock.
    pub(crate) fn replace(&mut self, remove: &[SegmentId], add: Vec<Listed>) {
        self.0.retain(|listed| !remove.contains(&listed.row.id));
        self.0.extend(add);
        self.0.sort_by_key(|listed| (listed.row.lsn_last, listed.row.id));
    }
}

impl OpenSegment {
    pub(super) fn as_events(&self) -> Option<&Arc<EventSegment>> {
        match self {
            Self::Events(events) => Some(events),
            Self::Samples(_) => None,
        }
    }

    pub(super) fn as_samples(&self) -> Option<&Arc<SampleSegment>> {
        match self {
            Self::Samples(samples) => Some(samples),
            Self::Events(_) => None,
        }
    }
}

pub(crate) fn key(row: &SegmentRow) -> BlobKey {
    BlobKey { tenant: row.tenant, signal: row.signal, segment: row.id.0 }
}

/// Why a segment is not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotOpen {
    /// The file could not be read just now (too many open files, no memory): it may well be sound.
    #[error("the file could not be opened: {0}")]
    Io(std::io::Error),
    #[error("{0}")]
    Newer(TrailerError),
    #[error("{0}")]
    Damaged(String),
}

/// Opens a segment; damage found later is named by its number.
pub(super) fn open(shared: &Shared, row: &SegmentRow) -> Result<OpenSegment, NotOpen> {
    let name = key(row);
    let file = shared.blobs.open(name).map_err(NotOpen::Io)?;
    let (_, bytes) = Trailer::split(file, name).map_err(|error| match error {
        TrailerError::Newer(_) => NotOpen::Newer(error),
        _ => NotOpen::Damaged(error.to_string()),
    })?;
    if row.signal == Signal::Samples {
        let opened = SampleSegment::open(bytes).map_err(|error| NotOpen::Damaged(error.to_string()))?;
        return Ok(OpenSegment::Samples(Arc::new(opened.with_warm(&shared.warm_samples))));
    }
    let damage = shared.damage.clone();
    let sink: DamageSink = Arc::new(move |found: Damage| {
        damage.add(DamagedKind::Segment, Some(name.to_string().into()), format!("{found:?} cannot be read"));
    });
    let opened = EventSegment::open(SegmentBytes::from(bytes), &shared.streams, sink);
    let opened = opened.map(|segment| segment.with_warm(&shared.warm));
    let opened = opened.map_err(|error| NotOpen::Damaged(error.to_string()))?;
    Ok(OpenSegment::Events(Arc::new(opened)))
}

/// Opens what is closed of a tenant's segments. Damaged files are set aside; what cannot be opened just now is named and
/// tried again next time.
pub(crate) fn open_all_of(shared: &Shared, tenant: &TenantState) {
    if tenant.read(|heads| heads.segments.closed().is_empty()) {
        return;
    }
    let _one_at_a_time = shared.opening.lock();
    for row in tenant.read(|heads| heads.segments.closed()) {
        match open(shared, &row) {
            Ok(segment) => tenant.change(|segments| segments.opened(row.id, segment)),
            // Merged or expired while it was opened.
            Err(_) if !tenant.read(|heads| heads.segments.lists(row.id)) => {}
            Err(NotOpen::Damaged(error)) => set_aside(shared, tenant, &row, &error),
            Err(error) => {
                let detail = format!("{} rows are left out for now: {error}", row.rows);
                shared.damage.add(DamagedKind::Segment, Some(key(&row).to_string().into()), detail);
            }
        }
    }
}

/// A damaged file leaves the catalog, so that every start does not meet it again; its bytes are kept in quarantine. If
/// they cannot be moved the row stays, since a file without a row is removed at the next start.
fn set_aside(shared: &Shared, tenant: &TenantState, row: &SegmentRow, error: &str) {
    let report = |place: &str| {
        let detail = format!("{} rows cannot be read: {error}; {place}", row.rows);
        shared.damage.add(DamagedKind::Segment, Some(key(row).to_string().into()), detail);
    };
    tenant.change(|segments| segments.replace(&[row.id], Vec::new()));
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
