//! The tables as rows with checksums: every read checks, every write computes.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use xxhash_rust::xxh3::Xxh3Default;

use super::{CatalogError, Flushed, SegmentId, SegmentRow, StoredRows};
use crate::documents::{Change, Document, DocumentKind};
use crate::model::{Lsn, Signal, Tenant, TenantNo, WriterId};

pub(super) type Result<T> = std::result::Result<T, CatalogError>;

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Of a row's values, each with its length: two rows with one checksum are the same row.
fn checksum(table: &str, values: &[&[u8]]) -> i64 {
    let mut hasher = Xxh3Default::new();
    for value in std::iter::once(&table.as_bytes()).chain(values) {
        hasher.update(&(value.len() as u64).to_le_bytes());
        hasher.update(value);
    }
    hasher.digest() as i64
}

fn checked<T>(what: &str, row: T, stored: i64, computed: i64) -> Result<T> {
    if stored == computed {
        return Ok(row);
    }
    Err(CatalogError::Failed(format!("a row of {what} does not match its checksum")))
}

fn numbers(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn signal(number: i64) -> Result<Signal> {
    let signal = u8::try_from(number).ok().and_then(Signal::from_number);
    signal.ok_or_else(|| CatalogError::Failed(format!("{number} is no signal")))
}

fn tenant(name: &str) -> Result<Tenant> {
    Tenant::authenticated(name).map_err(|invalid| CatalogError::Failed(invalid.to_string()))
}

/// Reads all rows of a statement.
fn rows<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

// === meta ===

pub(super) fn meta(connection: &Connection) -> Result<Vec<(String, Vec<u8>)>> {
    rows(connection, "SELECT name, value, checksum FROM meta", [], |row| {
        let (name, value): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let computed = checksum("meta", &[name.as_bytes(), &value]);
        checked("meta", (name, value), row.get(2)?, computed)
    })
}

pub(super) fn meta_value(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT value, checksum FROM meta WHERE name = ?1";
    let found = rows(connection, sql, [name], |row| {
        let value: Vec<u8> = row.get(0)?;
        let computed = checksum("meta", &[name.as_bytes(), &value]);
        checked("meta", value, row.get(1)?, computed)
    })?;
    Ok(found.into_iter().next())
}

pub(super) fn meta_number(connection: &Connection, name: &str) -> Result<u64> {
    let value = meta_value(connection, name)?;
    Ok(value.and_then(|value| value.try_into().ok()).map_or(0, u64::from_le_bytes))
}

pub(super) fn set_meta(connection: &Connection, name: &str, value: &[u8]) -> Result<()> {
    let sum = checksum("meta", &[name.as_bytes(), value]);
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2, ?3)", params![name, value, sum])?;
    Ok(())
}

// === tenants ===

pub(super) fn tenants(connection: &Connection) -> Result<Vec<(TenantNo, Tenant)>> {
    rows(connection, "SELECT no, name, checksum FROM tenants ORDER BY no", [], |row| {
        let (no, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let computed = checksum("tenants", &[&numbers(&[no]), name.as_bytes()]);
        checked("tenants", (TenantNo(no as u32), tenant(&name)?), row.get(2)?, computed)
    })
}

/// How many there are, and the highest number.
pub(super) fn tenant_counts(connection: &Connection) -> Result<(u64, u32)> {
    let counts = connection.query_row("SELECT COUNT(*), MAX(no) FROM tenants", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
    })?;
    Ok((counts.0 as u64, counts.1.unwrap_or(0) as u32))
}

pub(super) fn tenant_no(connection: &Connection, tenant: &Tenant) -> Result<Option<TenantNo>> {
    let sql = "SELECT no FROM tenants WHERE name = ?1";
    let no: Option<i64> = connection.query_row(sql, [tenant.as_str()], |row| row.get(0)).optional()?;
    Ok(no.map(|no| TenantNo(no as u32)))
}

pub(super) fn add_tenant(connection: &Connection, no: TenantNo, tenant: &Tenant) -> Result<()> {
    let no = i64::from(no.0);
    let sum = checksum("tenants", &[&numbers(&[no]), tenant.as_str().as_bytes()]);
    connection.execute("INSERT INTO tenants VALUES (?1, ?2, ?3)", params![no, tenant.as_str(), sum])?;
    Ok(())
}

// === segments ===

const SEGMENT_COLUMNS: usize = 15;

fn segment_values(row: &SegmentRow) -> [i64; SEGMENT_COLUMNS] {
    [
        row.id.0 as i64,
        i64::from(row.tenant.0),
        row.signal as i64,
        row.min_time,
        row.max_time,
        row.rows as i64,
        row.size_bytes as i64,
        i64::from(row.level),
        i64::from(row.lsn_first.writer.0),
        row.lsn_first.counter as i64,
        i64::from(row.lsn_last.writer.0),
        row.lsn_last.counter as i64,
        i64::from(row.format),
        row.created_ms,
        row.checksum as i64,
    ]
}

pub(super) fn segments(connection: &Connection) -> Result<Vec<SegmentRow>> {
    rows(connection, "SELECT * FROM segments ORDER BY id", [], |row| {
        let mut values = [0; SEGMENT_COLUMNS];
        for (i, value) in values.iter_mut().enumerate() {
            *value = row.get(i)?;
        }
        let computed = checksum("segments", &[&numbers(&values)]);
        let [
            id,
            tenant,
            number,
            min_time,
            max_time,
            count,
            size,
            level,
            fw,
            fc,
            lw,
            lc,
            format,
            created_ms,
            file,
        ] = checked("segments", values, row.get(SEGMENT_COLUMNS)?, computed)?;
        Ok(SegmentRow {
            id: SegmentId(id as u64),
            tenant: TenantNo(tenant as u32),
            signal: signal(number)?,
            min_time,
            max_time,
            rows: count as u64,
            size_bytes: size as u64,
            level: level as u32,
            lsn_first: Lsn { writer: WriterId(fw as u32), counter: fc as u64 },
            lsn_last: Lsn { writer: WriterId(lw as u32), counter: lc as u64 },
            format: format as u32,
            created_ms,
            checksum: file as u64,
        })
    })
}

pub(super) fn add_segment(connection: &Connection, row: &SegmentRow) -> Result<()> {
    let values = segment_values(row);
    let sum = checksum("segments", &[&numbers(&values)]);
    let sql = "INSERT INTO segments VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)";
    connection.execute(sql, rusqlite::params_from_iter(values.iter().chain([&sum])))?;
    Ok(())
}

pub(super) fn remove_segment(connection: &Connection, id: SegmentId) -> Result<()> {
    connection.execute("DELETE FROM segments WHERE id = ?1", [id.0 as i64])?;
    Ok(())
}

// === flushed, stored ===

pub(super) fn flushed(connection: &Connection) -> Result<Vec<Flushed>> {
    rows(connection, "SELECT tenant, signal, writer, counter, checksum FROM flushed", [], |row| {
        let values: [i64; 4] = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
        let computed = checksum("flushed", &[&numbers(&values)]);
        let [tenant, number, writer, counter] = checked("flushed", values, row.get(4)?, computed)?;
        Ok(Flushed {
            tenant: TenantNo(tenant as u32),
            signal: signal(number)?,
            through: Lsn { writer: WriterId(writer as u32), counter: counter as u64 },
        })
    })
}

/// Never moves back.
pub(super) fn set_flushed(connection: &Connection, flushed: &Flushed) -> Result<()> {
    let Flushed { tenant, signal, through } = flushed;
    let values = [i64::from(tenant.0), *signal as i64, i64::from(through.writer.0), through.counter as i64];
    let sum = checksum("flushed", &[&numbers(&values)]);
    let sql = "INSERT INTO flushed VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE
               SET counter = excluded.counter, checksum = excluded.checksum WHERE excluded.counter > counter";
    connection.execute(sql, params![values[0], values[1], values[2], values[3], sum])?;
    Ok(())
}

pub(super) fn stored(connection: &Connection) -> Result<Vec<StoredRows>> {
    stored_where(connection, "true", [])
}

fn stored_where(
    connection: &Connection,
    condition: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<StoredRows>> {
    let sql = format!("SELECT tenant, signal, row_count, checksum FROM stored WHERE {condition}");
    rows(connection, &sql, params, |row| {
        let values: [i64; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
        let computed = checksum("stored", &[&numbers(&values)]);
        let [tenant, number, count] = checked("stored", values, row.get(3)?, computed)?;
        Ok(StoredRows { tenant: TenantNo(tenant as u32), signal: signal(number)?, rows: count as u64 })
    })
}

pub(super) fn add_stored(connection: &Connection, add: &StoredRows) -> Result<()> {
    let (tenant, signal) = (i64::from(add.tenant.0), add.signal as i64);
    let known = stored_where(connection, "tenant = ?1 AND signal = ?2", [tenant, signal])?;
    let total = known.first().map_or(0, |row| row.rows) + add.rows;
    let values = [tenant, signal, total as i64];
    let sum = checksum("stored", &[&numbers(&values)]);
    let sql = "INSERT OR REPLACE INTO stored VALUES (?1, ?2, ?3, ?4)";
    connection.execute(sql, params![values[0], values[1], values[2], sum])?;
    Ok(())
}

// === documents ===

/// A document with its owner, as the copy holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnedDocument {
    pub(super) tenant: Tenant,
    pub(super) kind: DocumentKind,
    pub(super) document: Document,
}

pub(super) fn kind(name: &str) -> Result<DocumentKind> {
    let kind = DocumentKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    kind.ok_or_else(|| CatalogError::Failed(format!("{name:?} is no kind of document")))
}

/// Documents that pass `condition`, ordered by tenant, kind and id.
pub(super) fn documents(
    connection: &Connection,
    condition: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<OwnedDocument>> {
    let sql = format!(
        "SELECT tenant, kind, id, revision, bytes, checksum FROM documents WHERE {condition}
         ORDER BY tenant, kind, id"
    );
    rows(connection, &sql, params, |row| {
        let (owner, kind_name, id): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (revision, bytes): (i64, Vec<u8>) = (row.get(3)?, row.get(4)?);
        let computed = document_checksum(&owner, &kind_name, &id, revision, &bytes);
        let document = Document { id, revision: revision as u64, bytes: bytes.into() };
        let owned = OwnedDocument { tenant: tenant(&owner)?, kind: kind(&kind_name)?, document };
        checked("documents", owned, row.get(5)?, computed)
    })
}

fn document_checksum(tenant: &str, kind: &str, id: &str, revision: i64, bytes: &[u8]) -> i64 {
    let revision = numbers(&[revision]);
    checksum("documents", &[tenant.as_bytes(), kind.as_bytes(), id.as_bytes(), &revision, bytes])
}

pub(super) fn put_document(connection: &Connection, owned: &OwnedDocument) -> Result<()> {
    let OwnedDocument { tenant, kind, document } = owned;
    let (tenant, kind, revision) = (tenant.as_str(), kind.as_str(), document.revision as i64);
    let sum = document_checksum(tenant, kind, &document.id, revision, &document.bytes);
    let sql = "INSERT OR REPLACE INTO documents VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.execute(sql, params![tenant, kind, document.id, revision, &document.bytes[..], sum])?;
    Ok(())
}

pub(super) fn change_document(connection: &Connection, tenant: &Tenant, change: Change) -> Result<()> {
    let one = "tenant = ?1 AND kind = ?2 AND id = ?3";
    match change {
        Change::Put { kind, id, bytes } => {
            let old = documents(connection, one, [tenant.as_str(), kind.as_str(), &id])?;
            let revision = old.first().map_or(1, |old| old.document.revision + 1);
            let document = Document { id, revision, bytes: bytes.into() };
            put_document(connection, &OwnedDocument { tenant: tenant.clone(), kind, document })
        }
        Change::Delete { kind, id } => {
            let sql = format!("DELETE FROM documents WHERE {one}");
            connection.execute(&sql, [tenant.as_str(), kind.as_str(), &id])?;
            Ok(())
        }
    }
}
