//! Elasticsearch's `_bulk` and `_doc`, as Beats, Logstash, Fluent Bit, Fluentd and Vector send them (Elasticsearch API
//! reference, "Bulk"; Elastic Common Schema for the meaning of fields).
//!
//! A document is a log record: `@timestamp` its time, `message` its body, `log.level` its severity, `trace.id` and
//! `span.id` its ids; what names the sender (`service.*`, `host.*`, `kubernetes.*` …) is its resource, the rest its
//! attributes with dotted names. `create` and `index` are taken, both append. Each item is answered for itself.

mod bulk;
mod document;
mod fields;
mod items;

use http::Method;
use store::model::Signal;

use super::{DecodeCtx, DecodeError, Decoded, Dialect, Encoding, PathRow, ProtocolRow, Serves};

pub(super) use bulk::taken;
pub(super) use document::{Documents, Names};
pub(crate) use items::{Item, Items};

const POST_PUT: &[Method] = &[Method::POST, Method::PUT];
const GET_PUT: &[Method] = &[Method::GET, Method::PUT];

const fn data(path: &'static str, encoding: Encoding) -> PathRow {
    PathRow { methods: POST_PUT, path, signal: Signal::Logs, alias_of: "", serves: Serves::DataAs(encoding) }
}

const fn handshake(path: &'static str) -> PathRow {
    PathRow { methods: GET_PUT, path, signal: Signal::Logs, alias_of: "", serves: Serves::Handshake }
}

pub(super) const ROW: ProtocolRow = ProtocolRow {
    name: "elasticsearch",
    title: "Elasticsearch bulk",
    paths: &[
        data("/elasticsearch/_bulk", Encoding::Ndjson),
        data("/elasticsearch/{index}/_bulk", Encoding::Ndjson),
        data("/elasticsearch/{index}/_doc", Encoding::Json),
        data("/elasticsearch/{index}/_doc/{id}", Encoding::Json),
        data("/elasticsearch/{index}/_create/{id}", Encoding::Json),
        handshake("/elasticsearch"),
        handshake("/elasticsearch/"),
        handshake("/elasticsearch/{path...}"),
    ],
    grpc_services: &[],
    encodings: &[Encoding::Ndjson, Encoding::Json],
    dialect: Dialect::Elasticsearch,
    retries: true,
    decode,
};

fn decode(_: Signal, encoding: Encoding, bytes: &[u8], ctx: &DecodeCtx<'_>) -> Result<Decoded, DecodeError> {
    match encoding {
        Encoding::Json => bulk::decode_one(bytes, ctx),
        _ => bulk::decode(bytes, ctx),
    }
}

#[cfg(test)]
mod tests;
