//! `tempopb.StreamingQuerier`, on the same address as everything else: each method answers its stream with one message,
//! which clients take for the last of many.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use engine::traceql::TagValue;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use store::model::{ErrorClass, RequestCtx};

use super::{metrics, search, tags, values};
use crate::failure::Failure;
use crate::request::Params;
use crate::service::{Call, Shared};
use crate::wire::tempo as wire;

const SERVICE: &str = "/tempopb.StreamingQuerier/";
/// A query and a few numbers.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// A message's flag and length.
const PREFIX_LEN: usize = 5;

/// Names and values of parameters.
type Pairs = Vec<(String, String)>;

pub(crate) struct Method {
    name: &'static str,
    params: fn(&[u8]) -> Option<Pairs>,
    answer: fn(&Call) -> Result<Vec<u8>, Failure>,
}

static METHODS: [Method; 7] = [
    Method {
        name: "Search",
        params: |bytes| wire::read(bytes, wire::search_params),
        answer: |call| Ok(wire::search(&search::find(call)?)),
    },
    Method {
        name: "SearchTags",
        params: |bytes| wire::read(bytes, wire::tags_params),
        answer: |call| {
            let names: BTreeSet<String> =
                tags::find(call)?.into_iter().flat_map(|scope| scope.names).collect();
            Ok(wire::texts(names.into_iter()))
        },
    },
    Method {
        name: "SearchTagsV2",
        params: |bytes| wire::read(bytes, wire::tags_params),
        answer: |call| Ok(wire::scopes(&tags::find(call)?)),
    },
    Method {
        name: "SearchTagValues",
        params: |bytes| wire::read(bytes, wire::tag_values_params),
        answer: |call| {
            let texts: BTreeSet<String> = tag_values(call)?.iter().map(TagValue::text).collect();
            Ok(wire::texts(texts.into_iter()))
        },
    },
    Method {
        name: "SearchTagValuesV2",
        params: |bytes| wire::read(bytes, wire::tag_values_params),
        answer: |call| Ok(wire::typed_values(&tag_values(call)?)),
    },
    Method {
        name: "MetricsQueryRange",
        params: |bytes| wire::read(bytes, wire::metrics_params),
        answer: |call| metrics::find_range(call).map(|(series, stats)| wire::range(&series, &stats)),
    },
    Method {
        name: "MetricsQueryInstant",
        params: |bytes| wire::read(bytes, wire::metrics_params),
        answer: |call| metrics::find_instant(call).map(|(series, stats)| wire::instant(&series, &stats)),
    },
];

fn tag_values(call: &Call) -> Result<Vec<TagValue>, Failure> {
    values::find(call, call.params.require("tag")?)
}

/// The method a path names.
pub(crate) fn method(path: &str) -> Option<&'static Method> {
    let name = path.strip_prefix(SERVICE)?;
    METHODS.iter().find(|method| method.name == name)
}

pub(crate) async fn answer(
    shared: &Arc<Shared>,
    ctx: RequestCtx,
    method: &'static Method,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answered = match read(method, parts, body, ctx, shared).await {
        Ok(call) => {
            let ctx = call.ctx.clone();
            shared.runner.run(&ctx, move || (method.answer)(&call)).await
        }
        Err(failure) => Err(failure),
    };
    match answered {
        Ok(message) => respond(&message),
        Err(failure) => refuse(&failure),
    }
}

async fn read(
    method: &Method,
    parts: Parts,
    body: Body,
    ctx: RequestCtx,
    shared: &Arc<Shared>,
) -> Result<Call, Failure> {
    let framed = Limited::new(body, REQUEST_BYTES_MAX).collect().await;
    let framed = framed.map_err(|error| Failure::bad(format!("the message could not be read: {error}")))?;
    let framed = framed.to_bytes();
    let Some((prefix, message)) = framed.split_first_chunk::<PREFIX_LEN>() else {
        return Err(Failure::bad("the call carries no message"));
    };
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(Failure::new(ErrorClass::MethodNotAllowed, "send the message uncompressed"));
    }
    if message.len() != u32::from_be_bytes(length) as usize {
        return Err(Failure::bad("a call carries one message of the length it says"));
    }
    let pairs = (method.params)(message).ok_or_else(|| Failure::bad("the message is not the request's"))?;
    Ok(Call {
        ctx,
        path: Default::default(),
        params: Params::of(pairs),
        parts,
        body: Bytes::new(),
        shared: Arc::clone(shared),
    })
}

fn respond(message: &[u8]) -> Response<Body> {
    let mut framed = vec![0; PREFIX_LEN];
    framed[1..].copy_from_slice(&u32::try_from(message.len()).unwrap_or(0).to_be_bytes());
    framed.extend_from_slice(message);
    let status = HeaderMap::from_iter([(
        header::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let body = Full::new(Bytes::from(framed)).with_trailers(async move { Some(Ok(status)) });
    with_type(Response::new(Body::new(body)))
}

/// A trailers-only answer. Messages are percent-encoded, as the protocol wants.
fn refuse(failure: &Failure) -> Response<Body> {
    let mut response = with_type(Response::new(Body::empty()));
    let message = percent_encoding::utf8_percent_encode(&failure.message, percent_encoding::CONTROLS);
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(failure.class.grpc_code() as i32));
    if let Ok(message) = HeaderValue::from_str(&message.to_string()) {
        headers.insert("grpc-message", message);
    }
    response
}

fn with_type(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::testing::{World, ctx};

    /// Fields of a message by number, as a client that knows nothing more would read them.
    fn framed(message: &[u8]) -> Body {
        let mut bytes = vec![0; PREFIX_LEN];
        bytes[1..].copy_from_slice(&(message.len() as u32).to_be_bytes());
        bytes.extend_from_slice(message);
        Body::from(bytes)
    }

    async fn call(world: &World, name: &str, message: &[u8]) -> (Option<String>, Vec<u8>) {
        let path = format!("{SERVICE}{name}");
        assert!(method(&path).is_some());
        let request = Request::post(&path).body(framed(message)).unwrap();
        let response = world.query.handle_grpc(ctx("a"), request).await;
        let refused = response.headers().get("grpc-message").map(|m| m.to_str().unwrap().to_owned());
        let collected = response.into_body().collect().await.unwrap();
        if refused.is_none() {
            assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
        }
        (refused, collected.to_bytes().to_vec())
    }

    fn text(field: u32, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        prost::encoding::string::encode(field, &text.to_owned(), &mut out);
        out
    }

    #[tokio::test]
    async fn the_streaming_querier_answers_as_the_http_api_does() {
        let world = World::with_data().await;
        let found = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        for (name, request, expected) in [
            ("Search", text(8, "{ status = error }"), "0303030303030303"),
            ("SearchTags", text(1, "span"), "http.status"),
            ("SearchTagsV2", text(1, "resource"), "service.name"),
            ("SearchTagValues", text(1, "service.name"), "payments"),
            ("SearchTagValuesV2", text(1, "span.http.status"), "int"),
            ("MetricsQueryRange", text(1, "{} | rate() by (name)"), "POST /checkout"),
            ("MetricsQueryInstant", text(1, "{} | rate() by (name)"), "POST /checkout"),
        ] {
            let (refused, answer) = call(&world, name, &request).await;
            assert_eq!(refused, None, "{name}");
            assert!(found(&answer, expected), "{name}: {answer:?}");
        }
        let (refused, _) = call(&world, "Search", &text(8, "{ status = }")).await;
        assert!(refused.unwrap().starts_with("parse error"));
        let (refused, _) = call(&world, "Search", &[0xff; 3]).await;
        assert_eq!(refused.unwrap(), "the message is not the request's");
        assert!(method("/tempopb.StreamingQuerier/Nothing").is_none());
    }

    #[test]
    fn a_request_is_read_as_its_parameters() {
        let mut message = text(8, "{}");
        prost::encoding::uint32::encode(4, &7, &mut message);
        assert!(wire::SearchRequest::decode(&message[..]).is_ok());
        let pairs = wire::read(&message, wire::search_params).unwrap();
        assert_eq!(pairs, [("q".to_owned(), "{}".to_owned()), ("limit".to_owned(), "7".to_owned())]);
    }
}
