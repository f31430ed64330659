//! Running what reads data: on the blocking pool, a bounded number at once, until the deadline or the client's leaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::model::{ErrorClass, RequestCtx};
use tokio::sync::Semaphore;

use crate::failure::Failure;

/// Queries that wait for a permit, for each permit there is: beyond it they are refused at once.
const WAITING_PER_PERMIT: u64 = 4;
/// Nobody waits longer for a permit, whatever the deadline.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Shares the machine between queries.
#[derive(Clone)]
pub(crate) struct Runner {
    permits: Arc<Semaphore>,
    waiting_max: u64,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    waiting: AtomicU64,
    running: AtomicU64,
    started: AtomicU64,
    refused: AtomicU64,
    canceled: AtomicU64,
}

/// Counters for `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunStats {
    pub waiting: u64,
    pub running: u64,
    pub started_total: u64,
    /// Refused because too many waited, or waited too long.
    pub refused_total: u64,
    /// Given up by their clients.
    pub canceled_total: u64,
}

// === impl Runner ===

impl Runner {
    pub(crate) fn new(concurrent_max: u64) -> Self {
        let permits = usize::try_from(concurrent_max).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            waiting_max: concurrent_max.saturating_mul(WAITING_PER_PERMIT),
            counts: Arc::default(),
        }
    }

    pub(crate) fn stats(&self) -> RunStats {
        RunStats {
            waiting: self.counts.waiting.load(Ordering::Relaxed),
            running: self.counts.running.load(Ordering::Relaxed),
            started_total: self.counts.started.load(Ordering::Relaxed),
            refused_total: self.counts.refused.load(Ordering::Relaxed),
            canceled_total: self.counts.canceled.load(Ordering::Relaxed),
        }
    }

    /// Runs `work` on a blocking thread. Dropping the future cancels `ctx`, and `work` ends at its next check; its
    /// permit is free only then.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        ctx: &RequestCtx,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = self.permit(ctx).await?;
        self.counts.started.fetch_add(1, Ordering::Relaxed);
        let mut leaving = CancelOnDrop { ctx: ctx.clone(), counts: Arc::clone(&self.counts), armed: true };
        let counts = Arc::clone(&self.counts);
        let joined = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let _running = Gauge::up(&counts.running);
            work()
        })
        .await;
        leaving.armed = false;
        joined.unwrap_or_else(|panic| {
            tracing::error!(error = %panic, "a query ended by a bug");
            Err(Failure::new(ErrorClass::Internal, "the query ended by a bug of this program; see its log"))
        })
    }

    async fn permit(&self, ctx: &RequestCtx) -> Result<tokio::sync::OwnedSemaphorePermit, Failure> {
        let refused = || {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            Failure::new(ErrorClass::Unavailable, "too many queries run at once; retry")
        };
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Gauge::up(&self.counts.waiting);
        if self.counts.waiting.load(Ordering::Relaxed) > self.waiting_max {
            return Err(refused());
        }
        let left =
            ctx.deadline.map_or(WAIT_MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        let acquired =
            tokio::time::timeout(left.min(WAIT_MAX), Arc::clone(&self.permits).acquire_owned()).await;
        drop(waiting);
        acquired.ok().and_then(Result::ok).ok_or_else(refused)
    }
}

/// Counts something that goes on, as long as it lives.
struct Gauge<'a>(&'a AtomicU64);

impl<'a> Gauge<'a> {
    fn up(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct CancelOnDrop {
    ctx: RequestCtx,
    counts: Arc<Counts>,
    armed: bool,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if self.armed {
            self.ctx.cancel();
            self.counts.canceled.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use store::model::{Budget, Role, StopReason, Tenant};

    use super::*;

    fn ctx(deadline: Option<Duration>) -> RequestCtx {
        let tenant = Tenant::authenticated("t").unwrap();
        let deadline = deadline.map(|left| Instant::now() + left);
        RequestCtx::new(tenant, "anonymous", Role::Read, deadline, Budget::new(1 << 20))
    }

    #[tokio::test]
    async fn a_client_that_leaves_frees_its_thread() {
        let runner = Runner::new(1);
        let ctx = ctx(None);
        let (ended, end) = tokio::sync::oneshot::channel();
        let (began, begin) = tokio::sync::oneshot::channel();
        let seen = ctx.clone();
        let work = move || {
            let _ = began.send(());
            let reason = loop {
                match seen.check() {
                    Ok(()) => std::thread::yield_now(),
                    Err(reason) => break reason,
                }
            };
            let _ = ended.send(reason);
            Ok(())
        };
        {
            let running = runner.run(&ctx, work);
            tokio::pin!(running);
            tokio::select! {
                _ = &mut running => panic!("it cannot end by itself"),
                _ = begin => {}
            }
        }
        assert_eq!(end.await.unwrap(), StopReason::Canceled);
        assert_eq!(runner.stats().canceled_total, 1);
    }

    #[tokio::test]
    async fn one_too_many_is_refused_when_its_deadline_has_passed() {
        let runner = Runner::new(1);
        let held = runner.permit(&ctx(None)).await.unwrap();
        let refused = runner.run(&ctx(Some(Duration::ZERO)), || Ok(())).await.unwrap_err();
        assert_eq!(refused.class, ErrorClass::Unavailable);
        assert_eq!(runner.stats().refused_total, 1);
        drop(held);
        runner.run(&ctx(None), || Ok(())).await.unwrap();
    }
}
