//! Taking batches in.

use std::sync::Arc;

use crate::StoreError;
use crate::model::{Batch, BatchKey, Lsn, RequestCtx};
use crate::store::Shared;

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

    /// Returns when the batch is durable and queryable. An error means nothing was stored.
    pub async fn append(&self, ctx: &RequestCtx, append: Append) -> Result<Ack, StoreError> {
        self.0.apply(&ctx.tenant, append)
    }
}
