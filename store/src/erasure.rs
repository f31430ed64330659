//! Rows that somebody had deleted: no scan shows them from now on, and no segment keeps them after its next rewrite.
//!
//! What is deleted is said by whoever knows query languages; the store only asks, batch by batch. The list of a tenant is
//! not kept here: it is given again after a start, from the document it was saved as, before the first query.

use std::sync::Arc;

use crate::model::EventBatch;
use crate::snapshot::{EventRows, Projection, ScanControl};

/// One deletion of log records.
pub trait Erasure: Send + Sync {
    /// Unix nanoseconds, the end exclusive: rows outside are not deleted.
    fn range(&self) -> (i64, i64);

    /// What of the rows it looks at, beside time and stream.
    fn projection(&self) -> Projection;

    /// Takes the deleted rows out of `rows`.
    fn retain(&self, batch: &EventBatch, rows: &mut Vec<u32>);
}

/// A tenant's deletions.
#[derive(Clone, Default)]
pub(crate) struct Erasures(Arc<[Arc<dyn Erasure>]>);

impl Erasures {
    pub(crate) fn new(all: Vec<Arc<dyn Erasure>>) -> Self {
        Self(all.into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that may delete something in `[start, end)`.
    pub(crate) fn overlapping(&self, start: i64, end: i64) -> Self {
        let touches = |erasure: &&Arc<dyn Erasure>| {
            let (first, last) = erasure.range();
            first < end && start < last
        };
        if self.0.iter().all(|erasure| touches(&erasure)) {
            return self.clone();
        }
        Self(self.0.iter().filter(touches).cloned().collect())
    }

    pub(crate) fn retain(&self, batch: &EventBatch, rows: &mut Vec<u32>) {
        self.0.iter().for_each(|erasure| erasure.retain(batch, rows));
    }

    /// The projection with what deletions look at.
    pub(crate) fn widened(&self, projection: &Projection) -> Projection {
        let Projection::Columns(columns) = projection else { return Projection::All };
        let mut columns = columns.clone();
        for erasure in self.0.iter() {
            match erasure.projection() {
                Projection::All => return Projection::All,
                Projection::Columns(more) => columns.extend(more),
            }
        }
        Projection::Columns(columns)
    }

    /// Shows a visitor what is left of some rows, and counts what is not.
    pub(crate) fn show(
        &self,
        shown: EventRows<'_>,
        kept: &mut Vec<u32>,
        erased: &mut u64,
        visit: &mut dyn FnMut(EventRows<'_>) -> ScanControl,
    ) -> ScanControl {
        kept.clear();
        kept.extend_from_slice(shown.rows);
        self.retain(shown.batch, kept);
        *erased += (shown.rows.len() - kept.len()) as u64;
        if kept.is_empty() { ScanControl::Continue } else { visit(EventRows { rows: kept, ..shown }) }
    }
}
