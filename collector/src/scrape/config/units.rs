//! Durations (`1h30m`) and sizes (`10MB`) as Prometheus writes them.

use std::time::Duration;

pub(in crate::scrape) fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 31_536_000_000),
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let problem = || format!("{text:?} is not a duration: write it like 15s or 1m30s");
    let (mut rest, mut millis, mut from) = (text.trim(), 0u64, 0);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(problem());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| problem())?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        // Units come from large to small, each once.
        let at = UNITS[from..].iter().position(|(unit, _)| *unit == &rest[..letters]).ok_or_else(problem)?;
        let size = UNITS[from + at].1;
        millis = number.checked_mul(size).and_then(|n| millis.checked_add(n)).ok_or_else(problem)?;
        from += at + 1;
        rest = &rest[letters..];
    }
    Ok(Duration::from_millis(millis))
}

/// Bytes; units are of 1,024, as in Prometheus.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let problem = || format!("{text:?} is not a size: write it like 10MB");
    let text = text.trim();
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let number: f64 = text[..digits].parse().map_err(|_| problem())?;
    let unit = text[digits..].to_ascii_uppercase();
    let unit = unit.strip_suffix("IB").or_else(|| unit.strip_suffix('B')).unwrap_or(&unit);
    let power = match unit {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        _ => return Err(problem()),
    };
    Ok((number * 1024f64.powi(power)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_as_prometheus_reads_them() {
        let millis = |text| duration(text).map(|d| d.as_millis());
        assert_eq!(millis("15s"), Ok(15_000));
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis("1d500ms"), Ok(86_400_500));
        assert_eq!(millis("0"), Ok(0));
        for bad in ["", "15", "1m1h", "1s1s", "-1s", "1.5s", "s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(size("10MB"), Ok(10 << 20));
        assert_eq!(size("1.5KiB"), Ok(1536));
        assert_eq!(size("7"), Ok(7));
        assert!(size("ten").is_err());
    }
}
