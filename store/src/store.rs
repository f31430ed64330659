//! An open store and what its parts share.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::head::{EventHead, SampleHead};
use crate::model::{Batch, BatchKey, Lsn, Signal, Tenant, WriterId};
use crate::samples_view::SamplesView;
use crate::tap::{Applied, AppliedBatch, Tap, Taps};
use crate::writer::{Ack, Append};
use crate::{Config, Documents, OpenError, Snapshot, StoreError, Writer};

/// A handle; cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) key_seed: u64,
    state: RwLock<State>,
    taps: Taps,
    documents: Documents,
}

#[derive(Default)]
struct State {
    tenants: HashMap<Tenant, TenantHeads>,
    lsn: u64,
    keys: HashMap<BatchKey, Ack>,
}

#[derive(Default)]
struct TenantHeads {
    logs: EventHead,
    spans: EventHead,
    samples: Arc<RwLock<SampleHead>>,
}

impl Store {
    pub fn open(_config: Config) -> Result<Self, OpenError> {
        Ok(Self(Arc::new(Shared {
            key_seed: 0,
            state: RwLock::default(),
            taps: Taps::default(),
            documents: Documents::default(),
        })))
    }

    pub fn writer(&self) -> Writer {
        Writer(Arc::clone(&self.0))
    }

    /// A consistent view of one tenant's data, as of now.
    pub fn snapshot(&self, tenant: &Tenant) -> Snapshot {
        let state = self.0.state.read();
        match state.tenants.get(tenant) {
            Some(heads) => Snapshot::new(
                heads.logs.batches(),
                heads.spans.batches(),
                SamplesView::new(vec![Arc::clone(&heads.samples)], Vec::new(), None),
            ),
            None => Snapshot::default(),
        }
    }

    /// Follows all tenants' batches as they are applied; at most `capacity` wait.
    pub fn tap(&self, capacity: usize) -> Tap {
        self.0.taps.open(capacity)
    }

    pub fn documents(&self) -> Documents {
        self.0.documents.clone()
    }

    /// Turns all heads into segments; returns when they are in the catalog.
    pub async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Stops taking batches, finishes what was taken, closes files.
    pub async fn shutdown(&self) {
        self.0.taps.close();
    }
}

impl Shared {
    pub(crate) fn apply(&self, tenant: &Tenant, append: Append) -> Result<Ack, StoreError> {
        let mut state = self.state.write();
        if let Some(known) = append.key.and_then(|key| state.keys.get(&key)) {
            return Ok(Ack { duplicate: true, ..known.clone() });
        }
        state.lsn += 1;
        let lsn = Lsn { writer: WriterId(1), counter: state.lsn };
        let heads = state.tenants.entry(tenant.clone()).or_default();
        let batch = match append.batch {
            Batch::Events(events) => {
                let events = Arc::new(events);
                let head = if events.signal() == Signal::Logs { &mut heads.logs } else { &mut heads.spans };
                head.push(Arc::clone(&events));
                AppliedBatch::Events(events)
            }
            Batch::Samples(samples) => {
                heads.samples.write().push(&samples);
                AppliedBatch::Samples(Arc::new(samples))
            }
        };
        let ack = Ack { lsn, duplicate: false, answer: append.answer.into() };
        if let Some(key) = append.key {
            state.keys.insert(key, ack.clone());
        }
        drop(state);
        self.taps.offer(&Arc::new(Applied { tenant: tenant.clone(), lsn, batch }));
        Ok(ack)
    }
}
