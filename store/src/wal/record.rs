//! One batch as bytes for the log: encoded by the task that brings it, so that the writer thread only numbers it.

use super::format::{Codec, RECORD_HEADER_LEN, RecordHeader, RecordKind};
use crate::model::{Batch, BatchKey, EventBatch, MalformedBatch, SampleBatch, Signal, Tenant, TenantNo};

/// Batches come from bodies of at most 64 MiB; lengths in the header have 32 bits.
const RECORD_BYTES_MAX: usize = 1 << 30;

/// A record without its number: the header's bytes are filled in when the log knows them.
#[derive(Debug)]
pub(crate) struct Record {
    header: RecordHeader,
    /// Room for the header, payload, zeros up to the next record's place.
    bytes: Vec<u8>,
}

/// What a payload holds.
pub(super) struct Payload {
    pub(super) tenant: Tenant,
    pub(super) answer: Vec<u8>,
    pub(super) batch: Batch,
}

#[derive(Debug, thiserror::Error)]
#[error("a batch of {bytes} encoded bytes is over the limit of {RECORD_BYTES_MAX}: send smaller requests")]
pub(crate) struct RecordTooLarge {
    bytes: usize,
}

// === impl Record ===

impl Record {
    pub(crate) fn new(
        tenant_no: TenantNo,
        tenant: &Tenant,
        key: Option<BatchKey>,
        answer: &[u8],
        batch: &Batch,
    ) -> Result<Self, RecordTooLarge> {
        let mut raw = Vec::new();
        match batch {
            Batch::Events(events) => events.encode(&mut raw),
            Batch::Samples(samples) => samples.encode(&mut raw),
        }
        if raw.len() + answer.len() > RECORD_BYTES_MAX {
            return Err(RecordTooLarge { bytes: raw.len() + answer.len() });
        }
        let name = tenant.as_str().as_bytes();
        let prefix = RECORD_HEADER_LEN + name.len() + answer.len();
        let room = lz4_flex::block::get_maximum_output_size(raw.len());
        let mut bytes = vec![0; prefix + room];
        bytes[RECORD_HEADER_LEN..RECORD_HEADER_LEN + name.len()].copy_from_slice(name);
        bytes[RECORD_HEADER_LEN + name.len()..prefix].copy_from_slice(answer);
        // What shrinks by less than an eighth is not worth the reader's time.
        let packed = lz4_flex::block::compress_into(&raw, &mut bytes[prefix..]).ok();
        let codec = match packed.filter(|len| *len < raw.len() - raw.len() / 8) {
            Some(len) => {
                bytes.truncate(prefix + len);
                Codec::Lz4
            }
            None => {
                bytes.truncate(prefix);
                bytes.extend_from_slice(&raw);
                Codec::None
            }
        };
        let payload = &bytes[RECORD_HEADER_LEN..];
        let header = RecordHeader {
            kind: RecordKind::Batch,
            codec,
            signal: Some(batch.signal()),
            tenant: tenant_no,
            lsn: 0,
            synced: 0,
            key,
            time_ms: 0,
            payload_len: payload.len() as u32,
            raw_len: raw.len() as u32,
            name_len: name.len() as u32,
            answer_len: answer.len() as u32,
            payload_crc: crc32fast::hash(payload),
        };
        bytes.resize(header.record_len(), 0);
        Ok(Self { header, bytes })
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn pair(&self) -> Option<(TenantNo, Signal)> {
        self.header.signal.map(|signal| (self.header.tenant, signal))
    }

    /// Appends the finished record to `out`.
    pub(super) fn write(&mut self, lsn: u64, synced: u64, time_ms: i64, salt: u64, out: &mut Vec<u8>) {
        self.header = RecordHeader { lsn, synced, time_ms, ..self.header };
        self.bytes[..RECORD_HEADER_LEN].copy_from_slice(&self.header.encode(salt));
        out.extend_from_slice(&self.bytes);
    }
}

/// Takes a payload apart again.
pub(super) fn decode_payload(header: &RecordHeader, payload: &[u8]) -> Result<Payload, MalformedBatch> {
    let cut = MalformedBatch("record shorter than its parts");
    let (name, rest) = payload.split_at_checked(header.name_len as usize).ok_or(cut)?;
    let cut = MalformedBatch("record shorter than its parts");
    let (answer, packed) = rest.split_at_checked(header.answer_len as usize).ok_or(cut)?;
    let tenant = std::str::from_utf8(name).ok().and_then(|name| Tenant::authenticated(name).ok());
    let tenant = tenant.ok_or(MalformedBatch("tenant name"))?;
    let unpacked;
    let raw = match header.codec {
        Codec::None => packed,
        Codec::Lz4 => {
            unpacked = lz4_flex::block::decompress(packed, header.raw_len as usize)
                .map_err(|_| MalformedBatch("lz4 block"))?;
            unpacked.as_slice()
        }
    };
    let batch = match header.signal {
        Some(Signal::Samples) => Batch::Samples(SampleBatch::decode(raw)?),
        _ => Batch::Events(EventBatch::decode(raw)?),
    };
    if header.signal != Some(batch.signal()) {
        return Err(MalformedBatch("signal of record and batch differ"));
    }
    Ok(Payload { tenant, answer: answer.to_vec(), batch })
}
