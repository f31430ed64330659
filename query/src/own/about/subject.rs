//! What is asked about, and how each of the three languages names it.

use std::collections::BTreeSet;

use engine::traceql::{Trace, TraceId};
use store::Snapshot;
use store::model::{Field, Signal, Stream, Value};

use super::super::map::window;
use crate::failure::Failure;
use crate::jaeger::{hex, trace_id, traces};
use crate::json::Json;
use crate::request::time::NS_PER_S;
use crate::service::Call;

const WINDOW_DEFAULT_NS: i64 = 3600 * NS_PER_S;
/// Around a trace.
const MARGIN_NS: i64 = 300 * NS_PER_S;
pub(super) const POD: &str = "k8s.pod.name";

pub(super) enum What {
    Trace(Box<Trace>),
    Service,
    Pod,
}

pub(super) struct Subject {
    pub(super) what: What,
    pub(super) name: String,
    /// Unix nanoseconds, the end exclusive.
    pub(super) window: (i64, i64),
    pub(super) services: BTreeSet<String>,
    pub(super) pods: BTreeSet<String>,
}

// === impl Subject ===

impl Subject {
    pub(super) fn of(call: &Call, snapshot: &Snapshot) -> Result<Self, Failure> {
        let named = ["trace", "service", "pod"].map(|name| Some((name, call.params.get(name)?)));
        let mut named = named.into_iter().flatten();
        let (Some((kind, name)), None) = (named.next(), named.next()) else {
            return Err(Failure::bad("one of \"trace\", \"service\" and \"pod\" is wanted"));
        };
        let window = window(call, WINDOW_DEFAULT_NS)?;
        match kind {
            "trace" => Self::of_trace(call, name, window),
            "service" => Ok(Self::of_service(name, window)),
            _ => Self::of_pod(call, snapshot, name, window),
        }
    }

    fn of_trace(call: &Call, text: &str, window: (i64, i64)) -> Result<Self, Failure> {
        let id = trace_id(text).ok_or_else(|| {
            Failure::bad(format!("trace id {text:?} is not a hexadecimal number of up to 32 digits"))
        })?;
        let found = traces(call, &[id], None)?;
        let trace = found.into_iter().next().ok_or_else(|| Failure::not_found("trace not found"))?;
        let (start, end) = extent(&trace);
        let asked = |name: &str| call.params.get(name).is_some();
        let window = (
            if asked("start") { window.0 } else { start.saturating_sub(MARGIN_NS) },
            if asked("end") { window.1 } else { end.saturating_add(MARGIN_NS) },
        );
        let mut subject = Self::new(What::Service, hex(&id), window);
        trace.spans.streams().iter().for_each(|stream| subject.add(stream));
        Ok(Self { what: What::Trace(Box::new(trace)), ..subject })
    }

    fn of_service(name: &str, window: (i64, i64)) -> Self {
        let services = BTreeSet::from([name.to_owned()]);
        Self { services, ..Self::new(What::Service, name.to_owned(), window) }
    }

    fn of_pod(call: &Call, snapshot: &Snapshot, name: &str, window: (i64, i64)) -> Result<Self, Failure> {
        let mut subject = Self::new(What::Pod, name.to_owned(), window);
        subject.pods.insert(name.to_owned());
        for signal in [Signal::Logs, Signal::Spans] {
            for stream in snapshot.streams(&call.ctx, signal, window.0, window.1)? {
                if pod(&stream).as_deref() == Some(name) {
                    subject.add(&stream);
                }
            }
        }
        Ok(subject)
    }

    fn new(what: What, name: String, window: (i64, i64)) -> Self {
        Self { what, name, window, services: BTreeSet::new(), pods: BTreeSet::new() }
    }

    fn add(&mut self, stream: &Stream) {
        if !stream.service().is_empty() {
            self.services.insert(stream.service().to_owned());
        }
        self.pods.extend(pod(stream));
    }

    /// Whether records of a stream are of the subject: of its pods, where it is one or runs in some.
    pub(super) fn has(&self, stream: &Stream) -> bool {
        match self.what {
            What::Service => self.services.contains(stream.service()),
            What::Pod => pod(stream).is_some_and(|name| self.pods.contains(&name)),
            What::Trace(_) => match pod(stream) {
                Some(name) => self.pods.contains(&name),
                None => self.services.contains(stream.service()),
            },
        }
    }

    pub(super) fn trace(&self) -> Option<&Trace> {
        match &self.what {
            What::Trace(trace) => Some(trace),
            What::Service | What::Pod => None,
        }
    }

    /// LogQL of its lines.
    pub(super) fn lines(&self) -> String {
        let name = quoted(&self.name);
        match self.what {
            What::Trace(_) => lines_of(std::slice::from_ref(&self.name)),
            What::Service => format!("{{service_name={name}}}"),
            What::Pod => format!("{{k8s_pod_name={name}}}"),
        }
    }

    /// A condition of TraceQL on its spans.
    pub(super) fn spans(&self) -> String {
        let name = quoted(&self.name);
        match self.what {
            What::Trace(_) => format!("trace:id = {name}"),
            What::Service => format!("resource.service.name = {name}"),
            What::Pod => format!("resource.{POD} = {name}"),
        }
    }

    /// Members of an object.
    pub(super) fn write(&self, o: &mut Json) {
        let kind = match self.what {
            What::Trace(_) => "trace",
            What::Service => "service",
            What::Pod => "pod",
        };
        o.key("about").object(|a| {
            a.member("kind", kind);
            a.member("name", &self.name);
            a.key("services").strings(self.services.iter().map(String::as_str));
            a.key("pods").strings(self.pods.iter().map(String::as_str));
        });
        o.member("start_ns", &self.window.0.to_string());
        o.member("end_ns", &self.window.1.to_string());
    }

    /// Titles and paths of pages that show more.
    pub(super) fn links(&self) -> Vec<(String, String)> {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        // A path has %20 where a query has +.
        let segment = |text: &str| encode(text).replace('+', "%20");
        let (from, to) = (self.window.0 / 1_000_000, self.window.1 / 1_000_000);
        let page = |page: &str, query: &str| format!("/ui/{page}?q={}&from={from}&to={to}", encode(query));
        let mut links = vec![("Logs".to_owned(), page("logs", &self.lines()))];
        match self.what {
            What::Trace(_) => links.push(("Trace".to_owned(), format!("/ui/trace/{}", self.name))),
            _ => links.push(("Traces".to_owned(), page("traces", &format!("{{ {} }}", self.spans())))),
        }
        let service = |name: &String| {
            (format!("Service {name}"), format!("/ui/service/{}?from={from}&to={to}", segment(name)))
        };
        links.extend(self.services.iter().map(service));
        links
    }
}

/// LogQL of the lines of some traces.
pub(super) fn lines_of(ids: &[String]) -> String {
    match ids {
        [id] => format!("{{service_name=~\".+\"}} | trace_id={}", quoted(id)),
        ids => format!("{{service_name=~\".+\"}} | trace_id=~{}", quoted(&ids.join("|"))),
    }
}

/// Texts of LogQL and TraceQL are quoted as in JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

pub(super) fn id_text(id: &TraceId) -> String {
    hex(id)
}

fn pod(stream: &Stream) -> Option<String> {
    stream.resource.get(POD).map(|value| value.text().into_owned())
}

/// Unix nanoseconds of the first start and the last end.
pub(super) fn extent(trace: &Trace) -> (i64, i64) {
    let spans = &trace.spans;
    let start = spans.times().iter().copied().min().unwrap_or_default();
    let end = (0..spans.rows()).map(|row| spans.times()[row].saturating_add(duration(trace, row)));
    (start, end.max().unwrap_or(start))
}

/// Nanoseconds.
pub(super) fn duration(trace: &Trace, row: usize) -> i64 {
    trace.spans.field(row, Field::Duration).and_then(Value::as_int).unwrap_or_default()
}
