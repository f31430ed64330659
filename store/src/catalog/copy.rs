//! The copy: what cannot be rebuilt from segments (tenants, meta, documents) in one small checksummed file, written
//! anew whenever it changes.

use super::CatalogError;
use super::tables::{OwnedDocument, Result, kind};
use crate::documents::Document;
use crate::model::{Tenant, TenantNo};

const MAGIC: [u8; 8] = *b"SBXCOPY1";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Copy {
    /// Counts the changes of what is copied: a catalog with a lower one has lost changes.
    pub(super) generation: u64,
    pub(super) meta: Vec<(String, Vec<u8>)>,
    pub(super) tenants: Vec<(TenantNo, Tenant)>,
    pub(super) documents: Vec<OwnedDocument>,
}

// === impl Copy ===

impl Copy {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.generation.to_le_bytes());
        put_len(&mut out, self.meta.len());
        for (name, value) in &self.meta {
            put(&mut out, name.as_bytes());
            put(&mut out, value);
        }
        put_len(&mut out, self.tenants.len());
        for (no, tenant) in &self.tenants {
            out.extend_from_slice(&no.0.to_le_bytes());
            put(&mut out, tenant.as_str().as_bytes());
        }
        put_len(&mut out, self.documents.len());
        for OwnedDocument { tenant, kind, document } in &self.documents {
            put(&mut out, tenant.as_str().as_bytes());
            put(&mut out, kind.as_str().as_bytes());
            put(&mut out, document.id.as_bytes());
            out.extend_from_slice(&document.revision.to_le_bytes());
            put(&mut out, &document.bytes);
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let damaged = || CatalogError::Failed("the copy of the documents is damaged".to_owned());
        let (content, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
            return Err(damaged());
        }
        let mut rest = content.strip_prefix(&MAGIC).ok_or_else(damaged)?;
        Self::read(&mut rest).ok_or_else(damaged)
    }

    fn read(rest: &mut &[u8]) -> Option<Self> {
        let mut copy = Self { generation: take_u64(rest)?, ..Self::default() };
        for _ in 0..take_u32(rest)? {
            copy.meta.push((take_text(rest)?, take(rest)?.to_vec()));
        }
        for _ in 0..take_u32(rest)? {
            copy.tenants.push((TenantNo(take_u32(rest)?), Tenant::authenticated(&take_text(rest)?).ok()?));
        }
        for _ in 0..take_u32(rest)? {
            let tenant = Tenant::authenticated(&take_text(rest)?).ok()?;
            let kind = kind(&take_text(rest)?).ok()?;
            let id = take_text(rest)?;
            let document = Document { id, revision: take_u64(rest)?, bytes: take(rest)?.into() };
            copy.documents.push(OwnedDocument { tenant, kind, document });
        }
        Some(copy)
    }
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&(len as u32).to_le_bytes());
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(u32::from_le_bytes(*bytes))
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(u64::from_le_bytes(*bytes))
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_u32(rest)? as usize;
    let (bytes, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(bytes)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    String::from_utf8(take(rest)?.to_vec()).ok()
}
