//! Recursive descent from tokens to the tree. Depth is bounded, so a hostile text cannot exhaust the stack here or in
//! anything that walks the tree later.

mod filter;
mod metric;
mod stage;

use regex::{Regex, RegexBuilder};

use super::ast::{Anchored, Expr, LogExpr, Match, Matcher, Span};
use super::error::ParseError;
use super::lexer::{Lexeme, Token, is_reserved, tokenize};

/// Parentheses, aggregations and chained operators, counted together: no query people or tools write comes near.
const DEPTH_MAX: usize = 128;
/// Compiled size of one regular expression, as in the `regex` crate's own default.
const REGEX_BYTES_MAX: usize = 10 << 20;

/// Reads a whole query: a log query or a metric query.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text)?;
    let expr = parser.expr()?;
    parser.end()?;
    Ok(expr)
}

/// Reads `{a="b", c=~"d"}` alone, as `match[]` and the label endpoints take it; `{}` is every stream.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::new(text)?;
    let (matchers, _) = parser.selector()?;
    parser.end()?;
    Ok(matchers)
}

struct Parser<'t> {
    text: &'t str,
    lexemes: Vec<Lexeme>,
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, ParseError>;

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Parsed<Parser<'t>> {
        Ok(Parser { text, lexemes: tokenize(text)?, at: 0, depth: 0 })
    }

    fn expr(&mut self) -> Parsed<Expr> {
        if self.log_follows() {
            let log = self.log_in_parens()?;
            // `{app="x"} + 1`: an operator needs numbers on both sides.
            if let Some(op) = self.binary_operator() {
                let message = format!("a log query cannot be a leg of the operation ({})", op.symbol());
                return Err(self.whole(log.span, message));
            }
            return Ok(Expr::Log(log));
        }
        Ok(Expr::Metric(self.metric()?))
    }

    /// Whether a `{` comes after any number of opening parentheses.
    fn log_follows(&self) -> bool {
        let opening = self.lexemes[self.at..].iter().find(|lexeme| lexeme.token != Token::Symbol("("));
        opening.is_some_and(|lexeme| lexeme.token == Token::Symbol("{"))
    }

    fn log_in_parens(&mut self) -> Parsed<LogExpr> {
        if !self.eat("(") {
            return self.log();
        }
        self.nested(|parser| {
            let log = parser.log_in_parens()?;
            parser.expect(")")?;
            Ok(log)
        })
    }

    fn log(&mut self) -> Parsed<LogExpr> {
        let (selector, mut span) = self.selector()?;
        self.require_some_stream(&selector, span)?;
        let stages = self.stages()?;
        span.end = self.previous_end();
        Ok(LogExpr { selector, stages, span })
    }

    fn selector(&mut self) -> Parsed<(Vec<Matcher>, Span)> {
        let start = self.span().start;
        self.expect("{")?;
        let mut matchers = Vec::new();
        if !self.eat("}") {
            loop {
                let name = self.matcher_name()?;
                matchers.push(self.matcher(name)?);
                if self.eat("}") {
                    break;
                }
                if !self.eat(",") {
                    return Err(self.unexpected("} or ,"));
                }
            }
        }
        Ok((matchers, Span { start, end: self.previous_end() }))
    }

    /// Loki's rule, kept so that a rule file means the same in both: a query names what it reads.
    fn require_some_stream(&self, matchers: &[Matcher], span: Span) -> Parsed<()> {
        if matchers.iter().any(|matcher| !matcher.test.matches_missing()) {
            return Ok(());
        }
        let message = "a query needs at least one matcher that a missing label does not satisfy: \
                       app=~\".*\" is not enough, app=~\".+\" is";
        Err(self.whole(span, message))
    }

    /// A name, or a quoted one for keys that are no identifiers.
    fn matcher_name(&mut self) -> Parsed<String> {
        match self.peek().clone() {
            Token::Ident(name) if is_reserved(&name) => Err(self.unexpected("IDENTIFIER or }")),
            Token::Ident(name) | Token::Text(name) => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("IDENTIFIER or }")),
        }
    }

    /// The rest of a matcher after its name.
    fn matcher(&mut self, name: String) -> Parsed<Matcher> {
        let op = match self.peek() {
            Token::Symbol(op @ ("=" | "!=" | "=~" | "!~")) => *op,
            _ => return Err(self.unexpected("= or != or =~ or !~")),
        };
        self.at += 1;
        let span = self.span();
        let value = self.text_token()?;
        let test = match op {
            "=" => Match::Eq(value),
            "!=" => Match::Ne(value),
            "=~" => Match::Re(self.anchored(value, span)?),
            _ => Match::Nre(self.anchored(value, span)?),
        };
        Ok(Matcher { name, test })
    }

    fn anchored(&self, source: String, span: Span) -> Parsed<Anchored> {
        // The text is compiled alone first: "a)|(b" must not become valid inside the group.
        self.regex(&source, span)?;
        let regex = self.regex(&format!("^(?s:{source})$"), span)?;
        Ok(Anchored { source, regex })
    }

    fn regex(&self, source: &str, span: Span) -> Parsed<Regex> {
        let built = RegexBuilder::new(&crate::re2::rewritten(source)).size_limit(REGEX_BYTES_MAX).build();
        built.map_err(|error| {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
            ParseError::at(self.text, span, format!("error parsing regexp: {last}"))
        })
    }

    // === the cursor ===

    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    /// The last token is always `End`, and stays current once reached.
    fn peek_at(&self, ahead: usize) -> &Token {
        let last = self.lexemes.len() - 1;
        &self.lexemes[(self.at + ahead).min(last)].token
    }

    fn span(&self) -> Span {
        self.lexemes[self.at.min(self.lexemes.len() - 1)].span
    }

    fn previous_end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.lexemes.get(at)).map_or(0, |lexeme| lexeme.span.end)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(s) if *s == symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected(symbol)) }
    }

    fn ident(&mut self) -> Parsed<String> {
        match self.peek().clone() {
            Token::Ident(name) if !is_reserved(&name) => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("IDENTIFIER")),
        }
    }

    fn text_token(&mut self) -> Parsed<String> {
        match self.peek().clone() {
            Token::Text(text) => {
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.unexpected("STRING")),
        }
    }

    /// Whether the next token is this word, in any case: keywords are not case-sensitive.
    fn word_follows(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Ident(name) if name.eq_ignore_ascii_case(word))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.word_follows(word);
        self.at += usize::from(found);
        found
    }

    fn end(&self) -> Parsed<()> {
        if *self.peek() == Token::End { Ok(()) } else { Err(self.unexpected("")) }
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.deepen()?;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn deepen(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("the query is nested deeper than {DEPTH_MAX} levels: split it");
            return Err(ParseError::at(self.text, self.span(), message));
        }
        Ok(())
    }

    fn whole(&self, span: Span, message: impl Into<String>) -> ParseError {
        ParseError::whole(span, message)
    }

    fn unexpected(&self, expected: &str) -> ParseError {
        let found = match self.peek() {
            Token::Ident(name) if is_reserved(name) || name == "ip" => name.to_lowercase(),
            Token::Ident(_) => "IDENTIFIER".to_string(),
            Token::Text(_) => "STRING".to_string(),
            Token::Number(_) => "NUMBER".to_string(),
            Token::Duration(_) => "DURATION".to_string(),
            Token::Bytes(_) => "BYTES".to_string(),
            Token::Range(_) => "RANGE".to_string(),
            Token::Flag(flag) => flag.clone(),
            Token::Symbol(symbol) => (*symbol).to_string(),
            Token::End => "$end".to_string(),
        };
        let message = match expected {
            "" => format!("syntax error: unexpected {found}"),
            _ => format!("syntax error: unexpected {found}, expecting {expected}"),
        };
        ParseError::at(self.text, self.span(), message)
    }
}
