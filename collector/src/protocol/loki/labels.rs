//! A stream's labels as text: `{app="shop", env="prod"}`, with strings as Go writes them.

use std::borrow::Cow;

use super::push::Pair;
use crate::protocol::Reject;

/// Reads the label set of a stream.
pub(super) fn parse(text: &str) -> Result<Vec<Pair<'_>>, Reject> {
    let mut labels = Vec::new();
    let mut rest = text.trim();
    rest = rest.strip_prefix('{').ok_or(Reject::Labels)?;
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return if after.trim().is_empty() { Ok(labels) } else { Err(Reject::Labels) };
        }
        if !labels.is_empty() {
            rest = rest.strip_prefix(',').ok_or(Reject::Labels)?.trim_start();
            // A comma may stand before the end.
            if rest.starts_with('}') {
                continue;
            }
        }
        let (name, after) = name(rest)?;
        let after = after.trim_start().strip_prefix('=').ok_or(Reject::Labels)?;
        let (value, after) = quoted(after.trim_start())?;
        labels.push((name, value));
        rest = after;
    }
}

fn name(text: &str) -> Result<(Cow<'_, str>, &str), Reject> {
    if text.starts_with('"') {
        return quoted(text);
    }
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Reject::Labels);
    }
    Ok((Cow::Borrowed(name), rest))
}

/// A string in quotes, or in backquotes without escapes.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), Reject> {
    if let Some(raw) = text.strip_prefix('`') {
        let (value, rest) = raw.split_once('`').ok_or(Reject::Labels)?;
        return Ok((Cow::Borrowed(value), rest));
    }
    let body = text.strip_prefix('"').ok_or(Reject::Labels)?;
    let plain = body.find(['"', '\\']).ok_or(Reject::Labels)?;
    if body.as_bytes()[plain] == b'"' {
        return Ok((Cow::Borrowed(&body[..plain]), &body[plain + 1..]));
    }
    let mut value = body.as_bytes()[..plain].to_vec();
    let mut rest = &body[plain..];
    loop {
        let next = rest.find(['"', '\\']).ok_or(Reject::Labels)?;
        value.extend_from_slice(&rest.as_bytes()[..next]);
        let is_end = rest.as_bytes()[next] == b'"';
        rest = &rest[next + 1..];
        if is_end {
            let value = String::from_utf8(value).map_err(|_| Reject::NotUtf8)?;
            return Ok((Cow::Owned(value), rest));
        }
        rest = escape(rest, &mut value)?;
    }
}

/// What follows a backslash.
fn escape<'a>(text: &'a str, out: &mut Vec<u8>) -> Result<&'a str, Reject> {
    let mut chars = text.chars();
    let kind = chars.next().ok_or(Reject::Labels)?;
    let after = chars.as_str();
    let simple = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '"' | '\'' => kind as u8,
        'x' => return number(after, 2, 16, false, out),
        'u' => return number(after, 4, 16, true, out),
        'U' => return number(after, 8, 16, true, out),
        '0'..='7' => return number(text, 3, 8, false, out),
        _ => return Err(Reject::Labels),
    };
    out.push(simple);
    Ok(after)
}

fn number<'a>(
    text: &'a str,
    digits: usize,
    radix: u32,
    is_char: bool,
    out: &mut Vec<u8>,
) -> Result<&'a str, Reject> {
    let written = text.get(..digits).filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()));
    let value = written.and_then(|t| u32::from_str_radix(t, radix).ok()).ok_or(Reject::Labels)?;
    if is_char {
        let c = char::from_u32(value).ok_or(Reject::Labels)?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        out.push(u8::try_from(value).map_err(|_| Reject::Labels)?);
    }
    Ok(&text[digits..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> Result<String, Reject> {
        let pairs = parse(text)?;
        Ok(pairs.iter().map(|(name, value)| format!("{name}={value};")).collect())
    }

    #[test]
    fn label_sets_as_agents_write_them() {
        for (text, expected) in [
            (r#"{app="shop"}"#, "app=shop;"),
            (r#" { app = "shop" , env="a\"b\\c\n" , } "#, "app=shop;env=a\"b\\c\n;"),
            (r#"{a="\u00e9\x41\101", b=`raw\n`}"#, "a=éAA;b=raw\\n;"),
            (r#"{a="\xc3\xa9"}"#, "a=é;"),
            (r#"{"service.name"="x", k8s.pod="y"}"#, "service.name=x;k8s.pod=y;"),
            ("{}", ""),
        ] {
            assert_eq!(show(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "app",
            "{",
            r#"{app}"#,
            r#"{app="x""#,
            r#"{app="x"} y"#,
            r#"{app="x" env="y"}"#,
            r#"{1a="x"}"#,
            r#"{a="\q"}"#,
            r#"{a="\x4"}"#,
            r#"{a="\777"}"#,
            r#"{a="x"#,
            r#"{a=~"x"}"#,
            r#"{,a="x"}"#,
            r#"{a="\é"}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse(r#"{a="\xff"}"#), Err(Reject::NotUtf8));
    }
}
