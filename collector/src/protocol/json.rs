//! JSON text read front to back: tokens on demand, and skipping of whole values without recursion.

use std::borrow::Cow;

use super::{DecodeError, Reject};

/// Why the walk over a value stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The text is no JSON: the request is refused.
    Syntax { at: usize, what: &'static str },
    /// The value is not what its field takes: the record is refused.
    Value { at: usize, reject: Reject },
}

impl From<Fault> for DecodeError {
    /// For a fault with nothing smaller around it to refuse.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax { at, what } => Self::Json { at, what },
            Fault::Value { at, reject } => Self::Json { at, what: reject.text() },
        }
    }
}

/// A place in the text.
#[derive(Clone, Debug)]
pub(super) struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A value that is no object and no array.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
}

/// Nesting of what is skipped; one bit each.
const SKIP_DEPTH_MAX: usize = 1 << 20;

impl<'a> Text<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes), at: 0 }
    }

    pub fn value_fault(&self, reject: Reject) -> Fault {
        Fault::Value { at: self.at, reject }
    }

    fn syntax(&self, what: &'static str) -> Fault {
        Fault::Syntax { at: self.at, what }
    }

    /// The next byte that is no white space.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Takes that byte if it is next.
    pub fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    pub fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Fault> {
        if self.take(byte) { Ok(()) } else { Err(self.syntax(what)) }
    }

    /// After a member: another follows (true) or the list closed.
    pub fn next_member(&mut self, close: u8) -> Result<bool, Fault> {
        if self.take(close) {
            return Ok(false);
        }
        self.expect(b',', "expected a comma or the end of the list")?;
        Ok(true)
    }

    /// Nothing may follow the request.
    pub fn end(&mut self) -> Result<(), Fault> {
        if self.peek().is_none() { Ok(()) } else { Err(self.syntax("text after the end")) }
    }

    /// An object's key with its colon.
    pub fn key(&mut self) -> Result<Cow<'a, str>, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax("expected a key"));
        }
        let key = match self.string() {
            // A key that is no text is no known key.
            Err(Fault::Value { .. }) => Cow::Borrowed(""),
            other => other?,
        };
        self.expect(b':', "expected a colon")?;
        Ok(key)
    }

    /// Visits the members of an object. `visit` takes each value.
    pub fn members<E: From<Fault>>(
        &mut self,
        mut visit: impl FnMut(&mut Self, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.begin(b'{', "expected an object")?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.key()?;
            visit(self, &key)?;
            if !self.next_member(b'}')? {
                return Ok(());
            }
        }
    }

    /// Visits the elements of an array; `null` is an empty one.
    pub fn elements<E: From<Fault>>(
        &mut self,
        mut visit: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.peek() == Some(b'n') {
            self.scalar()?;
            return Ok(());
        }
        self.begin(b'[', "expected an array")?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            visit(self)?;
            if !self.next_member(b']')? {
                return Ok(());
            }
        }
    }

    /// Opens a list. A value of another form is what is wrong, not the text.
    fn begin(&mut self, open: u8, what: &'static str) -> Result<(), Fault> {
        if self.take(open) {
            return Ok(());
        }
        if self.peek().is_none() {
            return Err(self.syntax(what));
        }
        self.clone().skip()?;
        Err(self.value_fault(Reject::BadValue))
    }

    /// A value that is neither object nor array; those are refused where they stand.
    pub fn scalar(&mut self) -> Result<Scalar<'a>, Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(Scalar::Text),
            Some(b'{' | b'[') => Err(self.value_fault(Reject::BadValue)),
            Some(b'-' | b'0'..=b'9') => Ok(Scalar::Number(self.number()?)),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Scalar<'a>, Fault> {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let words = [("null", Scalar::Null), ("true", Scalar::Bool(true)), ("false", Scalar::Bool(false))];
        for (word, value) in words {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.syntax("expected a value"))
    }

    fn number(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
        }
        std::str::from_utf8(&self.bytes[start..self.at]).map_err(|_| self.syntax("a malformed number"))
    }

    /// A string at the quote. A syntax fault stands where the text stopped; after a value fault the string is over.
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at + 1;
        let escaped = self.skip_string()?;
        let raw = &self.bytes[start..self.at - 1];
        let text = std::str::from_utf8(raw).map_err(|_| self.value_fault(Reject::NotUtf8))?;
        if !escaped {
            return Ok(Cow::Borrowed(text));
        }
        unescape(text).map(Cow::Owned).ok_or_else(|| self.value_fault(Reject::BadValue))
    }

    /// Passes a string at its quote; says whether it has escapes.
    fn skip_string(&mut self) -> Result<bool, Fault> {
        self.at += 1;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            match memchr::memchr2(b'"', b'\\', rest) {
                None => return Err(self.syntax("a string without an end")),
                Some(i) if rest[i] == b'"' => {
                    self.at += i + 1;
                    return Ok(escaped);
                }
                Some(i) => {
                    escaped = true;
                    self.at += i + 2;
                }
            }
        }
    }

    /// Passes any value. Depth costs a bit per level and no stack.
    pub fn skip(&mut self) -> Result<(), Fault> {
        let mut open: Vec<bool> = Vec::new();
        loop {
            // At the start of a value.
            match self.peek() {
                Some(b @ (b'{' | b'[')) => {
                    self.at += 1;
                    let (is_object, close) = if b == b'{' { (true, b'}') } else { (false, b']') };
                    if !self.take(close) {
                        if open.len() == SKIP_DEPTH_MAX {
                            return Err(self.syntax("nested too deeply"));
                        }
                        open.push(is_object);
                        self.skip_key(is_object)?;
                        continue;
                    }
                }
                Some(b'"') => drop(self.skip_string()?),
                Some(b'-' | b'0'..=b'9') => drop(self.number()?),
                _ => drop(self.word()?),
            }
            // After a value: close what ends here, or go on with the next member.
            loop {
                let Some(&is_object) = open.last() else { return Ok(()) };
                if self.next_member(if is_object { b'}' } else { b']' })? {
                    self.skip_key(is_object)?;
                    break;
                }
                open.pop();
            }
        }
    }

    fn skip_key(&mut self, is_object: bool) -> Result<(), Fault> {
        if is_object {
            self.key()?;
        }
        Ok(())
    }
}

/// Resolves escapes; lone surrogates become the replacement character.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(i) = rest.find('\\') {
        out.push_str(&rest[..i]);
        let mut after = rest[i + 1..].chars();
        let c = after.next()?;
        rest = after.as_str();
        out.push(match c {
            '"' | '\\' | '/' => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => unicode(&mut rest)?,
            _ => return None,
        });
    }
    out.push_str(rest);
    Some(out)
}

fn unicode(rest: &mut &str) -> Option<char> {
    let first = hex4(rest)?;
    if (0xd800..0xdc00).contains(&first) {
        let mut ahead = rest.strip_prefix("\\u").unwrap_or_default();
        if let Some(second @ 0xdc00..0xe000) = hex4(&mut ahead) {
            *rest = ahead;
            return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
        }
    }
    Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn hex4(rest: &mut &str) -> Option<u32> {
    let digits = rest.get(..4)?;
    let value =
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())??;
    *rest = &rest[4..];
    Some(value)
}
