//! What happens to a batch between its decoder and the log: the seam for drop, redact and quota rules.
//!
//! A pipeline is a pure function of a batch. The empty one hands every batch on as it is.

use store::model::Batch;

/// The rules of a collector, in order. None exist yet.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {}

impl Pipeline {
    pub fn run(&self, batch: Batch) -> Batch {
        batch
    }
}
