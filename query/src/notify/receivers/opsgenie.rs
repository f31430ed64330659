//! Opsgenie: an alert is created, brought up to date, closed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Environment, HttpRequest, Outgoing, Prepared, Receiver, Say, check_url, cut, needed, put};
use crate::notify::config::{Hidden, nullable};
use crate::notify::http::{HttpConfig, Secret};

const API_URL: &str = "https://api.opsgenie.com";
const MESSAGE_MOST: usize = 130;
const DESCRIPTION_MOST: usize = 15_000;
const RESPONDERS: [&str; 5] = ["team", "teams", "user", "escalation", "schedule"];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OpsgenieConfig {
    send_resolved: Option<bool>,
    api_key: Option<Hidden>,
    api_key_file: Option<String>,
    api_url: Option<String>,
    message: Option<String>,
    description: Option<String>,
    source: Option<String>,
    #[serde(deserialize_with = "nullable")]
    details: BTreeMap<String, String>,
    entity: Option<String>,
    #[serde(deserialize_with = "nullable")]
    responders: Vec<Responder>,
    actions: Option<String>,
    tags: Option<String>,
    note: Option<String>,
    priority: Option<String>,
    update_alerts: bool,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    key: Option<Secret>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Responder {
    id: String,
    name: String,
    username: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Receiver for OpsgenieConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let mut all = super::set(&[
            ("message", &self.message),
            ("description", &self.description),
            ("source", &self.source),
            ("entity", &self.entity),
            ("actions", &self.actions),
            ("tags", &self.tags),
            ("note", &self.note),
            ("priority", &self.priority),
        ]);
        all.extend(self.details.values().map(|text| ("details", text.as_str())));
        for responder in &self.responders {
            let texts = [&responder.id, &responder.name, &responder.username, &responder.kind];
            all.extend(texts.map(|text| ("responders", text.as_str())));
        }
        all
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let global = environment.global;
        let own = (self.api_key.as_ref(), self.api_key_file.as_deref());
        let all = (global.opsgenie_api_key.as_ref(), global.opsgenie_api_key_file.as_deref());
        self.key = environment.secret("api_key", own, all)?;
        if self.key.is_none() {
            return Err("set api_key, api_key_file or global.opsgenie_api_key".into());
        }
        for responder in &mut self.responders {
            if responder.id.is_empty() && responder.name.is_empty() && responder.username.is_empty() {
                return Err("responders: each needs an id, a name or a username".into());
            }
            if !responder.kind.contains("{{") {
                responder.kind = responder.kind.to_lowercase();
                if !RESPONDERS.contains(&responder.kind.as_str()) {
                    return Err(format!("responders: type is one of {}", RESPONDERS.join(", ")));
                }
            }
        }
        let url = self.api_url.clone().or_else(|| global.opsgenie_api_url.clone());
        let url = url.unwrap_or_else(|| API_URL.into());
        check_url("api_url", &url)?;
        self.api_url = Some(url.trim_end_matches('/').to_owned());
        Ok(())
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let source = say.or(self.source.as_deref(), "opsgenie.default.source")?;
        let message = cut(&say.or(self.message.as_deref(), "opsgenie.default.message")?, MESSAGE_MOST);
        let alias = say.key();
        let shown = (message.clone(), super::chat::text(say.message));
        let mut requests = Vec::new();
        if say.message.fires() {
            let description = say.or(self.description.as_deref(), "opsgenie.default.description")?;
            let description = cut(&description, DESCRIPTION_MOST);
            requests.push((
                "v2/alerts".to_owned(),
                false,
                self.created(say, &alias, &message, &description, &source)?,
            ));
            if self.update_alerts {
                for (what, text) in [("message", message), ("description", description)] {
                    let path = format!("v2/alerts/{alias}/{what}?identifierType=alias");
                    requests.push((path, true, json!({ what: text })));
                }
            }
        } else {
            requests.push((
                format!("v2/alerts/{alias}/close?identifierType=alias"),
                false,
                json!({ "source": source }),
            ));
        }
        let authorization = format!("GenieKey {}", say.text(&needed(self.key.as_ref())?)?);
        let url = self.api_url.as_deref().unwrap_or(API_URL);
        let send = |(path, put, body): (String, bool, Value)| {
            let mut request = HttpRequest::json(&format!("{url}/{path}"), &body);
            request.put = put;
            request.headers.push(("Authorization", Hidden::from(authorization.as_str())));
            Outgoing::from(request)
        };
        Ok(Prepared { sends: requests.into_iter().map(send).collect(), shown })
    }
}

impl OpsgenieConfig {
    fn created(
        &self,
        say: &Say<'_>,
        alias: &str,
        message: &str,
        description: &str,
        source: &str,
    ) -> Result<Value, String> {
        let mut details = super::webhook::common(say.message, |told| &told.labels);
        for (name, template) in &self.details {
            details.insert(name.clone(), say.text(template)?);
        }
        let mut body = json!({
            "alias": alias,
            "message": message,
            "description": description,
            "details": details,
            "source": source,
        });
        for (name, template) in [("note", &self.note), ("priority", &self.priority), ("entity", &self.entity)]
        {
            put(&mut body, name, say.text(template.as_deref().unwrap_or_default())?);
        }
        for (name, template) in [("tags", &self.tags), ("actions", &self.actions)] {
            let text = say.text(template.as_deref().unwrap_or_default())?;
            let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
            if !parts.is_empty() {
                body[name] = json!(parts);
            }
        }
        let mut responders = Vec::new();
        for responder in &self.responders {
            responders.extend(responder.render(say)?);
        }
        if !responders.is_empty() {
            body["responders"] = responders.into();
        }
        Ok(body)
    }
}

impl Responder {
    fn render(&self, say: &Say<'_>) -> Result<Vec<Value>, String> {
        let kind = say.text(&self.kind)?;
        let names = say.text(&self.name)?;
        if kind == "teams" {
            let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
            return Ok(names.map(|name| json!({ "name": name, "type": "team" })).collect());
        }
        let mut one = json!({ "type": kind });
        put(&mut one, "id", say.text(&self.id)?);
        put(&mut one, "name", names);
        put(&mut one, "username", say.text(&self.username)?);
        Ok(vec![one])
    }
}
