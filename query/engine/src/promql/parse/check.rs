//! The type checker: everything about an expression that its grammar does not say.

use super::ParseError;
use crate::promql::ast::*;
use crate::promql::quote::quote;

type Checked = Result<(), ParseError>;

pub(super) fn check(text: &str, expr: &Expr) -> Checked {
    Checker { text }.check(expr)
}

pub(super) fn check_selector(text: &str, selector: &Selector) -> Checked {
    Checker { text }.selector(selector, false)
}

struct Checker<'a> {
    text: &'a str,
}

// === impl Checker ===

impl Checker<'_> {
    fn fail(&self, span: Span, message: impl Into<String>) -> Checked {
        Err(ParseError::new(self.text, span, message))
    }

    fn check(&self, expr: &Expr) -> Checked {
        match expr {
            Expr::Number(_) | Expr::String(_) => Ok(()),
            Expr::Selector(s) => self.selector(s, false),
            Expr::Matrix(m) => self.selector(&m.selector, false),
            Expr::Paren(p) => self.check(&p.expr),
            Expr::Subquery(s) => self.subquery(s),
            Expr::Unary(u) => self.unary(u),
            Expr::Aggregate(a) => self.aggregate(a),
            Expr::Binary(b) => self.binary(b),
            Expr::Call(c) => self.call(c),
        }
    }

    fn expect(&self, expr: &Expr, want: ValueType, context: &str) -> Checked {
        self.check(expr)?;
        let got = expr.value_type();
        if got == want {
            return Ok(());
        }
        self.fail(expr.span(), format!("expected type {} in {context}, got {}", want.words(), got.words()))
    }

    fn selector(&self, s: &Selector, may_be_empty: bool) -> Checked {
        if let Some(name) = &s.name {
            let written = &s.matchers[..s.matchers.len().saturating_sub(1)];
            if let Some(second) = written.iter().find(|m| m.name == "__name__") {
                let (name, second) = (quote(name), quote(&second.value));
                return self.fail(s.span, format!("metric name must not be set twice: {name} or {second}"));
            }
            return Ok(());
        }
        if may_be_empty || s.matchers.iter().any(|m| !m.matches("")) {
            return Ok(());
        }
        self.fail(s.span, "vector selector must contain at least one non-empty matcher")
    }

    fn subquery(&self, s: &Subquery) -> Checked {
        self.check(&s.expr)?;
        match s.expr.value_type() {
            ValueType::Vector => Ok(()),
            other => {
                let other = match other {
                    ValueType::Matrix => "matrix",
                    other => other.words(),
                };
                self.fail(s.span, format!("subquery is only allowed on instant vector, got {other} instead"))
            }
        }
    }

    fn unary(&self, u: &Unary) -> Checked {
        self.check(&u.expr)?;
        match u.expr.value_type() {
            ValueType::Scalar | ValueType::Vector => Ok(()),
            other => {
                let other = quote(other.words());
                let message = format!(
                    "unary expression only allowed on expressions of type scalar or instant vector, got {other}"
                );
                self.fail(u.span, message)
            }
        }
    }

    fn aggregate(&self, a: &Aggregate) -> Checked {
        self.expect(&a.expr, ValueType::Vector, "aggregation expression")?;
        match (a.op.parameter(), &a.parameter) {
            (Some(want), Some(parameter)) => self.expect(parameter, want, "aggregation parameter"),
            _ => Ok(()),
        }
    }

    fn binary(&self, b: &Binary) -> Checked {
        self.check(&b.lhs)?;
        self.check(&b.rhs)?;
        let (left, right) = (b.lhs.value_type(), b.rhs.value_type());
        let span = b.lhs.span().to(b.rhs.span());
        if b.return_bool && !b.op.is_comparison() {
            return self.fail(b.op_span, "bool modifier can only be used on comparison operators");
        }
        let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
        if b.op.is_comparison() && !b.return_bool && scalars {
            return self.fail(b.op_span, "comparisons between scalars must use BOOL modifier");
        }
        let matching = &b.matching;
        if let Some(label) = matching.labels.iter().find(|l| matching.on && matching.include.contains(l)) {
            let label = quote(label);
            return self
                .fail(b.op_span, format!("label {label} must not occur in ON and GROUP clause at once"));
        }
        for side in [&b.lhs, &b.rhs] {
            if !matches!(side.value_type(), ValueType::Scalar | ValueType::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                return self.fail(side.span(), message);
            }
        }
        if left == ValueType::Vector && right == ValueType::Vector {
            return self.vector_matching(b, span);
        }
        if !matching.labels.is_empty() {
            return self.fail(span, "vector matching only allowed between instant vectors");
        }
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            return self.fail(span, "filling in missing series only allowed between instant vectors");
        }
        if b.op.is_set() {
            let op = quote(b.op.symbol());
            return self.fail(span, format!("set operator {op} not allowed in binary scalar expression"));
        }
        Ok(())
    }

    fn vector_matching(&self, b: &Binary, span: Span) -> Checked {
        if !b.op.is_set() {
            return Ok(());
        }
        if b.matching.cardinality != Cardinality::ManyToMany {
            return self.fail(span, format!("no grouping allowed for {} operation", quote(b.op.symbol())));
        }
        if b.matching.fill_left.is_some() || b.matching.fill_right.is_some() {
            return self.fail(span, "filling in missing series not allowed for set operators");
        }
        Ok(())
    }

    fn call(&self, c: &Call) -> Checked {
        let (function, found) = (c.function, c.args.len());
        let (name, declared) = (quote(function.name), function.args.len());
        let (least, most) = function.arity();
        if most == Some(least) && found != least {
            return self
                .fail(c.span, format!("expected {declared} argument(s) in call to {name}, got {found}"));
        }
        if found < least {
            return self.fail(
                c.span,
                format!("expected at least {least} argument(s) in call to {name}, got {found}"),
            );
        }
        if let Some(most) = most.filter(|most| found > *most) {
            return self
                .fail(c.span, format!("expected at most {most} argument(s) in call to {name}, got {found}"));
        }
        if function.name == "info" {
            return self.info(c);
        }
        for (i, arg) in c.args.iter().enumerate() {
            self.argument(c, i, arg)?;
        }
        Ok(())
    }

    fn argument(&self, c: &Call, index: usize, arg: &Expr) -> Checked {
        let declared = c.function.args;
        let want = declared.get(index).or(declared.last()).copied().unwrap_or(ValueType::Vector);
        self.expect(arg, want, &format!("call to function {}", quote(c.function.name)))
    }

    /// `info`'s second argument is a selector without a name, and may select everything.
    fn info(&self, c: &Call) -> Checked {
        let [vector, rest @ ..] = c.args.as_slice() else { return Ok(()) };
        self.argument(c, 0, vector)?;
        match rest.first() {
            None => Ok(()),
            Some(Expr::Selector(s)) if s.name.is_some() => {
                self.fail(s.span, "expected label selectors only, got vector selector instead")
            }
            Some(Expr::Selector(s)) => self.selector(s, true),
            Some(other) if other.value_type() != ValueType::Vector => self.argument(c, 1, other),
            Some(other) => self.fail(other.span(), "expected label selectors only"),
        }
    }
}
