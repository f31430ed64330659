//! Microsoft Teams: an adaptive card by a workflow's webhook, or a message card by the older connectors.

use serde::Deserialize;
use serde_json::json;

use super::{Environment, HttpRequest, Prepared, Receiver, Say, needed};
use crate::notify::config::Hidden;
use crate::notify::http::{HttpConfig, Secret};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TeamsConfig {
    send_resolved: Option<bool>,
    webhook_url: Option<Hidden>,
    webhook_url_file: Option<String>,
    title: Option<String>,
    summary: Option<String>,
    text: Option<String>,
    http_config: Option<HttpConfig>,
    /// Set for `msteams_configs`.
    #[serde(skip)]
    pub(super) connector: bool,
    #[serde(skip)]
    target: Option<Secret>,
}

impl Receiver for TeamsConfig {
    fn sends_resolved(&self) -> bool {
        self.send_resolved.unwrap_or(true)
    }

    fn http(&self) -> Option<&HttpConfig> {
        self.http_config.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &str)> {
        super::set(&[("title", &self.title), ("summary", &self.summary), ("text", &self.text)])
    }

    fn complete(&mut self, environment: &Environment<'_>) -> Result<(), String> {
        let own = (self.webhook_url.as_ref(), self.webhook_url_file.as_deref());
        self.target = environment.secret_url("webhook_url", own, (None, None))?;
        if self.summary.is_some() && !self.connector {
            return Err("summary belongs to msteams_configs".into());
        }
        if self.target.is_none() { Err("set webhook_url or webhook_url_file".into()) } else { Ok(()) }
    }

    fn render(&self, say: &Say<'_>) -> Result<Prepared, String> {
        let fires = say.message.fires();
        let default = if self.connector { "msteams.default" } else { "msteamsv2.default" };
        let title = say.or(self.title.as_deref(), &format!("{default}.title"))?;
        let text = say.or(self.text.as_deref(), &format!("{default}.text"))?;
        let body = if self.connector {
            json!({
                "@context": "http://schema.org/extensions",
                "@type": "MessageCard",
                "title": title,
                "summary": say.or(self.summary.as_deref(), "msteams.default.summary")?,
                "text": text,
                "themeColor": if fires { "8C1A1A" } else { "2DC72D" },
            })
        } else {
            let heading = json!({
                "type": "TextBlock",
                "text": title,
                "weight": "Bolder",
                "size": "Medium",
                "wrap": true,
                "style": "heading",
                "color": if fires { "Attention" } else { "Good" },
            });
            json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": null,
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.2",
                        "body": [heading, { "type": "TextBlock", "text": text, "wrap": true }],
                        "msteams": { "width": "full" },
                    },
                }],
            })
        };
        let request = HttpRequest::json(&needed(self.target.as_ref())?, &body);
        Ok(Prepared { sends: vec![request.into()], shown: (title, text) })
    }
}
