//! For benches: processing without a collector around it. Not part of the interface.

use store::model::{Batch, Tenant};

use crate::process::{Incoming, Pipeline, Processing, RedactionKey};

/// Rules, redaction and quotas in force.
pub struct Process {
    pipeline: Pipeline,
    tenant: Tenant,
}

impl Process {
    pub fn new(processing: Processing, tenant: Tenant) -> Self {
        let pipeline = Pipeline::default();
        pipeline.configure(processing, RedactionKey::default());
        Self { pipeline, tenant }
    }

    /// What is left of a batch.
    pub fn run(&self, batch: Batch) -> Batch {
        self.pipeline.run(batch, &Incoming { tenant: &self.tenant, residue: false, now: None }).batch
    }
}
