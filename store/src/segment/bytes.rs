//! The bytes of an open segment, shared with the index that reads them.

use std::ops::{Deref, Range};
use std::sync::Arc;

use stable_deref_trait::StableDeref;

use crate::blobs::BlobData;

/// The bytes of one immutable file. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SegmentBytes(Arc<BlobData>);

impl SegmentBytes {
    pub(crate) fn slice(&self, range: Range<usize>) -> Option<&[u8]> {
        self.0.get(range)
    }
}

impl From<BlobData> for SegmentBytes {
    fn from(data: BlobData) -> Self {
        Self(Arc::new(data))
    }
}

impl From<Vec<u8>> for SegmentBytes {
    fn from(bytes: Vec<u8>) -> Self {
        BlobData::Owned(bytes.into()).into()
    }
}

impl Deref for SegmentBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

// SAFETY: the bytes are a map or a reference-counted buffer inside an `Arc` nobody has mutable access to, so their
// address stays while any clone lives.
#[allow(unsafe_code)]
unsafe impl StableDeref for SegmentBytes {}
