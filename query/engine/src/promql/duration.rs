//! Durations as Prometheus writes them: `1h30m`, units in descending order, whole milliseconds.

const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Parses `1h30m` to milliseconds; `0` is the only number allowed without a unit.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    let invalid = || format!("not a valid duration string: {}", super::quote::quote(text));
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    let (mut rest, mut next_unit, mut total) = (text, 0, 0i64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let number: i64 = number.parse().map_err(|_| invalid())?;
        let index = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(invalid)?;
        if index < next_unit {
            return Err(invalid());
        }
        next_unit = index + 1;
        let millis = number.checked_mul(UNITS[index].1).and_then(|n| total.checked_add(n));
        // Go's duration counts nanoseconds in 64 bits; the same bound keeps the same inputs valid.
        total = millis.filter(|n| *n <= i64::MAX / 1_000_000).ok_or("duration out of range")?;
        rest = tail;
    }
    Ok(total)
}

/// Writes milliseconds as `1h30m`. Years and weeks are used only when they divide the whole.
pub fn format_duration(millis: i64) -> String {
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    if millis < 0 {
        text.push('-');
    }
    let mut rest = millis.unsigned_abs();
    for (name, size) in UNITS {
        let size = size as u64;
        let exact_only = matches!(name, "y" | "w");
        if exact_only && !rest.is_multiple_of(size) {
            continue;
        }
        if rest >= size {
            text.push_str(&format!("{}{name}", rest / size));
            rest %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_and_print() {
        for (text, millis, printed) in [
            ("0", 0, "0s"),
            ("5m", 300_000, "5m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("90m", 5_400_000, "1h30m"),
            ("1d", 86_400_000, "1d"),
            ("14d", 14 * 86_400_000, "2w"),
            ("8d", 8 * 86_400_000, "8d"),
            ("1y", 365 * 86_400_000, "1y"),
            ("1s500ms", 1_500, "1s500ms"),
        ] {
            assert_eq!(parse_duration(text), Ok(millis), "{text}");
            assert_eq!(format_duration(millis), printed, "{text}");
        }
        for bad in ["", "1", "5x", "m", "5m1h", "1m1m", "-5m", "400y"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
