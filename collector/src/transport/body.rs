//! Reading a body: permit first, bytes second, never more than the cap.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use store::model::ErrorClass;

use super::compression::{Coding, decompress};
use crate::collector::Shared;
use crate::ingest::{Refusal, no_memory};
use crate::memory::{NoMemory, Permit};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is larger than {limit} bytes: send it in parts")]
    TooLarge { limit: u64 },
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    #[error("the body is not what its content encoding says")]
    Compression,
    #[error("the body ended early")]
    Broken,
}

/// A refused sender may go on sending so much before its connection is closed: who still writes does not read, and
/// would see a reset in the place of the answer.
const DRAIN_BYTES_MAX: u64 = 128 << 20;

impl BodyError {
    pub fn refusal(self, shared: &Shared) -> Refusal {
        let text = self.to_string();
        match self {
            Self::TooLarge { .. } => Refusal::new(ErrorClass::TooLarge, text),
            Self::NoMemory(error) => no_memory(shared, error),
            Self::Compression | Self::Broken => Refusal::new(ErrorClass::BadData, text),
        }
    }
}

/// Reads the whole body; afterwards the permit covers it.
pub(super) async fn read(
    body: &mut Body,
    declared: Option<u64>,
    cap: u64,
    permit: &mut Permit,
) -> Result<Bytes, BodyError> {
    let declared = declared.unwrap_or(0);
    if declared > cap {
        return Err(BodyError::TooLarge { limit: cap });
    }
    permit.grow_to(declared)?;
    let Some(first) = data(body).await? else { return Ok(Bytes::new()) };
    let mut whole = match check(&first, 0, cap, permit)? {
        // The usual small request: one frame, no copy.
        len if len == declared => return Ok(first),
        len => {
            let mut whole = BytesMut::with_capacity(usize::try_from(declared.max(len)).unwrap_or(0));
            whole.extend_from_slice(&first);
            whole
        }
    };
    drop(first);
    while let Some(chunk) = data(body).await? {
        let len = check(&chunk, whole.len(), cap, permit)?;
        whole.reserve(room(whole.len(), usize::try_from(len).unwrap_or(usize::MAX), cap));
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// A buffer larger than this gets room for the largest body: memory that is not written to is not there, and growing by
/// copies would hold twice what the permit covers.
const GROW_BY_COPY_MAX: usize = 4 << 20;

/// How much to reserve so that `len` bytes fit into a buffer with `before` in it.
pub(super) fn room(before: usize, len: usize, cap: u64) -> usize {
    let most = usize::try_from(cap).unwrap_or(usize::MAX).saturating_add(1);
    let wanted = if len > GROW_BY_COPY_MAX { len.max(most) } else { len };
    wanted.saturating_sub(before)
}

fn check(chunk: &Bytes, before: usize, cap: u64, permit: &mut Permit) -> Result<u64, BodyError> {
    let len = (before + chunk.len()) as u64;
    if len > cap {
        return Err(BodyError::TooLarge { limit: cap });
    }
    permit.grow_to(len)?;
    Ok(len)
}

pub(super) async fn data(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Reads on and forgets.
pub(super) async fn drain(body: &mut Body) {
    let mut left = DRAIN_BYTES_MAX;
    while let Ok(Some(chunk)) = data(body).await {
        match left.checked_sub(chunk.len() as u64) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Buffers that decompressed bodies go to, used again: growing fresh memory for each costs page faults.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

const BUFFERS_MAX: usize = 8;
const BUFFER_BYTES_MAX: usize = 2 << 20;

/// A buffer that goes back when the last reference to its bytes is dropped.
struct Pooled {
    bytes: Vec<u8>,
    buffers: Buffers,
}

impl Buffers {
    fn take(&self) -> Vec<u8> {
        self.0.lock().pop().unwrap_or_default()
    }
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut all = self.buffers.0.lock();
        if all.len() < BUFFERS_MAX && bytes.capacity() <= BUFFER_BYTES_MAX {
            bytes.clear();
            all.push(bytes);
        }
    }
}

/// Bodies larger than this, as sent, are decompressed on the blocking pool.
const DECOMPRESS_INLINE_BYTES_MAX: usize = 256 << 10;

/// Unfolds a body; the permit covers the result alone.
pub(super) async fn unfold(
    shared: &Shared,
    coding: Coding,
    body: Bytes,
    mut permit: Permit,
) -> Result<(Bytes, Permit), BodyError> {
    if coding == Coding::Identity {
        return Ok((body, permit));
    }
    let cap = shared.limits.body_decompressed_bytes_max;
    let mut pooled = Pooled { bytes: shared.buffers.take(), buffers: shared.buffers.clone() };
    let inline = body.len() <= DECOMPRESS_INLINE_BYTES_MAX;
    let run = move || {
        decompress(coding, &body, &mut pooled.bytes, cap, &mut permit)?;
        permit.shrink_to(pooled.bytes.len() as u64);
        Ok((Bytes::from_owner(pooled), permit))
    };
    if inline { run() } else { tokio::task::spawn_blocking(run).await.unwrap_or(Err(BodyError::Broken)) }
}
