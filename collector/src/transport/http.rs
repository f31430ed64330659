//! OTLP over HTTP: one POST, one body, one answer (OTLP specification, "OTLP/HTTP").

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use store::model::{ErrorClass, RequestCtx};

use super::body::{drain, read, unfold};
use super::compression::Coding;
use super::{HttpRoute, answer, cors};
use crate::collector::Shared;
use crate::ingest::{Accepted, Ingest, Refusal, ingest};
use crate::metrics::Door;
use crate::protocol::Encoding;

pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(crate) async fn handle(
    shared: &Arc<Shared>,
    ctx: &RequestCtx,
    route: &HttpRoute,
    request: Request<Body>,
) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    if head.method == Method::OPTIONS {
        return cors::preflight(&shared.cors_origins, &head.headers);
    }
    let door = Door { protocol: route.protocol.name, transport: "http", signal: route.signal };
    let result = take(shared, ctx, route, door, &head.headers, &mut body).await;
    let mut response = match &result {
        Ok((accepted, encoding)) => {
            let bytes = answer::accepted(accepted, route.signal, *encoding);
            respond(StatusCode::OK, *encoding, bytes)
        }
        Err(refusal) => {
            drain(&mut body).await;
            refused(&head.headers, refusal)
        }
    };
    shared.metrics.answered(door, response.status().as_u16());
    cors::allow(&shared.cors_origins, &head.headers, response.headers_mut());
    response
}

/// An answer for a request that never came to its route.
pub(crate) fn refuse(shared: &Shared, headers: &HeaderMap, refusal: &Refusal) -> Response<Body> {
    let mut response = refused(headers, refusal);
    cors::allow(&shared.cors_origins, headers, response.headers_mut());
    response
}

async fn take(
    shared: &Arc<Shared>,
    ctx: &RequestCtx,
    route: &HttpRoute,
    door: Door,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<(Accepted, Encoding), Refusal> {
    let encoding = encoding(headers).filter(|encoding| route.protocol.encodings.contains(encoding));
    let encoding = encoding.ok_or_else(|| {
        Refusal::new(
            ErrorClass::WrongContentType,
            "content-type: send application/x-protobuf or application/json",
        )
    })?;
    let coding = coding(headers)?;
    let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let refuse = |error: super::body::BodyError| error.refusal(shared);
    let mut permit = shared.memory.permit(0).map_err(|error| refuse(error.into()))?;
    let cap = shared.limits.body_decompressed_bytes_max;
    let raw = read(body, declared, cap, &mut permit).await.map_err(refuse)?;
    shared.metrics.body_bytes.fetch_add(raw.len() as u64, Ordering::Relaxed);
    let (bytes, permit) = unfold(shared, coding, raw, permit).await.map_err(refuse)?;
    shared.metrics.decompressed_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    let request = Ingest {
        protocol: route.protocol,
        door,
        encoding,
        body: bytes,
        idempotency_key: idempotency_key(headers),
        permit,
    };
    Ok((ingest(shared, ctx, request).await?, encoding))
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Option<Bytes> {
    headers.get(IDEMPOTENCY_KEY).map(|value| Bytes::copy_from_slice(value.as_bytes()))
}

/// The body's encoding, from its content type; parameters do not matter.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let mime = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match mime.as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Encoding::Protobuf),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}

fn coding(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Coding::Identity) };
    value.to_str().ok().and_then(Coding::from_name).ok_or_else(|| {
        Refusal::new(ErrorClass::WrongContentType, "content-encoding: send gzip, zstd, deflate or identity")
    })
}

fn refused(headers: &HeaderMap, refusal: &Refusal) -> Response<Body> {
    // A sender whose content type is unknown is most likely a person.
    let encoding = encoding(headers).unwrap_or(Encoding::Json);
    let status = StatusCode::from_u16(refusal.class.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = respond(status, encoding, answer::status(refusal, encoding));
    if let Some(seconds) = refusal.class.retry_after_s() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn respond(status: StatusCode, encoding: Encoding, bytes: Vec<u8>) -> Response<Body> {
    let mime = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(mime));
    response
}
