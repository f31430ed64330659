//! Jira: an issue for each group. It is made when the group fires, changed while it goes on, and moved through the
//! project's workflow when the group is over. Which issue that is, a label says: nothing is remembered here.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{Environment, Outgoing, Prepared, Receiver, Say, check_url, cut};
use crate::notify::config::nullable;
use crate::notify::http::HttpConfig;

const SUMMARY_MOST: usize = 255;
const DESCRIPTION_MOST: usize = 32_767;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JiraConfig {
    send_resolved: Option<bool>,
    api_url: Option<String>,
    /// `cloud`, `datacenter`, or `auto`: by the host.
    api_type: Option<String>,
    project: String,
    issue_type: String,
    summary: Text,
    description: Text,
    #[serde(deserialize_with = "nullable")]
    labels: Vec<String>,
    priority: Option<String>,
    reopen_transition: Option<String>,
    resolve_transition: Option<String>,
    wont_fix_resolution: Option<String>,
    reopen_duration: Option<String>,
    #[serde(deserialize_with = "nullable")]
    fields: BTreeMap<String, Value>,
    http_config: Option<HttpConfig>,
}

/// A template, or one that says whether an issue that is there gets it anew.
#[derive(Clone, Debug, Default)]
struct Text {
    template: Option<String>,
    update: Option<bool>,
}

/// An issue on its way: what to look for, what to say, where to move it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JiraSend {
    /// Without a slash at the end.
    pub(crate) api_url: String,
    pub(crate) search_url: String,
    pub(crate) search: Value,
    pub(crate) fires: bool,
    pub(crate) issue: Value,
    /// Fields an issue that is there keeps.
    pub(crate) kept: Vec<&'static str>,
    /// The name of the transition, if one is to be made.
    pub(crate) transition: Option<String>,
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Whole {
            template: Option<String>,
            enable_update: Option<bool>,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Plain(String),
            Whole(Whole),
        }
        Ok(match Form::deserialize(from)? {
            Form::Plain(text) => Self { template: Some(text), update: None },
            Form::Whole(Whole { template, enable_update }) => Self { template, update: enable_update },
        })
    }
}

impl Receiver for JiraConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let mut all = super::set(&[
            ("summary", &self.summary.template),
            ("description", &self.description.template),
            ("priority", &self.priority),
        ]);
        all.extend([("project", self.project.as_str()), ("issue_type", &self.issue_type)]);
        all.extend(self.labels.iter().map(|label| ("labels", label.as_str())));
        self.fields.values().for_each(|value| texts(value, &mut all));
        all
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        if self.project.is_empty() {
            return Err("set project".into());
        }
        if self.issue_type.is_empty() {
            return Err("set issue_type".into());
        }
        if !["auto", "cloud", "datacenter"].contains(&self.api_type.as_deref().unwrap_or("auto")) {
            return Err("api_type: it is auto, cloud or datacenter".into());
        }
        self.reopen_minutes()?;
        let url = self.api_url.take().or_else(|| environment.global.jira_api_url.clone());
        let url = url.ok_or("set api_url or global.jira_api_url")?;
        check_url("api_url", &url)?;
        self.api_url = Some(url.trim_end_matches('/').to_owned());
        Ok(())
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let fires = say.message.fires();
        let summary = cut(&say.or(self.summary.template.as_deref(), "jira.default.summary")?, SUMMARY_MOST);
        let description = say.or(self.description.template.as_deref(), "jira.default.description")?;
        let description = cut(&description, DESCRIPTION_MOST);
        let api_url = self.api_url.clone().unwrap_or_default();
        let project = say.text(&self.project)?;
        let label = format!("ALERT{{{}}}", say.key());
        let mut kept = Vec::new();
        kept.extend((self.summary.update == Some(false)).then_some("summary"));
        kept.extend((self.description.update == Some(false)).then_some("description"));
        let transition = if fires { &self.reopen_transition } else { &self.resolve_transition };
        let send = JiraSend {
            search_url: self.search_url(&api_url),
            search: json!({
                "jql": self.search(&project, &label, fires)?,
                "maxResults": 2,
                "fields": ["status"],
            }),
            fires,
            issue: json!({ "fields": self.issue(say, &project, &label, (&summary, &description))? }),
            kept,
            transition: transition.clone().filter(|name| !name.is_empty()),
            api_url,
        };
        Ok(Prepared { sends: vec![Outgoing::Jira(send)], shown: (summary, description) })
    }
}

impl JiraConfig {
    fn reopen_minutes(&self) -> Result<i64, String> {
        let bad = |text: &str| format!("reopen_duration: {text:?} is not a duration: write it like 30m");
        match self.reopen_duration.as_deref() {
            None | Some("" | "0") => Ok(0),
            Some(text) => Ok(engine::promql::parse_duration(text).map_err(|_| bad(text))? / 60_000),
        }
    }

    /// Jira Cloud took the old search away; other servers do not have the new one.
    fn search_url(&self, api_url: &str) -> String {
        let host = api_url.parse::<::http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
        let cloud = match self.api_type.as_deref().unwrap_or("auto") {
            "auto" => host.is_some_and(|host| host.ends_with("atlassian.net")),
            kind => kind == "cloud",
        };
        match cloud {
            true => format!("{}/search/jql", api_url.replace("/rest/api/2", "/rest/api/3")),
            false => format!("{api_url}/search"),
        }
    }

    /// The group's open issue, or one that was closed so lately that it is opened again.
    fn search(&self, project: &str, label: &str, fires: bool) -> Result<String, String> {
        let mut parts = Vec::new();
        if let Some(resolution) = self.wont_fix_resolution.as_deref().filter(|text| !text.is_empty()) {
            // `!=` alone leaves out what has no resolution.
            parts.push(format!("(resolution is EMPTY or resolution != {})", quoted(resolution)));
        }
        let minutes = self.reopen_minutes()?;
        let reopens = self.reopen_transition.as_ref().is_some_and(|name| !name.is_empty());
        parts.push(match fires && reopens && minutes > 0 {
            true => format!("(resolutiondate is EMPTY OR resolutiondate >= -{minutes}m)"),
            false => "statusCategory != Done".to_owned(),
        });
        parts.push(format!("project={}", quoted(project)));
        parts.push(format!("labels={}", quoted(label)));
        Ok(format!("{} order by status ASC,resolutiondate DESC", parts.join(" and ")))
    }

    fn issue(
        &self,
        say: &Say<'_>,
        project: &str,
        label: &str,
        (summary, description): (&str, &str),
    ) -> Result<Value, String> {
        let mut fields = json!({});
        for (name, value) in &self.fields {
            fields[name] = rendered(value, say)?;
        }
        fields["project"] = json!({ "key": project });
        fields["issuetype"] = json!({ "name": say.text(&self.issue_type)? });
        fields["summary"] = summary.into();
        if !description.trim().is_empty() {
            // The third version of the API has documents, not texts.
            let document = self.api_url.as_deref().is_some_and(|url| url.ends_with("/3"));
            fields["description"] = match document {
                true => serde_json::from_str(description.trim())
                    .map_err(|_| "description: version 3 of the API wants JSON".to_owned())?,
                false => description.into(),
            };
        }
        let mut labels = vec![label.to_owned()];
        for label in &self.labels {
            labels.push(say.text(label)?);
        }
        labels.sort();
        fields["labels"] = json!(labels);
        let priority = say.or(self.priority.as_deref(), "jira.default.priority")?;
        if !priority.is_empty() {
            fields["priority"] = json!({ "name": priority });
        }
        Ok(fields)
    }
}

/// Texts of the query language are quoted as in JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Each text of a value is a template.
fn texts<'v>(value: &'v Value, all: &mut Vec<(&'static str, &'v str)>) {
    match value {
        Value::String(text) => all.push(("fields", text)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, all)),
        Value::Object(members) => members.values().for_each(|member| texts(member, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn rendered(value: &Value, say: &Say<'_>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => say.text(text)?.into(),
        Value::Array(items) => items.iter().map(|item| rendered(item, say)).collect::<Result<_, _>>()?,
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| Ok((name.clone(), rendered(value, say)?));
            Value::Object(members.iter().map(member).collect::<Result<_, String>>()?)
        }
        plain => plain.clone(),
    })
}
