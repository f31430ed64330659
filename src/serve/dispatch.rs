//! From a request to its handler: guard, route, authentication, role, context. Denies by default.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::body::Body;
use collector::{Collector, HttpRoute};
use http::{HeaderMap, Method, Request, Response, header};
use query::{Access, Found, Handler, PathParams, Query, Route, RouteTable, Timeout};
use store::model::{Budget, ErrorClass, Limits, RequestCtx, Role, Tenant};
use tower::ServiceExt as _;

use super::{Door, Gate, Granted};

/// Who answers a row.
#[derive(Clone, Copy)]
pub(crate) enum Answerer {
    Query(Handler),
    Collector(&'static HttpRoute),
}

pub(crate) struct Dispatch {
    pub(crate) gate: Arc<ArcSwap<Gate>>,
    pub(crate) routes: RouteTable<Answerer>,
    pub(crate) query: Query,
    pub(crate) collector: Collector,
    pub(crate) grpc: axum::Router,
    pub(crate) limits: Limits,
}

/// Why a request does not reach its handler.
struct Denied {
    class: ErrorClass,
    message: String,
}

impl Dispatch {
    /// Answers any request that came in by a door.
    pub(crate) async fn answer(self: Arc<Self>, door: Door, mut request: Request<Body>) -> Response<Body> {
        let grpc = is_grpc(request.headers());
        if let Err(refused) = self.gate.load().guard.check(request.method(), request.uri(), request.headers())
        {
            let denied = Denied { class: ErrorClass::Forbidden, message: refused.to_string() };
            return self.deny(grpc, None, request.headers(), &denied);
        }
        if grpc && matches!(door, Door::Main | Door::OtlpGrpc) {
            return self.answer_grpc(request).await;
        }
        if let Door::Classic(prefix) = door {
            put_before_path(request.uri_mut(), prefix);
        }
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        if method == Method::OPTIONS && self.is_ingest(&path) {
            return self.collector.handle_preflight(request.headers());
        }
        match self.routes.find(&method, &path) {
            Found::Route(route, params) if door == Door::Main || ingests(route) => {
                self.answer_route(route, params, request).await
            }
            Found::WrongMethod(allowed) if door == Door::Main || self.is_ingest(&path) => {
                query::wrong_method(&allowed)
            }
            _ => query::no_route(&path),
        }
    }

    async fn answer_grpc(&self, mut request: Request<Body>) -> Response<Body> {
        let asks = self.query.answers_grpc(request.uri().path());
        let granted = match self.grant(request.headers(), if asks { Role::Read } else { Role::Ingest }) {
            Ok(granted) => granted,
            Err(denied) => return self.deny(true, None, request.headers(), &denied),
        };
        if asks {
            let deadline = Timeout::Query.duration(&self.limits).map(|timeout| Instant::now() + timeout);
            return self.query.handle_grpc(self.context(granted, deadline), request).await;
        }
        request.extensions_mut().insert(self.context(granted, None));
        match self.grpc.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    async fn answer_route(
        &self,
        route: &Route<Answerer>,
        params: PathParams,
        request: Request<Body>,
    ) -> Response<Body> {
        let granted = match route.access {
            Access::Public => self.gate.load().authenticator.check(request.headers()).or_else(|_| nobody()),
            Access::Needs(role) => self.grant(request.headers(), role),
        };
        let granted = match granted {
            Ok(granted) => granted,
            Err(denied) => return self.deny(false, Some(route), request.headers(), &denied),
        };
        let deadline = route.timeout.duration(&self.limits).map(|timeout| Instant::now() + timeout);
        let ctx = self.context(granted, deadline);
        match route.handler {
            Answerer::Query(handler) => self.query.handle(ctx, route, handler, params, request).await,
            Answerer::Collector(row) => self.collector.handle_http(ctx, row, request).await,
        }
    }

    fn grant(&self, headers: &HeaderMap, needed: Role) -> Result<Granted, Denied> {
        let granted = self
            .gate
            .load()
            .authenticator
            .check(headers)
            .map_err(|error| Denied { class: error.class(), message: error.to_string() })?;
        if granted.role == needed || granted.role == Role::Admin {
            return Ok(granted);
        }
        let message =
            format!("the token {} has role {:?}, this needs {needed:?}", granted.principal, granted.role);
        Err(Denied { class: ErrorClass::Forbidden, message })
    }

    fn context(&self, granted: Granted, deadline: Option<Instant>) -> RequestCtx {
        let budget = Budget::new(self.limits.query_memory_bytes_max);
        RequestCtx::new(granted.tenant, &granted.principal, granted.role, deadline, budget)
    }

    fn is_ingest(&self, path: &str) -> bool {
        matches!(self.routes.find(&Method::POST, path), Found::Route(route, _) if ingests(route))
    }

    fn deny(
        &self,
        grpc: bool,
        route: Option<&Route<Answerer>>,
        headers: &HeaderMap,
        denied: &Denied,
    ) -> Response<Body> {
        if grpc {
            return self.collector.refuse_grpc(denied.class, &denied.message);
        }
        let mut response = match route.map(|route| (route.owner, route.handler)) {
            Some((_, Answerer::Collector(row))) => {
                self.collector.refuse_http(row, headers, denied.class, &denied.message)
            }
            other => query::refuse(other.map(|(owner, _)| owner), denied.class, &denied.message),
        };
        if denied.class == ErrorClass::Unauthenticated {
            let challenge = http::HeaderValue::from_static("Bearer realm=\"signalbox\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// What a request without a credential may be on a public row.
fn nobody() -> Result<Granted, Denied> {
    match Tenant::authenticated(Tenant::DEFAULT) {
        Ok(tenant) => Ok(Granted { tenant, principal: "anonymous".into(), role: Role::Read }),
        Err(error) => Err(Denied { class: ErrorClass::Internal, message: error.to_string() }),
    }
}

/// A path that cannot be put together stays as it is, and then has no row.
fn put_before_path(uri: &mut http::Uri, prefix: &str) {
    let rest = uri.path_and_query().map_or("/", |rest| rest.as_str());
    let Ok(longer) = format!("{prefix}{rest}").parse::<http::uri::PathAndQuery>() else { return };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(longer);
    if let Ok(whole) = http::Uri::from_parts(parts) {
        *uri = whole;
    }
}

fn ingests(route: &Route<Answerer>) -> bool {
    matches!(route.handler, Answerer::Collector(_))
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    content_type.is_some_and(|text| text.starts_with(b"application/grpc"))
}
