//! The thread that decides when heads are flushed, segments merged and old ones removed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{compact, retention, write};
use crate::OpenError;
use crate::model::Signal;
use crate::state::TenantState;
use crate::store::Shared;

const LOOK_EVERY: Duration = Duration::from_millis(250);
const TIDY_EVERY: Duration = Duration::from_secs(5);
const RETAIN_EVERY: Duration = Duration::from_secs(60);
/// Heads may grow to this many times their limit while a flush runs; beyond it senders have to wait.
const BEHIND_FACTOR: u64 = 3;

#[derive(Default)]
pub(crate) struct Maintenance {
    flushing: Mutex<()>,
    behind: AtomicBool,
    stopped: Mutex<bool>,
    wake: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Maintenance {
    /// Held by whoever makes segments.
    pub(super) fn lock(&self) -> MutexGuard<'_, ()> {
        self.flushing.lock()
    }

    /// Whether heads are so far over their limit that nothing more is taken.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Ends the thread; a flush that runs is finished first.
    pub(crate) fn stop(&self) {
        *self.stopped.lock() = true;
        self.wake.notify_all();
        let thread = self.thread.lock().take();
        // The last handle to the store may be dropped by the thread itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }

    /// Waits for the next look; `false`: it is over.
    fn pause(&self) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.wake.wait_for(&mut stopped, LOOK_EVERY);
        }
        !*stopped
    }
}

/// Starts the thread. It holds the store only while it works.
pub(crate) fn start(shared: &Arc<Shared>) -> Result<(), OpenError> {
    let (weak, maintenance) = (Arc::downgrade(shared), Arc::clone(&shared.maintenance));
    let work = move || run(&weak, &maintenance);
    let thread = std::thread::Builder::new().name("maintenance".to_owned()).spawn(work);
    let thread =
        thread.map_err(|error| OpenError::Other(format!("start the maintenance thread: {error}")))?;
    *shared.maintenance.thread.lock() = Some(thread);
    Ok(())
}

fn run(weak: &Weak<Shared>, maintenance: &Maintenance) {
    let (mut tidied, mut retained) = (Instant::now(), Instant::now());
    // The store is held while there is work only: whoever drops its last handle may open the directory again.
    while maintenance.pause() {
        let Some(shared) = weak.upgrade() else { return };
        // One kind of work that fails must not keep the others from being done.
        told("flush", flush_due(&shared));
        if tidied.elapsed() >= TIDY_EVERY {
            told("merge", compact::compact_due(&shared));
            tidied = Instant::now();
        }
        if retained.elapsed() >= RETAIN_EVERY {
            told("retention", retention::retain(&shared));
            retained = Instant::now();
        }
    }
}

fn told(work: &'static str, result: Result<(), crate::StoreError>) {
    if let Err(error) = result {
        tracing::error!(work, %error, "maintenance failed and is tried again");
    }
}

/// Flushes heads that are too old, and the largest while all together are too large.
fn flush_due(shared: &Shared) -> Result<(), crate::StoreError> {
    let now_ms = shared.clock.now_ms();
    let age_max_ms = i64::try_from(shared.config.head_age_max.as_millis()).unwrap_or(i64::MAX);
    let mut heads: Vec<(u64, Arc<TenantState>, Signal)> = Vec::new();
    let mut total = 0;
    let mut flushed = false;
    for tenant in shared.tenants.all() {
        for signal in Signal::ALL {
            let summary = tenant.summary(signal);
            let bytes: u64 = summary.in_memory().map(|range| range.size_bytes).sum();
            let rows: u64 = summary.in_memory().map(|range| range.rows).sum();
            let oldest_ms =
                summary.in_memory().filter(|range| range.rows > 0).map(|range| range.since_ms).min();
            if oldest_ms.is_some_and(|since| now_ms - since >= age_max_ms) || summary.sealed.is_some() {
                flushed |= flush_one(shared, &tenant, signal);
            } else if rows > 0 {
                total += bytes;
                heads.push((bytes, Arc::clone(&tenant), signal));
            }
        }
    }
    let limit = shared.config.head_bytes_max;
    shared.maintenance.behind.store(total > limit.saturating_mul(BEHIND_FACTOR), Ordering::Relaxed);
    heads.sort_by_key(|(bytes, ..)| std::cmp::Reverse(*bytes));
    for (bytes, tenant, signal) in heads {
        if total <= limit {
            break;
        }
        flushed |= flush_one(shared, &tenant, signal);
        total = total.saturating_sub(bytes);
    }
    if flushed {
        shared.maintenance.behind.store(false, Ordering::Relaxed);
        shared.cut_log_blocking()?;
    }
    Ok(())
}

/// Whether a head became segments. One that could not stays sealed and is tried again; the others go on.
fn flush_one(shared: &Shared, tenant: &Arc<TenantState>, signal: Signal) -> bool {
    let flushed = write::flush(shared, tenant, signal);
    if let Err(error) = &flushed {
        tracing::error!(tenant = %tenant.name, signal = signal.as_str(), %error, "a head could not be flushed");
    }
    flushed.unwrap_or(false)
}
