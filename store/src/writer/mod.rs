//! Taking batches in: the calling task checks the key and encodes; one thread writes, syncs, applies and answers.

mod queue;
#[cfg(test)]
mod tests;
mod thread;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use queue::{Control, Queue};
pub use thread::LogStatus;
pub(crate) use thread::{LogSpan, WriterThread, apply};

use crate::accounting::InFlight;
use crate::blocking::blocking;
use crate::dedup::{Begin, FirstRequest};
use crate::model::{Batch, BatchKey, Lsn, RequestCtx, Tenant};
use crate::state::TenantState;
use crate::store::Shared;
use crate::wal::Record;
use crate::{Accounting, StoreError};

/// A batch to make durable, and what its request would be answered.
#[derive(Debug)]
pub struct Append {
    pub batch: Batch,
    /// `None`: every request is new (the sender's records carry no time of their own).
    pub key: Option<BatchKey>,
    /// Kept with the key: a retry gets the same answer.
    pub answer: Vec<u8>,
}

/// The batch is durable and queryable.
#[derive(Clone, Debug)]
pub struct Ack {
    pub lsn: Lsn,
    /// The key was known: nothing was stored again, and `answer` is the first request's.
    pub duplicate: bool,
    pub answer: Arc<[u8]>,
}

/// A handle to the writer; cheap to clone.
#[derive(Clone)]
pub struct Writer(pub(crate) Arc<Shared>);

/// A batch on its way to the writer thread. Dropped, everybody who waits for it learns that it failed.
pub(crate) struct Job {
    record: Record,
    batch: Batch,
    tenant: Arc<TenantState>,
    answer: Arc<[u8]>,
    first: Option<FirstRequest>,
    in_flight: InFlight,
    reply: tokio::sync::oneshot::Sender<Result<Ack, StoreError>>,
}

/// Batches up to this size are encoded at once, larger ones on a thread that may block.
const INLINE_BYTES_MAX: usize = 64 << 10;
/// Heads may grow to this many times their limit while a flush runs.
const FULL_FACTOR: u64 = 2;
/// So long a batch waits for a flush to make room.
const ROOM_WITHIN: Duration = Duration::from_secs(10);

// === impl Writer ===

impl Writer {
    /// The key of a request's content (decompressed bytes, before processing).
    pub fn batch_key(&self, ctx: &RequestCtx, protocol: &str, signal: &str, bytes: &[u8]) -> BatchKey {
        let mut hasher = xxhash_rust::xxh3::Xxh3::with_seed(self.0.key_seed);
        for part in [ctx.tenant.as_str().as_bytes(), protocol.as_bytes(), signal.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(bytes);
        BatchKey(hasher.digest128())
    }

    /// Where doors count what they do not pass on.
    pub fn accounting(&self) -> Accounting {
        self.0.accounting.clone()
    }

    /// Returns when the batch is durable and queryable. An error means nothing was stored.
    pub async fn append(&self, ctx: &RequestCtx, append: Append) -> Result<Ack, StoreError> {
        let signal = append.batch.signal();
        let in_flight = self.0.accounting.begin(&ctx.tenant, signal, append.batch.rows() as u64);
        if !self.has_room().await {
            in_flight.refused("heads_full");
            return Err(StoreError::Unavailable("memory for recent data is full".to_owned()));
        }
        let first = match append.key {
            None => None,
            Some(key) => match self.first_request(key).await {
                Ok(first) => Some(first),
                Err(duplicate) => {
                    in_flight.deduplicated();
                    return Ok(duplicate);
                }
            },
        };
        let (reply, answered) = tokio::sync::oneshot::channel();
        let prepared = self.prepare(&ctx.tenant, append).await;
        let (tenant, record, append) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                count_failed(in_flight, &error);
                return Err(error);
            }
        };
        let answer = append.answer.into();
        let job = Job { record, batch: append.batch, tenant, answer, first, in_flight, reply };
        if let Err((job, error)) = self.0.queue.push(job) {
            count_failed(job.in_flight, &error);
            return Err(error);
        }
        let stopped = || StoreError::Unavailable("the writer has stopped".to_owned());
        answered.await.map_err(|_| stopped())?
    }

    /// Heads are flushed as fast as the disk takes them: what comes in faster waits here, and then at its sender.
    async fn has_room(&self) -> bool {
        let (room, limit) = (self.0.tenants.room(), self.0.config.head_bytes_max);
        let most = limit.saturating_mul(FULL_FACTOR);
        if !room.is_over(most) {
            return true;
        }
        self.0.maintenance.wake();
        room.wait(most, ROOM_WITHIN).await
    }

    /// The right to be the first of this key, or the first one's answer.
    async fn first_request(&self, key: BatchKey) -> Result<FirstRequest, Ack> {
        loop {
            let known = match self.0.dedup.begin(key, self.0.clock.now_ms()) {
                Begin::First(first) => return Ok(first),
                Begin::Known(known) => Some(known),
                Begin::Wait(first) => first.await.ok().flatten(),
            };
            if let Some(known) = known {
                return Err(Ack { lsn: known.lsn, duplicate: true, answer: known.answer });
            }
        }
    }

    /// The tenant's number and the record's bytes.
    async fn prepare(
        &self,
        tenant: &Tenant,
        append: Append,
    ) -> Result<(Arc<TenantState>, Record, Append), StoreError> {
        let state = self.0.tenant(tenant).await?;
        let large = append.batch.size_bytes() > INLINE_BYTES_MAX;
        let encode = move || {
            let record = Record::new(state.no, &state.name, append.key, &append.answer, &append.batch)?;
            Ok((state, record, append))
        };
        if large { blocking(encode).await? } else { encode() }
    }
}

fn count_failed(in_flight: InFlight, error: &StoreError) {
    match error {
        StoreError::QueueFull => in_flight.refused("queue_full"),
        StoreError::ShuttingDown => in_flight.refused("shutting_down"),
        StoreError::Quota(_) => in_flight.refused("tenants"),
        StoreError::TooLarge(_) => in_flight.rejected("too_large"),
        _ => in_flight.refused("unavailable"),
    }
}
