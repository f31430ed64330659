//! Opening the catalog's file: is it ours, is it whole, is it of this format.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::copy::Copy;
use super::sqlite::META_GENERATION;
use super::tables::{self, Result};
use super::{CatalogError, schema};
use crate::OpenError;
use crate::durable;

const META_FORMAT: &str = "format";
const META_PROGRAM: &str = "program";

/// The outer error ends the start, the inner one means damage.
pub(super) fn open_checked(
    path: &Path,
    generation: u64,
) -> std::result::Result<Result<Connection>, OpenError> {
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

pub(super) fn move_aside(path: &Path, now_ms: i64) -> std::result::Result<PathBuf, OpenError> {
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
pub(super) fn restored(
    mut connection: Connection,
    copy: Option<&Copy>,
) -> std::result::Result<Connection, OpenError> {
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
