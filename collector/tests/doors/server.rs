//! A collector behind a socket, a store behind the collector, and requests to send.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::routing::any;
use collector::{Collector, Config};
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;
use store::Store;
use store::model::{Budget, Limits, RequestCtx, Role, Signal, Tenant};
use store::{EventQuery, Order, Projection, ScanControl};

pub(crate) const PROTOBUF: &str = "application/x-protobuf";
pub(crate) const JSON: &str = "application/json";

pub(crate) struct Server {
    pub addr: SocketAddr,
    pub collector: Collector,
    store: Store,
    _dir: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub code: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: HeaderMap,
}

pub(crate) fn ctx() -> RequestCtx {
    let tenant = Tenant::authenticated("t").unwrap();
    RequestCtx::new(tenant, "test", Role::Ingest, None, Budget::new(u64::MAX))
}

impl Server {
    pub async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut config = Config::default();
        change(&mut config.limits);
        Self::with(config).await
    }

    pub async fn with(config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(store::Config::new(dir.path())).unwrap();
        let collector = Collector::new(config, store.writer());
        let mut router = axum::Router::new();
        for route in Collector::http_routes() {
            // The binary's own route table tells the rest of a path from what is more exact; axum's refuses both.
            if route.path.ends_with("...}") {
                continue;
            }
            let collector = collector.clone();
            router = router.route(
                route.path,
                any(
                    move |request: Request| async move { collector.handle_http(ctx(), route, request).await },
                ),
            );
        }
        let grpc = collector.grpc_router().layer(axum::Extension(ctx()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router.merge(grpc)).await });
        Self { addr, collector, store, _dir: dir }
    }

    /// Rows of a signal that are queryable now.
    pub fn rows(&self, signal: Signal) -> usize {
        let snapshot = self.store.snapshot(&ctx().tenant);
        let query = EventQuery {
            signal,
            start: i64::MIN,
            end: i64::MAX,
            filter: store::model::Filter::All,
            projection: Projection::All,
            order: Order::Any,
        };
        let mut rows = 0;
        let mut count = |found: store::EventRows<'_>| {
            rows += found.rows.len();
            ScanControl::Continue
        };
        snapshot.scan(&ctx(), &query, &mut count).unwrap();
        rows
    }

    pub fn metric(&self, name: &str) -> f64 {
        let rows = self.collector.metrics().into_iter().chain(self.store.writer().accounting().metrics());
        rows.filter(|row| row.name == name).map(|row| row.value).sum()
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.send("POST", false, path, headers, body.into()).await
    }

    pub async fn send(
        &self,
        method: &str,
        http2: bool,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Answer {
        let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http::<Full<Bytes>>();
        let mut request = http::Request::builder().method(method).uri(format!("http://{}{path}", self.addr));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = client.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        Answer::read(response.map(Body::new)).await
    }

    /// A unary call: a message with its prefix.
    pub async fn call(&self, compressed: bool, headers: &[(&str, &str)], message: &[u8]) -> Answer {
        let mut framed = vec![u8::from(compressed)];
        framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
        framed.extend_from_slice(message);
        let headers = [&[("content-type", "application/grpc"), ("te", "trailers")], headers].concat();
        let path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
        self.send("POST", true, path, &headers, framed.into()).await
    }
}

impl Answer {
    async fn read(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        Self { code: head.status.as_u16(), headers: head.headers, body: collected.to_bytes(), trailers }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The gRPC code, wherever it stands.
    pub fn grpc_code(&self) -> i32 {
        let value = self.trailers.get("grpc-status").or(self.headers.get("grpc-status")).unwrap();
        value.to_str().unwrap().parse().unwrap()
    }
}

pub(crate) fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.into())) }
}

pub(crate) fn log(time_unix_nano: u64, body: AnyValue) -> LogRecord {
    LogRecord { time_unix_nano, body: Some(body), ..Default::default() }
}

pub(crate) fn logs(log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..Default::default() }] }
        .encode_to_vec()
}

/// Two timestamped records.
pub(crate) fn two_logs() -> Vec<u8> {
    logs(vec![log(1_000, text("one")), log(2_000, text("two"))])
}

/// An array in an array in an array.
pub(crate) fn deep(levels: usize) -> Vec<u8> {
    let mut value: Vec<u8> = vec![0x18, 1];
    for _ in 0..levels {
        value = wrap(0x2a, &wrap(0x0a, &value));
    }
    wrap(0x0a, &wrap(0x12, &wrap(0x12, &wrap(0x2a, &value))))
}

fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    prost::encoding::encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
