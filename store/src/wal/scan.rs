//! Reading one WAL file: which records stand in it. What a gap between them means is decided over all files, in
//! `replay`.

use std::ops::Range;

use super::format::RECORD_HEADER_LEN;
use super::format::{
    ALIGN, FileHeader, FileHeaderError, FoundHeader, RECORD_MAGIC, RECORDS_START, RecordHeader, RecordKind,
};

pub(super) struct FileScan {
    pub(super) header: FileHeader,
    /// Sound batch records in the order of the file.
    pub(super) records: Vec<FoundRecord>,
    /// The highest LSN some sound header calls durable.
    pub(super) synced: u64,
}

#[derive(Clone)]
pub(super) struct FoundRecord {
    pub(super) header: RecordHeader,
    found: FoundHeader,
    payload: Range<usize>,
}

// === impl FileScan ===

impl FileScan {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, FileHeaderError> {
        let header = FileHeader::decode(bytes)?;
        let mut scan = Self { header, records: Vec::new(), synced: header.synced };
        let mut at = RECORDS_START;
        while let Some((place, found)) = next_header(bytes, at, header.salt) {
            scan.synced = scan.synced.max(found.header.synced);
            let start = place + RECORD_HEADER_LEN;
            let payload = start..start.saturating_add(found.header.payload_len as usize);
            at = place + found.header.record_len();
            match found.header.kind {
                RecordKind::SyncMark => {}
                RecordKind::Seal => break,
                RecordKind::Batch => {
                    let sound = bytes.get(payload.clone()).is_some_and(|p| found.fits(p, header.salt));
                    if sound {
                        scan.records.push(FoundRecord { header: found.header, found, payload });
                    }
                }
            }
        }
        Ok(scan)
    }
}

impl FoundRecord {
    /// The payload, checked again: the file may have been read a second time.
    pub(super) fn payload<'a>(&self, file: &'a [u8], salt: u64) -> Option<&'a [u8]> {
        file.get(self.payload.clone()).filter(|payload| self.found.fits(payload, salt))
    }
}

/// The first sound record header at or after `at`. Between records of a sound file this looks once; past the end, or
/// past damage, it walks.
fn next_header(bytes: &[u8], at: usize, salt: u64) -> Option<(usize, FoundHeader)> {
    let mut at = at;
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= RECORD_HEADER_LEN) {
        if rest.starts_with(&RECORD_MAGIC)
            && let Some(found) = RecordHeader::decode(rest, salt)
        {
            return Some((at, found));
        }
        at += ALIGN;
    }
    None
}
