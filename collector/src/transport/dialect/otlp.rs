//! OTLP/HTTP: answers in the request's own encoding (OTLP specification, "OTLP/HTTP Response").

use axum::body::Body;
use http::{HeaderMap, Response, StatusCode};
use store::model::{ErrorClass, Signal};

use super::{Shape, content_encoding, mime, respond, status_of, wrong_type};
use crate::ingest::{Accepted, Refusal};
use crate::protocol::Encoding;
use crate::transport::answer;
use crate::transport::compression::Coding;

pub(super) fn shape(headers: &HeaderMap) -> Result<Shape, Refusal> {
    let encoding = encoding(headers)
        .ok_or_else(|| wrong_type("content-type: send application/x-protobuf or application/json"))?;
    let coding = Coding::from_name(content_encoding(headers))
        .ok_or_else(|| wrong_type("content-encoding: send gzip, zstd, deflate or identity"))?;
    Ok(Shape { encoding, coding })
}

pub(super) fn accepted(accepted: &Accepted, signal: Signal, encoding: Encoding) -> Response<Body> {
    if accepted.nothing_taken() {
        return status(&Refusal::new(ErrorClass::BadData, accepted.message.as_str()), encoding);
    }
    respond(StatusCode::OK, media_type(encoding), answer::accepted(accepted, signal, encoding))
}

pub(super) fn refused(headers: &HeaderMap, refusal: &Refusal) -> Response<Body> {
    // A sender whose content type is unknown is most likely a person.
    status(refusal, encoding(headers).unwrap_or(Encoding::Json))
}

fn status(refusal: &Refusal, encoding: Encoding) -> Response<Body> {
    respond(status_of(refusal), media_type(encoding), answer::status(refusal, encoding))
}

/// The body's encoding, from its content type; parameters do not matter.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    match mime(headers)?.as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Encoding::Protobuf),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}

fn media_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "application/json",
        _ => "application/x-protobuf",
    }
}
