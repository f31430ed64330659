//! Tag names by scope and tag values: what people browse before they search.

use std::collections::BTreeSet;

use store::model::{ColumnRef, Field, Filter, RequestCtx, Signal, Test, Value};
use store::{EventQuery, Order, Projection, ScanControl, Snapshot};

use super::TagValue;
use super::filter::{Candidates, columns, named_column};
use super::search::candidate;
use super::value::{SpanRef, attribute_values};
use crate::logql::EvalError;
use crate::traceql::ast::{Attribute, Kind, Query, Scope, Status};
use crate::traceql::table::{INTRINSICS, Intrinsic};

/// Spans whose names are told under a query, and spans whose events and links are looked into.
const CONTEXT_SPANS_MAX: usize = 20_000;
const MEMBER_SPANS_MAX: usize = 5_000;

/// Names of one scope, as Tempo's answers group them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeTags {
    /// `resource`, `span`, `instrumentation` or `intrinsic`.
    pub scope: &'static str,
    pub names: BTreeSet<String>,
}

/// Where values are looked for.
#[derive(Clone, Copy, Debug)]
pub struct TagQuery<'a> {
    /// Unix nanoseconds.
    pub start: i64,
    pub end: i64,
    /// Only values of spans that match.
    pub query: Option<&'a Query>,
    /// Values to answer at most.
    pub limit: usize,
}

/// The names there are, by scope, or those of spans that match a query.
pub fn tags(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    start: i64,
    end: i64,
    query: Option<&Query>,
) -> Result<Vec<ScopeTags>, EvalError> {
    let intrinsic = ScopeTags { scope: "intrinsic", names: intrinsic_names() };
    let mut scopes = match query.and_then(Query::stages).map(Candidates::of) {
        Some(candidates) if !matches!(candidates.filter, Filter::All) => {
            names_within(ctx, snapshot, (start, end), &candidates)?
        }
        _ => all_names(ctx, snapshot, (start, end))?,
    };
    scopes.push(intrinsic);
    Ok(scopes)
}

fn intrinsic_names() -> BTreeSet<String> {
    let both = INTRINSICS.iter().flat_map(|row| [row.bare, row.scoped]);
    both.filter(|name| !name.is_empty()).map(str::to_string).collect()
}

/// Of the newest spans that match.
fn names_within(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    (start, end): (i64, i64),
    candidates: &Candidates<'_>,
) -> Result<Vec<ScopeTags>, EvalError> {
    let mut names: [BTreeSet<String>; 5] = Default::default();
    let (filter, order) = (candidates.filter.clone(), Order::NewestFirst);
    let query = EventQuery { signal: Signal::Spans, start, end, filter, projection: Projection::All, order };
    let mut looked_at = 0;
    snapshot.scan(ctx, &query, &mut |rows| {
        for row in rows.rows {
            let row = *row as usize;
            if !candidate(candidates, rows.batch, row) {
                continue;
            }
            looked_at += 1;
            let stream = rows.batch.stream(row);
            add_names(&mut names[0], stream.resource.iter().map(|(key, _)| key));
            add_names(&mut names[1], rows.batch.attributes(row).map(|(key, _)| key));
            add_names(&mut names[4], stream.scope_attributes.iter().map(|(key, _)| key));
            for (at, field) in [(2, Field::Events), (3, Field::Links)] {
                add_member_names(&mut names[at], rows.batch.field(row, field));
            }
        }
        if looked_at >= CONTEXT_SPANS_MAX { ScanControl::Stop } else { ScanControl::Continue }
    })?;
    let scopes = ["resource", "span", "event", "link", "instrumentation"];
    Ok(scopes.into_iter().zip(names).map(|(scope, names)| ScopeTags { scope, names }).collect())
}

fn add_names<'n>(names: &mut BTreeSet<String>, keys: impl Iterator<Item = &'n str>) {
    for key in keys {
        if !names.contains(key) {
            names.insert(key.to_string());
        }
    }
}

/// The names of attributes of events or links.
fn add_member_names(names: &mut BTreeSet<String>, list: Option<Value<'_>>) {
    let Some(Value::Nested(list)) = list else { return };
    for item in list.items() {
        if let Value::Nested(map) = item.value
            && let Some(Value::Nested(attributes)) = map.get("attributes")
        {
            add_names(names, attributes.items().filter_map(|pair| pair.key));
        }
    }
}

fn all_names(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    (start, end): (i64, i64),
) -> Result<Vec<ScopeTags>, EvalError> {
    let mut resource = BTreeSet::new();
    let mut instrumentation = BTreeSet::new();
    for stream in snapshot.streams(ctx, Signal::Spans, start, end)? {
        resource.extend(stream.resource.iter().map(|(key, _)| key.to_string()));
        instrumentation.extend(stream.scope_attributes.iter().map(|(key, _)| key.to_string()));
    }
    let span = snapshot.attribute_keys(ctx, Signal::Spans, start, end)?;
    let (mut event, mut link) = (BTreeSet::new(), BTreeSet::new());
    // Attributes of events and links are no columns: the newest spans that have some tell them.
    for (field, names) in [(Field::Events, &mut event), (Field::Links, &mut link)] {
        let query = EventQuery {
            signal: Signal::Spans,
            start,
            end,
            filter: Filter::column(ColumnRef::Field(field), Test::Exists),
            projection: Projection::Columns(vec![ColumnRef::Field(field)]),
            order: Order::NewestFirst,
        };
        let mut looked_at = 0;
        snapshot.scan(ctx, &query, &mut |rows| {
            looked_at += rows.rows.len();
            rows.rows.iter().for_each(|row| add_member_names(names, rows.batch.field(*row as usize, field)));
            if looked_at >= MEMBER_SPANS_MAX { ScanControl::Stop } else { ScanControl::Continue }
        })?;
    }
    Ok(vec![
        ScopeTags { scope: "resource", names: resource },
        ScopeTags { scope: "span", names: span },
        ScopeTags { scope: "event", names: event },
        ScopeTags { scope: "link", names: link },
        ScopeTags { scope: "instrumentation", names: instrumentation },
    ])
}

/// The distinct values of an attribute or intrinsic, sorted.
pub fn tag_values(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    attribute: &Attribute,
    within: &TagQuery<'_>,
) -> Result<Vec<TagValue>, EvalError> {
    let words: Vec<&'static str> = match attribute {
        Attribute::Intrinsic(Intrinsic::Status) => Status::ALL.iter().map(|status| status.name()).collect(),
        Attribute::Intrinsic(Intrinsic::Kind) => Kind::ALL.iter().map(|kind| kind.name()).collect(),
        _ => Vec::new(),
    };
    if !words.is_empty() {
        return Ok(words.into_iter().map(TagValue::Keyword).collect());
    }
    if let (Attribute::Named { scope: Scope::Resource, parent: false, name }, None) =
        (attribute, within.query)
    {
        let streams = snapshot.streams(ctx, Signal::Spans, within.start, within.end)?;
        let mut found = Found::new(within.limit);
        for stream in streams {
            found.add(stream.resource.get(name).and_then(TagValue::of_value));
        }
        return Ok(found.sorted());
    }
    scanned(ctx, snapshot, attribute, within)
}

fn scanned(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    attribute: &Attribute,
    within: &TagQuery<'_>,
) -> Result<Vec<TagValue>, EvalError> {
    // The roots' own values are the values of these.
    let (attribute, roots) = match attribute {
        Attribute::Intrinsic(Intrinsic::RootName) => (Attribute::Intrinsic(Intrinsic::Name), true),
        Attribute::Intrinsic(Intrinsic::RootService) => {
            (Attribute::Named { scope: Scope::Resource, parent: false, name: "service.name".into() }, true)
        }
        other => (other.clone(), false),
    };
    let candidates = within.query.and_then(Query::stages).map(Candidates::of);
    let mut filter: Vec<Filter> = candidates.iter().map(|candidates| candidates.filter.clone()).collect();
    if roots {
        filter.push(Filter::column(ColumnRef::Field(Field::ParentSpanId), Test::Missing));
    }
    if let Attribute::Named { scope, parent: false, name } = &attribute {
        filter.extend(named_column(*scope, name).map(|column| Filter::column(column, Test::Exists)));
    }
    let mut wanted = BTreeSet::new();
    columns([&attribute].into_iter(), &mut wanted);
    let projection = match within.query {
        Some(_) => Projection::All,
        None => Projection::Columns(wanted.into_iter().collect()),
    };
    let filter = if filter.is_empty() { Filter::All } else { Filter::And(filter) };
    let (start, end) = (within.start, within.end);
    let query =
        EventQuery { signal: Signal::Spans, start, end, filter, projection, order: Order::NewestFirst };
    let mut found = Found::new(within.limit);
    snapshot.scan(ctx, &query, &mut |rows| {
        for row in rows.rows {
            let row = *row as usize;
            if candidates.as_ref().is_some_and(|candidates| !candidate(candidates, rows.batch, row)) {
                continue;
            }
            let span = SpanRef { batch: rows.batch, row, structure: None };
            attribute_values(&attribute, span)
                .iter()
                .for_each(|value| found.add(Some(TagValue::of(value.clone()))));
        }
        if found.full() { ScanControl::Stop } else { ScanControl::Continue }
    })?;
    Ok(found.sorted())
}

/// Distinct values, bounded.
struct Found {
    limit: usize,
    seen: BTreeSet<(&'static str, String)>,
    values: Vec<TagValue>,
}

impl Found {
    fn new(limit: usize) -> Found {
        Found { limit, seen: BTreeSet::new(), values: Vec::new() }
    }

    fn full(&self) -> bool {
        self.values.len() >= self.limit
    }

    fn add(&mut self, value: Option<TagValue>) {
        let Some(value) = value.filter(|value| *value != TagValue::Text(String::new())) else { return };
        if !self.full() && self.seen.insert((value.type_name(), value.text())) {
            self.values.push(value);
        }
    }

    fn sorted(mut self) -> Vec<TagValue> {
        self.values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        self.values
    }
}
