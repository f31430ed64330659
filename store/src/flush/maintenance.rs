//! The thread that decides when heads are flushed, segments merged and old ones removed.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::erase::Examined;
use super::write::{self, Pair};
use super::{compact, erase, retention};
use crate::model::{Signal, TenantNo, WriterId};
use crate::state::{HeadRange, TenantState};
use crate::store::Shared;
use crate::writer::LogSpan;
use crate::{OpenError, StoreError};

const LOOK_EVERY: Duration = Duration::from_millis(250);
const TIDY_EVERY: Duration = Duration::from_secs(5);
const RETAIN_EVERY: Duration = Duration::from_secs(60);
/// Work that failed is left alone for so long: a full disk does not get room by being asked four times a second.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Open segments are closed above this number; the machine limits how many maps a process may have.
const OPEN_SEGMENTS_MAX: usize = 8192;
/// Segments of a tenant that was asked for within this time stay open.
const OPEN_FOR_MS: i64 = 60_000;

#[derive(Default)]
pub(crate) struct Maintenance {
    flushing: Mutex<()>,
    pub(super) examined: Examined,
    /// Of these nothing is merged in this life.
    unmerged: Mutex<HashSet<(TenantNo, Signal)>>,
    stopped: Mutex<bool>,
    wake: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Maintenance {
    /// Held by whoever makes or removes segments.
    pub(super) fn lock(&self) -> MutexGuard<'_, ()> {
        self.flushing.lock()
    }

    /// Lets the thread look at once.
    pub(crate) fn wake(&self) {
        self.wake.notify_all();
    }

    pub(super) fn may_merge(&self, pair: (TenantNo, Signal)) -> bool {
        !self.unmerged.lock().contains(&pair)
    }

    pub(crate) fn no_merges_of(&self, pairs: Vec<(TenantNo, Signal)>) {
        self.unmerged.lock().extend(pairs);
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

/// One kind of work, and when it is done next.
struct Duty {
    name: &'static str,
    every: Duration,
    next: Instant,
    work: fn(&Shared) -> Result<(), StoreError>,
}

fn run(weak: &Weak<Shared>, maintenance: &Maintenance) {
    let duty = |name, every, work| Duty { name, every, next: Instant::now() + every, work };
    let mut duties = [
        duty("flush", LOOK_EVERY, flush_due),
        duty("merge", TIDY_EVERY, compact::compact_due),
        duty("erase", TIDY_EVERY, erase::erase_due),
        duty("close segments", TIDY_EVERY, close_idle),
        duty("retention", RETAIN_EVERY, retention::retain),
    ];
    // The store is held while there is work only: whoever drops its last handle may open the directory again.
    while maintenance.pause() {
        let Some(shared) = weak.upgrade() else { return };
        for duty in duties.iter_mut().filter(|duty| duty.next <= Instant::now()) {
            // One kind of work that fails must not keep the others from being done.
            let done = catch_unwind(AssertUnwindSafe(|| (duty.work)(&shared)));
            let panicked = |_| Err(StoreError::Internal("a panic, which was reported".to_owned()));
            let after = match done.unwrap_or_else(panicked) {
                Ok(()) => duty.every,
                Err(error) => {
                    tracing::error!(work = duty.name, %error, "maintenance failed and is tried again");
                    duty.every.max(RETRY_AFTER)
                }
            };
            duty.next = Instant::now() + after;
        }
    }
}

/// What all heads together need.
#[derive(Default)]
struct Look {
    /// To be flushed whatever their size.
    due: Vec<Pair>,
    others: Vec<(u64, Pair)>,
    other_bytes: u64,
}

/// Flushes heads that are too old or hold too much of the log, and the largest while all together are too large.
fn flush_due(shared: &Shared) -> Result<(), StoreError> {
    let mut look = look(shared);
    let limit = shared.config.head_bytes_max;
    look.others.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    for (bytes, pair) in look.others {
        if look.other_bytes <= limit {
            break;
        }
        look.other_bytes -= bytes;
        look.due.push(pair);
    }
    if look.due.is_empty() {
        return Ok(());
    }
    let flushed = write::flush(shared, &look.due);
    if !matches!(flushed, Ok(0)) {
        shared.cut_log(false)?;
    }
    flushed.map(drop)
}

fn look(shared: &Shared) -> Look {
    let now_ms = shared.clock.now_ms();
    let age_max_ms = i64::try_from(shared.config.head_age_max.as_millis()).unwrap_or(i64::MAX);
    let pinned = pinned(&shared.log.lock().spans, shared.config.wal_bytes_max);
    let pins = |range: &HeadRange| {
        let first = |writer| range.lsns.get(writer).map(|lsns| lsns.0);
        pinned.iter().any(|(writer, last)| first(writer).is_some_and(|first| first <= *last))
    };
    let mut look = Look::default();
    for tenant in shared.tenants.all() {
        for signal in Signal::ALL {
            let (bytes, due) = tenant.read(|heads| {
                let (sealed, fresh) = heads.ranges(signal);
                let bytes = fresh.size_bytes + sealed.map_or(0, |range| range.size_bytes);
                let old = fresh.rows > 0 && now_ms - fresh.since_ms >= age_max_ms;
                // What is sealed and not being flushed was left by a flush that failed.
                (bytes, sealed.is_some() || old || pins(fresh))
            });
            if due {
                look.due.push((Arc::clone(&tenant), signal));
            } else if bytes > 0 {
                look.other_bytes += bytes;
                look.others.push((bytes, (Arc::clone(&tenant), signal)));
            }
        }
    }
    look
}

/// Per writer, up to which record heads must be flushed so that half of what the log may hold is left.
fn pinned(spans: &[LogSpan], bytes_max: u64) -> HashMap<WriterId, u64> {
    let mut total: u64 = spans.iter().map(|span| span.size_bytes).sum();
    let mut pinned = HashMap::new();
    if total <= bytes_max {
        return pinned;
    }
    for span in spans {
        if total <= bytes_max / 2 {
            break;
        }
        total -= span.size_bytes;
        pinned.insert(span.last.writer, span.last.counter);
    }
    pinned
}

/// Closes segments of tenants nobody asked for lately, when there are too many.
fn close_idle(shared: &Shared) -> Result<(), StoreError> {
    let open = |state: &TenantState| state.read(|heads| heads.segments.open_count());
    let mut tenants: Vec<(i64, usize, Arc<TenantState>)> =
        shared.tenants.all().into_iter().map(|state| (state.used_ms(), open(&state), state)).collect();
    let mut total: usize = tenants.iter().map(|(_, count, _)| count).sum();
    if total <= OPEN_SEGMENTS_MAX {
        return Ok(());
    }
    tenants.sort_by_key(|(used_ms, ..)| *used_ms);
    let idle_before = shared.clock.now_ms() - OPEN_FOR_MS;
    for (_, count, state) in tenants.iter().take_while(|(used_ms, ..)| *used_ms < idle_before) {
        if total <= OPEN_SEGMENTS_MAX / 2 {
            break;
        }
        state.change(super::OpenSegments::close);
        total -= count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Lsn;

    #[test]
    fn heads_that_pin_the_older_half_of_a_log_that_is_too_large_are_due() {
        let span =
            |writer, counter| LogSpan { last: Lsn { writer: WriterId(writer), counter }, size_bytes: 10 };
        let spans = [span(1, 7), span(2, 5), span(2, 9), span(2, 12), span(2, 20)];
        assert_eq!(pinned(&spans, 50), HashMap::new());
        let expected = HashMap::from([(WriterId(1), 7), (WriterId(2), 9)]);
        assert_eq!(pinned(&spans, 40), expected);
    }
}
