//! Expressions back to text: on one line (`Display`), or over several where a line would be too long (`pretty`).
//! Both give the text Prometheus' `format_query` gives, and read back as the same expression.

use std::fmt;

use super::ast::*;
use super::duration::format_duration;
use super::number::{fmt_general, fmt_plain};
use super::parse::{is_name_char, is_name_start};
use super::quote::{quote, quote_bytes};

/// An expression longer than this is split over lines.
const LINE_CHARS_MAX: usize = 100;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::String(s) => {
                let bytes = s.not_text.as_deref().unwrap_or(s.value.as_bytes());
                f.write_str(&quote_bytes(bytes))
            }
            Self::Selector(s) => write!(f, "{s}"),
            Self::Matrix(m) => {
                write!(f, "{}[{}]{}{}", Bare(&m.selector), m.range, m.selector.edge, m.selector.time)
            }
            Self::Subquery(s) => write!(f, "{}{}", s.expr, subquery_suffix(s)),
            Self::Aggregate(a) => {
                write!(f, "{}(", aggregate_head(a))?;
                if let Some(parameter) = &a.parameter {
                    write!(f, "{parameter}, ")?;
                }
                write!(f, "{})", a.expr)
            }
            Self::Binary(b) => write!(f, "{} {} {}", b.lhs, operator(b), b.rhs),
            Self::Call(c) => {
                write!(f, "{}(", c.function.name)?;
                for (i, arg) in c.args.iter().enumerate() {
                    write!(f, "{}{arg}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Self::Paren(p) => write!(f, "({})", p.expr),
            Self::Unary(u) => write!(f, "{}{}", if u.negate { "-" } else { "+" }, u.expr),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_duration {
            true => f.write_str(&format_duration((self.value * 1000.0).round() as i64)),
            false => f.write_str(&fmt_plain(self.value)),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}{}", Bare(self), AtOf(&self.time), self.edge, OffsetOf(&self.time))
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", label(&self.name), self.op.symbol(), quote(&self.value))
    }
}

/// A selector without its time modifiers.
struct Bare<'a>(&'a Selector);

impl fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.name.as_deref().unwrap_or("");
        let is_name = |m: &Matcher| m.name == "__name__" && m.op == MatchOp::Equal && m.value == name;
        let written = self.0.matchers.iter().filter(|m| name.is_empty() || !is_name(m));
        let mut matchers: Vec<String> = written.map(ToString::to_string).collect();
        f.write_str(name)?;
        if matchers.is_empty() && !name.is_empty() {
            return Ok(());
        }
        matchers.sort();
        write!(f, "{{{}}}", matchers.join(","))
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "",
            Self::Anchored => " anchored",
            Self::Smoothed => " smoothed",
        })
    }
}

impl fmt::Display for TimeModifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", AtOf(self), OffsetOf(self))
    }
}

struct AtOf<'a>(&'a TimeModifier);

impl fmt::Display for AtOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.at {
            None => Ok(()),
            Some(At::Time(millis)) => write!(f, " @ {:.3}", millis as f64 / 1000.0),
            Some(At::Start) => f.write_str(" @ start()"),
            Some(At::End) => f.write_str(" @ end()"),
        }
    }
}

struct OffsetOf<'a>(&'a TimeModifier);

impl fmt::Display for OffsetOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.offset {
            None | Some(DurationValue::Millis(0)) => Ok(()),
            Some(offset) => write!(f, " offset {offset}"),
        }
    }
}

impl fmt::Display for DurationValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millis(millis) => f.write_str(&format_duration(*millis)),
            Self::Expr(expr) => write!(f, "{expr}"),
        }
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Step => f.write_str("step()"),
            Self::Range => f.write_str("range()"),
            Self::Negate(inner) => write!(f, "-{inner}"),
            Self::Paren(inner) => write!(f, "({inner})"),
            Self::Binary(op, lhs, rhs) => write!(f, "{lhs} {} {rhs}", op.symbol()),
            Self::MinOf(lhs, rhs) => write!(f, "min_of({lhs}, {rhs})"),
            Self::MaxOf(lhs, rhs) => write!(f, "max_of({lhs}, {rhs})"),
        }
    }
}

fn subquery_suffix(s: &Subquery) -> String {
    let step = s.step.as_ref().map_or_else(String::new, ToString::to_string);
    format!("[{}:{step}]{}", s.range, s.time)
}

fn label(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(is_name_start) && chars.all(is_name_char);
    if plain { name.to_owned() } else { quote(name) }
}

fn labels(names: &[String]) -> String {
    names.iter().map(|name| label(name)).collect::<Vec<_>>().join(", ")
}

fn aggregate_head(a: &Aggregate) -> String {
    let name = a.op.name();
    match (a.without, a.grouping.is_empty()) {
        (true, _) => format!("{name} without ({}) ", labels(&a.grouping)),
        (false, false) => format!("{name} by ({}) ", labels(&a.grouping)),
        (false, true) => name.to_owned(),
    }
}

/// The operator with all its modifiers.
fn operator(b: &Binary) -> String {
    let m = &b.matching;
    let mut text = b.op.symbol().to_owned();
    if b.return_bool {
        text.push_str(" bool");
    }
    let grouped = matches!(m.cardinality, Cardinality::ManyToOne | Cardinality::OneToMany);
    if m.on || grouped || !m.labels.is_empty() {
        let word = if m.on { "on" } else { "ignoring" };
        text.push_str(&format!(" {word} ({})", labels(&m.labels)));
    }
    if grouped {
        let side = if m.cardinality == Cardinality::ManyToOne { "left" } else { "right" };
        text.push_str(&format!(" group_{side} ({})", labels(&m.include)));
    }
    match (m.fill_left, m.fill_right) {
        (Some(left), Some(right)) if left == right => {
            text.push_str(&format!(" fill ({})", fmt_general(left)))
        }
        (left, right) => {
            for (side, value) in [("left", left), ("right", right)] {
                if let Some(value) = value {
                    text.push_str(&format!(" fill_{side} ({})", fmt_general(value)));
                }
            }
        }
    }
    text
}

/// The expression over as many lines as its length asks for, two spaces a level.
pub fn pretty(expr: &Expr) -> String {
    pretty_at(expr, 0)
}

fn pretty_at(expr: &Expr, level: usize) -> String {
    let indent = "  ".repeat(level);
    let line = expr.to_string();
    if line.len() <= LINE_CHARS_MAX {
        return match expr {
            // Its suffix hangs on the line its operand ends on.
            Expr::Subquery(_) => line,
            _ => format!("{indent}{line}"),
        };
    }
    match expr {
        Expr::Aggregate(a) => {
            let parameter = match &a.parameter {
                Some(parameter) => format!("{},\n", pretty_at(parameter, level + 1)),
                None => String::new(),
            };
            format!("{indent}{}(\n{parameter}{}\n{indent})", aggregate_head(a), pretty_at(&a.expr, level + 1))
        }
        Expr::Binary(b) => {
            let (lhs, rhs) = (pretty_at(&b.lhs, level + 1), pretty_at(&b.rhs, level + 1));
            format!("{lhs}\n{indent}{}\n{rhs}", operator(b))
        }
        Expr::Call(c) => {
            let args: Vec<String> = c.args.iter().map(|arg| pretty_at(arg, level + 1)).collect();
            format!("{indent}{}(\n{}\n{indent})", c.function.name, args.join(",\n"))
        }
        Expr::Paren(p) => format!("{indent}(\n{}\n{indent})", pretty_at(&p.expr, level + 1)),
        Expr::Subquery(s) => format!("{}{}", pretty_at(&s.expr, level), subquery_suffix(s)),
        Expr::Unary(u) => {
            let sign = if u.negate { "-" } else { "+" };
            format!("{indent}{sign}{}", pretty_at(&u.expr, level).trim())
        }
        _ => format!("{indent}{line}"),
    }
}
