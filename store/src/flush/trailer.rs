//! What every segment file ends with, whatever its kind: whose it is, which records it holds, and what it takes the
//! place of. From these alone the list of segments can be made again.
//!
//! ```text
//! segment's own bytes | fields | length of the fields (4) | CRC-32 of fields and length (4) | version (4) | magic (8)
//! ```

use crate::blobs::{BlobData, BlobKey};
use crate::catalog::{SegmentId, SegmentRow};
use crate::model::{Lsn, Signal, Tenant, TenantNo, WriterId};

const MAGIC: [u8; 8] = *b"SBXSEGMT";
/// What this program writes, and the newest it reads.
const VERSION: u32 = 1;
const TAIL_LEN: usize = 4 + 4 + 4 + MAGIC.len();
/// Of a merged segment without records of any writer: there is none.
const NO_LSN: Lsn = Lsn { writer: WriterId(0), counter: 0 };

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trailer {
    pub(super) tenant_no: TenantNo,
    pub(super) tenant: Tenant,
    pub(super) signal: Signal,
    /// First and last of each writer whose records are in it; flushes of one head share them.
    pub(super) lsns: Vec<(Lsn, Lsn)>,
    /// One flush may make several segments, and only all of them hold all of its records: this is number `part` (from
    /// 1) of `parts`.
    pub(super) part: u32,
    pub(super) parts: u32,
    /// How often its rows were merged.
    pub(super) level: u32,
    /// The segments it was merged from: where both are found, it counts and they do not.
    pub(super) replaces: Vec<SegmentId>,
    pub(super) rows: u64,
    /// Unix nanoseconds, both inclusive.
    pub(super) min_time: i64,
    pub(super) max_time: i64,
    pub(super) created_ms: i64,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TrailerError {
    #[error("its end is missing, or this is no segment")]
    Missing,
    #[error("its trailer is of format {0}, this program reads up to {VERSION}")]
    Newer(u32),
    #[error("its trailer is damaged")]
    Damaged,
    #[error("it says that it belongs elsewhere")]
    Foreign,
}

// === impl Trailer ===

impl Trailer {
    /// Ends a segment's bytes: the file is whole after it.
    pub(super) fn append(&self, file: &mut Vec<u8>) {
        let content = (file.len() as u64, crc32fast::hash(file));
        let start = file.len();
        let name = self.tenant.as_str().as_bytes();
        file.push(self.signal as u8);
        for number in [self.tenant_no.0, self.part, self.parts, self.level, content.1, name.len() as u32] {
            file.extend_from_slice(&number.to_le_bytes());
        }
        file.extend_from_slice(name);
        for number in
            [content.0, self.rows, self.min_time as u64, self.max_time as u64, self.created_ms as u64]
        {
            file.extend_from_slice(&number.to_le_bytes());
        }
        file.extend_from_slice(&(self.lsns.len() as u32).to_le_bytes());
        for (first, last) in &self.lsns {
            file.extend_from_slice(&first.writer.0.to_le_bytes());
            file.extend_from_slice(&first.counter.to_le_bytes());
            file.extend_from_slice(&last.counter.to_le_bytes());
        }
        file.extend_from_slice(&(self.replaces.len() as u32).to_le_bytes());
        self.replaces.iter().for_each(|id| file.extend_from_slice(&id.0.to_le_bytes()));
        let len = (file.len() - start) as u32;
        file.extend_from_slice(&len.to_le_bytes());
        // The version is under the checksum: a flipped bit in it is damage, not another version.
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&file[start..]);
        hasher.update(&VERSION.to_le_bytes());
        file.extend_from_slice(&hasher.finalize().to_le_bytes());
        file.extend_from_slice(&VERSION.to_le_bytes());
        file.extend_from_slice(&MAGIC);
    }

    /// The trailer of a whole file of that name, and how many bytes before it are the segment's own.
    pub(super) fn read(file: &[u8], key: BlobKey) -> Result<(Self, usize), TrailerError> {
        let tail_at = file.len().checked_sub(TAIL_LEN).ok_or(TrailerError::Missing)?;
        let (rest, tail) = file.split_at(tail_at);
        let [len, crc, version] = [0, 4, 8].map(|at| u32_at(tail, at));
        if !tail.ends_with(&MAGIC) {
            return Err(TrailerError::Missing);
        }
        let fields_at = rest.len().checked_sub(len as usize).ok_or(TrailerError::Damaged)?;
        let mut hasher = crc32fast::Hasher::new();
        for part in [&rest[fields_at..], &tail[..4], &tail[8..12]] {
            hasher.update(part);
        }
        if hasher.finalize() != crc {
            return Err(TrailerError::Damaged);
        }
        if version > VERSION {
            return Err(TrailerError::Newer(version));
        }
        let (trailer, content_len) = Self::parse(&rest[fields_at..]).ok_or(TrailerError::Damaged)?;
        if content_len != fields_at as u64 {
            return Err(TrailerError::Damaged);
        }
        if (trailer.tenant_no, trailer.signal) != (key.tenant, key.signal) {
            return Err(TrailerError::Foreign);
        }
        Ok((trailer, fields_at))
    }

    /// A file's bytes without the trailer.
    pub(super) fn split(file: BlobData, key: BlobKey) -> Result<(Self, BlobData), TrailerError> {
        let (trailer, content_len) = Self::read(&file, key)?;
        Ok((trailer, file.shortened(content_len)))
    }

    fn parse(mut rest: &[u8]) -> Option<(Self, u64)> {
        let rest = &mut rest;
        let signal = Signal::from_number(take::<1>(rest)?[0])?;
        let mut number = || Some(u32::from_le_bytes(take(rest)?));
        let [tenant_no, part, parts, level, _content_crc, name_len] =
            [number()?, number()?, number()?, number()?, number()?, number()?];
        let (name, tail) = rest.split_at_checked(name_len as usize)?;
        *rest = tail;
        let tenant = std::str::from_utf8(name).ok().and_then(|name| Tenant::authenticated(name).ok())?;
        let mut long = || Some(u64::from_le_bytes(take(rest)?));
        let [content_len, rows, min_time, max_time, created_ms] =
            [long()?, long()?, long()?, long()?, long()?];
        let mut lsns = Vec::new();
        for _ in 0..u32::from_le_bytes(take(rest)?) {
            let writer = WriterId(u32::from_le_bytes(take(rest)?));
            let first = Lsn { writer, counter: u64::from_le_bytes(take(rest)?) };
            lsns.push((first, Lsn { writer, counter: u64::from_le_bytes(take(rest)?) }));
        }
        let mut replaces = Vec::new();
        for _ in 0..u32::from_le_bytes(take(rest)?) {
            replaces.push(SegmentId(u64::from_le_bytes(take(rest)?)));
        }
        let trailer = Self {
            tenant_no: TenantNo(tenant_no),
            tenant,
            signal,
            lsns,
            part,
            parts,
            level,
            replaces,
            rows,
            min_time: min_time as i64,
            max_time: max_time as i64,
            created_ms: created_ms as i64,
        };
        Some((trailer, content_len))
    }

    /// What the catalog says of the file.
    pub(super) fn row(&self, id: SegmentId, file: &[u8]) -> SegmentRow {
        let (lsn_first, lsn_last) = self.lsns.last().copied().unwrap_or((NO_LSN, NO_LSN));
        SegmentRow {
            id,
            tenant: self.tenant_no,
            signal: self.signal,
            min_time: self.min_time,
            max_time: self.max_time,
            rows: self.rows,
            size_bytes: file.len() as u64,
            level: self.level,
            lsn_first,
            lsn_last,
            format: VERSION,
            created_ms: self.created_ms,
            checksum: u64::from(crc32fast::hash(file)),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_reads_back_and_no_flipped_bit_of_it_is_believed() {
        let lsn = |writer, counter| Lsn { writer: WriterId(writer), counter };
        let trailer = Trailer {
            tenant_no: TenantNo(7),
            tenant: Tenant::authenticated("shop").unwrap(),
            signal: Signal::Spans,
            lsns: vec![(lsn(1, 4), lsn(1, 9)), (lsn(3, 1), lsn(3, 1))],
            part: 2,
            parts: 3,
            level: 1,
            replaces: vec![SegmentId(5), SegmentId(8)],
            rows: 11,
            min_time: -4,
            max_time: i64::MAX,
            created_ms: 99,
        };
        let key = BlobKey { tenant: TenantNo(7), signal: Signal::Spans, segment: 9 };
        let mut file = b"content".to_vec();
        trailer.append(&mut file);
        assert_eq!(Trailer::read(&file, key), Ok((trailer.clone(), 7)));
        let (again, content) = Trailer::split(BlobData::Owned(file.clone().into()), key).unwrap();
        assert_eq!((again, &*content), (trailer, &b"content"[..]));
        for at in 7..file.len() {
            for bit in 0..8 {
                let mut flipped = file.clone();
                flipped[at] ^= 1 << bit;
                let read = Trailer::read(&flipped, key);
                assert!(
                    matches!(read, Err(TrailerError::Damaged | TrailerError::Missing)),
                    "byte {at}: {read:?}"
                );
            }
            assert!(Trailer::read(&file[..at], key).is_err(), "cut at {at}");
        }
        let other = BlobKey { tenant: TenantNo(8), ..key };
        assert_eq!(Trailer::read(&file, other), Err(TrailerError::Foreign));
    }
}
