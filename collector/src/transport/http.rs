//! Requests over HTTP, whatever the protocol: headers, body under permit and cap, decompression, one answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use store::model::RequestCtx;

use super::body::{drain, read, unfold};
use super::dialect::Shape;
use super::lines::{self, Lines};
use super::{HttpRoute, cors, dialect};
use crate::collector::Shared;
use crate::ingest::{Accepted, Ingest, Refusal, ingest};
use crate::metrics::Door;
use crate::protocol::{Encoding, Serves};

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
    if route.serves == Serves::Handshake {
        drain(&mut body).await;
        return dialect::handshake(&head);
    }
    let door = Door { protocol: route.protocol.name, transport: "http", signal: route.signal };
    let dialect = route.protocol.dialect;
    let result = take(shared, ctx, route, door, &head, &mut body).await;
    let mut response = match &result {
        Ok((accepted, encoding)) => dialect::accepted(dialect, accepted, route.signal, *encoding),
        Err(refusal) => {
            drain(&mut body).await;
            dialect::refused(dialect, &head.headers, refusal)
        }
    };
    shared.metrics.answered(door, response.status().as_u16());
    cors::allow(&shared.cors_origins, &head.headers, response.headers_mut());
    response
}

/// An answer for a request that never came to its handler.
pub(crate) fn refuse(
    shared: &Shared,
    route: &HttpRoute,
    headers: &HeaderMap,
    refusal: &Refusal,
) -> Response<Body> {
    let mut response = dialect::refused(route.protocol.dialect, headers, refusal);
    cors::allow(&shared.cors_origins, headers, response.headers_mut());
    response
}

async fn take(
    shared: &Arc<Shared>,
    ctx: &RequestCtx,
    route: &HttpRoute,
    door: Door,
    head: &Parts,
    body: &mut Body,
) -> Result<(Accepted, Encoding), Refusal> {
    let headers = &head.headers;
    if let Serves::Lines(encoding) = route.serves {
        let lines = Lines { shared, ctx, route, door, encoding };
        return Ok((lines.take(lines::coding(headers)?, body).await?, encoding));
    }
    let Shape { encoding, coding } = dialect::shape(route, headers)?;
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
        target: dialect::target(route.protocol.dialect, head.uri.path()).to_owned(),
        idempotency_key: idempotency_key(headers),
        permit,
    };
    Ok((ingest(shared, ctx, request).await?, encoding))
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Option<Bytes> {
    headers.get(IDEMPOTENCY_KEY).map(|value| Bytes::copy_from_slice(value.as_bytes()))
}
