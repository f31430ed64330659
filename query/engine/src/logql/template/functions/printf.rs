//! `print`, `println` and `printf` with Go's verbs.

use super::super::run::OUTPUT_BYTES_MAX;
use super::super::value::write_float;
use super::{Out, Value};

/// Without blanks between texts, as Go's `Sprint`.
pub(super) fn joined(arguments: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in arguments.iter().enumerate() {
        let is_text = |at: usize| matches!(arguments.get(at), Some(Value::Text(_) | Value::Regex(_)));
        if at > 0 && !is_text(at) && !is_text(at - 1) {
            out.push(' ');
        }
        value.write(&mut out);
    }
    out
}

pub(super) fn print(arguments: &[Value]) -> Out {
    Ok(Value::Text(joined(arguments)))
}

pub(super) fn println(arguments: &[Value]) -> Out {
    let all: Vec<String> = arguments.iter().map(Value::to_text).collect();
    Ok(Value::Text(format!("{}\n", all.join(" "))))
}

#[derive(Default)]
struct Spec {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

pub(super) fn printf(arguments: &[Value]) -> Out {
    let (format, mut values) = match arguments.split_first() {
        Some((Value::Text(format), rest)) => (format.as_str(), rest.iter()),
        _ => return Err("wrong type for value; expected string".to_string()),
    };
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (spec, after) = spec(&rest[at + 1..], &mut values)?;
        let Some(verb) = after.chars().next() else {
            out.push_str("%!(NOVERB)");
            rest = "";
            break;
        };
        rest = &after[verb.len_utf8()..];
        match verb {
            '%' => out.push('%'),
            _ => match values.next() {
                Some(value) => write_verb(&spec, verb, value, &mut out),
                None => out.push_str(&format!("%!{verb}(MISSING)")),
            },
        }
        if out.len() > OUTPUT_BYTES_MAX {
            return Err(format!("a text of more than {OUTPUT_BYTES_MAX} bytes"));
        }
    }
    out.push_str(rest);
    let extra: Vec<String> = values.map(|value| format!("{}={}", value.kind(), value.to_text())).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(Value::Text(out))
}

/// Flags, width and precision; `*` takes them from the arguments.
fn spec<'t>(text: &'t str, values: &mut std::slice::Iter<'_, Value>) -> Result<(Spec, &'t str), String> {
    let mut spec = Spec::default();
    let flags = text.find(|c| !matches!(c, '-' | '+' | ' ' | '0' | '#')).unwrap_or(text.len());
    for flag in text[..flags].chars() {
        match flag {
            '-' => spec.minus = true,
            '+' => spec.plus = true,
            ' ' => spec.space = true,
            '0' => spec.zero = true,
            _ => spec.sharp = true,
        }
    }
    let mut number = |text: &'t str| -> Result<(Option<usize>, &'t str), String> {
        if let Some(rest) = text.strip_prefix('*') {
            let Some(Value::Int(value)) = values.next() else { return Err("%!(BADWIDTH)".to_string()) };
            return Ok((usize::try_from(value.unsigned_abs()).ok(), rest));
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        Ok((text[..digits].parse().ok(), &text[digits..]))
    };
    let (width, mut rest) = number(&text[flags..])?;
    spec.width = width;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after)?;
        spec.precision = Some(precision.unwrap_or(0));
        rest = after;
    }
    let most = |bound: Option<usize>| bound.is_some_and(|bound| bound > OUTPUT_BYTES_MAX);
    if most(spec.width) || most(spec.precision) {
        return Err(format!("a text of more than {OUTPUT_BYTES_MAX} bytes"));
    }
    Ok((spec, rest))
}

fn write_verb(spec: &Spec, verb: char, value: &Value, out: &mut String) {
    let text = match (verb, value) {
        ('v', Value::Int(number)) | ('d', Value::Int(number)) => whole(spec, *number),
        ('v', Value::Float(number)) => float(spec, 'g', *number),
        ('v', _)
        | ('s', Value::Text(_) | Value::Time(_) | Value::List(_) | Value::Map(_) | Value::Regex(_)) => {
            cut(spec, value.to_text())
        }
        ('q', Value::Text(text)) => quoted(text),
        ('q', Value::Int(number)) => format!("{:?}", character(*number)),
        ('t', Value::Bool(value)) => value.to_string(),
        ('c', Value::Int(number)) => character(*number).to_string(),
        ('x', Value::Int(number)) => based(spec, *number, format!("{:x}", number.unsigned_abs()), "0x"),
        ('X', Value::Int(number)) => based(spec, *number, format!("{:X}", number.unsigned_abs()), "0X"),
        ('o', Value::Int(number)) => based(spec, *number, format!("{:o}", number.unsigned_abs()), "0"),
        ('b', Value::Int(number)) => based(spec, *number, format!("{:b}", number.unsigned_abs()), "0b"),
        ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Float(number)) => float(spec, verb, *number),
        ('T', value) => value.kind().to_string(),
        _ => format!("%!{verb}({}={})", value.kind(), value.to_text()),
    };
    let numeric = matches!(value, Value::Int(_) | Value::Float(_));
    padded(spec, text, numeric, out);
}

fn character(number: i64) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn sign(spec: &Spec, negative: bool) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    }
}

fn whole(spec: &Spec, number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    format!("{}{digits:0>1$}", sign(spec, number < 0), spec.precision.unwrap_or(1))
}

fn based(spec: &Spec, number: i64, digits: String, prefix: &str) -> String {
    format!("{}{}{digits}", sign(spec, number < 0), if spec.sharp { prefix } else { "" })
}

fn float(spec: &Spec, verb: char, number: f64) -> String {
    let magnitude = number.abs();
    let mut digits = String::new();
    match (verb, spec.precision) {
        ('g' | 'G', None) => write_float(magnitude, &mut digits),
        ('g' | 'G', Some(precision)) => digits = general(magnitude, precision.max(1)),
        ('e' | 'E', precision) => digits = exponent(&format!("{magnitude:.*e}", precision.unwrap_or(6))),
        (_, precision) => digits = format!("{magnitude:.*}", precision.unwrap_or(6)),
    }
    let digits = if verb.is_ascii_uppercase() { digits.to_uppercase() } else { digits };
    let digits = digits.strip_prefix('+').unwrap_or(&digits);
    format!("{}{digits}", sign(spec, number.is_sign_negative() && !number.is_nan()))
}

/// Rust's `1.5e3` as Go's `1.5e+03`.
fn exponent(text: &str) -> String {
    match text.split_once('e') {
        Some((mantissa, power)) => {
            let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
            format!("{mantissa}e{sign}{power:0>2}")
        }
        None => text.to_string(),
    }
}

/// `precision` digits that count, zeros at the end left out.
fn general(number: f64, precision: usize) -> String {
    let scientific = format!("{number:.*e}", precision - 1);
    let power: i64 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or_default();
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    match usize::try_from(precision as i64 - 1 - power) {
        Ok(places) if power >= -4 => trimmed(&format!("{number:.places$}")),
        _ => match scientific.split_once('e') {
            Some((mantissa, power)) => exponent(&format!("{}e{power}", trimmed(mantissa))),
            None => scientific,
        },
    }
}

fn cut(spec: &Spec, text: String) -> String {
    match spec.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text,
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn padded(spec: &Spec, text: String, numeric: bool, out: &mut String) {
    let missing = spec.width.unwrap_or(0).saturating_sub(text.chars().count());
    if spec.minus {
        out.push_str(&text);
        out.extend(std::iter::repeat_n(' ', missing));
    } else if spec.zero && numeric {
        let digits = text.trim_start_matches(['+', '-', ' ']);
        out.push_str(&text[..text.len() - digits.len()]);
        out.extend(std::iter::repeat_n('0', missing));
        out.push_str(digits);
    } else {
        out.extend(std::iter::repeat_n(' ', missing));
        out.push_str(&text);
    }
}
