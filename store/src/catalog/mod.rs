//! The catalog: what exists (tenants, segments, up to where the log is in segments) and what was configured
//! (documents). Small, transactional, and recoverable: segments can be listed again from their footers, the rest from
//! a checksummed copy.
//!
//! Calls block until the change is durable: async code goes through [`crate::blocking`].

mod copy;
mod opening;
mod schema;
mod sqlite;
mod tables;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub(crate) use schema::FORMAT;
pub(crate) use sqlite::{Opened, SqliteCatalog};

use crate::documents::{Change, Document, DocumentKind};
use crate::model::{Lsn, Signal, Tenant, TenantNo, WriterId};

/// A segment's number: in its file name; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct SegmentId(pub(crate) u64);

/// What the catalog knows of a segment; the footer of its file says the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SegmentRow {
    pub(crate) id: SegmentId,
    pub(crate) tenant: TenantNo,
    pub(crate) signal: Signal,
    /// Unix nanoseconds, both inclusive.
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    pub(crate) rows: u64,
    pub(crate) size_bytes: u64,
    /// How often its rows were merged.
    pub(crate) level: u32,
    pub(crate) lsn_first: Lsn,
    pub(crate) lsn_last: Lsn,
    pub(crate) format: u32,
    /// Unix milliseconds.
    pub(crate) created_ms: i64,
    /// Of the file.
    pub(crate) checksum: u64,
}

/// One transaction over segments.
#[derive(Clone, Default, Debug)]
pub(crate) struct SegmentChange {
    pub(crate) remove: Vec<SegmentId>,
    pub(crate) add: Vec<SegmentRow>,
    /// Records up to here are in segments. One entry per writer whose records the flush had.
    pub(crate) flushed: Vec<Flushed>,
    /// Rows that became durable in segments for the first time, for the counters since creation.
    pub(crate) stored: Vec<StoredRows>,
}

/// Records of a pair up to and with this one are in segments; replay skips them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flushed {
    pub(crate) tenant: TenantNo,
    pub(crate) signal: Signal,
    pub(crate) through: Lsn,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StoredRows {
    pub(crate) tenant: TenantNo,
    pub(crate) signal: Signal,
    pub(crate) rows: u64,
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CatalogError {
    #[error("catalog: {0}")]
    Failed(String),
    #[error("there are {limit} tenants already, as many as tenants_max allows")]
    TenantLimit { limit: u64 },
}

/// How damage to the catalog's own files was met at open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) reason: String,
    /// Where the damaged file is now.
    pub(crate) moved_to: Option<PathBuf>,
}

/// What every implementation can do. All changes are durable when they return.
pub(crate) trait Catalog: Send + Sync {
    /// The tenant's number; a new tenant gets one if there are fewer than `tenants_max`.
    fn tenant_no(&self, tenant: &Tenant, tenants_max: u64) -> Result<TenantNo, CatalogError>;
    /// Makes sure a tenant has the number that the log or a segment shows for it.
    fn restore_tenant(&self, tenant: &Tenant, no: TenantNo) -> Result<(), CatalogError>;
    fn tenants(&self) -> Result<Vec<(TenantNo, Tenant)>, CatalogError>;
    /// A writer id above all used ones and above `above`.
    fn new_writer(&self, above: WriterId) -> Result<WriterId, CatalogError>;
    /// The first of `count` new ids, above all used ones and above `above`.
    fn new_segments(&self, count: u32, above: SegmentId) -> Result<SegmentId, CatalogError>;
    /// Flush, compaction and removal: all or nothing.
    fn change_segments(&self, change: SegmentChange) -> Result<(), CatalogError>;
    fn segments(&self) -> Result<Vec<SegmentRow>, CatalogError>;
    fn flushed(&self) -> Result<Vec<Flushed>, CatalogError>;
    /// Rows in segments since creation, removed ones too.
    fn stored(&self) -> Result<Vec<StoredRows>, CatalogError>;
    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, CatalogError>;
    fn set_meta(&self, name: &str, value: &[u8]) -> Result<(), CatalogError>;
    fn document(
        &self,
        tenant: &Tenant,
        kind: DocumentKind,
        id: &str,
    ) -> Result<Option<Document>, CatalogError>;
    fn documents(&self, tenant: &Tenant, kind: DocumentKind) -> Result<Vec<Document>, CatalogError>;
    fn document_tenants(&self, kind: DocumentKind) -> Result<Vec<Tenant>, CatalogError>;
    fn change_documents(&self, tenant: &Tenant, changes: Vec<Change>) -> Result<(), CatalogError>;
}
