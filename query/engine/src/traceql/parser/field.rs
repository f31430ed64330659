//! Field expressions: what stands between braces.

use regex::RegexBuilder;

use super::super::ast::{Arithmetic, Attribute, Comparison, FieldExpr, Kind, Pattern, Scope, Static, Status};
use super::super::check;
use super::super::lexer::Token;
use super::super::table::Intrinsic;
use super::{DEPTH_MAX, Parsed, Parser, REGEX_BYTES_MAX};
use crate::logql::ParseError;

impl Parser<'_> {
    pub(super) fn field(&mut self) -> Parsed<FieldExpr> {
        self.deepen()?;
        // `&&` and `||` bind equally here too; runs of one operator stay flat.
        let mut left = self.comparison()?;
        loop {
            let any = match self.peek() {
                Token::Symbol("&&") => false,
                Token::Symbol("||") => true,
                _ => break,
            };
            self.at += 1;
            let right = self.comparison()?;
            left = match (left, any) {
                (FieldExpr::And(mut all), false) => {
                    all.push(right);
                    FieldExpr::And(all)
                }
                (FieldExpr::Or(mut list), true) => {
                    list.push(right);
                    FieldExpr::Or(list)
                }
                (other, true) => self.deeper(FieldExpr::Or(vec![other, right]))?,
                (other, false) => self.deeper(FieldExpr::And(vec![other, right]))?,
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    /// A chain that changes its operator makes the tree deeper; that is counted for the whole query.
    fn deeper(&mut self, expr: FieldExpr) -> Parsed<FieldExpr> {
        let depth = field_depth(&expr);
        if depth > DEPTH_MAX { Err(self.too_deep()) } else { Ok(expr) }
    }

    fn comparison(&mut self) -> Parsed<FieldExpr> {
        let start = self.span();
        let nil_first = self.eat_word("nil");
        let left = if nil_first { None } else { Some(self.arithmetic(0)?) };
        let Token::Symbol(symbol) = *self.peek() else {
            return left.ok_or_else(|| self.unexpected("= or !="));
        };
        let op = match symbol {
            "=" => Comparison::Eq,
            "!=" => Comparison::Ne,
            "<" => Comparison::Lt,
            "<=" => Comparison::Le,
            ">" => Comparison::Gt,
            ">=" => Comparison::Ge,
            "=~" | "!~" => {
                self.at += 1;
                let left = left.ok_or_else(|| self.unexpected("= or !="))?;
                return self.pattern_match(left, symbol == "!~");
            }
            _ => return left.ok_or_else(|| self.unexpected("= or !=")),
        };
        self.at += 1;
        let nil_second = self.eat_word("nil");
        let right = if nil_second { None } else { Some(self.arithmetic(0)?) };
        let expr = match (left, right, op) {
            (Some(left), Some(right), _) => {
                FieldExpr::Compare { op, left: Box::new(left), right: Box::new(right) }
            }
            (Some(side), None, Comparison::Eq) | (None, Some(side), Comparison::Eq) => {
                FieldExpr::Missing(Box::new(side))
            }
            (Some(side), None, Comparison::Ne) | (None, Some(side), Comparison::Ne) => {
                FieldExpr::Exists(Box::new(side))
            }
            (None, None, Comparison::Eq | Comparison::Ne) => FieldExpr::Static(Static::Bool(false)),
            _ => return Err(ParseError::at(self.text, start, "nil can only be compared by = and !=")),
        };
        check::types(&expr).map_err(|message| ParseError::at(self.text, start, message))?;
        Ok(expr)
    }

    fn pattern_match(&mut self, left: FieldExpr, negated: bool) -> Parsed<FieldExpr> {
        let span = self.span();
        let Token::Text(source) = self.peek().clone() else { return Err(self.unexpected("STRING")) };
        self.at += 1;
        let build = |text: &str| RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build();
        // The text is compiled alone first: "a)|(b" must not become valid inside the group.
        let regex = build(&source).and_then(|_| build(&format!("^(?s:{source})$"))).map_err(|error| {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
            ParseError::at(self.text, span, format!("invalid regex: {last}"))
        })?;
        let expr = FieldExpr::Matches { negated, left: Box::new(left), pattern: Pattern { source, regex } };
        check::types(&expr).map_err(|message| ParseError::at(self.text, span, message))?;
        Ok(expr)
    }

    fn arithmetic(&mut self, weakest: u8) -> Parsed<FieldExpr> {
        let depth = self.depth;
        self.deepen()?;
        let mut left = self.field_operand()?;
        while let Some((op, binding)) = self.arithmetic_operator() {
            if binding < weakest {
                break;
            }
            self.deepen()?;
            self.at += 1;
            let right = self.arithmetic(if op == Arithmetic::Pow { binding } else { binding + 1 })?;
            left = FieldExpr::Arithmetic { op, left: Box::new(left), right: Box::new(right) };
        }
        self.depth = depth;
        Ok(left)
    }

    pub(super) fn arithmetic_operator(&self) -> Option<(Arithmetic, u8)> {
        match self.peek() {
            Token::Symbol("+") => Some((Arithmetic::Add, 1)),
            Token::Symbol("-") => Some((Arithmetic::Sub, 1)),
            Token::Symbol("*") => Some((Arithmetic::Mul, 2)),
            Token::Symbol("/") => Some((Arithmetic::Div, 2)),
            Token::Symbol("%") => Some((Arithmetic::Mod, 2)),
            Token::Symbol("^") => Some((Arithmetic::Pow, 3)),
            _ => None,
        }
    }

    fn field_operand(&mut self) -> Parsed<FieldExpr> {
        if self.eat("(") {
            let inner = self.field()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let not = self.eat("!");
        if not || self.eat("-") {
            self.deepen()?;
            let inner = self.field_operand()?;
            self.depth -= 1;
            return Ok(if not { FieldExpr::Not(Box::new(inner)) } else { negated(inner) });
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
