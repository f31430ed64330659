//! Decompression with a cap: a bomb is stopped while it unfolds, and memory is taken by permit as it grows.

use std::io::Read;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::body::{BodyError, room};
use crate::memory::Permit;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Zstd,
    Deflate,
    /// One block, as remote write and Loki's push have it; not the framed format of the content encoding.
    SnappyBlock,
}

const STEP_MIN: usize = 4 << 10;
const STEP_MAX: usize = 1 << 20;
/// How much larger than its input an output is believed to be before any of it was seen.
const RATIO_GUESS_MAX: usize = 32;
/// The densest element of a snappy block: a copy of 64 bytes in 3.
const SNAPPY_RATIO_MAX: usize = 22;
/// Frames may ask for a window of up to this power of two: any body within the cap passes, no frame takes more.
pub(super) const WINDOW_LOG_MAX: u32 = 26;

impl Coding {
    /// From a `Content-Encoding` or `grpc-encoding` value.
    pub fn from_name(name: &str) -> Option<Self> {
        let is = |known: &str| name.trim().eq_ignore_ascii_case(known);
        match () {
            () if is("") || is("identity") => Some(Self::Identity),
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("zstd") => Some(Self::Zstd),
            () if is("deflate") => Some(Self::Deflate),
            () => None,
        }
    }
}

/// Appends the decompressed input to `out`.
pub(super) fn decompress(
    coding: Coding,
    input: &[u8],
    out: &mut Vec<u8>,
    cap: u64,
    permit: &mut Permit,
) -> Result<(), BodyError> {
    if coding == Coding::SnappyBlock {
        return snappy_block(input, out, cap, permit);
    }
    if input.is_empty() {
        return Ok(());
    }
    let guess = guess_len(coding, input);
    match coding {
        Coding::Identity | Coding::SnappyBlock => unfold(input, guess, out, cap, permit),
        Coding::Gzip => unfold(MultiGzDecoder::new(input), guess, out, cap, permit),
        Coding::Deflate if has_zlib_header(input) => unfold(ZlibDecoder::new(input), guess, out, cap, permit),
        // HTTP means the zlib format, but some senders leave its header away.
        Coding::Deflate => unfold(DeflateDecoder::new(input), guess, out, cap, permit),
        Coding::Zstd => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(input).map_err(|_| BodyError::Compression)?;
            decoder.window_log_max(WINDOW_LOG_MAX).map_err(|_| BodyError::Compression)?;
            unfold(decoder, guess, out, cap, permit)
        }
    }
}

fn unfold(
    mut reader: impl Read,
    guess: usize,
    out: &mut Vec<u8>,
    cap: u64,
    permit: &mut Permit,
) -> Result<(), BodyError> {
    let cap_len = usize::try_from(cap).unwrap_or(usize::MAX);
    let before = permit.held();
    let mut step = guess;
    loop {
        // One byte more than allowed tells a body of exactly the cap from a larger one.
        let next = step.min(cap_len.saturating_add(1) - out.len());
        permit.grow_to(before + (out.len() + next) as u64)?;
        out.reserve(room(out.len(), out.len() + next, cap));
        let read = reader.by_ref().take(next as u64).read_to_end(out).map_err(|_| BodyError::Compression)?;
        if out.len() > cap_len {
            return Err(BodyError::TooLarge { limit: cap });
        }
        if read < next {
            permit.shrink_to(before + out.len() as u64);
            return Ok(());
        }
        step = (out.len()).clamp(STEP_MIN, STEP_MAX);
    }
}

/// A block says its length first, and no block unfolds further than its longest copies reach: a length beyond is a lie.
fn snappy_block(input: &[u8], out: &mut Vec<u8>, cap: u64, permit: &mut Permit) -> Result<(), BodyError> {
    let told = snap::raw::decompress_len(input).map_err(|_| BodyError::Compression)?;
    if told as u64 > cap {
        return Err(BodyError::TooLarge { limit: cap });
    }
    if told > input.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(BodyError::Compression);
    }
    let before = permit.held();
    permit.grow_to(before + told as u64)?;
    out.clear();
    out.resize(told, 0);
    let len = snap::raw::Decoder::new().decompress(input, out).map_err(|_| BodyError::Compression)?;
    if len != told {
        return Err(BodyError::Compression);
    }
    permit.shrink_to(before + told as u64);
    Ok(())
}

/// Senders write the length down; it is only believed as far as an ordinary ratio goes.
fn guess_len(coding: Coding, input: &[u8]) -> usize {
    let told = match coding {
        Coding::Gzip => input.last_chunk::<4>().map(|len| u64::from(u32::from_le_bytes(*len))),
        Coding::Zstd => zstd::zstd_safe::get_frame_content_size(input).ok().flatten(),
        Coding::Identity | Coding::SnappyBlock => Some(input.len() as u64),
        Coding::Deflate => None,
    };
    let guess = told.map_or(input.len().saturating_mul(4), |len| usize::try_from(len).unwrap_or(usize::MAX));
    guess.min(input.len().saturating_mul(RATIO_GUESS_MAX)).saturating_add(1).max(STEP_MIN)
}

fn has_zlib_header(input: &[u8]) -> bool {
    matches!(input, [a, b, ..] if a & 0x0f == 8 && (u16::from(*a) << 8 | u16::from(*b)) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;
    use crate::memory::Memory;

    const MIB: u64 = 1 << 20;

    fn run(coding: Coding, input: &[u8], cap: u64, memory: u64) -> Result<Vec<u8>, BodyError> {
        let mut out = Vec::new();
        let memory = Memory::new(memory);
        let mut permit = memory.permit(0).unwrap();
        decompress(coding, input, &mut out, cap, &mut permit)?;
        assert_eq!(permit.held(), out.len() as u64);
        Ok(out)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_coding_unfolds_and_a_cut_one_is_an_error() {
        let text: Vec<u8> = (0..100_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&text).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(&text).unwrap();
        for (coding, input) in [
            (Coding::Identity, text.clone()),
            (Coding::Gzip, gzip(&text)),
            (Coding::Deflate, zlib.finish().unwrap()),
            (Coding::Deflate, raw.finish().unwrap()),
            (Coding::Zstd, zstd::encode_all(text.as_slice(), 1).unwrap()),
            (Coding::SnappyBlock, snap::raw::Encoder::new().compress_vec(&text).unwrap()),
        ] {
            assert_eq!(run(coding, &input, MIB, 8 * MIB).unwrap(), text, "{coding:?}");
            assert!(matches!(
                run(coding, &input, text.len() as u64 - 1, 8 * MIB),
                Err(BodyError::TooLarge { .. })
            ));
            assert_eq!(run(coding, &input, text.len() as u64, 8 * MIB).unwrap().len(), text.len());
            if coding != Coding::Identity {
                assert_eq!(run(coding, &input[..input.len() - 9], MIB, 8 * MIB), Err(BodyError::Compression));
            }
        }
    }

    #[test]
    fn gzip_members_follow_one_another() {
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(run(Coding::Gzip, &two, MIB, MIB).unwrap(), b"one two");
    }

    #[test]
    fn a_snappy_block_that_lies_about_its_length_allocates_nothing() {
        // 16 MiB, says the varint.
        let liar = [0x80, 0x80, 0x80, 0x08, 0x00, b'x'];
        assert_eq!(run(Coding::SnappyBlock, &liar, 32 * MIB, MIB), Err(BodyError::Compression));
        assert_eq!(run(Coding::SnappyBlock, &liar, MIB, MIB), Err(BodyError::TooLarge { limit: MIB }));
        assert_eq!(run(Coding::SnappyBlock, &[], MIB, MIB), Err(BodyError::Compression));
        assert_eq!(run(Coding::SnappyBlock, &[0], MIB, MIB), Ok(Vec::new()));
    }

    #[test]
    fn a_bomb_stops_at_the_cap_and_at_the_end_of_memory() {
        let bomb = gzip(&vec![0; 8 << 20]);
        assert!(bomb.len() < 1 << 18);
        assert_eq!(run(Coding::Gzip, &bomb, 2 * MIB, 16 * MIB), Err(BodyError::TooLarge { limit: 2 * MIB }));
        assert!(matches!(run(Coding::Gzip, &bomb, 16 * MIB, 2 * MIB), Err(BodyError::NoMemory(_))));
    }
}
