//! The frame of a sample segment: header, sections, footer.

use crate::model::{Lsn, MalformedBatch, Tenant, WriterId};

pub(super) const MAGIC: &[u8; 8] = b"SBSAMPL\n";
pub(super) const VERSION: u32 = 2;
/// The oldest reader that understands files of [`VERSION`].
pub(super) const READER_MIN: u32 = 2;
/// Files of earlier formats were never in a release.
const VERSION_MIN: u32 = 2;
const TRAILER_LEN: usize = 4 + 4 + 8;

/// A run of bytes of the file with its checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Section {
    pub offset: u64,
    pub len: u64,
    pub crc: u32,
}

/// What the file says of itself: enough to rebuild its catalog row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SampleFooter {
    pub tenant: Tenant,
    /// First and last of each writer whose records are in it.
    pub lsns: Vec<(Lsn, Lsn)>,
    pub min_time_ms: i64,
    pub max_time_ms: i64,
    pub rows: u64,
    pub created_ms: i64,
    pub level: u32,
    /// Whether there are series of delta temporality.
    pub(crate) delta: bool,
    pub(super) table: Section,
    pub(super) exemplars: Section,
    pub(super) blocks: Vec<Section>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum FileError {
    #[error("not a sample segment")]
    Magic,
    #[error("format {found} needs a reader of version {needed}, this one reads {VERSION}")]
    Newer { found: u32, needed: u32 },
    #[error("format {0} is older than this program reads")]
    Older(u32),
    #[error("the checksum of the {0} is wrong")]
    Checksum(&'static str),
    #[error(transparent)]
    Malformed(#[from] MalformedBatch),
}

impl Section {
    pub(super) fn append(out: &mut Vec<u8>, bytes: &[u8]) -> Self {
        let section = Self { offset: out.len() as u64, len: bytes.len() as u64, crc: crc32fast::hash(bytes) };
        out.extend_from_slice(bytes);
        section
    }

    /// The section's bytes, checked.
    pub(super) fn read<'a>(&self, file: &'a [u8], what: &'static str) -> Result<&'a [u8], FileError> {
        let range = usize::try_from(self.offset)
            .ok()
            .zip(usize::try_from(self.len).ok())
            .and_then(|(start, len)| Some(start..start.checked_add(len)?));
        let bytes =
            range.and_then(|range| file.get(range)).ok_or(MalformedBatch("section outside the file"))?;
        if crc32fast::hash(bytes) == self.crc { Ok(bytes) } else { Err(FileError::Checksum(what)) }
    }
}

pub(super) fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&READER_MIN.to_le_bytes());
}

impl SampleFooter {
    /// Appends the footer: the file is whole after it.
    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let name = self.tenant.as_str().as_bytes();
        out.extend_from_slice(&(name.len() as u32).to_le_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(&(self.lsns.len() as u32).to_le_bytes());
        for lsn in self.lsns.iter().flat_map(|(first, last)| [first, last]) {
            out.extend_from_slice(&lsn.writer.0.to_le_bytes());
            out.extend_from_slice(&lsn.counter.to_le_bytes());
        }
        for number in [self.min_time_ms, self.max_time_ms, self.rows as i64, self.created_ms] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.level.to_le_bytes());
        out.push(u8::from(self.delta));
        for section in [&self.table, &self.exemplars].into_iter().chain(&self.blocks) {
            out.extend_from_slice(&section.offset.to_le_bytes());
            out.extend_from_slice(&section.len.to_le_bytes());
            out.extend_from_slice(&section.crc.to_le_bytes());
        }
        let len = (out.len() - start) as u32;
        // The header is under the footer's checksum too, so a flipped version is damage, not another version.
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&out[..MAGIC.len() + 8]);
        hasher.update(&out[start..]);
        out.extend_from_slice(&hasher.finalize().to_le_bytes());
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(MAGIC);
    }

    /// Reads and checks the footer of a whole file.
    pub(crate) fn read(file: &[u8]) -> Result<Self, FileError> {
        let header = file.get(..MAGIC.len() + 8).ok_or(FileError::Magic)?;
        let trailer_at = file.len().checked_sub(TRAILER_LEN).ok_or(FileError::Magic)?;
        let trailer = &file[trailer_at..];
        if !header.starts_with(MAGIC) || !trailer.ends_with(MAGIC) {
            return Err(FileError::Magic);
        }
        let (crc, len) = (number(&trailer[..4]), number(&trailer[4..8]) as usize);
        let start = trailer_at.checked_sub(len).ok_or(FileError::Checksum("footer"))?;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(header);
        hasher.update(&file[start..trailer_at]);
        if hasher.finalize() != crc {
            return Err(FileError::Checksum("footer"));
        }
        let (found, needed) = (number(&header[8..12]), number(&header[12..16]));
        if needed > VERSION {
            return Err(FileError::Newer { found, needed });
        }
        if found < VERSION_MIN {
            return Err(FileError::Older(found));
        }
        Ok(Self::parse(&file[start..trailer_at])?)
    }

    fn parse(mut rest: &[u8]) -> Result<Self, MalformedBatch> {
        let rest = &mut rest;
        let name_len = u32::from_le_bytes(take(rest)?) as usize;
        let (name, tail) = rest.split_at_checked(name_len).ok_or(MalformedBatch("tenant"))?;
        *rest = tail;
        let tenant = std::str::from_utf8(name).ok().and_then(|name| Tenant::authenticated(name).ok());
        let writers = u32::from_le_bytes(take(rest)?);
        let mut lsn = || {
            let writer = WriterId(u32::from_le_bytes(take(rest)?));
            Ok::<_, MalformedBatch>(Lsn { writer, counter: u64::from_le_bytes(take(rest)?) })
        };
        let lsns = (0..writers).map(|_| Ok((lsn()?, lsn()?))).collect::<Result<Vec<_>, MalformedBatch>>()?;
        let mut int = || Ok::<_, MalformedBatch>(i64::from_le_bytes(take(rest)?));
        let (min_time_ms, max_time_ms, rows, created_ms) = (int()?, int()?, int()? as u64, int()?);
        let level = u32::from_le_bytes(take(rest)?);
        let [delta] = take(rest)?;
        let mut section = || {
            let offset = u64::from_le_bytes(take(rest)?);
            let len = u64::from_le_bytes(take(rest)?);
            Ok::<_, MalformedBatch>(Section { offset, len, crc: u32::from_le_bytes(take(rest)?) })
        };
        let (table, exemplars) = (section()?, section()?);
        let mut blocks = Vec::new();
        while let Ok(block) = section() {
            blocks.push(block);
        }
        Ok(Self {
            tenant: tenant.ok_or(MalformedBatch("tenant"))?,
            lsns,
            min_time_ms,
            max_time_ms,
            rows,
            created_ms,
            level,
            delta: delta != 0,
            table,
            exemplars,
            blocks,
        })
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_le_bytes)
}

pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], MalformedBatch> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(MalformedBatch("cut short"))?;
    *rest = tail;
    Ok(*head)
}
