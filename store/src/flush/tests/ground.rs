//! Blobs and a catalog that are cut off between any two of their steps, together with the log's disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::blobs::{BlobData, BlobKey, Blobs};
use crate::catalog::{Catalog, CatalogError, Flushed, SegmentChange, SegmentId, SegmentRow, StoredRows};
use crate::documents::{Change, Document, DocumentKind};
use crate::model::{Tenant, TenantNo, WriterId};
use crate::wal::tests::disk::FakeDisk;

type Result<T> = std::result::Result<T, CatalogError>;

/// Steps until the machine goes off. Each change is two: it may go off before or behind.
#[derive(Clone)]
pub(super) struct Steps {
    left: Arc<AtomicI64>,
    disk: FakeDisk,
}

impl Steps {
    pub(super) fn endless(disk: &FakeDisk) -> Self {
        Self { left: Arc::new(AtomicI64::new(i64::MAX)), disk: disk.clone() }
    }

    pub(super) fn off_after(&self, steps: u64) {
        self.left.store(steps as i64, Ordering::SeqCst);
    }

    pub(super) fn is_off(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }

    fn step(&self) -> io::Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        self.left.store(0, Ordering::SeqCst);
        self.disk.crash_after(0);
        Err(io::Error::other("the machine is off"))
    }

    fn around<T, E: From<Off>>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.step().map_err(|_| Off)?;
        let done = work()?;
        self.step().map_err(|_| Off)?;
        Ok(done)
    }
}

struct Off;

impl From<Off> for io::Error {
    fn from(_: Off) -> Self {
        Self::other("the machine is off")
    }
}

impl From<Off> for CatalogError {
    fn from(_: Off) -> Self {
        Self::Failed("the machine is off".to_owned())
    }
}

pub(super) struct CutBlobs(pub(super) Arc<dyn Blobs>, pub(super) Steps);

impl Blobs for CutBlobs {
    fn put(&self, key: BlobKey, bytes: &[u8]) -> io::Result<()> {
        self.1.around(|| self.0.put(key, bytes))
    }

    fn open(&self, key: BlobKey) -> io::Result<BlobData> {
        self.0.open(key)
    }

    fn delete(&self, keys: &[BlobKey]) -> io::Result<()> {
        keys.iter().try_for_each(|key| self.1.around(|| self.0.delete(&[*key])))
    }

    fn quarantine(&self, key: BlobKey) -> io::Result<()> {
        self.1.around(|| self.0.quarantine(key))
    }

    fn list(&self) -> io::Result<Vec<BlobKey>> {
        self.0.list()
    }
}

pub(super) struct CutCatalog(pub(super) Arc<dyn Catalog>, pub(super) Steps);

impl Catalog for CutCatalog {
    fn tenant_no(&self, tenant: &Tenant, tenants_max: u64) -> Result<TenantNo> {
        self.1.around(|| self.0.tenant_no(tenant, tenants_max))
    }

    fn restore_tenant(&self, tenant: &Tenant, no: TenantNo) -> Result<()> {
        self.1.around(|| self.0.restore_tenant(tenant, no))
    }

    fn tenants(&self) -> Result<Vec<(TenantNo, Tenant)>> {
        self.0.tenants()
    }

    fn new_writer(&self, above: WriterId) -> Result<WriterId> {
        self.1.around(|| self.0.new_writer(above))
    }

    fn new_segments(&self, count: u32, above: SegmentId) -> Result<SegmentId> {
        self.1.around(|| self.0.new_segments(count, above))
    }

    fn change_segments(&self, change: SegmentChange) -> Result<()> {
        self.1.around(|| self.0.change_segments(change))
    }

    fn segments(&self) -> Result<Vec<SegmentRow>> {
        self.0.segments()
    }

    fn flushed(&self) -> Result<Vec<Flushed>> {
        self.0.flushed()
    }

    fn stored(&self) -> Result<Vec<StoredRows>> {
        self.0.stored()
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.0.meta(name)
    }

    fn set_meta(&self, name: &str, value: &[u8]) -> Result<()> {
        self.1.around(|| self.0.set_meta(name, value))
    }

    fn document(&self, tenant: &Tenant, kind: DocumentKind, id: &str) -> Result<Option<Document>> {
        self.0.document(tenant, kind, id)
    }

    fn documents(&self, tenant: &Tenant, kind: DocumentKind) -> Result<Vec<Document>> {
        self.0.documents(tenant, kind)
    }

    fn document_tenants(&self, kind: DocumentKind) -> Result<Vec<Tenant>> {
        self.0.document_tenants(kind)
    }

    fn change_documents(&self, tenant: &Tenant, changes: Vec<Change>) -> Result<()> {
        self.1.around(|| self.0.change_documents(tenant, changes))
    }
}
