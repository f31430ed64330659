//! The spans of a window as small rows: ids, services and names as numbers.

use std::collections::BTreeSet;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use store::model::{ColumnRef, EventBatch, Field, Filter, RequestCtx, Signal, Test, Value};
use store::{EventQuery, Order, Projection, ScanControl, Snapshot};

use super::distribution::Example;
use crate::logql::EvalError;
use crate::traceql::{Kind, Status, TraceId};

/// Attributes that name what a call goes to, the best first.
const DATABASES: [&str; 2] = ["db.system.name", "db.system"];
const DATABASE_NAMES: [&str; 4] = ["peer.service", "db.namespace", "db.name", "server.address"];
const PEERS: [&str; 4] = ["peer.service", "server.address", "net.peer.name", "http.host"];
const QUEUES: [&str; 2] = ["messaging.destination.name", "messaging.system"];
/// Traces whose missing halves are looked for outside of the window.
const ELSEWHERE_MAX: usize = 10_000;
const ELSEWHERE_NS: i64 = 24 * 3600 * 1_000_000_000;

/// What a span that calls names as its other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    None,
    Database(u32),
    Queue(u32),
    Other(u32),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) trace: TraceId,
    pub(super) id: u64,
    pub(super) parent: u64,
    pub(super) service: u32,
    pub(super) name: u32,
    pub(super) kind: Kind,
    pub(super) status: Status,
    pub(super) time: i64,
    pub(super) duration: i64,
    pub(super) peer: Peer,
    /// Whether it is in the window itself and not in its margin.
    pub(super) inside: bool,
}

/// Traces are looked at in parts, so that a busy minute does not have to fit into memory at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) number: u64,
    pub(super) of: u64,
}

/// What has to be known of all parts.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) spans: u64,
    /// Spans that consumers link to.
    pub(super) linked: FxHashSet<(TraceId, u64)>,
    pub(super) services: FxHashSet<String>,
}

/// Texts by number.
#[derive(Default)]
pub(super) struct Texts {
    known: FxHashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) texts: Texts,
    /// Spans that consumers link to, by the consumer's row.
    pub(super) links: Vec<(usize, TraceId, u64)>,
    /// Which row has an id: those that call, and others. Client and server of one call may share theirs.
    callers: FxHashMap<(TraceId, u64), u32>,
    others: FxHashMap<(TraceId, u64), u32>,
    /// Of the batch that is read: a stream's service.
    services: Vec<Option<u32>>,
    /// Which traces are taken; `None`: all that come.
    part: Option<Part>,
    /// Taken from the request's budget.
    pub(super) bytes: u64,
}

impl Part {
    fn has(self, trace: &TraceId) -> bool {
        let mut hasher = FxHasher::default();
        trace.hash(&mut hasher);
        // The upper bits are the well-mixed ones.
        (hasher.finish() >> 32) % self.of == self.number
    }
}

impl Survey {
    pub(super) fn of(
        ctx: &RequestCtx,
        snapshot: &Snapshot,
        window: (i64, i64),
        margin_ns: i64,
    ) -> Result<Survey, EvalError> {
        let (start, end) = (window.0.saturating_sub(margin_ns), window.1.saturating_add(margin_ns));
        let mut survey = Survey::default();
        for stream in snapshot.streams(ctx, Signal::Spans, start, end)? {
            survey.services.insert(stream.service().to_string());
        }
        let query = EventQuery {
            signal: Signal::Spans,
            start,
            end,
            filter: Filter::All,
            projection: Projection::Columns([Field::Kind, Field::Links].map(ColumnRef::Field).to_vec()),
            order: Order::Any,
        };
        snapshot.scan(ctx, &query, &mut |found| {
            survey.spans += found.rows.len() as u64;
            for row in found.rows {
                let kind = found.batch.field(*row as usize, Field::Kind).and_then(Value::as_int);
                if kind == Some(Kind::Consumer as i64) {
                    each_link(found.batch, *row as usize, |trace, span| {
                        survey.linked.insert((trace, span));
                    });
                }
            }
            ScanControl::Continue
        })?;
        Ok(survey)
    }
}

impl Row {
    pub(super) fn calls(&self) -> bool {
        matches!(self.kind, Kind::Client | Kind::Producer)
    }

    pub(super) fn example(&self) -> Example {
        Example { trace_id: self.trace, span_id: self.id, duration_ns: self.duration, time: self.time }
    }
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.known.insert(text, number);
        number
    }

    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }
}

impl Rows {
    /// The spans of a window and of a margin around it, and what is elsewhere of traces that have only one half here.
    pub(super) fn read(
        ctx: &RequestCtx,
        snapshot: &Snapshot,
        window: (i64, i64),
        margin_ns: i64,
        part: Part,
    ) -> Result<Rows, EvalError> {
        let mut rows = Rows { part: Some(part), ..Rows::default() };
        let range = (window.0.saturating_sub(margin_ns), window.1.saturating_add(margin_ns));
        rows.scan(ctx, snapshot, range, window, Filter::All)?;
        rows.part = None;
        let missing = rows.missing();
        if !missing.is_empty() {
            let test = Test::OneOf(Arc::new(missing.into_iter().collect()));
            let filter = Filter::column(ColumnRef::Field(Field::TraceId), test);
            let range = (range.0.saturating_sub(ELSEWHERE_NS), range.1.saturating_add(ELSEWHERE_NS));
            rows.scan(ctx, snapshot, range, (0, 0), filter)?;
        }
        Ok(rows)
    }

    /// The row a span is called by: its parent, or the client it shares its id with.
    pub(super) fn parent(&self, row: &Row) -> Option<&Row> {
        let own = || self.callers.get(&(row.trace, row.id)).filter(|_| !row.calls());
        let at = own().or_else(|| {
            let key = (row.trace, row.parent);
            self.others.get(&key).or_else(|| self.callers.get(&key)).filter(|_| row.parent != row.id)
        })?;
        self.rows.get(*at as usize)
    }

    pub(super) fn find(&self, trace: TraceId, id: u64) -> Option<&Row> {
        let key = (trace, id);
        let at = self.callers.get(&key).or_else(|| self.others.get(&key))?;
        self.rows.get(*at as usize)
    }

    /// Traces of spans inside whose caller is not here.
    fn missing(&self) -> BTreeSet<TraceId> {
        let called = |row: &&Row| {
            row.inside
                && row.parent != 0
                && !row.calls()
                && row.kind != Kind::Internal
                && self.parent(row).is_none()
        };
        let mut traces: BTreeSet<TraceId> = self.rows.iter().filter(called).map(|row| row.trace).collect();
        traces.extend(
            self.links
                .iter()
                .filter(|(_, trace, id)| self.find(*trace, *id).is_none())
                .map(|(_, trace, _)| *trace),
        );
        while traces.len() > ELSEWHERE_MAX {
            traces.pop_last();
        }
        traces
    }

    fn scan(
        &mut self,
        ctx: &RequestCtx,
        snapshot: &Snapshot,
        (start, end): (i64, i64),
        window: (i64, i64),
        filter: Filter,
    ) -> Result<(), EvalError> {
        let fields = [
            Field::TraceId,
            Field::SpanId,
            Field::ParentSpanId,
            Field::Name,
            Field::Kind,
            Field::StatusCode,
            Field::Duration,
            Field::Links,
        ];
        let keys: FxHashSet<&str> =
            DATABASES.iter().chain(&DATABASE_NAMES).chain(&PEERS).chain(&QUEUES).copied().collect();
        let mut columns: Vec<ColumnRef> = fields.into_iter().map(ColumnRef::Field).collect();
        columns.extend(keys.into_iter().map(|key| ColumnRef::Attribute(key.into())));
        let projection = Projection::Columns(columns);
        let query = EventQuery { signal: Signal::Spans, start, end, filter, projection, order: Order::Any };
        let mut failed = None;
        snapshot.scan(ctx, &query, &mut |found| {
            self.services = vec![None; found.batch.streams().len()];
            let before = self.rows.len();
            found.rows.iter().for_each(|row| self.add(found.batch, *row as usize, window));
            let bytes = ((self.rows.len() - before) * (size_of::<Row>() + 64)) as u64;
            self.bytes += bytes;
            match ctx.budget.take(bytes) {
                Ok(()) => ScanControl::Continue,
                Err(reason) => {
                    failed = Some(reason);
                    ScanControl::Stop
                }
            }
        })?;
        failed.map_or(Ok(()), |reason| Err(reason.into()))
    }

    fn add(&mut self, batch: &EventBatch, at: usize, window: (i64, i64)) {
        let bytes = |field| batch.field(at, field).and_then(Value::as_bytes).unwrap_or_default();
        let int = |field| batch.field(at, field).and_then(Value::as_int).unwrap_or_default();
        let id = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).map_or(0, u64::from_be_bytes);
        let Ok(trace) = TraceId::try_from(bytes(Field::TraceId)) else { return };
        if self.part.is_some_and(|part| !part.has(&trace)) {
            return;
        }
        let time = batch.times()[at];
        let mut row = Row {
            trace,
            id: id(bytes(Field::SpanId)),
            parent: id(bytes(Field::ParentSpanId)),
            service: 0,
            name: 0,
            kind: Kind::of(int(Field::Kind)),
            status: Status::of(int(Field::StatusCode)),
            time,
            duration: int(Field::Duration),
            peer: Peer::None,
            inside: (window.0..window.1).contains(&time),
        };
        let next = self.rows.len() as u32;
        let known = if row.calls() { &mut self.callers } else { &mut self.others };
        // What came twice is there once.
        if *known.entry((trace, row.id)).or_insert(next) != next {
            return;
        }
        row.service = self.service(batch, at);
        row.name =
            self.texts.number(batch.field(at, Field::Name).and_then(Value::as_str).unwrap_or_default());
        if row.calls() || row.kind == Kind::Consumer {
            row.peer = self.peer(batch, at, row.kind);
        }
        if row.kind == Kind::Consumer {
            let own = self.rows.len();
            each_link(batch, at, |trace, span| self.links.push((own, trace, span)));
        }
        self.rows.push(row);
    }

    fn service(&mut self, batch: &EventBatch, at: usize) -> u32 {
        let stream = batch.row_streams()[at] as usize;
        if let Some(Some(known)) = self.services.get(stream) {
            return *known;
        }
        let number = self.texts.number(batch.stream(at).service());
        if let Some(place) = self.services.get_mut(stream) {
            *place = Some(number);
        }
        number
    }

    fn peer(&mut self, batch: &EventBatch, at: usize, kind: Kind) -> Peer {
        let text = |key: &&str| {
            let column = batch.attribute_column(key)?;
            batch.get(at, column).and_then(Value::as_str).filter(|text| !text.is_empty())
        };
        let first = |keys: &[&str]| keys.iter().find_map(text);
        if kind != Kind::Client {
            return first(&QUEUES).map_or(Peer::None, |name| Peer::Queue(self.texts.number(name)));
        }
        if let Some(system) = first(&DATABASES) {
            return Peer::Database(self.texts.number(first(&DATABASE_NAMES).unwrap_or(system)));
        }
        first(&PEERS).map_or(Peer::None, |name| Peer::Other(self.texts.number(name)))
    }
}

fn each_link(batch: &EventBatch, row: usize, mut visit: impl FnMut(TraceId, u64)) {
    let Some(Value::Nested(links)) = batch.field(row, Field::Links) else { return };
    for item in links.items() {
        let Value::Nested(link) = item.value else { continue };
        let bytes = |name| link.get(name).and_then(Value::as_bytes).unwrap_or_default();
        let (trace, span) = (TraceId::try_from(bytes("trace_id")), <[u8; 8]>::try_from(bytes("span_id")));
        if let (Ok(trace), Ok(span)) = (trace, span) {
            visit(trace, u64::from_be_bytes(span));
        }
    }
}
