//! Slack-compatible chat: an incoming webhook's body with one attachment.

use std::collections::{BTreeMap, HashMap};

use gtmpl_ng::{Context, Template, Value as Go};
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::Hidden;
use super::group::{Message, Told};
use super::webhook::{HttpConfig, common, status};
use crate::request::time::rfc3339_ms;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlackConfig {
    pub(crate) api_url: Option<Hidden>,
    #[serde(default)]
    pub(crate) send_resolved: bool,
    pub(crate) channel: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) color: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) title_link: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) fallback: Option<String>,
    pub(crate) icon_emoji: Option<String>,
    #[serde(default)]
    pub(crate) http_config: HttpConfig,
}

impl SlackConfig {
    pub(crate) fn templates(&self) -> Vec<&str> {
        let all = [
            &self.channel,
            &self.username,
            &self.color,
            &self.title,
            &self.title_link,
            &self.text,
            &self.fallback,
        ];
        all.into_iter().filter_map(|text| text.as_deref()).collect()
    }
}

/// Whether the text is a template of a notification.
pub(crate) fn check_template(text: &str) -> Result<(), String> {
    Template::default().parse(text).map_err(|e| e.to_string())
}

/// The body; a template that fails says so in its place.
pub(crate) fn render(config: &SlackConfig, message: &Message, receiver: &str, external_url: &str) -> Value {
    let data = data(message, receiver, external_url);
    let text = |template: &Option<String>, default: &dyn Fn() -> String| match template {
        Some(template) => expand(template, &data),
        None => default(),
    };
    let title = text(&config.title, &|| default_title(message));
    let link = text(&config.title_link, &|| format!("{external_url}/ui/alerts"));
    let color = text(&config.color, &|| if message.fires() { "danger" } else { "good" }.to_owned());
    let body = text(&config.text, &|| default_text(message));
    let attachment = json!({
        "color": color,
        "title": title,
        "title_link": link,
        "text": body,
        "fallback": text(&config.fallback, &|| format!("{title} | {link}")),
        "mrkdwn_in": ["fallback", "pretext", "text"],
    });
    let mut out = json!({ "attachments": [attachment], "dedup_key": message.dedup_key });
    let named =
        [("channel", &config.channel), ("username", &config.username), ("icon_emoji", &config.icon_emoji)];
    for (name, template) in named {
        if template.is_some() {
            out[name] = text(template, &String::new).into();
        }
    }
    out
}

/// `[FIRING:2] Down (cart)`: what chat shows without a template.
pub(crate) fn default_title(message: &Message) -> String {
    let firing = message.alerts.iter().filter(|told| told.fires()).count();
    let head = if firing > 0 { format!("[FIRING:{firing}]") } else { "[RESOLVED]".to_owned() };
    let shared = common(message, |told| &told.labels);
    let name = shared.get("alertname").map_or("alerts", String::as_str);
    let rest: Vec<&str> = ["service", "job", "instance"]
        .iter()
        .filter_map(|key| shared.get(*key))
        .map(|s| s.as_str())
        .collect();
    match rest.first() {
        Some(what) => format!("{head} {name} ({what})"),
        None => format!("{head} {name}"),
    }
}

pub(crate) fn default_text(message: &Message) -> String {
    let line = |told: &Told| {
        let annotation = |name: &str| told.annotations.get(name).cloned();
        annotation("summary")
            .or_else(|| annotation("description"))
            .unwrap_or_else(|| format!("{:?}", told.labels))
    };
    message.alerts.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn expand(template: &str, data: &Go) -> String {
    if !template.contains("{{") {
        return template.to_owned();
    }
    let mut parsed = Template::default();
    let rendered = match parsed.parse(template) {
        Ok(()) => parsed.render(&Context::from(data.clone())).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match rendered {
        Ok(text) => text.replace("<no value>", ""),
        Err(error) => format!("<error expanding template: {error}>"),
    }
}

/// Alertmanager's template data.
fn data(message: &Message, receiver: &str, external_url: &str) -> Go {
    let map = |texts: &BTreeMap<String, String>| {
        Go::Map(texts.iter().map(|(name, text)| (name.clone(), Go::from(text.as_str()))).collect())
    };
    let alert = |told: &Told| {
        let fields: HashMap<String, Go> = HashMap::from([
            ("Status".to_owned(), Go::from(status(told.fires()))),
            ("Labels".to_owned(), map(&told.labels)),
            ("Annotations".to_owned(), map(&told.annotations)),
            ("StartsAt".to_owned(), Go::from(rfc3339_ms(told.starts_at_ms).as_str())),
            ("EndsAt".to_owned(), Go::from(told.ends_at_ms.map(rfc3339_ms).unwrap_or_default().as_str())),
            ("GeneratorURL".to_owned(), Go::from(told.generator_url.as_str())),
            ("Fingerprint".to_owned(), Go::from(told.fingerprint().as_str())),
        ]);
        Go::Map(fields)
    };
    Go::Map(HashMap::from([
        ("Receiver".to_owned(), Go::from(receiver)),
        ("Status".to_owned(), Go::from(status(message.fires()))),
        ("Alerts".to_owned(), Go::Array(message.alerts.iter().map(alert).collect())),
        ("GroupLabels".to_owned(), map(&message.group_labels)),
        ("CommonLabels".to_owned(), map(&common(message, |told| &told.labels))),
        ("CommonAnnotations".to_owned(), map(&common(message, |told| &told.annotations))),
        ("ExternalURL".to_owned(), Go::from(external_url)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        let told = Told {
            labels: [("alertname".to_owned(), "Down".to_owned()), ("service".to_owned(), "cart".to_owned())]
                .into(),
            annotations: [("summary".to_owned(), "cart is down".to_owned())].into(),
            starts_at_ms: 0,
            ends_at_ms: None,
            generator_url: String::new(),
        };
        Message {
            group_key: String::new(),
            group_labels: BTreeMap::new(),
            alerts: vec![told],
            dedup_key: "d".into(),
            made_ms: 0,
        }
    }

    fn config(yaml: &str) -> SlackConfig {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn templates_and_defaults() {
        let body = render(&config("channel: '#a'"), &message(), "r", "http://e");
        assert_eq!(body["channel"], "#a");
        assert_eq!(body["attachments"][0]["title"], "[FIRING:1] Down (cart)");
        assert_eq!(body["attachments"][0]["text"], "cart is down");
        let yaml = "title: '{{ if eq .Status \"firing\" }}Firing{{ end }}: {{ .CommonLabels.alertname }}{{ .CommonLabels.none }}'
text: '{{ range .Alerts }}{{ .Annotations.summary }}.{{ end }}'";
        let body = render(&config(yaml), &message(), "r", "http://e");
        assert_eq!(body["attachments"][0]["title"], "Firing: Down");
        assert_eq!(body["attachments"][0]["text"], "cart is down.");
        assert!(check_template("{{ if }}").is_err());
    }
}
