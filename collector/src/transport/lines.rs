//! Bodies of lines, of any length: read, decompressed and taken part by part, each a batch of its own. Memory is that of a
//! part, whatever the body's length. A part that fails ends the request; those before it are stored, which the answer
//! tells, and to send them again changes nothing.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use http::HeaderMap;
use store::model::{ErrorClass, RequestCtx};

use super::HttpRoute;
use super::body::{BodyError, data};
use super::compression::{Coding, WINDOW_LOG_MAX};
use crate::collector::Shared;
use crate::ingest::{Accepted, Ingest, Refusal, ingest};
use crate::memory::Permit;
use crate::metrics::Door;
use crate::protocol::Encoding;

/// A part is cut after the last line that ends within so many bytes.
const PART_BYTES: usize = 2 << 20;
/// A longer line is refused.
const LINE_BYTES_MAX: usize = 16 << 20;
/// So much of a compressed body is unfolded at once: it may become a thousand times as much.
const FOLDED_BYTES: usize = 8 << 10;

/// What goes with every part.
pub(super) struct Lines<'a> {
    pub shared: &'a Arc<Shared>,
    pub ctx: &'a RequestCtx,
    pub route: &'a HttpRoute,
    pub door: Door,
    pub encoding: Encoding,
}

/// Decompresses as bytes come; what is unfolded waits in its buffer.
enum Unfolder {
    Identity(Vec<u8>),
    Gzip(flate2::write::MultiGzDecoder<Vec<u8>>),
    Deflate(flate2::write::ZlibDecoder<Vec<u8>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Vec<u8>>>),
}

// === impl Lines ===

impl Lines<'_> {
    pub(super) async fn take(&self, coding: Coding, body: &mut Body) -> Result<Accepted, Refusal> {
        let mut all = Accepted::default();
        let taken = self.take_parts(coding, body, &mut all).await;
        taken.map(|()| all.clone()).map_err(|refusal| {
            let stored = all.taken;
            let before =
                if stored > 0 { format!("; {stored} samples before are stored") } else { String::new() };
            Refusal { message: format!("{}{before}", refusal.message), ..refusal }
        })
    }

    async fn take_parts(&self, coding: Coding, body: &mut Body, all: &mut Accepted) -> Result<(), Refusal> {
        let refuse = |error: BodyError| error.refusal(self.shared);
        let mut unfolder = Unfolder::new(coding).map_err(refuse)?;
        let mut permit = self.permit()?;
        while let Some(chunk) = data(body).await.map_err(refuse)? {
            self.shared.metrics.body_bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            for folded in chunk.chunks(FOLDED_BYTES) {
                unfolder.put(folded).map_err(refuse)?;
                let waiting = unfolder.waiting();
                permit.grow_to(waiting.len() as u64).map_err(|error| refuse(error.into()))?;
                while waiting.len() >= PART_BYTES {
                    let Some(end) = end_of_part(waiting) else { break };
                    let part: Vec<u8> = waiting.drain(..end).collect();
                    self.take_part(part, all).await?;
                }
                if waiting.len() > LINE_BYTES_MAX {
                    let message = format!("a line is longer than {LINE_BYTES_MAX} bytes");
                    return Err(Refusal::new(ErrorClass::TooLarge, message));
                }
            }
        }
        let rest = unfolder.finish().map_err(refuse)?;
        permit.grow_to(rest.len() as u64).map_err(|error| refuse(error.into()))?;
        let mut rest = rest.as_slice();
        while !rest.is_empty() {
            let end = if rest.len() > PART_BYTES { end_of_part(rest) } else { None }.unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            self.take_part(part.to_vec(), all).await?;
            rest = after;
        }
        Ok(())
    }

    /// For what waits to become a part.
    fn permit(&self) -> Result<Permit, Refusal> {
        self.shared.memory.permit(0).map_err(|error| BodyError::from(error).refusal(self.shared))
    }

    async fn take_part(&self, part: Vec<u8>, all: &mut Accepted) -> Result<(), Refusal> {
        self.shared.metrics.decompressed_bytes.fetch_add(part.len() as u64, Ordering::Relaxed);
        let mut permit = self.permit()?;
        permit.grow(part.len() as u64).map_err(|error| BodyError::from(error).refusal(self.shared))?;
        let request = Ingest {
            protocol: self.route.protocol,
            door: self.door,
            encoding: self.encoding,
            body: part.into(),
            target: String::new(),
            idempotency_key: None,
            permit,
        };
        let accepted = ingest(self.shared, self.ctx, request).await?;
        all.taken += accepted.taken;
        all.rejected += accepted.rejected;
        // The first part with something wrong tells what it is.
        if all.message.is_empty() {
            all.message = accepted.message;
        }
        Ok(())
    }
}

/// After the last line that ends within a part; if the first line is longer, after that.
fn end_of_part(waiting: &[u8]) -> Option<usize> {
    let within = memchr::memrchr(b'\n', &waiting[..waiting.len().min(PART_BYTES)]);
    within.or_else(|| memchr::memchr(b'\n', waiting)).map(|at| at + 1)
}

/// How such a body is compressed.
pub(super) fn coding(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let name = headers.get(http::header::CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("?"));
    Coding::from_name(name).ok_or_else(|| {
        let message = "content-encoding: send gzip, zstd, deflate or identity";
        Refusal::new(ErrorClass::WrongContentType, message)
    })
}

// === impl Unfolder ===

impl Unfolder {
    fn new(coding: Coding) -> Result<Self, BodyError> {
        Ok(match coding {
            Coding::Identity | Coding::SnappyBlock => Self::Identity(Vec::new()),
            Coding::Gzip => Self::Gzip(flate2::write::MultiGzDecoder::new(Vec::new())),
            Coding::Deflate => Self::Deflate(flate2::write::ZlibDecoder::new(Vec::new())),
            Coding::Zstd => {
                let mut decoder =
                    zstd::stream::write::Decoder::new(Vec::new()).map_err(|_| BodyError::Compression)?;
                decoder.window_log_max(WINDOW_LOG_MAX).map_err(|_| BodyError::Compression)?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        match self {
            Self::Identity(out) => out.write_all(bytes),
            Self::Gzip(decoder) => decoder.write_all(bytes),
            Self::Deflate(decoder) => decoder.write_all(bytes),
            Self::Zstd(decoder) => decoder.write_all(bytes),
        }
        .map_err(|_| BodyError::Compression)
    }

    fn waiting(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Identity(out) => out,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        }
    }

    /// What waits when the body has ended, which it must not do within a compressed piece.
    fn finish(self) -> Result<Vec<u8>, BodyError> {
        match self {
            Self::Identity(out) => Ok(out),
            Self::Gzip(decoder) => decoder.finish().map_err(|_| BodyError::Compression),
            Self::Deflate(decoder) => decoder.finish().map_err(|_| BodyError::Compression),
            Self::Zstd(mut decoder) => {
                decoder.flush().map_err(|_| BodyError::Compression)?;
                Ok(decoder.into_inner())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(coding: Coding, text: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        match coding {
            Coding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Zstd => zstd::bulk::compress(text, 1).unwrap(),
            _ => text.to_vec(),
        }
    }

    #[test]
    fn a_body_unfolds_the_same_however_it_is_cut() {
        let text: Vec<u8> = (0..20_000).flat_map(|n: u32| format!("line {n}\n").into_bytes()).collect();
        for coding in [Coding::Identity, Coding::Gzip, Coding::Deflate, Coding::Zstd] {
            let body = folded(coding, &text);
            for step in [7, 1_000, body.len()] {
                let mut unfolder = Unfolder::new(coding).unwrap();
                let mut out = Vec::new();
                for piece in body.chunks(step) {
                    unfolder.put(piece).unwrap();
                    out.append(unfolder.waiting());
                }
                out.extend(unfolder.finish().unwrap());
                assert!(out == text, "{coding:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn parts_end_where_lines_do() {
        let mut text = vec![b'a'; PART_BYTES - 2];
        text.extend_from_slice(b"\nb\nc");
        assert_eq!(end_of_part(&text), Some(PART_BYTES - 1));
        let mut long = vec![b'a'; PART_BYTES * 2];
        assert_eq!(end_of_part(&long), None);
        long.push(b'\n');
        assert_eq!(end_of_part(&long), Some(PART_BYTES * 2 + 1));
    }
}
