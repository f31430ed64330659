//! Selectors, and the literals they are made of.

use super::ParseError;
use super::lex::{Keyword, Kind};
use super::parser::{Parsed, Parser};
use crate::promql::ast::*;
use crate::promql::quote::{quote, unquote, unquote_bytes};

const NAME_LABEL: &str = "__name__";

// === impl Parser ===

impl Parser<'_> {
    /// A string that is an expression: it need not be text until it names something.
    pub(super) fn string_literal(&mut self, span: Span) -> Parsed<StringLit> {
        let literal = self.word(span);
        let bytes = unquote_bytes(literal).map_err(|e| self.unquoting(span, &e))?;
        Ok(match String::from_utf8(bytes) {
            Ok(value) => StringLit { value, not_text: None, span },
            Err(error) => {
                let value = String::from_utf8_lossy(error.as_bytes()).into_owned();
                StringLit { value, not_text: Some(error.into_bytes().into()), span }
            }
        })
    }

    fn unquoting(&self, span: Span, reason: &str) -> ParseError {
        self.error(span, format!("error unquoting string {}: {reason}", quote(self.word(span))))
    }

    pub(super) fn string(&self, span: Span) -> Parsed<String> {
        unquote(self.word(span)).map_err(|e| self.unquoting(span, &e))
    }

    pub(super) fn selector(&mut self) -> Parsed<Selector> {
        let token = self.peek().clone();
        let mut selector = Selector { span: token.span, ..Selector::default() };
        if self.is_metric_name(&token.kind) {
            self.bump();
            selector.name = Some(self.word(token.span).to_owned());
        } else if token.kind != Kind::LeftBrace {
            return Err(self.unexpected("", ""));
        }
        if self.eat(&Kind::LeftBrace).is_some() {
            selector.span.end = self.matchers(&mut selector.matchers)?.end;
        }
        if let Some(name) = &selector.name {
            let (op, regex) = (MatchOp::Equal, None);
            selector.matchers.push(Matcher { op, name: NAME_LABEL.to_owned(), value: name.clone(), regex });
        }
        Ok(selector)
    }

    /// Nearly every keyword names a metric where an operand is expected.
    fn is_metric_name(&self, kind: &Kind) -> bool {
        match kind {
            Kind::Name | Kind::MetricName | Kind::Aggregate(_) => true,
            Kind::Op(op) => op.is_set(),
            Kind::Keyword(keyword) => !matches!(
                keyword,
                Keyword::Bool | Keyword::On | Keyword::Ignoring | Keyword::GroupLeft | Keyword::GroupRight
            ),
            _ => false,
        }
    }

    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Parsed<Span> {
        loop {
            if let Some(end) = self.eat(&Kind::RightBrace) {
                return Ok(end);
            }
            if !matchers.is_empty() {
                self.expect(&Kind::Comma, "label matching", "\",\" or \"}\"")?;
                if let Some(end) = self.eat(&Kind::RightBrace) {
                    return Ok(end);
                }
            }
            matchers.push(self.matcher()?);
        }
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let token = self.peek().clone();
        let quoted = token.kind == Kind::String;
        let name = match token.kind {
            Kind::String => self.string(token.span)?,
            Kind::Name => self.word(token.span).to_owned(),
            _ => return Err(self.unexpected("label matching", "identifier or \"}\"")),
        };
        self.bump();
        let op = match self.peek().kind {
            Kind::Assign => MatchOp::Equal,
            Kind::Op(BinaryOp::NotEqual) => MatchOp::NotEqual,
            Kind::RegexMatch => MatchOp::Regex,
            Kind::RegexNoMatch => MatchOp::NotRegex,
            // A lone string is the metric's name.
            _ if quoted => {
                let (op, regex) = (MatchOp::Equal, None);
                return Ok(Matcher { op, name: NAME_LABEL.to_owned(), value: name, regex });
            }
            _ => return Err(self.unexpected("label matching", "label matching operator")),
        };
        self.bump();
        let value = self.peek().clone();
        if value.kind != Kind::String {
            return Err(self.unexpected("label matching", "string"));
        }
        let pattern = self.string(value.span)?;
        self.bump();
        Matcher::new(op, name, pattern.clone()).map_err(|e| {
            let message = format!("error parsing regexp {}: {}", quote(&pattern), regex_reason(&e));
            self.error(token.span.to(value.span), message)
        })
    }

    /// A number or a duration literal, as seconds.
    pub(super) fn number(&mut self, context: &str, expected: &str) -> Parsed<Number> {
        let token = self.peek().clone();
        let word = self.word(token.span);
        let (value, is_duration) = match token.kind {
            Kind::Number => {
                let number = crate::promql::number::parse_number(word);
                (
                    number.ok_or_else(|| self.error(token.span, format!("error parsing number: {word}")))?,
                    false,
                )
            }
            Kind::Duration => {
                let millis = crate::promql::duration::parse_duration(word);
                (millis.map_err(|e| self.error(token.span, e))? as f64 / 1000.0, true)
            }
            _ => return Err(self.unexpected(context, expected)),
        };
        self.bump();
        Ok(Number { value, is_duration, span: token.span })
    }

    pub(super) fn signed_number(&mut self, context: &str, expected: &str) -> Parsed<Number> {
        let token = self.peek().clone();
        let negate = match token.kind {
            Kind::Op(BinaryOp::Sub) => true,
            Kind::Op(BinaryOp::Add) => false,
            _ => return self.number(context, expected),
        };
        self.bump();
        let mut number = self.number(context, expected)?;
        number.value = if negate { -number.value } else { number.value };
        number.span.start = token.span.start;
        Ok(number)
    }
}

/// The last line of the regex crate's message: the lines before it draw the pattern.
fn regex_reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or("");
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
