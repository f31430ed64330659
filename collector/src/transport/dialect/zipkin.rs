//! Zipkin's answers: 202, or text.

use axum::body::Body;
use http::{HeaderMap, Response, StatusCode};

use super::{Shape, content_encoding, mime, text, wrong_type};
use crate::ingest::{Accepted, Refusal};
use crate::protocol::Encoding;
use crate::transport::compression::Coding;

pub(super) fn shape(headers: &HeaderMap) -> Result<Shape, Refusal> {
    let encoding = match mime(headers).as_deref() {
        // The first senders named no type.
        None | Some("application/json") => Encoding::Json,
        Some("application/x-protobuf" | "application/protobuf") => Encoding::Protobuf,
        Some(_) => return Err(wrong_type("content-type: send application/json or application/x-protobuf")),
    };
    let coding = Coding::from_name(content_encoding(headers));
    let coding =
        coding.ok_or_else(|| wrong_type("content-encoding: send gzip, zstd, deflate or identity"))?;
    Ok(Shape { encoding, coding })
}

pub(super) fn accepted(accepted: &Accepted) -> Response<Body> {
    match accepted.rejected {
        0 => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        // Reporters do not repeat a request that is answered so: what was good in it is stored.
        _ => text(StatusCode::BAD_REQUEST, &accepted.message),
    }
}
