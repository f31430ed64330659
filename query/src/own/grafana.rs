//! `/grafana/api/…`: the few calls of Grafana's HTTP API that deployment tools make: they look whether it lives, save and list
//! dashboards, and mark deployments. Ids that are numbers in Grafana are hashes of ours here; nothing keeps them.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::dashboards::{self, Save, Saved, Stored};
use crate::failure::{Failure, Reply, json_reply, reply};
use crate::json::Json;
use crate::service::Call;

/// The Grafana whose answers these are.
const VERSION: &str = "11.6.0";
const SEARCH_MAX: usize = 5_000;

/// Type and uid of what can be asked here, as dashboards refer to it.
const SOURCES: [(&str, &str); 3] = [("prometheus", "/"), ("loki", "/"), ("tempo", "/")];

/// The body of `dashboards/db`; other members are for what is not here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    dashboard: Value,
    #[serde(default)]
    folder_uid: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    overwrite: bool,
}

pub(crate) fn health(_: &Call) -> Result<Reply, Failure> {
    Ok(json_reply(|json| {
        json.object(|o| {
            o.member("database", "ok");
            o.member("version", VERSION);
            o.member("commit", "");
        });
    }))
}

pub(crate) fn data_sources(_: &Call) -> Result<Reply, Failure> {
    Ok(json_reply(|json| {
        json.array(|a| {
            for (id, (kind, url)) in (1..).zip(SOURCES) {
                a.object(|o| {
                    o.key("id").int(id);
                    o.member("uid", kind);
                    o.member("name", kind);
                    o.member("type", kind);
                    o.member("url", url);
                    o.member("access", "proxy");
                    o.key("isDefault").bool(kind == "prometheus");
                    o.key("readOnly").bool(true);
                });
            }
        });
    }))
}

/// Dashboards, or with `type=dash-folder` folders, that contain the text and have the tags.
pub(crate) fn search(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let all = dashboards::all(&call).await?;
        let limit = call.params.limit("limit", 1_000, SEARCH_MAX)?;
        if call.params.get("type") == Some("dash-folder") {
            return Ok(json_reply(|json| {
                json.array(|a| {
                    for name in folder_names(&all).iter().take(limit) {
                        a.object(|o| {
                            write_folder(o, name);
                            o.member("type", "dash-folder");
                        });
                    }
                });
            }));
        }
        let text = call.params.get("query").unwrap_or_default().to_lowercase();
        let tags: Vec<&str> = call.params.all("tag").collect();
        let uids: Vec<&str> = call.params.all("dashboardUIDs").flat_map(|list| list.split(',')).collect();
        let wanted = |(uid, stored): &&(String, Stored)| {
            stored.title.to_lowercase().contains(&text)
                && tags.iter().all(|tag| stored.tags.iter().any(|known| known == tag))
                && (uids.is_empty() || uids.contains(&uid.as_str()))
        };
        let found: Vec<&(String, Stored)> = all.iter().filter(wanted).take(limit).collect();
        Ok(json_reply(|json| {
            json.array(|a| found.iter().for_each(|(uid, stored)| write_hit(a, uid, stored)))
        }))
    }
    .boxed()
}

pub(crate) fn folders(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let all = dashboards::all(&call).await?;
        Ok(json_reply(|json| {
            json.array(|a| folder_names(&all).iter().for_each(|name| a.object(|o| write_folder(o, name))));
        }))
    }
    .boxed()
}

/// A folder is there as soon as a dashboard is in it: making one only says what it will be called.
pub(crate) fn make_folder(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let given: Value = serde_json::from_slice(&call.body)
            .map_err(|error| Failure::bad(format!("the body is no folder: {error}")))?;
        let title = given.get("title").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        if title.is_empty() {
            return Err(Failure::bad("the folder needs a title"));
        }
        Ok(json_reply(|json| json.object(|o| write_folder(o, &title))))
    }
    .boxed()
}

pub(crate) fn save(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let given: Given = serde_json::from_slice(&call.body)
            .map_err(|error| Failure::bad(format!("the body is no dashboard to save: {error}")))?;
        let member = |name: &str| given.dashboard.get(name);
        let title = member("title").and_then(Value::as_str).unwrap_or_default().to_owned();
        let own = member("uid").and_then(Value::as_str).unwrap_or_default();
        let uid = match own.is_empty() {
            true => uid_of_title(&title),
            false => dashboards::checked_uid(own)?,
        };
        // Grafana holds the version of the JSON against the newest; one without an id must be new.
        let known = dashboards::newest(&call, &uid).await?.map(|(stored, _)| stored);
        let base = match (given.overwrite, &known) {
            (true, _) => None,
            (false, Some(_)) => Some(member("version").and_then(Value::as_u64).unwrap_or(0)),
            (false, None) => Some(0),
        };
        let folder = match (&given.folder_uid, &known) {
            (Some(folder), _) => folder_of_uid(&dashboards::all(&call).await?, folder),
            (None, Some(known)) if !known.versions.is_empty() => known.folder.clone(),
            (None, _) => String::new(),
        };
        let message = given.message.clone().unwrap_or_default();
        let save = Save { model: given.dashboard.clone(), folder, message, version: base };
        Ok(match dashboards::keep(&call, &uid, save).await? {
            Saved::Done(stored) => json_reply(|json| {
                json.object(|o| {
                    o.key("id").int(number(&uid));
                    o.member("uid", &uid);
                    o.member("url", &path(&uid));
                    o.member("status", "success");
                    o.key("version").int(stored.version());
                    o.member("slug", &uid_of_title(&stored.title));
                });
            }),
            Saved::Conflict(_) => version_mismatch(),
        })
    }
    .boxed()
}

pub(crate) fn get(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let uid = dashboards::checked_uid(call.path.get("uid"))?;
        let (stored, model) =
            dashboards::newest(&call, &uid).await?.ok_or_else(|| dashboards::unknown(&uid))?;
        let mut model: Value = serde_json::from_str(&model).unwrap_or_default();
        if let Some(members) = model.as_object_mut() {
            members.insert("uid".into(), uid.as_str().into());
            members.insert("id".into(), number(&uid).into());
            members.insert("version".into(), stored.version().into());
        }
        Ok(json_reply(|json| {
            json.object(|o| {
                o.key("meta").object(|m| {
                    m.member("type", "db");
                    m.member("url", &path(&uid));
                    m.member("slug", &uid_of_title(&stored.title));
                    m.key("version").int(stored.version());
                    m.key("isFolder").bool(false);
                    m.key("provisioned").bool(stored.versions.is_empty());
                    m.member("folderTitle", &stored.folder);
                    m.member("folderUid", &folder_uid(&stored.folder));
                });
                o.key("dashboard").raw(&model.to_string());
            });
        }))
    }
    .boxed()
}

pub(crate) fn delete(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let uid = dashboards::checked_uid(call.path.get("uid"))?;
        let gone = dashboards::remove(&call, &uid).await?;
        Ok(json_reply(|json| {
            json.object(|o| {
                o.member("title", &gone.title);
                o.member("message", &format!("Dashboard {} deleted", gone.title));
                o.member("uid", &uid);
            });
        }))
    }
    .boxed()
}

fn version_mismatch() -> Reply {
    let mut json = Json::default();
    json.object(|o| {
        o.member("status", "version-mismatch");
        o.member("message", "The dashboard has been changed by someone else");
    });
    reply(StatusCode::PRECONDITION_FAILED, "application/json", json.into_bytes())
}

fn write_hit(json: &mut Json, uid: &str, stored: &Stored) {
    json.object(|o| {
        o.key("id").int(number(uid));
        o.member("uid", uid);
        o.member("title", &stored.title);
        o.member("url", &path(uid));
        o.member("type", "dash-db");
        o.key("tags").strings(stored.tags.iter().map(String::as_str));
        if !stored.folder.is_empty() {
            o.member("folderTitle", &stored.folder);
            o.member("folderUid", &folder_uid(&stored.folder));
        }
    });
}

fn write_folder(json: &mut Json, name: &str) {
    json.key("id").int(number(name));
    json.member("uid", &folder_uid(name));
    json.member("title", name);
}

fn folder_names(all: &[(String, Stored)]) -> BTreeSet<String> {
    all.iter().map(|(_, stored)| stored.folder.clone()).filter(|name| !name.is_empty()).collect()
}

/// The folder with that uid; a name nobody has yet is taken as it is.
fn folder_of_uid(all: &[(String, Stored)], uid: &str) -> String {
    folder_names(all).into_iter().find(|name| folder_uid(name) == uid).unwrap_or_else(|| uid.to_owned())
}

fn folder_uid(name: &str) -> String {
    if name.is_empty() { String::new() } else { uid_of_title(name) }
}

/// Lower case, everything but letters and digits as a dash.
fn uid_of_title(title: &str) -> String {
    let mut uid = String::new();
    for c in title.to_lowercase().chars() {
        match c.is_ascii_alphanumeric() {
            true => uid.push(c),
            false if !uid.ends_with('-') && !uid.is_empty() => uid.push('-'),
            false => {}
        }
    }
    let cut: String = uid.trim_end_matches('-').chars().take(40).collect();
    // A title in another script leaves nothing.
    if cut.is_empty() { format!("d{}", number(title)) } else { cut }
}

fn number(text: &str) -> i64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    // Clients of Grafana read it as a 32-bit number.
    i64::from(hasher.finish() as u32 >> 1)
}

fn path(uid: &str) -> String {
    format!("/ui/dashboards/{uid}")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{Method, Request};
    use serde_json::Value;

    use super::uid_of_title;
    use crate::testing::{Answer, World};

    async fn send(world: &World, method: Method, path: &str, body: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
        let answer = Answer::of(world.send("a", request).await).await;
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    const DB: &str = "/grafana/api/dashboards/db";

    #[tokio::test]
    async fn a_dashboard_is_saved_found_read_and_deleted_as_deployment_tools_do() {
        let world = World::new();
        let body = r#"{"dashboard":{"id":null,"uid":"shop","title":"Shop","tags":["x"],"panels":[]},"folderUid":"team","message":"ci","overwrite":false}"#;
        let (status, saved) = send(&world, Method::POST, DB, body).await;
        assert_eq!((status, &saved["uid"], &saved["version"]), (200, &"shop".into(), &1.into()), "{saved}");
        let (_, found) = send(&world, Method::GET, "/grafana/api/search?query=SHOP&tag=x", "").await;
        assert_eq!((found.as_array().unwrap().len(), &found[0]["folderUid"]), (1, &"team".into()), "{found}");
        let (_, read) = send(&world, Method::GET, "/grafana/api/dashboards/uid/shop", "").await;
        assert_eq!((&read["dashboard"]["version"], &read["meta"]["provisioned"]), (&1.into(), &false.into()));
        let (status, _) = send(&world, Method::DELETE, "/grafana/api/dashboards/uid/shop", "").await;
        assert_eq!(status, 200);
        let (status, _) = send(&world, Method::GET, "/grafana/api/dashboards/uid/shop", "").await;
        assert_eq!(status, 404);
    }

    #[tokio::test]
    async fn an_older_version_is_refused_unless_it_overwrites() {
        let world = World::new();
        let body =
            |rest: &str| format!(r#"{{"dashboard":{{"uid":"shop","title":"Shop","version":1}}{rest}}}"#);
        for _ in 0..2 {
            assert_eq!(send(&world, Method::POST, DB, &body("")).await.0, 200);
        }
        let (status, refused) = send(&world, Method::POST, DB, &body("")).await;
        assert_eq!((status, &refused["status"]), (412, &"version-mismatch".into()));
        let (status, saved) = send(&world, Method::POST, DB, &body(r#","overwrite":true"#)).await;
        assert_eq!((status, &saved["version"]), (200, &3.into()));
    }

    #[tokio::test]
    async fn it_lives_and_says_what_can_be_asked() {
        World::new()
            .golden(&[
                ("/grafana/api/health", r#"{"database":"ok",*}"#),
                (
                    "/grafana/api/datasources",
                    r#"[{"id":1,"uid":"prometheus",*"type":"loki"*"type":"tempo"*]"#,
                ),
                ("/grafana/api/folders", r#"[*"title":"Signalbox"}]"#),
                ("/grafana/api/search?type=dash-folder", r#"[*"type":"dash-folder"}]"#),
            ])
            .await;
    }

    #[test]
    fn titles_give_uids() {
        assert_eq!(uid_of_title("Node Exporter / Full!"), "node-exporter-full");
        assert!(uid_of_title("ノード").starts_with('d'));
    }
}
