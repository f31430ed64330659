//! The bytes of WAL files: file header and record header. Numbers are little-endian.

use crate::model::{BatchKey, Signal, TenantNo, WriterId};

const FILE_MAGIC: [u8; 8] = *b"SBXWAL\r\n";
/// The version this program writes.
pub(super) const FORMAT: u16 = 1;
/// The oldest version that can read what this program writes.
const LOWEST_READER: u16 = 1;

/// The header stands twice, so that one damaged sector does not take the file.
pub(super) const HEADER_COPIES: [usize; 2] = [0, 2048];
/// Records begin here.
pub(super) const RECORDS_START: usize = 4096;
/// Records begin at multiples of this.
pub(super) const ALIGN: usize = 8;

// File header.
const F_FORMAT: usize = FILE_MAGIC.len();
const F_LOWEST_READER: usize = F_FORMAT + 2;
const F_WRITER: usize = F_LOWEST_READER + 2;
const F_SEQ: usize = F_WRITER + 4;
const F_SALT: usize = F_SEQ + 4 + 4;
const F_FIRST_LSN: usize = F_SALT + 8;
const F_SYNCED: usize = F_FIRST_LSN + 8;
const F_PROGRAM: usize = F_SYNCED + 8;
const F_CRC: usize = F_PROGRAM + 12;
pub(super) const FILE_HEADER_LEN: usize = F_CRC + 4;

const _: () = {
    assert!(FILE_HEADER_LEN == 64);
    assert!(HEADER_COPIES[1] + FILE_HEADER_LEN <= RECORDS_START);
    assert!(RECORDS_START.is_multiple_of(ALIGN) && RECORD_HEADER_LEN.is_multiple_of(ALIGN));
    assert!(RECORD_HEADER_LEN == 80);
};

/// The first bytes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FileHeader {
    pub(super) writer: WriterId,
    /// Place in its writer's order of files.
    pub(super) seq: u32,
    /// Drawn for each use of a file: bytes of an earlier use do not check.
    pub(super) salt: u64,
    pub(super) first_lsn: u64,
    /// The highest LSN that was durable when the file was begun.
    pub(super) synced: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileHeaderError {
    Damaged,
    /// The file asks for a reader of this format; `program` wrote it.
    Newer {
        found: u16,
        program: String,
    },
}

// === impl FileHeader ===

impl FileHeader {
    /// Everything before the first record, both copies.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut header = [0; FILE_HEADER_LEN];
        put(&mut header, 0, &FILE_MAGIC);
        put(&mut header, F_FORMAT, &FORMAT.to_le_bytes());
        put(&mut header, F_LOWEST_READER, &LOWEST_READER.to_le_bytes());
        put(&mut header, F_WRITER, &self.writer.0.to_le_bytes());
        put(&mut header, F_SEQ, &self.seq.to_le_bytes());
        put(&mut header, F_SALT, &self.salt.to_le_bytes());
        put(&mut header, F_FIRST_LSN, &self.first_lsn.to_le_bytes());
        put(&mut header, F_SYNCED, &self.synced.to_le_bytes());
        let program = env!("CARGO_PKG_VERSION").as_bytes();
        put(&mut header, F_PROGRAM, &program[..program.len().min(F_CRC - F_PROGRAM)]);
        let crc = crc32fast::hash(&header[..F_CRC]);
        put(&mut header, F_CRC, &crc.to_le_bytes());
        let mut bytes = vec![0; RECORDS_START];
        for at in HEADER_COPIES {
            put(&mut bytes, at, &header);
        }
        bytes
    }

    /// Reads the first copy that checks. Later formats keep this header's layout, so that they can be refused by name.
    pub(super) fn decode(file: &[u8]) -> Result<Self, FileHeaderError> {
        let copy = HEADER_COPIES.iter().find_map(|&at| {
            let header = file.get(at..at + FILE_HEADER_LEN)?;
            let sound =
                header.starts_with(&FILE_MAGIC) && crc32fast::hash(&header[..F_CRC]) == u32_at(header, F_CRC);
            sound.then_some(header)
        });
        let header = copy.ok_or(FileHeaderError::Damaged)?;
        let lowest_reader = u16::from_le_bytes([header[F_LOWEST_READER], header[F_LOWEST_READER + 1]]);
        if lowest_reader > FORMAT {
            let program =
                String::from_utf8_lossy(&header[F_PROGRAM..F_CRC]).trim_end_matches('\0').to_owned();
            return Err(FileHeaderError::Newer { found: lowest_reader, program });
        }
        Ok(Self {
            writer: WriterId(u32_at(header, F_WRITER)),
            seq: u32_at(header, F_SEQ),
            salt: u64_at(header, F_SALT),
            first_lsn: u64_at(header, F_FIRST_LSN),
            synced: u64_at(header, F_SYNCED),
        })
    }
}

// Record header.
pub(super) const RECORD_MAGIC: [u8; 4] = *b"\xabWr1";
const R_PAYLOAD_LEN: usize = RECORD_MAGIC.len();
const R_KIND: usize = R_PAYLOAD_LEN + 4;
const R_CODEC: usize = R_KIND + 1;
const R_SIGNAL: usize = R_CODEC + 1;
const R_FLAGS: usize = R_SIGNAL + 1;
const R_TENANT: usize = R_FLAGS + 1;
const R_LSN: usize = R_TENANT + 4;
const R_SYNCED: usize = R_LSN + 8;
const R_KEY: usize = R_SYNCED + 8;
const R_TIME: usize = R_KEY + 16;
const R_RAW_LEN: usize = R_TIME + 8;
const R_NAME_LEN: usize = R_RAW_LEN + 4;
const R_ANSWER_LEN: usize = R_NAME_LEN + 4;
const R_PAYLOAD_CRC: usize = R_ANSWER_LEN + 4;
const R_CRC: usize = R_PAYLOAD_CRC + 4;
pub(super) const RECORD_HEADER_LEN: usize = R_CRC + 4 + 4;

const FLAG_KEY: u8 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum RecordKind {
    Batch = 1,
    /// Follows an idle group: says up to where the file is durable.
    SyncMark = 2,
    /// Nothing follows in this file.
    Seal = 3,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Codec {
    None = 0,
    Lz4 = 1,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecordHeader {
    pub(super) kind: RecordKind,
    pub(super) codec: Codec,
    /// `None` in marks and seals, as the fields of batches are 0 there.
    pub(super) signal: Option<Signal>,
    pub(super) tenant: TenantNo,
    /// A mark or seal repeats that of the record before it.
    pub(super) lsn: u64,
    /// The highest LSN that was durable when this was written.
    pub(super) synced: u64,
    pub(super) key: Option<BatchKey>,
    /// Unix milliseconds when it was written: how old the key is.
    pub(super) time_ms: i64,
    pub(super) payload_len: u32,
    /// Of the batch, before the codec.
    pub(super) raw_len: u32,
    /// The payload begins with the tenant's name, then the answer; the batch is the rest.
    pub(super) name_len: u32,
    pub(super) answer_len: u32,
    /// Of the payload's bytes alone; in the file it is mixed with salt and LSN.
    pub(super) payload_crc: u32,
}

// === impl RecordHeader ===

impl RecordHeader {
    pub(super) fn mark(kind: RecordKind, lsn: u64, synced: u64, time_ms: i64) -> Self {
        Self {
            kind,
            codec: Codec::None,
            signal: None,
            tenant: TenantNo(0),
            lsn,
            synced,
            key: None,
            time_ms,
            payload_len: 0,
            raw_len: 0,
            name_len: 0,
            answer_len: 0,
            payload_crc: crc32fast::hash(&[]),
        }
    }

    /// Bytes the record takes in the file.
    pub(super) fn record_len(&self) -> usize {
        (RECORD_HEADER_LEN + self.payload_len as usize).next_multiple_of(ALIGN)
    }

    pub(super) fn encode(&self, salt: u64) -> [u8; RECORD_HEADER_LEN] {
        let mut bytes = [0; RECORD_HEADER_LEN];
        put(&mut bytes, 0, &RECORD_MAGIC);
        put(&mut bytes, R_PAYLOAD_LEN, &self.payload_len.to_le_bytes());
        bytes[R_KIND] = self.kind as u8;
        bytes[R_CODEC] = self.codec as u8;
        bytes[R_SIGNAL] = self.signal.map_or(0, |signal| signal as u8);
        bytes[R_FLAGS] = if self.key.is_some() { FLAG_KEY } else { 0 };
        put(&mut bytes, R_TENANT, &self.tenant.0.to_le_bytes());
        put(&mut bytes, R_LSN, &self.lsn.to_le_bytes());
        put(&mut bytes, R_SYNCED, &self.synced.to_le_bytes());
        put(&mut bytes, R_KEY, &self.key.map_or(0, |key| key.0).to_le_bytes());
        put(&mut bytes, R_TIME, &self.time_ms.to_le_bytes());
        put(&mut bytes, R_RAW_LEN, &self.raw_len.to_le_bytes());
        put(&mut bytes, R_NAME_LEN, &self.name_len.to_le_bytes());
        put(&mut bytes, R_ANSWER_LEN, &self.answer_len.to_le_bytes());
        put(&mut bytes, R_PAYLOAD_CRC, &mixed(self.payload_crc, salt, self.lsn).to_le_bytes());
        let crc = header_crc(&bytes, salt);
        put(&mut bytes, R_CRC, &crc.to_le_bytes());
        bytes
    }

    /// `None`: no record of this file begins here.
    pub(super) fn decode(bytes: &[u8], salt: u64) -> Option<FoundHeader> {
        let bytes: &[u8; RECORD_HEADER_LEN] = bytes.first_chunk()?;
        if !bytes.starts_with(&RECORD_MAGIC) || header_crc(bytes, salt) != u32_at(bytes, R_CRC) {
            return None;
        }
        let header = Self {
            kind: [RecordKind::Batch, RecordKind::SyncMark, RecordKind::Seal]
                .into_iter()
                .find(|kind| *kind as u8 == bytes[R_KIND])?,
            codec: [Codec::None, Codec::Lz4].into_iter().find(|codec| *codec as u8 == bytes[R_CODEC])?,
            signal: Signal::from_number(bytes[R_SIGNAL]),
            tenant: TenantNo(u32_at(bytes, R_TENANT)),
            lsn: u64_at(bytes, R_LSN),
            synced: u64_at(bytes, R_SYNCED),
            key: (bytes[R_FLAGS] & FLAG_KEY != 0).then(|| BatchKey(u128_at(bytes, R_KEY))),
            time_ms: u64_at(bytes, R_TIME) as i64,
            payload_len: u32_at(bytes, R_PAYLOAD_LEN),
            raw_len: u32_at(bytes, R_RAW_LEN),
            name_len: u32_at(bytes, R_NAME_LEN),
            answer_len: u32_at(bytes, R_ANSWER_LEN),
            payload_crc: 0,
        };
        Some(FoundHeader { header, mixed_crc: u32_at(bytes, R_PAYLOAD_CRC) })
    }
}

/// A header as it was read: the payload's checksum cannot be unmixed, only compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FoundHeader {
    pub(super) header: RecordHeader,
    mixed_crc: u32,
}

impl FoundHeader {
    pub(super) fn fits(&self, payload: &[u8], salt: u64) -> bool {
        mixed(crc32fast::hash(payload), salt, self.header.lsn) == self.mixed_crc
    }
}

fn mixed(crc: u32, salt: u64, lsn: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(crc);
    hasher.update(&salt.to_le_bytes());
    hasher.update(&lsn.to_le_bytes());
    hasher.finalize()
}

fn header_crc(bytes: &[u8; RECORD_HEADER_LEN], salt: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&bytes[..R_CRC]);
    hasher.finalize()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn u128_at(bytes: &[u8], at: usize) -> u128 {
    u128::from_le_bytes(array_at(bytes, at))
}
