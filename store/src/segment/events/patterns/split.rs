//! A text taken apart into its pattern and what varies.
//!
//! What varies is every token (longest run of ASCII letters and digits) with a digit in it, and every timestamp of the
//! usual form, which is one number however many tokens it has. The pattern is the text with a placeholder in the place
//! of each: bytes that no UTF-8 has, so that whatever is found in a pattern lies between placeholders.

use super::super::tokens::{DIGIT, SEPARATOR, class};

/// Stands for a token with a digit.
pub(super) const TOKEN: u8 = 0xff;
/// Stands for a timestamp; its form follows as one byte, [`FORM`] and the bits of [`TimeForm`].
pub(super) const TIME: u8 = 0xfe;
/// The pattern of texts that are stored as they are.
pub(super) const LITERAL: u8 = 0xfd;
const FORM: u8 = 0x80;

/// One thing that varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it is in its text.
    pub(super) start: u32,
    pub(super) end: u32,
    /// A timestamp in units of its form since 1970; nothing for tokens.
    pub(super) time: i64,
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeForm {
    /// Digits after the point: 0, 3, 6 or 9.
    pub(super) digits: u32,
    /// A space between day and time, else a `T`.
    space: bool,
    /// A comma before the fraction, else a point.
    comma: bool,
}

// === impl TimeForm ===

impl TimeForm {
    pub(super) fn byte(self) -> u8 {
        FORM | (self.digits / 3) as u8 | u8::from(self.space) << 2 | u8::from(self.comma) << 3
    }

    /// `None`: no form.
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        let form = Self { digits: u32::from(byte & 3) * 3, space: byte & 4 != 0, comma: byte & 8 != 0 };
        (form.byte() == byte).then_some(form)
    }

    /// The row's time in the units of this form.
    pub(super) fn of_row(self, time_ns: i64) -> i64 {
        time_ns.div_euclid(10i64.pow(9 - self.digits))
    }

    pub(super) fn write(self, value: i64, out: &mut Vec<u8>) {
        let unit = 10i64.pow(self.digits);
        let (seconds, fraction) = (value.div_euclid(unit), value.rem_euclid(unit));
        let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = date_of(day);
        put_digits(year, 4, out);
        out.push(b'-');
        put_digits(month, 2, out);
        out.push(b'-');
        put_digits(day, 2, out);
        out.push(if self.space { b' ' } else { b'T' });
        put_digits(second / 3600, 2, out);
        out.push(b':');
        put_digits(second / 60 % 60, 2, out);
        out.push(b':');
        put_digits(second % 60, 2, out);
        if self.digits > 0 {
            out.push(if self.comma { b',' } else { b'.' });
            put_digits(fraction, self.digits as usize, out);
        }
    }
}

/// Of a number of 64 bits.
const DIGITS_MAX: usize = 20;

/// Appends a number in decimal, filled up with zeros to `digits`.
pub(super) fn put_digits(value: i64, digits: usize, out: &mut Vec<u8>) {
    let value = value.unsigned_abs();
    let len = value.checked_ilog10().map_or(0, |log| log as usize + 1);
    let start = out.len();
    out.resize(start + len.max(digits.min(DIGITS_MAX)), b'0');
    let mut places = out[start..].iter_mut().rev();
    // Shorter divisions are cheaper, and most numbers are small.
    let mut large = value;
    while large > u64::from(u32::MAX) {
        places.by_ref().take(1).for_each(|place| *place = b'0' + (large % 10) as u8);
        large /= 10;
    }
    let mut small = large as u32;
    for place in places {
        *place = b'0' + (small % 10) as u8;
        small /= 10;
    }
}

// === splitting ===

/// Appends the pattern of `text` and its parts. False: the text is one to be stored as it is; what was appended means
/// nothing.
pub(super) fn split(text: &str, pattern: &mut Vec<u8>, parts: &mut Vec<Part>) -> bool {
    // These fold to ASCII letters: what is a token then is not told by the bytes alone.
    if !text.is_ascii() && text.contains(['\u{212a}', '\u{17f}']) {
        return false;
    }
    let bytes = text.as_bytes();
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() {
        let start = at;
        let mut classes = class(bytes[at]);
        at += 1;
        if classes == SEPARATOR {
            continue;
        }
        while let Some(&byte) = bytes.get(at) {
            let class = class(byte);
            if class == SEPARATOR {
                break;
            }
            classes |= class;
            at += 1;
        }
        if classes & DIGIT == 0 {
            continue;
        }
        pattern.extend_from_slice(&bytes[kept..start]);
        let time = if at - start == 4 { timestamp(&bytes[start..]) } else { None };
        let time = match time {
            Some((len, form, value)) => {
                at = start + len;
                pattern.extend_from_slice(&[TIME, form.byte()]);
                value
            }
            None => {
                pattern.push(TOKEN);
                0
            }
        };
        parts.push(Part { start: start as u32, end: at as u32, time });
        kept = at;
    }
    pattern.extend_from_slice(&bytes[kept..]);
    true
}

/// A timestamp at the front: its length, form and value. Only what [`TimeForm::write`] writes the same way counts.
fn timestamp(bytes: &[u8]) -> Option<(usize, TimeForm, i64)> {
    const SECONDS: usize = "2026-11-25T12:34:56".len();
    let head = bytes.get(..SECONDS)?;
    let fixed = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if fixed.iter().any(|&(at, byte)| head[at] != byte) || !matches!(head[10], b'T' | b' ') {
        return None;
    }
    let number = |from: usize, len: usize| digits(&bytes[from..from + len]);
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let dated = (1970..2200).contains(&year) && (1..=12).contains(&month) && day >= 1;
    if !dated || hour > 23 || minute > 59 || second > 59 || day > days_of(year, month) {
        return None;
    }
    let fraction = match bytes.get(SECONDS) {
        Some(b'.' | b',') => bytes[SECONDS + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    if !matches!(fraction, 0 | 3 | 6 | 9) {
        return None;
    }
    let len = if fraction == 0 { SECONDS } else { SECONDS + 1 + fraction };
    let comma = fraction > 0 && bytes[SECONDS] == b',';
    let form = TimeForm { digits: fraction as u32, space: head[10] == b' ', comma };
    let tail = bytes.get(len..).unwrap_or_default();
    let ends = |byte: Option<&u8>| byte.is_none_or(|byte| class(*byte) == SEPARATOR);
    if !ends(tail.strip_prefix(b"Z").unwrap_or(tail).first()) {
        return None;
    }
    let seconds = day_of(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let below = digits(&bytes[len - fraction..len])?;
    Some((len, form, seconds * 10i64.pow(form.digits) + below))
}

/// Digits as a number; there are at most eighteen.
pub(super) fn digits(bytes: &[u8]) -> Option<i64> {
    bytes
        .iter()
        .try_fold(0i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date of the proleptic Gregorian calendar; years are counted from March.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - DAYS_TO_1970
}

/// From March 1 of year 0.
const DAYS_TO_1970: i64 = 719_468;
const DAYS_OF_400_YEARS: i64 = 146_097;

fn date_of(day: i64) -> (i64, i64, i64) {
    let since = day.saturating_add(DAYS_TO_1970);
    let (era, of_era) = (since.div_euclid(DAYS_OF_400_YEARS), since.rem_euclid(DAYS_OF_400_YEARS));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (DAYS_OF_400_YEARS - 1)) / 365;
    let of_year = of_era - (year * 365 + year / 4 - year / 100);
    let month = (of_year * 5 + 2) / 153;
    let day = of_year - (month * 153 + 2) / 5 + 1;
    let (year, month) =
        if month < 10 { (year + era * 400, month + 3) } else { (year + era * 400 + 1, month - 9) };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> (String, Vec<String>) {
        let (mut pattern, mut parts) = (Vec::new(), Vec::new());
        assert!(split(text, &mut pattern, &mut parts));
        let shown = pattern.iter().map(|&byte| match byte {
            TOKEN => "#".to_owned(),
            TIME => "@".to_owned(),
            byte if TimeForm::from_byte(byte).is_some() => format!("{}", byte & 0x7f),
            byte => char::from(byte).to_string(),
        });
        let parts = parts.iter().map(|part| match part.time {
            0 => text[part.start as usize..part.end as usize].to_owned(),
            time => time.to_string(),
        });
        (shown.collect(), parts.collect())
    }

    #[test]
    fn what_varies_is_tokens_with_digits_and_timestamps() {
        for (text, pattern, parts) in [
            ("GET /cart/17 by u42, err5", "GET /cart/# by #, #", "17 u42 err5"),
            ("[1970-01-02T00:00:01Z]", "[@0Z]", "86401"),
            ("2000-02-29 00:00:00,250 ok", "@13 ok", "951782400250"),
            ("2000-02-30 00:00:00", "#-#-# #:#:#", "2000 02 30 00 00 00"),
            ("at 2199-12-31T23:59:59.999999999+01:00", "at @3+#:#", "7258118399999999999 01 00"),
            ("1970-01-01T00:00:00.12Z", "#-#-#:#:#.#", "1970 01 01T00 00 00 12Z"),
            ("1970-01-01T00:00:00Zulu", "#-#-#:#:#", "1970 01 01T00 00 00Zulu"),
            ("no digits", "no digits", ""),
        ] {
            let parts: Vec<String> = parts.split_whitespace().map(str::to_owned).collect();
            assert_eq!(show(text), (pattern.to_owned(), parts), "{text}");
        }
        assert!(!split("\u{212a}1", &mut Vec::new(), &mut Vec::new()));
    }

    #[test]
    fn timestamps_are_written_as_they_were_read() {
        for day in (0..83_000).step_by(7) {
            for (digits, space, comma) in
                [(0, false, false), (3, true, true), (6, false, false), (9, true, false)]
            {
                let form = TimeForm { digits, space, comma };
                let value = (day * 86_400 + day % 86_400) * 10i64.pow(digits) + day % 10i64.pow(digits);
                let mut text = Vec::new();
                form.write(value, &mut text);
                assert_eq!(timestamp(&text), Some((text.len(), form, value)));
                assert_eq!(TimeForm::from_byte(form.byte()), Some(form));
            }
        }
    }
}
