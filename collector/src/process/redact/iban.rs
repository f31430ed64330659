//! Account numbers: a country, its length, and the check digits modulo 97 (ISO 13616).

use std::ops::Range;

/// Countries of the registry with the length of their numbers.
const LENGTHS: [(&[u8; 2], usize); 82] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
];

/// Appends where account numbers stand in a text: capital letters and digits, alone or in groups of four.
pub(super) fn find(text: &str, hits: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + 4 <= bytes.len() {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let starts = bytes[at].is_ascii_uppercase()
            && bytes[at + 1].is_ascii_uppercase()
            && bytes[at + 2].is_ascii_digit()
            && bytes[at + 3].is_ascii_digit()
            && !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match starts.then(|| end_of(bytes, at)).flatten() {
            Some(end) => {
                hits.push(at..end);
                at = end;
            }
            None => at += 1,
        }
    }
}

/// Where the number that begins here ends, if it is one.
fn end_of(bytes: &[u8], start: usize) -> Option<usize> {
    let country = &bytes[start..start + 2];
    let (_, length) = LENGTHS.iter().find(|(known, _)| known.as_slice() == country)?;
    let grouped = bytes.get(start + 4) == Some(&b' ');
    let (mut at, mut taken) = (start, 0);
    // The first four are read last (ISO 13616, 6.1).
    let (mut head, mut rest) = (0u32, 0u32);
    while taken < *length {
        if grouped && taken > 0 && taken.is_multiple_of(4) {
            if bytes.get(at) != Some(&b' ') {
                return None;
            }
            at += 1;
        }
        let byte = *bytes.get(at)?;
        let remainder = if taken < 4 { &mut head } else { &mut rest };
        *remainder = match byte {
            b'0'..=b'9' => (*remainder * 10 + u32::from(byte - b'0')) % 97,
            b'A'..=b'Z' => (*remainder * 100 + u32::from(byte - b'A') + 10) % 97,
            _ => return None,
        };
        at += 1;
        taken += 1;
    }
    let ends = !bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    // Two letters of two digits each and two digits: six places further to the left.
    let sum = (rest * (1_000_000 % 97) + head) % 97;
    (ends && sum == 1).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut hits = Vec::new();
        find(text, &mut hits);
        hits.into_iter().map(|hit| &text[hit]).collect()
    }

    #[test]
    fn numbers_are_found_in_both_spellings() {
        assert_eq!(found("to DE89370400440532013000, thanks"), ["DE89370400440532013000"]);
        assert_eq!(found("GB82 WEST 1234 5698 7654 32"), ["GB82 WEST 1234 5698 7654 32"]);
        assert_eq!(found("iban:FR1420041010050500013M02606;"), ["FR1420041010050500013M02606"]);
        assert_eq!(found("NO9386011117947"), ["NO9386011117947"]);
    }

    #[test]
    fn wrong_check_digits_lengths_and_countries_are_none() {
        for text in [
            "DE88370400440532013000",
            "DE8937040044053201300",
            "DE893704004405320130001",
            "XX89370400440532013000",
            "xDE89370400440532013000",
            "DE89 37040044 0532013000",
            "AB12",
            "DE89",
        ] {
            assert_eq!(found(text), [] as [&str; 0], "{text}");
        }
    }

    #[test]
    fn countries_are_sorted_and_lengths_are_those_of_the_standard() {
        assert!(LENGTHS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(LENGTHS.iter().all(|(_, length)| (15..=34).contains(length)));
    }
}
