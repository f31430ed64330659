//! A whole service in memory for tests: a store with a few records, a fixed clock, a host and rules that say little.

mod data;
mod isolation;
mod stand_ins;
mod trace_clients;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Request, header};
use http_body_util::BodyExt;
use store::model::{Batch, Budget, RequestCtx, Role, Tenant};
use store::{Append, Store};

use crate::routes::{Found, RouteTable};
use crate::service::Handler;
use crate::{
    Config, NoRules, Notifier, NotifierConfig, NotifyConfig, Query, Reply, RulesView, no_route, routes,
    wrong_method,
};

/// 2025-11-23T20:33:20Z.
pub(crate) const NOW_S: i64 = 1_763_930_000;
pub(crate) const NOW_NS: i64 = NOW_S * 1_000_000_000;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) query: Query,
    table: RouteTable<Handler>,
    _dir: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) location: String,
    pub(crate) content_type: String,
}

pub(crate) fn ctx(tenant: &str) -> RequestCtx {
    let deadline = Instant::now() + Duration::from_secs(60);
    let tenant = Tenant::authenticated(tenant).unwrap();
    RequestCtx::new(tenant, "anonymous", Role::Admin, Some(deadline), Budget::new(1 << 30))
}

impl World {
    pub(crate) fn new() -> Self {
        let (dir, store) = Self::opened();
        Self::of(dir, store, Arc::new(NoRules))
    }

    /// Tenant `a` has records.
    pub(crate) async fn with_data() -> Self {
        let world = Self::new();
        world.fill("a", "").await;
        world
    }

    /// Tenant `a` has a rule that fires.
    pub(crate) async fn with_rules() -> Self {
        let (dir, store) = Self::opened();
        let settings = NotifierConfig {
            evidence: true,
            external_url: "http://signalbox".into(),
            webhook_deny: Vec::new(),
            webhook_allow: Vec::new(),
            outbox_messages_max: 100,
            clock: Arc::new(|| NOW_NS),
        };
        let receivers = NotifyConfig::parse(stand_ins::RECEIVERS, Path::new(".")).unwrap();
        let notifier = Notifier::new(settings, receivers, store.clone()).unwrap();
        let tenant = Tenant::authenticated("a").unwrap();
        notifier
            .tell(&tenant, "shop", (vec![stand_ins::told()], Vec::new()), Vec::new(), NOW_S * 1000)
            .await
            .unwrap();
        Self::of(dir, store, Arc::new(stand_ins::Rules(notifier)))
    }

    fn opened() -> (tempfile::TempDir, Store) {
        // As the binary does; the second to try finds it done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(store::Config::new(dir.path())).unwrap();
        (dir, store)
    }

    fn of(dir: tempfile::TempDir, store: Store, rules: Arc<dyn RulesView>) -> Self {
        let config = Config { clock: Arc::new(|| NOW_NS), ..Config::new("0.0.0-test") };
        let query = Query::new(config, store.clone(), rules, Arc::new(stand_ins::Process));
        Self { store, query, table: RouteTable::new(routes()).unwrap(), _dir: dir }
    }

    /// Three logs, three spans of one trace and four samples, all in the last five minutes. What a `marker` is given,
    /// every record carries it in values and in a name.
    pub(crate) async fn fill(&self, tenant: &str, marker: &str) {
        for batch in [data::logs(marker), data::spans(marker), data::samples(marker)] {
            self.append(tenant.to_owned(), batch).await;
        }
    }

    async fn append(&self, tenant: String, batch: Batch) {
        let append = Append { batch, key: None, answer: Vec::new() };
        self.store.writer().append(&ctx(&tenant), append).await.unwrap();
    }

    pub(crate) async fn reply(&self, tenant: &str, path: &str) -> Reply {
        self.send(tenant, Request::get(encoded(path)).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.reply("a", path).await).await
    }

    pub(crate) async fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        let request = Request::get(encoded(path)).header(name, value).body(Body::empty()).unwrap();
        Answer::of(self.send("a", request).await).await
    }

    pub(crate) async fn post(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let request = Request::post(encoded(path)).header(header::CONTENT_TYPE, content_type);
        Answer::of(self.send("a", request.body(Body::from(body.to_owned())).unwrap()).await).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        let request = Request::delete(encoded(path)).body(Body::empty()).unwrap();
        Answer::of(self.send("a", request).await).await
    }

    pub(crate) async fn post_form(&self, path: &str, form: &str) -> Answer {
        self.post(path, "application/x-www-form-urlencoded", form).await
    }

    /// What the binary does with a request, without its connection and credentials.
    pub(crate) async fn send(&self, tenant: &str, request: Request<Body>) -> Reply {
        match self.table.find(&request.method().clone(), request.uri().path()) {
            Found::Route(route, params) => {
                self.query.handle(ctx(tenant), route, route.handler, params, request).await
            }
            Found::WrongMethod(allowed) => wrong_method(&allowed),
            Found::Nothing => no_route(request.uri().path()),
        }
    }

    /// Each path's body; `*` in what is wanted stands for anything.
    pub(crate) async fn golden(&self, cases: &[(&str, &str)]) {
        for (path, wanted) in cases {
            let answer = self.get(path).await;
            assert!(like(&answer.body, wanted), "{path}\n got {}\nwant {wanted}", answer.body);
        }
    }
}

impl Answer {
    pub(crate) async fn of(reply: Reply) -> Self {
        let header =
            |name| reply.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let (location, content_type) = (header(header::LOCATION), header(header::CONTENT_TYPE));
        let status = reply.status().as_u16();
        let bytes = reply.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Self { status, body, location, content_type }
    }
}

fn encoded(path: &str) -> String {
    path.chars().fold(String::new(), |out, c| {
        if c.is_ascii() && !" \"<>{}|\\^`".contains(c) { out + &c.to_string() } else { out + &escaped(c) }
    })
}

fn escaped(c: char) -> String {
    c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Whether a text is a pattern with `*` in it.
pub(crate) fn like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (at, part) in parts.iter().enumerate() {
        if at + 1 == parts.len() {
            return rest.ends_with(part);
        }
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.is_empty()
}

#[test]
fn patterns_match_whole_texts() {
    assert!(like("abc", "a*c") && like("abc", "abc") && like("abc", "*") && like("", "*"));
    assert!(!like("abc", "ab") && !like("abc", "b*") && !like("abc", "a*b"));
}
