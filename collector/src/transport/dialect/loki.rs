//! Loki's push: JSON, or what is not JSON is protobuf in a snappy block; 204 or text.

use axum::body::Body;
use http::{HeaderMap, Response, StatusCode};

use super::{Shape, content_encoding, mime, no_content, text, wrong_type};
use crate::ingest::{Accepted, Refusal};
use crate::protocol::Encoding;
use crate::transport::compression::Coding;

pub(super) fn shape(headers: &HeaderMap) -> Result<Shape, Refusal> {
    let named = content_encoding(headers);
    let snappy = named.eq_ignore_ascii_case("snappy");
    if mime(headers).as_deref() == Some("application/json") {
        let coding = if snappy { Some(Coding::SnappyBlock) } else { Coding::from_name(named) };
        let coding =
            coding.ok_or_else(|| wrong_type("content-encoding: send gzip, deflate, zstd or none"))?;
        return Ok(Shape { encoding: Encoding::Json, coding });
    }
    match Coding::from_name(named) {
        // The block is not told in the header, mostly.
        None | Some(Coding::Identity) if snappy || named.is_empty() => {
            Ok(Shape { encoding: Encoding::Protobuf, coding: Coding::SnappyBlock })
        }
        Some(coding @ (Coding::Gzip | Coding::Zstd)) => Ok(Shape { encoding: Encoding::Protobuf, coding }),
        _ => Err(wrong_type("content-encoding: send protobuf as a snappy block, or application/json")),
    }
}

pub(super) fn accepted(accepted: &Accepted) -> Response<Body> {
    match accepted.rejected {
        0 => no_content(),
        // Agents drop a request that is answered so: what was good in it is stored.
        _ => text(StatusCode::BAD_REQUEST, &accepted.message),
    }
}
