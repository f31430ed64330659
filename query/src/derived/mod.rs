//! Metrics made of spans: rate, errors and duration of operations (`traces_spanmetrics_*`), and the service graph
//! (`traces_service_graph_*`).
//!
//! They are not counted as spans pass by, but settled window by window: what the spans of a window say is compared with
//! what the store has of it, and the difference is written as growth. So there is no state to lose: late spans,
//! spans in any order, retries, a `kill -9` between any two steps all end in the same sums. A window is settled some
//! seconds after it hears of spans, again when calls cannot be answered any more, and again for every late span.

mod series;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use store::model::{Budget, RequestCtx, Role, Signal, Tenant};
use store::{Append, AppliedBatch, Store, TapEvent};
use tokio_util::sync::CancellationToken;

use crate::Clock;
use crate::request::time::NS_PER_S;

/// The scope of the series that are made here.
pub(crate) const SCOPE: &str = "signalbox.spans";
/// Calls by client and server.
pub(crate) const CALLS_BETWEEN: &str = "traces_service_graph_request_total";

/// What is settled together.
pub(crate) const WINDOW_NS: i64 = 60 * NS_PER_S;
/// The other half of a call may be in the window before or after.
const NEIGHBOUR_NS: i64 = engine::spans::MARGIN_NS;
/// Spans of one request come in several batches: a window waits for more of them.
const WAIT_NS: i64 = 10 * NS_PER_S;
/// When a call that is not answered is known not to be.
const ANSWER_NS: i64 = 45 * NS_PER_S;
/// How far back windows are settled again after a start or a gap: what was acknowledged last may not have been counted.
const AGAIN_NS: i64 = 2 * 3600 * NS_PER_S;
/// Windows that may wait; beyond it the oldest are given up, and counted.
const WINDOWS_MAX: usize = 20_000;
const LOOK_EVERY: Duration = Duration::from_millis(500);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
const SETTLE_BYTES_MAX: u64 = 512 << 20;
const TAP_CAPACITY: usize = 4_096;
/// Settling rests so many times as long as it worked: it takes no more than a tenth of a core.
const REST: u32 = 9;
const REST_MAX: Duration = Duration::from_secs(5);

/// A handle; cheap to clone.
#[derive(Clone)]
pub struct Derived(Arc<Shared>);

struct Shared {
    store: Store,
    clock: Clock,
    due: Mutex<Due>,
}

/// By tenant and start of the window: when it is to be settled. All in nanoseconds.
#[derive(Default)]
struct Due {
    windows: BTreeMap<(Tenant, i64), i64>,
    given_up: u64,
}

impl Derived {
    pub fn new(store: Store, clock: Clock) -> Self {
        Self(Arc::new(Shared { store, clock, due: Mutex::default() }))
    }

    /// Windows that wait, and those given up because too many did.
    pub fn waiting(&self) -> (usize, u64) {
        let due = self.0.due.lock();
        (due.windows.len(), due.given_up)
    }

    /// Settles windows until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut tap = self.0.store.tap(TAP_CAPACITY);
        self.0.again().await;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut rested = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                event = tap.next() => match event {
                    Some(TapEvent::Applied(applied)) => {
                        if let AppliedBatch::Events(events) = &applied.batch && events.signal() == Signal::Spans {
                            self.0.hear(&applied.tenant, events.times());
                        }
                    }
                    Some(TapEvent::Gap { missed }) => {
                        tracing::debug!(missed, "span metrics look at the last hours again");
                        self.0.again().await;
                    }
                    None => return,
                },
                _ = look.tick() => if Instant::now() >= rested {
                    let began = Instant::now();
                    if let Some((tenant, start)) = self.0.take((self.0.clock)()) {
                        self.0.settle(&tenant, start).await;
                        rested = Instant::now() + (began.elapsed() * REST).min(REST_MAX);
                    }
                }
            }
        }
    }
}

impl Shared {
    /// Marks the windows of these times.
    fn hear(&self, tenant: &Tenant, times: &[i64]) {
        let now = (self.clock)();
        let mut due = self.due.lock();
        let mut last = None;
        for time in times {
            let around =
                (window_of(time.saturating_sub(NEIGHBOUR_NS)), window_of(time.saturating_add(NEIGHBOUR_NS)));
            if last != Some(around) {
                last = Some(around);
                due.mark(tenant, around.0, now + WAIT_NS);
                due.mark(tenant, around.1, now + WAIT_NS);
            }
        }
    }

    /// Marks the last windows of every tenant.
    async fn again(&self) {
        let now = (self.clock)();
        let status = self.store.status().await;
        let mut due = self.due.lock();
        for signal in status.signals.iter().filter(|signal| signal.signal == Signal::Spans.as_str()) {
            let Ok(tenant) = Tenant::authenticated(&signal.tenant) else { continue };
            let first = window_of(now - AGAIN_NS);
            let mut start = window_of(now);
            while start >= first {
                due.mark(&tenant, start, now);
                start -= WINDOW_NS;
            }
        }
    }

    /// The newest window that is due.
    fn take(&self, now: i64) -> Option<(Tenant, i64)> {
        let mut due = self.due.lock();
        let ready = due.windows.iter().filter(|(_, at)| **at <= now).max_by_key(|((_, start), _)| *start);
        let key = ready.map(|(key, _)| key.clone())?;
        due.windows.remove(&key);
        Some(key)
    }

    async fn settle(&self, tenant: &Tenant, start: i64) {
        let now = (self.clock)();
        let deadline = Some(Instant::now() + SETTLE_TIMEOUT);
        let budget = Budget::new(SETTLE_BYTES_MAX);
        let ctx = RequestCtx::new(tenant.clone(), "span metrics", Role::Admin, deadline, budget);
        let (store, of) = (self.store.clone(), ctx.clone());
        let window = settle::Window { start, end: start + WINDOW_NS, now };
        let found = tokio::task::spawn_blocking(move || settle::difference(&of, &store, window)).await;
        let batch = match found {
            Ok(Ok(batch)) => batch,
            Ok(Err(error)) => return self.later(tenant, start, now, &error.to_string()),
            Err(panicked) => return tracing::error!(error = %panicked, "span metrics ended by a bug"),
        };
        if let Some(batch) = batch {
            let append = Append { batch, key: None, answer: Vec::new() };
            if let Err(error) = self.store.writer().append(&ctx, append).await {
                return self.later(tenant, start, now, &error.to_string());
            }
        }
        let final_at = start + WINDOW_NS + ANSWER_NS;
        if now < final_at {
            self.due.lock().mark(tenant, start, final_at);
        }
    }

    fn later(&self, tenant: &Tenant, start: i64, now: i64, error: &str) {
        tracing::warn!(error, "span metrics of a window were not settled: they are tried again");
        self.due.lock().mark(tenant, start, now + WAIT_NS);
    }
}

impl Due {
    /// The earliest time wins; what is already waiting waits no longer.
    fn mark(&mut self, tenant: &Tenant, start: i64, at: i64) {
        let due = self.windows.entry((tenant.clone(), start)).or_insert(at);
        *due = at.min(*due);
        while self.windows.len() > WINDOWS_MAX {
            let oldest = self.windows.keys().min_by_key(|(_, start)| *start).cloned();
            oldest.and_then(|oldest| self.windows.remove(&oldest));
            self.given_up += 1;
        }
    }
}

fn window_of(time: i64) -> i64 {
    time.saturating_sub(time.rem_euclid(WINDOW_NS))
}
