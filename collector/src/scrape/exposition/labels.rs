//! `name{label="value",…}` and `{"quoted.name",label="value"}`.

use std::borrow::Cow;

use super::Pair;

/// Reads the name and labels at the front of a line into `labels`; answers what follows.
pub(super) fn series<'a>(line: &'a str, labels: &mut Vec<Pair<'a>>) -> Result<&'a str, &'static str> {
    labels.clear();
    let end = line.find(|c: char| !is_name_char(c)).unwrap_or(line.len());
    let (name, mut rest) = line.split_at(end);
    if !name.is_empty() {
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("a metric's name begins with a digit");
        }
        labels.push((Cow::Borrowed("__name__"), Cow::Borrowed(name)));
    }
    rest = rest.trim_start_matches([' ', '\t']);
    if let Some(inside) = rest.strip_prefix('{') {
        rest = braces(inside, labels, true)?;
    }
    match labels.first() {
        Some((name, _)) if name == "__name__" => Ok(rest),
        _ => Err("a sample has no name"),
    }
}

/// The inside of braces, behind the opening one; a quoted word alone is the metric's name where one may stand.
pub(super) fn braces<'a>(
    mut rest: &'a str,
    labels: &mut Vec<Pair<'a>>,
    may_name: bool,
) -> Result<&'a str, &'static str> {
    let blanks = [' ', '\t'];
    loop {
        rest = rest.trim_start_matches(blanks);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok(after);
        }
        let (name, after): (Cow<'a, str>, &'a str) = if rest.starts_with('"') {
            quoted(rest)?
        } else {
            let end = rest.find(|c: char| !is_label_char(c)).unwrap_or(rest.len());
            (Cow::Borrowed(&rest[..end]), &rest[end..])
        };
        if name.is_empty() {
            return Err("a label has no name");
        }
        let after = after.trim_start_matches(blanks);
        match after.strip_prefix('=') {
            Some(after) => {
                let (value, after) = quoted(after.trim_start_matches(blanks))?;
                labels.push((name, value));
                rest = after;
            }
            None if may_name && rest.starts_with('"') && labels.is_empty() => {
                labels.push((Cow::Borrowed("__name__"), name));
                rest = after;
            }
            None => return Err("a label has no value"),
        }
        rest = rest.trim_start_matches(blanks);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err("labels are parted by commas and end in }"),
        }
    }
}

/// A string in double quotes; `\\`, `\"` and `\n` are escapes.
pub(super) fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let inside = text.strip_prefix('"').ok_or("a value is not quoted")?;
    let bytes = inside.as_bytes();
    let mut at = 0;
    let mut escaped = false;
    loop {
        match memchr::memchr2(b'"', b'\\', &bytes[at..]) {
            None => return Err("a quoted string has no end"),
            Some(offset) if bytes[at + offset] == b'"' => {
                at += offset;
                break;
            }
            Some(offset) => {
                escaped = true;
                // The next character, whatever it is, is no quote; a string may not end in it.
                let next = inside[at + offset + 1..].chars().next().ok_or("a quoted string has no end")?;
                at += offset + 1 + next.len_utf8();
            }
        }
    }
    let (value, rest) = (&inside[..at], &inside[at + 1..]);
    Ok((if escaped { unescape(value).into() } else { Cow::Borrowed(value) }, rest))
}

/// An escape that is not known stays as it stands.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some(c @ ('\\' | '"'))) => out.push(c),
            ('\\', Some(other)) => out.extend(['\\', other]),
            (c, _) => out.push(c),
        }
    }
    out
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

fn is_label_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
