//! Why a decoder stops in the middle of a record, and what bounds the size of a batch.

use store::model::Limits;

use super::wire::Malformed;
use super::{DecodeCtx, DecodeError, Reject};

/// Why a walk over a record stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The bytes are no protobuf: the request is refused.
    Malformed(Malformed),
    /// This record is refused.
    Reject(Reject),
    /// The batch would become too large: the request is refused.
    TooLarge { limit: u64 },
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Reject> for Fault {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

impl From<Malformed> for DecodeError {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Protobuf(what)
    }
}

impl Fault {
    /// The reason, if only the record at hand is refused.
    pub fn into_reject(self) -> Result<Reject, DecodeError> {
        match self {
            Self::Malformed(malformed) => Err(malformed.into()),
            Self::TooLarge { limit } => Err(DecodeError::TooLarge { limit }),
            Self::Reject(reject) => Ok(reject),
        }
    }
}

/// Bounds what a small body can blow up to: two bytes on the wire are an empty record or attribute, and many more in
/// columns.
#[derive(Debug)]
pub(super) struct Spend {
    left: u64,
    limit: u64,
}

/// Columns may take this many times the largest body.
const SPEND_PER_BODY: u64 = 2;
pub(super) const ROW_COST: u64 = 16;
pub(super) const CELL_COST: u64 = 16;

impl Spend {
    pub fn new(limits: &Limits) -> Self {
        let limit = limits.body_decompressed_bytes_max.saturating_mul(SPEND_PER_BODY);
        Self { left: limit, limit }
    }

    #[inline]
    pub fn take(&mut self, bytes: u64) -> Result<(), Fault> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Fault::TooLarge { limit: self.limit }),
        }
    }
}

/// A record's time by the server's rules: 0 is none; too far ahead is refused.
pub(super) fn checked_time(time_ns: u64, ctx: &DecodeCtx<'_>) -> Result<Option<i64>, Fault> {
    if time_ns == 0 {
        return Ok(None);
    }
    let ahead_ns = i64::try_from(ctx.limits.future_ms_max).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    match i64::try_from(time_ns) {
        Ok(time) if time <= ctx.now_ns.saturating_add(ahead_ns) => Ok(Some(time)),
        _ => Err(Fault::Reject(Reject::InFuture)),
    }
}
