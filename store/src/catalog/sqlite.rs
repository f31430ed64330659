//! The catalog in a SQLite file, on a thread of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::{Connection, Transaction};

use super::copy::Copy;
use super::tables::{self, OwnedDocument, Result};
use super::{
    Catalog, CatalogError, Damage, Flushed, SegmentChange, SegmentId, SegmentRow, StoredRows, schema,
};
use crate::OpenError;
use crate::documents::{Change, Document, DocumentKind};
use crate::durable;
use crate::model::{Tenant, TenantNo, WriterId};

const FILE: &str = "catalog.db";
const COPY_FILE: &str = "catalog.copy";
/// Calls that wait for the thread; more block their callers.
const CALLS_MAX: usize = 64;
/// A copy up to this size is written with every change, a larger one at most once per [`COPY_PAUSE`].
const COPY_EAGER_BYTES_MAX: usize = 256 << 10;
const COPY_PAUSE: Duration = Duration::from_secs(1);

const META_FORMAT: &str = "format";
const META_PROGRAM: &str = "program";
const META_GENERATION: &str = "generation";
const META_WRITER: &str = "writer";
const META_SEGMENT: &str = "segment";

type Call = Box<dyn FnOnce(&mut Db) + Send>;

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
            loop {
                match receiver.recv_timeout(COPY_PAUSE) {
                    Ok(call) => call(&mut db),
                    Err(RecvTimeoutError::Timeout) if db.copy_is_old => db.write_copy(),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
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
        let call: Call = Box::new(move |db| drop(reply.send(work(db))));
        let sender = self.calls.lock().clone();
        let stopped = || CatalogError::Failed("its thread has stopped".to_owned());
        sender.ok_or_else(stopped)?.send(call).map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())?
    }
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

/// The outer error ends the start, the inner one means damage.
fn open_checked(path: &Path, generation: u64) -> std::result::Result<Result<Connection>, OpenError> {
    let connection = match connect(path) {
        Ok(connection) => connection,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(newer) = newer(&connection, path) {
        return Err(newer);
    }
    Ok(check(connection, generation))
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cell_size_check", "ON")?;
    Ok(connection)
}

/// A newer format counts only if the checksummed row says it too: one flipped bit must not refuse the start.
fn newer(connection: &Connection, path: &Path) -> Option<OpenError> {
    let found = schema::format(connection).ok().filter(|format| *format > schema::FORMAT)?;
    let sworn = tables::meta_number(connection, META_FORMAT).ok()?;
    let needed = tables::meta_value(connection, META_PROGRAM).ok()??;
    (sworn == u64::from(found)).then(|| OpenError::Newer {
        path: path.to_owned(),
        found,
        known: schema::FORMAT,
        needed: String::from_utf8_lossy(&needed).into_owned(),
    })
}

/// Brings the file to this program's format and reads all of it once.
fn check(mut connection: Connection, generation: u64) -> Result<Connection> {
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(CatalogError::Failed(verdict));
    }
    if schema::format(&connection)? > schema::FORMAT {
        return Err(CatalogError::Failed("its format number is damaged".to_owned()));
    }
    schema::migrate(&mut connection)?;
    let transaction = connection.transaction()?;
    tables::set_meta(&transaction, META_FORMAT, &u64::from(schema::FORMAT).to_le_bytes())?;
    tables::set_meta(&transaction, META_PROGRAM, env!("CARGO_PKG_VERSION").as_bytes())?;
    transaction.commit()?;
    tables::meta(&connection)?;
    tables::tenants(&connection)?;
    tables::segments(&connection)?;
    tables::flushed(&connection)?;
    tables::stored(&connection)?;
    tables::documents(&connection, "true", [])?;
    let own = tables::meta_number(&connection, META_GENERATION)?;
    if own < generation {
        let reason = format!("it lost changes: it is at {own}, the copy of the documents at {generation}");
        return Err(CatalogError::Failed(reason));
    }
    Ok(connection)
}

fn move_aside(path: &Path, now_ms: i64) -> std::result::Result<PathBuf, OpenError> {
    let aside = path.with_extension(format!("damaged-{now_ms}"));
    for suffix in ["", "-wal", "-shm"] {
        let with = |base: &Path| {
            let mut name = base.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let (from, to) = (with(path), with(&aside));
        if from.exists() {
            let io = |source| OpenError::Io { action: "move aside", path: from.clone(), source };
            fs::rename(&from, to).map_err(io)?;
        }
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    durable::sync_dir(dir).map_err(|source| OpenError::Io {
        action: "sync",
        path: dir.to_owned(),
        source,
    })?;
    Ok(aside)
}

/// Puts what the copy knows into a fresh catalog.
fn restored(mut connection: Connection, copy: Option<&Copy>) -> std::result::Result<Connection, OpenError> {
    let Some(copy) = copy else { return Ok(connection) };
    let mut restore = || -> Result<()> {
        let transaction = connection.transaction()?;
        for (name, value) in
            copy.meta.iter().filter(|(name, _)| ![META_FORMAT, META_PROGRAM].contains(&&**name))
        {
            tables::set_meta(&transaction, name, value)?;
        }
        for (no, tenant) in &copy.tenants {
            tables::add_tenant(&transaction, *no, tenant)?;
        }
        for document in &copy.documents {
            tables::put_document(&transaction, document)?;
        }
        Ok(transaction.commit()?)
    };
    restore().map_err(|error| OpenError::Other(format!("restore documents from their copy: {error}")))?;
    Ok(connection)
}

// === impl Db ===

impl Db {
    /// A transaction over things that are in the copy too.
    fn change_copied<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let transaction = self.connection.transaction()?;
        let result = work(&transaction)?;
        let generation = tables::meta_number(&transaction, META_GENERATION)? + 1;
        tables::set_meta(&transaction, META_GENERATION, &generation.to_le_bytes())?;
        transaction.commit()?;
        self.copy_is_old = true;
        let lately = self.copied_at.is_some_and(|at| at.elapsed() < COPY_PAUSE);
        if self.copy_bytes <= COPY_EAGER_BYTES_MAX || !lately {
            self.write_copy();
        }
        Ok(result)
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
        let tenant = tenant.clone();
        self.call(move |db| {
            if let Some(no) = tables::tenant_no(&db.connection, &tenant)? {
                return Ok(no);
            }
            let all = tables::tenants(&db.connection)?;
            if all.len() as u64 >= tenants_max {
                return Err(CatalogError::TenantLimit { limit: tenants_max });
            }
            let no = TenantNo(all.last().map_or(1, |(no, _)| no.0 + 1));
            db.change_copied(|transaction| tables::add_tenant(transaction, no, &tenant))?;
            db.checkpoint();
            Ok(no)
        })
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
