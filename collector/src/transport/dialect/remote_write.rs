//! Prometheus remote write 1.0 and 2.0: which message by `Content-Type`, 204 or text, and in 2.0 how much was written.

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::{Shape, content_encoding, mime, no_content, status_of, text, wrong_type};
use crate::ingest::{Accepted, Refusal};
use crate::protocol::{Encoding, Written};
use crate::transport::compression::Coding;

const PROTO_V1: &str = "prometheus.writerequest";
const PROTO_V2: &str = "io.prometheus.write.v2.request";

pub(super) fn shape(headers: &HeaderMap) -> Result<Shape, Refusal> {
    let encoding = encoding(headers).ok_or_else(|| {
        wrong_type(
            "content-type: send application/x-protobuf, with proto=prometheus.WriteRequest or \
             proto=io.prometheus.write.v2.Request",
        )
    })?;
    // The first senders named no compression; zstd is what vmagent sends if it may.
    let coding = match content_encoding(headers).to_ascii_lowercase().as_str() {
        "" | "snappy" => Coding::SnappyBlock,
        "zstd" => Coding::Zstd,
        "gzip" => Coding::Gzip,
        _ => return Err(wrong_type("content-encoding: send snappy (a block, not frames)")),
    };
    Ok(Shape { encoding, coding })
}

pub(super) fn accepted(accepted: &Accepted, encoding: Encoding) -> Response<Body> {
    let response = match accepted.rejected {
        0 => no_content(),
        // Senders drop a request that is answered so: what was good in it is stored.
        _ => text(StatusCode::BAD_REQUEST, &accepted.message),
    };
    with_written(response, encoding, &Written::from_bytes(&accepted.detail))
}

pub(super) fn refused(headers: &HeaderMap, refusal: &Refusal) -> Response<Body> {
    let response = text(status_of(refusal), &refusal.message);
    with_written(response, encoding(headers).unwrap_or(Encoding::Protobuf), &Written::default())
}

fn with_written(mut response: Response<Body>, encoding: Encoding, written: &Written) -> Response<Body> {
    if encoding == Encoding::ProtobufV2 {
        for (name, count) in [
            ("x-prometheus-remote-write-samples-written", written.samples),
            ("x-prometheus-remote-write-histograms-written", written.histograms),
            ("x-prometheus-remote-write-exemplars-written", written.exemplars),
        ] {
            response.headers_mut().insert(name, HeaderValue::from(count));
        }
    }
    response
}

/// Without a content type it is the first version, as it was before there were two.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Some(Encoding::Protobuf) };
    if mime(headers)? != "application/x-protobuf" {
        return None;
    }
    let parameters = value.to_str().ok()?.split(';').skip(1).filter_map(|pair| pair.split_once('='));
    let mut proto = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("proto"));
    let Some((_, proto)) = proto.next() else { return Some(Encoding::Protobuf) };
    match proto.trim().trim_matches('"').to_ascii_lowercase().as_str() {
        PROTO_V1 => Some(Encoding::Protobuf),
        PROTO_V2 => Some(Encoding::ProtobufV2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_tells_the_versions_apart() {
        for (content_type, expected) in [
            (None, Some(Encoding::Protobuf)),
            (Some("application/x-protobuf"), Some(Encoding::Protobuf)),
            (Some("application/x-protobuf;proto=prometheus.WriteRequest"), Some(Encoding::Protobuf)),
            (
                Some("application/x-protobuf; proto=io.prometheus.write.v2.Request"),
                Some(Encoding::ProtobufV2),
            ),
            (Some("application/x-protobuf;proto=io.prometheus.write.v3.Request"), None),
            (Some("application/json"), None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = content_type {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            }
            assert_eq!(encoding(&headers), expected, "{content_type:?}");
        }
    }
}
