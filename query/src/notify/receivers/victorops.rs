//! Splunk On-Call, once VictorOps: its REST integration.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::{Environment, HttpRequest, Prepared, Receiver, Say, check_url, cut, needed, put};
use crate::notify::config::{Hidden, nullable};
use crate::notify::http::{HttpConfig, Secret};

const API_URL: &str = "https://alert.victorops.com/integrations/generic/20131114/alert/";
const MESSAGE_MOST: usize = 20_480;
/// Members of the body that its fields make.
const OWN: [&str; 5] =
    ["message_type", "entity_id", "entity_display_name", "state_message", "monitoring_tool"];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct VictoropsConfig {
    send_resolved: Option<bool>,
    api_key: Option<Hidden>,
    api_key_file: Option<String>,
    api_url: Option<String>,
    routing_key: String,
    message_type: Option<String>,
    state_message: Option<String>,
    entity_display_name: Option<String>,
    monitoring_tool: Option<String>,
    #[serde(deserialize_with = "nullable")]
    custom_fields: BTreeMap<String, String>,
    http_config: Option<HttpConfig>,
    #[serde(skip)]
    key: Option<Secret>,
}

impl Receiver for VictoropsConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        let mut all = super::set(&[
            ("message_type", &self.message_type),
            ("state_message", &self.state_message),
            ("entity_display_name", &self.entity_display_name),
            ("monitoring_tool", &self.monitoring_tool),
        ]);
        all.extend(self.custom_fields.values().map(|text| ("custom_fields", text.as_str())));
        all.push(("routing_key", &self.routing_key));
        all
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let global = environment.global;
        let own = (self.api_key.as_ref(), self.api_key_file.as_deref());
        let all = (global.victorops_api_key.as_ref(), global.victorops_api_key_file.as_deref());
        self.key = environment.secret("api_key", own, all)?;
        if self.key.is_none() {
            return Err("set api_key, api_key_file or global.victorops_api_key".into());
        }
        if self.routing_key.is_empty() {
            return Err("set routing_key".into());
        }
        if let Some(name) = OWN.iter().find(|name| self.custom_fields.contains_key(**name)) {
            return Err(format!("custom_fields: {name} has a key of its own"));
        }
        let url = self.api_url.take().or_else(|| global.victorops_api_url.clone());
        let url = url.unwrap_or_else(|| API_URL.into());
        check_url("api_url", &url)?;
        self.api_url = Some(if url.ends_with('/') { url } else { format!("{url}/") });
        Ok(())
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let kind = match say.message.fires() {
            true => say.text(self.message_type.as_deref().unwrap_or("CRITICAL"))?,
            false => "RECOVERY".to_owned(),
        };
        let title = say.or(self.entity_display_name.as_deref(), "victorops.default.entity_display_name")?;
        let text =
            cut(&say.or(self.state_message.as_deref(), "victorops.default.state_message")?, MESSAGE_MOST);
        let tool = say.or(self.monitoring_tool.as_deref(), "victorops.default.monitoring_tool")?;
        let mut body = json!({ "message_type": kind, "entity_id": say.key() });
        put(&mut body, "entity_display_name", title.clone());
        put(&mut body, "state_message", text.clone());
        put(&mut body, "monitoring_tool", tool);
        for (name, template) in &self.custom_fields {
            put(&mut body, name, say.text(template)?);
        }
        let url = self.api_url.as_deref().unwrap_or(API_URL);
        let url = format!("{url}{}/{}", needed(self.key.as_ref())?, say.text(&self.routing_key)?);
        Ok(Prepared { sends: vec![HttpRequest::json(&url, &body).into()], shown: (title, text) })
    }
}
