//! An open store and what its parts share.

use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::accounting::Accounting;
use crate::blobs::Blobs;
use crate::blocking::blocking;
use crate::catalog::{Catalog, SegmentRow};
use crate::clock::Clock;
use crate::damage::{DamageList, DamagedKind};
use crate::dedup::Dedup;
use crate::erasure::{Erasure, Erasures};
use crate::events_view::EventsView;
use crate::flush::{self, Maintenance};
use crate::model::{Signal, Tenant, WriterId};
use crate::open::Ground;
use crate::parallel::Helpers;
use crate::samples_view::{OnDamage, SamplesView};
use crate::segment::StreamInterner;
use crate::segment::events::WarmBlocks;
use crate::segment::samples::WarmSamples;
use crate::state::{TenantState, Tenants};
use crate::tap::{Tap, Taps};
use crate::writer::{Control, LogStatus, Queue};
use crate::{Config, Documents, MetricRow, OpenError, Snapshot, Status, StoreError, Writer};

/// A handle; cheap to clone.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) key_seed: u64,
    pub(crate) writer_id: WriterId,
    pub(crate) tenants: Tenants,
    pub(crate) queue: Arc<Queue>,
    pub(crate) dedup: Dedup,
    pub(crate) accounting: Accounting,
    pub(crate) taps: Arc<Taps>,
    pub(crate) damage: DamageList,
    pub(crate) log: Arc<Mutex<LogStatus>>,
    pub(crate) replayed: u64,
    pub(crate) clock: Clock,
    pub(crate) thread: Mutex<Option<JoinHandle<()>>>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) streams: StreamInterner,
    pub(crate) warm: WarmBlocks,
    pub(crate) warm_samples: WarmSamples,
    pub(crate) helpers: Helpers,
    pub(crate) maintenance: Arc<Maintenance>,
    /// Held by whoever opens segments.
    pub(crate) opening: Mutex<()>,
    /// Last, so that the directory is ours until everything above is closed.
    pub(crate) _lock: File,
}

impl Store {
    /// Opens a data directory, making it if it is missing, and reads the log. Blocking.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let shared = Arc::new(crate::open::open(config, Ground::machine())?);
        flush::start(&shared)?;
        Ok(Self(shared))
    }

    pub fn writer(&self) -> Writer {
        Writer(Arc::clone(&self.0))
    }

    /// A consistent view of one tenant's data, as of now. Blocking: it may have to open files.
    pub fn snapshot(&self, tenant: &Tenant) -> Snapshot {
        let Some(state) = self.0.tenants.get(tenant) else { return Snapshot::default() };
        state.touch(self.0.clock.now_ms());
        flush::open_all_of(&self.0, &state);
        let damage = self.0.damage.clone();
        let on_damage: OnDamage = Arc::new(move |number, what| {
            damage.add(DamagedKind::Segment, None, format!("segment {number:016x}: {what}"))
        });
        state.read(|heads| {
            let segments = &heads.segments;
            let samples = SamplesView::new(heads.samples.heads(), segments.samples(), Some(on_damage))
                .with(&self.0.helpers)
                .strict(self.0.config.strict_names);
            let view =
                |batches, signal| EventsView::new(batches, segments.events(signal)).with(&self.0.helpers);
            let logs = view(heads.logs.batches(), Signal::Logs);
            let spans = view(heads.spans.batches(), Signal::Spans);
            Snapshot::new(logs, spans, samples).without(state.erasures().1)
        })
    }

    /// From now on these log records of a tenant are deleted, and no others: snapshots taken later do not show them, and
    /// segments are written anew without them as maintenance comes to it.
    pub async fn erase(&self, tenant: &Tenant, erasures: Vec<Arc<dyn Erasure>>) -> Result<(), StoreError> {
        self.0.tenant(tenant).await?.set_erasures(Erasures::new(erasures));
        Ok(())
    }

    /// Whether the deleted records are gone from memory and from all segments. Blocking.
    pub fn erased(&self, tenant: &Tenant) -> bool {
        self.0.tenants.get(tenant).is_none_or(|state| flush::is_erased(&self.0, &state))
    }

    /// Follows all tenants' batches as they are applied; at most `capacity` wait.
    pub fn tap(&self, capacity: usize) -> Tap {
        self.0.taps.open(capacity)
    }

    pub fn documents(&self) -> Documents {
        Documents(Arc::clone(&self.0.catalog))
    }

    /// Turns all heads into segments; returns when they are in the catalog.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.0);
        blocking(move || flush::flush_all(&shared).and_then(|()| shared.cut_log(true).map(drop))).await?
    }

    /// Whether batches are taken now.
    pub fn ready(&self) -> bool {
        !self.0.queue.closed()
    }

    pub async fn status(&self) -> Status {
        let shared = Arc::clone(&self.0);
        let status = blocking(move || Status::of(&shared)).await;
        status.unwrap_or_else(|error| Status { error: Some(error.to_string()), ..Status::default() })
    }

    /// All numbers of the store, for `/metrics`; cheap, and records are accounted for exactly.
    pub fn metrics(&self) -> Vec<MetricRow> {
        crate::status::metrics(&self.0)
    }

    /// Stops taking batches, finishes what was taken, closes files.
    pub async fn shutdown(&self) {
        let shared = Arc::clone(&self.0);
        // An error would be a panic of the writer thread, which has been logged.
        let _ = blocking(move || {
            shared.maintenance.stop();
            shared.stop_writer();
        })
        .await;
        self.0.taps.close();
    }
}

impl Shared {
    /// The tenant's state; a new tenant gets its number in the catalog first.
    pub(crate) async fn tenant(&self, tenant: &Tenant) -> Result<Arc<TenantState>, StoreError> {
        if let Some(state) = self.tenants.get(tenant) {
            return Ok(state);
        }
        let (catalog, name) = (Arc::clone(&self.catalog), tenant.clone());
        let tenants_max = self.config.limits.tenants_max;
        let no = blocking(move || catalog.tenant_no(&name, tenants_max)).await??;
        Ok(self.tenants.get_or_add(tenant, no))
    }

    /// Removes the WAL files whose records are all in segments; returns how many went. Blocking. `rest`: nothing is
    /// expected to come soon, the log may give its spares back.
    pub(crate) fn cut_log(&self, rest: bool) -> Result<usize, StoreError> {
        let flushed = self.catalog.flushed()?;
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.queue.control(Control::Cut { flushed, rest, reply })?;
        answer.blocking_recv().map_err(|_| StoreError::ShuttingDown)?
    }

    /// Removes files of segments the catalog does not list any more. Those that cannot be removed stay until the next
    /// start; until then nothing is merged where they are, so that what took their place stays and names them.
    pub(crate) fn delete_segments(&self, rows: &[SegmentRow]) {
        let keys: Vec<_> = rows.iter().map(flush::key).collect();
        if let Err(error) = self.blobs.delete(&keys) {
            tracing::warn!(%error, segments = keys.len(), "files of segments stay until the next start");
            self.maintenance.no_merges_of(rows.iter().map(|row| (row.tenant, row.signal)).collect());
        }
    }

    fn stop_writer(&self) {
        self.queue.close();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.maintenance.stop();
        self.stop_writer();
    }
}
