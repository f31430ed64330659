//! Template text to pieces: plain text, and actions as tokens. White space that `{{-` and `-}}` eat is gone already.

use crate::logql::lexer::unescape;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Action(Vec<Lexeme>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    /// Whether white space stands before it: `.a.b` is one operand, `.a .b` are two.
    pub(super) spaced: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Ident(String),
    /// `.name`
    Field(String),
    Dot,
    /// `$` (an empty name) or `$name`.
    Variable(String),
    Text(String),
    Int(i64),
    Float(f64),
    /// One of `( ) | , = :=`.
    Symbol(&'static str),
}

const SYMBOLS: [&str; 6] = [":=", "(", ")", "|", ",", "="];

pub(super) fn pieces(source: &str) -> Result<Vec<Piece>, String> {
    let mut out = Vec::new();
    let mut rest = source;
    let mut trim = false;
    loop {
        let open = rest.find("{{");
        let mut text = &rest[..open.unwrap_or(rest.len())];
        if trim {
            text = text.trim_start_matches(is_blank);
        }
        let mut after = open.map(|open| &rest[open + 2..]);
        if let Some(eaten) =
            after.and_then(|after| after.strip_prefix('-')).filter(|a| a.starts_with(is_blank))
        {
            text = text.trim_end_matches(is_blank);
            after = Some(eaten);
        }
        if !text.is_empty() {
            out.push(Piece::Text(text.to_string()));
        }
        let Some(after) = after else { return Ok(out) };
        let mut action = Action { rest: after, trim: false };
        match action.comment()? {
            true => {}
            false => out.push(Piece::Action(action.lexemes()?)),
        }
        (rest, trim) = (action.rest, action.trim);
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// The text after `{{`; at the end, what follows `}}`.
struct Action<'t> {
    rest: &'t str,
    trim: bool,
}

impl Action<'_> {
    fn comment(&mut self) -> Result<bool, String> {
        let Some(inner) = self.rest.trim_start_matches(is_blank).strip_prefix("/*") else { return Ok(false) };
        let end = inner.find("*/").ok_or("unclosed comment")?;
        self.rest = &inner[end + 2..];
        if self.closes() { Ok(true) } else { Err("comment ends before closing delimiter".to_string()) }
    }

    /// Steps over `}}` or ` -}}`.
    fn closes(&mut self) -> bool {
        let trimmed = self.rest.trim_start_matches(is_blank);
        let spaced = trimmed.len() < self.rest.len();
        if let Some(after) = trimmed.strip_prefix("-}}").filter(|_| spaced) {
            (self.rest, self.trim) = (after, true);
            return true;
        }
        match trimmed.strip_prefix("}}") {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    fn lexemes(&mut self) -> Result<Vec<Lexeme>, String> {
        let mut out = Vec::new();
        while !self.closes() {
            let trimmed = self.rest.trim_start_matches(is_blank);
            let spaced = trimmed.len() < self.rest.len();
            self.rest = trimmed;
            let (token, length) = token(trimmed)?;
            self.rest = &trimmed[length..];
            out.push(Lexeme { token, spaced });
        }
        Ok(out)
    }
}

fn word(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())
}

fn token(text: &str) -> Result<(Token, usize), String> {
    let Some(first) = text.chars().next() else { return Err("unclosed action".to_string()) };
    let digit_at = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    match first {
        '"' => quoted(text, '"').map(|(text, length)| (Token::Text(text), length)),
        '`' => {
            let end = text[1..].find('`').ok_or("unterminated raw quoted string")?;
            Ok((Token::Text(text[1..=end].to_string()), end + 2))
        }
        '\'' => {
            let (inner, length) = quoted(text, '\'')?;
            let mut chars = inner.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Ok((Token::Int(i64::from(u32::from(c))), length)),
                _ => Err(format!("malformed character constant: {}", &text[..length])),
            }
        }
        '$' => {
            let length = 1 + word(&text[1..]);
            Ok((Token::Variable(text[1..length].to_string()), length))
        }
        '0'..='9' => number(text),
        '+' | '-' if digit_at(1) || (text.as_bytes().get(1) == Some(&b'.') && digit_at(2)) => number(text),
        '.' if digit_at(1) => number(text),
        '.' => match 1 + word(&text[1..]) {
            1 => Ok((Token::Dot, 1)),
            length => Ok((Token::Field(text[1..length].to_string()), length)),
        },
        _ if first.is_alphabetic() || first == '_' => {
            let length = word(text);
            Ok((Token::Ident(text[..length].to_string()), length))
        }
        _ => match SYMBOLS.iter().find(|symbol| text.starts_with(**symbol)) {
            Some(symbol) => Ok((Token::Symbol(symbol), symbol.len())),
            None => Err(format!("unexpected {first:?} in an action")),
        },
    }
}

fn quoted(text: &str, quote: char) -> Result<(String, usize), String> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = (*c == quote && !escaped) || *c == '\n';
        escaped = *c == '\\' && !escaped;
        ends
    });
    match end {
        Some((at, c)) if c == quote => {
            let inner =
                unescape(&text[1..at]).ok_or_else(|| format!("invalid syntax in {}", &text[..=at]))?;
            Ok((inner, at + 1))
        }
        _ => Err("unterminated quoted string".to_string()),
    }
}

fn number(text: &str) -> Result<(Token, usize), String> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let sign = text.len() - unsigned.len();
    let hex = unsigned.starts_with("0x") || unsigned.starts_with("0X");
    let mut length = sign;
    let mut previous = ' ';
    for c in unsigned.chars() {
        let exponent_sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E') && !hex;
        if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || exponent_sign) {
            break;
        }
        length += c.len_utf8();
        previous = c;
    }
    let word = text[..length].replace('_', "");
    let digits = word.trim_start_matches(['+', '-']);
    let prefixes = [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2), ("0o", 8), ("0O", 8), ("0", 8)];
    let based = prefixes.iter().find_map(|(prefix, base)| {
        let rest = digits.strip_prefix(prefix).filter(|rest| !rest.is_empty())?;
        i64::from_str_radix(rest, *base).ok()
    });
    let whole = based.or_else(|| digits.parse::<i64>().ok());
    if let Some(whole) = whole {
        return Ok((Token::Int(if word.starts_with('-') { -whole } else { whole }), length));
    }
    let float =
        word.parse::<f64>().ok().filter(|_| digits.starts_with(|c: char| c.is_ascii_digit() || c == '.'));
    float
        .map(|float| (Token::Float(float), length))
        .ok_or_else(|| format!("bad number syntax: {:?}", &text[..length]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        let pieces = pieces(text).unwrap();
        let actions = pieces.into_iter().filter_map(|piece| match piece {
            Piece::Action(lexemes) => Some(lexemes),
            Piece::Text(_) => None,
        });
        actions.flatten().map(|lexeme| lexeme.token).collect()
    }

    #[test]
    fn markers_eat_white_space_around_an_action() {
        let pieces = pieces("a  {{- .b -}}  c{{/* note */}} d {{- /* n */ -}} e").unwrap();
        let texts: Vec<_> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Text(text) => Some(text.as_str()),
                Piece::Action(_) => None,
            })
            .collect();
        assert_eq!(texts, ["a", "c", " d", "e"]);
    }

    #[test]
    fn tokens_of_actions() {
        assert_eq!(tokens("{{-3}}"), [Token::Int(-3)]);
        assert_eq!(
            tokens("{{ 0x1f 1_000 .5 1e3 'a' }}"),
            [Token::Int(31), Token::Int(1000), Token::Float(0.5), Token::Float(1000.0), Token::Int(97)]
        );
        assert_eq!(
            tokens(r#"{{ $x := "}}\n" | f .a.b . $ }}"#),
            [
                Token::Variable("x".into()),
                Token::Symbol(":="),
                Token::Text("}}\n".into()),
                Token::Symbol("|"),
                Token::Ident("f".into()),
                Token::Field("a".into()),
                Token::Field("b".into()),
                Token::Dot,
                Token::Variable(String::new()),
            ]
        );
    }

    #[test]
    fn what_is_malformed_is_said() {
        for bad in ["{{", "{{ .a", "{{ \"a }}", "{{ & }}", "{{/* x }}", "{{ 1x }}", "{{ 'ab' }}"] {
            assert!(pieces(bad).is_err(), "{bad}");
        }
    }
}
