//! The service: takes a request whose row and principal are known, reads its body, runs its handler.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{Request, Response, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use store::model::{ErrorClass, RequestCtx};
use store::{Snapshot, Store};
use tokio::sync::Semaphore;

use crate::failure::{Failure, Reply};
use crate::own::{AnnotationSequence, ChatSequence, DashboardWrites, Provisioned, QueryLog, ServicesCache};
use crate::request::Params;
use crate::routes::{Family, PathParams, Route};
use crate::run::{RunStats, Runner};
use crate::{Config, Host, RulesView, tempo};

/// A handle; cheap to clone.
#[derive(Clone)]
pub struct Query(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) rules: Arc<dyn RulesView>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) services: ServicesCache,
    pub(crate) chat: ChatSequence,
    pub(crate) annotations: AnnotationSequence,
    pub(crate) dashboard_writes: DashboardWrites,
    pub(crate) provisioned: Provisioned,
    pub(crate) queries: QueryLog,
    /// Live tails and event streams open at once.
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) runner: Runner,
    /// Held by whoever changes what is deleted.
    pub(crate) deletions: tokio::sync::Mutex<()>,
}

/// How a row answers: the binary keeps it in its table and hands it back.
#[derive(Clone, Copy)]
pub struct Handler(pub(crate) Run);

/// The member says where it runs.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// From memory, at once.
    Now(fn(&Call) -> Result<Reply, Failure>),
    /// Reads data: with a permit, on a blocking thread, until the deadline.
    Read(fn(&Call) -> Result<Reply, Failure>),
    /// Waits for something else, or answers with a stream.
    Wait(fn(Call) -> BoxFuture<'static, Result<Reply, Failure>>),
}

/// One request as handlers see it.
pub(crate) struct Call {
    pub(crate) ctx: RequestCtx,
    pub(crate) path: PathParams,
    pub(crate) params: Params,
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) shared: Arc<Shared>,
}

// === impl Query ===

impl Query {
    pub fn new(config: Config, store: Store, rules: Arc<dyn RulesView>, host: Arc<dyn Host>) -> Self {
        let limits = &config.limits;
        let streams =
            usize::try_from(limits.tail_clients_max).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Shared {
            runner: Runner::new(limits.queries_concurrent_max),
            streams: Arc::new(Semaphore::new(streams)),
            deletions: tokio::sync::Mutex::default(),
            services: ServicesCache::default(),
            chat: ChatSequence::default(),
            annotations: AnnotationSequence::default(),
            dashboard_writes: DashboardWrites::default(),
            provisioned: Provisioned::new(config.provisioning.clone()),
            queries: QueryLog::default(),
            config,
            store,
            rules,
            host,
        }))
    }

    /// Takes up what was begun before the process started: to be called before the first request.
    pub async fn resume(&self) -> Result<(), String> {
        crate::loki::delete::resume(&self.0.store).await.map_err(|failure| failure.message)
    }

    /// Dashboards from files, for the task that looks at them.
    pub fn provisioned(&self) -> Provisioned {
        self.0.provisioned.clone()
    }

    pub fn stats(&self) -> RunStats {
        self.0.runner.stats()
    }

    /// Answers a request. `ctx` comes from authentication, which has held the row's role and tenant against the
    /// principal; dropping the future cancels the work. `H` is what the binary made of the row's handler.
    pub async fn handle<H>(
        &self,
        ctx: RequestCtx,
        route: &Route<H>,
        handler: Handler,
        path: PathParams,
        request: Request<Body>,
    ) -> Reply {
        let owner = route.owner;
        let (parts, body) = request.into_parts();
        let answered = match read_body(&parts, body, route.body_bytes_max).await {
            Ok(body) => {
                let form = if is_form(&parts) { &body[..] } else { &[] };
                let params = Params::new(parts.uri.query(), form);
                let call = Call { ctx, path, params, parts, body, shared: Arc::clone(&self.0) };
                self.dispatch(call, handler, owner).await
            }
            Err(failure) => Err(failure),
        };
        answered.unwrap_or_else(|failure| explain(&failure, owner))
    }

    /// Whether a gRPC call of that path is answered here.
    pub fn answers_grpc(&self, path: &str) -> bool {
        tempo::grpc::method(path).is_some()
    }

    /// Answers a gRPC call; `ctx` is as for [`Query::handle`].
    pub async fn handle_grpc(&self, ctx: RequestCtx, request: Request<Body>) -> Response<Body> {
        match tempo::grpc::method(request.uri().path()) {
            Some(method) => tempo::grpc::answer(&self.0, ctx, method, request).await,
            None => crate::no_route(request.uri().path()),
        }
    }

    async fn dispatch(&self, call: Call, handler: Handler, owner: Family) -> Result<Reply, Failure> {
        match handler.0 {
            Run::Now(answer) => answer(&call),
            Run::Wait(answer) => answer(call).await,
            Run::Read(answer) => {
                let ctx = call.ctx.clone();
                let noted = self.0.queries.begin(&call, owner);
                let answered = self.0.runner.run(&ctx, move || answer(&call)).await;
                noted.answered(status_of(&answered, owner));
                answered
            }
        }
    }
}

fn status_of(answered: &Result<Reply, Failure>, owner: Family) -> u16 {
    match answered {
        Ok(reply) => reply.status().as_u16(),
        Err(failure) => failure.reply(owner).status().as_u16(),
    }
}

fn explain(failure: &Failure, owner: Family) -> Reply {
    if failure.class == ErrorClass::Internal {
        tracing::error!(error = %failure, api = owner.title(), "a query could not be answered");
    }
    failure.reply(owner)
}

fn is_form(parts: &Parts) -> bool {
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| text.trim_start().starts_with("application/x-www-form-urlencoded"))
}

async fn read_body(parts: &Parts, body: Body, bytes_max: u64) -> Result<Bytes, Failure> {
    let too_large = || {
        Failure::new(
            ErrorClass::TooLarge,
            format!("the body is larger than the {bytes_max} bytes allowed here"),
        )
    };
    let declared =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|bytes: u64| bytes > bytes_max) {
        return Err(too_large());
    }
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Failure::bad(format!("the body could not be read: {error}"))),
    }
}

// === impl Call ===

impl Call {
    pub(crate) fn now_ns(&self) -> i64 {
        (self.shared.config.clock)()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ns().div_euclid(1_000_000)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.shared.store.snapshot(&self.ctx.tenant)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
