//! A tree back to text.

use std::fmt::{Display, Formatter, Result};

use super::ast::{
    Attribute, Compare, Expr, FieldExpr, Metrics, MetricsExpr, Query, Relation, RelationMode, Scalar,
    SpansetExpr, SpansetOp, Stage, Static,
};
use super::table::AGGREGATES;
use crate::logql::units::print_duration;

fn join<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.expr {
            Expr::Search(stages) => join(f, stages, " | ")?,
            Expr::Metrics(metrics) => metrics.fmt(f)?,
        }
        if self.hints.is_empty() {
            return Ok(());
        }
        f.write_str(" with (")?;
        for (index, (name, value)) in self.hints.iter().enumerate() {
            write!(f, "{}{name}={value}", if index > 0 { ", " } else { "" })?;
        }
        f.write_str(")")
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Stage::Spanset(spanset) => spanset.fmt(f),
            Stage::Filter(filter) => write!(f, "{} {} {}", filter.left, filter.op.symbol(), filter.right),
            Stage::Select(attributes) => {
                f.write_str("select(")?;
                join(f, attributes, ", ")?;
                f.write_str(")")
            }
            Stage::By(field) => write!(f, "by({field})"),
            Stage::Coalesce => f.write_str("coalesce()"),
        }
    }
}

impl Display for MetricsExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            MetricsExpr::Select { stages, metrics } => {
                join(f, stages, " | ")?;
                write!(f, " | {metrics}")
            }
            MetricsExpr::Math { op, left, right } => write!(f, "({left}) {} ({right})", op.symbol()),
            MetricsExpr::Scaled { op, number, number_first: true, of } => {
                write!(f, "{number} {} ({of})", op.symbol())
            }
            MetricsExpr::Scaled { op, number, of, .. } => write!(f, "({of}) {} {number}", op.symbol()),
            MetricsExpr::Keep { op, number, of } => write!(f, "{of} {} {number}", op.symbol()),
            MetricsExpr::Top { largest, count, of } => {
                write!(f, "{of} | {}({count})", if *largest { "topk" } else { "bottomk" })
            }
        }
    }
}

impl Display for Metrics {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}(", self.op.name())?;
        if let Some(of) = &self.of {
            of.fmt(f)?;
        }
        if let Some(Compare { selection, top, within }) = &self.compare {
            write!(f, "{{ {selection} }}, {top}")?;
            if let Some((start, end)) = within {
                write!(f, ", {start}, {end}")?;
            }
        }
        self.numbers.iter().try_for_each(|number| write!(f, ", {number}"))?;
        f.write_str(")")?;
        if self.by.is_empty() {
            return Ok(());
        }
        f.write_str(" by (")?;
        join(f, &self.by, ", ")?;
        f.write_str(")")
    }
}

impl Display for SpansetExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            SpansetExpr::Filter(None) => f.write_str("{ }"),
            SpansetExpr::Filter(Some(field)) => write!(f, "{{ {field} }}"),
            SpansetExpr::Pipeline(stages) => {
                f.write_str("(")?;
                join(f, stages, " | ")?;
                f.write_str(")")
            }
            SpansetExpr::Binary { op, left, right } => write!(f, "({left} {op} {right})"),
        }
    }
}

impl Display for SpansetOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (relation, mode) = match self {
            SpansetOp::And => return f.write_str("&&"),
            SpansetOp::Or => return f.write_str("||"),
            SpansetOp::Structural { relation, mode } => (relation, mode),
        };
        f.write_str(match mode {
            RelationMode::Right => "",
            RelationMode::Not => "!",
            RelationMode::Union => "&",
        })?;
        f.write_str(match relation {
            Relation::Child => ">",
            Relation::Parent => "<",
            Relation::Descendant => ">>",
            Relation::Ancestor => "<<",
            Relation::Sibling => "~",
        })
    }
}

impl Display for FieldExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let list = |f: &mut Formatter<'_>, items: &[FieldExpr], separator: &str| {
            f.write_str("(")?;
            join(f, items, separator)?;
            f.write_str(")")
        };
        match self {
            FieldExpr::Static(value) => value.fmt(f),
            FieldExpr::Attribute(attribute) => attribute.fmt(f),
            FieldExpr::Not(inner) => write!(f, "!({inner})"),
            FieldExpr::Negate(inner) => write!(f, "-({inner})"),
            FieldExpr::Exists(inner) => write!(f, "{} != nil", Side(inner)),
            FieldExpr::Missing(inner) => write!(f, "{} = nil", Side(inner)),
            FieldExpr::And(all) => list(f, all, " && "),
            FieldExpr::Or(any) => list(f, any, " || "),
            FieldExpr::Arithmetic { op, left, right } => write!(f, "({left} {} {right})", op.symbol()),
            FieldExpr::Compare { op, left, right } => {
                write!(f, "{} {} {}", Side(left), op.symbol(), Side(right))
            }
            FieldExpr::Matches { negated, left, pattern } => {
                write!(f, "{} {} ", Side(left), if *negated { "!~" } else { "=~" })?;
                quoted(f, &pattern.source)
            }
        }
    }
}

/// Escapes what ends a quoted text; everything else may stand in one, and in a quoted name.
fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A side of a comparison: another comparison needs parentheses there.
struct Side<'e>(&'e FieldExpr);

impl Display for Side<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let comparison = matches!(
            self.0,
            FieldExpr::Compare { .. }
                | FieldExpr::Matches { .. }
                | FieldExpr::Exists(_)
                | FieldExpr::Missing(_)
        );
        if comparison { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

impl Display for Static {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Static::Int(value) => value.fmt(f),
            Static::Float(value) => write!(f, "{value:?}"),
            Static::Duration(nanos) => f.write_str(&print_duration(*nanos)),
            Static::Text(text) => quoted(f, text),
            Static::Bool(value) => value.fmt(f),
            Static::Status(status) => f.write_str(status.name()),
            Static::Kind(kind) => f.write_str(kind.name()),
            Static::Nil => f.write_str("nil"),
        }
    }
}

impl Display for Attribute {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Attribute::Intrinsic(intrinsic) => f.write_str(intrinsic.name()),
            Attribute::Named { scope, parent, name } => {
                let plain = !name.contains(|c: char| c.is_whitespace() || "{}()=~!<>&|^,`\"".contains(c));
                f.write_str(if *parent { "parent." } else { "" })?;
                let prefix = scope.prefix();
                f.write_str(if *parent { prefix.trim_start_matches('.') } else { prefix })?;
                if plain {
                    return f.write_str(name);
                }
                quoted(f, name)
            }
        }
    }
}

impl Display for Scalar {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Scalar::Static(value) => value.fmt(f),
            Scalar::Aggregate { op, of } => {
                let name = AGGREGATES.iter().find(|(known, _)| known == op).map_or("", |(_, name)| name);
                write!(f, "{name}(")?;
                if let Some(of) = of {
                    of.fmt(f)?;
                }
                f.write_str(")")
            }
            Scalar::Pipeline { stages, of } => {
                f.write_str("(")?;
                join(f, stages, " | ")?;
                write!(f, " | {of})")
            }
            Scalar::Arithmetic { op, left, right } => write!(f, "({left} {} {right})", op.symbol()),
        }
    }
}
