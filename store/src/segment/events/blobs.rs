//! Bytes of columns, compressed where that makes them shorter.
//!
//! ```text
//! raw length(varint) stored length(varint) bytes: a zstd frame if the stored length is the shorter
//! ```

use std::cell::RefCell;

use super::super::coding::{Reader, put_varint};

/// Shorter ones are not worth a zstd frame.
const COMPRESS_MIN: usize = 48;
/// Larger than any block's text can be; checksums are verified before, so this only bounds a bug.
const BLOB_MAX: usize = 1 << 31;

/// Writes blobs; holds what is used again between them.
pub(super) struct Blobs {
    zstd: zstd::bulk::Compressor<'static>,
    packed: Vec<u8>,
}

impl Blobs {
    pub(super) fn new(level: i32) -> std::io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Compressor::new(level)?, packed: Vec::new() })
    }

    pub(super) fn put(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        put_varint(out, bytes.len() as u64);
        if bytes.len() >= COMPRESS_MIN {
            self.packed.clear();
            self.packed.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
            let stored = self.zstd.compress_to_buffer(bytes, &mut self.packed);
            if stored.is_ok_and(|len| len < bytes.len()) {
                put_varint(out, self.packed.len() as u64);
                out.extend_from_slice(&self.packed);
                return;
            }
        }
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

thread_local! {
    /// What is used again from blob to blob.
    static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

fn unpack(bytes: &[u8], raw: usize) -> Option<Vec<u8>> {
    UNPACKER.with_borrow_mut(|zstd| {
        let zstd = match zstd {
            Some(zstd) => zstd,
            none => none.insert(zstd::bulk::Decompressor::new().ok()?),
        };
        zstd.decompress(bytes, raw).ok().filter(|bytes| bytes.len() == raw)
    })
}

/// The raw length of the next blob and its bytes as they are stored.
fn take_blob<'a>(reader: &mut Reader<'a>) -> Option<(usize, &'a [u8])> {
    let raw = reader.count(BLOB_MAX)?;
    let stored = reader.count(reader.rest().len())?;
    Some((raw, reader.bytes(stored)?))
}

pub(super) fn read_blob(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let (raw, bytes) = take_blob(reader)?;
    if bytes.len() == raw { Some(bytes.to_vec()) } else { unpack(bytes, raw) }
}

pub(super) fn skip_blob(reader: &mut Reader<'_>) -> Option<()> {
    take_blob(reader).map(drop)
}
