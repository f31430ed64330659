//! Where segment bytes live: named, immutable once put.

mod local;

use std::fmt;
use std::io;
use std::ops::Deref;

use bytes::Bytes;
use memmap2::Mmap;

use crate::model::{Signal, TenantNo};

pub(crate) use local::LocalBlobs;

/// The name of a segment's bytes. Tenants are numbers here, so a path or object key tells nothing about them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BlobKey {
    pub tenant: TenantNo,
    pub signal: Signal,
    /// The segment's id: writer and counter, never used twice.
    pub segment: u64,
}

/// A blob's bytes, mapped or owned.
pub enum BlobData {
    /// The first so many bytes of a map.
    Mapped(Mmap, usize),
    Owned(Bytes),
}

/// A place for blobs. Calls block: they run on blocking threads.
pub(crate) trait Blobs: Send + Sync {
    /// Returns when the bytes are durable under the key. An existing blob of that key is replaced whole or not at all.
    fn put(&self, key: BlobKey, bytes: &[u8]) -> io::Result<()>;
    fn open(&self, key: BlobKey) -> io::Result<BlobData>;
    /// Blobs that are not there are no error. Durable when it returns.
    fn delete(&self, keys: &[BlobKey]) -> io::Result<()>;
    /// Takes the blob out of service, keeping its bytes for a person to look at.
    fn quarantine(&self, key: BlobKey) -> io::Result<()>;
    fn list(&self) -> io::Result<Vec<BlobKey>>;
}

// === impl BlobKey ===

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}/{}/{:016x}.seg", self.tenant.0, self.signal.as_str(), self.segment)
    }
}

impl BlobKey {
    /// Reads what `Display` wrote; anything else is not ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (tenant, signal, file) = (parts.next()?, parts.next()?, parts.next()?);
        let key = Self {
            tenant: TenantNo(tenant.strip_prefix('t')?.parse().ok()?),
            signal: Signal::ALL.into_iter().find(|s| s.as_str() == signal)?,
            segment: u64::from_str_radix(file.strip_suffix(".seg")?, 16).ok()?,
        };
        (parts.next().is_none() && key.to_string() == text).then_some(key)
    }
}

impl BlobData {
    /// The first `len` bytes; all if there are fewer.
    pub(crate) fn shortened(self, len: usize) -> Self {
        match self {
            Self::Mapped(map, old) => Self::Mapped(map, len.min(old)),
            Self::Owned(bytes) => Self::Owned(bytes.slice(..len.min(bytes.len()))),
        }
    }
}

impl Deref for BlobData {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map, len) => &map[..*len],
            Self::Owned(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every implementation keeps; new ones are added to the callers below.
    fn conformance(blobs: &dyn Blobs) {
        let key = |segment| BlobKey { tenant: TenantNo(3), signal: Signal::Spans, segment };
        assert_eq!(blobs.list().unwrap(), []);
        blobs.put(key(1), b"one").unwrap();
        blobs.put(key(2), b"").unwrap();
        assert_eq!(&*blobs.open(key(1)).unwrap(), b"one");
        assert_eq!(&*blobs.open(key(2)).unwrap(), b"");
        blobs.put(key(1), b"uno").unwrap();
        assert_eq!(&*blobs.open(key(1)).unwrap(), b"uno");
        assert_eq!(blobs.list().unwrap(), [key(1), key(2)]);
        blobs.delete(&[key(1), key(3)]).unwrap();
        blobs.delete(&[key(1)]).unwrap();
        assert_eq!(blobs.open(key(1)).err().map(|e| e.kind()), Some(io::ErrorKind::NotFound));
        blobs.quarantine(key(2)).unwrap();
        assert_eq!(blobs.list().unwrap(), []);
        blobs.put(key(2), b"again").unwrap();
        blobs.quarantine(key(2)).unwrap();
        assert_eq!(blobs.open(key(2)).err().map(|e| e.kind()), Some(io::ErrorKind::NotFound));
    }

    #[test]
    fn local_blobs_conform() {
        let dir = tempfile::tempdir().unwrap();
        conformance(&LocalBlobs::open(dir.path().join("blobs"), dir.path().join("quarantine")).unwrap());
    }

    #[test]
    fn keys_read_back_and_strangers_do_not() {
        let key = BlobKey { tenant: TenantNo(7), signal: Signal::Logs, segment: 0xabc };
        assert_eq!(BlobKey::parse(&key.to_string()), Some(key));
        for bad in ["t7/logs/abc.seg", "t07/logs/0000000000000abc.seg", "x", "t7/logs/0000000000000abc.seg/x"]
        {
            assert_eq!(BlobKey::parse(bad), None, "{bad}");
        }
    }
}
