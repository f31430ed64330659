//! Query text to tokens. Words are not classified here: what is a keyword depends on where it stands.

use super::ast::Span;
use super::error::ParseError;
use super::units::{parse_bytes, parse_duration, parse_range};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Ident(String),
    Text(String),
    Number(f64),
    Duration(i64),
    Bytes(u64),
    /// `[5m]`
    Range(i64),
    /// `--strict`
    Flag(String),
    Symbol(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) span: Span,
}

/// As large as Loki allows; keeps positions and buffers small.
pub(crate) const TEXT_BYTES_MAX: usize = 128 * 1024;

/// Longest first, so that `|=` is not read as `|`.
const SYMBOLS: [&str; 28] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=", "{", "}", "(", ")", ",", "|", "=", ">", "<",
    "+", "-", "*", "/", "%", "^", "[", "]", "@",
];

pub(crate) fn tokenize(text: &str) -> Result<Vec<Lexeme>, ParseError> {
    if text.len() >= TEXT_BYTES_MAX {
        let message = format!("input size too long ({} > {TEXT_BYTES_MAX})", text.len());
        return Err(ParseError::whole(Span::default(), message));
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut out = Vec::new();
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let token = lexer.next()?;
        let done = token == Token::End;
        out.push(Lexeme { token, span: Span { start, end: lexer.at } });
        if done {
            return Ok(out);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn error(&self, start: usize, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, Span { start, end: self.at.max(start) }, message)
    }

    /// White space and comments: `#` and `//` to the end of the line, `/* */`.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            let line = trimmed.starts_with('#') || trimmed.starts_with("//");
            let comment = match trimmed.strip_prefix("/*") {
                Some(inner) => inner.find("*/").map(|end| end + 4),
                None if line => Some(trimmed.find('\n').unwrap_or(trimmed.len())),
                None => return,
            };
            self.at += comment.unwrap_or(trimmed.len());
        }
    }

    fn next(&mut self) -> Result<Token, ParseError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        match first {
            '"' | '\'' => self.quoted(first),
            '`' => self.raw(),
            '[' => self.range(),
            _ if first.is_alphabetic() || first == '_' => {
                let end = name_bytes(rest);
                self.at += end;
                Ok(Token::Ident(rest[..end].to_string()))
            }
            _ if first.is_ascii_digit() || (first == '.' && next_is_digit(&rest[1..])) => self.number(),
            '-' => Ok(self.minus()),
            _ => self.symbol(),
        }
    }

    fn symbol(&mut self) -> Result<Token, ParseError> {
        let rest = self.rest();
        match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => {
                self.at += symbol.len();
                Ok(Token::Symbol(symbol))
            }
            None => {
                let c = rest.chars().next().unwrap_or_default();
                Err(self.error(self.at, format!("syntax error: unexpected character {c:?}")))
            }
        }
    }

    /// `-` starts a flag (`--strict`), a negative duration, or is an operator.
    fn minus(&mut self) -> Token {
        let rest = self.rest();
        for flag in ["--strict", "--keep-empty"] {
            let follows = rest.strip_prefix(flag).map(|after| after.chars().next());
            if follows.is_some_and(|next| !next.is_some_and(|c| c.is_alphanumeric() || c == '-')) {
                self.at += flag.len();
                return Token::Flag(flag.to_string());
            }
        }
        let end = 1 + rest[1..].find(|c: char| !is_number_part(c)).unwrap_or(rest.len() - 1);
        if next_is_digit(&rest[1..])
            && let Some(nanos) = parse_duration(&rest[..end])
        {
            self.at += end;
            return Token::Duration(nanos);
        }
        self.at += 1;
        Token::Symbol("-")
    }

    /// A number, or a number with a unit of time or size.
    fn number(&mut self) -> Result<Token, ParseError> {
        let (rest, start) = (self.rest(), self.at);
        let mut end = rest.find(|c: char| !is_number_part(c)).unwrap_or(rest.len());
        let signed_exponent =
            rest[..end].ends_with(['e', 'E']) && rest[..end].starts_with(|c: char| c.is_ascii_digit());
        if signed_exponent && rest[end..].starts_with(['+', '-']) && next_is_digit(&rest[end + 1..]) {
            let more = rest[end + 1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - end - 1);
            end += 1 + more;
        }
        let word = &rest[..end];
        self.at += end;
        let octal = |c: char| matches!(c, '8' | '9');
        if word.len() > 1
            && word.starts_with('0')
            && word.bytes().all(|b| b.is_ascii_digit())
            && word.contains(octal)
            || matches!(word, "0b" | "0B" | "0o" | "0O" | "0x" | "0X")
        {
            return Err(self.error(
                start,
                format!("{word:?} begins as a number of another base: write it without the 0"),
            ));
        }
        if let Some(number) = word.parse::<f64>().ok().or_else(|| hex_float(word)) {
            if number.is_infinite() {
                return Err(self.error(start, format!("number out of range: {word}")));
            }
            return Ok(Token::Number(number));
        }
        if let Some(nanos) = parse_duration(word) {
            return Ok(Token::Duration(nanos));
        }
        if let Some(bytes) = parse_bytes(word) {
            return Ok(Token::Bytes(bytes));
        }
        Err(self.error(start, format!("unable to parse literal as a number, duration or size: {word:?}")))
    }

    fn range(&mut self) -> Result<Token, ParseError> {
        let (rest, start) = (self.rest(), self.at);
        let Some(close) = rest.find(']') else {
            self.at = self.text.len();
            return Err(self.error(start, "missing closing ']' in duration"));
        };
        self.at += close + 1;
        parse_range(rest[1..close].trim()).map(Token::Range).map_err(|message| self.error(start, message))
    }

    fn raw(&mut self) -> Result<Token, ParseError> {
        let rest = self.rest();
        match rest[1..].find('`') {
            Some(end) => {
                self.at += end + 2;
                // As in Go, carriage returns are not part of a raw text.
                Ok(Token::Text(rest[1..=end].replace('\r', "")))
            }
            None => Err(self.error(self.at, "literal not terminated")),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Token, ParseError> {
        let (rest, start) = (self.rest(), self.at);
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let ends = (*c == quote && !escaped) || *c == '\n';
            escaped = *c == '\\' && !escaped;
            ends
        });
        match end {
            Some((at, c)) if c == quote => {
                self.at += at + 1;
                match unescape(&rest[1..at]) {
                    Some(text) => Ok(Token::Text(text)),
                    None => Err(self.error(start, "invalid syntax in quoted text")),
                }
            }
            _ => Err(self.error(start, "literal not terminated")),
        }
    }
}

/// The length of the name at the beginning of the text: identifiers joined by dots, as attributes have them.
fn name_bytes(text: &str) -> usize {
    let letter = |c: char| c.is_alphabetic() || c == '_';
    let mut end = 0;
    loop {
        let part = &text[end..];
        end += part.find(|c: char| !(letter(c) || c.is_numeric())).unwrap_or(part.len());
        match text[end..].strip_prefix('.') {
            Some(next) if end > 0 && next.starts_with(letter) => end += 1,
            _ => return end,
        }
    }
}

/// Words that are no names: label names like them are written in quotes.
pub(crate) fn is_reserved(name: &str) -> bool {
    const WORDS: [&str; 22] = [
        "by",
        "without",
        "bool",
        "unwrap",
        "offset",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "or",
        "and",
        "unless",
        "json",
        "regexp",
        "logfmt",
        "unpack",
        "pattern",
        "label_format",
        "line_format",
        "decolorize",
        "drop",
        "keep",
    ];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// Whether the name can stand without quotes.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts && name_bytes(name) == name.len() && !is_reserved(name)
}

/// `0x1p3`, as Go reads it.
fn hex_float(word: &str) -> Option<f64> {
    let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"))?;
    let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let value = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let exponent = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(4 * fraction.len()).ok()?)?;
    Some(value as f64 * 2f64.powi(exponent))
}

fn next_is_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_number_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | 'µ' | 'μ')
}

/// The escapes of Go's quoted texts.
pub(crate) fn unescape(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return Some(text.to_string());
    }
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let digits = match chars.next()? {
            'a' => return_byte(&mut out, 7),
            'b' => return_byte(&mut out, 8),
            'f' => return_byte(&mut out, 12),
            'n' => return_byte(&mut out, b'\n'),
            'r' => return_byte(&mut out, b'\r'),
            't' => return_byte(&mut out, b'\t'),
            'v' => return_byte(&mut out, 11),
            '\\' => return_byte(&mut out, b'\\'),
            '\'' => return_byte(&mut out, b'\''),
            '"' => return_byte(&mut out, b'"'),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            first @ '0'..='7' => {
                let mut value = first.to_digit(8)?;
                for _ in 0..2 {
                    value = value * 8 + chars.next()?.to_digit(8)?;
                }
                return_byte(&mut out, u8::try_from(value).ok()?)
            }
            _ => return None,
        };
        if digits == 0 {
            continue;
        }
        let mut value = 0u32;
        for _ in 0..digits {
            value = value.checked_mul(16)?.checked_add(chars.next()?.to_digit(16)?)?;
        }
        if digits == 2 {
            out.push(u8::try_from(value).ok()?);
        } else {
            out.extend_from_slice(char::from_u32(value)?.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    String::from_utf8(out).ok()
}

/// Appends a byte; zero says that no hexadecimal digits follow.
fn return_byte(out: &mut Vec<u8>, byte: u8) -> usize {
    out.push(byte);
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        tokenize(text).unwrap().into_iter().map(|lexeme| lexeme.token).collect()
    }

    #[test]
    fn numbers_durations_and_sizes_are_told_apart() {
        for (text, token) in [
            ("12", Token::Number(12.0)),
            ("1e-3", Token::Number(0.001)),
            (".5", Token::Number(0.5)),
            ("0x1.8p3", Token::Number(12.0)),
            ("1.5s", Token::Duration(1_500_000_000)),
            ("5m", Token::Duration(300_000_000_000)),
            ("-2s", Token::Duration(-2_000_000_000)),
            ("5MB", Token::Bytes(5_000_000)),
            ("[1h]", Token::Range(3_600_000_000_000)),
            ("--strict", Token::Flag("--strict".into())),
            ("k8s.pod.name", Token::Ident("k8s.pod.name".into())),
            (r#""a\x41\"\u00e9""#, Token::Text("aA\"é".into())),
            ("`a\\b`", Token::Text("a\\b".into())),
        ] {
            assert_eq!(tokens(text)[0], token, "{text}");
        }
    }

    #[test]
    fn comments_and_operators() {
        assert_eq!(tokens("# note\n1 - 2")[1], Token::Symbol("-"));
        assert_eq!(
            tokens("1 // two\n/* three */ + 4 /* open")[1..],
            [Token::Symbol("+"), Token::Number(4.0), Token::End]
        );
        assert_eq!(
            tokens("|~ |= | !> !~")[..3],
            [Token::Symbol("|~"), Token::Symbol("|="), Token::Symbol("|")]
        );
    }

    #[test]
    fn errors_have_a_position() {
        let error = tokenize("{app=\n \"foo").unwrap_err();
        assert_eq!((error.line, error.column), (2, 2));
        assert_eq!(
            tokenize("[5m").unwrap_err().to_string(),
            "parse error at line 1, col 1: missing closing ']' in duration"
        );
        for bad in [r#""\q""#, r#""\xff""#, "\"\\", "5x5", "ä§", "`", "089", "0B", "1e999"] {
            assert!(tokenize(bad).is_err(), "{bad}");
        }
    }
}
