//! TraceQL text to tokens. Attribute names swallow nearly everything up to a blank or an operator, so the lexer knows
//! where one begins.

use super::ast::{Scope, Span};
use crate::logql::ParseError;
use crate::logql::lexer::{TEXT_BYTES_MAX, unescape};
use crate::logql::units::parse_duration;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// `.name`, `span.name`, `parent.resource.name`
    Attribute {
        scope: Scope,
        parent: bool,
        name: String,
    },
    /// A word, with a scope before a colon if it has one: `duration`, `span:id`.
    Word(String),
    Text(String),
    Int(i64),
    Float(f64),
    Duration(i64),
    Symbol(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) span: Span,
}

/// Longest first.
const SYMBOLS: [&str; 37] = [
    "!>>", "!<<", "&>>", "&<<", "&&", "||", "!=", "=~", "!~", ">=", "<=", ">>", "<<", "!>", "!<", "&>", "&<",
    "&~", "{", "}", "(", ")", ",", "|", "=", ">", "<", "~", "+", "-", "*", "/", "%", "^", "!", "&", ".",
];

const SCOPES: [(&str, Scope); 5] = [
    ("resource.", Scope::Resource),
    ("span.", Scope::Span),
    ("event.", Scope::Event),
    ("link.", Scope::Link),
    ("instrumentation.", Scope::Instrumentation),
];

pub(crate) fn tokenize(text: &str) -> Result<Vec<Lexeme>, ParseError> {
    if text.len() >= TEXT_BYTES_MAX {
        let message = format!("input size too long ({} > {TEXT_BYTES_MAX})", text.len());
        return Err(ParseError::whole(Span::default(), message));
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut out = Vec::new();
    loop {
        lexer.at = text.len() - lexer.rest().trim_start().len();
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

    fn next(&mut self) -> Result<Token, ParseError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        let digit_follows = rest[first.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        match first {
            '"' | '`' => self.text_token(first),
            '.' if digit_follows => self.number(),
            '.' => {
                self.at += 1;
                self.attribute(Scope::Any, false)
            }
            _ if first.is_ascii_digit() => self.number(),
            _ if first.is_alphabetic() || first == '_' => self.word(),
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => {
                    self.at += symbol.len();
                    Ok(Token::Symbol(symbol))
                }
                None => Err(self.error(self.at, format!("syntax error: unexpected character {first:?}"))),
            },
        }
    }

    fn word(&mut self) -> Result<Token, ParseError> {
        if let Some((prefix, scope)) = self.scope_here() {
            self.at += prefix;
            return self.attribute(scope, false);
        }
        if self.rest().starts_with("parent.") {
            self.at += "parent.".len();
            let (prefix, scope) = self.scope_here().unwrap_or((0, Scope::Any));
            self.at += prefix;
            return self.attribute(scope, true);
        }
        let rest = self.rest();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += end;
        Ok(Token::Word(rest[..end].to_string()))
    }

    fn scope_here(&self) -> Option<(usize, Scope)> {
        let rest = self.rest();
        SCOPES
            .iter()
            .find(|(prefix, _)| rest.starts_with(prefix))
            .map(|(prefix, scope)| (prefix.len(), *scope))
    }

    /// A name after its scope; parts in quotes may hold anything.
    fn attribute(&mut self, scope: Scope, parent: bool) -> Result<Token, ParseError> {
        let start = self.at;
        let mut name = String::new();
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next() else { break };
            if c == '"' {
                self.quoted_part(&mut name)?;
            } else if c.is_whitespace() || "{}()=~!<>&|^,`".contains(c) {
                break;
            } else {
                name.push(c);
                self.at += c.len_utf8();
            }
        }
        if name.is_empty() {
            return Err(self.error(start, "syntax error: expecting the name of an attribute"));
        }
        Ok(Token::Attribute { scope, parent, name })
    }

    /// A part of a name in quotes; a backslash stands before a quote or another backslash.
    fn quoted_part(&mut self, name: &mut String) -> Result<(), ParseError> {
        let (rest, start) = (self.rest(), self.at);
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(());
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => name.push(c),
                    _ => return Err(self.error(start, "invalid escape sequence in the name of an attribute")),
                },
                c => name.push(c),
            }
        }
        Err(self.error(start, "literal not terminated"))
    }

    fn text_token(&mut self, quote: char) -> Result<Token, ParseError> {
        let (rest, start) = (self.rest(), self.at);
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == quote && !escaped;
            escaped = quote == '"' && *c == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else {
            return Err(self.error(start, "literal not terminated"));
        };
        self.at += end + 1;
        let inner = &rest[1..end];
        let text = if quote == '`' { Some(inner.to_string()) } else { unescape(inner) };
        text.map(Token::Text).ok_or_else(|| self.error(start, "invalid syntax in quoted text"))
    }

    fn number(&mut self) -> Result<Token, ParseError> {
        let (rest, start) = (self.rest(), self.at);
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | 'µ' | 'μ');
        let mut end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if rest[..end].ends_with(['e', 'E']) && rest[end..].starts_with(['+', '-']) {
            end += 1 + rest[end + 1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - end - 1);
        }
        let word = &rest[..end];
        self.at += end;
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            let too_large = || self.error(start, format!("not a 64-bit integer: {word}"));
            return word.parse().map(Token::Int).map_err(|_| too_large());
        }
        let float = word.parse::<f64>().map(Token::Float).ok();
        let duration = || parse_duration(word).map(Token::Duration);
        float
            .or_else(duration)
            .ok_or_else(|| self.error(start, format!("not a number or duration: {word:?}")))
    }
}
