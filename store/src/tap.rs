//! Taps: what follows the data as it is applied (rules, live tail, span metrics) without ever slowing the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::model::{EventBatch, Lsn, SampleBatch, Signal, Tenant};

/// A batch that is durable and queryable.
#[derive(Clone, Debug)]
pub struct Applied {
    pub tenant: Tenant,
    pub lsn: Lsn,
    pub batch: AppliedBatch,
}

#[derive(Clone, Debug)]
pub enum AppliedBatch {
    Events(Arc<EventBatch>),
    Samples(Arc<SampleBatch>),
}

impl AppliedBatch {
    pub fn signal(&self) -> Signal {
        match self {
            Self::Events(events) => events.signal(),
            Self::Samples(_) => Signal::Samples,
        }
    }
}

#[derive(Clone, Debug)]
pub enum TapEvent {
    Applied(Arc<Applied>),
    /// The tap was too slow: that many batches before the next event did not fit. Read a snapshot to catch up.
    Gap {
        missed: u64,
    },
}

/// The reading end. Dropping it ends the tap.
#[derive(Debug)]
pub struct Tap {
    receiver: mpsc::Receiver<Arc<Applied>>,
    missed: Arc<AtomicU64>,
    waiting: Option<Arc<Applied>>,
}

impl Tap {
    /// The next event; `None` when the store has shut down.
    pub async fn next(&mut self) -> Option<TapEvent> {
        if let Some(applied) = self.waiting.take() {
            return Some(TapEvent::Applied(applied));
        }
        let applied = self.receiver.recv().await?;
        match self.missed.swap(0, Ordering::AcqRel) {
            0 => Some(TapEvent::Applied(applied)),
            missed => {
                self.waiting = Some(applied);
                Some(TapEvent::Gap { missed })
            }
        }
    }
}

struct TapSender {
    sender: mpsc::Sender<Arc<Applied>>,
    missed: Arc<AtomicU64>,
}

/// All taps of a store.
#[derive(Default)]
pub(crate) struct Taps(Mutex<Vec<TapSender>>);

impl Taps {
    pub(crate) fn open(&self, capacity: usize) -> Tap {
        let (sender, receiver) = mpsc::channel(capacity);
        let missed = Arc::new(AtomicU64::new(0));
        self.0.lock().push(TapSender { sender, missed: Arc::clone(&missed) });
        Tap { receiver, missed, waiting: None }
    }

    /// Offers a batch to every tap; full ones count it as missed.
    pub(crate) fn offer(&self, applied: &Arc<Applied>) {
        self.0.lock().retain(|tap| match tap.sender.try_send(Arc::clone(applied)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                tap.missed.fetch_add(1, Ordering::AcqRel);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
    }

    pub(crate) fn close(&self) {
        self.0.lock().clear();
    }
}
