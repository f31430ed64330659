//! A client that never sends new numbers before the old ones are acknowledged, and repeats what got no answer.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::batch::{Door, Kind, Request, request};
use crate::journal::Journal;
use crate::support::{Server, http, now_ns};

pub(crate) const TENANT: &str = "ledger";
const TENANT_HEADER: &str = "x-scope-orgid";
const NUMBERS_MAX: u64 = 20;

/// One life of the server, as clients see it.
pub(crate) struct Life {
    grpc: String,
    http: String,
    over: AtomicBool,
}

pub(crate) struct Client {
    pub(crate) kind: Kind,
    pub(crate) door: Door,
    pub(crate) number: u64,
    pub(crate) journal: Journal,
    next: u64,
    base_ns: u64,
    /// Sent, and nobody knows what became of it.
    pending: Option<(Range<u64>, Request)>,
}

// === impl Life ===

impl Life {
    pub(crate) fn new(server: &Server) -> Self {
        Self { grpc: server.otlp_grpc.clone(), http: server.otlp_http.clone(), over: AtomicBool::new(false) }
    }

    /// From now on an error means the end.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

// === impl Client ===

impl Client {
    pub(crate) fn new(dir: &Path, number: u64, kind: Kind, door: Door) -> Self {
        let journal = Journal::new(dir, number);
        // The past: what the client numbers may be at most so many milliseconds later.
        let base_ns = now_ns() - 3_600_000_000_000;
        Self { kind, door, number, journal, next: 0, base_ns, pending: None }
    }

    pub(crate) fn send_until_the_end(&mut self, life: &Life, acked: &Sender<()>) {
        let mut line = Line::open(self.door, life);
        while !life.is_over() {
            if self.pending.is_none() {
                let numbers = self.next..self.next + 1 + self.next % NUMBERS_MAX;
                self.next = numbers.end;
                self.journal.note_sent(&numbers);
                let request = request(self.kind, self.number, &numbers, self.base_ns);
                self.pending = Some((numbers, request));
            }
            if self.send(&mut line, life) {
                // Nobody counts any more once the life is over.
                let _ = acked.send(());
            }
        }
    }

    pub(crate) fn send_pending(&mut self, life: &Life) {
        let mut line = Line::open(self.door, life);
        while self.pending.is_some() {
            self.send(&mut line, life);
        }
    }

    /// Whether the pending batch was acknowledged. Every other end leaves it pending: it is repeated as it is.
    fn send(&mut self, line: &mut Line, life: &Life) -> bool {
        let Some((numbers, request)) = &self.pending else { return false };
        match line.send(request) {
            Ok(()) => {
                self.journal.note_acked(numbers);
                self.pending = None;
                true
            }
            Err(error) => {
                assert!(error.may_retry || life.is_over(), "{:?} {:?}: {}", self.kind, self.door, error.text);
                false
            }
        }
    }
}

/// A way to the server.
enum Line {
    Grpc { runtime: tokio::runtime::Runtime, channel: Channel },
    Http { address: String },
}

struct SendError {
    may_retry: bool,
    text: String,
}

impl Line {
    fn open(door: Door, life: &Life) -> Self {
        match door {
            Door::Http => Self::Http { address: life.http.clone() },
            Door::Grpc => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let endpoint = Endpoint::from_shared(format!("http://{}", life.grpc)).unwrap();
                let channel = runtime.block_on(async { endpoint.connect_lazy() });
                Self::Grpc { runtime, channel }
            }
        }
    }

    fn send(&mut self, request: &Request) -> Result<(), SendError> {
        match self {
            Self::Http { address } => send_http(address, request),
            Self::Grpc { runtime, channel } => runtime.block_on(send_grpc(channel.clone(), request.clone())),
        }
    }
}

fn send_http(address: &str, request: &Request) -> Result<(), SendError> {
    let headers = [("Content-Type", "application/x-protobuf"), (TENANT_HEADER, TENANT)];
    let answer = http::try_send(address, "POST", request.path(), &headers, &request.encode());
    let answer = answer.map_err(|error| SendError { may_retry: true, text: error.to_string() })?;
    if answer.status == 200 {
        assert!(answer.body.is_empty(), "a partial success: {:?}", answer.body);
        return Ok(());
    }
    Err(SendError { may_retry: answer.status == 503, text: format!("{} {}", answer.status, answer.text()) })
}

async fn send_grpc(channel: Channel, request: Request) -> Result<(), SendError> {
    let partial = match request {
        Request::Logs(message) => {
            let sent = LogsServiceClient::new(channel).export(with_tenant(message)).await;
            sent.map(|answer| answer.into_inner().partial_success.map(|p| p.error_message))
        }
        Request::Metrics(message) => {
            let sent = MetricsServiceClient::new(channel).export(with_tenant(message)).await;
            sent.map(|answer| answer.into_inner().partial_success.map(|p| p.error_message))
        }
        Request::Traces(message) => {
            let sent = TraceServiceClient::new(channel).export(with_tenant(message)).await;
            sent.map(|answer| answer.into_inner().partial_success.map(|p| p.error_message))
        }
    };
    let partial = partial.map_err(|status| {
        let may_retry = status.code() == tonic::Code::Unavailable;
        SendError { may_retry, text: status.to_string() }
    })?;
    assert_eq!(partial, None, "a partial success");
    Ok(())
}

fn with_tenant<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert(TENANT_HEADER, TENANT.parse().unwrap());
    request
}
