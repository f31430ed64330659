//! PagerDuty: events by the Events API v2 (a routing key) or v1 (a service key).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Environment, HttpRequest, Prepared, Receiver, Say, check_url, cut, needed, put};
use crate::notify::config::{Hidden, nullable};
use crate::notify::http::{HttpConfig, Secret};

const V2_URL: &str = "https://events.pagerduty.com/v2/enqueue";
const V1_URL: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";
const SUMMARY_MOST: usize = 1_024;
const DETAILS: [(&str, &str); 4] = [
    ("firing", "{{ .Alerts.Firing | toJson }}"),
    ("resolved", "{{ .Alerts.Resolved | toJson }}"),
    ("num_firing", "{{ .Alerts.Firing | len }}"),
    ("num_resolved", "{{ .Alerts.Resolved | len }}"),
];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PagerdutyConfig {
    send_resolved: Option<bool>,
    service_key: Option<Hidden>,
    service_key_file: Option<String>,
    routing_key: Option<Hidden>,
    routing_key_file: Option<String>,
    url: Option<String>,
    client: Option<String>,
    client_url: Option<String>,
    description: Option<String>,
    #[serde(deserialize_with = "nullable")]
    details: BTreeMap<String, Value>,
    #[serde(deserialize_with = "nullable")]
    images: Vec<BTreeMap<String, String>>,
    #[serde(deserialize_with = "nullable")]
    links: Vec<BTreeMap<String, String>>,
    source: Option<String>,
    severity: Option<String>,
    class: Option<String>,
    component: Option<String>,
    group: Option<String>,
    #[serde(rename = "timeout")]
    _timeout: Option<String>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    routing: Option<Secret>,
    #[serde(skip)]
    service: Option<Secret>,
}

impl Receiver for PagerdutyConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let mut all = super::set(&[
            ("client", &self.client),
            ("client_url", &self.client_url),
            ("description", &self.description),
            ("source", &self.source),
            ("severity", &self.severity),
            ("class", &self.class),
            ("component", &self.component),
            ("group", &self.group),
        ]);
        all.extend(self.details.values().filter_map(|value| Some(("details", value.as_str()?))));
        let lists = self.images.iter().chain(&self.links).flat_map(BTreeMap::values);
        all.extend(lists.map(|text| ("images and links", text.as_str())));
        all
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let routing = (self.routing_key.as_ref(), self.routing_key_file.as_deref());
        let service = (self.service_key.as_ref(), self.service_key_file.as_deref());
        self.routing = environment.secret("routing_key", routing, (None, None))?;
        self.service = environment.secret("service_key", service, (None, None))?;
        if self.routing.is_none() && self.service.is_none() {
            return Err("set routing_key or service_key".into());
        }
        let default = if self.routing.is_some() { V2_URL } else { V1_URL };
        let all = environment.global.pagerduty_url.clone().filter(|_| self.routing.is_some());
        let url = self.url.take().or(all).unwrap_or_else(|| default.into());
        check_url("url", &url)?;
        self.url = Some(url);
        Ok(())
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let summary =
            cut(&say.or(self.description.as_deref(), "pagerduty.default.description")?, SUMMARY_MOST);
        let details = self.details(say)?;
        let client = say.or(self.client.as_deref(), "pagerduty.default.client")?;
        let client_url = say.or(self.client_url.as_deref(), "pagerduty.default.clientURL")?;
        let action = if say.message.fires() { "trigger" } else { "resolve" };
        let body = match &self.routing {
            Some(routing) => {
                let mut payload = json!({ "summary": summary, "custom_details": details });
                let source = self.source.as_deref().map_or(Ok(client.clone()), |text| say.text(text))?;
                put(&mut payload, "source", source);
                put(&mut payload, "severity", say.text(self.severity.as_deref().unwrap_or("error"))?);
                for (name, template) in
                    [("class", &self.class), ("component", &self.component), ("group", &self.group)]
                {
                    put(&mut payload, name, say.text(template.as_deref().unwrap_or_default())?);
                }
                let mut body = json!({
                    "routing_key": say.text(&routing.read()?)?,
                    "event_action": action,
                    "dedup_key": say.key(),
                    "client": client,
                    "client_url": client_url,
                    "payload": payload,
                });
                for (name, list) in [("images", &self.images), ("links", &self.links)] {
                    if !list.is_empty() {
                        body[name] = list.iter().map(|one| texts(one, say)).collect::<Result<_, _>>()?;
                    }
                }
                body
            }
            None => json!({
                "service_key": say.text(&needed(self.service.as_ref())?)?,
                "event_type": action,
                "incident_key": say.key(),
                "description": summary,
                "client": client,
                "client_url": client_url,
                "details": details,
            }),
        };
        let request = HttpRequest::json(self.url.as_deref().unwrap_or(V2_URL), &body);
        Ok(Prepared { sends: vec![request.into()], shown: (summary, super::chat::text(say.message)) })
    }
}

impl PagerdutyConfig {
    fn details(&self, say: &Say<'_>) -> Result<Value, String> {
        let mut details = json!({});
        for (name, template) in DETAILS {
            details[name] = structure(&say.text(template)?);
        }
        for (name, value) in &self.details {
            details[name] = rendered(value, say)?;
        }
        Ok(details)
    }
}

/// Templates anywhere in the value.
fn rendered(value: &Value, say: &Say<'_>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => structure(&say.text(text)?),
        Value::Array(list) => list.iter().map(|one| rendered(one, say)).collect::<Result<_, _>>()?,
        Value::Object(members) => {
            let pairs = members.iter().map(|(name, one)| Ok((name.clone(), rendered(one, say)?)));
            Value::Object(pairs.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

/// A text that is a list or an object in JSON is one.
fn structure(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Array(_) | Value::Object(_))) => value,
        _ => text.into(),
    }
}

fn texts(all: &BTreeMap<String, String>, say: &Say<'_>) -> Result<Value, String> {
    all.iter().map(|(name, text)| Ok((name.clone(), Value::from(say.text(text)?)))).collect()
}
