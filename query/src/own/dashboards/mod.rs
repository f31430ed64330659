//! `/api/signalbox/dashboards`: dashboards as documents, with every version kept. The body of a version is Grafana's
//! dashboard JSON as it was given; what it means is for the user interface to know.
//!
//! A dashboard is one small document (title, folder, list of versions) and one document for each version, so that a list
//! reads no bodies. Dashboards that ship with the program or come from files are there until somebody saves over them.

mod base;
mod provisioned;
mod shipped;
#[cfg(test)]
mod tests;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Change, DocumentKind, Documents};

pub use provisioned::Provisioned;

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
pub(super) struct Stored {
    pub(super) title: String,
    pub(super) folder: String,
    pub(super) tags: Vec<String>,
    /// Oldest first; empty if nobody saved it.
    pub(super) versions: Vec<Version>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) version: u64,
    pub(super) at_ms: i64,
    pub(super) by: String,
    pub(super) message: String,
}

/// What came of a save.
pub(super) enum Saved {
    Done(Stored),
    /// Somebody else saved in between: the newest version.
    Conflict(u64),
}

/// What is sent to save one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Save {
    pub(super) model: Value,
    #[serde(default)]
    pub(super) folder: String,
    #[serde(default)]
    pub(super) message: String,
    /// The version the change began with; 0 for a dashboard that must be new. Absent overwrites whatever is there.
    pub(super) version: Option<u64>,
}

pub(crate) fn list(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let all = all(&call).await?;
        let files = call.shared.provisioned.now();
        Ok(json_reply(|json| {
            json.object(|o| {
                o.key("dashboards").array(|a| {
                    for (uid, stored) in &all {
                        a.object(|d| summary(d, uid, stored));
                    }
                });
                o.key("problems").strings(files.problems.iter().map(String::as_str));
            });
        }))
    }
    .boxed()
}

pub(crate) fn get(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let uid = uid(&call)?;
        let (stored, model) = newest(&call, &uid).await?.ok_or_else(|| unknown(&uid))?;
        Ok(whole(&uid, &stored, &model))
    }
    .boxed()
}

pub(crate) fn version(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let uid = uid(&call)?;
        let wanted = call.path.get("version");
        let version: u64 = wanted.parse().map_err(|_| Failure::bad(format!("{wanted:?} is no version")))?;
        let model = match (version, base::find(&call.shared.provisioned, &uid)) {
            (0, Some(one)) => one.json,
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
        match keep(&call, &uid, save).await? {
            Saved::Done(stored) => Ok(json_reply(|json| json.object(|o| summary(o, &uid, &stored)))),
            Saved::Conflict(newest) => Ok(conflict(newest)),
        }
    }
    .boxed()
}

pub(crate) fn delete(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let uid = uid(&call)?;
        remove(&call, &uid).await?;
        Ok(json_reply(|json| json.object(|o| o.member("uid", &uid))))
    }
    .boxed()
}

/// All dashboards of the tenant without their bodies, saved ones first.
pub(super) async fn all(call: &Call) -> Result<Vec<(String, Stored)>, Failure> {
    let found = documents(call).list(&call.ctx.tenant, DocumentKind::Dashboard).await?;
    let mut all: Vec<(String, Stored)> = Vec::with_capacity(found.len());
    for document in found {
        all.push((document.id, parse(&document.bytes)?));
    }
    let mut others = base::all(&call.shared.provisioned);
    others.retain(|(uid, _)| all.iter().all(|(saved, _)| saved != uid));
    all.extend(others);
    Ok(all)
}

/// The newest version with its JSON.
pub(super) async fn newest(call: &Call, uid: &str) -> Result<Option<(Stored, String)>, Failure> {
    let Some(stored) = stored(call, uid).await? else {
        return Ok(base::find(&call.shared.provisioned, uid).map(|one| (one.stored, one.json)));
    };
    let model = body(call, uid, stored.version()).await?;
    Ok(Some((stored, model)))
}

pub(super) async fn keep(call: &Call, uid: &str, save: Save) -> Result<Saved, Failure> {
    save.check()?;
    let _one_at_a_time = call.shared.dashboard_writes.0.lock().await;
    let before = stored(call, uid).await?;
    let newest = before.as_ref().map_or(0, Stored::version);
    if save.version.is_some_and(|base| base != newest) {
        return Ok(Saved::Conflict(newest));
    }
    if before.is_none() {
        let all = documents(call).list(&call.ctx.tenant, DocumentKind::Dashboard).await?;
        if all.len() >= DASHBOARDS_MAX {
            return Err(Failure::bad(format!(
                "there are {DASHBOARDS_MAX} dashboards: delete one before saving another"
            )));
        }
    }
    let (changes, stored) = save.apply(call, uid, before)?;
    documents(call).commit(&call.ctx.tenant, changes).await?;
    Ok(Saved::Done(stored))
}

/// What was deleted.
pub(super) async fn remove(call: &Call, uid: &str) -> Result<Stored, Failure> {
    let _one_at_a_time = call.shared.dashboard_writes.0.lock().await;
    let Some(stored) = stored(call, uid).await? else {
        return Err(match base::find(&call.shared.provisioned, uid) {
            Some(_) => {
                Failure::bad(format!("{uid:?} comes with the program or from a file and cannot be deleted"))
            }
            None => unknown(uid),
        });
    };
    let kind = DocumentKind::DashboardVersion;
    let gone = |version: &Version| Change::Delete { kind, id: body_id(uid, version.version) };
    let mut changes: Vec<Change> = stored.versions.iter().map(gone).collect();
    changes.push(Change::Delete { kind: DocumentKind::Dashboard, id: uid.to_owned() });
    documents(call).commit(&call.ctx.tenant, changes).await?;
    Ok(stored)
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
    pub(super) fn version(&self) -> u64 {
        self.versions.last().map_or(0, |last| last.version)
    }
}

/// In the v2 schema it stands in `spec`.
fn member_of<'m>(model: &'m Value, name: &str) -> Option<&'m Value> {
    model.get(name).or_else(|| model.get("spec")?.get(name))
}

pub(super) fn title_of(model: &Value) -> &str {
    member_of(model, "title").and_then(Value::as_str).unwrap_or_default()
}

fn tags_of(model: &Value) -> Vec<String> {
    let tags = member_of(model, "tags").and_then(Value::as_array);
    tags.into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
}

fn documents(call: &Call) -> Documents {
    call.shared.store.documents()
}

/// Only names that stand in a path and in an id as they are.
fn uid(call: &Call) -> Result<String, Failure> {
    checked_uid(call.path.get("uid"))
}

pub(super) fn checked_uid(uid: &str) -> Result<String, Failure> {
    match is_uid(uid) {
        true => Ok(uid.to_owned()),
        false => {
            Err(Failure::bad(format!("{uid:?} is no uid: use up to {UID_CHARS_MAX} letters, digits, - or _")))
        }
    }
}

fn is_uid(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= UID_CHARS_MAX && text.chars().all(plain)
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

pub(super) fn unknown(uid: &str) -> Failure {
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
