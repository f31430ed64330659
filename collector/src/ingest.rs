//! One request's way, whatever its transport: decode, process, append, answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use store::Append;
use store::model::{BatchKey, ErrorClass, RequestCtx};

use crate::collector::Shared;
use crate::memory::{NoMemory, Permit};
use crate::metrics::Door;
use crate::protocol::{self, DecodeCtx, Decoded, Encoding, ProtocolRow, Rejected};

/// A request whose body is complete and decompressed.
pub(crate) struct Ingest {
    pub protocol: &'static ProtocolRow,
    pub door: Door,
    pub encoding: Encoding,
    pub body: Bytes,
    /// See [`DecodeCtx::target`].
    pub target: String,
    pub idempotency_key: Option<Bytes>,
    /// Covers the body; grows with the batch.
    pub permit: Permit,
}

/// What became of the records of a request that could be read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Accepted {
    pub taken: u64,
    pub rejected: u64,
    pub message: String,
    /// See [`Decoded::detail`].
    pub detail: Vec<u8>,
}

/// The request was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub class: ErrorClass,
    pub message: String,
}

/// Details longer than this are not kept with the batch key.
const DETAIL_BYTES_KEPT_MAX: usize = 1 << 10;
/// Bodies larger than this are decoded on the blocking pool, so that they do not hold up other connections.
const DECODE_INLINE_BYTES_MAX: usize = 1 << 20;

// === impl Accepted ===

impl Accepted {
    /// What is kept with the batch key: a retry may come in another encoding, so neither is used.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24 + self.message.len() + self.detail.len());
        for number in [self.taken, self.rejected, self.message.len() as u64] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(self.message.as_bytes());
        if self.detail.len() <= DETAIL_BYTES_KEPT_MAX {
            out.extend_from_slice(&self.detail);
        }
        out
    }

    /// Reads what `to_bytes` wrote; bytes of another make read as "all taken".
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let Some([taken, rejected, len]) = bytes.as_chunks::<8>().0.first_chunk::<3>() else {
            return Self::default();
        };
        let len = usize::try_from(u64::from_le_bytes(*len)).unwrap_or(usize::MAX);
        let Some((message, detail)) = bytes[24..].split_at_checked(len) else { return Self::default() };
        Self {
            taken: u64::from_le_bytes(*taken),
            rejected: u64::from_le_bytes(*rejected),
            message: String::from_utf8_lossy(message).into_owned(),
            detail: detail.to_vec(),
        }
    }

    /// The request had records, and none was good.
    pub fn nothing_taken(&self) -> bool {
        self.taken == 0 && self.rejected > 0
    }
}

// === impl Refusal ===

impl Refusal {
    /// The class is what an ingestion door answers for it.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class: class.at_ingestion(), message: message.into() }
    }
}

// === the way ===

/// Returns when the batch is durable (nothing to store is durable at once), or says why nothing was stored.
pub(crate) async fn ingest(
    shared: &Arc<Shared>,
    ctx: &RequestCtx,
    request: Ingest,
) -> Result<Accepted, Refusal> {
    let Ingest { protocol, door, encoding, body, target, idempotency_key, mut permit } = request;
    let given = idempotency_key
        .map(|key| shared.writer.batch_key(ctx, "idempotency-key", door.signal.as_str(), &key));
    // The same bytes for another target are another request.
    let aimed =
        if target.is_empty() { protocol.name.to_owned() } else { format!("{}:{target}", protocol.name) };
    let content = shared.writer.batch_key(ctx, &aimed, door.signal.as_str(), &body);
    let size = body.len() as u64;
    permit.grow(size).map_err(|error| no_memory(shared, error))?;
    let Decoded { batch, rejected, all_timestamped, detail } =
        decode(shared, Work { protocol, door, encoding, body, target, key: content }).await?;
    let answer = Accepted {
        taken: batch.rows() as u64,
        rejected: rejected.total(),
        message: rejected.message(),
        detail,
    };
    let refused = |reason, rows| shared.accounting.refused(&ctx.tenant, door.signal, reason, rows);
    if batch.rows() == 0 {
        count_rejected(shared, ctx, door, &rejected);
        return Ok(answer);
    }
    let batch_bytes = batch.size_bytes() as u64;
    permit.shrink_to(batch_bytes);
    if let Err(error) = permit.grow_to(batch_bytes) {
        refused("memory", batch.rows() as u64 + answer.rejected);
        return Err(no_memory(shared, error));
    }
    let append = Append {
        batch: shared.pipeline.run(batch),
        key: given.or((protocol.retries && all_timestamped).then_some(content)),
        answer: answer.to_bytes(),
    };
    match shared.writer.append(ctx, append).await {
        Ok(ack) => {
            count_rejected(shared, ctx, door, &rejected);
            if ack.duplicate {
                shared.metrics.duplicates.fetch_add(1, Ordering::Relaxed);
                let kept = Accepted::from_bytes(&ack.answer);
                // A long detail was not kept; the same bytes decoded again give the same.
                let detail = if kept.detail.is_empty() { answer.detail } else { kept.detail };
                return Ok(Accepted { detail, ..kept });
            }
            Ok(answer)
        }
        Err(error) => {
            // The store counted those it got.
            refused("store", answer.rejected);
            Err(Refusal::new(error.class(), error.to_string()))
        }
    }
}

pub(crate) fn no_memory(shared: &Shared, error: NoMemory) -> Refusal {
    shared.metrics.permits_refused.fetch_add(1, Ordering::Relaxed);
    Refusal::new(ErrorClass::Unavailable, error.to_string())
}

/// What a decoder is given.
struct Work {
    protocol: &'static ProtocolRow,
    door: Door,
    encoding: Encoding,
    body: Bytes,
    target: String,
    key: BatchKey,
}

async fn decode(shared: &Arc<Shared>, work: Work) -> Result<Decoded, Refusal> {
    if work.body.len() <= DECODE_INLINE_BYTES_MAX {
        return decode_caught(shared, &work);
    }
    let shared = Arc::clone(shared);
    tokio::task::spawn_blocking(move || decode_caught(&shared, &work))
        .await
        .unwrap_or_else(|_| Err(Refusal::new(ErrorClass::Internal, "the decoder was stopped; retry")))
}

/// A bug in a decoder costs its request, never the process; a body that hits it again and again is put aside.
fn decode_caught(shared: &Shared, work: &Work) -> Result<Decoded, Refusal> {
    let ctx = DecodeCtx { now_ns: shared.now_ns(), limits: &shared.limits, target: &work.target };
    let run = || protocol::decode(work.protocol, work.door.signal, work.encoding, &work.body, &ctx);
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(decoded) => decoded.map_err(|error| Refusal::new(error.class(), error.to_string())),
        Err(_) => {
            shared.metrics.panics.fetch_add(1, Ordering::Relaxed);
            Err(shared.quarantine.failed(&shared.metrics, work.door, work.key, &work.body))
        }
    }
}

fn count_rejected(shared: &Shared, ctx: &RequestCtx, door: Door, rejected: &Rejected) {
    for (reason, records) in rejected.iter() {
        shared.accounting.rejected(&ctx.tenant, door.signal, reason.label(), records);
    }
}
