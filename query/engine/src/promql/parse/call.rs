//! Function calls and aggregations.

use super::lex::{Keyword, Kind};
use super::parser::{Parsed, Parser};
use crate::promql::ast::*;
use crate::promql::functions;
use crate::promql::quote::quote;

// === impl Parser ===

impl Parser<'_> {
    /// An aggregation's name is a metric's name too; what follows decides.
    pub(super) fn aggregation_follows(&self) -> bool {
        match &self.peek_second().kind {
            Kind::LeftParen | Kind::Keyword(Keyword::By | Keyword::Without) => true,
            Kind::LeftBrace
            | Kind::LeftBracket
            | Kind::Op(_)
            | Kind::End
            | Kind::RightParen
            | Kind::Comma => false,
            Kind::At | Kind::RightBracket | Kind::Colon | Kind::Error(_) => false,
            Kind::Keyword(_) => false,
            _ => true,
        }
    }

    pub(super) fn aggregate(&mut self, op: AggregateOp) -> Parsed<Expr> {
        let start = self.bump().span;
        let mut modifier = self.aggregate_modifier()?;
        if self.peek().kind != Kind::LeftParen {
            return Err(self.unexpected("aggregation", ""));
        }
        let (mut args, mut end) = self.arguments()?;
        if modifier.is_none() {
            modifier = self.aggregate_modifier()?;
            end = modifier.as_ref().map_or(end, |m| m.2);
        }
        let span = start.to(end);
        let (without, grouping, _) = modifier.unwrap_or_default();
        if args.is_empty() {
            return Err(self.error(span, "no arguments for aggregate expression provided"));
        }
        let wanted = 1 + usize::from(op.parameter().is_some());
        let found = args.len();
        let (Some(expr), true) = (args.pop(), found == wanted) else {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {found}"
            );
            return Err(self.error(span, message));
        };
        let parameter = args.pop();
        Ok(Expr::Aggregate(Box::new(Aggregate { op, parameter, expr, without, grouping, span })))
    }

    fn aggregate_modifier(&mut self) -> Parsed<Option<(bool, Vec<String>, Span)>> {
        let without = match self.peek().kind {
            Kind::Keyword(Keyword::By) => false,
            Kind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.bump();
        let start = self.peek().span;
        let labels = self.grouping()?;
        let end = self.text[..self.peek().span.start].trim_end().len();
        Ok(Some((without, labels, Span::new(start.start, end))))
    }

    /// `(a, b, "c.d")` with an optional trailing comma.
    pub(super) fn grouping(&mut self) -> Parsed<Vec<String>> {
        self.expect(&Kind::LeftParen, "grouping opts", "\"(\"")?;
        let mut labels = Vec::new();
        while self.eat(&Kind::RightParen).is_none() {
            if !labels.is_empty() {
                self.expect(&Kind::Comma, "grouping opts", "\",\" or \")\"")?;
                if self.eat(&Kind::RightParen).is_some() {
                    break;
                }
            }
            labels.push(self.grouping_label()?);
        }
        Ok(labels)
    }

    fn grouping_label(&mut self) -> Parsed<String> {
        let token = self.peek().clone();
        let label = match &token.kind {
            Kind::String => self.string(token.span)?,
            Kind::Name | Kind::Keyword(_) | Kind::Aggregate(_) => self.word(token.span).to_owned(),
            Kind::Op(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::Atan2) => {
                self.word(token.span).to_owned()
            }
            _ => return Err(self.unexpected("grouping opts", "label")),
        };
        if label.is_empty() {
            return Err(self.error(token.span, format!("invalid label name for grouping: {}", quote(&label))));
        }
        self.bump();
        Ok(label)
    }

    pub(super) fn call(&mut self) -> Parsed<Expr> {
        let name_span = self.bump().span;
        let name = self.word(name_span);
        let (args, end) = self.arguments()?;
        let function = functions::find(name)
            .ok_or_else(|| self.error(name_span, format!("unknown function with name {}", quote(name))))?;
        Ok(Expr::Call(Call { function, args, span: name_span.to(end) }))
    }

    fn arguments(&mut self) -> Parsed<(Vec<Expr>, Span)> {
        self.expect(&Kind::LeftParen, "", "")?;
        let mut args = Vec::new();
        if let Some(end) = self.eat(&Kind::RightParen) {
            return Ok((args, end));
        }
        loop {
            args.push(self.expression(0)?);
            if let Some(end) = self.eat(&Kind::RightParen) {
                return Ok((args, end));
            }
            let comma = self.expect(&Kind::Comma, "", "")?;
            if self.peek().kind == Kind::RightParen {
                return Err(self.error(comma, "trailing commas not allowed in function call args"));
            }
        }
    }
}
