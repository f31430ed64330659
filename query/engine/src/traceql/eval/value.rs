//! Field expressions over one span.

use std::borrow::Cow;

use store::model::{EventBatch, Field, Nested, Value};

use super::trace::{Structure, duration_of, id_of};
use crate::traceql::ast::{Arithmetic, Attribute, Comparison, FieldExpr, Kind, Scope, Static, Status};
use crate::traceql::table::Intrinsic;

/// A span, with its trace if that is known.
#[derive(Clone, Copy)]
pub(super) struct SpanRef<'a> {
    pub(super) batch: &'a EventBatch,
    pub(super) row: usize,
    pub(super) structure: Option<&'a Structure>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Val<'a> {
    Int(i64),
    Float(f64),
    Duration(i64),
    Text(Cow<'a, str>),
    Bool(bool),
    Status(Status),
    Kind(Kind),
}

impl<'a> Val<'a> {
    fn of_static(value: &'a Static) -> Val<'a> {
        match value {
            Static::Int(v) => Val::Int(*v),
            Static::Float(v) => Val::Float(*v),
            Static::Duration(v) => Val::Duration(*v),
            Static::Text(v) => Val::Text(Cow::Borrowed(v)),
            Static::Bool(v) => Val::Bool(*v),
            Static::Status(v) => Val::Status(*v),
            Static::Kind(v) => Val::Kind(*v),
        }
    }

    /// Scalars only: arrays, maps and bytes have no value in the language.
    fn of(value: Value<'a>) -> Option<Val<'a>> {
        match value {
            Value::Str(v) => Some(Val::Text(Cow::Borrowed(v))),
            Value::Int(v) => Some(Val::Int(v)),
            Value::Double(v) => Some(Val::Float(v)),
            Value::Bool(v) => Some(Val::Bool(v)),
            Value::Empty | Value::Bytes(_) | Value::Nested(_) => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Val::Int(v) | Val::Duration(v) => Some(*v as f64),
            Val::Float(v) => Some(*v),
            _ => None,
        }
    }

    fn compare(&self, op: Comparison, other: &Val<'_>) -> bool {
        match (self, other) {
            (Val::Int(a) | Val::Duration(a), Val::Int(b) | Val::Duration(b)) => op.holds(a, b),
            (Val::Text(a), Val::Text(b)) => op.holds(a.as_ref(), b.as_ref()),
            (Val::Bool(a), Val::Bool(b)) => op.holds(a, b),
            (Val::Status(a), Val::Status(b)) => op.holds(*a as u8, *b as u8),
            (Val::Kind(a), Val::Kind(b)) => op.holds(*a as u8, *b as u8),
            _ => matches!((self.number(), other.number()), (Some(a), Some(b)) if op.holds(a, b)),
        }
    }
}

/// Whether the expression holds for the span.
pub(super) fn holds(expr: &FieldExpr, span: SpanRef<'_>) -> bool {
    match expr {
        FieldExpr::And(all) => all.iter().all(|part| holds(part, span)),
        FieldExpr::Or(any) => any.iter().any(|part| holds(part, span)),
        FieldExpr::Not(inner) => !holds(inner, span),
        FieldExpr::Exists(inner) => !values(inner, span).is_empty(),
        FieldExpr::Missing(inner) => values(inner, span).is_empty(),
        FieldExpr::Compare { op, left, right } => {
            let right = values(right, span);
            values(left, span).iter().any(|a| right.iter().any(|b| a.compare(*op, b)))
        }
        FieldExpr::Matches { negated, left, pattern } => {
            let texts = values(left, span);
            let mut texts = texts.iter().filter_map(|value| match value {
                Val::Text(text) => Some(text),
                _ => None,
            });
            texts.any(|text| pattern.regex.is_match(text) != *negated)
        }
        other => values(other, span).contains(&Val::Bool(true)),
    }
}

/// The values of an expression: none if the span lacks it, several for events and links.
pub(super) fn values<'a>(expr: &'a FieldExpr, span: SpanRef<'a>) -> Vec<Val<'a>> {
    match expr {
        FieldExpr::Static(value) => vec![Val::of_static(value)],
        FieldExpr::Attribute(attribute) => attribute_values(attribute, span),
        FieldExpr::Negate(inner) => {
            let negative = |value: &Val<'_>| match value {
                Val::Int(v) => Some(Val::Int(v.wrapping_neg())),
                Val::Duration(v) => Some(Val::Duration(v.wrapping_neg())),
                Val::Float(v) => Some(Val::Float(-v)),
                _ => None,
            };
            values(inner, span).iter().filter_map(negative).collect()
        }
        FieldExpr::Arithmetic { op, left, right } => {
            let numbers = (first_number(left, span), first_number(right, span));
            let (Some(a), Some(b)) = numbers else { return Vec::new() };
            vec![Val::Float(calculate(*op, a, b))]
        }
        condition => vec![Val::Bool(holds(condition, span))],
    }
}

pub(super) fn first_number(expr: &FieldExpr, span: SpanRef<'_>) -> Option<f64> {
    values(expr, span).first().and_then(Val::number)
}

pub(super) fn calculate(op: Arithmetic, a: f64, b: f64) -> f64 {
    match op {
        Arithmetic::Add => a + b,
        Arithmetic::Sub => a - b,
        Arithmetic::Mul => a * b,
        Arithmetic::Div => a / b,
        Arithmetic::Mod => a % b,
        Arithmetic::Pow => a.powf(b),
    }
}

pub(super) fn attribute_values<'a>(attribute: &'a Attribute, span: SpanRef<'a>) -> Vec<Val<'a>> {
    match attribute {
        Attribute::Intrinsic(intrinsic) => intrinsic_values(*intrinsic, span),
        Attribute::Named { scope, parent: false, name } => named_values(*scope, name, span),
        Attribute::Named { scope, name, .. } => {
            let parent = span.structure.and_then(|structure| structure.parents[span.row]);
            parent.map_or(Vec::new(), |row| named_values(*scope, name, SpanRef { row, ..span }))
        }
    }
}

fn named_values<'a>(scope: Scope, name: &str, span: SpanRef<'a>) -> Vec<Val<'a>> {
    let (batch, stream) = (span.batch, span.batch.stream(span.row));
    let own = || batch.attribute_column(name).and_then(|column| batch.get(span.row, column));
    let one = |value: Option<Value<'a>>| value.and_then(Val::of).into_iter().collect();
    match scope {
        Scope::Span => one(own()),
        Scope::Resource => one(stream.resource.get(name)),
        Scope::Instrumentation => one(stream.scope_attributes.get(name)),
        Scope::Any => {
            one(own().or_else(|| stream.resource.get(name)).or_else(|| stream.scope_attributes.get(name)))
        }
        Scope::Event => in_each(span, Field::Events, "attributes", Some(name)),
        Scope::Link => in_each(span, Field::Links, "attributes", Some(name)),
    }
}

/// A member of each event or link, or a member of that member.
fn in_each<'a>(span: SpanRef<'a>, field: Field, member: &str, inner: Option<&str>) -> Vec<Val<'a>> {
    each_item(span, field)
        .filter_map(|item| {
            let value = item.get(member)?;
            match (inner, value) {
                (None, Value::Bytes(bytes)) => Some(Val::Text(hex(bytes).into())),
                (None, value) => Val::of(value),
                (Some(name), Value::Nested(map)) => Val::of(map.get(name)?),
                (Some(_), _) => None,
            }
        })
        .collect()
}

fn each_item<'a>(span: SpanRef<'a>, field: Field) -> impl Iterator<Item = Nested<'a>> {
    let list = match span.batch.field(span.row, field) {
        Some(Value::Nested(list)) => Some(list),
        _ => None,
    };
    list.into_iter().flat_map(Nested::items).filter_map(|item| match item.value {
        Value::Nested(map) => Some(map),
        _ => None,
    })
}

fn intrinsic_values(intrinsic: Intrinsic, span: SpanRef<'_>) -> Vec<Val<'_>> {
    let (batch, row) = (span.batch, span.row);
    let text = |field| {
        let text = batch.field(row, field).and_then(Value::as_str).unwrap_or_default();
        vec![Val::Text(Cow::Borrowed(text))]
    };
    let id = |field| vec![Val::Text(hex(id_of(batch, row, field)).into())];
    let int = |field| batch.field(row, field).and_then(Value::as_int).unwrap_or(0);
    match intrinsic {
        Intrinsic::Duration => vec![Val::Duration(duration_of(batch, row))],
        Intrinsic::Name => text(Field::Name),
        Intrinsic::Status => vec![Val::Status(Status::of(int(Field::StatusCode)))],
        Intrinsic::StatusMessage => text(Field::StatusMessage),
        Intrinsic::Kind => vec![Val::Kind(Kind::of(int(Field::Kind)))],
        Intrinsic::SpanId => id(Field::SpanId),
        Intrinsic::ParentId => id(Field::ParentSpanId),
        Intrinsic::TraceId => id(Field::TraceId),
        Intrinsic::EventName => in_each(span, Field::Events, "name", None),
        Intrinsic::EventSinceStart => {
            let start = batch.times()[row];
            let times = in_each(span, Field::Events, "time", None);
            times.into_iter().filter_map(|time| Some(Val::Duration(time.number()? as i64 - start))).collect()
        }
        Intrinsic::LinkTraceId => in_each(span, Field::Links, "trace_id", None),
        Intrinsic::LinkSpanId => in_each(span, Field::Links, "span_id", None),
        Intrinsic::InstrumentationName => vec![Val::Text(Cow::Borrowed(&batch.stream(row).scope_name))],
        Intrinsic::InstrumentationVersion => vec![Val::Text(Cow::Borrowed(&batch.stream(row).scope_version))],
        of_trace => span.structure.map_or(Vec::new(), |structure| trace_values(of_trace, span, structure)),
    }
}

fn trace_values<'a>(intrinsic: Intrinsic, span: SpanRef<'a>, structure: &'a Structure) -> Vec<Val<'a>> {
    let root = |value: fn(&'a EventBatch, usize) -> &'a str| {
        let text = structure.root.map(|row| value(span.batch, row));
        text.map(|text| Val::Text(Cow::Borrowed(text))).into_iter().collect()
    };
    match intrinsic {
        Intrinsic::ChildCount => vec![Val::Int(structure.children[span.row])],
        Intrinsic::RootName => root(span_name),
        Intrinsic::RootService => root(|batch, row| batch.stream(row).service()),
        Intrinsic::TraceDuration => vec![Val::Duration(structure.end - structure.start)],
        Intrinsic::NestedLeft => vec![Val::Int(structure.left[span.row])],
        Intrinsic::NestedRight => vec![Val::Int(structure.right[span.row])],
        Intrinsic::NestedParent => {
            let parent = structure.parents[span.row].map(|parent| structure.left[parent]);
            let is_root = structure.left[span.row] > 0;
            vec![Val::Int(parent.unwrap_or(if is_root { -1 } else { 0 }))]
        }
        _ => Vec::new(),
    }
}

pub(super) fn span_name(batch: &EventBatch, row: usize) -> &str {
    batch.field(row, Field::Name).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
