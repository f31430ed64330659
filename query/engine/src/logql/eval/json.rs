//! A JSON object walked in its text: what the `json` and `unpack` stages read. No tree is built.

use std::borrow::Cow;

/// Deeper objects are an error of the line, not of the process.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// As it stands in the text.
    Number(&'a str),
    /// Between the quotes, escapes not resolved.
    Text(&'a str),
    Object(&'a str),
    Array(&'a str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

type Step<T> = Result<T, Malformed>;

/// Calls `member` with each key (escapes not resolved) and value of an object; `false` ends the walk early.
pub(crate) fn each_member<'a>(text: &'a str, member: &mut dyn FnMut(&'a str, Json<'a>) -> bool) -> Step<()> {
    let mut at = Cursor { text, at: 0 };
    at.blank();
    at.byte(b'{')?;
    at.blank();
    if at.peek() == Some(b'}') {
        at.at += 1;
        return at.end();
    }
    loop {
        at.blank();
        let key = at.string()?;
        at.blank();
        at.byte(b':')?;
        let value = at.value(0)?;
        if !member(key, value) {
            return Ok(());
        }
        at.blank();
        match at.next()? {
            b',' => {}
            b'}' => return at.end(),
            _ => return Err(Malformed),
        }
    }
}

/// Calls `element` with each element of an array.
pub(crate) fn each_element<'a>(text: &'a str, element: &mut dyn FnMut(Json<'a>)) -> Step<()> {
    let mut at = Cursor { text, at: 0 };
    at.blank();
    at.byte(b'[')?;
    at.blank();
    if at.peek() == Some(b']') {
        return Ok(());
    }
    loop {
        element(at.value(0)?);
        at.blank();
        if at.next()? != b',' {
            return Ok(());
        }
    }
}

/// A whole text as one value of any type.
pub(crate) fn document(text: &str) -> Option<Json<'_>> {
    let mut at = Cursor { text, at: 0 };
    let value = at.value(0).ok()?;
    at.end().ok()?;
    Some(value)
}

/// The element of an array.
pub(crate) fn element(text: &str, index: usize) -> Option<Json<'_>> {
    let mut at = Cursor { text, at: 0 };
    at.blank();
    at.byte(b'[').ok()?;
    for seen in 0.. {
        let value = at.value(0).ok()?;
        if seen == index {
            return Some(value);
        }
        at.blank();
        at.byte(b',').ok()?;
    }
    None
}

/// The first member of an object with that key.
pub(crate) fn member<'a>(text: &'a str, wanted: &str) -> Option<Json<'a>> {
    let mut found = None;
    let walked = each_member(text, &mut |key, value| {
        if unescape(key) == wanted {
            found = Some(value);
        }
        found.is_none()
    });
    walked.ok().and(found)
}

impl<'a> Json<'a> {
    /// Scalars as label values; `None` for null, objects and arrays.
    pub(crate) fn scalar(self) -> Option<Cow<'a, str>> {
        match self {
            Json::Bool(true) => Some("true".into()),
            Json::Bool(false) => Some("false".into()),
            Json::Number(text) => Some(text.into()),
            Json::Text(text) => Some(unescape(text)),
            Json::Null | Json::Object(_) | Json::Array(_) => None,
        }
    }

    /// As `scalar`, with objects and arrays as their text.
    pub(crate) fn text(self) -> Cow<'a, str> {
        match self {
            Json::Object(text) | Json::Array(text) => text.into(),
            Json::Null => "".into(),
            other => other.scalar().unwrap_or_default(),
        }
    }
}

/// Resolves the escapes of a JSON text; a broken one becomes a replacement character.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(after) = rest.strip_prefix('\\') {
        let escape = after.bytes().next().unwrap_or(b'\\');
        let mut used = 1.min(after.len());
        match escape {
            b'n' => out.push('\n'),
            b't' => out.push('\t'),
            b'r' => out.push('\r'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'u' => {
                let (c, length) = unicode(after);
                out.push(c);
                used = length;
            }
            _ => {
                let c = after.chars().next().unwrap_or('\\');
                out.push(c);
                used = c.len_utf8().min(after.len());
            }
        }
        rest = &after[used..];
        let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        out.push_str(&rest[..plain]);
        rest = &rest[plain..];
    }
    Cow::Owned(out)
}

/// The character of `uXXXX` (or a surrogate pair), and how many bytes of `text` it took.
fn unicode(text: &str) -> (char, usize) {
    let hex = |from: usize| text.get(from..from + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let Some(first) = hex(1) else { return (char::REPLACEMENT_CHARACTER, 1) };
    if (0xD800..0xDC00).contains(&first)
        && text.get(5..7) == Some("\\u")
        && let Some(second @ 0xDC00..0xE000) = hex(7)
    {
        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Step<u8> {
        let byte = self.peek().ok_or(Malformed)?;
        self.at += 1;
        Ok(byte)
    }

    fn byte(&mut self, wanted: u8) -> Step<()> {
        if self.next()? == wanted { Ok(()) } else { Err(Malformed) }
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Step<()> {
        self.blank();
        if self.at == self.text.len() { Ok(()) } else { Err(Malformed) }
    }

    fn string(&mut self) -> Step<&'a str> {
        self.byte(b'"')?;
        let start = self.at;
        loop {
            let rest = self.text.as_bytes().get(self.at..).ok_or(Malformed)?;
            let step = memchr::memchr2(b'"', b'\\', rest).ok_or(Malformed)?;
            self.at += step + 1;
            if rest[step] == b'"' {
                return self.text.get(start..self.at - 1).ok_or(Malformed);
            }
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Step<Json<'a>> {
        self.blank();
        let start = self.at;
        match self.peek().ok_or(Malformed)? {
            b'"' => Ok(Json::Text(self.string()?)),
            b'{' => {
                self.skip(b'}', true, depth)?;
                Ok(Json::Object(&self.text[start..self.at]))
            }
            b'[' => {
                self.skip(b']', false, depth)?;
                Ok(Json::Array(&self.text[start..self.at]))
            }
            _ => {
                let is_end = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                let rest = &self.text.as_bytes()[start..];
                let length = rest.iter().position(is_end).unwrap_or(rest.len());
                self.at += length;
                match &self.text[start..start + length] {
                    "true" => Ok(Json::Bool(true)),
                    "false" => Ok(Json::Bool(false)),
                    "null" => Ok(Json::Null),
                    word if word.parse::<f64>().is_ok() && !word.starts_with(['+', '.']) => {
                        Ok(Json::Number(word))
                    }
                    _ => Err(Malformed),
                }
            }
        }
    }

    /// Walks over an object or array from its opening bracket.
    fn skip(&mut self, close: u8, keyed: bool, depth: usize) -> Step<()> {
        if depth >= DEPTH_MAX {
            return Err(Malformed);
        }
        self.at += 1;
        self.blank();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if keyed {
                self.blank();
                self.string()?;
                self.blank();
                self.byte(b':')?;
            }
            self.value(depth + 1)?;
            self.blank();
            match self.next()? {
                b',' => {}
                byte if byte == close => return Ok(()),
                _ => return Err(Malformed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Result<Vec<String>, Malformed> {
        let mut out = Vec::new();
        each_member(text, &mut |key, value| {
            out.push(format!("{}={}", unescape(key), value.text()));
            true
        })?;
        Ok(out)
    }

    #[test]
    fn members_come_in_order_with_their_texts() {
        let text = r#" {"a": "x\n\u00e9\ud83d\ude00", "b" : -1.5e3, "c":{"d":[1,"]"]}, "e":true, "f":null, "g":[]} "#;
        let found = members(text).unwrap();
        assert_eq!(found, ["a=x\né😀", "b=-1.5e3", r#"c={"d":[1,"]"]}"#, "e=true", "f=", "g=[]"]);
        assert_eq!(members("{}"), Ok(vec![]));
    }

    #[test]
    fn malformed_texts_are_refused_at_any_cut() {
        let text = r#"{"a":"b\\","c":[1,{"d":2}],"e":null}"#;
        assert!(members(text).is_ok());
        for end in 0..text.len() {
            assert_eq!(members(&text[..end]), Err(Malformed), "{}", &text[..end]);
        }
        for bad in
            ["x", "[1]", r#"{"a"}"#, r#"{"a":1}x"#, r#"{"a":nul}"#, r#"{a:1}"#, r#"{"a":1,}"#, "{\"a\":\"\\"]
        {
            assert_eq!(members(bad), Err(Malformed), "{bad}");
        }
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(members(&deep), Err(Malformed));
    }

    #[test]
    fn paths_reach_into_objects_and_arrays() {
        let text = r#"{"a":{"b":[10,{"c":"x"}]}}"#;
        let Some(Json::Object(a)) = member(text, "a") else { panic!("no object") };
        let Some(Json::Array(b)) = member(a, "b") else { panic!("no array") };
        assert_eq!(element(b, 0), Some(Json::Number("10")));
        let Some(Json::Object(c)) = element(b, 1) else { panic!("no element") };
        assert_eq!(member(c, "c"), Some(Json::Text("x")));
        assert_eq!(element(b, 2), None);
    }
}
