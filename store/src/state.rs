//! What every tenant has in memory: a head per signal, and while one is turned into segments the sealed head beside the
//! fresh one. One lock per tenant decides what a snapshot sees, so a record is never seen twice or not at all.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use crate::erasure::Erasures;
use crate::flush::OpenSegments;
use crate::head::{EventHead, LabelOverflow, SampleHead};
use crate::model::{Batch, EventBatch, Limits, Lsn, Signal, Stream, Tenant, TenantNo, WriterId};
use crate::room::Room;
use crate::tap::AppliedBatch;

/// All tenants that were seen; cheap to clone.
#[derive(Clone)]
pub(crate) struct Tenants {
    known: Arc<RwLock<HashMap<Tenant, Arc<TenantState>>>>,
    limits: Limits,
    room: Arc<Room>,
    /// Where heads may make files.
    folder: Arc<Path>,
}

pub(crate) struct TenantState {
    pub(crate) no: TenantNo,
    pub(crate) name: Tenant,
    limits: Limits,
    room: Arc<Room>,
    heads: RwLock<TenantHeads>,
    /// When its segments were last wanted, in Unix milliseconds.
    used_ms: AtomicI64,
    /// Deleted log records, and how often that list changed.
    erasures: RwLock<(u64, Erasures)>,
}

/// What one lock guards: heads, and the segments that are open for reading.
#[derive(Default)]
pub(crate) struct TenantHeads {
    pub(crate) logs: Heads<EventHead>,
    pub(crate) spans: Heads<EventHead>,
    pub(crate) samples: Heads<Arc<RwLock<SampleHead>>>,
    pub(crate) segments: OpenSegments,
}

/// One signal's head, and the one being flushed.
#[derive(Default)]
pub(crate) struct Heads<H> {
    pub(crate) fresh: H,
    pub(crate) range: HeadRange,
    pub(crate) sealed: Option<(H, HeadRange)>,
    /// Rows that went to segments since the data directory was made.
    pub(crate) flushed_rows: u64,
}

/// What a head holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadRange {
    pub(crate) rows: u64,
    pub(crate) size_bytes: u64,
    /// When its first batch came, in Unix milliseconds.
    pub(crate) since_ms: i64,
    /// First and last LSN of each writer: after a replay there may be several.
    pub(crate) lsns: BTreeMap<WriterId, (u64, u64)>,
}

/// One signal of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadSummary {
    pub(crate) fresh: HeadRange,
    pub(crate) sealed: Option<HeadRange>,
    pub(crate) flushed_rows: u64,
}

/// A head no batch is added to any more.
#[derive(Clone)]
pub(crate) struct SealedHead {
    pub(crate) data: SealedData,
    pub(crate) range: HeadRange,
}

#[derive(Clone)]
pub(crate) enum SealedData {
    Events(Vec<Arc<EventBatch>>),
    Samples(Arc<RwLock<SampleHead>>),
}

// === impl Tenants ===

impl Tenants {
    pub(crate) fn new(limits: Limits, folder: &Path) -> Self {
        Self { known: Arc::default(), limits, room: Arc::default(), folder: folder.into() }
    }

    pub(crate) fn get(&self, tenant: &Tenant) -> Option<Arc<TenantState>> {
        self.known.read().get(tenant).cloned()
    }

    pub(crate) fn get_or_add(&self, tenant: &Tenant, no: TenantNo) -> Arc<TenantState> {
        let mut tenants = self.known.write();
        let new = || TenantState::new(no, tenant.clone(), self.limits, &self.folder, Arc::clone(&self.room));
        Arc::clone(tenants.entry(tenant.clone()).or_insert_with(|| Arc::new(new())))
    }

    /// What all heads hold.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    pub(crate) fn all(&self) -> Vec<Arc<TenantState>> {
        self.known.read().values().cloned().collect()
    }

    pub(crate) fn by_number(&self) -> HashMap<TenantNo, Arc<TenantState>> {
        self.known.read().values().map(|state| (state.no, Arc::clone(state))).collect()
    }
}

// === impl TenantState ===

impl TenantState {
    fn new(no: TenantNo, name: Tenant, limits: Limits, folder: &Arc<Path>, room: Arc<Room>) -> Self {
        let heads = TenantHeads::default();
        heads.samples.fresh.write().set_limits(&limits);
        heads.samples.fresh.write().set_folder(folder);
        let (heads, used_ms) = (RwLock::new(heads), AtomicI64::new(0));
        Self { no, name, limits, room, heads, used_ms, erasures: RwLock::default() }
    }

    /// Labels of metrics that are being folded.
    pub(crate) fn overflows(&self) -> Vec<LabelOverflow> {
        self.heads.read().samples.fresh.read().overflows()
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&TenantHeads) -> T) -> T {
        look(&self.heads.read())
    }

    pub(crate) fn erasures(&self) -> (u64, Erasures) {
        self.erasures.read().clone()
    }

    pub(crate) fn set_erasures(&self, erasures: Erasures) {
        let mut held = self.erasures.write();
        *held = (held.0 + 1, erasures);
    }

    pub(crate) fn used_ms(&self) -> i64 {
        self.used_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn touch(&self, now_ms: i64) {
        self.used_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Adds a durable batch.
    pub(crate) fn apply(&self, batch: Batch, lsn: Lsn, now_ms: i64) -> AppliedBatch {
        let (rows, size_bytes) = (batch.rows() as u64, batch.size_bytes() as u64);
        let mut heads = self.heads.write();
        let (applied, range) = match batch {
            Batch::Events(events) => {
                let events = Arc::new(events);
                let heads = heads.events(events.signal());
                heads.fresh.push(Arc::clone(&events));
                (AppliedBatch::Events(events), &mut heads.range)
            }
            Batch::Samples(samples) => {
                let mut head = heads.samples.fresh.write();
                head.push(&samples);
                let held = head.size_bytes();
                drop(head);
                let range = &mut heads.samples.range;
                range.add(rows, 0, lsn, now_ms);
                self.room.changed(range.size_bytes, held);
                range.size_bytes = held;
                return AppliedBatch::Samples(Arc::new(samples));
            }
        };
        range.add(rows, size_bytes, lsn, now_ms);
        self.room.changed(0, size_bytes);
        applied
    }

    /// What a signal has in memory, and what it ever had, at one moment.
    pub(crate) fn summary(&self, signal: Signal) -> HeadSummary {
        let heads = self.heads.read();
        match signal {
            Signal::Logs => heads.logs.summary(),
            Signal::Spans => heads.spans.summary(),
            Signal::Samples => heads.samples.summary(),
        }
    }

    /// What the catalog knows at open.
    pub(crate) fn set_flushed_rows(&self, signal: Signal, rows: u64) {
        let mut heads = self.heads.write();
        match signal {
            Signal::Samples => heads.samples.flushed_rows = rows,
            events => heads.events(events).flushed_rows = rows,
        }
    }

    /// Takes a signal's head out of the way of new batches; snapshots still see it. A head that is sealed already, as
    /// after a flush that failed, comes back again. `None`: there is nothing.
    pub(crate) fn seal(&self, signal: Signal) -> Option<SealedHead> {
        let mut heads = self.heads.write();
        match signal {
            Signal::Samples => {
                let again = heads.samples.sealed.is_some();
                let (head, range) = heads.samples.seal()?.clone();
                if !again {
                    let mut next = head.write().successor();
                    next.set_limits(&self.limits);
                    heads.samples.fresh = Arc::new(RwLock::new(next));
                }
                Some(SealedHead { data: SealedData::Samples(head), range })
            }
            events => {
                let (head, range) = heads.events(events).seal()?;
                Some(SealedHead { data: SealedData::Events(head.batches()), range: range.clone() })
            }
        }
    }

    /// Changes what is open for reading.
    pub(crate) fn change(&self, change: impl FnOnce(&mut OpenSegments)) {
        change(&mut self.heads.write().segments);
    }

    /// Takes the sealed head away and, under the same lock, lets `publish` add the segments it became.
    pub(crate) fn unseal(&self, signal: Signal, publish: impl FnOnce(&mut TenantHeads)) {
        let mut heads = self.heads.write();
        let freed = match signal {
            Signal::Samples => heads.samples.unseal(),
            events => heads.events(events).unseal(),
        };
        publish(&mut heads);
        drop(heads);
        self.room.changed(freed, 0);
    }
}

impl TenantHeads {
    /// What a signal has in memory: sealed, and fresh.
    pub(crate) fn ranges(&self, signal: Signal) -> (Option<&HeadRange>, &HeadRange) {
        match signal {
            Signal::Logs => self.logs.ranges(),
            Signal::Spans => self.spans.ranges(),
            Signal::Samples => self.samples.ranges(),
        }
    }

    fn events(&mut self, signal: Signal) -> &mut Heads<EventHead> {
        if signal == Signal::Logs { &mut self.logs } else { &mut self.spans }
    }
}

// === impl Heads ===

impl<H: Default> Heads<H> {
    fn seal(&mut self) -> Option<&(H, HeadRange)> {
        if self.sealed.is_none() && self.range.rows > 0 {
            self.sealed = Some((std::mem::take(&mut self.fresh), std::mem::take(&mut self.range)));
        }
        self.sealed.as_ref()
    }

    /// The bytes it held.
    fn unseal(&mut self) -> u64 {
        let Some((_, range)) = self.sealed.take() else { return 0 };
        self.flushed_rows += range.rows;
        range.size_bytes
    }

    fn ranges(&self) -> (Option<&HeadRange>, &HeadRange) {
        (self.sealed.as_ref().map(|(_, range)| range), &self.range)
    }

    fn summary(&self) -> HeadSummary {
        let sealed = self.sealed.as_ref().map(|(_, range)| range.clone());
        HeadSummary { fresh: self.range.clone(), sealed, flushed_rows: self.flushed_rows }
    }
}

impl Heads<EventHead> {
    /// Sealed first: the order they came in.
    pub(crate) fn batches(&self) -> Vec<Arc<EventBatch>> {
        let mut batches = self.sealed.as_ref().map_or_else(Vec::new, |(head, _)| head.batches());
        batches.extend(self.fresh.batches());
        batches
    }
}

impl Heads<Arc<RwLock<SampleHead>>> {
    /// Sealed first.
    pub(crate) fn heads(&self) -> Vec<Arc<RwLock<SampleHead>>> {
        self.sealed.iter().map(|(head, _)| head).chain([&self.fresh]).cloned().collect()
    }
}

impl HeadSummary {
    pub(crate) fn in_memory(&self) -> impl Iterator<Item = &HeadRange> {
        self.sealed.iter().chain([&self.fresh])
    }

    /// Rows that ever became durable.
    pub(crate) fn stored_rows(&self) -> u64 {
        self.flushed_rows + self.in_memory().map(|range| range.rows).sum::<u64>()
    }
}

impl HeadRange {
    /// The last LSN of each writer: what a flush of this head moves flushed-through to.
    pub(crate) fn last_lsns(&self) -> impl Iterator<Item = Lsn> {
        self.lsns.iter().map(|(writer, (_, last))| Lsn { writer: *writer, counter: *last })
    }

    fn add(&mut self, rows: u64, size_bytes: u64, lsn: Lsn, now_ms: i64) {
        if self.rows == 0 {
            self.since_ms = now_ms;
        }
        self.rows += rows;
        self.size_bytes += size_bytes;
        self.lsns.entry(lsn.writer).or_insert((lsn.counter, lsn.counter)).1 = lsn.counter;
    }
}

// === interning ===

/// One copy of each stream that some batch still holds.
#[derive(Default)]
pub(crate) struct Streams {
    known: hashbrown::HashMap<u128, Weak<Stream>, rustc_hash::FxBuildHasher>,
    /// At this many entries the dead ones are swept out.
    sweep_at: usize,
}

const SWEEP_LEAST: usize = 1024;

impl Streams {
    pub(crate) fn intern(&mut self, batch: &mut Batch) {
        let mut shared = |stream| self.shared(stream);
        match batch {
            Batch::Events(events) => events.intern_streams(&mut shared),
            Batch::Samples(samples) => samples.intern_streams(&mut shared),
        }
        if self.known.len() > self.sweep_at.max(SWEEP_LEAST) {
            self.known.retain(|_, stream| stream.strong_count() > 0);
            self.sweep_at = self.known.len() * 2;
        }
    }

    fn shared(&mut self, stream: Arc<Stream>) -> Arc<Stream> {
        let known = self.known.get(&stream.hash()).and_then(Weak::upgrade);
        match known.filter(|known| *known == stream) {
            Some(known) => known,
            None => {
                self.known.insert(stream.hash(), Arc::downgrade(&stream));
                stream
            }
        }
    }
}
