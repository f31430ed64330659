//! What travels with every request: who asks, until when, and how much it may use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::{ErrorClass, Tenant};

/// What a principal may do. Ordered: each role may do what the ones before it may, except that `Ingest` only writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Role {
    Ingest,
    Read,
    Admin,
}

/// The first argument on every request path. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RequestCtx {
    pub tenant: Tenant,
    /// Who asks, for logs and audit: a token's name, or `anonymous`.
    pub principal: Arc<str>,
    pub role: Role,
    pub deadline: Option<Instant>,
    pub budget: Budget,
    pub trace_id: u128,
    canceled: Arc<AtomicBool>,
}

/// Why a loop stopped early.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StopReason {
    #[error("the query took longer than its deadline")]
    Deadline,
    #[error("the client went away")]
    Canceled,
    #[error("the query needed more than {limit} bytes of memory: narrow the time range or the selector")]
    Budget { limit: u64 },
}

impl StopReason {
    pub const fn class(self) -> ErrorClass {
        match self {
            Self::Deadline => ErrorClass::Deadline,
            Self::Canceled => ErrorClass::Canceled,
            Self::Budget { .. } => ErrorClass::QueryLimit,
        }
    }
}

// === impl RequestCtx ===

impl RequestCtx {
    pub fn new(
        tenant: Tenant,
        principal: &str,
        role: Role,
        deadline: Option<Instant>,
        budget: Budget,
    ) -> Self {
        Self {
            tenant,
            principal: principal.into(),
            role,
            deadline,
            budget,
            trace_id: 0,
            canceled: Arc::default(),
        }
    }

    /// Called when the client hangs up: the loops that hold a clone end at their next check.
    pub fn cancel(&self) {
        self.canceled.store(true, Ordering::Relaxed);
    }

    /// Checked once per block, series or some thousand rows by every loop over data.
    pub fn check(&self) -> Result<(), StopReason> {
        if self.canceled.load(Ordering::Relaxed) {
            return Err(StopReason::Canceled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(StopReason::Deadline),
            _ => Ok(()),
        }
    }
}

/// Bytes one request may hold at once: a leaf of the process's memory budget tree.
#[derive(Clone, Debug)]
pub struct Budget(Arc<BudgetState>);

#[derive(Debug)]
struct BudgetState {
    limit: u64,
    used: AtomicU64,
}

impl Budget {
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(BudgetState { limit, used: AtomicU64::new(0) }))
    }

    /// Takes `bytes`; they stay taken until [`Budget::give_back`] or the end of the request.
    pub fn take(&self, bytes: u64) -> Result<(), StopReason> {
        let before = self.0.used.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.0.limit {
            self.0.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(StopReason::Budget { limit: self.0.limit });
        }
        Ok(())
    }

    pub fn give_back(&self, bytes: u64) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_refuses_what_goes_over_and_keeps_what_it_had() {
        let budget = Budget::new(100);
        budget.take(60).unwrap();
        assert_eq!(budget.take(41), Err(StopReason::Budget { limit: 100 }));
        budget.give_back(10);
        budget.take(50).unwrap();
        assert_eq!(budget.used(), 100);
    }

    #[test]
    fn a_canceled_context_stops_its_clones() {
        let tenant = Tenant::authenticated("t").unwrap();
        let ctx = RequestCtx::new(tenant, "anonymous", Role::Read, None, Budget::new(1));
        let clone = ctx.clone();
        assert_eq!(clone.check(), Ok(()));
        ctx.cancel();
        assert_eq!(clone.check(), Err(StopReason::Canceled));
    }
}
