//! The Pratt parser: operators, their modifiers, and what may follow an operand (`[…]`, `@`, `offset`).

use super::lex::{Keyword, Kind, Token, lex};
use super::{DEPTH_MAX, ParseError, TEXT_BYTES_MAX};
use crate::promql::ast::*;

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token>,
    pos: usize,
    depth: usize,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

/// A unary sign binds like `*`: tighter than it there is only `^`.
const SIGN_POWER: u8 = 6;

// === impl Parser ===

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Parsed<Self> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("query is longer than {TEXT_BYTES_MAX} bytes");
            return Err(ParseError::new("", Span::default(), message));
        }
        Ok(Self { text, tokens: lex(text), pos: 0, depth: 0 })
    }

    pub(super) fn whole_expression(mut self) -> Parsed<Expr> {
        if self.peek().kind == Kind::End {
            return Err(self.error(Span::default(), "no expression found in input"));
        }
        let expr = self.expression(0)?;
        match self.peek().kind {
            Kind::End => Ok(expr),
            _ => Err(self.unexpected("", "")),
        }
    }

    pub(super) fn whole_selector(mut self) -> Parsed<Selector> {
        let selector = self.selector()?;
        match self.peek().kind {
            Kind::End => Ok(selector),
            _ => Err(self.unexpected("", "")),
        }
    }

    // --- tokens

    pub(super) fn peek(&self) -> &Token {
        // The list always ends in End or Error, and `bump` never passes it.
        &self.tokens[self.pos]
    }

    pub(super) fn peek_second(&self) -> &Token {
        &self.tokens[(self.pos + 1).min(self.tokens.len() - 1)]
    }

    pub(super) fn bump(&mut self) -> Token {
        let token = self.tokens[self.pos].clone();
        if self.pos + 1 < self.tokens.len() {
            self.pos += 1;
        }
        token
    }

    pub(super) fn eat(&mut self, kind: &Kind) -> Option<Span> {
        if self.peek().kind != *kind {
            return None;
        }
        Some(self.bump().span)
    }

    pub(super) fn eat_keyword(&mut self, keyword: Keyword) -> Option<Span> {
        self.eat(&Kind::Keyword(keyword))
    }

    pub(super) fn expect(&mut self, kind: &Kind, context: &str, expected: &str) -> Parsed<Span> {
        self.eat(kind).ok_or_else(|| self.unexpected(context, expected))
    }

    pub(super) fn word(&self, span: Span) -> &'a str {
        &self.text[span.start..span.end]
    }

    pub(super) fn error(&self, span: Span, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, span, message)
    }

    /// The next token does not fit; a lexer's error is reported as it is.
    pub(super) fn unexpected(&self, context: &str, expected: &str) -> ParseError {
        let token = self.peek();
        if let Kind::Error(message) = &token.kind {
            return self.error(token.span, message.clone());
        }
        let mut message = format!("unexpected {}", token.describe(self.text));
        if !context.is_empty() {
            message.push_str(&format!(" in {context}"));
        }
        if !expected.is_empty() {
            message.push_str(&format!(", expected {expected}"));
        }
        self.error(token.span, message)
    }

    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            let span = self.peek().span;
            return Err(self.error(span, format!("expression is nested deeper than {DEPTH_MAX} levels")));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    // --- operators

    pub(super) fn expression(&mut self, power_min: u8) -> Parsed<Expr> {
        self.nested(|p| {
            let mut lhs = p.operand()?;
            // A long chain `a + a + …` leans left: it is as deep as it is long, so it counts as nesting.
            let mut chain = 0;
            while let Kind::Op(op) = p.peek().kind {
                if op.power() < power_min {
                    break;
                }
                chain += 1;
                if chain > DEPTH_MAX * 10 {
                    return Err(p.error(p.peek().span, "too many operators in one expression"));
                }
                lhs = p.binary(lhs, op)?;
            }
            Ok(lhs)
        })
    }

    fn binary(&mut self, lhs: Expr, op: BinaryOp) -> Parsed<Expr> {
        let op_span = self.bump().span;
        let return_bool = self.eat_keyword(Keyword::Bool).is_some();
        let mut matching = self.matching()?;
        if op.is_set() && matching.cardinality == Cardinality::OneToOne {
            matching.cardinality = Cardinality::ManyToMany;
        }
        let right_power = if op == BinaryOp::Pow { op.power() } else { op.power() + 1 };
        let rhs = self.expression(right_power)?;
        let modifiers_end = self.text[..rhs.span().start].trim_end().len();
        let op_span = Span::new(op_span.start, modifiers_end.max(op_span.end));
        Ok(Expr::Binary(Box::new(Binary { op, op_span, return_bool, matching, lhs, rhs })))
    }

    fn matching(&mut self) -> Parsed<Matching> {
        let mut matching = Matching::default();
        let keyword = self.peek().kind.clone();
        if matches!(keyword, Kind::Keyword(Keyword::On | Keyword::Ignoring)) {
            self.bump();
            matching.on = keyword == Kind::Keyword(Keyword::On);
            matching.labels = self.grouping()?;
            self.group_modifier(&mut matching)?;
        }
        loop {
            let (left, right) = match self.peek().kind {
                Kind::Keyword(Keyword::Fill) => (true, true),
                Kind::Keyword(Keyword::FillLeft) => (true, false),
                Kind::Keyword(Keyword::FillRight) => (false, true),
                _ => return Ok(matching),
            };
            if (left && matching.fill_left.is_some()) || (right && matching.fill_right.is_some()) {
                return Err(self.unexpected("", ""));
            }
            self.bump();
            let value = self.fill_value()?;
            matching.fill_left = if left { Some(value) } else { matching.fill_left };
            matching.fill_right = if right { Some(value) } else { matching.fill_right };
        }
    }

    fn group_modifier(&mut self, matching: &mut Matching) -> Parsed<()> {
        matching.cardinality = match self.peek().kind {
            Kind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
            Kind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(()),
        };
        self.bump();
        if self.peek().kind == Kind::LeftParen {
            matching.include = self.grouping()?;
        }
        Ok(())
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect(&Kind::LeftParen, "fill modifier", "\"(\"")?;
        let value = self.signed_number("fill modifier", "number")?.value;
        self.expect(&Kind::RightParen, "fill modifier", "\")\"")?;
        Ok(value)
    }

    // --- operands

    fn operand(&mut self) -> Parsed<Expr> {
        let token = self.peek().clone();
        if let Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) = token.kind {
            self.bump();
            return self.signed(op == BinaryOp::Sub, token.span);
        }
        let mut expr = self.primary()?;
        loop {
            expr = match self.peek().kind {
                Kind::LeftBracket => self.range(expr)?,
                Kind::At => self.at(expr)?,
                Kind::Keyword(Keyword::Offset) => self.offset(expr)?,
                Kind::Keyword(Keyword::Anchored) => self.edge(expr, Edge::Anchored)?,
                Kind::Keyword(Keyword::Smoothed) => self.edge(expr, Edge::Smoothed)?,
                _ => return Ok(expr),
            }
        }
    }

    fn signed(&mut self, negate: bool, sign: Span) -> Parsed<Expr> {
        let expr = self.expression(SIGN_POWER)?;
        Ok(match expr {
            Expr::Number(n) => {
                let value = if negate { -n.value } else { n.value };
                Expr::Number(Number { value, is_duration: n.is_duration, span: sign.to(n.span) })
            }
            expr => {
                let span = sign.to(expr.span());
                Expr::Unary(Box::new(Unary { negate, expr, span }))
            }
        })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek().clone();
        match token.kind {
            Kind::Number | Kind::Duration => Ok(Expr::Number(self.number("", "")?)),
            Kind::String => {
                self.bump();
                Ok(Expr::String(self.string_literal(token.span)?))
            }
            Kind::LeftParen => {
                self.bump();
                let expr = self.expression(0)?;
                let close = self.expect(&Kind::RightParen, "", "")?;
                Ok(Expr::Paren(Box::new(Paren { expr, span: token.span.to(close) })))
            }
            Kind::Aggregate(op) if self.aggregation_follows() => self.aggregate(op),
            Kind::Name if self.peek_second().kind == Kind::LeftParen => self.call(),
            Kind::Keyword(
                Keyword::Start
                | Keyword::End
                | Keyword::Step
                | Keyword::Range
                | Keyword::MinOf
                | Keyword::MaxOf,
            ) if self.peek_second().kind == Kind::LeftParen => self.call(),
            _ => Ok(Expr::Selector(self.selector()?)),
        }
    }
}
