//! Texts: cut, trimmed, replaced, encoded. Lengths are in characters.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

use super::super::parse::compiled;
use super::super::run::OUTPUT_BYTES_MAX;
use super::{Out, Value, argument, int_at, text_at};
use crate::logql::eval::json::{self, Json};

fn mapped(arguments: &[Value], map: impl Fn(&str) -> String) -> Out {
    Ok(Value::Text(map(text_at(arguments, 0)?)))
}

pub(super) fn lower(arguments: &[Value]) -> Out {
    mapped(arguments, str::to_lowercase)
}

pub(super) fn upper(arguments: &[Value]) -> Out {
    mapped(arguments, str::to_uppercase)
}

pub(super) fn trim(arguments: &[Value]) -> Out {
    mapped(arguments, |text| text.trim().to_string())
}

/// The first letter of each word as a capital.
pub(super) fn title(arguments: &[Value]) -> Out {
    let mut inside = false;
    let mut capital = |c: char| {
        let starts = !inside;
        inside = c.is_alphanumeric() || c == '_' || (!c.is_ascii() && !c.is_whitespace());
        if starts { c.to_uppercase().collect::<String>() } else { c.to_string() }
    };
    Ok(Value::Text(text_at(arguments, 0)?.chars().map(&mut capital).collect()))
}

fn count_at(arguments: &[Value], at: usize) -> Result<isize, String> {
    Ok(isize::try_from(int_at(arguments, at)?).unwrap_or(isize::MAX))
}

/// Characters `[start, end)`.
fn part(text: &str, start: usize, end: usize) -> Value {
    Value::Text(text.chars().skip(start).take(end.saturating_sub(start)).collect())
}

/// The first characters, or with a negative count the last.
pub(super) fn trunc(arguments: &[Value]) -> Out {
    let (count, text) = (count_at(arguments, 0)?, text_at(arguments, 1)?);
    let length = text.chars().count();
    Ok(match usize::try_from(count) {
        Ok(count) => part(text, 0, count),
        Err(_) => part(text, length.saturating_sub(count.unsigned_abs()), length),
    })
}

pub(super) fn substr(arguments: &[Value]) -> Out {
    let (start, end, text) = (count_at(arguments, 0)?, count_at(arguments, 1)?, text_at(arguments, 2)?);
    let length = text.chars().count();
    Ok(match (usize::try_from(start), usize::try_from(end)) {
        (Err(_), Err(_)) => Value::Text(String::new()),
        (Err(_), Ok(end)) => part(text, 0, end),
        (Ok(start), Err(_)) => part(text, start, length),
        (Ok(start), Ok(end)) => part(text, start, end.min(length)),
    })
}

/// The text padded or cut at its end; a negative width leaves it as it is.
pub(super) fn align_left(arguments: &[Value]) -> Out {
    let (width, text) = (count_at(arguments, 0)?, text_at(arguments, 1)?);
    let length = text.chars().count();
    Ok(match usize::try_from(width) {
        Err(_) => Value::Text(text.to_string()),
        Ok(width) if width > length => Value::Text(format!("{text}{}", blanks(width - length)?)),
        Ok(width) => part(text, 0, width),
    })
}

pub(super) fn align_right(arguments: &[Value]) -> Out {
    let (width, text) = (count_at(arguments, 0)?, text_at(arguments, 1)?);
    let length = text.chars().count();
    Ok(match usize::try_from(width) {
        Err(_) => Value::Text(text.to_string()),
        Ok(width) if width > length => Value::Text(format!("{}{text}", blanks(width - length)?)),
        Ok(width) => part(text, length - width, length),
    })
}

/// `count` times a text, if the result is no longer than an answer may be.
fn times(text: &str, count: usize) -> Result<String, String> {
    match text.len().checked_mul(count) {
        Some(bytes) if bytes <= OUTPUT_BYTES_MAX => Ok(text.repeat(count)),
        _ => Err(format!("a text of more than {OUTPUT_BYTES_MAX} bytes")),
    }
}

fn blanks(count: usize) -> Result<String, String> {
    times(" ", count)
}

pub(super) fn repeat(arguments: &[Value]) -> Out {
    let count = usize::try_from(int_at(arguments, 0)?).map_err(|_| "negative repeat count".to_string())?;
    times(text_at(arguments, 1)?, count).map(Value::Text)
}

pub(super) fn indent(arguments: &[Value]) -> Out {
    let width = usize::try_from(int_at(arguments, 0)?).map_err(|_| "negative indent".to_string())?;
    let (pad, text) = (blanks(width)?, text_at(arguments, 1)?);
    let lines = text.matches('\n').count() + 1;
    times(&pad, lines)?;
    Ok(Value::Text(format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))))
}

pub(super) fn nindent(arguments: &[Value]) -> Out {
    Ok(Value::Text(format!("\n{}", indent(arguments)?.to_text())))
}

pub(super) fn contains(arguments: &[Value]) -> Out {
    Ok(Value::Bool(text_at(arguments, 1)?.contains(text_at(arguments, 0)?)))
}

pub(super) fn has_prefix(arguments: &[Value]) -> Out {
    Ok(Value::Bool(text_at(arguments, 1)?.starts_with(text_at(arguments, 0)?)))
}

pub(super) fn has_suffix(arguments: &[Value]) -> Out {
    Ok(Value::Bool(text_at(arguments, 1)?.ends_with(text_at(arguments, 0)?)))
}

fn replaced(text: &str, old: &str, new: &str, count: Option<usize>) -> Out {
    let found = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() };
    times(new, found.min(count.unwrap_or(found)))?;
    Ok(Value::Text(match count {
        Some(count) => text.replacen(old, new, count),
        None => text.replace(old, new),
    }))
}

/// `replace old new text`
pub(super) fn replace(arguments: &[Value]) -> Out {
    replaced(text_at(arguments, 2)?, text_at(arguments, 0)?, text_at(arguments, 1)?, None)
}

/// `Replace text old new count`; a negative count is all.
pub(super) fn replace_some(arguments: &[Value]) -> Out {
    let count = usize::try_from(int_at(arguments, 3)?).ok();
    replaced(text_at(arguments, 0)?, text_at(arguments, 1)?, text_at(arguments, 2)?, count)
}

/// Text and set of characters.
fn trimmed(arguments: &[Value], text: usize, start: bool, end: bool) -> Out {
    let (set, mut text) = (text_at(arguments, 1 - text)?, text_at(arguments, text)?);
    if start {
        text = text.trim_start_matches(|c| set.contains(c));
    }
    if end {
        text = text.trim_end_matches(|c| set.contains(c));
    }
    Ok(Value::Text(text.to_string()))
}

pub(super) fn trim_all(arguments: &[Value]) -> Out {
    trimmed(arguments, 1, true, true)
}

pub(super) fn trim_set(arguments: &[Value]) -> Out {
    trimmed(arguments, 0, true, true)
}

pub(super) fn trim_set_left(arguments: &[Value]) -> Out {
    trimmed(arguments, 0, true, false)
}

pub(super) fn trim_set_right(arguments: &[Value]) -> Out {
    trimmed(arguments, 0, false, true)
}

fn without(text: &str, stripped: Option<&str>) -> Out {
    Ok(Value::Text(stripped.unwrap_or(text).to_string()))
}

pub(super) fn trim_prefix(arguments: &[Value]) -> Out {
    let text = text_at(arguments, 1)?;
    without(text, text.strip_prefix(text_at(arguments, 0)?))
}

pub(super) fn trim_suffix(arguments: &[Value]) -> Out {
    let text = text_at(arguments, 1)?;
    without(text, text.strip_suffix(text_at(arguments, 0)?))
}

pub(super) fn without_prefix(arguments: &[Value]) -> Out {
    let text = text_at(arguments, 0)?;
    without(text, text.strip_prefix(text_at(arguments, 1)?))
}

pub(super) fn without_suffix(arguments: &[Value]) -> Out {
    let text = text_at(arguments, 0)?;
    without(text, text.strip_suffix(text_at(arguments, 1)?))
}

// === regular expressions ===

fn pattern(arguments: &[Value]) -> Result<Regex, String> {
    match argument(arguments, 0) {
        Value::Regex(regex) => Ok(regex.clone()),
        _ => compiled(text_at(arguments, 0)?),
    }
}

pub(super) fn regex_replace(arguments: &[Value]) -> Out {
    let regex = pattern(arguments)?;
    let replaced = regex.replace_all(text_at(arguments, 1)?, text_at(arguments, 2)?);
    Ok(Value::Text(replaced.into_owned()))
}

pub(super) fn regex_replace_literal(arguments: &[Value]) -> Out {
    let regex = pattern(arguments)?;
    let replaced = regex.replace_all(text_at(arguments, 1)?, regex::NoExpand(text_at(arguments, 2)?));
    Ok(Value::Text(replaced.into_owned()))
}

pub(super) fn count(arguments: &[Value]) -> Out {
    Ok(Value::Int(pattern(arguments)?.find_iter(text_at(arguments, 1)?).count() as i64))
}

// === encodings ===

pub(super) fn b64enc(arguments: &[Value]) -> Out {
    mapped(arguments, |text| STANDARD.encode(text))
}

/// The padding may be missing; what is no base64 is said in the text, as Loki does.
pub(super) fn b64dec(arguments: &[Value]) -> Out {
    let mut text = text_at(arguments, 0)?.replace(['\n', '\r'], "");
    let missing = text.len() % 4;
    if missing > 1 {
        text.extend(std::iter::repeat_n('=', 4 - missing));
    }
    Ok(Value::Text(match STANDARD.decode(&text) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("illegal base64 data: {error}"),
    }))
}

fn url_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

pub(super) fn urlencode(arguments: &[Value]) -> Out {
    mapped(arguments, url_encoded)
}

pub(super) fn urlquery(arguments: &[Value]) -> Out {
    Ok(Value::Text(url_encoded(&super::printf::joined(arguments))))
}

pub(super) fn urldecode(arguments: &[Value]) -> Out {
    let text = text_at(arguments, 0)?;
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let value = digit(bytes.next()).zip(digit(bytes.next())).map(|(high, low)| high * 16 + low);
                let value = value.and_then(|value| u8::try_from(value).ok());
                value.ok_or_else(|| format!("invalid URL escape in {text:?}"))?
            }
            other => other,
        });
    }
    Ok(Value::Text(String::from_utf8_lossy(&out).into_owned()))
}

pub(super) fn html(arguments: &[Value]) -> Out {
    let mut out = String::new();
    for c in super::printf::joined(arguments).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            _ => out.push(c),
        }
    }
    Ok(Value::Text(out))
}

/// Objects, arrays and scalars as values; nil if the text is no JSON.
pub(super) fn from_json(arguments: &[Value]) -> Out {
    let read = json::document(text_at(arguments, 0)?);
    Ok(read.map_or(Value::Nil, json_value))
}

fn json_value(json: Json<'_>) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(text) => Value::Float(text.parse().unwrap_or_default()),
        Json::Text(text) => Value::Text(json::unescape(text).into_owned()),
        Json::Object(text) => {
            let mut members = BTreeMap::new();
            // The text was walked before: it is well-formed.
            let _ = json::each_member(text, &mut |key, value| {
                members.insert(json::unescape(key).into_owned(), json_value(value));
                true
            });
            Value::Map(members)
        }
        Json::Array(text) => {
            let mut items = Vec::new();
            let _ = json::each_element(text, &mut |value| items.push(json_value(value)));
            Value::List(items)
        }
    }
}
