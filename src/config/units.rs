//! Durations and sizes as Prometheus writes them.

use std::time::Duration;

const UNITS_MS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// `30d`, `1h30m`, `500ms`: units from large to small, each at most once; `0` alone is zero.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let problem = || format!("{text:?} is not a duration: write it like 30d, 12h or 1h30m");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut total_ms, mut next_unit) = (text, 0u64, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(problem)?;
        let number: u64 = rest[..digits].parse().map_err(|_| problem())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let at = UNITS_MS.iter().position(|(unit, _)| *unit == &rest[..letters]).ok_or_else(problem)?;
        if at < next_unit {
            return Err(problem());
        }
        next_unit = at + 1;
        total_ms =
            number.checked_mul(UNITS_MS[at].1).and_then(|ms| ms.checked_add(total_ms)).ok_or_else(problem)?;
        rest = &rest[letters..];
    }
    if text.is_empty() { Err(problem()) } else { Ok(Duration::from_millis(total_ms)) }
}

/// `1048576`, `512MB`, `1.5GiB`: units are powers of 1,024, as in Prometheus.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let problem = || format!("{text:?} is not a size: write it like 512MB, 10GB or a number of bytes");
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "KB" | "KIB" => 10,
        "MB" | "MIB" => 20,
        "GB" | "GIB" => 30,
        "TB" | "TIB" => 40,
        "PB" | "PIB" => 50,
        _ => return Err(problem()),
    };
    let number: f64 = number.trim().parse().map_err(|_| problem())?;
    let bytes = number * (1u64 << shift) as f64;
    if bytes >= 0.0 && bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(problem()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in
            [("0", 0), ("30d", 2_592_000_000), ("1h30m", 5_400_000), ("3y", 94_608_000_000), ("5ms", 5)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "5", "m", "1m1h", "1x", "1.5h", "-1m", "99999999999999999999s", "999999999999999y"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("7", 7), ("1KB", 1024), ("1.5GiB", 1_610_612_736), ("512MB", 512 << 20)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "x", "1XB", "-1", "1e400"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
