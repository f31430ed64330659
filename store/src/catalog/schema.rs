//! Numbered migrations. A released step is never changed; a new one is appended.

use rusqlite::Connection;

/// One row per format of the catalog: format `n` is what the first `n` steps make.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE meta (
        name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tenants (
        no INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, checksum INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE segments (
        id INTEGER NOT NULL PRIMARY KEY, tenant INTEGER NOT NULL, signal INTEGER NOT NULL,
        min_time INTEGER NOT NULL, max_time INTEGER NOT NULL, row_count INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL, level INTEGER NOT NULL,
        first_writer INTEGER NOT NULL, first_counter INTEGER NOT NULL,
        last_writer INTEGER NOT NULL, last_counter INTEGER NOT NULL,
        format INTEGER NOT NULL, created_ms INTEGER NOT NULL, file_checksum INTEGER NOT NULL,
        checksum INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE flushed (
        tenant INTEGER NOT NULL, signal INTEGER NOT NULL, writer INTEGER NOT NULL, counter INTEGER NOT NULL,
        checksum INTEGER NOT NULL, PRIMARY KEY (tenant, signal, writer)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE stored (
        tenant INTEGER NOT NULL, signal INTEGER NOT NULL, row_count INTEGER NOT NULL,
        checksum INTEGER NOT NULL, PRIMARY KEY (tenant, signal)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE documents (
        tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL,
        bytes BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (tenant, kind, id)
    ) STRICT, WITHOUT ROWID;
"];

pub(crate) const FORMAT: u32 = MIGRATIONS.len() as u32;

/// The format the file says it has; 0 is an empty file.
pub(super) fn format(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).map(|n| n as u32)
}

/// Brings a catalog of an older format to this program's, one transaction a step.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let from = format(connection)?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(from as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", step as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
