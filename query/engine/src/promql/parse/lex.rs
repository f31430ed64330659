//! Text to tokens. The whole text is cut at once; the list ends in `End` or in the first `Error`, so the parser
//! reports whatever stands first in the text.

use crate::promql::ast::{AggregateOp, BinaryOp, Span};
use crate::promql::quote::{quote, quote_char};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    End,
    Error(String),
    Comma,
    LeftBrace,
    RightBrace,
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    Colon,
    Assign,
    RegexMatch,
    RegexNoMatch,
    At,
    Op(BinaryOp),
    Aggregate(AggregateOp),
    Keyword(Keyword),
    Number,
    Duration,
    String,
    Name,
    /// A name with a colon: a metric, never a label or a function.
    MetricName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Bool,
    By,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Ignoring,
    Offset,
    On,
    Without,
    Anchored,
    Smoothed,
    Start,
    End,
    Step,
    Range,
    MinOf,
    MaxOf,
}

const KEYWORDS: [(&str, Keyword); 19] = [
    ("bool", Keyword::Bool),
    ("by", Keyword::By),
    ("group_left", Keyword::GroupLeft),
    ("group_right", Keyword::GroupRight),
    ("fill", Keyword::Fill),
    ("fill_left", Keyword::FillLeft),
    ("fill_right", Keyword::FillRight),
    ("ignoring", Keyword::Ignoring),
    ("offset", Keyword::Offset),
    ("on", Keyword::On),
    ("without", Keyword::Without),
    ("anchored", Keyword::Anchored),
    ("smoothed", Keyword::Smoothed),
    ("start", Keyword::Start),
    ("end", Keyword::End),
    ("step", Keyword::Step),
    ("range", Keyword::Range),
    ("min_of", Keyword::MinOf),
    ("max_of", Keyword::MaxOf),
];

const WORD_OPERATORS: [(&str, BinaryOp); 4] =
    [("and", BinaryOp::And), ("or", BinaryOp::Or), ("unless", BinaryOp::Unless), ("atan2", BinaryOp::Atan2)];

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub span: Span,
}

// === impl Token ===

impl Token {
    /// How messages name it.
    pub(crate) fn describe(&self, text: &str) -> String {
        let word = text.get(self.span.start..self.span.end).unwrap_or("");
        match &self.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Error(message) => message.clone(),
            Kind::Op(_) => format!("<op:{}>", word.to_ascii_lowercase()),
            Kind::Aggregate(op) => format!("<aggr:{}>", op.name()),
            Kind::Keyword(_) => format!("<{}>", word.to_ascii_lowercase()),
            Kind::Number => format!("number {}", shorten(word)),
            Kind::Duration => format!("duration {}", shorten(word)),
            Kind::String => format!("string {}", shorten(word)),
            Kind::Name => format!("identifier {}", quote(word)),
            Kind::MetricName => format!("metric identifier {}", quote(word)),
            _ => quote(word),
        }
    }
}

fn shorten(word: &str) -> String {
    match word.char_indices().nth(10) {
        Some((end, _)) => format!("{}...", quote(&word[..end])),
        None => quote(word),
    }
}

pub(crate) fn lex(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        pos: 0,
        tokens: Vec::new(),
        parens: 0,
        in_braces: false,
        in_brackets: false,
        colon: false,
    };
    loop {
        lexer.skip_blank();
        let start = lexer.pos;
        let (kind, done) = match lexer.next_token() {
            Ok(kind) => {
                let done = kind == Kind::End;
                (kind, done)
            }
            Err(message) => (Kind::Error(message), true),
        };
        lexer.tokens.push(Token { kind, span: Span::new(start, lexer.pos) });
        if done {
            return lexer.tokens;
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    pos: usize,
    tokens: Vec<Token>,
    parens: usize,
    in_braces: bool,
    in_brackets: bool,
    /// A colon was seen inside the open bracket.
    colon: bool,
}

// === impl Lexer ===

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.pos..].chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.pos += c.len_utf8();
        }
        found
    }

    fn eat_while(&mut self, accept: impl Fn(char) -> bool) -> usize {
        let start = self.pos;
        while self.peek().is_some_and(&accept) {
            self.bump();
        }
        self.pos - start
    }

    fn skip_blank(&mut self) {
        loop {
            self.eat_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            if self.peek() != Some('#') {
                return;
            }
            self.eat_while(|c| !matches!(c, '\n' | '\r'));
        }
    }

    fn next_token(&mut self) -> Result<Kind, String> {
        let Some(c) = self.peek() else { return self.at_end() };
        if matches!(c, '"' | '\'' | '`') {
            return self.string(c);
        }
        if self.in_braces {
            return self.inside_braces(c);
        }
        if c.is_ascii_digit()
            || (c == '.' && self.text[self.pos + 1..].starts_with(|d: char| d.is_ascii_digit()))
        {
            return self.number_or_duration();
        }
        if is_name_start(c) || c == ':' {
            return self.word(c);
        }
        self.bump();
        self.punctuation(c)
    }

    fn at_end(&self) -> Result<Kind, String> {
        if self.in_braces {
            Err("unexpected end of input inside braces".to_owned())
        } else if self.parens > 0 {
            Err("unclosed left parenthesis".to_owned())
        } else if self.in_brackets {
            Err("unclosed left bracket".to_owned())
        } else {
            Ok(Kind::End)
        }
    }

    fn inside_braces(&mut self, c: char) -> Result<Kind, String> {
        if is_name_start(c) {
            self.eat_while(is_name_char);
            return Ok(Kind::Name);
        }
        self.bump();
        Ok(match c {
            ',' => Kind::Comma,
            '=' if self.eat('~') => Kind::RegexMatch,
            '=' => Kind::Assign,
            '!' if self.eat('~') => Kind::RegexNoMatch,
            '!' if self.eat('=') => Kind::Op(BinaryOp::NotEqual),
            '!' => return Err(format!("unexpected character after '!' inside braces: {}", self.shown())),
            '{' => return Err("unexpected left brace '{'".to_owned()),
            '}' => {
                self.in_braces = false;
                Kind::RightBrace
            }
            c => return Err(format!("unexpected character inside braces: {}", quote_char(c))),
        })
    }

    fn punctuation(&mut self, c: char) -> Result<Kind, String> {
        Ok(match c {
            ',' => Kind::Comma,
            '*' => Kind::Op(BinaryOp::Mul),
            '/' => Kind::Op(BinaryOp::Div),
            '%' => Kind::Op(BinaryOp::Mod),
            '+' => Kind::Op(BinaryOp::Add),
            '-' => Kind::Op(BinaryOp::Sub),
            '^' => Kind::Op(BinaryOp::Pow),
            '=' if self.eat('=') => Kind::Op(BinaryOp::Equal),
            '=' if self.peek() == Some('~') => return Err("unexpected character after '=': '~'".to_owned()),
            '=' => Kind::Assign,
            '!' if self.eat('=') => Kind::Op(BinaryOp::NotEqual),
            '!' => return Err(format!("unexpected character after '!': {}", self.shown())),
            '<' if self.eat('=') => Kind::Op(BinaryOp::LessEqual),
            '<' if self.eat('/') => Kind::Op(BinaryOp::TrimUpper),
            '<' => Kind::Op(BinaryOp::Less),
            '>' if self.eat('=') => Kind::Op(BinaryOp::GreaterEqual),
            '>' if self.eat('/') => Kind::Op(BinaryOp::TrimLower),
            '>' => Kind::Op(BinaryOp::Greater),
            '@' => Kind::At,
            _ => return self.bracket(c),
        })
    }

    fn bracket(&mut self, c: char) -> Result<Kind, String> {
        match c {
            '(' => self.parens += 1,
            ')' if self.parens == 0 => return Err("unexpected right parenthesis ')'".to_owned()),
            ')' => self.parens -= 1,
            '{' => self.in_braces = true,
            '[' if self.in_brackets => return Err("unexpected left bracket '['".to_owned()),
            '[' => (self.in_brackets, self.colon) = (true, false),
            ']' if !self.in_brackets => return Err("unexpected right bracket ']'".to_owned()),
            ']' => self.in_brackets = false,
            c => return Err(format!("unexpected character: {}", quote_char(c))),
        }
        Ok(match c {
            '(' => Kind::LeftParen,
            ')' => Kind::RightParen,
            '{' => Kind::LeftBrace,
            '[' => Kind::LeftBracket,
            _ => Kind::RightBracket,
        })
    }

    fn shown(&self) -> String {
        self.peek().map_or_else(|| "end of input".to_owned(), quote_char)
    }

    /// A name, keyword or operator word; inside a range's brackets only `:` and the words of durations.
    fn word(&mut self, c: char) -> Result<Kind, String> {
        if self.in_brackets && c == ':' {
            self.bump();
            if std::mem::replace(&mut self.colon, true) {
                return Err("unexpected colon ':'".to_owned());
            }
            return Ok(Kind::Colon);
        }
        let start = self.pos;
        let colons = !self.in_brackets;
        self.eat_while(|c| is_name_char(c) || (c == ':' && colons));
        let word = self.text[start..self.pos].to_ascii_lowercase();
        let keyword = KEYWORDS.iter().find(|(name, _)| *name == word).map(|(_, keyword)| *keyword);
        if self.in_brackets {
            return match keyword {
                Some(k @ (Keyword::Step | Keyword::Range | Keyword::MinOf | Keyword::MaxOf)) => {
                    Ok(Kind::Keyword(k))
                }
                _ => Err(format!("unexpected character: {}, expected ':'", quote_char(c))),
            };
        }
        Ok(match keyword {
            // These three are young: they stay usable as names where no parenthesis follows.
            Some(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight) if !self.paren_follows() => {
                Kind::Name
            }
            Some(keyword) => Kind::Keyword(keyword),
            None => self.word_without_keyword(&word),
        })
    }

    fn word_without_keyword(&self, word: &str) -> Kind {
        if let Some((_, op)) = WORD_OPERATORS.iter().find(|(name, _)| *name == word) {
            return Kind::Op(*op);
        }
        if let Some((_, op)) = AggregateOp::ALL.iter().find(|(name, _)| *name == word) {
            return Kind::Aggregate(*op);
        }
        match word {
            "inf" | "nan" => Kind::Number,
            _ if word.contains(':') => Kind::MetricName,
            _ => Kind::Name,
        }
    }

    fn paren_follows(&self) -> bool {
        self.text[self.pos..].trim_start().starts_with('(')
    }

    fn number_or_duration(&mut self) -> Result<Kind, String> {
        let start = self.pos;
        let hex = self.text[start..].starts_with("0x") || self.text[start..].starts_with("0X");
        if hex {
            self.pos += 2;
            self.eat_while(|c| c.is_ascii_hexdigit() || c == '_');
        } else {
            self.decimal();
        }
        let unit = self.eat_while(|c| is_name_char(c) || c == '.');
        let word = &self.text[start..self.pos];
        if unit == 0 && crate::promql::number::parse_number(word).is_some() {
            return Ok(Kind::Number);
        }
        let like_duration = word.bytes().all(|b| b.is_ascii_digit() || b"smhdwy".contains(&b));
        if unit > 0 && like_duration && !word.ends_with(|c: char| c.is_ascii_digit()) {
            return Ok(Kind::Duration);
        }
        Err(format!("bad number or duration syntax: {}", quote(word)))
    }

    fn decimal(&mut self) {
        let digit = |c: char| c.is_ascii_digit() || c == '_';
        self.eat_while(digit);
        if self.peek() == Some('.') {
            self.bump();
            self.eat_while(digit);
        }
        let rest = &self.text.as_bytes()[self.pos..];
        if !matches!(rest.first(), Some(b'e' | b'E')) {
            return;
        }
        let signed = usize::from(matches!(rest.get(1), Some(b'+' | b'-')));
        if rest.get(1 + signed).is_some_and(u8::is_ascii_digit) {
            self.pos += 1 + signed;
            self.eat_while(digit);
        }
    }

    fn string(&mut self, open: char) -> Result<Kind, String> {
        self.bump();
        loop {
            match self.bump() {
                Some(c) if c == open => return Ok(Kind::String),
                Some('\\') if open != '`' => {
                    self.bump();
                }
                Some('\n') if open != '`' => return Err("unterminated quoted string".to_owned()),
                Some(_) => {}
                None if open == '`' => return Err("unterminated raw string".to_owned()),
                None => return Err("unterminated quoted string".to_owned()),
            }
        }
    }
}

pub(crate) fn is_name_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

pub(crate) fn is_name_char(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}
