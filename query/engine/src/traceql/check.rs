//! What the text alone tells about types: comparing a name with a number is refused before anything is read.

use super::ast::{Attribute, FieldExpr, Scope, Static};
use super::table::Type;

pub(super) fn type_of(expr: &FieldExpr) -> Type {
    match expr {
        FieldExpr::Static(value) => match value {
            Static::Int(_) | Static::Float(_) | Static::Duration(_) => Type::Number,
            Static::Text(_) => Type::Text,
            Static::Bool(_) => Type::Bool,
            Static::Status(_) => Type::Status,
            Static::Kind(_) => Type::Kind,
            Static::Nil => Type::Nil,
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

/// Which operators a type has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Logic,
    Equality,
    Order,
    Numbers,
    Texts,
}

fn has(kind: Type, needs: Needs) -> bool {
    match kind {
        Type::Any => true,
        Type::Bool => matches!(needs, Needs::Logic | Needs::Equality),
        Type::Number => matches!(needs, Needs::Equality | Needs::Order | Needs::Numbers),
        Type::Text => matches!(needs, Needs::Equality | Needs::Order | Needs::Texts),
        Type::Status | Type::Kind | Type::Nil => needs == Needs::Equality,
    }
}

/// Checks both sides of an operator.
pub(super) fn sides(left: &FieldExpr, symbol: &str, right: &FieldExpr, needs: Needs) -> Result<(), String> {
    let (a, b) = (type_of(left), type_of(right));
    if a != b && a != Type::Any && b != Type::Any {
        return Err(format!("binary operations must operate on the same type: {left} {symbol} {right}"));
    }
    if !has(a, needs) || !has(b, needs) {
        return Err(format!("illegal operation for the given types: {left} {symbol} {right}"));
    }
    Ok(())
}

/// Checks what stands behind `!` or `-`.
pub(super) fn side(symbol: &str, of: &FieldExpr, needs: Needs) -> Result<(), String> {
    if has(type_of(of), needs) {
        return Ok(());
    }
    Err(format!("illegal operation for the given type: {symbol}{of}"))
}

/// Every span has its intrinsics, and every resource a service.
pub(super) fn may_be_nil(expr: &FieldExpr) -> Result<(), String> {
    let always = match expr {
        FieldExpr::Attribute(Attribute::Intrinsic(_)) => true,
        FieldExpr::Attribute(Attribute::Named { scope: Scope::Resource, parent: false, name }) => {
            name == "service.name"
        }
        _ => false,
    };
    if always { Err(format!("{expr} = nil is not valid: {expr} cannot be nil")) } else { Ok(()) }
}

/// Checks the whole expression of a `{ }`.
pub(super) fn condition(expr: &FieldExpr) -> Result<(), String> {
    if !matches!(type_of(expr), Type::Bool | Type::Any) {
        return Err(format!("span filter field expressions must resolve to a boolean: {{ {expr} }}"));
    }
    Ok(())
}

/// Checks what is aggregated.
pub(super) fn aggregated(expr: &FieldExpr) -> Result<(), String> {
    if !matches!(type_of(expr), Type::Number | Type::Any) {
        return Err(format!("aggregate field expressions must resolve to a number type: {expr}"));
    }
    references_span(expr, "aggregate")
}

pub(super) fn references_span(expr: &FieldExpr, what: &str) -> Result<(), String> {
    let mut found = false;
    expr.each_attribute(&mut |_| found = true);
    if found { Ok(()) } else { Err(format!("{what} field expressions must reference the span: {expr}")) }
}
