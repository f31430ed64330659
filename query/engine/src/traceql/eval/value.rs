//! Field expressions over one span.

use std::borrow::Cow;

use store::model::{EventBatch, Field, Nested, Value};

use super::TagValue;
use super::trace::{Structure, duration_of, id_of};
use crate::traceql::ast::{Attribute, Comparison, FieldExpr, Kind, Scope, Static, Status};
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
            Static::Nil => Val::Bool(false),
        }
    }

    /// Maps and bytes have no value in the language; an array's members are values of their own.
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

/// What an expression is for a span: nothing if the span lacks it, several values for arrays, events and links.
#[derive(Clone, Debug)]
pub(super) enum Vals<'a> {
    None,
    One(Val<'a>),
    Many(Vec<Val<'a>>),
}

impl<'a> Vals<'a> {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Val<'a>> {
        match self {
            Vals::None => [].iter(),
            Vals::One(value) => std::slice::from_ref(value).iter(),
            Vals::Many(values) => values.iter(),
        }
    }

    pub(super) fn first(&self) -> Option<&Val<'a>> {
        self.iter().next()
    }

    fn of(value: Option<Value<'a>>) -> Vals<'a> {
        match value {
            Some(Value::Nested(array)) if !array.is_map() => {
                Vals::Many(array.items().filter_map(|item| Val::of(item.value)).collect())
            }
            value => value.and_then(Val::of).into(),
        }
    }
}

impl<'a> From<Option<Val<'a>>> for Vals<'a> {
    fn from(value: Option<Val<'a>>) -> Vals<'a> {
        value.map_or(Vals::None, Vals::One)
    }
}

/// Whether the expression holds for the span.
pub(super) fn holds(expr: &FieldExpr, span: SpanRef<'_>) -> bool {
    match expr {
        FieldExpr::And(all) => all.iter().all(|part| holds(part, span)),
        FieldExpr::Or(any) => any.iter().any(|part| holds(part, span)),
        FieldExpr::Not(inner) => !holds(inner, span),
        FieldExpr::Exists(inner) => values(inner, span).first().is_some(),
        FieldExpr::Missing(inner) => values(inner, span).first().is_none(),
        FieldExpr::Compare { op, left, right } => {
            let (left, right) = (values(left, span), values(right, span));
            let differs = |a: &Val<'_>| right.iter().all(|b| a.compare(*op, b));
            match op {
                // Of several values none may be the other.
                Comparison::Ne => {
                    left.first().is_some() && right.first().is_some() && left.iter().all(differs)
                }
                _ => left.iter().any(|a| right.iter().any(|b| a.compare(*op, b))),
            }
        }
        FieldExpr::Matches { negated, left, pattern } => {
            let values = values(left, span);
            let mut texts = values.iter().filter_map(|value| match value {
                Val::Text(text) => Some(text),
                _ => None,
            });
            match negated {
                false => texts.any(|text| pattern.regex.is_match(text)),
                true => texts.clone().next().is_some() && texts.all(|text| !pattern.regex.is_match(text)),
            }
        }
        other => values(other, span).iter().any(|value| *value == Val::Bool(true)),
    }
}

pub(super) fn values<'a>(expr: &'a FieldExpr, span: SpanRef<'a>) -> Vals<'a> {
    match expr {
        FieldExpr::Static(value) => Vals::One(Val::of_static(value)),
        FieldExpr::Attribute(attribute) => attribute_values(attribute, span),
        FieldExpr::Negate(inner) => {
            let negative = |value: &Val<'_>| match value {
                Val::Int(v) => Some(Val::Int(v.wrapping_neg())),
                Val::Duration(v) => Some(Val::Duration(v.wrapping_neg())),
                Val::Float(v) => Some(Val::Float(-v)),
                _ => None,
            };
            values(inner, span).first().and_then(negative).into()
        }
        FieldExpr::Arithmetic { op, left, right } => {
            let (left, right) = (values(left, span), values(right, span));
            match (left.first(), right.first()) {
                (Some(Val::Int(a)), Some(Val::Int(b))) => op.apply_int(*a, *b).map(Val::Int).into(),
                (Some(a), Some(b)) => {
                    let numbers = a.number().zip(b.number());
                    numbers.map(|(a, b)| Val::Float(op.apply(a, b))).into()
                }
                _ => Vals::None,
            }
        }
        condition => Vals::One(Val::Bool(holds(condition, span))),
    }
}

pub(super) fn attribute_values<'a>(attribute: &'a Attribute, span: SpanRef<'a>) -> Vals<'a> {
    match attribute {
        Attribute::Intrinsic(intrinsic) => intrinsic_values(*intrinsic, span),
        Attribute::Named { scope, parent: false, name } => named_values(*scope, name, span),
        Attribute::Named { scope, name, .. } => {
            let parent = span.structure.and_then(|structure| structure.parents[span.row]);
            parent.map_or(Vals::None, |row| named_values(*scope, name, SpanRef { row, ..span }))
        }
    }
}

fn named_values<'a>(scope: Scope, name: &str, span: SpanRef<'a>) -> Vals<'a> {
    let (batch, stream) = (span.batch, span.batch.stream(span.row));
    let own = || batch.attribute_column(name).and_then(|column| batch.get(span.row, column));
    match scope {
        Scope::Span => Vals::of(own()),
        Scope::Resource => Vals::of(stream.resource.get(name)),
        Scope::Instrumentation => Vals::of(stream.scope_attributes.get(name)),
        Scope::Any => {
            let of_stream = || stream.resource.get(name).or_else(|| stream.scope_attributes.get(name));
            Vals::of(own().or_else(of_stream))
        }
        Scope::Event => in_each(span, Field::Events, "attributes", Some(name)),
        Scope::Link => in_each(span, Field::Links, "attributes", Some(name)),
    }
}

/// A member of each event or link, or a member of that member.
fn in_each<'a>(span: SpanRef<'a>, field: Field, member: &str, inner: Option<&str>) -> Vals<'a> {
    let found = each_item(span, field).filter_map(|item| {
        let value = item.get(member)?;
        match (inner, value) {
            (None, Value::Bytes(bytes)) => Some(Val::Text(hex(bytes).into())),
            (None, value) => Val::of(value),
            (Some(name), Value::Nested(map)) => Val::of(map.get(name)?),
            (Some(_), _) => None,
        }
    });
    Vals::Many(found.collect())
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

fn intrinsic_values(intrinsic: Intrinsic, span: SpanRef<'_>) -> Vals<'_> {
    let (batch, row) = (span.batch, span.row);
    let text = |field| {
        let text = batch.field(row, field).and_then(Value::as_str).unwrap_or_default();
        Val::Text(Cow::Borrowed(text))
    };
    let id = |field| Val::Text(hex(id_of(batch, row, field)).into());
    let int = |field| batch.field(row, field).and_then(Value::as_int).unwrap_or(0);
    Vals::One(match intrinsic {
        Intrinsic::Duration => Val::Duration(duration_of(batch, row)),
        Intrinsic::Name => text(Field::Name),
        Intrinsic::Status => Val::Status(Status::of(int(Field::StatusCode))),
        Intrinsic::StatusMessage => text(Field::StatusMessage),
        Intrinsic::Kind => Val::Kind(Kind::of(int(Field::Kind))),
        Intrinsic::SpanId => id(Field::SpanId),
        Intrinsic::ParentId => id(Field::ParentSpanId),
        Intrinsic::TraceId => id(Field::TraceId),
        Intrinsic::EventName => return in_each(span, Field::Events, "name", None),
        Intrinsic::EventSinceStart => {
            let start = batch.times()[row];
            let times = in_each(span, Field::Events, "time", None);
            let since = times.iter().filter_map(|time| match time {
                Val::Int(time) => Some(Val::Duration(time.saturating_sub(start))),
                _ => None,
            });
            return Vals::Many(since.collect());
        }
        Intrinsic::LinkTraceId => return in_each(span, Field::Links, "trace_id", None),
        Intrinsic::LinkSpanId => return in_each(span, Field::Links, "span_id", None),
        Intrinsic::InstrumentationName => Val::Text(Cow::Borrowed(&batch.stream(row).scope_name)),
        Intrinsic::InstrumentationVersion => Val::Text(Cow::Borrowed(&batch.stream(row).scope_version)),
        // Enough to tell roots from others.
        Intrinsic::NestedParent if span.structure.is_none() => {
            let is_root = id_of(batch, row, Field::ParentSpanId).iter().all(|byte| *byte == 0);
            Val::Int(if is_root { -1 } else { 0 })
        }
        of_trace => {
            return span
                .structure
                .map_or(Vals::None, |structure| trace_value(of_trace, span, structure).into());
        }
    })
}

fn trace_value<'a>(intrinsic: Intrinsic, span: SpanRef<'a>, structure: &'a Structure) -> Option<Val<'a>> {
    let root = |value: fn(&'a EventBatch, usize) -> &'a str| {
        structure.root.map(|row| Val::Text(Cow::Borrowed(value(span.batch, row))))
    };
    match intrinsic {
        Intrinsic::ChildCount => Some(Val::Int(structure.children[span.row])),
        Intrinsic::RootName => root(span_name),
        Intrinsic::RootService => root(|batch, row| batch.stream(row).service()),
        Intrinsic::TraceDuration => Some(Val::Duration(structure.end.saturating_sub(structure.start))),
        Intrinsic::NestedLeft => Some(Val::Int(structure.left[span.row])),
        Intrinsic::NestedRight => Some(Val::Int(structure.right[span.row])),
        Intrinsic::NestedParent => {
            let parent = structure.parents[span.row].map(|parent| structure.left[parent]);
            let is_root = structure.left[span.row] > 0;
            Some(Val::Int(parent.unwrap_or(if is_root { -1 } else { 0 })))
        }
        _ => None,
    }
}

/// An intrinsic as answers show it; nothing if the span has none or it is empty.
pub(super) fn intrinsic_text(intrinsic: Intrinsic, span: SpanRef<'_>) -> Option<TagValue> {
    let value = TagValue::of(intrinsic_values(intrinsic, span).first()?.clone());
    (value != TagValue::Text(String::new())).then_some(value)
}

pub(super) fn span_name(batch: &EventBatch, row: usize) -> &str {
    batch.field(row, Field::Name).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
