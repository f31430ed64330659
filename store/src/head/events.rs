//! Recent log records or spans: the batches as they came.

use std::sync::Arc;

use crate::model::EventBatch;

#[derive(Default)]
pub(crate) struct EventHead {
    batches: Vec<Arc<EventBatch>>,
}

impl EventHead {
    pub(crate) fn push(&mut self, batch: Arc<EventBatch>) {
        self.batches.push(batch);
    }

    pub(crate) fn batches(&self) -> Vec<Arc<EventBatch>> {
        self.batches.clone()
    }
}
