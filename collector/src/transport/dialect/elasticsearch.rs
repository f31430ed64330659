//! Elasticsearch's answers: one per item of a bulk, errors with a type, and what clients ask before they send.

use std::fmt::Write as _;

use axum::body::Body;
use http::header::USER_AGENT;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use store::model::ErrorClass;

use super::{content_encoding, respond, status_of, wrong_type};
use crate::ingest::{Accepted, Refusal};
use crate::protocol::elasticsearch::{Item, Items};
use crate::protocol::{Encoding, Reject};
use crate::transport::compression::Coding;

const PREFIX: &str = "/elasticsearch";
const JSON: &str = "application/json";
/// Beats refuse a server that is older than they are.
const VERSION: &str = "8.19.99";
const VERSION_9: &str = "9.99.0";
const ACKNOWLEDGED: &str = r#"{"acknowledged":true,"shards_acknowledged":true}"#;

/// Whatever the content type says; the path tells what the body is.
pub(super) fn coding(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let coding = Coding::from_name(content_encoding(headers));
    coding.ok_or_else(|| wrong_type("content-encoding: send gzip, zstd, deflate or identity"))
}

/// The index a path names; empty: none.
pub(super) fn target(path: &str) -> &str {
    let segment = path.strip_prefix(PREFIX).unwrap_or(path).trim_start_matches('/');
    let segment = segment.split('/').next().unwrap_or_default();
    if segment.starts_with('_') { "" } else { segment }
}

pub(super) fn accepted(accepted: &Accepted, encoding: Encoding) -> Response<Body> {
    let mut items = Items::read(&accepted.detail);
    if encoding == Encoding::Json {
        let Some(item) = items.next() else {
            return error(StatusCode::BAD_REQUEST, "illegal_argument_exception", "there is no document");
        };
        return match item.rejected {
            Some(reject) => {
                let (status, kind) = refused_item(reject);
                error(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), kind, reject.text())
            }
            None => json(StatusCode::CREATED, result(&item)),
        };
    }
    let errors = accepted.rejected > 0;
    let mut out = format!(r#"{{"took":0,"errors":{errors},"items":["#);
    for (i, item) in items.enumerate() {
        let separator = if i > 0 { "," } else { "" };
        let name = item.operation.name();
        let result = result(&item);
        let _ = write!(out, r#"{separator}{{"{name}":{result}}}"#);
    }
    out.push_str("]}");
    json(StatusCode::OK, out)
}

/// What became of an item.
fn result(item: &Item<'_>) -> String {
    let index = serde_json::Value::from(item.index);
    match item.rejected {
        None => format!(
            r#"{{"_index":{index},"_id":"","_version":1,"result":"created","_shards":{{"total":1,"successful":1,"failed":0}},"_seq_no":0,"_primary_term":1,"status":201}}"#
        ),
        Some(reject) => {
            let ((status, kind), reason) = (refused_item(reject), serde_json::Value::from(reject.text()));
            format!(
                r#"{{"_index":{index},"_id":"","status":{status},"error":{{"type":"{kind}","reason":{reason}}}}}"#
            )
        }
    }
}

/// Clients send an item again that was refused with 429, and no other.
fn refused_item(reject: Reject) -> (u16, &'static str) {
    match reject {
        Reject::OverQuota => (429, "es_rejected_execution_exception"),
        _ => (400, "document_parsing_exception"),
    }
}

pub(super) fn refused(refusal: &Refusal) -> Response<Body> {
    let kind = match refusal.class {
        ErrorClass::Unauthenticated | ErrorClass::Forbidden => "security_exception",
        ErrorClass::OverQuota | ErrorClass::Unavailable => "es_rejected_execution_exception",
        ErrorClass::TooLarge => "content_too_long_exception",
        _ => "illegal_argument_exception",
    };
    error(status_of(refusal), kind, &refusal.message)
}

/// What clients ask before they send: who is there, which licence, whether templates and policies exist. There are
/// none and none are needed, so all exist.
pub(super) fn handshake(request: &Parts) -> Response<Body> {
    let path = request.uri.path().strip_prefix(PREFIX).unwrap_or_default().trim_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let changes = request.method == Method::PUT;
    match first {
        "" => json(StatusCode::OK, info(&request.headers)),
        "_license" => json(StatusCode::OK, license()),
        "_xpack" => json(
            StatusCode::OK,
            r#"{"build":{},"license":{"uid":"signalbox","type":"basic","mode":"basic","status":"active"},"features":{"ilm":{"available":true,"enabled":true}}}"#,
        ),
        "_cluster" | "_nodes" => json(
            StatusCode::OK,
            r#"{"cluster_name":"signalbox","status":"green","timed_out":false,"number_of_nodes":1,"number_of_data_nodes":1,"nodes":{}}"#,
        ),
        "_cat" => json(StatusCode::OK, "[]"),
        "_alias"
        | "_component_template"
        | "_data_stream"
        | "_ilm"
        | "_index_template"
        | "_ingest"
        | "_logstash"
        | "_template" => json(StatusCode::OK, if changes { ACKNOWLEDGED } else { "{}" }),
        index if !index.starts_with('_') && path == index => {
            json(StatusCode::OK, if changes { ACKNOWLEDGED } else { "{}" })
        }
        _ => error(
            StatusCode::NOT_FOUND,
            "illegal_argument_exception",
            "documents are taken by _bulk and _doc; they are read by LogQL",
        ),
    }
}

fn info(headers: &HeaderMap) -> String {
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let version = if agent.contains("/9.") { VERSION_9 } else { VERSION };
    format!(
        r#"{{"name":"signalbox","cluster_name":"signalbox","cluster_uuid":"signalbox","version":{{"number":"{version}","build_flavor":"default","build_type":"tar","build_hash":"0","build_date":"2026-01-01T00:00:00Z","build_snapshot":false,"lucene_version":"9.12.0","minimum_wire_compatibility_version":"7.17.0","minimum_index_compatibility_version":"7.0.0"}},"tagline":"You Know, for Search"}}"#
    )
}

fn license() -> &'static str {
    r#"{"license":{"status":"active","uid":"signalbox","type":"basic","issued_to":"signalbox","issuer":"signalbox","max_nodes":1000}}"#
}

fn error(status: StatusCode, kind: &str, reason: &str) -> Response<Body> {
    let (reason, code) = (serde_json::Value::from(reason), status.as_u16());
    let cause = format!(r#"{{"type":"{kind}","reason":{reason}}}"#);
    let body = format!(
        r#"{{"error":{{"root_cause":[{cause}],"type":"{kind}","reason":{reason}}},"status":{code}}}"#
    );
    json(status, body)
}

/// Clients look for the header on every answer, and go away without it.
fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = respond(status, JSON, body);
    response.headers_mut().insert("x-elastic-product", HeaderValue::from_static("Elasticsearch"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_an_index_or_none() {
        for (path, index) in [
            ("/elasticsearch/_bulk", ""),
            ("/elasticsearch/logs-a/_bulk", "logs-a"),
            ("/elasticsearch/logs/_doc/7", "logs"),
            ("/elasticsearch", ""),
        ] {
            assert_eq!(target(path), index);
        }
    }
}
