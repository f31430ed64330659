//! What the store can say of a field expression: a condition that lets through every span that could match.

use std::collections::BTreeSet;

use store::model::{self, ColumnRef, Field, Filter, OwnedValue, Test};

use crate::traceql::ast::{
    Attribute, Comparison, FieldExpr, Kind, Scope, SpansetExpr, SpansetOp, Stage, Static, Status,
};
use crate::traceql::table::Intrinsic;

/// Which spans make their trace a candidate.
pub(super) struct Candidates<'q> {
    pub(super) filter: Filter,
    /// A candidate passes one of these; `None` passes always.
    pub(super) any_of: Vec<Option<&'q FieldExpr>>,
}

impl<'q> Candidates<'q> {
    /// Every answer holds a span of one of the filters chosen here, so no trace is missed.
    pub(super) fn of(stages: &'q [Stage]) -> Candidates<'q> {
        let mut any_of = Vec::new();
        leaves_of_stages(stages, &mut any_of);
        let parts: Option<Vec<Filter>> = any_of.iter().map(|leaf| leaf.and_then(pushed)).collect();
        let local = any_of.into_iter().map(|leaf| leaf.filter(|expr| is_local(expr))).collect();
        Candidates { filter: parts.map_or(Filter::All, Filter::Or), any_of: local }
    }
}

fn leaves_of_stages<'q>(stages: &'q [Stage], out: &mut Vec<Option<&'q FieldExpr>>) {
    match stages.first() {
        Some(Stage::Spanset(spanset)) => leaves(spanset, out),
        _ => out.push(None),
    }
}

fn leaves<'q>(spanset: &'q SpansetExpr, out: &mut Vec<Option<&'q FieldExpr>>) {
    match spanset {
        SpansetExpr::Filter(filter) => out.push(filter.as_ref()),
        SpansetExpr::Pipeline(stages) => leaves_of_stages(stages, out),
        SpansetExpr::Binary { op: SpansetOp::Or, left, right } => {
            leaves(left, out);
            leaves(right, out);
        }
        // All others need a span of the right side.
        SpansetExpr::Binary { right, .. } => leaves(right, out),
    }
}

/// Whether a span alone decides the expression.
pub(super) fn is_local(expr: &FieldExpr) -> bool {
    match expr {
        FieldExpr::Static(_) => true,
        FieldExpr::Attribute(Attribute::Intrinsic(intrinsic)) => !intrinsic.row().of_trace,
        FieldExpr::Attribute(Attribute::Named { parent, .. }) => !parent,
        FieldExpr::Not(inner)
        | FieldExpr::Negate(inner)
        | FieldExpr::Exists(inner)
        | FieldExpr::Missing(inner) => is_local(inner),
        FieldExpr::And(parts) | FieldExpr::Or(parts) => parts.iter().all(is_local),
        FieldExpr::Compare { op, left, right } => {
            is_rootness(*op, left, right) || (is_local(left) && is_local(right))
        }
        FieldExpr::Arithmetic { left, right, .. } => is_local(left) && is_local(right),
        FieldExpr::Matches { left, .. } => is_local(left),
    }
}

/// `nestedSetParent < 0` asks whether the span is a root, which it knows itself.
fn is_rootness(op: Comparison, left: &FieldExpr, right: &FieldExpr) -> bool {
    let FieldExpr::Attribute(Attribute::Intrinsic(Intrinsic::NestedParent)) = left else { return false };
    let FieldExpr::Static(Static::Int(number)) = right else { return false };
    match op {
        Comparison::Lt | Comparison::Ge => *number == 0,
        Comparison::Le | Comparison::Eq | Comparison::Ne | Comparison::Gt => *number == -1,
    }
}

/// The columns attributes are made of.
pub(super) fn columns<'q>(attributes: impl Iterator<Item = &'q Attribute>, out: &mut BTreeSet<ColumnRef>) {
    for attribute in attributes {
        match attribute {
            Attribute::Intrinsic(intrinsic) => {
                out.extend(field_of(*intrinsic).map(ColumnRef::Field));
            }
            Attribute::Named { scope: Scope::Event, .. } => drop(out.insert(ColumnRef::Field(Field::Events))),
            Attribute::Named { scope: Scope::Link, .. } => drop(out.insert(ColumnRef::Field(Field::Links))),
            Attribute::Named { name, .. } => drop(out.insert(ColumnRef::Attribute(name.as_str().into()))),
        }
    }
}

/// The field an intrinsic is.
pub(super) fn column_of(attribute: &Attribute) -> Option<ColumnRef> {
    match attribute {
        Attribute::Intrinsic(intrinsic) => field_of(*intrinsic).map(ColumnRef::Field),
        Attribute::Named { .. } => None,
    }
}

fn field_of(intrinsic: Intrinsic) -> Option<Field> {
    Some(match intrinsic {
        Intrinsic::Duration => Field::Duration,
        Intrinsic::Name => Field::Name,
        Intrinsic::Status => Field::StatusCode,
        Intrinsic::StatusMessage => Field::StatusMessage,
        Intrinsic::Kind => Field::Kind,
        Intrinsic::SpanId => Field::SpanId,
        Intrinsic::ParentId | Intrinsic::NestedParent => Field::ParentSpanId,
        Intrinsic::TraceId => Field::TraceId,
        Intrinsic::EventName | Intrinsic::EventSinceStart => Field::Events,
        Intrinsic::LinkTraceId | Intrinsic::LinkSpanId => Field::Links,
        _ => return None,
    })
}

/// A sound condition, or `None` if nothing can be said.
pub(super) fn pushed(expr: &FieldExpr) -> Option<Filter> {
    match expr {
        FieldExpr::And(all) => {
            let parts: Vec<Filter> = all.iter().filter_map(pushed).collect();
            (!parts.is_empty()).then_some(Filter::And(parts))
        }
        FieldExpr::Or(any) => any.iter().map(pushed).collect::<Option<Vec<Filter>>>().map(Filter::Or),
        FieldExpr::Exists(inner) => Some(Filter::column(column(inner)?, Test::Exists)),
        FieldExpr::Compare { op, left, right } => match (&**left, &**right) {
            (FieldExpr::Attribute(attribute), FieldExpr::Static(value)) => compared(attribute, *op, value),
            (FieldExpr::Static(value), FieldExpr::Attribute(attribute)) => {
                compared(attribute, op.mirrored(), value)
            }
            _ => None,
        },
        FieldExpr::Matches { negated, left, pattern } => {
            if let FieldExpr::Attribute(Attribute::Intrinsic(intrinsic)) = &**left {
                let safe = matches!(intrinsic, Intrinsic::Name | Intrinsic::StatusMessage);
                let plain = safe && !negated && !pattern.regex.is_match("");
                let field = field_of(*intrinsic).filter(|_| plain)?;
                return Some(Filter::column(ColumnRef::Field(field), Test::Matches(pattern.regex.clone())));
            }
            let test = if *negated { Test::Exists } else { member(Test::Matches(pattern.regex.clone())) };
            Some(Filter::column(column(left)?, test))
        }
        _ => None,
    }
}

/// Whether [`pushed`] lets through the spans that match, and no other.
pub(super) fn is_exact(expr: &FieldExpr) -> bool {
    match expr {
        FieldExpr::And(all) => !all.is_empty() && all.iter().all(is_exact),
        FieldExpr::Or(any) => any.iter().all(is_exact),
        FieldExpr::Compare { op, left, right } => match (&**left, &**right) {
            (FieldExpr::Attribute(attribute), FieldExpr::Static(value)) => {
                is_exact_of(attribute, *op, value) && pushed(expr).is_some()
            }
            (FieldExpr::Static(value), FieldExpr::Attribute(attribute)) => {
                is_exact_of(attribute, op.mirrored(), value) && pushed(expr).is_some()
            }
            _ => false,
        },
        FieldExpr::Matches { negated: false, left, .. } => {
            let intrinsic = matches!(
                &**left,
                FieldExpr::Attribute(Attribute::Intrinsic(Intrinsic::Name | Intrinsic::StatusMessage))
            );
            intrinsic && pushed(expr).is_some()
        }
        _ => false,
    }
}

fn is_exact_of(attribute: &Attribute, op: Comparison, value: &Static) -> bool {
    match attribute {
        Attribute::Intrinsic(
            Intrinsic::Duration
            | Intrinsic::Name
            | Intrinsic::StatusMessage
            | Intrinsic::Status
            | Intrinsic::Kind,
        ) => true,
        Attribute::Named { scope: Scope::Span | Scope::Resource, parent: false, .. } => match value {
            Static::Text(_) | Static::Bool(_) => op == Comparison::Eq,
            Static::Int(number) | Static::Duration(number) => {
                op != Comparison::Ne && (*number as f64).abs() < EXACT_BELOW
            }
            Static::Float(number) => op != Comparison::Ne && number.abs() < EXACT_BELOW,
            _ => false,
        },
        _ => false,
    }
}

/// The column of a named attribute.
fn column(expr: &FieldExpr) -> Option<ColumnRef> {
    match expr {
        FieldExpr::Attribute(Attribute::Named { scope, parent: false, name }) => named_column(*scope, name),
        _ => None,
    }
}

pub(super) fn named_column(scope: Scope, name: &str) -> Option<ColumnRef> {
    match scope {
        Scope::Any => Some(ColumnRef::Any(name.into())),
        Scope::Span => Some(ColumnRef::Attribute(name.into())),
        Scope::Resource => Some(ColumnRef::Resource(name.into())),
        Scope::Instrumentation => Some(ColumnRef::ScopeAttribute(name.into())),
        Scope::Event | Scope::Link => None,
    }
}

fn compared(attribute: &Attribute, op: Comparison, value: &Static) -> Option<Filter> {
    let (scope, name) = match attribute {
        Attribute::Intrinsic(intrinsic) => return intrinsic_compared(*intrinsic, op, value),
        Attribute::Named { parent: true, .. } => return None,
        Attribute::Named { scope, name, .. } => (*scope, name),
    };
    let test = match (value, op) {
        (_, Comparison::Ne) => Test::Exists,
        (Static::Text(text), Comparison::Eq) => Test::Equals(OwnedValue::Str(text.clone())),
        (Static::Text(text), op) => Test::Text(store_compare(op), text.as_str().into()),
        (Static::Bool(wanted), Comparison::Eq) => Test::Equals(OwnedValue::Bool(*wanted)),
        (Static::Int(v) | Static::Duration(v), op) => number_test(op, *v as f64),
        (Static::Float(v), op) => number_test(op, *v),
        _ => Test::Exists,
    };
    let test = if matches!(test, Test::Exists) { test } else { member(test) };
    Some(Filter::column(named_column(scope, name)?, test))
}

/// Attributes may be arrays, whose members count.
fn member(test: Test) -> Test {
    Test::Member(Box::new(test))
}

/// Every int nearer to zero is exact as a double, so that ints compare as their doubles do.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// Strict comparisons are widened where a large int loses digits as a double; the exact comparison comes later.
fn number_test(op: Comparison, value: f64) -> Test {
    let widened = match op {
        Comparison::Lt if value.abs() >= EXACT_BELOW => Comparison::Le,
        Comparison::Gt if value.abs() >= EXACT_BELOW => Comparison::Ge,
        same => same,
    };
    Test::Number(store_compare(widened), value)
}

fn intrinsic_compared(intrinsic: Intrinsic, op: Comparison, value: &Static) -> Option<Filter> {
    let field = |field: Field, test: Test| Filter::column(ColumnRef::Field(field), test);
    match (intrinsic, value) {
        (Intrinsic::Duration, Static::Int(nanos) | Static::Duration(nanos))
            if *nanos > 0 && op != Comparison::Ne =>
        {
            // A span without a duration has zero.
            let with = field(Field::Duration, Test::Int(store_compare(op), *nanos));
            let zero = op.holds(0, *nanos).then(|| field(Field::Duration, Test::Missing));
            Some(Filter::Or(std::iter::once(with).chain(zero).collect()))
        }
        (Intrinsic::Name | Intrinsic::StatusMessage, Static::Text(text))
            if op == Comparison::Eq && !text.is_empty() =>
        {
            Some(field(field_of(intrinsic)?, Test::Equals(OwnedValue::Str(text.clone()))))
        }
        (Intrinsic::Status, Static::Status(status)) => {
            enumerated(Field::StatusCode, op, *status as i64, Status::ALL.len())
        }
        (Intrinsic::Kind, Static::Kind(kind)) => enumerated(Field::Kind, op, *kind as i64, Kind::ALL.len()),
        (Intrinsic::TraceId | Intrinsic::SpanId | Intrinsic::ParentId, Static::Text(text))
            if op == Comparison::Eq =>
        {
            let bytes = unhex(text).filter(|bytes| !bytes.is_empty())?;
            Some(field(field_of(intrinsic)?, Test::Equals(OwnedValue::Bytes(bytes))))
        }
        (Intrinsic::NestedParent, Static::Int(number)) => {
            let roots_only =
                matches!((op, number), (Comparison::Lt, 0) | (Comparison::Eq | Comparison::Le, -1));
            let zero = || Test::Equals(OwnedValue::Bytes(vec![0; 8]));
            let parent = |test| field(Field::ParentSpanId, test);
            roots_only.then(|| Filter::Or(vec![parent(Test::Missing), parent(zero())]))
        }
        _ => None,
    }
}

/// A field that is a small number, absent for zero; numbers out of the table count as zero.
fn enumerated(field: Field, op: Comparison, wanted: i64, count: usize) -> Option<Filter> {
    if op != Comparison::Eq {
        return None;
    }
    let is = |test| Filter::column(ColumnRef::Field(field), test);
    if wanted > 0 {
        return Some(is(Test::Int(model::Compare::Equal, wanted)));
    }
    let known: Vec<Filter> =
        (1..count as i64).map(|number| is(Test::Int(model::Compare::Equal, number))).collect();
    Some(Filter::Not(Box::new(Filter::Or(known))))
}

fn store_compare(op: Comparison) -> model::Compare {
    match op {
        Comparison::Eq => model::Compare::Equal,
        Comparison::Ne => model::Compare::NotEqual,
        Comparison::Lt => model::Compare::Less,
        Comparison::Le => model::Compare::LessOrEqual,
        Comparison::Gt => model::Compare::Greater,
        Comparison::Ge => model::Compare::GreaterOrEqual,
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let pair = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    if lower { (0..text.len()).step_by(2).map(pair).collect() } else { None }
}
