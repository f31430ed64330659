//! The catalog in a SQLite file, on a thread of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::{Connection, Transaction};

use super::copy::Copy;
use super::opening::{move_aside, open_checked, restored};
use super::tables::{self, OwnedDocument, Result};
use super::{Catalog, CatalogError, Damage, Flushed, SegmentChange, SegmentId, SegmentRow, StoredRows};
use crate::OpenError;
use crate::documents::{Change, Document, DocumentKind};
use crate::durable;
use crate::model::{Tenant, TenantNo, WriterId};

const FILE: &str = "catalog.db";
const COPY_FILE: &str = "catalog.copy";
/// Calls that wait for the thread; more block their callers.
const CALLS_MAX: usize = 256;
/// A copy up to this size is written with every change, a larger one at most once per [`COPY_PAUSE`].
const COPY_EAGER_BYTES_MAX: usize = 256 << 10;
const COPY_PAUSE: Duration = Duration::from_secs(1);

pub(super) const META_GENERATION: &str = "generation";
const META_WRITER: &str = "writer";
const META_SEGMENT: &str = "segment";

enum Call {
    Work(Box<dyn FnOnce(&mut Db) + Send>),
    /// Those that wait share one transaction.
    NewTenant(NewTenant),
}

/// A tenant that wants a number.
struct NewTenant {
    tenant: Tenant,
    tenants_max: u64,
    reply: SyncSender<Result<TenantNo>>,
}

/// The handle of the thread.
pub(crate) struct SqliteCatalog {
    calls: Mutex<Option<SyncSender<Call>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A catalog after open, and what was found out on the way.
pub(crate) struct Opened {
    pub(crate) catalog: SqliteCatalog,
    pub(crate) damage: Vec<Damage>,
    /// The list of segments was lost: it must be made again from their footers before anything is removed.
    pub(crate) rebuild: bool,
}

struct Db {
    connection: Connection,
    copy_path: PathBuf,
    copied_at: Option<Instant>,
    copy_bytes: usize,
    copy_is_old: bool,
}

// === opening ===

impl SqliteCatalog {
    /// `now_ms` names damaged files that are moved aside.
    pub(crate) fn open(dir: &Path, now_ms: i64) -> std::result::Result<Opened, OpenError> {
        let (path, copy_path) = (dir.join(FILE), dir.join(COPY_FILE));
        let mut damage = Vec::new();
        let copy = match fs::read(&copy_path) {
            Ok(bytes) => Copy::decode(&bytes).map_err(|error| damage.push(damaged(&error, None))).ok(),
            Err(_) => None,
        };
        let existed = path.exists();
        let lost = !existed && (copy.is_some() || !damage.is_empty());
        if lost {
            damage.push(Damage { reason: "the catalog's file is gone".to_owned(), moved_to: None });
        }
        // A file that was just made has lost nothing by itself.
        let generation = copy.as_ref().filter(|_| !lost).map_or(0, |copy| copy.generation);
        let mut rebuild = lost;
        let checked = open_checked(&path, generation)?;
        let connection = match checked {
            Ok(connection) if !lost => connection,
            Ok(connection) => restored(connection, copy.as_ref())?,
            Err(error) => {
                rebuild = true;
                damage.push(damaged(&error, Some(move_aside(&path, now_ms)?)));
                let fresh = open_checked(&path, 0)?.map_err(|error| OpenError::Other(error.to_string()))?;
                restored(fresh, copy.as_ref())?
            }
        };
        let mut db = Db { connection, copy_path, copied_at: None, copy_bytes: 0, copy_is_old: true };
        db.write_copy();
        let catalog = Self::start(db)?;
        Ok(Opened { catalog, damage, rebuild })
    }

    fn start(mut db: Db) -> std::result::Result<Self, OpenError> {
        let (sender, receiver) = sync_channel::<Call>(CALLS_MAX);
        let work = move || {
            let mut next = None;
            loop {
                let call = next.take().map_or_else(|| receiver.recv_timeout(COPY_PAUSE), Ok);
                match call {
                    Ok(Call::Work(work)) => work(&mut db),
                    Ok(Call::NewTenant(first)) => next = db.add_tenants(first, &receiver),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if db.copy_is_due() {
                    db.write_copy();
                }
            }
            if db.copy_is_old {
                db.write_copy();
            }
            db.checkpoint();
        };
        let thread = std::thread::Builder::new().name("catalog".to_owned()).spawn(work);
        let thread =
            thread.map_err(|error| OpenError::Other(format!("start the catalog's thread: {error}")))?;
        Ok(Self { calls: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    fn call<T: Send + 'static>(&self, work: impl FnOnce(&mut Db) -> Result<T> + Send + 'static) -> Result<T> {
        let (reply, answer) = sync_channel(1);
        self.send(Call::Work(Box::new(move |db| drop(reply.send(work(db))))))?;
        answer.recv().map_err(|_| stopped())?
    }

    fn send(&self, call: Call) -> Result<()> {
        let sender = self.calls.lock().clone();
        sender.ok_or_else(stopped)?.send(call).map_err(|_| stopped())
    }
}

fn stopped() -> CatalogError {
    CatalogError::Failed("its thread has stopped".to_owned())
}

impl Drop for SqliteCatalog {
    fn drop(&mut self) {
        self.calls.lock().take();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread has been reported by its callers' errors.
            let _ = thread.join();
        }
    }
}

fn damaged(error: &CatalogError, moved_to: Option<PathBuf>) -> Damage {
    Damage { reason: error.to_string(), moved_to }
}

// === impl Db ===

impl Db {
    /// A transaction over things that are in the copy too.
    fn change_copied<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let result = self.change_copied_later(work)?;
        if self.copy_bytes <= COPY_EAGER_BYTES_MAX || self.copy_is_due() {
            self.write_copy();
        }
        Ok(result)
    }

    /// The same for what the log and segments know too: the copy may come within [`COPY_PAUSE`].
    fn change_copied_later<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let transaction = self.connection.transaction()?;
        let result = work(&transaction)?;
        let generation = tables::meta_number(&transaction, META_GENERATION)? + 1;
        tables::set_meta(&transaction, META_GENERATION, &generation.to_le_bytes())?;
        transaction.commit()?;
        self.copy_is_old = true;
        Ok(result)
    }

    fn copy_is_due(&self) -> bool {
        self.copy_is_old && self.copied_at.is_none_or(|at| at.elapsed() >= COPY_PAUSE)
    }

    /// Numbers for a tenant and all that wait behind it; returns the first call that wants something else.
    fn add_tenants(&mut self, first: NewTenant, calls: &Receiver<Call>) -> Option<Call> {
        let mut group = vec![first];
        let mut next = None;
        while next.is_none() && group.len() < CALLS_MAX {
            match calls.try_recv() {
                Ok(Call::NewTenant(tenant)) => group.push(tenant),
                Ok(other) => next = Some(other),
                Err(_) => break,
            }
        }
        let numbers = self.change_copied_later(|transaction| {
            let (mut count, mut highest) = tables::tenant_counts(transaction)?;
            let number = |wanted: &NewTenant| {
                if let Some(no) = tables::tenant_no(transaction, &wanted.tenant)? {
                    return Ok(Ok(no));
                }
                if count >= wanted.tenants_max {
                    return Ok(Err(CatalogError::TenantLimit { limit: wanted.tenants_max }));
                }
                (count, highest) = (count + 1, highest + 1);
                tables::add_tenant(transaction, TenantNo(highest), &wanted.tenant)?;
                Ok(Ok(TenantNo(highest)))
            };
            group.iter().map(number).collect::<Result<Vec<_>>>()
        });
        let answers = match numbers {
            Ok(numbers) => numbers,
            Err(error) => vec![Err(error); group.len()],
        };
        for (wanted, answer) in group.into_iter().zip(answers) {
            // Who hung up needs no answer.
            let _ = wanted.reply.send(answer);
        }
        next
    }

    /// A failed copy is tried again: the change itself is durable in the catalog.
    fn write_copy(&mut self) {
        self.copied_at = Some(Instant::now());
        let written = self.copy().and_then(|bytes| {
            self.copy_bytes = bytes.len();
            durable::replace_file(&self.copy_path, &bytes).map_err(|e| CatalogError::Failed(e.to_string()))
        });
        match written {
            Ok(()) => self.copy_is_old = false,
            Err(error) => tracing::warn!(%error, "copy out the catalog's documents"),
        }
    }

    fn copy(&self) -> Result<Vec<u8>> {
        let copy = Copy {
            generation: tables::meta_number(&self.connection, META_GENERATION)?,
            meta: tables::meta(&self.connection)?,
            tenants: tables::tenants(&self.connection)?,
            documents: tables::documents(&self.connection, "true", [])?,
        };
        Ok(copy.encode())
    }

    /// Moves everything from SQLite's log into its file: damage to that log would silently undo the last changes.
    fn checkpoint(&self) {
        let done = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = done {
            tracing::warn!(%error, "checkpoint the catalog");
        }
    }

    /// A number above all used ones.
    fn draw(transaction: &Transaction<'_>, name: &str, above: u64, count: u64) -> Result<u64> {
        let first = tables::meta_number(transaction, name)?.max(above) + 1;
        tables::set_meta(transaction, name, &(first + count - 1).to_le_bytes())?;
        Ok(first)
    }
}

// === impl Catalog ===

impl Catalog for SqliteCatalog {
    fn tenant_no(&self, tenant: &Tenant, tenants_max: u64) -> Result<TenantNo> {
        let (reply, answer) = sync_channel(1);
        self.send(Call::NewTenant(NewTenant { tenant: tenant.clone(), tenants_max, reply }))?;
        answer.recv().map_err(|_| stopped())?
    }

    fn restore_tenant(&self, tenant: &Tenant, no: TenantNo) -> Result<()> {
        let tenant = tenant.clone();
        self.call(move |db| match tables::tenant_no(&db.connection, &tenant)? {
            Some(known) if known == no => Ok(()),
            Some(known) => Err(CatalogError::Failed(format!(
                "tenant {tenant} has number {} here and {} in a file",
                known.0, no.0
            ))),
            None => db.change_copied(|transaction| tables::add_tenant(transaction, no, &tenant)),
        })
    }

    fn tenants(&self) -> Result<Vec<(TenantNo, Tenant)>> {
        self.call(|db| tables::tenants(&db.connection))
    }

    fn new_writer(&self, above: WriterId) -> Result<WriterId> {
        self.call(move |db| {
            let above = u64::from(above.0);
            let id = db.change_copied(|transaction| Db::draw(transaction, META_WRITER, above, 1))?;
            db.checkpoint();
            Ok(WriterId(id as u32))
        })
    }

    fn new_segments(&self, count: u32, above: SegmentId) -> Result<SegmentId> {
        self.call(move |db| {
            let transaction = db.connection.transaction()?;
            let first = Db::draw(&transaction, META_SEGMENT, above.0, u64::from(count.max(1)))?;
            transaction.commit()?;
            Ok(SegmentId(first))
        })
    }

    fn change_segments(&self, change: SegmentChange) -> Result<()> {
        self.call(move |db| {
            let transaction = db.connection.transaction()?;
            change.remove.iter().try_for_each(|id| tables::remove_segment(&transaction, *id))?;
            change.add.iter().try_for_each(|row| tables::add_segment(&transaction, row))?;
            change.flushed.iter().try_for_each(|flushed| tables::set_flushed(&transaction, flushed))?;
            change.stored.iter().try_for_each(|stored| tables::add_stored(&transaction, stored))?;
            transaction.commit()?;
            db.checkpoint();
            Ok(())
        })
    }

    fn segments(&self) -> Result<Vec<SegmentRow>> {
        self.call(|db| tables::segments(&db.connection))
    }

    fn flushed(&self) -> Result<Vec<Flushed>> {
        self.call(|db| tables::flushed(&db.connection))
    }

    fn stored(&self) -> Result<Vec<StoredRows>> {
        self.call(|db| tables::stored(&db.connection))
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let name = name.to_owned();
        self.call(move |db| tables::meta_value(&db.connection, &name))
    }

    fn set_meta(&self, name: &str, value: &[u8]) -> Result<()> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.call(move |db| db.change_copied(|transaction| tables::set_meta(transaction, &name, &value)))
    }

    fn document(&self, tenant: &Tenant, kind: DocumentKind, id: &str) -> Result<Option<Document>> {
        let (tenant, id) = (tenant.clone(), id.to_owned());
        self.call(move |db| {
            let condition = "tenant = ?1 AND kind = ?2 AND id = ?3";
            let found = tables::documents(&db.connection, condition, [tenant.as_str(), kind.as_str(), &id])?;
            Ok(found.into_iter().next().map(|owned| owned.document))
        })
    }

    fn documents(&self, tenant: &Tenant, kind: DocumentKind) -> Result<Vec<Document>> {
        let tenant = tenant.clone();
        self.call(move |db| {
            let condition = "tenant = ?1 AND kind = ?2";
            let found = tables::documents(&db.connection, condition, [tenant.as_str(), kind.as_str()])?;
            Ok(found.into_iter().map(|owned| owned.document).collect())
        })
    }

    fn document_tenants(&self, kind: DocumentKind) -> Result<Vec<Tenant>> {
        self.call(move |db| {
            let found = tables::documents(&db.connection, "kind = ?1", [kind.as_str()])?;
            let mut tenants: Vec<Tenant> =
                found.into_iter().map(|OwnedDocument { tenant, .. }| tenant).collect();
            tenants.dedup();
            Ok(tenants)
        })
    }

    fn change_documents(&self, tenant: &Tenant, changes: Vec<Change>) -> Result<()> {
        let tenant = tenant.clone();
        self.call(move |db| {
            db.change_copied(|transaction| {
                let mut changes = changes.into_iter();
                changes.try_for_each(|change| tables::change_document(transaction, &tenant, change))
            })
        })
    }
}
