//! What the text alone tells about types: comparing a name with a number is refused before anything is read.

use super::ast::{Attribute, FieldExpr, Static};
use super::table::Type;

pub(super) fn type_of(expr: &FieldExpr) -> Type {
    match expr {
        FieldExpr::Static(value) => match value {
            Static::Int(_) | Static::Float(_) | Static::Duration(_) => Type::Number,
            Static::Text(_) => Type::Text,
            Static::Bool(_) => Type::Bool,
            Static::Status(_) => Type::Status,
            Static::Kind(_) => Type::Kind,
        },
        FieldExpr::Attribute(Attribute::Intrinsic(intrinsic)) => intrinsic.row().kind,
        FieldExpr::Attribute(Attribute::Named { .. }) => Type::Any,
        FieldExpr::Arithmetic { .. } | FieldExpr::Negate(_) => Type::Number,
        FieldExpr::Not(_)
        | FieldExpr::Exists(_)
        | FieldExpr::Missing(_)
        | FieldExpr::And(_)
        | FieldExpr::Or(_)
        | FieldExpr::Compare { .. }
        | FieldExpr::Matches { .. } => Type::Bool,
    }
}

/// Checks one comparison.
pub(super) fn types(expr: &FieldExpr) -> Result<(), String> {
    match expr {
        FieldExpr::Compare { left, right, op } => {
            let (a, b) = (type_of(left), type_of(right));
            if a != b && a != Type::Any && b != Type::Any {
                return Err(format!(
                    "binary operations must operate on the same type: {left} {} {right}",
                    op.symbol()
                ));
            }
            Ok(())
        }
        FieldExpr::Matches { left, .. } if !matches!(type_of(left), Type::Any | Type::Text) => {
            Err(format!("a regular expression needs a text on its left: {left}"))
        }
        _ => Ok(()),
    }
}

/// Checks the whole expression of a `{ }`.
pub(super) fn condition(expr: &FieldExpr) -> Result<(), String> {
    if !matches!(type_of(expr), Type::Bool | Type::Any) {
        return Err(format!("span filter field expressions must resolve to a boolean: {{ {expr} }}"));
    }
    Ok(())
}
