//! What follows an operand: ranges, subqueries, `@`, `offset`, `anchored`, `smoothed`, and duration expressions.

use super::lex::{Keyword, Kind};
use super::parser::{Parsed, Parser};
use crate::promql::ast::*;

const WHAT_DURATION: &str = "number, duration, step(), or range()";
const SECONDS_MAX: f64 = 9_223_372_036.0;

// === impl Parser ===

impl Parser<'_> {
    pub(super) fn range(&mut self, expr: Expr) -> Parsed<Expr> {
        let open = self.bump().span;
        let range = self.positive_duration("subquery or range selector", WHAT_DURATION)?;
        if let Some(close) = self.eat(&Kind::RightBracket) {
            return self.matrix(expr, range, open.to(close));
        }
        self.expect(&Kind::Colon, "subquery or range", "\":\" or \"]\"")?;
        let start = expr.span();
        let time = TimeModifier::default();
        if let Some(close) = self.eat(&Kind::RightBracket) {
            let span = start.to(close);
            return Ok(Expr::Subquery(Box::new(Subquery { expr, range, step: None, time, span })));
        }
        let step =
            self.positive_duration("subquery selector", "number, duration, step(), range(), or \"]\"")?;
        let close = self.expect(&Kind::RightBracket, "subquery selector", "\"]\"")?;
        let span = start.to(close);
        Ok(Expr::Subquery(Box::new(Subquery { expr, range, step: Some(step), time, span })))
    }

    fn matrix(&self, expr: Expr, range: DurationValue, brackets: Span) -> Parsed<Expr> {
        let Expr::Selector(selector) = expr else {
            return Err(self.error(brackets, "ranges only allowed for vector selectors"));
        };
        if selector.time.offset.is_some() {
            return Err(self.error(brackets, "no offset modifiers allowed before range"));
        }
        if selector.time.at.is_some() {
            return Err(self.error(brackets, "no @ modifiers allowed before range"));
        }
        let span = selector.span.to(brackets);
        Ok(Expr::Matrix(MatrixSelector { selector, range, span }))
    }

    pub(super) fn at(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.bump();
        let token = self.peek().clone();
        let at = match token.kind {
            Kind::Keyword(Keyword::Start | Keyword::End) => {
                self.bump();
                self.expect(&Kind::LeftParen, "@", "timestamp")?;
                self.expect(&Kind::RightParen, "@", "timestamp")?;
                if token.kind == Kind::Keyword(Keyword::Start) { At::Start } else { At::End }
            }
            _ => {
                let seconds = self.signed_number("@", "timestamp")?.value;
                if !seconds.is_finite() || seconds.abs() >= i64::MAX as f64 {
                    let message = format!("timestamp out of bounds for @ modifier: {seconds:.6}");
                    return Err(self.error(expr.span(), message));
                }
                At::Time((seconds * 1000.0).round() as i64)
            }
        };
        let span = expr.span();
        let end = self.consumed_end();
        let Some(time) = time_modifier(&mut expr, end) else {
            let message = "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return Err(self.error(span, message));
        };
        if time.at.is_some() {
            return Err(self.error(span, "@ <timestamp> may not be set multiple times"));
        }
        time.at = Some(at);
        Ok(expr)
    }

    pub(super) fn offset(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.bump();
        let offset = self.offset_duration()?;
        let span = expr.span();
        let end = self.consumed_end();
        let Some(time) = time_modifier(&mut expr, end) else {
            let message = "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return Err(self.error(span, message));
        };
        if matches!(time.offset, Some(DurationValue::Expr(_) | DurationValue::Millis(1.. | ..=-1))) {
            return Err(self.error(span, "offset may not be set multiple times"));
        }
        time.offset = Some(offset);
        Ok(expr)
    }

    pub(super) fn edge(&mut self, mut expr: Expr, edge: Edge) -> Parsed<Expr> {
        let name = if edge == Edge::Anchored { "anchored" } else { "smoothed" };
        self.bump();
        let (span, end) = (expr.span(), self.consumed_end());
        let selector = match &mut expr {
            Expr::Selector(s) => s,
            Expr::Matrix(m) => &mut m.selector,
            Expr::Subquery(_) => {
                return Err(self.error(span, format!("{name} modifier is not supported for subqueries")));
            }
            _ => return Err(self.error(span, format!("{name} modifier not implemented"))),
        };
        if selector.edge != Edge::Plain && selector.edge != edge {
            return Err(self.error(span, "anchored and smoothed modifiers cannot be used together"));
        }
        selector.edge = edge;
        time_modifier(&mut expr, end);
        Ok(expr)
    }

    /// The end of the token before the next one.
    fn consumed_end(&self) -> usize {
        self.text[..self.peek().span.start].trim_end().len()
    }

    fn positive_duration(&mut self, context: &str, expected: &str) -> Parsed<DurationValue> {
        let start = self.peek().span;
        let expr = self.duration_expression(0, context, expected)?;
        if let DurationExpr::Number(n) = &expr
            && n.value <= 0.0
        {
            return Err(self.error(n.span, "duration must be greater than 0"));
        }
        self.duration_value(expr, start)
    }

    /// After `offset` an operator ends the duration, unless parentheses hold it together.
    fn offset_duration(&mut self) -> Parsed<DurationValue> {
        let start = self.peek().span;
        let expr = self.duration_operand(Some("offset"), WHAT_DURATION)?;
        self.duration_value(expr, start)
    }

    fn duration_value(&self, expr: DurationExpr, start: Span) -> Parsed<DurationValue> {
        match expr {
            DurationExpr::Number(n) if n.value.is_finite() && n.value.abs() < SECONDS_MAX => {
                Ok(DurationValue::Millis((n.value * 1000.0).round() as i64))
            }
            DurationExpr::Number(n) => Err(self.error(start.to(n.span), "duration out of range")),
            expr => Ok(DurationValue::Expr(Box::new(expr))),
        }
    }

    fn duration_expression(&mut self, power_min: u8, context: &str, expected: &str) -> Parsed<DurationExpr> {
        self.nested(|p| {
            let mut lhs = p.duration_operand(Some(context), expected)?;
            while let Kind::Op(op) = p.peek().kind {
                let arithmetic = matches!(op.power(), 4..=6) && op != BinaryOp::Atan2;
                if !arithmetic || op.power() < power_min {
                    break;
                }
                let op_span = p.bump().span;
                let right_power = if op == BinaryOp::Pow { op.power() } else { op.power() + 1 };
                let rhs = p.duration_expression(right_power, context, expected)?;
                let divides_by_zero = matches!(&rhs, DurationExpr::Number(n) if n.value == 0.0);
                match op {
                    BinaryOp::Div if divides_by_zero => return Err(p.error(op_span, "division by zero")),
                    BinaryOp::Mod if divides_by_zero => return Err(p.error(op_span, "modulo by zero")),
                    _ => lhs = DurationExpr::Binary(op, Box::new(lhs), Box::new(rhs)),
                }
            }
            Ok(lhs)
        })
    }

    fn duration_operand(&mut self, context: Option<&str>, expected: &str) -> Parsed<DurationExpr> {
        let context = context.unwrap_or("");
        let token = self.peek().clone();
        match token.kind {
            Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.bump();
                let operand = self.nested(|p| {
                    // Inside brackets a sign binds like `*`; after `offset` it takes the next operand only.
                    if context == "offset" {
                        p.duration_operand(Some(context), expected)
                    } else {
                        p.duration_expression(6, context, expected)
                    }
                })?;
                Ok(match (op, operand) {
                    (BinaryOp::Add, operand) => operand,
                    (_, DurationExpr::Number(n)) => {
                        DurationExpr::Number(Number { value: -n.value, span: token.span.to(n.span), ..n })
                    }
                    (_, operand) => DurationExpr::Negate(Box::new(operand)),
                })
            }
            Kind::LeftParen => {
                self.bump();
                let inner = self.duration_expression(0, "duration expression", WHAT_DURATION)?;
                self.expect(&Kind::RightParen, "duration expression", "\")\"")?;
                Ok(DurationExpr::Paren(Box::new(inner)))
            }
            Kind::Keyword(keyword @ (Keyword::Step | Keyword::Range)) => {
                self.bump();
                self.expect(&Kind::LeftParen, context, expected)?;
                self.expect(&Kind::RightParen, context, expected)?;
                Ok(if keyword == Keyword::Step { DurationExpr::Step } else { DurationExpr::Range })
            }
            Kind::Keyword(keyword @ (Keyword::MinOf | Keyword::MaxOf)) => {
                self.bump();
                self.expect(&Kind::LeftParen, context, expected)?;
                let lhs = Box::new(self.duration_expression(0, context, expected)?);
                self.expect(&Kind::Comma, context, "\",\"")?;
                let rhs = Box::new(self.duration_expression(0, context, expected)?);
                self.expect(&Kind::RightParen, context, "\")\"")?;
                let min = keyword == Keyword::MinOf;
                Ok(if min { DurationExpr::MinOf(lhs, rhs) } else { DurationExpr::MaxOf(lhs, rhs) })
            }
            _ => Ok(DurationExpr::Number(self.number(context, expected)?)),
        }
    }
}

fn time_modifier(expr: &mut Expr, end: usize) -> Option<&mut TimeModifier> {
    match expr {
        Expr::Selector(s) => {
            s.span.end = end;
            Some(&mut s.time)
        }
        Expr::Matrix(m) => {
            m.span.end = end;
            Some(&mut m.selector.time)
        }
        Expr::Subquery(s) => {
            s.span.end = end;
            Some(&mut s.time)
        }
        _ => None,
    }
}
