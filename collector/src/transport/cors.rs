//! CORS for browsers that send telemetry themselves: off until origins are named.

use axum::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

/// Browsers ask again after this; Chromium caps it at two hours.
const MAX_AGE_S: &str = "7200";

/// Answers a preflight request.
pub(crate) fn preflight(origins: &[String], headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    if !allow(origins, headers, response.headers_mut()) {
        *response.status_mut() = StatusCode::FORBIDDEN;
        return response;
    }
    *response.status_mut() = StatusCode::NO_CONTENT;
    let out = response.headers_mut();
    out.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    out.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let default = HeaderValue::from_static("content-type, content-encoding, authorization");
    out.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(default));
    response
}

/// Adds the headers of an allowed origin; says whether it is one.
pub(super) fn allow(origins: &[String], request: &HeaderMap, response: &mut HeaderMap) -> bool {
    let Some(origin) = request.get(ORIGIN) else { return false };
    response.append(VARY, HeaderValue::from_static("origin"));
    let allowed = origin.to_str().is_ok_and(|origin| origins.iter().any(|pattern| matches(pattern, origin)));
    if allowed {
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    allowed
}

/// `*` stands for any text, once: `https://*.example.com`.
fn matches(pattern: &str, origin: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern.eq_ignore_ascii_case(origin),
        Some((head, tail)) => {
            origin.len() >= head.len() + tail.len() && origin.starts_with(head) && origin.ends_with(tail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_origins_are_allowed() {
        for (pattern, origin, expected) in [
            ("https://shop.example", "https://shop.example", true),
            ("https://shop.example", "https://shop.example.evil", false),
            ("*", "null", true),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://example.com", false),
        ] {
            let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_str(origin).unwrap())]);
            let response = preflight(&[pattern.to_owned()], &headers);
            assert_eq!(response.status() == 204, expected, "{pattern} {origin}");
            assert_eq!(response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), expected);
            assert_eq!(preflight(&[], &headers).status(), 403);
        }
    }
}
