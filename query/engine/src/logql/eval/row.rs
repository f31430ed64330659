//! The labels of one row while stages run over it.
//!
//! On the hot path nothing is collected: base values (stream, attributes, fields) are looked up by the few names the
//! query mentions, and only what stages set is kept, in buffers used again for the next row. When a row is answered,
//! the same stages run once more over a full set (`RowLabels::full`).

use std::borrow::Cow;
use std::rc::Rc;

use rustc_hash::FxHashMap;
use store::model::{ColumnId, EventBatch, Field, Labels, Stream, Value};

use super::names::{META, Meta, PATTERN, is_label_name, label_name, stream_labels, stream_value};
use crate::logql::ast::Matcher;

/// Where a label came from; clients that ask for it get the three apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Stream,
    Metadata,
    Parsed,
}

/// What is known of a stream for one query, found once per stream.
pub(crate) struct StreamFacts {
    pub(crate) selected: bool,
    pub(crate) labels: Labels,
    pub(crate) metadata: Vec<(String, String)>,
    /// The stream's values of the query's names.
    values: Vec<Option<String>>,
}

/// The names a query mentions, and the streams seen so far.
pub(crate) struct Names {
    names: Vec<String>,
    selector: Vec<Matcher>,
    streams: FxHashMap<u128, Rc<StreamFacts>>,
}

impl Names {
    pub(crate) fn new(mut names: Vec<String>, selector: &[Matcher]) -> Names {
        names.sort_unstable();
        names.dedup();
        let selector =
            selector.iter().map(|m| Matcher { name: label_name(&m.name), test: m.test.clone() }).collect();
        Names { names, selector, streams: FxHashMap::default() }
    }

    pub(crate) fn list(&self) -> &[String] {
        &self.names
    }

    /// The query's matchers; their names are label names.
    pub(crate) fn selector(&self) -> &[Matcher] {
        &self.selector
    }

    fn facts(&mut self, stream: &Stream) -> Rc<StreamFacts> {
        if let Some(facts) = self.streams.get(&stream.hash()) {
            return Rc::clone(facts);
        }
        let (labels, metadata) = stream_labels(stream);
        let facts = Rc::new(StreamFacts {
            selected: stream_selected(stream, &self.selector),
            labels,
            metadata,
            values: self.names.iter().map(|name| stream_value(stream, name)).collect(),
        });
        self.streams.insert(stream.hash(), Rc::clone(&facts));
        facts
    }

    pub(crate) fn bind(&mut self, batch: &EventBatch) -> BoundBatch {
        let streams = batch.streams().iter().map(|stream| self.facts(stream)).collect();
        let mut columns = vec![Vec::new(); self.names.len()];
        if !self.names.is_empty() {
            for (column, key) in batch.attribute_keys() {
                if let Some(at) = self.names.iter().position(|name| is_label_name(key, name)) {
                    columns[at].push(column);
                }
            }
        }
        let metas = self.names.iter().map(|name| Meta::of(name)).collect();
        BoundBatch { names: self.names.clone(), streams, columns, metas }
    }
}

/// Whether all matchers hold; their names are label names already.
pub(crate) fn stream_selected(stream: &Stream, selector: &[Matcher]) -> bool {
    selector.iter().all(|m| m.test.matches(stream_value(stream, &m.name).as_deref().unwrap_or_default()))
}

/// The query's names resolved against one batch.
pub(crate) struct BoundBatch {
    names: Vec<String>,
    streams: Vec<Rc<StreamFacts>>,
    columns: Vec<Vec<ColumnId>>,
    metas: Vec<Option<Meta>>,
}

impl BoundBatch {
    pub(crate) fn facts(&self, batch: &EventBatch, row: usize) -> &Rc<StreamFacts> {
        &self.streams[batch.row_streams()[row] as usize]
    }

    /// Whether these names can only come from the stream: then its rows share their values.
    pub(crate) fn only_stream(&self, names: &[String]) -> bool {
        names.iter().all(|name| {
            let at = self.names.iter().position(|known| known == name);
            at.is_some_and(|at| self.columns[at].is_empty() && self.metas[at].is_none())
        })
    }

    fn value<'a>(&'a self, batch: &'a EventBatch, row: usize, name: &str) -> Option<Cow<'a, str>> {
        let at = self.names.iter().position(|known| known == name)?;
        if let Some(value) = self.columns[at].iter().find_map(|column| batch.get(row, *column)) {
            return Some(value.text());
        }
        if let Some(meta) = self.metas[at] {
            let mut text = String::new();
            return meta.write(batch, row, &mut text).then_some(Cow::Owned(text));
        }
        self.facts(batch, row).values[at].as_deref().map(Cow::Borrowed)
    }
}

/// The line of a row: its body's text.
pub(crate) fn line_of(batch: &EventBatch, row: usize) -> Cow<'_, str> {
    batch.field(row, Field::Body).map_or(Cow::Borrowed(""), Value::text)
}

struct Slot {
    name: String,
    value: String,
    origin: Origin,
}

/// Labels of the current row. One value is used for all rows of a query.
#[derive(Default)]
pub(crate) struct RowLabels {
    slots: Vec<Slot>,
    used: usize,
    /// Names whose base value was dropped.
    hidden: Vec<String>,
    error: Option<&'static str>,
    error_details: String,
    /// All labels are in the slots, and parsers keep all they find.
    full: bool,
}

/// A row with its batch, for base values.
#[derive(Clone, Copy)]
pub(crate) struct RowRef<'a> {
    pub(crate) batch: &'a EventBatch,
    pub(crate) bound: &'a BoundBatch,
    pub(crate) row: usize,
}

impl RowLabels {
    /// Starts a row whose base values are looked up when asked for.
    pub(crate) fn start(&mut self) {
        self.used = 0;
        self.hidden.clear();
        self.error = None;
        self.error_details.clear();
        self.full = false;
    }

    /// `full` if all labels are looked at, not only those the query mentions.
    pub(crate) fn start_as(&mut self, row: RowRef<'_>, full: bool) {
        if full { self.start_full(row) } else { self.start() }
    }

    /// Starts a row with all its labels.
    pub(crate) fn start_full(&mut self, row: RowRef<'_>) {
        self.start();
        self.full = true;
        let facts = row.bound.facts(row.batch, row.row);
        for (name, value) in facts.labels.iter() {
            self.push(name, value, Origin::Stream);
        }
        let mut name = String::new();
        for (key, value) in row.batch.attributes(row.row) {
            name.clear();
            super::names::write_label_name(key, &mut name);
            self.push_new(&name, &value.text(), Origin::Metadata);
        }
        let mut text = String::new();
        for (name, meta) in META {
            text.clear();
            if meta.write(row.batch, row.row, &mut text) {
                self.push_new(name, &text, Origin::Metadata);
            }
        }
        for (name, value) in &facts.metadata {
            self.push_new(name, value, Origin::Metadata);
        }
        if row.bound.names.iter().any(|name| name == PATTERN) {
            text.clear();
            Meta::Pattern.write(row.batch, row.row, &mut text);
            self.push_new(PATTERN, &text, Origin::Metadata);
        }
    }

    fn push(&mut self, name: &str, value: &str, origin: Origin) {
        if let Some(slot) = self.slots.get_mut(self.used) {
            slot.name.clear();
            slot.name.push_str(name);
            slot.value.clear();
            slot.value.push_str(value);
            slot.origin = origin;
        } else {
            self.slots.push(Slot { name: name.to_string(), value: value.to_string(), origin });
        }
        self.used += 1;
    }

    fn push_new(&mut self, name: &str, value: &str, origin: Origin) {
        if !self.live().iter().any(|slot| slot.name == name) {
            self.push(name, value, origin);
        }
    }

    fn live(&self) -> &[Slot] {
        &self.slots[..self.used]
    }

    pub(crate) fn get<'a>(&'a self, row: RowRef<'a>, name: &str) -> Option<Cow<'a, str>> {
        match name {
            "__error__" => return self.error.map(Cow::Borrowed),
            "__error_details__" => return self.error.map(|_| Cow::Borrowed(self.error_details.as_str())),
            _ => {}
        }
        if let Some(slot) = self.live().iter().find(|slot| slot.name == name) {
            return Some(Cow::Borrowed(&slot.value));
        }
        if self.full || self.hidden.iter().any(|hidden| hidden == name) {
            return None;
        }
        row.bound.value(row.batch, row.row, name)
    }

    /// Sets a label a stage made; an empty value is as good as none, but hides what was there.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let used = self.used;
        if let Some(slot) = self.slots[..used].iter_mut().find(|slot| slot.name == name) {
            slot.value.clear();
            slot.value.push_str(value);
            if slot.origin == Origin::Metadata {
                slot.origin = Origin::Parsed;
            }
            return;
        }
        self.push(name, value, Origin::Parsed);
    }

    /// Sets what a parser found. A name the record has already gets Loki's suffix; the first of two equal keys stays.
    pub(crate) fn extract(&mut self, row: RowRef<'_>, name: &str, value: &str) {
        if name.is_empty() {
            return;
        }
        let base = if self.full {
            self.live().iter().any(|slot| slot.name == name && slot.origin != Origin::Parsed)
        } else {
            row.bound.value(row.batch, row.row, name).is_some()
        };
        if base {
            let renamed = format!("{name}_extracted");
            if self.wants(row, &renamed) && !self.live().iter().any(|slot| slot.name == renamed) {
                self.push(&renamed, value, Origin::Parsed);
            }
        } else if self.wants(row, name) && !self.live().iter().any(|slot| slot.name == name) {
            self.push(name, value, Origin::Parsed);
        }
    }

    /// Whether a parser should keep that name: the query mentions it, or all labels are answered.
    pub(crate) fn wants(&self, row: RowRef<'_>, name: &str) -> bool {
        self.full || row.bound.names.iter().any(|wanted| wanted == name)
    }

    pub(crate) fn wants_nothing(&self, row: RowRef<'_>) -> bool {
        !self.full && row.bound.names.is_empty()
    }

    pub(crate) fn remove(&mut self, name: &str) {
        match name {
            "__error__" => self.error = None,
            "__error_details__" => self.error_details.clear(),
            _ => {}
        }
        if let Some(at) = self.live().iter().position(|slot| slot.name == name) {
            self.used -= 1;
            self.slots[at..=self.used].rotate_left(1);
        }
        if !self.full {
            self.hidden.push(name.to_string());
        }
    }

    /// Names that have a value now, among those that can be asked for.
    pub(crate) fn names(&self, row: RowRef<'_>) -> Vec<String> {
        let mut names: Vec<String> = self.live().iter().map(|slot| slot.name.clone()).collect();
        if !self.full {
            names.extend(row.bound.names.iter().cloned());
            names.sort_unstable();
            names.dedup();
        }
        names
    }

    pub(crate) fn error(&self) -> Option<&'static str> {
        self.error
    }

    /// The first error stays: later stages see a row that is already wrong.
    pub(crate) fn set_error(&mut self, error: &'static str, details: &str) {
        if self.error.is_none() {
            self.error = Some(error);
            self.error_details.push_str(details);
        }
    }

    /// The labels of one origin; errors count as parsed.
    pub(crate) fn of(&self, origin: Origin) -> Labels {
        let mine = self.live().iter().filter(|slot| slot.origin == origin);
        let mut pairs: Vec<(&str, &str)> =
            mine.map(|slot| (slot.name.as_str(), slot.value.as_str())).collect();
        if let (Origin::Parsed, Some(error)) = (origin, self.error) {
            pairs.push(("__error__", error));
            pairs.push(("__error_details__", &self.error_details));
        }
        Labels::new(pairs)
    }

    /// The labels that name a series: the stream's and the parsed ones.
    pub(crate) fn series_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let mine =
            self.live().iter().filter(|slot| slot.origin != Origin::Metadata && !slot.value.is_empty());
        mine.map(|slot| (slot.name.as_str(), slot.value.as_str()))
    }
}
