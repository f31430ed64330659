//! Conditions on events, in no query language: what engines push down and the store answers exactly.

use std::collections::HashSet;
use std::sync::Arc;

use regex::Regex;

use super::{ColumnId, ColumnRef, EventBatch, OwnedValue, Value};

/// A condition on one row. A test of a column the row does not have is false (so `Not` of it is true), except
/// [`Test::Missing`].
#[derive(Clone, Debug, Default)]
pub enum Filter {
    #[default]
    All,
    Nothing,
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Column(ColumnRef, Test),
}

#[derive(Clone, Debug)]
pub enum Test {
    Exists,
    Missing,
    /// Same kind and value; ints and doubles compare as numbers.
    Equals(OwnedValue),
    /// The value's text is this.
    TextEquals(Arc<str>),
    /// The value's text has this in it. With `ignore_case`, Unicode simple folding as in the `regex` crate.
    Contains {
        needle: Arc<str>,
        ignore_case: bool,
    },
    /// The regex finds something in the value's text (anchor it yourself).
    Matches(Regex),
    /// A number, compared.
    Number(Compare, f64),
    /// An int, compared exactly (times, durations, ids).
    Int(Compare, i64),
    /// A string, compared in byte order.
    Text(Compare, Arc<str>),
    /// Bytes: one of these ids.
    OneOf(Arc<HashSet<[u8; 16]>>),
    /// The value passes, or it is an array and one of its members does.
    Member(Box<Test>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compare {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

// === impl Compare ===

impl Compare {
    pub fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}

// === impl Test ===

impl Test {
    pub fn holds(&self, value: Option<Value<'_>>) -> bool {
        let Some(value) = value else { return matches!(self, Self::Missing) };
        match self {
            Self::Exists => true,
            Self::Missing => false,
            Self::Equals(wanted) => equal(wanted.as_value(), value),
            Self::TextEquals(wanted) => match value {
                Value::Str(text) => text == &**wanted,
                other => other.text() == **wanted,
            },
            Self::Contains { needle, ignore_case: false } => {
                memchr::memmem::find(value.text().as_bytes(), needle.as_bytes()).is_some()
            }
            Self::Contains { needle, ignore_case: true } => contains_folded(&value.text(), needle),
            Self::Matches(regex) => regex.is_match(&value.text()),
            Self::Number(compare, number) => value.as_f64().is_some_and(|v| compare.holds(&v, number)),
            Self::Int(compare, int) => value.as_int().is_some_and(|v| compare.holds(&v, int)),
            Self::Text(compare, text) => value.as_str().is_some_and(|v| compare.holds(&v, &&**text)),
            Self::OneOf(ids) => match value {
                Value::Bytes(id) => <&[u8; 16]>::try_from(id).is_ok_and(|id| ids.contains(id)),
                _ => false,
            },
            Self::Member(test) => match value {
                Value::Nested(array) if !array.is_map() => {
                    array.items().any(|item| test.holds(Some(item.value)))
                }
                value => test.holds(Some(value)),
            },
        }
    }
}

fn equal(wanted: Value<'_>, value: Value<'_>) -> bool {
    match (wanted, value) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Int(_) | Value::Double(_), Value::Int(_) | Value::Double(_)) => {
            wanted.as_f64() == value.as_f64()
        }
        (a, b) => a == b,
    }
}

fn contains_folded(text: &str, needle: &str) -> bool {
    if needle.is_ascii() && text.is_ascii() {
        let needle = needle.as_bytes();
        return needle.is_empty()
            || text.as_bytes().windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle));
    }
    let pattern = format!("(?i){}", regex::escape(needle));
    Regex::new(&pattern).is_ok_and(|regex| regex.is_match(text))
}

// === impl Filter ===

impl Filter {
    pub fn column(column: ColumnRef, test: Test) -> Self {
        Self::Column(column, test)
    }

    /// Looks the names up once, for tests of many rows of that batch.
    pub fn bind<'f>(&'f self, batch: &EventBatch) -> BoundFilter<'f> {
        match self {
            Self::All => BoundFilter::Constant(true),
            Self::Nothing => BoundFilter::Constant(false),
            Self::And(parts) => BoundFilter::And(parts.iter().map(|part| part.bind(batch)).collect()),
            Self::Or(parts) => BoundFilter::Or(parts.iter().map(|part| part.bind(batch)).collect()),
            Self::Not(part) => BoundFilter::Not(Box::new(part.bind(batch))),
            Self::Column(ColumnRef::Field(field), test) => BoundFilter::Own(ColumnId(*field as u32), test),
            Self::Column(ColumnRef::Attribute(key), test) => match batch.attribute_column(key) {
                Some(column) => BoundFilter::Own(column, test),
                None => BoundFilter::Constant(test.holds(None)),
            },
            Self::Column(ColumnRef::Any(key), test) => match batch.attribute_column(key) {
                Some(column) => BoundFilter::OwnOrStream(
                    column,
                    per_stream(batch, &ColumnRef::Any(Arc::clone(key)), test),
                    test,
                ),
                None => BoundFilter::Stream(per_stream(batch, &ColumnRef::Any(Arc::clone(key)), test)),
            },
            Self::Column(column, test) => BoundFilter::Stream(per_stream(batch, column, test)),
        }
    }
}

fn per_stream(batch: &EventBatch, column: &ColumnRef, test: &Test) -> Vec<bool> {
    batch.streams().iter().map(|stream| test.holds(stream.lookup(column))).collect()
}

impl super::Stream {
    /// The stream's part of a query's column.
    pub fn lookup(&self, column: &ColumnRef) -> Option<Value<'_>> {
        match column {
            ColumnRef::Field(_) | ColumnRef::Attribute(_) => None,
            ColumnRef::Resource(key) => self.resource.get(key),
            ColumnRef::ScopeAttribute(key) => self.scope_attributes.get(key),
            ColumnRef::ScopeName => Some(Value::Str(&self.scope_name)),
            ColumnRef::ScopeVersion => Some(Value::Str(&self.scope_version)),
            ColumnRef::Any(key) => self.resource.get(key).or_else(|| self.scope_attributes.get(key)),
        }
    }
}

/// A [`Filter`] with its names resolved against one batch.
#[derive(Debug)]
pub enum BoundFilter<'f> {
    Constant(bool),
    And(Vec<BoundFilter<'f>>),
    Or(Vec<BoundFilter<'f>>),
    Not(Box<BoundFilter<'f>>),
    /// A column of the row.
    Own(ColumnId, &'f Test),
    /// Decided by the row's stream.
    Stream(Vec<bool>),
    /// A column of the row; if the row lacks it, decided by the stream.
    OwnOrStream(ColumnId, Vec<bool>, &'f Test),
}

impl BoundFilter<'_> {
    /// `batch` is the one the filter was bound to.
    pub fn matches(&self, batch: &EventBatch, row: usize) -> bool {
        let by_stream = |verdicts: &[bool]| verdicts.get(batch.row_streams()[row] as usize) == Some(&true);
        match self {
            Self::Constant(verdict) => *verdict,
            Self::And(parts) => parts.iter().all(|part| part.matches(batch, row)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(batch, row)),
            Self::Not(part) => !part.matches(batch, row),
            Self::Own(column, test) => test.holds(batch.get(row, *column)),
            Self::Stream(verdicts) => by_stream(verdicts),
            Self::OwnOrStream(column, verdicts, test) => match batch.get(row, *column) {
                Some(value) => test.holds(Some(value)),
                None => by_stream(verdicts),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventBatchBuilder, Field, Signal, StreamParts};

    fn matching(filter: &Filter) -> Vec<usize> {
        let mut b = EventBatchBuilder::new(Signal::Logs);
        for (service, body, user) in [("cart", "Hello World", Some(7)), ("pay", "goodbye", None)] {
            let resource = [("service.name", Value::Str(service)), ("user", Value::Int(9))];
            let stream = b.stream(&StreamParts { resource: &resource, ..Default::default() });
            b.begin_row(0, stream);
            b.field(Field::Body, Value::Str(body));
            if let Some(user) = user {
                b.attribute("user", Value::Int(user));
            }
            b.end_row();
        }
        let batch = b.finish();
        let bound = filter.bind(&batch);
        (0..batch.rows()).filter(|&row| bound.matches(&batch, row)).collect()
    }

    #[test]
    fn arrays_are_their_members() {
        let mut array = crate::model::NestedWriter::default();
        array.begin_array();
        array.value(Value::Str("a"));
        array.value(Value::Int(2));
        array.end();
        let bytes = array.into_bytes();
        let array = Some(Value::Nested(crate::model::Nested::new(&bytes)));
        let member = |test: Test, value| Test::Member(Box::new(test)).holds(value);
        assert!(member(Test::TextEquals("a".into()), array));
        assert!(member(Test::Number(Compare::Greater, 1.0), array));
        assert!(!member(Test::TextEquals("b".into()), array));
        assert!(member(Test::TextEquals("b".into()), Some(Value::Str("b"))));
        assert!(!member(Test::TextEquals("b".into()), None));
        let ids = Test::OneOf(Arc::new(HashSet::from([[1; 16]])));
        assert!(ids.holds(Some(Value::Bytes(&[1; 16]))) && !ids.holds(Some(Value::Bytes(&[2; 16]))));
    }

    #[test]
    fn tests_of_each_scope() {
        let body = |test| Filter::Column(ColumnRef::Field(Field::Body), test);
        let user = |column: fn(Arc<str>) -> ColumnRef, test| Filter::Column(column("user".into()), test);
        let contains =
            |needle: &str, ignore_case| body(Test::Contains { needle: needle.into(), ignore_case });
        assert_eq!(matching(&Filter::All), [0, 1]);
        assert_eq!(matching(&contains("World", false)), [0]);
        assert_eq!(matching(&contains("world", false)), [] as [usize; 0]);
        assert_eq!(matching(&contains("world", true)), [0]);
        assert_eq!(matching(&body(Test::Matches(Regex::new("o+d").unwrap()))), [1]);
        assert_eq!(matching(&user(ColumnRef::Attribute, Test::Exists)), [0]);
        assert_eq!(matching(&user(ColumnRef::Attribute, Test::Missing)), [1]);
        assert_eq!(matching(&user(ColumnRef::Any, Test::Equals(OwnedValue::Int(9)))), [1]);
        assert_eq!(matching(&user(ColumnRef::Resource, Test::Number(Compare::Greater, 8.0))), [0, 1]);
        assert_eq!(matching(&Filter::Not(Box::new(user(ColumnRef::Attribute, Test::Exists)))), [1]);
    }
}
