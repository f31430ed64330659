//! Scalar filters and metrics stages.

use super::super::ast::{Arithmetic, Comparison, Metrics, Scalar, ScalarFilter, Stage, Static};
use super::super::lexer::Token;
use super::super::table::{AGGREGATES, METRICS};
use super::{Parsed, Parser};
use crate::logql::ParseError;

impl Parser<'_> {
    pub(super) fn scalar_filter(&mut self) -> Parsed<Stage> {
        let start = self.span();
        let left = self.scalar(0)?;
        let op = match self.peek() {
            Token::Symbol("=") => Comparison::Eq,
            Token::Symbol("!=") => Comparison::Ne,
            Token::Symbol("<") => Comparison::Lt,
            Token::Symbol("<=") => Comparison::Le,
            Token::Symbol(">") => Comparison::Gt,
            Token::Symbol(">=") => Comparison::Ge,
            _ => return Err(self.unexpected("a comparison")),
        };
        self.at += 1;
        let right = self.scalar(0)?;
        if !has_aggregate(&left) && !has_aggregate(&right) {
            return Err(ParseError::at(
                self.text,
                start,
                "one side of the comparison must have an aggregate: count() > 2",
            ));
        }
        Ok(Stage::Filter(ScalarFilter { op, left, right }))
    }

    fn scalar(&mut self, weakest: u8) -> Parsed<Scalar> {
        let depth = self.depth;
        self.deepen()?;
        let mut left = self.scalar_operand()?;
        while let Some((op, binding)) = self.arithmetic_operator() {
            if binding < weakest {
                break;
            }
            self.deepen()?;
            self.at += 1;
            let right = self.scalar(if op == Arithmetic::Pow { binding } else { binding + 1 })?;
            left = Scalar::Arithmetic { op, left: Box::new(left), right: Box::new(right) };
        }
        self.depth = depth;
        Ok(left)
    }

    fn scalar_operand(&mut self) -> Parsed<Scalar> {
        if self.eat("(") {
            let inner = self.scalar(0)?;
            self.expect(")")?;
            return Ok(inner);
        }
        let negative = self.eat("-");
        let value = match *self.peek() {
            Token::Int(v) => Some(Static::Int(if negative { v.wrapping_neg() } else { v })),
            Token::Float(v) => Some(Static::Float(if negative { -v } else { v })),
            Token::Duration(v) => Some(Static::Duration(if negative { v.wrapping_neg() } else { v })),
            _ => None,
        };
        if let Some(value) = value {
            self.at += 1;
            return Ok(Scalar::Static(value));
        }
        let Token::Word(word) = self.peek().clone() else { return Err(self.unexpected("")) };
        let Some((op, _)) = AGGREGATES.iter().find(|(_, name)| *name == word).filter(|_| !negative) else {
            return Err(self.unexpected(""));
        };
        self.at += 1;
        self.expect("(")?;
        let of = if *self.peek() == Token::Symbol(")") { None } else { Some(self.field()?) };
        if of.is_none() != (word == "count") {
            return Err(self.unexpected(if word == "count" { ")" } else { "an expression" }));
        }
        self.expect(")")?;
        Ok(Scalar::Aggregate { op: *op, of })
    }

    pub(super) fn metrics(&mut self, word: &str) -> Parsed<Stage> {
        let Some((op, _, takes)) = METRICS.iter().find(|(_, name, _)| *name == word) else {
            return Err(self.unexpected(""));
        };
        self.at += 1;
        self.expect("(")?;
        let of = if *takes { Some(self.known_attribute()?) } else { None };
        let mut numbers = Vec::new();
        while self.eat(",") {
            numbers.push(match *self.peek() {
                Token::Int(v) => v as f64,
                Token::Float(v) => v,
                _ => return Err(self.unexpected("NUMBER")),
            });
            self.at += 1;
        }
        self.expect(")")?;
        let by = if self.eat_word("by") {
            self.expect("(")?;
            self.attributes()?
        } else {
            Vec::new()
        };
        Ok(Stage::Metrics(Metrics { op: *op, of, numbers, by }))
    }

    /// `with (most_recent=true)`: read and not needed, answers are always the most recent.
    pub(super) fn hints(&mut self) -> Parsed<()> {
        if !self.eat_word("with") {
            return Ok(());
        }
        self.expect("(")?;
        loop {
            let Token::Word(_) = self.peek() else { return Err(self.unexpected("IDENTIFIER")) };
            self.at += 1;
            self.expect("=")?;
            if self.static_value().is_none() {
                return Err(self.unexpected("a value"));
            }
            if !self.eat(",") {
                return self.expect(")");
            }
        }
    }
}

fn has_aggregate(scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Aggregate { .. } => true,
        Scalar::Static(_) => false,
        Scalar::Arithmetic { left, right, .. } => has_aggregate(left) || has_aggregate(right),
    }
}
