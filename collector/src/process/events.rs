//! Rules and redaction over log records and spans. A batch in which nothing changes is handed on as it is; of others a
//! new one is made, so that nothing of what was taken out stays behind in its memory, or in the log.

use std::collections::HashMap;
use std::sync::Arc;

use store::model::{
    ColumnId, ColumnName, EventBatch, EventBatchBuilder, Field, OwnedValue, Stream, StreamParts, Value,
};

use super::memory::Memory;
use super::redact::{About, Change, Work};
use super::rules::{self, Fate, Pair, Rule, View, severity_number};
use super::tally::RuleCounts;

/// Fields that are no text.
const IDS: [Field; 3] = [Field::TraceId, Field::SpanId, Field::ParentSpanId];

/// Makes a batch of rows of another one.
struct Copier<'b> {
    from: &'b EventBatch,
    builder: EventBatchBuilder,
    /// Numbers in the new batch, once known.
    streams: Vec<Option<u32>>,
    columns: Vec<Option<ColumnId>>,
}

impl<'b> Copier<'b> {
    /// With the rows before this one.
    fn with_rows_before(from: &'b EventBatch, row: usize) -> Self {
        let columns = from.attribute_keys().count();
        let mut copier = Self {
            from,
            builder: EventBatchBuilder::new(from.signal()),
            streams: vec![None; from.streams().len()],
            columns: vec![None; columns],
        };
        (0..row).for_each(|row| copier.copy(row));
        copier
    }

    fn copy(&mut self, row: usize) {
        self.begin(row);
        let from = self.from;
        for (column, value) in from.cells(row) {
            self.put(column, value);
        }
        self.builder.end_row();
    }

    fn begin(&mut self, row: usize) {
        let place = self.from.row_streams()[row] as usize;
        let stream = match self.streams[place] {
            Some(stream) => stream,
            None => self.set_stream(place, Arc::clone(&self.from.streams()[place])),
        };
        self.builder.begin_row(self.from.times()[row], stream);
    }

    fn set_stream(&mut self, place: usize, stream: Arc<Stream>) -> u32 {
        let number = self.builder.shared_stream(stream);
        self.streams[place] = Some(number);
        number
    }

    /// The attribute has another name from now on.
    fn set_key(&mut self, place: usize, key: &str) {
        self.columns[place] = Some(self.builder.attribute_column(key));
    }

    fn put(&mut self, column: ColumnId, value: Value<'_>) {
        let Some(place) = column.0.checked_sub(Field::RESERVED) else {
            self.builder.put(column, value);
            return;
        };
        let place = place as usize;
        let own = match self.columns[place] {
            Some(own) => own,
            None => {
                let Some(ColumnName::Attribute(key)) = self.from.column_name(column) else { return };
                let own = self.builder.attribute_column(key);
                self.columns[place] = Some(own);
                own
            }
        };
        self.builder.put(own, value);
    }
}

// === rules ===

/// Runs the rules. The second part says which row of the old batch each row was; `None`: all are there.
pub(super) fn apply_rules(
    rules: &[(usize, &Rule)],
    batch: EventBatch,
    counts: &mut RuleCounts,
) -> (EventBatch, Option<Vec<u32>>) {
    let keys: Vec<&str> = batch.attribute_keys().map(|(_, key)| key).collect();
    let mut resources: HashMap<(u32, u64), u32> = HashMap::new();
    let mut out: Option<Copier<'_>> = None;
    let mut origins: Vec<u32> = Vec::new();
    let mut attributes: Vec<Pair<'_>> = Vec::new();
    for row in 0..batch.rows() {
        let mut view = view(&batch, row, &keys, std::mem::take(&mut attributes));
        match rules::run(rules, &mut view, &mut counts.applied, 1) {
            Fate::Goes(rule) => {
                counts.dropped[rule] += 1;
                out.get_or_insert_with(|| Copier::with_rows_before(&batch, row));
            }
            Fate::Stays => {
                if view.edited || view.resource.is_some() {
                    let out = out.get_or_insert_with(|| Copier::with_rows_before(&batch, row));
                    write_view(out, row, &view, &mut resources);
                } else if let Some(out) = &mut out {
                    out.copy(row);
                }
                origins.push(row as u32);
            }
        }
        attributes = view.attributes;
        attributes.clear();
    }
    let made = out.map(|copier| copier.builder.finish());
    match made {
        Some(made) => (made, Some(origins)),
        None => (batch, None),
    }
}

fn view<'b>(batch: &'b EventBatch, row: usize, keys: &[&'b str], attributes: Vec<Pair<'b>>) -> View<'b> {
    let mut view = View { attributes, ..View::new(batch.stream(row)) };
    let mut severity_text = None;
    for (column, value) in batch.cells(row) {
        match column.0.checked_sub(Field::RESERVED) {
            Some(place) => view.attributes.extend(keys.get(place as usize).map(|key| (*key, value))),
            None => match Field::from_number(column.0) {
                Some(Field::SeverityNumber) => view.severity = value.as_int().filter(|number| *number > 0),
                Some(Field::SeverityText) => severity_text = value.as_str(),
                Some(Field::Body) => view.body = Some(value),
                Some(Field::Name) => view.name = Some(value),
                _ => {}
            },
        }
    }
    view.severity = view.severity.or_else(|| severity_text.and_then(severity_number));
    view
}

/// Writes a row whose attributes or whose resource rules have changed.
fn write_view(out: &mut Copier<'_>, row: usize, view: &View<'_>, resources: &mut HashMap<(u32, u64), u32>) {
    match &view.resource {
        None => out.begin(row),
        Some(pairs) => {
            let key = (out.from.row_streams()[row], view.resource_changes);
            let builder = &mut out.builder;
            let stream = *resources
                .entry(key)
                .or_insert_with(|| builder.shared_stream(with_resource(view.stream, pairs).into()));
            out.builder.begin_row(out.from.times()[row], stream);
        }
    }
    let from = out.from;
    for (column, value) in from.cells(row).filter(|(column, _)| column.0 < Field::RESERVED) {
        out.put(column, value);
    }
    view.attributes.iter().for_each(|(key, value)| out.builder.attribute(key, *value));
    out.builder.end_row();
}

/// The stream with another resource.
pub(super) fn with_resource(stream: &Stream, resource: &[Pair<'_>]) -> Stream {
    let scope: Vec<Pair<'_>> = stream.scope_attributes.iter().collect();
    Stream::new(&StreamParts {
        resource,
        resource_schema_url: &stream.resource_schema_url,
        scope_name: &stream.scope_name,
        scope_version: &stream.scope_version,
        scope_attributes: &scope,
        scope_schema_url: &stream.scope_schema_url,
    })
}

// === redaction ===

/// Redacts; `None`: the batch stays. `residue`: records were refused whose bytes may still be in the batch's memory.
pub(super) fn redact(
    work: &mut Work<'_>,
    memory: &Memory,
    batch: &EventBatch,
    residue: bool,
) -> Option<EventBatch> {
    let streams: Vec<Option<Stream>> = memory.streams(batch.streams(), work);
    let columns: Vec<(About, Option<String>)> =
        batch.attribute_keys().map(|(_, key)| (work.about(key), work.key(key))).collect();
    let whole =
        residue || streams.iter().any(Option::is_some) || columns.iter().any(|(_, key)| key.is_some());
    let mut out = whole.then(|| {
        let mut out = Copier::with_rows_before(batch, 0);
        for (place, stream) in streams.into_iter().enumerate() {
            if let Some(stream) = stream {
                out.set_stream(place, stream.into());
            }
        }
        for (place, (_, key)) in columns.iter().enumerate() {
            if let Some(key) = key {
                out.set_key(place, key);
            }
        }
        out
    });
    let mut changes: Vec<(usize, Change)> = Vec::new();
    for row in 0..batch.rows() {
        changes.clear();
        for (place, (column, value)) in batch.cells(row).enumerate() {
            match cell(work, &columns, column, value) {
                Change::Stay => {}
                change => changes.push((place, change)),
            }
        }
        if changes.is_empty() {
            if let Some(out) = &mut out {
                out.copy(row);
            }
            continue;
        }
        let out = out.get_or_insert_with(|| Copier::with_rows_before(batch, row));
        write_changed(out, row, &changes);
    }
    out.map(|copier| copier.builder.finish())
}

fn cell(
    work: &mut Work<'_>,
    columns: &[(About, Option<String>)],
    column: ColumnId,
    value: Value<'_>,
) -> Change {
    match column.0.checked_sub(Field::RESERVED) {
        Some(place) => {
            let about = columns.get(place as usize).map_or(About::Nothing, |(about, _)| *about);
            work.value(about, value)
        }
        None => match Field::from_number(column.0) {
            // A body keeps its place when all of it is taken out.
            Some(Field::Body) => match work.value(About::Nothing, value) {
                Change::Remove => Change::Put(OwnedValue::Str(String::new())),
                change => change,
            },
            Some(field) if IDS.contains(&field) || matches!(value, Value::Int(_)) => Change::Stay,
            _ => work.value(About::Nothing, value),
        },
    }
}

fn write_changed(out: &mut Copier<'_>, row: usize, changes: &[(usize, Change)]) {
    out.begin(row);
    let from = out.from;
    let mut changes = changes.iter().peekable();
    for (place, (column, value)) in from.cells(row).enumerate() {
        match changes.next_if(|(at, _)| *at == place) {
            Some((_, Change::Put(changed))) => out.put(column, changed.as_value()),
            Some((_, Change::Remove)) => {}
            Some((_, Change::Stay)) | None => out.put(column, value),
        }
    }
    out.builder.end_row();
}

// === quotas ===

/// The rows `keep` accepts; `None`: all of them.
pub(super) fn filter(batch: &EventBatch, mut keep: impl FnMut(usize) -> bool) -> Option<EventBatch> {
    let mut out: Option<Copier<'_>> = None;
    for row in 0..batch.rows() {
        match (keep(row), &mut out) {
            (true, Some(out)) => out.copy(row),
            (true, None) => {}
            (false, _) => {
                out.get_or_insert_with(|| Copier::with_rows_before(batch, row));
            }
        }
    }
    out.map(|copier| copier.builder.finish())
}

/// Bytes of a row's values, for quotas.
pub(super) fn row_bytes(batch: &EventBatch, row: usize) -> u64 {
    const NUMBER: usize = 8;
    let bytes = |value| match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Nested(nested) => nested.as_bytes().len(),
        _ => NUMBER,
    };
    batch.cells(row).map(|(_, value)| bytes(value)).sum::<usize>() as u64 + NUMBER as u64
}
