//! Issues on their way: a search, then what it asks for. Each step can be repeated; a step that fails is tried again from
//! the search on.

use serde_json::{Value, json};

use super::client::{Client, Delivery};
use super::http::HttpConfig;
use super::receivers::{HttpRequest, JiraSend};

/// What is known of an issue that is there.
#[derive(Debug, PartialEq)]
struct Known {
    key: String,
    done: bool,
}

/// The first of those found, if any.
fn known(found: &Value) -> Option<Known> {
    let issue = found["issues"].as_array()?.first()?;
    let done = issue["fields"]["status"]["statusCategory"]["key"] == "done";
    Some(Known { key: issue["key"].as_str()?.to_owned(), done })
}

/// The number of the transition of this name.
fn transition(listed: &Value, name: &str) -> Option<String> {
    let all = listed["transitions"].as_array()?;
    all.iter().find(|one| one["name"] == name)?["id"].as_str().map(str::to_owned)
}

impl Client {
    pub(super) async fn jira(&self, send: &JiraSend, http: &HttpConfig, dedup_key: &str) -> Delivery {
        match self.jira_steps(send, http, dedup_key).await {
            Ok(()) => Delivery::Done(None),
            Err(delivery) => delivery,
        }
    }

    async fn jira_steps(&self, send: &JiraSend, http: &HttpConfig, dedup_key: &str) -> Result<(), Delivery> {
        let search = HttpRequest::json(&send.search_url, &send.search);
        let issues = format!("{}/issue", send.api_url);
        let Some(known) = known(&self.ask(&search, http, dedup_key).await?) else {
            // What is over needs no new issue.
            if send.fires {
                self.ask(&HttpRequest::json(&issues, &send.issue), http, dedup_key).await?;
            }
            return Ok(());
        };
        let mut issue = send.issue.clone();
        if let Some(fields) = issue["fields"].as_object_mut() {
            send.kept.iter().for_each(|name| drop(fields.remove(*name)));
        }
        let place = format!("{issues}/{}", known.key);
        let change = HttpRequest { put: true, ..HttpRequest::json(&place, &issue) };
        self.ask(&change, http, dedup_key).await?;
        let Some(name) = send.transition.as_deref().filter(|_| known.done == send.fires) else {
            return Ok(());
        };
        let transitions = format!("{place}/transitions");
        let id = transition(&self.look(&transitions, http).await?, name);
        let id = id.ok_or_else(|| Delivery::Refused(format!("{} has no transition {name:?}", known.key)))?;
        let body = json!({ "transition": { "id": id } });
        self.ask(&HttpRequest::json(&transitions, &body), http, dedup_key).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let found =
            json!({"issues": [{"key": "OPS-1", "fields": {"status": {"statusCategory": {"key": "done"}}}}]});
        assert_eq!(known(&found), Some(Known { key: "OPS-1".into(), done: true }));
        assert_eq!((known(&json!({"issues": []})), known(&json!("no"))), (None, None));
        let listed = json!({"transitions": [{"id": "11", "name": "Close"}, {"id": "21", "name": "Reopen"}]});
        assert_eq!(transition(&listed, "Reopen").as_deref(), Some("21"));
        assert_eq!(transition(&listed, "Done"), None);
    }
}
