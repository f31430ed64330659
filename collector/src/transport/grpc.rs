//! OTLP over gRPC: a unary `Export` per signal.
//!
//! The call is answered here and not through a generated tonic service: permits must be taken before the message is
//! read, the decoder wants the raw bytes, a message over the cap is `RESOURCE_EXHAUSTED` (tonic says
//! `OUT_OF_RANGE`), and retry hints go into `grpc-status-details-bin`. Framing of a unary call is five bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use store::model::{ErrorClass, RequestCtx, Signal};

use super::answer;
use super::body::{BodyError, read, unfold};
use super::compression::Coding;
use super::http::idempotency_key;
use crate::Collector;
use crate::collector::Shared;
use crate::ingest::{Accepted, Ingest, Refusal, ingest};
use crate::metrics::Door;
use crate::protocol::{Encoding, PROTOCOLS, ProtocolRow};

/// A message's flag and length.
const PREFIX_LEN: usize = 5;
const ACCEPTED_CODINGS: &str = "gzip,zstd,deflate,identity";

pub(crate) fn router(collector: &Collector) -> Router {
    let mut router = Router::new();
    for protocol in PROTOCOLS {
        for &(service, signal) in protocol.grpc_services {
            let shared = Arc::clone(&collector.0);
            let handler = axum::routing::post(move |request: Request<Body>| {
                let shared = Arc::clone(&shared);
                async move { handle(&shared, protocol, signal, request).await }
            });
            router = router.route(&format!("/{service}/Export"), handler);
        }
    }
    router
}

async fn handle(
    shared: &Arc<Shared>,
    protocol: &'static ProtocolRow,
    signal: Signal,
    request: Request<Body>,
) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    let is_grpc =
        head.headers.get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        // The gRPC protocol asks for this instead of a gRPC status.
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    let door = Door { protocol: protocol.name, transport: "grpc", signal };
    let result = match head.extensions.get::<RequestCtx>() {
        Some(ctx) => take(shared, ctx, protocol, door, &head.headers, &mut body).await,
        None => Err(Refusal::new(ErrorClass::Unauthenticated, "the call was not authenticated")),
    };
    let result = result.and_then(|accepted| match accepted.nothing_taken() {
        true => Err(Refusal::new(ErrorClass::BadData, accepted.message)),
        false => Ok(accepted),
    });
    match result {
        Ok(accepted) => {
            shared.metrics.answered(door, 0);
            respond(&accepted, signal)
        }
        Err(refusal) => {
            shared.metrics.answered(door, refusal.class.grpc_code() as u16);
            refuse(&refusal)
        }
    }
}

async fn take(
    shared: &Arc<Shared>,
    ctx: &RequestCtx,
    protocol: &'static ProtocolRow,
    door: Door,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Accepted, Refusal> {
    let refuse = |error: BodyError| error.refusal(shared);
    let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let mut permit = shared.memory.permit(0).map_err(|error| refuse(error.into()))?;
    let cap = shared.limits.body_decompressed_bytes_max;
    let framed =
        read(body, declared, cap.saturating_add(PREFIX_LEN as u64), &mut permit).await.map_err(refuse)?;
    shared.metrics.body_bytes.fetch_add(framed.len() as u64, Ordering::Relaxed);
    let (compressed, message) = message(framed, cap)?;
    let coding = if compressed { coding(headers)? } else { Coding::Identity };
    let (bytes, permit) = unfold(shared, coding, message, permit).await.map_err(refuse)?;
    shared.metrics.decompressed_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    let request = Ingest {
        protocol,
        door,
        encoding: Encoding::Protobuf,
        body: bytes,
        target: String::new(),
        idempotency_key: idempotency_key(headers),
        permit,
    };
    ingest(shared, ctx, request).await
}

/// Takes the prefix off; says whether the message is compressed.
fn message(mut framed: Bytes, cap: u64) -> Result<(bool, Bytes), Refusal> {
    let bad = |text: &str| Refusal::new(ErrorClass::BadData, text);
    let Some((prefix, rest)) = framed.split_first_chunk::<PREFIX_LEN>() else {
        return Err(bad("the call carries no message"));
    };
    let [flag, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length);
    if u64::from(length) > cap {
        let error = BodyError::TooLarge { limit: cap };
        return Err(Refusal::new(ErrorClass::TooLarge, error.to_string()));
    }
    if rest.len() != length as usize {
        return Err(bad("a unary call carries one message of the length it says"));
    }
    match flag {
        0 | 1 => Ok((flag == 1, framed.split_off(PREFIX_LEN))),
        _ => Err(bad("the message has an unknown flag")),
    }
}

fn coding(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let name = headers.get("grpc-encoding").and_then(|value| value.to_str().ok());
    let coding = name.and_then(Coding::from_name).filter(|coding| *coding != Coding::Identity);
    // UNIMPLEMENTED, as the gRPC compression specification asks.
    coding.ok_or_else(|| {
        Refusal::new(ErrorClass::MethodNotAllowed, "grpc-encoding: send gzip, zstd or deflate")
    })
}

fn respond(accepted: &Accepted, signal: Signal) -> Response<Body> {
    let message = answer::accepted(accepted, signal, Encoding::Protobuf);
    let mut framed = vec![0; PREFIX_LEN];
    framed[1..].copy_from_slice(&u32::try_from(message.len()).unwrap_or(0).to_be_bytes());
    framed.extend_from_slice(&message);
    let trailers = HeaderMap::from_iter([(tonic::Status::GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(Bytes::from(framed)).with_trailers(async move { Some(Ok(trailers)) });
    with_headers(Response::new(Body::new(body)))
}

/// A trailers-only answer.
pub(crate) fn refuse(refusal: &Refusal) -> Response<Body> {
    let code = tonic::Code::from_i32(refusal.class.grpc_code() as i32);
    let details = match refusal.class.retry_after_s() {
        Some(_) => Bytes::from(answer::status(refusal, Encoding::Protobuf)),
        None => Bytes::new(),
    };
    with_headers(tonic::Status::with_details(code, refusal.message.clone(), details).into_http())
}

fn with_headers(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-accept-encoding", HeaderValue::from_static(ACCEPTED_CODINGS));
    response
}
