//! For benches and tests: segments made and read without a store around them, and what a log holds. Not part of the
//! interface.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::StoreError;
use crate::durable::RealDisk;
use crate::events_view::EventsView;
use crate::model::{EventBatch, Lsn, RequestCtx, Signal, Tenant, TenantNo, WriterId};
use crate::segment::events::{EventSegment, LsnRange, SegmentError, SegmentMeta, WriteOptions, merge, write};
use crate::segment::{SegmentBytes, StreamInterner};
use crate::snapshot::{EventQuery, EventRows, ScanControl, ScanStats};
use crate::wal::payloads;

/// What each batch record of a log's directory holds, unpacked, memory no row refers to included: for tests that look for
/// what must not be there.
pub fn log_payloads(dir: &Path) -> Result<Vec<Vec<u8>>, String> {
    payloads(&RealDisk, dir).map_err(|e| e.to_string())
}

/// Open segments and what they were made of.
#[derive(Clone, Default)]
pub struct Segments(Vec<Arc<EventSegment>>, StreamInterner);

impl Segments {
    /// Writes the batches as one flush would; the files' sizes come back.
    pub fn flush(
        &mut self,
        batches: &[Arc<EventBatch>],
        block_rows: usize,
        zstd_level: i32,
    ) -> Result<usize, String> {
        let lsn = Lsn { writer: WriterId(1), counter: 1 };
        let meta = SegmentMeta {
            tenant_no: TenantNo(1),
            tenant: Tenant::authenticated(Tenant::DEFAULT).map_err(|e| e.to_string())?,
            signal: batches.first().map_or(Signal::Logs, |batch| batch.signal()),
            lsns: vec![LsnRange { first: lsn, last: lsn }],
            created_ms: 0,
        };
        let options = WriteOptions { block_rows, zstd_level, ..Default::default() };
        let written = write(batches, &meta, &options).map_err(text)?;
        let mut bytes = 0;
        for segment in written {
            bytes += segment.bytes.len();
            self.open(segment.bytes)?;
        }
        Ok(bytes)
    }

    /// Merges all into one.
    pub fn merged(&self, block_rows: usize) -> Result<Self, String> {
        let options = WriteOptions { block_rows, ..Default::default() };
        let mut merged = Self(Vec::new(), self.1.clone());
        merged.open(merge(&self.0, 0, &options).map_err(text)?.bytes)?;
        Ok(merged)
    }

    fn open(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        let segment = EventSegment::open(SegmentBytes::from(bytes), &self.1, Arc::new(|_| {}));
        self.0.push(Arc::new(segment.map_err(text)?));
        Ok(())
    }

    /// Bytes of all files by section and column.
    pub fn sizes(&self) -> BTreeMap<String, usize> {
        let mut sizes = BTreeMap::new();
        for (part, bytes) in self.0.iter().flat_map(|segment| segment.sizes()) {
            *sizes.entry(part).or_default() += bytes;
        }
        sizes
    }

    pub fn scan(
        &self,
        ctx: &RequestCtx,
        query: &EventQuery,
        visit: &mut dyn FnMut(EventRows<'_>) -> ScanControl,
    ) -> Result<ScanStats, StoreError> {
        EventsView::new(Vec::new(), self.0.clone()).scan(ctx, query, visit)
    }
}

fn text(error: SegmentError) -> String {
    error.to_string()
}
