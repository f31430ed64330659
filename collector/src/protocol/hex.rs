//! Ids in hexadecimal.

/// An id in lower-case hex that reads back as it was written; an all-zero one is none.
pub(crate) fn hex_id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let lower = digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if digits.len() != 2 * N || !lower {
        return None;
    }
    let nibble = |digit: u8| if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 };
    let mut id = [0; N];
    for (byte, pair) in id.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = nibble(pair[0]) << 4 | nibble(pair[1]);
    }
    id.iter().any(|byte| *byte != 0).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_that_read_back_the_same_are_ids() {
        assert_eq!(hex_id::<2>("0aff"), Some([0x0a, 0xff]));
        for text in ["0aF0", "0aff0", "0000", "0a", "zzzz"] {
            assert_eq!(hex_id::<2>(text), None, "{text}");
        }
    }
}
