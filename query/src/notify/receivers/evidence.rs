//! Evidence in the words of each kind of chat, put into what its receiver made. Other kinds carry none: a webhook's body
//! is Alertmanager's, a pager wants few words.

use serde_json::{Value, json};

use super::{Outgoing, Prepared, Settings, cut};
use crate::evidence::{Evidence, Finding};

/// What chats take at most, in characters.
const SLACK_MOST: usize = 3_000;
const DISCORD_MOST: usize = 4_096;
const TELEGRAM_MOST: usize = 4_096;
const GREY: &str = "#667085";

impl Settings {
    /// Whether messages to it carry evidence.
    pub(crate) fn takes_evidence(&self) -> bool {
        matches!(
            self,
            Self::Slack(_)
                | Self::Mattermost(_)
                | Self::Rocketchat(_)
                | Self::Discord(_)
                | Self::Teams(_)
                | Self::Telegram(_)
        )
    }
}

/// Adds what was found. What comes late stands alone: its message was told before.
pub(super) fn attach(settings: &Settings, prepared: &mut Prepared, evidence: &Evidence) {
    let Some(Outgoing::Http(request)) = prepared.sends.first_mut() else { return };
    let Ok(mut body) = serde_json::from_str::<Value>(&request.body) else { return };
    match settings {
        Settings::Slack(_) => push(&mut body["attachments"], slack(evidence), evidence.late),
        Settings::Mattermost(_) | Settings::Rocketchat(_) => {
            push(&mut body["attachments"], mattermost(evidence), evidence.late);
        }
        Settings::Discord(_) => push(&mut body["embeds"], discord(evidence), evidence.late),
        Settings::Teams(_) => teams(&mut body["attachments"][0]["content"], evidence),
        Settings::Telegram(_) => telegram(&mut body, evidence),
        _ => return,
    }
    request.body = body.to_string();
}

fn push(list: &mut Value, one: Value, alone: bool) {
    match list.as_array_mut() {
        Some(all) => {
            if alone {
                all.clear();
            }
            all.push(one);
        }
        None => *list = json!([one]),
    }
}

/// Findings and links, a line each.
fn lines(
    evidence: &Evidence,
    line: impl Fn(&Finding) -> String,
    link: impl Fn(&str, &str) -> String,
) -> String {
    let mut all: Vec<String> = evidence.findings.iter().map(line).collect();
    let links = evidence.links.iter().map(|(title, url)| link(title, url));
    let links: Vec<String> = links.collect();
    if !links.is_empty() {
        all.push(links.join(" · "));
    }
    all.join("\n")
}

fn slack(evidence: &Evidence) -> Value {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let link = |text: &str, url: &str| format!("<{url}|{}>", escaped(text).replace('|', "¦"));
    let line = |finding: &Finding| match &finding.url {
        Some(url) => format!("• {}", link(&finding.text, url)),
        None => format!("• {}", escaped(&finding.text)),
    };
    let actions = evidence.actions.iter();
    let actions: Vec<Value> =
        actions.map(|(title, url)| json!({ "type": "button", "text": title, "url": url })).collect();
    let mut one = json!({
        "color": GREY,
        "mrkdwn_in": ["text"],
        "text": cut(&lines(evidence, line, link), SLACK_MOST),
    });
    if let Some(url) = &evidence.chart_url {
        one["image_url"] = url.as_str().into();
    }
    if !actions.is_empty() {
        one["actions"] = actions.into();
    }
    one
}

fn markdown(text: &str) -> String {
    let special = |c: char| "\\`*_[]()<>#|~".contains(c);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// Markdown with the actions among the links.
fn markdown_lines(evidence: &Evidence) -> String {
    let link = |text: &str, url: &str| format!("[{}]({})", markdown(text), url.replace(')', "%29"));
    let line = |finding: &Finding| match &finding.url {
        Some(url) => format!("- {}", link(&finding.text, url)),
        None => format!("- {}", markdown(&finding.text)),
    };
    let mut with_actions = evidence.clone();
    with_actions.links.extend(evidence.actions.iter().cloned());
    lines(&with_actions, line, link)
}

fn mattermost(evidence: &Evidence) -> Value {
    let mut one = json!({ "color": GREY, "text": markdown_lines(evidence) });
    if let Some(url) = &evidence.chart_url {
        one["image_url"] = url.as_str().into();
    }
    one
}

fn discord(evidence: &Evidence) -> Value {
    let mut one = json!({ "description": cut(&markdown_lines(evidence), DISCORD_MOST) });
    if let Some(url) = &evidence.chart_url {
        one["image"] = json!({ "url": url });
    }
    one
}

/// Elements of the adaptive card.
fn teams(card: &mut Value, evidence: &Evidence) {
    if evidence.late {
        card["body"] = json!([]);
    }
    let Some(body) = card["body"].as_array_mut() else { return };
    if let Some(url) = &evidence.chart_url {
        body.push(json!({ "type": "Image", "url": url, "altText": "chart", "size": "Stretch" }));
    }
    for finding in &evidence.findings {
        let text = match &finding.url {
            Some(url) => format!("[{}]({})", markdown(&finding.text), url.replace(')', "%29")),
            None => markdown(&finding.text),
        };
        body.push(json!({ "type": "TextBlock", "text": text, "wrap": true }));
    }
    let open =
        |(title, url): &(String, String)| json!({ "type": "Action.OpenUrl", "title": title, "url": url });
    let actions: Vec<Value> = evidence.links.iter().chain(&evidence.actions).map(open).collect();
    if !actions.is_empty() {
        card["actions"] = actions.into();
    }
}

/// HTML only: other modes have rules of escaping that templates may have broken already.
fn telegram(body: &mut Value, evidence: &Evidence) {
    if body["parse_mode"] != "HTML" {
        return;
    }
    let escaped = |text: &str| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let link = |text: &str, url: &str| format!("<a href=\"{}\">{}</a>", escaped(url), escaped(text));
    let line = |finding: &Finding| match &finding.url {
        Some(url) => format!("• {}", link(&finding.text, url)),
        None => format!("• {}", escaped(&finding.text)),
    };
    let mut all = evidence.clone();
    all.links.extend(evidence.chart_url.iter().map(|url| ("Chart".to_owned(), url.clone())));
    all.links.extend(evidence.actions.iter().cloned());
    let more = lines(&all, line, link);
    let text = body["text"].as_str().unwrap_or_default();
    let whole = if evidence.late { more } else { format!("{text}\n\n{more}") };
    if whole.chars().count() <= TELEGRAM_MOST {
        body["text"] = whole.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(late: bool) -> Evidence {
        Evidence {
            chart_url: Some("http://s/chart".into()),
            findings: vec![
                Finding { text: "3 lines: <b> & [x](y)".into(), url: Some("http://s/logs".into()) },
                Finding { text: "new version".into(), url: None },
            ],
            links: vec![("Logs".into(), "http://s/l".into())],
            actions: vec![("Silence 1 h".into(), "http://s/a".into())],
            late,
        }
    }

    #[test]
    fn slack_gets_an_attachment_with_chart_lines_and_buttons() {
        assert_eq!(
            slack(&evidence(false)),
            json!({
                "color": GREY,
                "mrkdwn_in": ["text"],
                "text": "• <http://s/logs|3 lines: &lt;b&gt; &amp; [x](y)>\n• new version\n<http://s/l|Logs>",
                "image_url": "http://s/chart",
                "actions": [{"type": "button", "text": "Silence 1 h", "url": "http://s/a"}],
            })
        );
    }

    #[test]
    fn hostile_texts_stay_texts_everywhere() {
        let text = markdown_lines(&evidence(false));
        assert!(
            text.starts_with("- [3 lines: \\<b\\> & \\[x\\]\\(y\\)](http://s/logs)\n- new version\n"),
            "{text}"
        );
        assert!(text.ends_with("[Logs](http://s/l) · [Silence 1 h](http://s/a)"), "{text}");
        let mut body = json!({"text": "down", "parse_mode": "HTML"});
        telegram(&mut body, &evidence(false));
        let text = body["text"].as_str().unwrap();
        assert!(
            text.starts_with("down\n\n• <a href=\"http://s/logs\">3 lines: &lt;b&gt; &amp; [x](y)</a>"),
            "{text}"
        );
    }

    #[test]
    fn what_is_late_stands_alone() {
        let mut list = json!([{"title": "Down"}]);
        push(&mut list, json!({"text": "more"}), false);
        assert_eq!(list.as_array().unwrap().len(), 2);
        push(&mut list, json!({"text": "late"}), true);
        assert_eq!(list, json!([{"text": "late"}]));
        let mut card = json!({"body": [{"text": "down"}]});
        teams(&mut card, &evidence(true));
        assert_eq!(
            (card["body"].as_array().unwrap().len(), card["actions"].as_array().unwrap().len()),
            (3, 2)
        );
    }
}
