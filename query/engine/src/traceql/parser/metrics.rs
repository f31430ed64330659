//! Metrics stages, what may follow them, and hints.

use super::super::ast::{Compare, Comparison, FieldExpr, Metrics, MetricsExpr, Scalar, Stage, Static};
use super::super::lexer::Token;
use super::super::table::{METRICS, MetricsOp, Takes};
use super::expression::{Term, comparison_here};
use super::field::SUM;
use super::{Parsed, Parser};
use crate::logql::{ParseError, Span};

/// Attributes to group by: Tempo's bound, so that what is saved there works here and the other way round.
const GROUP_BY_MAX: usize = 5;
/// Values of an attribute `compare` shows if the query does not say, and at most.
const COMPARE_TOP_DEFAULT: usize = 10;
const COMPARE_TOP_MAX: i64 = 1000;

impl Parser<'_> {
    /// `rate() by (...)` behind these stages.
    pub(super) fn metrics(&mut self, stages: Vec<Stage>) -> Parsed<MetricsExpr> {
        let Token::Word(word) = self.peek().clone() else { return Err(self.unexpected("")) };
        let Some((op, _, takes)) = METRICS.iter().find(|(_, name, _)| *name == word) else {
            return Err(self.unexpected(""));
        };
        self.at += 1;
        self.expect("(")?;
        let (mut of, mut numbers, mut compare) = (None, Vec::new(), None);
        match takes {
            Takes::Nothing => {}
            Takes::Attribute => of = Some(self.known_attribute()?),
            Takes::Quantiles => {
                of = Some(self.known_attribute()?);
                self.expect(",")?;
                numbers.push(self.number()?);
                while self.eat(",") {
                    numbers.push(self.number()?);
                }
            }
            Takes::Selection => compare = Some(self.selection()?),
        }
        self.expect(")")?;
        let start = self.span();
        let by = if *takes != Takes::Selection && self.eat_word("by") {
            self.expect("(")?;
            self.attributes()?
        } else {
            Vec::new()
        };
        if by.len() > GROUP_BY_MAX {
            let message = format!("{} attributes to group by, at most {GROUP_BY_MAX}", by.len());
            return Err(ParseError::at(self.text, start, message));
        }
        Ok(MetricsExpr::Select { stages, metrics: Metrics { op: *op, of, numbers, by, compare } })
    }

    /// `{ ... }, 10, start, end`
    fn selection(&mut self) -> Parsed<Compare> {
        let selection = self.braces()?.unwrap_or(FieldExpr::Static(Static::Bool(true)));
        let start = self.span();
        let mut numbers = Vec::new();
        while self.eat(",") {
            let Token::Int(number) = *self.peek() else { return Err(self.unexpected("INTEGER")) };
            self.at += 1;
            numbers.push(number);
        }
        let (top, within) = match numbers[..] {
            [] => (COMPARE_TOP_DEFAULT as i64, None),
            [top] => (top, None),
            [top, from, to] if from > 0 && to > from => (top, Some((from, to))),
            _ => {
                let message =
                    "compare takes how many values, then both a start and a later end in Unix nanoseconds";
                return Err(ParseError::at(self.text, start, message));
            }
        };
        if !(1..=COMPARE_TOP_MAX).contains(&top) {
            let message = format!("compare shows 1 to {COMPARE_TOP_MAX} values, not {top}");
            return Err(ParseError::at(self.text, start, message));
        }
        Ok(Compare { selection, top: top as usize, within })
    }

    fn number(&mut self) -> Parsed<f64> {
        let number = match *self.peek() {
            Token::Int(v) => v as f64,
            Token::Float(v) => v,
            _ => return Err(self.unexpected("NUMBER")),
        };
        self.at += 1;
        Ok(number)
    }

    /// `> 10 | topk(5) ...`
    pub(super) fn second_stages(&mut self, mut of: MetricsExpr) -> Parsed<MetricsExpr> {
        let depth = self.depth;
        loop {
            let start = self.span();
            if let Some(op) = comparison_here(self) {
                self.deepen()?;
                self.at += 1;
                let Term::Scalar(Scalar::Static(number)) = self.expression(SUM)? else {
                    return Err(ParseError::at(self.text, start, "series are compared with a number"));
                };
                of = self.kept(op, &number, of, start)?;
            } else if self.eat("|") {
                self.deepen()?;
                of = self.top(of)?;
            } else {
                self.depth = depth;
                return Ok(of);
            }
        }
    }

    fn top(&mut self, of: MetricsExpr) -> Parsed<MetricsExpr> {
        let start = self.span();
        let largest = self.eat_word("topk");
        if !largest && !self.eat_word("bottomk") {
            return Err(self.unexpected("topk or bottomk"));
        }
        self.no_compare(&of, start)?;
        self.expect("(")?;
        let Token::Int(count) = *self.peek() else { return Err(self.unexpected("INTEGER")) };
        if count < 1 {
            return Err(ParseError::at(self.text, self.span(), "at least one series must be asked for"));
        }
        self.at += 1;
        self.expect(")")?;
        Ok(MetricsExpr::Top {
            largest,
            count: usize::try_from(count).unwrap_or(usize::MAX),
            of: Box::new(of),
        })
    }

    /// Durations are seconds, as in the series.
    pub(super) fn kept(
        &self,
        op: Comparison,
        number: &Static,
        of: MetricsExpr,
        start: Span,
    ) -> Parsed<MetricsExpr> {
        self.no_compare(&of, start)?;
        let number = match number {
            Static::Int(v) => *v as f64,
            Static::Float(v) => *v,
            Static::Duration(nanos) => *nanos as f64 / 1e9,
            _ => return Err(ParseError::at(self.text, start, "series are compared with a number")),
        };
        Ok(MetricsExpr::Keep { op, number, of: Box::new(of) })
    }

    pub(super) fn no_compare(&self, of: &MetricsExpr, start: Span) -> Parsed<()> {
        match of {
            MetricsExpr::Select { metrics, .. } if metrics.op == MetricsOp::Compare => {
                let message = "compare() cannot be used with arithmetic, comparisons, topk or bottomk";
                Err(ParseError::at(self.text, start, message))
            }
            _ => Ok(()),
        }
    }

    /// `with (name=value, ...)`, any number of times.
    pub(super) fn hints(&mut self) -> Parsed<Vec<(String, Static)>> {
        let mut hints = Vec::new();
        while self.eat_word("with") {
            self.expect("(")?;
            loop {
                let Token::Word(name) = self.peek().clone() else {
                    return Err(self.unexpected("IDENTIFIER"));
                };
                self.at += 1;
                self.expect("=")?;
                let Some(value) = self.static_value() else { return Err(self.unexpected("a value")) };
                hints.push((name, value));
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        Ok(hints)
    }
}
