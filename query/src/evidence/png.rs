//! PNG: 8-bit RGB, one compressed block of rows. Encoding only.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];
/// Colour type 2: red, green, blue.
const HEADER_TAIL: [u8; 5] = [8, 2, 0, 0, 0];

/// `pixels`: rows from the top, three bytes a pixel.
pub(super) fn encode(width: u32, height: u32, pixels: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = SIGNATURE.to_vec();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &HEADER_TAIL].concat();
    chunk(&mut out, b"IHDR", &header);
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in pixels.chunks(width as usize * 3) {
        // No filter: charts are runs of one colour.
        rows.write_all(&[0])?;
        rows.write_all(row)?;
    }
    chunk(&mut out, b"IDAT", &rows.finish()?);
    chunk(&mut out, b"IEND", &[]);
    Ok(out)
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    out.extend(kind);
    out.extend(data);
    let mut sum = crc32fast::Hasher::new();
    sum.update(kind);
    sum.update(data);
    out.extend(sum.finalize().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn an_image_has_its_size_its_rows_and_sums_that_hold() {
        let pixels: Vec<u8> = (0..2 * 3 * 3).collect();
        let png = encode(2, 3, &pixels).unwrap();
        assert_eq!((&png[..8], &png[12..24]), (&SIGNATURE[..], &b"IHDR\x00\x00\x00\x02\x00\x00\x00\x03"[..]));
        let length = u32::from_be_bytes(png[33..37].try_into().unwrap()) as usize;
        let mut rows = Vec::new();
        flate2::read::ZlibDecoder::new(&png[41..41 + length]).read_to_end(&mut rows).unwrap();
        assert_eq!(rows, [&[0], &pixels[..6], &[0], &pixels[6..12], &[0], &pixels[12..]].concat());
        let sum = u32::from_be_bytes(png[41 + length..45 + length].try_into().unwrap());
        assert_eq!(sum, crc32fast::hash(&png[37..41 + length]));
    }
}
