//! The memory all requests being taken in may hold: permit first, bytes second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The ingestion branch of the process's memory budget.
#[derive(Clone, Debug)]
pub(crate) struct Memory(Arc<State>);

#[derive(Debug)]
struct State {
    limit: u64,
    used: AtomicU64,
}

/// Bytes one request may hold; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    memory: Memory,
    held: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all {limit} bytes of ingestion memory are in use; retry")]
pub(crate) struct NoMemory {
    pub limit: u64,
}

// === impl Memory ===

impl Memory {
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(State { limit, used: AtomicU64::new(0) }))
    }

    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    pub fn permit(&self, bytes: u64) -> Result<Permit, NoMemory> {
        let mut permit = Permit { memory: self.clone(), held: 0 };
        permit.grow(bytes)?;
        Ok(permit)
    }
}

// === impl Permit ===

impl Permit {
    pub fn held(&self) -> u64 {
        self.held
    }

    pub fn grow(&mut self, bytes: u64) -> Result<(), NoMemory> {
        let state = &self.memory.0;
        let before = state.used.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > state.limit {
            state.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(NoMemory { limit: state.limit });
        }
        self.held += bytes;
        Ok(())
    }

    /// Grows until at least `bytes` are held.
    pub fn grow_to(&mut self, bytes: u64) -> Result<(), NoMemory> {
        self.grow(bytes.saturating_sub(self.held))
    }

    pub fn shrink_to(&mut self, bytes: u64) {
        let back = self.held.saturating_sub(bytes);
        self.held -= back;
        self.memory.0.used.fetch_sub(back, Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_over_the_limit_is_refused_and_a_dropped_one_comes_back() {
        let memory = Memory::new(100);
        let mut first = memory.permit(60).unwrap();
        assert_eq!(memory.permit(41).err(), Some(NoMemory { limit: 100 }));
        first.grow_to(100).unwrap();
        assert!(first.grow(1).is_err());
        assert_eq!((first.held(), memory.used()), (100, 100));
        drop(first);
        assert_eq!(memory.used(), 0);
    }
}
