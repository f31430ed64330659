//! Strings as Go writes and reads them: PromQL's literals and the quotes in its printed form and messages.

/// Writes `text` in double quotes; control characters, quotes and backslashes escaped.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() || c == '\u{feff}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes one character in single quotes, for messages about a character.
pub fn quote_char(c: char) -> String {
    match c {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let quoted = quote(&c.to_string());
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}

/// As [`quote`]; bytes that are no text are escaped one by one.
pub fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        let quoted = quote(chunk.valid());
        out.push_str(&quoted[1..quoted.len() - 1]);
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out.push('"');
    out
}

/// Reads a literal with its quotes where it has to be text.
pub fn unquote(literal: &str) -> Result<String, String> {
    String::from_utf8(unquote_bytes(literal)?).map_err(|_| "invalid UTF-8 in string".to_owned())
}

/// Reads a literal with its quotes. Raw strings (backticks) are taken as they stand.
pub fn unquote_bytes(literal: &str) -> Result<Vec<u8>, String> {
    let mut chars = literal.chars();
    let open = chars.next().ok_or("invalid syntax")?;
    let inner = chars.as_str().strip_suffix(open).ok_or("invalid syntax")?;
    if open == '`' {
        return Ok(inner.as_bytes().to_vec());
    }
    // Escapes name bytes as well as characters.
    let mut bytes = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            read_escape(&mut chars, open, &mut bytes)?;
        } else {
            push_char(&mut bytes, c);
        }
    }
    Ok(bytes)
}

fn push_char(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn one_byte(bytes: &mut Vec<u8>, byte: u8) -> Result<(), String> {
    bytes.push(byte);
    Ok(())
}

fn read_escape(chars: &mut std::str::Chars<'_>, open: char, bytes: &mut Vec<u8>) -> Result<(), String> {
    let c = chars.next().ok_or("escape sequence not terminated")?;
    let (digits, base, first) = match c {
        'a' => return one_byte(bytes, 7),
        'b' => return one_byte(bytes, 8),
        'f' => return one_byte(bytes, 12),
        'n' => return one_byte(bytes, b'\n'),
        'r' => return one_byte(bytes, b'\r'),
        't' => return one_byte(bytes, b'\t'),
        'v' => return one_byte(bytes, 11),
        '\\' => return one_byte(bytes, b'\\'),
        c if c == open => {
            push_char(bytes, c);
            return Ok(());
        }
        '0'..='7' => (2, 8, c.to_digit(8).unwrap_or(0)),
        'x' => (2, 16, 0),
        'u' => (4, 16, 0),
        'U' => (8, 16, 0),
        c => return Err(format!("unknown escape sequence {}", code_point(c))),
    };
    let mut value = first;
    for _ in 0..digits {
        let c = chars.next().ok_or("escape sequence not terminated")?;
        let digit = c
            .to_digit(base)
            .ok_or_else(|| format!("illegal character {} in escape sequence", code_point(c)))?;
        value = value.checked_mul(base).and_then(|v| v.checked_add(digit)).ok_or("invalid syntax")?;
    }
    let invalid = || "escape sequence is an invalid Unicode code point".to_owned();
    match c {
        'u' | 'U' => push_char(bytes, char::from_u32(value).ok_or_else(invalid)?),
        _ => bytes.push(u8::try_from(value).map_err(|_| invalid())?),
    }
    Ok(())
}

fn code_point(c: char) -> String {
    format!("U+{:04X} '{c}'", c as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_read_as_go_reads_them() {
        for (literal, text) in [
            (r#""a\"b""#, "a\"b"),
            (r"'a\'b'", "a'b"),
            ("`a\\n`", "a\\n"),
            (r#""\x41\101\u00e9\U0001F600""#, "AAé😀"),
            (r#""\xc3\xa9""#, "é"),
            (r#""\t\\""#, "\t\\"),
        ] {
            assert_eq!(unquote(literal).as_deref(), Ok(text), "{literal}");
        }
        for bad in [r#""\q""#, r#""\xff""#, r#""\ud800""#, r#""\x4""#, r#""\400""#, "\"a"] {
            assert!(unquote(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quoting_escapes_what_cannot_be_read() {
        assert_eq!(quote("a\"\\\n\u{1}é"), "\"a\\\"\\\\\\n\\x01é\"");
        assert_eq!(quote_char('\n'), "'\\n'");
        assert_eq!(quote_bytes(b"a\xc5z"), "\"a\\xc5z\"");
    }
}
