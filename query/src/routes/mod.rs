//! Routes are data: one row says methods, path, owner, role, tenant scope, body limit, timeout and handler.
//!
//! Deny by default: a path without a row is 404, a method without a row 405, and a row says who may come in. The table
//! is generic over its handlers, so that the binary joins the rows of the read APIs with those of the collector; neither
//! knows the other. Two rows with one method and path are an error when the table is built.

mod markdown;
mod pattern;
mod probes;
mod table;

use std::collections::HashMap;
use std::time::Duration;

use http::Method;
use store::model::{Limits, Role};

pub use markdown::markdown;
pub use pattern::PathParams;
pub(crate) use pattern::Pattern;
pub use probes::{Probe, probes};
pub use table::{ROUTES, Row, routes};

/// Which API a path belongs to: decides how errors are spelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Health, metrics, reload: what operators and probes ask.
    Operations,
    Prometheus,
    Loki,
    Tempo,
    Jaeger,
    Zipkin,
    Alertmanager,
    /// JSON for the user interface, and the interface itself.
    Signalbox,
    /// The collector's rows.
    Ingest,
}

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Anybody, without a credential.
    Public,
    /// A principal of that role.
    Needs(Role),
}

/// Whether the answer is of one tenant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TenantScope {
    Tenant,
    None,
}

/// How long a request may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timeout {
    /// The limit on queries.
    Query,
    After(Duration),
    /// The answer is a stream that ends when the client leaves.
    Stream,
}

/// One row of a table that can be served: what is generic over the handler's type.
#[derive(Clone, Debug)]
pub struct Route<H> {
    pub methods: &'static [Method],
    /// `{name}` stands for one segment, `{name...}` for one or more.
    pub path: String,
    /// The same row under another prefix.
    pub alias: bool,
    pub owner: Family,
    pub access: Access,
    pub scope: TenantScope,
    pub body_bytes_max: u64,
    pub timeout: Timeout,
    pub doc: &'static str,
    pub handler: H,
}

/// What a request's method and path lead to.
#[derive(Debug)]
pub enum Found<'t, H> {
    Route(&'t Route<H>, PathParams),
    /// The path is there, with these methods.
    WrongMethod(Vec<Method>),
    Nothing,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TableError {
    #[error("two routes answer {method} {path}")]
    Twice { method: Method, path: String },
    #[error("the path pattern {path:?} is not valid: {reason}")]
    Pattern { path: String, reason: &'static str },
}

/// All routes of a process, ready to be matched.
#[derive(Debug)]
pub struct RouteTable<H> {
    routes: Vec<Route<H>>,
    /// Routes of paths without parameters.
    exact: HashMap<String, Vec<usize>>,
    patterns: Vec<(Pattern, usize)>,
}

// === impl Timeout ===

impl Timeout {
    pub fn duration(self, limits: &Limits) -> Option<Duration> {
        match self {
            Self::Query => Some(Duration::from_millis(limits.query_timeout_ms)),
            Self::After(duration) => Some(duration),
            Self::Stream => None,
        }
    }
}

// === impl Family ===

impl Family {
    pub const fn title(self) -> &'static str {
        match self {
            Self::Operations => "Operations",
            Self::Prometheus => "Prometheus",
            Self::Loki => "Loki",
            Self::Tempo => "Tempo",
            Self::Jaeger => "Jaeger",
            Self::Zipkin => "Zipkin",
            Self::Alertmanager => "Alertmanager",
            Self::Signalbox => "Signalbox",
            Self::Ingest => "Ingest",
        }
    }
}

/// The row of a path that brings data in: the collector bounds its body, and its time by the connection's.
pub fn ingest_route<H>(methods: &'static [Method], path: &str, doc: &'static str, handler: H) -> Route<H> {
    Route {
        methods,
        path: path.to_owned(),
        alias: false,
        owner: Family::Ingest,
        access: Access::Needs(Role::Ingest),
        scope: TenantScope::Tenant,
        body_bytes_max: u64::MAX,
        timeout: Timeout::Stream,
        doc,
        handler,
    }
}

// === impl Route ===

impl<H> Route<H> {
    /// The same row with another kind of handler: how the binary makes one table of several.
    pub fn map<G>(self, wrap: impl FnOnce(H) -> G) -> Route<G> {
        Route {
            methods: self.methods,
            path: self.path,
            alias: self.alias,
            owner: self.owner,
            access: self.access,
            scope: self.scope,
            body_bytes_max: self.body_bytes_max,
            timeout: self.timeout,
            doc: self.doc,
            handler: wrap(self.handler),
        }
    }
}

// === impl RouteTable ===

impl<H> RouteTable<H> {
    pub fn new(routes: Vec<Route<H>>) -> Result<Self, TableError> {
        let mut table = Self { routes: Vec::new(), exact: HashMap::new(), patterns: Vec::new() };
        let mut taken: HashMap<(Method, String), ()> = HashMap::new();
        for (index, route) in routes.into_iter().enumerate() {
            let pattern = Pattern::parse(&route.path)
                .map_err(|reason| TableError::Pattern { path: route.path.clone(), reason })?;
            for method in route.methods {
                if taken.insert((method.clone(), pattern.shape()), ()).is_some() {
                    return Err(TableError::Twice { method: method.clone(), path: route.path });
                }
            }
            if pattern.is_exact() {
                table.exact.entry(route.path.clone()).or_default().push(index);
            } else {
                table.patterns.push((pattern, index));
            }
            table.routes.push(route);
        }
        Ok(table)
    }

    pub fn routes(&self) -> &[Route<H>] {
        &self.routes
    }

    /// `path` is the request's path as it came, not yet percent-decoded. HEAD is answered by GET's route.
    pub fn find(&self, method: &Method, path: &str) -> Found<'_, H> {
        let mut candidates: Vec<(usize, PathParams)> = Vec::new();
        if let Some(exact) = self.exact.get(path) {
            candidates.extend(exact.iter().map(|&index| (index, PathParams::default())));
        }
        let by_pattern = |(pattern, index): &(Pattern, usize)| Some((*index, pattern.matches(path)?));
        candidates.extend(self.patterns.iter().filter_map(by_pattern));
        let mut allowed: Vec<Method> = Vec::new();
        for (index, params) in candidates {
            let Some(route) = self.routes.get(index) else { continue };
            let head = *method == Method::HEAD && route.methods.contains(&Method::GET);
            if head || route.methods.contains(method) {
                return Found::Route(route, params);
            }
            allowed
                .extend(route.methods.iter().filter(|m| !allowed.contains(m)).cloned().collect::<Vec<_>>());
        }
        if allowed.is_empty() { Found::Nothing } else { Found::WrongMethod(allowed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(methods: &'static [Method], path: &str) -> Route<u8> {
        Route {
            methods,
            path: path.into(),
            alias: false,
            owner: Family::Operations,
            access: Access::Public,
            scope: TenantScope::None,
            body_bytes_max: 0,
            timeout: Timeout::Query,
            doc: "",
            handler: 0,
        }
    }

    const GET: &[Method] = &[Method::GET];
    const BOTH: &[Method] = &[Method::GET, Method::POST];

    #[test]
    fn two_rows_with_one_method_and_path_are_refused() {
        let twice = RouteTable::new(vec![row(GET, "/a/{x}"), row(BOTH, "/a/{y}")]);
        assert_eq!(twice.unwrap_err(), TableError::Twice { method: Method::GET, path: "/a/{y}".into() });
        assert!(RouteTable::new(vec![row(GET, "/a"), row(&[Method::POST], "/a")]).is_ok());
    }

    #[test]
    fn methods_and_paths_find_their_row_or_say_what_is_allowed() {
        let rows = vec![row(GET, "/a"), row(BOTH, "/a/{x}"), row(GET, "/tag/{tag...}/values")];
        let table = RouteTable::new(rows).unwrap();
        let found = |method: Method, path: &str| match table.find(&method, path) {
            Found::Route(route, params) => format!("{} {params:?}", route.path),
            Found::WrongMethod(allowed) => format!("405 {allowed:?}"),
            Found::Nothing => "404".into(),
        };
        for (method, path, wanted) in [
            (Method::GET, "/a", "/a []"),
            (Method::HEAD, "/a", "/a []"),
            (Method::POST, "/a", "405 [GET]"),
            (Method::POST, "/a/b%2Fc", "/a/{x} [(\"x\", \"b/c\")]"),
            (Method::GET, "/a/b/c", "404"),
            (Method::GET, "/a/", "404"),
            (
                Method::GET,
                "/tag/span.http/x%20y/values",
                "/tag/{tag...}/values [(\"tag\", \"span.http/x y\")]",
            ),
            (Method::GET, "/tag/values", "404"),
            (Method::GET, "/a/%ff", "404"),
        ] {
            assert_eq!(found(method, path), wanted, "{path}");
        }
    }
}
