//! Expressions over spansets, scalars and series: one precedence ladder; what the sides are decides what an operator
//! means.

use super::super::ast::{
    Arithmetic, Comparison, MetricsExpr, Relation, RelationMode, Scalar, ScalarFilter, SpansetExpr,
    SpansetOp, Stage, Static,
};
use super::super::check;
use super::super::lexer::Token;
use super::super::table::AGGREGATES;
use super::field::{SUM, arithmetic, comparison};
use super::{Parsed, Parser};
use crate::logql::{ParseError, Span};

/// What a part of a query is.
pub(super) enum Term {
    Spanset(SpansetExpr),
    /// A pipeline of several stages.
    Stages(Vec<Stage>),
    Filter(ScalarFilter),
    /// A number, or an aggregate nobody has compared yet.
    Scalar(Scalar),
    Metrics(MetricsExpr),
}

/// `&&` and `||` bind equally and weakest, comparisons and structural operators next, then sums as between braces.
const LOGIC: u8 = 1;
const RELATION: u8 = 2;

impl Parser<'_> {
    /// Operators of one strength go from left to right, but for `^`.
    pub(super) fn expression(&mut self, weakest: u8) -> Parsed<Term> {
        let depth = self.depth;
        self.deepen()?;
        let start = self.span();
        let mut left = self.operand()?;
        while let Some((symbol, binding)) = self.operator().filter(|(_, binding)| *binding >= weakest) {
            self.deepen()?;
            let at = self.span();
            self.at += 1;
            let right = self.expression(if symbol == "^" { binding } else { binding + 1 })?;
            left = self.combined(symbol, left, right, (start, at))?;
        }
        self.depth = depth;
        Ok(left)
    }

    fn operator(&self) -> Option<(&'static str, u8)> {
        let Token::Symbol(symbol) = *self.peek() else { return None };
        let binding = match symbol {
            "&&" | "||" => LOGIC,
            _ if comparison(symbol).is_some() || structural(symbol).is_some() => RELATION,
            _ => arithmetic(symbol)?.1,
        };
        debug_assert!(binding < SUM || arithmetic(symbol).is_some());
        Some((symbol, binding))
    }

    fn operand(&mut self) -> Parsed<Term> {
        match self.peek().clone() {
            Token::Symbol("(") => {
                self.at += 1;
                let term = self.pipeline()?;
                self.expect(")")?;
                Ok(term)
            }
            Token::Symbol("{") => Ok(Term::Spanset(SpansetExpr::Filter(self.braces()?))),
            Token::Symbol("-") => {
                self.at += 1;
                self.deepen()?;
                let start = self.span();
                let number = match self.operand()? {
                    Term::Scalar(Scalar::Static(Static::Int(v))) => v.checked_neg().map(Static::Int),
                    Term::Scalar(Scalar::Static(Static::Float(v))) => Some(Static::Float(-v)),
                    Term::Scalar(Scalar::Static(Static::Duration(v))) => {
                        v.checked_neg().map(Static::Duration)
                    }
                    _ => None,
                };
                self.depth -= 1;
                let number = number.ok_or_else(|| ParseError::at(self.text, start, "- needs a number"))?;
                Ok(Term::Scalar(Scalar::Static(number)))
            }
            Token::Int(_) | Token::Float(_) | Token::Duration(_) => match self.static_value() {
                Some(number) => Ok(Term::Scalar(Scalar::Static(number))),
                None => Err(self.unexpected("")),
            },
            Token::Word(word) => self.aggregate(&word),
            _ => Err(self.unexpected("")),
        }
    }

    /// `{ ... }`; `None` is `{}`.
    pub(super) fn braces(&mut self) -> Parsed<Option<super::super::ast::FieldExpr>> {
        let start = self.span();
        self.expect("{")?;
        if self.eat("}") {
            return Ok(None);
        }
        let filter = self.field()?;
        self.expect("}")?;
        check::condition(&filter).map_err(|message| ParseError::at(self.text, start, message))?;
        Ok(Some(filter))
    }

    fn aggregate(&mut self, word: &str) -> Parsed<Term> {
        let Some((op, _)) = AGGREGATES.iter().find(|(_, name)| *name == word) else {
            return Err(self.unexpected(""));
        };
        self.at += 1;
        self.expect("(")?;
        let start = self.span();
        let of = if *self.peek() == Token::Symbol(")") { None } else { Some(self.field()?) };
        if of.is_none() != (word == "count") {
            return Err(self.unexpected(if word == "count" { ")" } else { "an expression" }));
        }
        self.expect(")")?;
        if let Some(of) = &of {
            check::aggregated(of).map_err(|message| ParseError::at(self.text, start, message))?;
        }
        Ok(Term::Scalar(Scalar::Aggregate { op: *op, of }))
    }

    /// An aggregate without a comparison: in parentheses it is a value, elsewhere nothing.
    pub(super) fn naked(&mut self, stages: Vec<Stage>, scalar: Scalar) -> Parsed<Term> {
        if *self.peek() != Token::Symbol(")") || self.depth <= 1 {
            return Err(self.unexpected("a comparison"));
        }
        if stages.is_empty() {
            return Ok(Term::Scalar(scalar));
        }
        match scalar {
            Scalar::Static(_) => Err(self.unexpected("a comparison")),
            aggregate => Ok(Term::Scalar(Scalar::Pipeline { stages, of: Box::new(aggregate) })),
        }
    }

    fn combined(
        &self,
        symbol: &'static str,
        left: Term,
        right: Term,
        (start, at): (Span, Span),
    ) -> Parsed<Term> {
        let unexpected = || ParseError::at(self.text, at, format!("syntax error: unexpected {symbol}"));
        let refused = |message: &str| ParseError::at(self.text, start, message.to_string());
        match (left, right) {
            (left @ (Term::Spanset(_) | Term::Stages(_)), right @ (Term::Spanset(_) | Term::Stages(_))) => {
                let op = spanset_operator(symbol).ok_or_else(unexpected)?;
                let (Some(left), Some(right)) = (spanset(left), spanset(right)) else {
                    return Err(unexpected());
                };
                Ok(Term::Spanset(SpansetExpr::Binary { op, left: Box::new(left), right: Box::new(right) }))
            }
            (Term::Scalar(left), Term::Scalar(right)) => {
                if let Some(op) = comparison(symbol) {
                    if matches!((&left, &right), (Scalar::Static(_), Scalar::Static(_))) {
                        let message = "one side of the comparison must have an aggregate: count() > 2";
                        return Err(refused(message));
                    }
                    return Ok(Term::Filter(ScalarFilter { op, left, right }));
                }
                let (op, _) = arithmetic(symbol).ok_or_else(unexpected)?;
                scalars(op, left, right).map(Term::Scalar).map_err(refused)
            }
            (Term::Metrics(of), Term::Scalar(Scalar::Static(number))) => match comparison(symbol) {
                Some(op) => Ok(Term::Metrics(self.kept(op, &number, of, start)?)),
                None => self.scaled(symbol, number, false, of, (start, at)),
            },
            (Term::Scalar(Scalar::Static(number)), Term::Metrics(of)) => {
                self.scaled(symbol, number, true, of, (start, at))
            }
            (Term::Metrics(left), Term::Metrics(right)) => {
                let op = series_operator(symbol).ok_or_else(unexpected)?;
                self.no_compare(&left, start)?;
                self.no_compare(&right, start)?;
                Ok(Term::Metrics(MetricsExpr::Math { op, left: Box::new(left), right: Box::new(right) }))
            }
            _ => Err(unexpected()),
        }
    }

    fn scaled(
        &self,
        symbol: &str,
        number: Static,
        number_first: bool,
        of: MetricsExpr,
        (start, at): (Span, Span),
    ) -> Parsed<Term> {
        let unexpected = || ParseError::at(self.text, at, format!("syntax error: unexpected {symbol}"));
        let op = series_operator(symbol).ok_or_else(unexpected)?;
        self.no_compare(&of, start)?;
        let number = match number {
            Static::Int(v) => v as f64,
            Static::Float(v) => v,
            _ => {
                let message = "a duration cannot be used in arithmetic with series";
                return Err(ParseError::at(self.text, start, message));
            }
        };
        Ok(Term::Metrics(MetricsExpr::Scaled { op, number, number_first, of: Box::new(of) }))
    }
}

fn spanset(term: Term) -> Option<SpansetExpr> {
    match term {
        Term::Spanset(spanset) => Some(spanset),
        Term::Stages(stages) => Some(SpansetExpr::Pipeline(stages)),
        _ => None,
    }
}

/// Arithmetic of two numbers is done at once, ints as ints.
fn scalars(op: Arithmetic, left: Scalar, right: Scalar) -> Result<Scalar, &'static str> {
    let (Scalar::Static(a), Scalar::Static(b)) = (&left, &right) else {
        return Ok(Scalar::Arithmetic { op, left: Box::new(left), right: Box::new(right) });
    };
    if !matches!(op, Arithmetic::Add | Arithmetic::Sub | Arithmetic::Mul | Arithmetic::Div) {
        return Err("numbers can be joined by + - * / only");
    }
    let number = |value: &Static| match value {
        Static::Int(v) => Ok(*v as f64),
        Static::Float(v) => Ok(*v),
        _ => Err("a duration cannot be used in arithmetic with numbers"),
    };
    let folded = match (a, b) {
        (Static::Int(a), Static::Int(b)) => {
            Static::Int(op.apply_int(*a, *b).ok_or("division by zero, or a number too large")?)
        }
        _ => Static::Float(op.apply(number(a)?, number(b)?)),
    };
    Ok(Scalar::Static(folded))
}

fn spanset_operator(symbol: &str) -> Option<SpansetOp> {
    match symbol {
        "&&" => Some(SpansetOp::And),
        "||" => Some(SpansetOp::Or),
        _ => structural(symbol).map(|(relation, mode)| SpansetOp::Structural { relation, mode }),
    }
}

fn series_operator(symbol: &str) -> Option<Arithmetic> {
    let (op, _) = arithmetic(symbol)?;
    matches!(op, Arithmetic::Add | Arithmetic::Sub | Arithmetic::Mul | Arithmetic::Div).then_some(op)
}

fn structural(symbol: &str) -> Option<(Relation, RelationMode)> {
    let (mode, rest) = match symbol.as_bytes() {
        [b'!', _, ..] => (RelationMode::Not, &symbol[1..]),
        [b'&', _, ..] => (RelationMode::Union, &symbol[1..]),
        _ => (RelationMode::Right, symbol),
    };
    let relation = match rest {
        ">" => Relation::Child,
        "<" => Relation::Parent,
        ">>" => Relation::Descendant,
        "<<" => Relation::Ancestor,
        "~" => Relation::Sibling,
        _ => return None,
    };
    Some((relation, mode))
}

/// The comparison that begins here, of series with a number.
pub(super) fn comparison_here(parser: &Parser<'_>) -> Option<Comparison> {
    match parser.peek() {
        Token::Symbol(symbol) => comparison(symbol),
        _ => None,
    }
}
