//! What waits for the writer thread: batches up to a bound, and requests of the store itself.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Job;
use crate::StoreError;
use crate::catalog::Flushed;

/// A group takes no further batch once it has this many bytes: what comes later waits for the next fsync.
const GROUP_BYTES_MAX: usize = 16 << 20;

pub(crate) enum Control {
    /// Remove WAL files whose records are all flushed, and spares if the log may rest; answers how many files went.
    Cut { flushed: Vec<Flushed>, rest: bool, reply: tokio::sync::oneshot::Sender<Result<usize, StoreError>> },
}

pub(crate) struct Queue {
    state: Mutex<Waiting>,
    changed: Condvar,
    jobs_max: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    controls: VecDeque<Control>,
    closed: bool,
    refused: u64,
}

/// What the thread is to do next.
#[derive(Default)]
pub(super) struct Work {
    pub(super) jobs: Vec<Job>,
    pub(super) controls: VecDeque<Control>,
    /// Nothing comes after this.
    pub(super) last: bool,
}

// === impl Queue ===

impl Queue {
    pub(crate) fn new(jobs_max: u64) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), jobs_max: jobs_max.max(1) as usize }
    }

    #[expect(clippy::result_large_err, reason = "the job goes back to who counts it")]
    pub(super) fn push(&self, job: Job) -> Result<(), (Job, StoreError)> {
        let mut state = self.state.lock();
        if state.closed {
            return Err((job, StoreError::ShuttingDown));
        }
        if state.jobs.len() >= self.jobs_max {
            state.refused += 1;
            return Err((job, StoreError::QueueFull));
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn control(&self, control: Control) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(StoreError::ShuttingDown);
        }
        state.controls.push_back(control);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// No further batch gets in; what waits is still written.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Closes and forgets what waits: nobody will write it.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let waiting = (std::mem::take(&mut state.jobs), std::mem::take(&mut state.controls));
        drop(state);
        drop(waiting);
    }

    pub(crate) fn closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Batches that wait, and batches refused since start.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let state = self.state.lock();
        (state.jobs.len(), state.refused)
    }

    /// Waits for work; `None` when there was none for `idle`.
    pub(super) fn take(&self, idle: Option<Duration>, linger: Duration) -> Option<Work> {
        let mut state = self.state.lock();
        while state.jobs.is_empty() && state.controls.is_empty() && !state.closed {
            match idle {
                None => self.changed.wait(&mut state),
                Some(idle) if self.changed.wait_for(&mut state, idle).timed_out() => return None,
                Some(_) => {}
            }
        }
        if !linger.is_zero() && !state.closed && state.controls.is_empty() {
            self.changed.wait_while_for(
                &mut state,
                |state| !state.closed && state.jobs.len() < self.jobs_max,
                linger,
            );
        }
        let mut bytes = 0;
        let mut work = Work { controls: std::mem::take(&mut state.controls), ..Work::default() };
        while bytes < GROUP_BYTES_MAX
            && let Some(job) = state.jobs.pop_front()
        {
            bytes += job.record.len();
            work.jobs.push(job);
        }
        work.last = state.closed && state.jobs.is_empty();
        Some(work)
    }
}
