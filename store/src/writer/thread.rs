//! The writer thread: takes all that waits, one fsync for it, applies, tells taps, answers.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::queue::{Control, Queue, Work};
use super::{Ack, Job};
use crate::StoreError;
use crate::catalog::Flushed;
use crate::clock::Clock;
use crate::dedup::{Dedup, Known};
use crate::durable::replace_file;
use crate::model::{Batch, Lsn, Signal, TenantNo, WriterId};
use crate::state::{Streams, TenantState};
use crate::tap::{Applied, AppliedBatch, Taps};
use crate::wal::{Log, LogFile, Record};

/// After this long without a batch a sync mark is written behind the last group.
const IDLE: Duration = Duration::from_millis(20);
/// After this long without a batch the log gives back what only a busy one needs.
const REST_AFTER: Duration = Duration::from_secs(10);

/// All the thread needs.
pub(crate) struct WriterThread {
    pub(crate) log: Log,
    pub(crate) queue: Arc<Queue>,
    pub(crate) streams: Streams,
    pub(crate) taps: Arc<Taps>,
    pub(crate) dedup: Dedup,
    pub(crate) keys_path: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) linger: Duration,
    pub(crate) status: Arc<Mutex<LogStatus>>,
}

/// What status shows of the log, as of the last group.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct LogStatus {
    pub files: usize,
    pub size_bytes: u64,
    /// Files that failed or are damaged; they are kept when the log is cut.
    pub damaged_files: Vec<PathBuf>,
    pub synced_lsn: String,
    pub groups: u64,
    pub records: u64,
    /// Groups that could not be made durable.
    pub failures: u64,
    pub last_failure: Option<String>,
    /// Batches that are durable but could not be added to their head: a bug; their file of the log is kept.
    pub apply_failures: u64,
    /// Oldest first.
    #[serde(skip)]
    pub(crate) spans: Vec<LogSpan>,
}

/// One file of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LogSpan {
    /// The last record in it.
    pub(crate) last: Lsn,
    pub(crate) size_bytes: u64,
}

/// Closes the queue when the thread ends, however it ends.
struct Guard(Arc<Queue>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

// === impl WriterThread ===

impl WriterThread {
    pub(crate) fn run(mut self) {
        let _guard = Guard(Arc::clone(&self.queue));
        loop {
            let marks = self.log.needs_mark();
            let idle = if marks { Some(IDLE) } else { self.log.can_rest().then_some(REST_AFTER) };
            let Some(Work { jobs, controls, last }) = self.queue.take(idle, self.linger) else {
                self.log_failure(|log, now_ms| if marks { log.mark(now_ms) } else { log.rest() });
                continue;
            };
            if !jobs.is_empty() {
                self.group(jobs);
            }
            for Control::Cut { flushed, rest, reply } in controls {
                let cut = self.cut(&flushed);
                if rest {
                    self.log_failure(|log, _| log.rest());
                }
                // Nobody may wait for it any more.
                let _ = reply.send(cut);
            }
            self.update_status();
            if last {
                break;
            }
        }
        self.log_failure(Log::close);
    }

    fn group(&mut self, jobs: Vec<Job>) {
        let (mut records, rests): (Vec<Record>, Vec<Rest>) = jobs.into_iter().map(Rest::split).unzip();
        let now_ms = self.clock.now_ms();
        let committed = self.log.commit(&mut records, now_ms);
        drop(records);
        let mut rests = rests.into_iter();
        let durable = committed.lsns.len() as u64;
        for (lsn, rest) in committed.lsns.into_iter().zip(&mut rests) {
            self.finish(rest, lsn, now_ms);
        }
        let mut status = self.status.lock();
        status.groups += 1;
        status.records += durable;
        if let Some(error) = committed.error {
            tracing::error!(%error, "write-ahead log: the file is given up, the next batch gets a new one");
            status.failures += 1;
            status.last_failure = Some(error.to_string());
            drop(status);
            for rest in rests {
                rest.in_flight.refused("unavailable");
                let error = StoreError::Unavailable(format!("write-ahead log: {error}"));
                drop(rest.first);
                // Who hung up needs no answer.
                let _ = rest.reply.send(Err(error));
            }
        }
    }

    /// The batch is durable: show it, then say so.
    fn finish(&mut self, rest: Rest, lsn: Lsn, now_ms: i64) {
        match apply(&rest.tenant, &mut self.streams, rest.batch, lsn, now_ms) {
            Some(batch) => {
                let tenant = rest.tenant.name.clone();
                self.taps.offer(&Arc::new(Applied { tenant, lsn, batch }));
            }
            None => {
                self.log.keep_aside(lsn);
                self.status.lock().apply_failures += 1;
            }
        }
        if let Some(first) = rest.first {
            first.settle(now_ms, &Known { lsn, answer: Arc::clone(&rest.answer) });
        }
        rest.in_flight.stored();
        // Who hung up needs no answer.
        let _ = rest.reply.send(Ok(Ack { lsn, duplicate: false, answer: rest.answer }));
    }

    fn cut(&mut self, flushed: &[Flushed]) -> Result<usize, StoreError> {
        self.dedup.expire(self.clock.now_ms());
        let (dedup, keys_path) = (&self.dedup, &self.keys_path);
        let known: HashMap<(TenantNo, Signal, WriterId), u64> =
            flushed.iter().map(|f| ((f.tenant, f.signal, f.through.writer), f.through.counter)).collect();
        let through = |tenant, signal, writer| known.get(&(tenant, signal, writer)).copied().unwrap_or(0);
        let cut = self.log.cut(&through, &mut || replace_file(keys_path, &dedup.encode()));
        cut.map_err(|error| StoreError::Unavailable(format!("cut the write-ahead log: {error}")))
    }

    fn log_failure(&mut self, work: impl FnOnce(&mut Log, i64) -> std::io::Result<()>) {
        if let Err(error) = work(&mut self.log, self.clock.now_ms()) {
            tracing::warn!(%error, "write-ahead log: mark, seal or tidy");
        }
    }

    pub(crate) fn update_status(&self) {
        let mut status = self.status.lock();
        let files = self.log.files();
        status.files = files.len();
        status.size_bytes = files.iter().map(|file| file.size_bytes).sum();
        status.damaged_files =
            files.iter().filter(|file| file.damaged).map(|file| file.path.clone()).collect();
        status.synced_lsn = self.log.synced().to_string();
        let span = |file: &LogFile| LogSpan {
            last: Lsn { writer: file.writer, counter: file.end },
            size_bytes: file.size_bytes,
        };
        status.spans.clear();
        status.spans.extend(files.iter().map(span));
    }
}

/// A job without its record.
struct Rest {
    batch: Batch,
    tenant: Arc<TenantState>,
    answer: Arc<[u8]>,
    first: Option<crate::dedup::FirstRequest>,
    in_flight: crate::accounting::InFlight,
    reply: tokio::sync::oneshot::Sender<Result<Ack, StoreError>>,
}

impl Rest {
    fn split(job: Job) -> (Record, Self) {
        let Job { record, batch, tenant, answer, first, in_flight, reply } = job;
        (record, Self { batch, tenant, answer, first, in_flight, reply })
    }
}

/// Adds a durable batch to its head. A panic there must neither stop the writer nor the next start, which reads the
/// same record: the batch stays in the log, and `None` is counted.
pub(crate) fn apply(
    tenant: &TenantState,
    streams: &mut Streams,
    mut batch: Batch,
    lsn: Lsn,
    now_ms: i64,
) -> Option<AppliedBatch> {
    let applied = catch_unwind(AssertUnwindSafe(|| {
        streams.intern(&mut batch);
        tenant.apply(batch, lsn, now_ms)
    }));
    if applied.is_err() {
        tracing::error!(%lsn, tenant = %tenant.name, "a batch could not be added to its head");
    }
    applied.ok()
}
