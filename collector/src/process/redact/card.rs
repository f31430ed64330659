//! Numbers of payment cards: a known issuer, its length, its way of grouping, and the Luhn digit (ISO/IEC 7812-1).

use std::ops::Range;

/// Groupings people print, beside no grouping at all. The first has four digits in each.
const GROUPINGS: [&[usize]; 4] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];
const FIRST_GROUP: usize = 4;
const DIGITS_MIN: usize = 14;
const DIGITS_MAX: usize = 19;

/// Appends where cards stand in a text.
pub(super) fn find(text: &str, hits: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) {
        let len = digits_at(bytes, start);
        // Most runs of digits are neither a card's first group nor a whole card.
        let found = match len {
            FIRST_GROUP => GROUPINGS.iter().find_map(|grouping| grouped(bytes, start, grouping)),
            DIGITS_MIN..=DIGITS_MAX => alone(bytes, start..start + len),
            _ => None,
        };
        at = found.as_ref().map_or(start + len, |hit| hit.end);
        hits.extend(found);
    }
}

/// Whether these digits, as a number, are a card's: senders of JSON write numbers.
pub(super) fn is_card_number(number: i64) -> bool {
    number > 0 && is_card(number.to_string().as_bytes())
}

fn digits_at(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn alone(bytes: &[u8], group: Range<usize>) -> Option<Range<usize>> {
    let dash = |at: Option<&u8>| at == Some(&b'-');
    let joined = group.start > 0 && dash(bytes.get(group.start - 1)) || dash(bytes.get(group.end));
    (!joined && borders_word(bytes, &group) && is_card(&bytes[group.clone()])).then_some(group)
}

/// The groups that begin here. Dashes join what belongs together; spaces stand between any two numbers.
fn grouped(bytes: &[u8], start: usize, grouping: &[usize]) -> Option<Range<usize>> {
    let sign = *bytes.get(start + FIRST_GROUP).filter(|sign| matches!(sign, b' ' | b'-'))?;
    let mut digits = [0; DIGITS_MAX];
    let (mut at, mut count) = (start, 0);
    for (place, &len) in grouping.iter().enumerate() {
        if place > 0 {
            if bytes.get(at) != Some(&sign) {
                return None;
            }
            at += 1;
        }
        let group = bytes.get(at..at + len)?;
        if digits_at(bytes, at) != len {
            return None;
        }
        digits[count..count + len].copy_from_slice(group);
        count += len;
        at += len;
    }
    let dash = |place: Option<&u8>| sign == b'-' && place == Some(&b'-');
    let joined = start > 0 && dash(bytes.get(start - 1)) || dash(bytes.get(at));
    (!joined && borders_word(bytes, &(start..at)) && is_card(&digits[..count])).then_some(start..at)
}

/// Neither part of a word nor of a decimal.
fn borders_word(bytes: &[u8], group: &Range<usize>) -> bool {
    let Range { start, end } = *group;
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let before = start.checked_sub(1).map(|at| bytes[at]);
    let joint = before.filter(|byte| matches!(byte, b'.' | b'-'));
    let joined = joint.is_some() && start >= 2 && word(bytes[start - 2]);
    let decimal = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    !before.is_some_and(word) && !joined && !bytes.get(end).is_some_and(|byte| word(*byte)) && !decimal
}

fn is_card(digits: &[u8]) -> bool {
    is_issued(digits) && luhn(digits)
}

/// Issuer prefixes and the lengths they issue: Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Mir.
fn is_issued(digits: &[u8]) -> bool {
    if digits.len() < DIGITS_MIN {
        return false;
    }
    let prefix = |len: usize| digits[..len].iter().fold(0u32, |n, d| n * 10 + u32::from(d - b'0'));
    match digits.len() {
        14 => matches!(prefix(2), 36 | 38 | 39) || matches!(prefix(3), 300..=305),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            matches!(prefix(1), 4)
                || matches!(prefix(2), 51..=55 | 62 | 65)
                || matches!(prefix(3), 644..=649)
                || matches!(prefix(4), 2200..=2204 | 2221..=2720 | 3528..=3589 | 6011)
        }
        17..=19 => matches!(prefix(2), 62),
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') << (place % 2);
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
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
    fn cards_are_found_as_people_write_them() {
        for (text, card) in [
            ("paid with 4111111111111111.", "4111111111111111"),
            ("card=4111 1111 1111 1111 exp 12/29", "4111 1111 1111 1111"),
            ("\"pan\":\"5555-5555-5555-4444\"", "5555-5555-5555-4444"),
            ("amex 3782 822463 10005", "3782 822463 10005"),
            ("GET /pay 200 4111 1111 1111 1111 35ms", "4111 1111 1111 1111"),
            ("diners 30569309025904", "30569309025904"),
        ] {
            assert_eq!(found(text), [card], "{text}");
        }
    }

    #[test]
    fn other_long_numbers_are_none() {
        for text in [
            "4111111111111112",
            "order 1234567890123456",
            "ts=1732601648123456",
            "id_4111111111111111",
            "a4111111111111111",
            "4111111111111111f",
            "0.4111111111111111",
            "1234-4111-1111-1111-1111",
            "7f9c1b2a-4111-1111-1111-111111111111",
            "41111111111111114111111111111111",
            "4111 1111 1111",
            "",
        ] {
            assert_eq!(found(text), [] as [&str; 0], "{text}");
        }
        assert!(is_card_number(4_111_111_111_111_111) && !is_card_number(1_732_601_648_123_456));
    }
}
