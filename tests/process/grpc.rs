//! Unary gRPC calls as bytes: what a test sends is what it wrote.

use std::future::poll_fn;
use std::pin::pin;

use axum::body::Body;
use http::HeaderMap;
use http_body::Body as _;
use prost::Message as _;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt as _;

use crate::rpc::Status;

pub struct Line {
    runtime: tokio::runtime::Runtime,
    channel: Channel,
}

#[derive(Debug)]
pub struct Reply {
    /// `grpc-status`, wherever it stood.
    pub code: i32,
    /// From `grpc-status-details-bin`.
    pub details: Option<Status>,
    /// The message, without its prefix; empty in a refusal.
    pub message: Vec<u8>,
}

/// Paths of the services.
pub fn export_path(signal: &str) -> String {
    let (package, service) = match signal {
        "logs" => ("logs", "LogsService"),
        "metrics" => ("metrics", "MetricsService"),
        "traces" => ("trace", "TraceService"),
        other => panic!("no signal {other}"),
    };
    format!("/opentelemetry.proto.collector.{package}.v1.{service}/Export")
}

/// A message with its prefix.
pub fn frame(compressed: bool, message: &[u8]) -> Vec<u8> {
    let mut framed = vec![u8::from(compressed)];
    framed.extend_from_slice(&u32::try_from(message.len()).expect("a length of four bytes").to_be_bytes());
    framed.extend_from_slice(message);
    framed
}

impl Line {
    /// `host:port`; connects with the first call.
    pub fn open(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let channel = runtime.block_on(async { endpoint.connect_lazy() });
        Self { runtime, channel }
    }

    /// Sends a whole body; its length is declared.
    pub fn call(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        self.try_call(path, headers, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn try_call(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Result<Reply, tonic::transport::Error> {
        let mut request = http::Request::post(path).header("te", "trailers");
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/grpc");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(tonic::body::Body::new(body.into())).expect("a request");
        self.runtime.block_on(async {
            let (head, body) = self.channel.clone().oneshot(request).await?.into_parts();
            let (bytes, trailers) = read(body).await;
            Ok(Reply::new(&head.headers, &trailers, &bytes))
        })
    }
}

async fn read(body: tonic::body::Body) -> (Vec<u8>, HeaderMap) {
    let (mut bytes, mut trailers) = (Vec::new(), HeaderMap::new());
    let mut body = pin!(body);
    // A stream that is reset after its answer has ended.
    while let Some(Ok(frame)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        match frame.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    (bytes, trailers)
}

impl Reply {
    fn new(headers: &HeaderMap, trailers: &HeaderMap, bytes: &[u8]) -> Self {
        let field = |name: &str| trailers.get(name).or(headers.get(name));
        let code = field("grpc-status").and_then(|value| value.to_str().ok()?.parse().ok());
        let details = field("grpc-status-details-bin").map(|value| {
            use base64::Engine as _;
            let text = value.to_str().expect("base64").trim_end_matches('=');
            let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(text).expect("base64");
            Status::decode(bytes.as_slice()).expect("a google.rpc.Status")
        });
        Self {
            code: code.unwrap_or_else(|| panic!("no grpc-status: {headers:?} {trailers:?}")),
            details,
            message: bytes.get(5..).unwrap_or_default().to_vec(),
        }
    }
}
