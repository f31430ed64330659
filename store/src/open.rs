//! Opening a data directory: lock, catalog, log, threads, in this order.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::accounting::Accounting;
use crate::blobs::{Blobs, LocalBlobs};
use crate::catalog::{Catalog, CatalogError, Opened, SqliteCatalog};
use crate::clock::Clock;
use crate::damage::{DamageList, DamagedKind};
use crate::dedup::{Dedup, Known};
use crate::durable::{Disk, RealDisk, create_dir};
use crate::flush::{self, Files, Listed, Maintenance};
use crate::model::{Lsn, Signal, TenantNo, WriterId};
use crate::parallel::Helpers;
use crate::segment::StreamInterner;
use crate::segment::events::WarmBlocks;
use crate::segment::samples::WarmSamples;
use crate::state::{Streams, Tenants};
use crate::store::Shared;
use crate::tap::Taps;
use crate::wal::{Log, LogFile, ReplayError, ReplayReport, Replayed, first_lsns, replay};
use crate::writer::{LogStatus, Queue, WriterThread, apply};
use crate::{Config, OpenError, StoreError};

const LOCK_FILE: &str = "lock";
const WAL_DIR: &str = "wal";
const BLOBS_DIR: &str = "segments";
const QUARANTINE_DIR: &str = "quarantine";
const KEYS_FILE: &str = "wal.keys";
/// Segments that are opened before the store is ready.
const OPEN_AT_START_MAX: usize = 1024;
const META_KEY_SEED: &str = "key_seed";

/// Puts another implementation before the one of the machine.
pub(crate) type Wrap<T> = Box<dyn FnOnce(Arc<T>) -> Arc<T>>;

/// What the store stands on; tests put failing ones in their place.
pub(crate) struct Ground {
    /// Of the log.
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Clock,
    pub(crate) blobs: Wrap<dyn Blobs>,
    pub(crate) catalog: Wrap<dyn Catalog>,
}

impl Ground {
    pub(crate) fn machine() -> Self {
        Self {
            disk: Arc::new(RealDisk),
            clock: Clock::start(),
            blobs: Box::new(|blobs| blobs),
            catalog: Box::new(|catalog| catalog),
        }
    }
}

pub(crate) fn open(config: Config, ground: Ground) -> Result<Shared, OpenError> {
    let Ground { disk, clock, .. } = ground;
    let dir = config.data_dir.clone();
    create_dir(&dir).map_err(io("create", &dir))?;
    let lock = lock(&dir)?;
    let damage = DamageList::default();
    let Opened { catalog, damage: found, rebuild } = SqliteCatalog::open(&dir, clock.now_ms())?;
    for finding in found {
        damage.add(DamagedKind::Catalog, finding.moved_to, finding.reason);
    }
    let catalog = (ground.catalog)(Arc::new(catalog));
    let key_seed = key_seed(&*catalog)?;
    let blobs = LocalBlobs::open(dir.join(BLOBS_DIR), dir.join(QUARANTINE_DIR)).map_err(io("open", &dir))?;
    let blobs = (ground.blobs)(Arc::new(blobs));
    let wal_dir = dir.join(WAL_DIR);
    create_dir(&wal_dir).map_err(io("create", &wal_dir))?;
    let log = first_lsns(&*disk, &wal_dir).map_err(replay_error)?.into_iter().collect();
    let files = Files { catalog: &*catalog, blobs: &*blobs, damage: &damage, log };
    let maintenance = Arc::new(Maintenance::default());
    maintenance.no_merges_of(files.settle(rebuild)?);
    let restored = Restored::read(&config, &catalog, &*disk, &damage, &clock)?;
    let writer_id = catalog.new_writer(restored.writer_max).map_err(other("draw a writer id"))?;
    let taps = Arc::new(Taps::default());
    let queue = Arc::new(Queue::new(config.limits.writer_queue_batches_max));
    let status = Arc::new(Mutex::new(LogStatus::default()));
    let log = Log::new(disk, &wal_dir, writer_id, config.wal_file_bytes, restored.files);
    let writer = WriterThread {
        log: log.map_err(io("list", &wal_dir))?,
        queue: Arc::clone(&queue),
        streams: restored.streams,
        taps: Arc::clone(&taps),
        dedup: restored.dedup.clone(),
        keys_path: dir.join(KEYS_FILE),
        clock: clock.clone(),
        linger: config.group_linger,
        status: Arc::clone(&status),
    };
    // Before the thread runs: who opened the store sees what was found.
    writer.update_status();
    let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || writer.run());
    let thread = thread.map_err(|error| OpenError::Other(format!("start the writer thread: {error}")))?;
    let shared = Shared {
        config,
        key_seed,
        writer_id,
        tenants: restored.tenants,
        queue,
        dedup: restored.dedup,
        accounting: Accounting::default(),
        taps,
        damage,
        log: status,
        replayed: restored.records,
        clock,
        thread: Mutex::new(Some(thread)),
        catalog,
        blobs,
        streams: StreamInterner::default(),
        warm: WarmBlocks::default(),
        warm_samples: WarmSamples::default(),
        helpers: Helpers::of_machine(),
        maintenance,
        opening: Mutex::new(()),
        _lock: lock,
    };
    list_segments(&shared)?;
    Ok(shared)
}

/// Gives each tenant its segments. The first few are opened at once, so that damage shows at start; further ones when
/// they are asked for.
fn list_segments(shared: &Shared) -> Result<(), OpenError> {
    let rows = shared.catalog.segments().map_err(other("list segments"))?;
    let tenants = shared.tenants.by_number();
    let mut listed: HashMap<TenantNo, Vec<Listed>> = HashMap::new();
    for row in rows {
        listed.entry(row.tenant).or_default().push(Listed { row, open: None });
    }
    let mut opened = 0;
    for (no, segments) in listed {
        let Some(tenant) = tenants.get(&no) else {
            let detail =
                format!("{} segments of tenant {} are left out: it is not known", segments.len(), no.0);
            shared.damage.add(DamagedKind::Catalog, None, detail);
            continue;
        };
        opened += segments.len();
        tenant.change(|open| open.replace(&[], segments));
        if opened <= OPEN_AT_START_MAX {
            flush::open_all_of(shared, tenant);
        }
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK_FILE);
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { action: "lock", path, source }),
    }
}

/// Drawn once for a data directory: keys of two installations have nothing in common.
fn key_seed(catalog: &dyn Catalog) -> Result<u64, OpenError> {
    let known = catalog.meta(META_KEY_SEED).map_err(other("read the key seed"))?;
    if let Some(seed) = known.and_then(|bytes| bytes.try_into().ok()) {
        return Ok(u64::from_le_bytes(seed));
    }
    use std::hash::{BuildHasher as _, Hasher as _};
    let seed = std::hash::RandomState::new().build_hasher().finish();
    catalog.set_meta(META_KEY_SEED, &seed.to_le_bytes()).map_err(other("keep the key seed"))?;
    Ok(seed)
}

/// What earlier lives left.
struct Restored {
    tenants: Tenants,
    dedup: Dedup,
    streams: Streams,
    files: Vec<LogFile>,
    writer_max: WriterId,
    records: u64,
}

impl Restored {
    fn read(
        config: &Config,
        catalog: &Arc<dyn Catalog>,
        disk: &dyn Disk,
        damage: &DamageList,
        clock: &Clock,
    ) -> Result<Self, OpenError> {
        let tenants = Tenants::new(config.limits, &config.data_dir);
        for (no, tenant) in catalog.tenants().map_err(other("list tenants"))? {
            tenants.get_or_add(&tenant, no);
        }
        let flushed = catalog.flushed().map_err(other("list flushed records"))?;
        let flushed =
            flushed.iter().map(|f| ((f.tenant, f.signal, f.through.writer), f.through.counter)).collect();
        let dedup = Dedup::new(config.limits.dedup_keys_max, config.limits.dedup_keep_ms);
        restore_keys(&config.data_dir.join(KEYS_FILE), &dedup, damage);
        let wal_dir = config.data_dir.join(WAL_DIR);
        let mut streams = Streams::default();
        let mut failed = Vec::new();
        let mut take = |record: Replayed| {
            let lsn = record.lsn;
            let taken = take_back(record, catalog, &tenants, &flushed, &dedup, &mut streams, clock.now_ms());
            if let Err(error) = taken {
                failed.push((lsn, error));
            }
        };
        let mut report = replay(disk, &wal_dir, &mut take).map_err(replay_error)?;
        for (lsn, error) in failed {
            damage.add(DamagedKind::Wal, None, format!("record {lsn} could not be taken back: {error}"));
            keep_aside(&mut report.files, lsn);
        }
        dedup.restored(clock.now_ms());
        name_losses(&report, damage);
        let by_number = tenants.by_number();
        for stored in catalog.stored().map_err(other("read counters"))? {
            if let Some(state) = by_number.get(&stored.tenant) {
                state.set_flushed_rows(stored.signal, stored.rows);
            }
        }
        let ReplayReport { records, files, writer_max, .. } = report;
        Ok(Self { tenants, dedup, streams, files, writer_max: WriterId(writer_max), records })
    }
}

fn restore_keys(path: &Path, dedup: &Dedup, damage: &DamageList) {
    let wrong = match fs::read(path) {
        Ok(bytes) => dedup.decode(&bytes).is_none().then(|| "it is damaged".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => Some(error.to_string()),
    };
    if let Some(wrong) = wrong {
        let detail = format!("{wrong}: retries of requests before the last start may be stored twice");
        damage.add(DamagedKind::BatchKeys, Some(path.to_owned()), detail);
    }
}

/// One record of the log: its key counts in any case; its batch goes to the head unless it is in segments, or repeats
/// another.
fn take_back(
    record: Replayed,
    catalog: &Arc<dyn Catalog>,
    tenants: &Tenants,
    flushed: &HashMap<(TenantNo, Signal, WriterId), u64>,
    dedup: &Dedup,
    streams: &mut Streams,
    now_ms: i64,
) -> Result<(), StoreError> {
    let Replayed { lsn, tenant_no, tenant, key, time_ms, answer, batch } = record;
    let new = match key {
        Some(key) => dedup.restore(key, time_ms, Known { lsn, answer: answer.into() }),
        None => true,
    };
    let through = flushed.get(&(tenant_no, batch.signal(), lsn.writer));
    if !new || through.is_some_and(|through| lsn.counter <= *through) {
        return Ok(());
    }
    let state = match tenants.get(&tenant) {
        Some(state) => state,
        None => {
            catalog.restore_tenant(&tenant, tenant_no)?;
            tenants.get_or_add(&tenant, tenant_no)
        }
    };
    let applied = apply(&state, streams, batch, lsn, now_ms);
    applied.map(drop).ok_or_else(|| StoreError::Internal("adding it to its head panicked".to_owned()))
}

/// What could not be taken back may be nowhere else: its file is not removed with the others.
fn keep_aside(files: &mut [LogFile], lsn: Lsn) {
    let mut of_writer = files.iter_mut().filter(|file| file.writer == lsn.writer);
    if let Some(file) = of_writer.find(|file| file.end >= lsn.counter) {
        file.damaged = true;
    }
}

fn name_losses(report: &ReplayReport, damage: &DamageList) {
    for loss in &report.losses {
        let detail = format!("records {} to {} are lost: {}", loss.first, loss.last, loss.reason);
        damage.add(DamagedKind::Wal, Some(loss.path.clone()), detail);
    }
    for path in &report.unreadable {
        let detail = "both copies of the file's header are damaged: its records are lost".to_owned();
        damage.add(DamagedKind::Wal, Some(path.clone()), detail);
    }
}

fn replay_error(error: ReplayError) -> OpenError {
    match error {
        ReplayError::Io { path, source } => OpenError::Io { action: "read", path, source },
        ReplayError::Newer { path, found, program } => {
            OpenError::Newer { path, found: u32::from(found), known: crate::wal::FORMAT, needed: program }
        }
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> OpenError {
    let path = PathBuf::from(path);
    move |source| OpenError::Io { action, path, source }
}

fn other(action: &'static str) -> impl FnOnce(CatalogError) -> OpenError {
    move |error| OpenError::Other(format!("{action}: {error}"))
}
