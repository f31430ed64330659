//! Floats as Go writes them. Sample values in answers, number literals and label values made from numbers.

/// A sample value as Prometheus' HTTP API writes it (without the quotes): the shortest text that reads back
/// as the same number, with an exponent only below 1e-6 and from 1e21 on.
pub fn fmt_value(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) && size.is_finite() {
        return fmt_exponent(value);
    }
    fmt_plain(value)
}

/// Appends what [`fmt_value`] gives, without a text between: answers are made of millions of these.
pub fn write_value(value: f64, out: &mut Vec<u8>) {
    // The sign of a zero shows; larger whole numbers have digits that are not their own.
    if value.fract() == 0.0 && value.abs() < WHOLE_MAX && (value != 0.0 || value.is_sign_positive()) {
        if value < 0.0 {
            out.push(b'-');
        }
        return write_digits(value.abs() as u64, out);
    }
    if value.abs() < TIE_MIN {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value);
        if !text.contains('e') {
            return out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
        }
    }
    out.extend_from_slice(fmt_value(value).as_bytes());
}

/// From here on a number can lie halfway between two texts that are the shortest; which one is written is for [`fmt_value`].
const TIE_MIN: f64 = 281_474_976_710_656.0;
/// Whole numbers below are exact as doubles.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Appends a whole number.
pub fn write_digits(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut from = digits.len();
    while number >= 100 {
        from -= 2;
        digits[from..from + 2].copy_from_slice(pair_of_digits(number % 100));
        number /= 100;
    }
    from -= 2;
    digits[from..from + 2].copy_from_slice(pair_of_digits(number));
    from += usize::from(number < 10);
    out.extend_from_slice(&digits[from..]);
}

fn pair_of_digits(number: u64) -> &'static [u8; 2] {
    const PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[0; 2]; 100];
        let mut at = 0;
        while at < 100 {
            pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
            at += 1;
        }
        pairs
    };
    &PAIRS[number as usize]
}

/// As OpenMetrics writes label values made from numbers: whole ones with `.0`.
pub fn fmt_open_metrics(value: f64) -> String {
    let text = fmt_general(value);
    if text.contains(['.', 'e', 'N', 'I']) { text } else { format!("{text}.0") }
}

/// The shortest text without an exponent, whatever the size: number literals, `count_values` labels.
pub fn fmt_plain(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}

/// The shortest text, with an exponent below 1e-4 and from 1e21 on: numbers in messages and `fill` modifiers.
pub fn fmt_general(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && size.is_finite() && !(1e-4..1e21).contains(&size) {
        return fmt_exponent(value);
    }
    fmt_plain(value)
}

fn fmt_exponent(value: f64) -> String {
    let text = format!("{value:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Reads a number as PromQL writes it: decimal, exponent, hexadecimal (`0x`), octal (leading `0`), `inf`, `nan`,
/// underscores between digits.
pub fn parse_number(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let (negative, body) = match lower.as_bytes().first()? {
        b'-' => (true, &lower[1..]),
        b'+' => (false, &lower[1..]),
        _ => (false, lower.as_str()),
    };
    let plain: String = body.chars().filter(|c| *c != '_').collect();
    let all_octal = plain.len() > 1 && plain.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let value = if plain == "inf" || plain == "nan" || plain == "infinity" {
        plain.parse().ok()?
    } else if let Some(hex) = plain.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).ok()? as f64
    } else if plain.starts_with('0') && all_octal {
        i64::from_str_radix(&plain, 8).ok()? as f64
    } else if plain.as_bytes().first().is_some_and(|b| b.is_ascii_digit() || *b == b'.') {
        plain.parse().ok()?
    } else {
        return None;
    };
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_go_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e6, "1000000"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1e-7, "1e-07"),
            (5e-324, "5e-324"),
            (1.0 / 3.0, "0.3333333333333333"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::from_bits(14_055_250_356_326_951_618), "-1065389819796824.3"),
        ] {
            assert_eq!(fmt_value(value), text);
            let mut written = Vec::new();
            write_value(value, &mut written);
            assert_eq!(String::from_utf8_lossy(&written), text);
        }
        assert_eq!(fmt_plain(1e21), "1000000000000000000000");
        assert_eq!(fmt_general(0.00001), "1e-05");
    }

    proptest::proptest! {
        #[test]
        fn values_are_appended_as_they_are_formatted(bits: u64, whole in -100_000i64..100_000, scale in 0i32..30) {
            let power = 10f64.powi(scale);
            for value in [f64::from_bits(bits), whole as f64, whole as f64 / power, whole as f64 * power] {
                let mut written = Vec::new();
                write_value(value, &mut written);
                proptest::prop_assert_eq!(String::from_utf8_lossy(&written), fmt_value(value));
            }
        }
    }

    #[test]
    fn numbers_are_read() {
        for (text, value) in [
            ("1", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E-2", 0.01),
            ("0x1f", 31.0),
            ("017", 15.0),
            ("0.5", 0.5),
            ("089", 89.0),
            ("1_000", 1000.0),
            ("-Inf", f64::NEG_INFINITY),
            ("+inf", f64::INFINITY),
        ] {
            assert_eq!(parse_number(text), Some(value), "{text}");
        }
        assert!(parse_number("NaN").is_some_and(f64::is_nan));
        for bad in ["", "x", "0x", "1e", "--1"] {
            assert_eq!(parse_number(bad), None, "{bad}");
        }
    }
}
