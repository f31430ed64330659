//! `/api/signalbox/dashboards`: dashboards as documents, with every version kept. The body of a version is Grafana's
//! dashboard JSON as it was given; what it means is for the user interface to know.
//!
//! A dashboard is one small document (title, folder, list of versions) and one document for each version, so that a list
//! reads no bodies. Dashboards that ship with the program are there until somebody saves over them.

mod shipped;
#[cfg(test)]
mod tests;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Change, DocumentKind, Documents};

use crate::failure::{Failure, Reply, json_reply, reply};
use crate::json::Json;
use crate::service::Call;

/// Older versions of a dashboard go.
const VERSIONS_MAX: usize = 100;
const DASHBOARDS_MAX: usize = 2_000;
const UID_CHARS_MAX: usize = 60;
const TITLE_CHARS_MAX: usize = 300;
const MESSAGE_CHARS_MAX: usize = 500;

/// One save at a time: each reads the newest version and writes the next.
#[derive(Default)]
pub(crate) struct DashboardWrites(tokio::sync::Mutex<()>);

/// A dashboard without its body.
#[derive(Serialize, Deserialize)]
struct Stored {
    title: String,
    folder: String,
    tags: Vec<String>,
    /// Oldest first; never empty.
    versions: Vec<Version>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Version {
    version: u64,
    at_ms: i64,
    by: String,
    message: String,
}

/// What is sent to save one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Save {
    model: Value,
    #[serde(default)]
    folder: String,
    #[serde(default)]
    message: String,
    /// The version the change began with; 0 for a dashboard that must be new. Absent overwrites whatever is there.
    version: Option<u64>,
}

pub(crate) fn list(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let found = documents(&call).list(&call.ctx.tenant, DocumentKind::Dashboard).await?;
        let mut saved: Vec<(String, Stored)> = Vec::with_capacity(found.len());
        for document in found {
            saved.push((document.id, parse(&document.bytes)?));
        }
        Ok(json_reply(|json| {
            json.object(|o| {
                o.key("dashboards").array(|a| {
                    for (uid, stored) in &saved {
                        a.object(|d| summary(d, uid, stored));
                    }
                    for one in shipped::SHIPPED.iter().filter(|s| saved.iter().all(|(uid, _)| uid != s.uid)) {
                        a.object(|d| summary(d, one.uid, &one.stored()));
                    }
                });
            });
        }))
    }
    .boxed()
}

pub(crate) fn get(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let uid = uid(&call)?;
        let Some(stored) = stored(&call, &uid).await? else {
            let one = shipped::find(&uid).ok_or_else(|| unknown(&uid))?;
            return Ok(whole(&uid, &one.stored(), one.json));
        };
        let model = body(&call, &uid, stored.version()).await?;
        Ok(whole(&uid, &stored, &model))
    }
    .boxed()
}

pub(crate) fn version(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let uid = uid(&call)?;
        let wanted = call.path.get("version");
        let version: u64 = wanted.parse().map_err(|_| Failure::bad(format!("{wanted:?} is no version")))?;
        let model = match (version, shipped::find(&uid)) {
            (0, Some(one)) => one.json.to_owned(),
            _ => body(&call, &uid, version).await?,
        };
        Ok(json_reply(|json| {
            json.object(|o| {
                o.member("uid", &uid);
                o.key("version").int(version);
                o.key("model").raw(&model);
            });
        }))
    }
    .boxed()
}

pub(crate) fn put(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let uid = uid(&call)?;
        let save: Save = serde_json::from_slice(&call.body)
            .map_err(|error| Failure::bad(format!("the body is no dashboard to save: {error}")))?;
        save.check()?;
        let _one_at_a_time = call.shared.dashboard_writes.0.lock().await;
        let before = stored(&call, &uid).await?;
        let newest = before.as_ref().map_or(0, Stored::version);
        if let Some(base) = save.version
            && base != newest
        {
            return Ok(conflict(newest));
        }
        if before.is_none() {
            let all = documents(&call).list(&call.ctx.tenant, DocumentKind::Dashboard).await?;
            if all.len() >= DASHBOARDS_MAX {
                return Err(Failure::bad(format!(
                    "there are {DASHBOARDS_MAX} dashboards: delete one before saving another"
                )));
            }
        }
        let (changes, stored) = save.apply(&call, &uid, before)?;
        documents(&call).commit(&call.ctx.tenant, changes).await?;
        Ok(json_reply(|json| json.object(|o| summary(o, &uid, &stored))))
    }
    .boxed()
}

pub(crate) fn delete(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let uid = uid(&call)?;
        let _one_at_a_time = call.shared.dashboard_writes.0.lock().await;
        let Some(stored) = stored(&call, &uid).await? else {
            return Err(match shipped::find(&uid) {
                Some(_) => Failure::bad(format!("{uid:?} comes with the program and cannot be deleted")),
                None => unknown(&uid),
            });
        };
        let kind = DocumentKind::DashboardVersion;
        let gone = |version: &Version| Change::Delete { kind, id: body_id(&uid, version.version) };
        let mut changes: Vec<Change> = stored.versions.iter().map(gone).collect();
        changes.push(Change::Delete { kind: DocumentKind::Dashboard, id: uid.clone() });
        documents(&call).commit(&call.ctx.tenant, changes).await?;
        Ok(json_reply(|json| json.object(|o| o.member("uid", &uid))))
    }
    .boxed()
}

// === impl Save ===

impl Save {
    fn check(&self) -> Result<(), Failure> {
        if !self.model.is_object() {
            return Err(Failure::bad("the dashboard must be a JSON object"));
        }
        let title = self.title();
        if title.trim().is_empty() || title.chars().count() > TITLE_CHARS_MAX {
            return Err(Failure::bad(format!(
                "the dashboard needs a title of at most {TITLE_CHARS_MAX} characters"
            )));
        }
        if self.folder.chars().count() > TITLE_CHARS_MAX || self.message.chars().count() > MESSAGE_CHARS_MAX {
            return Err(Failure::bad("the name of the folder or the message is too long"));
        }
        Ok(())
    }

    fn title(&self) -> &str {
        title_of(&self.model)
    }

    /// What changes, and what the dashboard is afterwards.
    fn apply(self, call: &Call, uid: &str, before: Option<Stored>) -> Result<(Vec<Change>, Stored), Failure> {
        let mut versions = before.map(|stored| stored.versions).unwrap_or_default();
        let version = versions.last().map_or(0, |last| last.version) + 1;
        let message = self.message.clone();
        versions.push(Version { version, at_ms: call.now_ms(), by: call.ctx.principal.to_string(), message });
        let kind = DocumentKind::DashboardVersion;
        let over = versions.len().saturating_sub(VERSIONS_MAX);
        let mut changes: Vec<Change> = versions
            .drain(..over)
            .map(|old| Change::Delete { kind, id: body_id(uid, old.version) })
            .collect();
        let (title, tags) = (self.title().to_owned(), tags_of(&self.model));
        let stored = Stored { title, tags, folder: self.folder, versions };
        let internal =
            |error: serde_json::Error| Failure::new(store::model::ErrorClass::Internal, error.to_string());
        let bytes = serde_json::to_vec(&self.model).map_err(internal)?;
        changes.push(Change::Put { kind, id: body_id(uid, version), bytes });
        let bytes = serde_json::to_vec(&stored).map_err(internal)?;
        changes.push(Change::Put { kind: DocumentKind::Dashboard, id: uid.to_owned(), bytes });
        Ok((changes, stored))
    }
}

// === impl Stored ===

impl Stored {
    /// The newest version; 0 is one that nobody saved.
    fn version(&self) -> u64 {
        self.versions.last().map_or(0, |last| last.version)
    }
}

fn title_of(model: &Value) -> &str {
    model.get("title").and_then(Value::as_str).unwrap_or_default()
}

fn tags_of(model: &Value) -> Vec<String> {
    let tags = model.get("tags").and_then(Value::as_array);
    tags.into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
}

fn documents(call: &Call) -> Documents {
    call.shared.store.documents()
}

/// Only names that stand in a path and in an id as they are.
fn uid(call: &Call) -> Result<String, Failure> {
    let uid = call.path.get("uid");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if uid.is_empty() || uid.len() > UID_CHARS_MAX || !uid.chars().all(plain) {
        return Err(Failure::bad(format!(
            "{uid:?} is no uid: use up to {UID_CHARS_MAX} letters, digits, - or _"
        )));
    }
    Ok(uid.to_owned())
}

async fn stored(call: &Call, uid: &str) -> Result<Option<Stored>, Failure> {
    let found = documents(call).get(&call.ctx.tenant, DocumentKind::Dashboard, uid).await?;
    found.map(|document| parse(&document.bytes)).transpose()
}

/// The JSON of one version, as it was written.
async fn body(call: &Call, uid: &str, version: u64) -> Result<String, Failure> {
    let id = body_id(uid, version);
    let found = documents(call).get(&call.ctx.tenant, DocumentKind::DashboardVersion, &id).await?;
    let Some(document) = found else {
        return Err(Failure::not_found(format!("there is no version {version} of a dashboard {uid:?}")));
    };
    Ok(String::from_utf8_lossy(&document.bytes).into_owned())
}

fn body_id(uid: &str, version: u64) -> String {
    format!("{uid}/{version:08}")
}

fn parse(bytes: &[u8]) -> Result<Stored, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        Failure::new(store::model::ErrorClass::Internal, format!("read a dashboard's document: {error}"))
    })
}

fn unknown(uid: &str) -> Failure {
    Failure::not_found(format!("there is no dashboard {uid:?}"))
}

/// 409: somebody else saved in between.
fn conflict(newest: u64) -> Reply {
    let mut json = Json::default();
    json.object(|o| {
        let message = format!("the dashboard was saved by somebody else: its newest version is {newest}");
        o.member("error", &message);
        o.key("version").int(newest);
    });
    reply(StatusCode::CONFLICT, "application/json", json.into_bytes())
}

fn summary(json: &mut Json, uid: &str, stored: &Stored) {
    json.member("uid", uid);
    json.member("title", &stored.title);
    json.member("folder", &stored.folder);
    json.key("tags").strings(stored.tags.iter().map(String::as_str));
    json.key("version").int(stored.version());
    json.key("updated_ms").int(stored.versions.last().map_or(0, |last| last.at_ms));
    json.key("shipped").bool(stored.versions.is_empty());
}

fn whole(uid: &str, stored: &Stored, model: &str) -> Reply {
    json_reply(|json| {
        json.object(|o| {
            summary(o, uid, stored);
            o.key("versions").array(|a| {
                for version in stored.versions.iter().rev() {
                    a.object(|v| {
                        v.key("version").int(version.version);
                        v.key("at_ms").int(version.at_ms);
                        v.member("by", &version.by);
                        v.member("message", &version.message);
                    });
                }
            });
            o.key("model").raw(model);
        });
    })
}
