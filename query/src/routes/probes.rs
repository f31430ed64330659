//! Questions for every row of a table, made from the row: tests send them to prove what holds for all of them, in
//! process and over a socket.

use axum::body::Body;
use http::{Method, Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Family, Route};

/// A request as a test sends it.
#[derive(Clone, Debug)]
pub struct Probe {
    pub method: Method,
    pub path_and_query: String,
    pub content_type: &'static str,
    pub body: String,
}

/// Finds nothing.
const NOTHING: &str = "{service_name=\"nobody\"}";
const NAMES: [&str; 6] = ["region", "job", "service_name", "k8s_namespace_name", "who", "user_id"];
const TAGS: [&str; 6] =
    ["resource.k8s.namespace.name", "span.who", "who", "name", "status", "rootServiceName"];

/// Requests of each of the row's methods, over the five minutes before `now_s`. `trace_ids` are what `{id}` may stand for.
pub fn probes<H>(route: &Route<H>, now_s: i64, trace_ids: &[String]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for method in route.methods {
        for path in paths(&route.path, trace_ids) {
            for query in queries(route.owner) {
                // What a deletion finds would be missing from the answers of all others.
                let deletes = route.path.ends_with("/delete") && method != Method::GET;
                let params = parameters(if deletes { NOTHING } else { query }, now_s);
                probes.push(match (method, route.body_bytes_max > 0) {
                    (&Method::POST, true) => Probe {
                        method: method.clone(),
                        path_and_query: path.clone(),
                        content_type: "application/x-www-form-urlencoded",
                        body: params,
                    },
                    _ => Probe {
                        method: method.clone(),
                        path_and_query: format!("{path}?{params}"),
                        content_type: "",
                        body: String::new(),
                    },
                });
            }
        }
    }
    probes
}

impl Probe {
    pub fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        // Made from percent-encoded parts above, so it parses; a row whose pattern does not is asked at the root.
        *request.uri_mut() = self.path_and_query.parse().unwrap_or_default();
        if !self.content_type.is_empty() {
            let value = header::HeaderValue::from_static(self.content_type);
            request.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        request
    }
}

fn paths(pattern: &str, trace_ids: &[String]) -> Vec<String> {
    let ids: Vec<&str> = trace_ids.iter().map(String::as_str).collect();
    let (from, values): (&str, &[&str]) = if pattern.contains("{id}") {
        ("{id}", &ids)
    } else if pattern.contains("{name}") {
        ("{name}", &NAMES)
    } else if pattern.contains("{tag...}") {
        ("{tag...}", &TAGS)
    } else if pattern.contains("{service}") {
        ("{service}", &["cart"])
    } else if pattern.contains("{channel}") {
        ("{channel}", &["room"])
    } else if pattern.contains("{uid}") {
        ("{uid}", &["signalbox", "unknown"])
    } else if pattern.contains("{fingerprint}") {
        ("{fingerprint}", &["ReviewDown", "0000000000000000"])
    } else if pattern.contains("{namespace}") {
        ("{namespace}", &["probe"])
    } else {
        ("{path...}", &["index.html"])
    };
    if !pattern.contains('{') {
        return vec![pattern.to_owned()];
    }
    values
        .iter()
        .map(|value| pattern.replace(from, value).replace("{version}", "1").replace("{group}", "probe"))
        .collect()
}

fn queries(owner: Family) -> &'static [&'static str] {
    match owner {
        Family::Prometheus => &["{__name__=~\".+\"}", "sum by (job) (shop_orders_total)", "no(t valid"],
        Family::Loki => {
            &["{service_name=~\".+\"}", "sum(count_over_time({service_name=~\".+\"}[5m]))", "{no"]
        }
        Family::Tempo => &["{}", "{ .who != nil }", "{ no"],
        _ => &[""],
    }
}

/// One list for all: every handler reads its own and leaves the rest.
fn parameters(query: &str, now_s: i64) -> String {
    let pairs = [
        ("query", query.to_owned()),
        ("q", query.to_owned()),
        ("match[]", "{__name__=~\".+\"}".to_owned()),
        ("start", (now_s - 300).to_string()),
        ("end", now_s.to_string()),
        ("time", now_s.to_string()),
        ("step", "60".to_owned()),
        ("limit", "50".to_owned()),
        ("text", "probe".to_owned()),
        ("service", "cart".to_owned()),
        ("serviceName", "cart".to_owned()),
        ("traceIds", "1".to_owned()),
        ("selection", "{ status = error }".to_owned()),
    ];
    let encoded = pairs.map(|(name, value)| {
        format!(
            "{}={}",
            utf8_percent_encode(name, NON_ALPHANUMERIC),
            utf8_percent_encode(&value, NON_ALPHANUMERIC)
        )
    });
    encoded.join("&")
}
