//! The time of this process: wall clock at start, from there on steady.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[derive(Clone, Debug)]
pub(crate) enum Clock {
    Machine {
        started: Instant,
        started_ms: i64,
    },
    /// Set by a test.
    #[cfg(test)]
    Set(std::sync::Arc<std::sync::atomic::AtomicI64>),
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self::Machine { started: Instant::now(), started_ms: machine_ms() }
    }

    /// Unix milliseconds that never go back: for ages and orders.
    pub(crate) fn now_ms(&self) -> i64 {
        match self {
            Self::Machine { started, started_ms } => started_ms + started.elapsed().as_millis() as i64,
            #[cfg(test)]
            Self::Set(ms) => ms.load(std::sync::atomic::Ordering::SeqCst),
        }
    }

    /// What the machine's clock shows now, set right or wrong by whoever may: for what goes by dates.
    pub(crate) fn wall_ms(&self) -> i64 {
        match self {
            Self::Machine { .. } => machine_ms(),
            #[cfg(test)]
            Self::Set(_) => self.now_ms(),
        }
    }
}

fn machine_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_millis() as i64
}
