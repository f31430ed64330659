//! One request's way, whatever its transport: decode, process, append, answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use store::Append;
use store::model::{Batch, BatchKey, ErrorClass, RequestCtx, SampleBatch, Tenant};

use crate::collector::Shared;
use crate::memory::{NoMemory, Permit};
use crate::metrics::Door;
use crate::process::{Charged, Incoming, OverQuota, Processed};
use crate::protocol::{
    self, DecodeCtx, DecodeError, Decoded, Dialect, Encoding, Items, ProtocolRow, Reject, Rejected,
};

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

/// Details longer than this are not kept with the batch key: the same bytes decoded again give the same.
const DETAIL_BYTES_KEPT_MAX: usize = 1 << 10;
/// Unless quotas had a part in them.
const DETAIL_BYTES_QUOTA_MAX: usize = 1 << 16;
/// Bodies larger than this are decoded on the blocking pool, so that they do not hold up other connections.
const DECODE_INLINE_BYTES_MAX: usize = 1 << 20;

// === impl Accepted ===

impl Accepted {
    /// What is kept with the batch key: a retry may come in another encoding, so neither is used.
    pub fn to_bytes(&self, detail_bytes_max: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(24 + self.message.len() + self.detail.len());
        for number in [self.taken, self.rejected, self.message.len() as u64] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(self.message.as_bytes());
        if self.detail.len() <= detail_bytes_max {
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
    // The batch, and if rules change it the one made of it.
    let batches = if shared.pipeline.is_active() { 2 } else { 1 };
    permit.grow(batches * body.len() as u64).map_err(|error| no_memory(shared, error))?;
    let work = Work { protocol, door, encoding, body, target, key: content, tenant: ctx.tenant.clone() };
    let mut taken = decode(shared, work).await?;
    let refused = |reason, rows| shared.accounting.refused(&ctx.tenant, door.signal, reason, rows);
    if taken.batch.rows() == 0 && taken.over_quota.records > 0 {
        refused("quota", taken.over_quota.records + taken.gone());
        return Err(Refusal::new(ErrorClass::OverQuota, taken.over_quota.message()));
    }
    taken.refuse_over_quota(protocol.dialect);
    let answer = taken.answer();
    if taken.batch.rows() == 0 {
        count_gone(shared, ctx, door, &taken);
        return Ok(answer);
    }
    let batch_bytes = taken.batch.size_bytes() as u64;
    permit.shrink_to(batch_bytes);
    if let Err(error) = permit.grow_to(batch_bytes) {
        refused("memory", taken.batch.rows() as u64 + taken.gone());
        return Err(no_memory(shared, error));
    }
    let append = Append {
        key: given.or((protocol.retries && taken.all_timestamped).then_some(content)),
        answer: answer.to_bytes(detail_bytes_max(shared, ctx, &taken)),
        batch: std::mem::replace(&mut taken.batch, Batch::Samples(SampleBatch::default())),
    };
    match shared.writer.append(ctx, append).await {
        Ok(ack) => {
            count_gone(shared, ctx, door, &taken);
            if ack.duplicate {
                shared.metrics.duplicates.fetch_add(1, Ordering::Relaxed);
                let kept = Accepted::from_bytes(&ack.answer);
                // A long detail was not kept; the same bytes decoded again give the same.
                let detail = if kept.detail.is_empty() { answer.detail } else { kept.detail };
                return Ok(Accepted { detail, ..kept });
            }
            taken.charge.stored();
            Ok(answer)
        }
        Err(error) => {
            // The store counted those it got.
            refused("store", taken.gone());
            Err(Refusal::new(error.class(), error.to_string()))
        }
    }
}

/// What came of decoding and processing.
struct Taken {
    batch: Batch,
    rejected: Rejected,
    all_timestamped: bool,
    detail: Vec<u8>,
    dropped: Vec<(String, u64)>,
    over_quota: OverQuota,
    charge: Charged,
}

impl Taken {
    fn new(decoded: Decoded, processed: Processed) -> Self {
        let Decoded { rejected, all_timestamped, detail, .. } = decoded;
        let Processed { batch, dropped, over_quota, charge } = processed;
        Self { batch, rejected, all_timestamped, detail, dropped, over_quota, charge }
    }

    fn dropped(&self) -> u64 {
        self.dropped.iter().map(|(_, records)| records).sum()
    }

    /// Records that are in no batch.
    fn gone(&self) -> u64 {
        self.rejected.total() + self.dropped()
    }

    /// A part is over a quota: its sender hears that it was not taken.
    fn refuse_over_quota(&mut self, dialect: Dialect) {
        self.rejected.add(Reject::OverQuota, self.over_quota.records);
        if dialect == Dialect::Elasticsearch && !self.over_quota.rows.is_empty() {
            self.detail = Items::with_over_quota(&self.detail, &self.over_quota.rows);
        }
    }

    /// What rules dropped was taken.
    fn answer(&self) -> Accepted {
        Accepted {
            taken: self.batch.rows() as u64 + self.dropped(),
            rejected: self.rejected.total(),
            message: self.rejected.message(),
            detail: self.detail.clone(),
        }
    }
}

/// Details repeat what the sender wrote: what redaction would change is not kept.
fn detail_bytes_max(shared: &Shared, ctx: &RequestCtx, taken: &Taken) -> usize {
    if !taken.detail.is_empty()
        && !shared.pipeline.is_clean(&ctx.tenant, &String::from_utf8_lossy(&taken.detail))
    {
        return 0;
    }
    if taken.over_quota.records > 0 { DETAIL_BYTES_QUOTA_MAX } else { DETAIL_BYTES_KEPT_MAX }
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
    tenant: Tenant,
}

async fn decode(shared: &Arc<Shared>, work: Work) -> Result<Taken, Refusal> {
    if work.body.len() <= DECODE_INLINE_BYTES_MAX {
        return decode_caught(shared, &work);
    }
    let shared = Arc::clone(shared);
    tokio::task::spawn_blocking(move || decode_caught(&shared, &work))
        .await
        .unwrap_or_else(|_| Err(Refusal::new(ErrorClass::Internal, "the decoder was stopped; retry")))
}

/// A bug in a decoder costs its request, never the process; a body that hits it again and again is put aside.
fn decode_caught(shared: &Shared, work: &Work) -> Result<Taken, Refusal> {
    let ctx = DecodeCtx { now_ns: shared.now_ns(), limits: &shared.limits, target: &work.target };
    let run = || {
        let decoded = protocol::decode(work.protocol, work.door.signal, work.encoding, &work.body, &ctx)?;
        Ok(process(shared, &work.tenant, decoded))
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(taken) => taken.map_err(|error: DecodeError| Refusal::new(error.class(), error.to_string())),
        Err(_) => {
            shared.metrics.panics.fetch_add(1, Ordering::Relaxed);
            // What must not be stored must not be put aside either.
            let keep = !shared.pipeline.redacts();
            Err(shared.quarantine.failed(&shared.metrics, work.door, work.key, keep.then_some(&work.body)))
        }
    }
}

fn process(shared: &Shared, tenant: &Tenant, mut decoded: Decoded) -> Taken {
    let incoming = Incoming { tenant, residue: decoded.rejected.total() > 0, now: Some(Instant::now()) };
    let batch = std::mem::replace(&mut decoded.batch, Batch::Samples(SampleBatch::default()));
    Taken::new(decoded, shared.pipeline.run(batch, &incoming))
}

/// Counts what was taken out of a request that was answered.
fn count_gone(shared: &Shared, ctx: &RequestCtx, door: Door, taken: &Taken) {
    for (reason, records) in taken.rejected.iter() {
        shared.accounting.rejected(&ctx.tenant, door.signal, reason.label(), records);
    }
    for (rule, records) in &taken.dropped {
        shared.accounting.dropped(&ctx.tenant, door.signal, rule, *records);
    }
}
