//! Field expressions: what stands between braces.

use regex::RegexBuilder;

use super::super::ast::{Arithmetic, Attribute, Comparison, FieldExpr, Kind, Pattern, Scope, Static, Status};
use super::super::check::{self, Needs};
use super::super::lexer::Token;
use super::super::table::Intrinsic;
use super::{DEPTH_MAX, Parsed, Parser, REGEX_BYTES_MAX};
use crate::logql::{ParseError, Span};

/// How tightly operators bind, weakest first; `!` stands between sums and products.
const LOGIC: u8 = 1;
const COMPARISON: u8 = 2;
pub(super) const SUM: u8 = 3;
const PRODUCT: u8 = 4;
const POWER: u8 = 5;

#[derive(Clone, Copy)]
enum Operator {
    And,
    Or,
    Compare(Comparison),
    Matches { negated: bool },
    Arithmetic(Arithmetic),
}

impl Parser<'_> {
    pub(super) fn field(&mut self) -> Parsed<FieldExpr> {
        self.field_from(LOGIC)
    }

    /// Operators of one strength go from left to right, but for `^`.
    fn field_from(&mut self, weakest: u8) -> Parsed<FieldExpr> {
        let depth = self.depth;
        self.deepen()?;
        let start = self.span();
        let mut left = self.field_operand()?;
        while let Some((op, binding)) = self.field_operator().filter(|(_, binding)| *binding >= weakest) {
            if binding > LOGIC {
                self.deepen()?;
            }
            self.at += 1;
            let at = self.span();
            let right = self.field_from(if binding == POWER { binding } else { binding + 1 })?;
            left = self.joined(op, left, right, (start, at))?;
        }
        self.depth = depth;
        Ok(left)
    }

    fn field_operator(&self) -> Option<(Operator, u8)> {
        let Token::Symbol(symbol) = self.peek() else { return None };
        Some(match *symbol {
            "&&" => (Operator::And, LOGIC),
            "||" => (Operator::Or, LOGIC),
            "=~" => (Operator::Matches { negated: false }, COMPARISON),
            "!~" => (Operator::Matches { negated: true }, COMPARISON),
            symbol => match comparison(symbol) {
                Some(op) => (Operator::Compare(op), COMPARISON),
                None => {
                    let (op, binding) = arithmetic(symbol)?;
                    (Operator::Arithmetic(op), binding)
                }
            },
        })
    }

    fn joined(
        &self,
        op: Operator,
        left: FieldExpr,
        right: FieldExpr,
        (start, at): (Span, Span),
    ) -> Parsed<FieldExpr> {
        let checked =
            |result: Result<(), String>| result.map_err(|message| ParseError::at(self.text, start, message));
        match op {
            Operator::And => {
                checked(check::sides(&left, "&&", &right, Needs::Logic))?;
                self.logic(left, right, false)
            }
            Operator::Or => {
                checked(check::sides(&left, "||", &right, Needs::Logic))?;
                self.logic(left, right, true)
            }
            Operator::Compare(op) => {
                let nil = |expr: &FieldExpr| matches!(expr, FieldExpr::Static(Static::Nil));
                if nil(&left) || nil(&right) {
                    let expr = with_nil(op, left, right);
                    return expr.map_err(|message| ParseError::at(self.text, start, message));
                }
                let equality = matches!(op, Comparison::Eq | Comparison::Ne);
                let needs = if equality { Needs::Equality } else { Needs::Order };
                checked(check::sides(&left, op.symbol(), &right, needs))?;
                Ok(FieldExpr::Compare { op, left: Box::new(left), right: Box::new(right) })
            }
            Operator::Matches { negated } => {
                let FieldExpr::Static(Static::Text(source)) = right else {
                    return Err(ParseError::at(self.text, at, "a regular expression must be a STRING"));
                };
                let pattern = compiled(source).map_err(|message| ParseError::at(self.text, at, message))?;
                let text = FieldExpr::Static(Static::Text(pattern.source.clone()));
                let symbol = if negated { "!~" } else { "=~" };
                checked(check::sides(&left, symbol, &text, Needs::Texts))?;
                Ok(FieldExpr::Matches { negated, left: Box::new(left), pattern })
            }
            Operator::Arithmetic(op) => {
                checked(check::sides(&left, op.symbol(), &right, Needs::Numbers))?;
                Ok(FieldExpr::Arithmetic { op, left: Box::new(left), right: Box::new(right) })
            }
        }
    }

    /// Runs of one operator stay flat.
    fn logic(&self, left: FieldExpr, right: FieldExpr, any: bool) -> Parsed<FieldExpr> {
        let expr = match (left, any) {
            (FieldExpr::And(mut all), false) => {
                all.push(right);
                FieldExpr::And(all)
            }
            (FieldExpr::Or(mut list), true) => {
                list.push(right);
                FieldExpr::Or(list)
            }
            (other, true) => FieldExpr::Or(vec![other, right]),
            (other, false) => FieldExpr::And(vec![other, right]),
        };
        // A chain that changes its operator makes the tree deeper; that is counted for the whole query.
        if field_depth(&expr) > DEPTH_MAX { Err(self.too_deep()) } else { Ok(expr) }
    }

    fn field_operand(&mut self) -> Parsed<FieldExpr> {
        if self.eat("(") {
            let inner = self.field()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let start = self.span();
        let not = self.eat("!");
        if not || self.eat("-") {
            let inner = self.field_from(PRODUCT)?;
            let (symbol, needs) = if not { ("!", Needs::Logic) } else { ("-", Needs::Numbers) };
            check::side(symbol, &inner, needs)
                .map_err(|message| ParseError::at(self.text, start, message))?;
            return Ok(if not { FieldExpr::Not(Box::new(inner)) } else { negated(inner) });
        }
        if self.eat_word("nil") {
            return Ok(FieldExpr::Static(Static::Nil));
        }
        match self.static_value() {
            Some(value) => Ok(FieldExpr::Static(value)),
            None => Ok(FieldExpr::Attribute(self.known_attribute()?)),
        }
    }

    pub(super) fn static_value(&mut self) -> Option<Static> {
        let value = match self.peek() {
            Token::Int(v) => Static::Int(*v),
            Token::Float(v) => Static::Float(*v),
            Token::Duration(v) => Static::Duration(*v),
            Token::Text(v) => Static::Text(v.clone()),
            Token::Word(word) => match word.as_str() {
                "true" => Static::Bool(true),
                "false" => Static::Bool(false),
                "minInt" => Static::Int(i64::MIN),
                "maxInt" => Static::Int(i64::MAX),
                _ => {
                    let status =
                        Status::ALL.into_iter().find(|status| status.name() == word).map(Static::Status);
                    let kind = || Kind::ALL.into_iter().find(|kind| kind.name() == word).map(Static::Kind);
                    status.or_else(kind)?
                }
            },
            _ => return None,
        };
        self.at += 1;
        Some(value)
    }

    pub(super) fn known_attribute(&mut self) -> Parsed<Attribute> {
        if let Token::Word(word) = self.peek()
            && Intrinsic::named(word).is_none()
        {
            let message =
                format!("unknown identifier: {word}; attributes begin with a dot or a scope: .{word}");
            return Err(ParseError::at(self.text, self.span(), message));
        }
        self.attribute()
    }

    pub(super) fn attribute(&mut self) -> Parsed<Attribute> {
        let attribute = match self.peek().clone() {
            Token::Attribute { scope, parent, name } => Attribute::Named { scope, parent, name },
            Token::Word(word) => match Intrinsic::named(&word) {
                Some(intrinsic) => Attribute::Intrinsic(intrinsic),
                None => Attribute::Named { scope: Scope::Any, parent: false, name: word },
            },
            _ => return Err(self.unexpected("an attribute")),
        };
        self.at += 1;
        Ok(attribute)
    }

    /// `a, b)`
    pub(super) fn attributes(&mut self) -> Parsed<Vec<Attribute>> {
        let mut out = vec![self.known_attribute()?];
        while self.eat(",") {
            out.push(self.known_attribute()?);
        }
        self.expect(")")?;
        Ok(out)
    }
}

pub(super) fn comparison(symbol: &str) -> Option<Comparison> {
    let all =
        [Comparison::Eq, Comparison::Ne, Comparison::Lt, Comparison::Le, Comparison::Gt, Comparison::Ge];
    all.into_iter().find(|op| op.symbol() == symbol)
}

pub(super) fn arithmetic(symbol: &str) -> Option<(Arithmetic, u8)> {
    Some(match symbol {
        "+" => (Arithmetic::Add, SUM),
        "-" => (Arithmetic::Sub, SUM),
        "*" => (Arithmetic::Mul, PRODUCT),
        "/" => (Arithmetic::Div, PRODUCT),
        "%" => (Arithmetic::Mod, PRODUCT),
        "^" => (Arithmetic::Pow, POWER),
        _ => return None,
    })
}

fn with_nil(op: Comparison, left: FieldExpr, right: FieldExpr) -> Result<FieldExpr, String> {
    let side = match (left, right) {
        (FieldExpr::Static(Static::Nil), FieldExpr::Static(Static::Nil)) => None,
        (FieldExpr::Static(Static::Nil), side) | (side, _) => Some(side),
    };
    match (op, side) {
        (Comparison::Eq | Comparison::Ne, None) => Ok(FieldExpr::Static(Static::Bool(false))),
        (Comparison::Eq, Some(side)) => {
            check::may_be_nil(&side)?;
            Ok(FieldExpr::Missing(Box::new(side)))
        }
        (Comparison::Ne, Some(side)) => Ok(FieldExpr::Exists(Box::new(side))),
        _ => Err("nil can only be compared by = and !=".to_string()),
    }
}

fn compiled(source: String) -> Result<Pattern, String> {
    let build = |text: &str| RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build();
    // The text is compiled alone first: "a)|(b" must not become valid inside the group.
    let regex = build(&source).and_then(|_| build(&format!("^(?s:{source})$"))).map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
        format!("invalid regex: {last}")
    })?;
    Ok(Pattern { source, regex })
}

fn negated(expr: FieldExpr) -> FieldExpr {
    match expr {
        FieldExpr::Static(Static::Int(v)) => FieldExpr::Static(Static::Int(v.wrapping_neg())),
        FieldExpr::Static(Static::Float(v)) => FieldExpr::Static(Static::Float(-v)),
        FieldExpr::Static(Static::Duration(v)) => FieldExpr::Static(Static::Duration(v.wrapping_neg())),
        other => FieldExpr::Negate(Box::new(other)),
    }
}

/// How deep alternating chains of `&&` and `||` have become; their tree grows on the left.
fn field_depth(expr: &FieldExpr) -> usize {
    let (mut depth, mut at) = (0, expr);
    while let FieldExpr::And(list) | FieldExpr::Or(list) = at {
        depth += 1;
        match list.first() {
            Some(first) => at = first,
            None => break,
        }
    }
    depth
}
