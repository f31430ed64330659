//! Durations and byte sizes as people write them in queries and in log lines.

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
const YEAR: i64 = 365 * DAY;

/// Units a range may use, largest first: each at most once and in this order.
const RANGE_UNITS: [(&str, i64); 7] =
    [("y", YEAR), ("w", WEEK), ("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", MS)];

/// `5m`, `1h30m`, `2w`: whole numbers, units in falling order. Used between `[` and `]`.
pub(crate) fn parse_range(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err("empty duration string".to_string());
    }
    let not_valid = || format!("not a valid duration string: {text:?}");
    let (mut rest, mut total, mut from) = (text, 0i64, 0usize);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters =
            rest[digits..].chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum::<usize>();
        if digits == 0 || letters == 0 {
            return Err(not_valid());
        }
        let unit = &rest[digits..digits + letters];
        let Some(at) = RANGE_UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("unknown unit {unit:?} in duration {text:?}"));
        };
        if at < from {
            return Err(not_valid());
        }
        from = at + 1;
        let count: i64 = rest[..digits].parse().map_err(|_| "duration out of range".to_string())?;
        let part = count.checked_mul(RANGE_UNITS[at].1);
        total = part.and_then(|part| total.checked_add(part)).ok_or("duration out of range")?;
        rest = &rest[digits + letters..];
    }
    Ok(total)
}

/// A duration as log lines and label filters write it: also fractions, signs and units below a millisecond.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    if let Ok(range) = parse_range(text) {
        return Some(range);
    }
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0f64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let count: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, length) = fine_unit(rest)?;
        total += count * unit;
        rest = &rest[length..];
    }
    let nanos = sign * total;
    (nanos.abs() < i64::MAX as f64).then_some(nanos.round() as i64)
}

fn fine_unit(text: &str) -> Option<(f64, usize)> {
    const UNITS: [(&str, f64); 8] = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("μs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
    ];
    UNITS.iter().find(|(name, _)| text.starts_with(name)).map(|(name, unit)| (*unit, name.len()))
}

/// `5KB`, `1.5MiB`, `10 GB`: the case of the letters does not matter.
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.' || *b == b',').count();
    let number: f64 = text[..digits].replace(',', "").parse().ok()?;
    let unit = text[digits..].trim().to_ascii_lowercase();
    let factor = match unit.as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "p" | "pb" => 1e15,
        "ki" | "kib" => 1024.0,
        "mi" | "mib" => 1024.0 * 1024.0,
        "gi" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "ti" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "pi" | "pib" => 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number * factor;
    (bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// The shortest form `parse_range` reads back; finer parts than a millisecond use the finer units.
pub(crate) fn print_duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_string();
    }
    let mut out = String::new();
    let mut rest = nanos.unsigned_abs();
    if nanos < 0 {
        out.push('-');
    }
    for (name, unit) in RANGE_UNITS {
        let unit = unit.unsigned_abs();
        // Years and weeks only when nothing else is needed, so that `1h` never becomes a fraction of a week.
        let skip = matches!(name, "y" | "w") && !rest.is_multiple_of(unit);
        if !skip && rest >= unit {
            out.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    for (name, unit) in [("us", 1_000), ("ns", 1)] {
        if rest >= unit {
            out.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    out
}

/// The largest decimal unit that keeps the number whole.
pub(crate) fn print_bytes(bytes: u64) -> String {
    let units =
        [("PB", 1_000_000_000_000_000), ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000)];
    for (name, unit) in units.into_iter().chain([("KB", 1_000)]) {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_and_print() {
        for (text, nanos) in
            [("5m", 5 * MINUTE), ("1h30m", 90 * MINUTE), ("2w", 2 * WEEK), ("1d12h", 36 * HOUR)]
        {
            assert_eq!(parse_range(text), Ok(nanos));
            assert_eq!(print_duration(nanos), text);
        }
        for bad in ["", "5", "5minutes", "1m1h", "m", "1.5h", "-5m", "9999999999y"] {
            assert!(parse_range(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_in_lines_have_fractions_and_signs() {
        for (text, nanos) in [("1.5s", 1_500 * MS), ("250ms", 250 * MS), ("7µs", 7_000), ("-2s", -2 * SECOND)]
        {
            assert_eq!(parse_duration(text), Some(nanos), "{text}");
        }
        for bad in ["", "-", "s", "1", "1x", "1.2.3s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_have_both_families_of_units() {
        for (text, bytes) in
            [("5B", 5), ("5kB", 5_000), ("1.5MiB", 1_572_864), ("2 GB", 2_000_000_000), ("42", 42)]
        {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        assert_eq!(parse_bytes("5XB"), None);
        assert_eq!(print_bytes(5_000), "5KB");
        assert_eq!(print_bytes(5_001), "5001B");
    }
}
