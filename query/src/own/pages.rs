//! The user interface's files, which the process holds.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

use crate::failure::{Failure, Reply};
use crate::service::Call;

pub(crate) fn root(_: &Call) -> Result<Reply, Failure> {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    reply.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/ui/"));
    Ok(reply)
}

pub(crate) fn asset(call: &Call) -> Result<Reply, Failure> {
    Ok(call.shared.host.asset(call.path.get("path"), &call.parts.headers))
}
