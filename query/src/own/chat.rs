//! The demo's chat room: takes what Slack's incoming webhooks take, and shows it as messages.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use store::model::Tenant;
use store::{Change, DocumentKind, Store, StoreError};

use crate::failure::{Failure, Reply, json_reply, text_reply};
use crate::json::Json;
use crate::rules_view::NotificationView;
use crate::service::Call;

/// Older messages of a tenant's room go.
pub(crate) const MESSAGES_MAX: usize = 1000;
const CHANNEL_CHARS_MAX: usize = 80;
/// A link's name is no sentence.
const LINK_CHARS_MAX: usize = 60;

/// Gives messages of one nanosecond different names.
#[derive(Default)]
pub(crate) struct ChatSequence(AtomicU64);

/// A message as it was posted.
#[derive(Serialize, Deserialize)]
struct Stored {
    at_ms: i64,
    channel: String,
    message: SlackMessage,
}

/// The parts of a Slack message a room can show; other members are left out.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct SlackMessage {
    text: String,
    attachments: Vec<Attachment>,
    blocks: Vec<Block>,
    dedup_key: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Attachment {
    color: String,
    title: String,
    title_link: String,
    pretext: String,
    text: String,
    fallback: String,
    image_url: String,
    fields: Vec<AttachmentField>,
    actions: Vec<Action>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct AttachmentField {
    title: String,
    value: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Action {
    text: String,
    url: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<BlockText>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct BlockText {
    text: String,
}

pub(crate) fn post(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let channel = channel(&call)?;
        // A webhook's body is JSON, or a form with the JSON in `payload`.
        let json = call.params.get("payload").map_or(&call.body[..], str::as_bytes);
        let message: SlackMessage = serde_json::from_slice(json)
            .map_err(|error| Failure::bad(format!("invalid_payload: {error}")))?;
        if message.text.is_empty() && message.attachments.is_empty() && message.blocks.is_empty() {
            return Err(Failure::bad("no_text: the message has no text, attachments or blocks"));
        }
        let number = call.shared.chat.0.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:020}-{number:08}", call.now_ns().max(0));
        let stored = Stored { at_ms: call.now_ms(), channel, message };
        let bytes = serde_json::to_vec(&stored).map_err(|error| Failure::bad(error.to_string()))?;
        let documents = call.shared.store.documents();
        let kind = DocumentKind::ChatMessage;
        let known = documents.list(&call.ctx.tenant, kind).await?;
        if known.iter().any(|document| is_repeat(&document.bytes, &stored)) {
            return Ok(text_reply("ok"));
        }
        let over = (known.len() + 1).saturating_sub(MESSAGES_MAX);
        // Names grow with time, so the first are the oldest.
        let mut changes: Vec<Change> =
            known.into_iter().take(over).map(|old| Change::Delete { kind, id: old.id }).collect();
        changes.push(Change::Put { kind, id, bytes });
        documents.commit(&call.ctx.tenant, changes).await?;
        Ok(text_reply("ok"))
    }
    .boxed()
}

pub(crate) fn list(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let channel = channel(&call)?;
        let limit = call.params.limit("limit", MESSAGES_MAX, MESSAGES_MAX)?;
        let mut messages = messages(&call.shared.store, &call.ctx.tenant).await?;
        messages.retain(|message| message.channel == channel);
        messages.truncate(limit);
        Ok(json_reply(|json| {
            json.object(|o| {
                o.member("channel", &channel);
                o.key("messages").array(|a| messages.iter().for_each(|message| write_message(a, message)));
            });
        }))
    }
    .boxed()
}

/// All messages of the tenant's room, newest first.
pub(super) async fn messages(store: &Store, tenant: &Tenant) -> Result<Vec<NotificationView>, StoreError> {
    let stored = store.documents().list(tenant, DocumentKind::ChatMessage).await?;
    let read =
        stored.iter().rev().filter_map(|document| serde_json::from_slice::<Stored>(&document.bytes).ok());
    Ok(read.map(Stored::into_view).collect())
}

pub(super) fn write_message(json: &mut Json, message: &NotificationView) {
    json.object(|o| {
        o.key("at_ms").int(message.at_ms);
        o.member("channel", &message.channel);
        o.member("title", &message.title);
        o.member("text", &message.text);
        o.member("status", if message.resolved { "resolved" } else { "firing" });
        for (name, pairs) in
            [("labels", &message.labels), ("annotations", &message.annotations), ("links", &message.links)]
        {
            o.key(name).object(|p| pairs.iter().for_each(|(name, value)| p.member(name, value)));
        }
    });
}

fn channel(call: &Call) -> Result<String, Failure> {
    let channel = call.path.get("channel");
    let plain = |c: char| c.is_alphanumeric() || "-_.#".contains(c);
    if channel.chars().count() > CHANNEL_CHARS_MAX || !channel.chars().all(plain) {
        return Err(Failure::bad(format!(
            "channel_not_found: use up to {CHANNEL_CHARS_MAX} letters, digits or any of - _ . #"
        )));
    }
    Ok(channel.trim_start_matches('#').to_owned())
}

// === impl Stored ===

impl Stored {
    fn into_view(self) -> NotificationView {
        let SlackMessage { text, attachments, blocks, dedup_key } = self.message;
        let color = attachments.first().map(|first| first.color.to_lowercase()).unwrap_or_default();
        let mut paragraphs = vec![text];
        let mut title = String::new();
        let (mut labels, mut links) = (BTreeMap::new(), BTreeMap::new());
        for block in blocks {
            let text = block.text.unwrap_or_default().text;
            if block.kind == "header" && title.is_empty() { title = text } else { paragraphs.push(text) }
        }
        for attachment in attachments {
            if title.is_empty() {
                title = attachment.title
            } else {
                paragraphs.push(attachment.title)
            }
            let text = if attachment.text.is_empty() { attachment.fallback } else { attachment.text };
            let text = without_links(&text, &mut links);
            links.insert("Chart".to_owned(), attachment.image_url);
            paragraphs.extend([attachment.pretext, text]);
            labels.extend(attachment.fields.into_iter().map(|field| (field.title, field.value)));
            links.insert("open".to_owned(), attachment.title_link);
            links.extend(attachment.actions.into_iter().map(|action| (action.text, action.url)));
        }
        links.retain(|_, url| !url.is_empty());
        paragraphs.retain(|text| !text.is_empty() && *text != title);
        if title.is_empty() && !paragraphs.is_empty() {
            title = paragraphs.remove(0);
        }
        let resolved = matches!(color.as_str(), "good" | "#2eb886") || says_resolved(&title);
        NotificationView {
            at_ms: self.at_ms,
            dedup_key,
            channel: self.channel,
            title,
            text: paragraphs.join("\n"),
            resolved,
            labels,
            annotations: BTreeMap::new(),
            links,
        }
    }
}

/// Slack's `<address|text>` as its text; the address goes among the links.
fn without_links(text: &str, links: &mut BTreeMap<String, String>) -> String {
    let plain = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let (before, from) = rest.split_at(open);
        out.push_str(&plain(before));
        let link = from.find('>').and_then(|end| Some((end, from[1..end].split_once('|')?)));
        let Some((end, (url, name))) = link else {
            out.push_str(&plain(from));
            return out;
        };
        let name = plain(name);
        links.insert(name.chars().take(LINK_CHARS_MAX).collect(), url.to_owned());
        out.push_str(&name);
        rest = &from[end + 1..];
    }
    out + &plain(rest)
}

/// Whether a kept message is an earlier attempt to deliver this one.
fn is_repeat(kept: &[u8], message: &Stored) -> bool {
    let key = &message.message.dedup_key;
    let kept = || serde_json::from_slice::<Stored>(kept).ok();
    !key.is_empty()
        && kept().is_some_and(|kept| kept.channel == message.channel && kept.message.dedup_key == *key)
}

fn says_resolved(title: &str) -> bool {
    let word: String = title.trim_start_matches(['[', ' ']).chars().take("resolved".len()).collect();
    word.eq_ignore_ascii_case("resolved")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn slacks_links_are_text_and_links() {
        let mut links = BTreeMap::new();
        let text = without_links("• <http://a?x=1|3 lines: a &lt;b&gt;>\n1 &lt; 2 < 3", &mut links);
        assert_eq!(text, "• 3 lines: a <b>\n1 < 2 < 3");
        assert_eq!(links, [("3 lines: a <b>".to_owned(), "http://a?x=1".to_owned())].into());
    }

    const FIRING: &str = r##"{"channel":"#incidents","username":"x","attachments":[{"color":"danger","title":"Firing: ReviewDown (review)",
        "title_link":"http://h/ui/","text":"No reviews.","fields":[{"title":"service","value":"review"}]}]}"##;

    #[tokio::test]
    async fn a_slack_message_becomes_a_message_of_the_room() {
        let world = World::new();
        let posted = world.post("/api/signalbox/demo/chat/incidents", "application/json", FIRING).await;
        assert_eq!((posted.status, posted.body.as_str()), (200, "ok"));
        let form = "payload=%7B%22text%22%3A%22Resolved%3A+all+well%22%7D";
        world.post("/api/signalbox/demo/chat/incidents", "application/x-www-form-urlencoded", form).await;
        world
            .golden(&[(
                "/api/signalbox/demo/chat/incidents",
                concat!(
                    r#"{"channel":"incidents","messages":["#,
                    r#"{"at_ms":1763930000000,"channel":"incidents","title":"Resolved: all well","text":"","status":"resolved","labels":{},"annotations":{},"links":{}},"#,
                    r#"{"at_ms":1763930000000,"channel":"incidents","title":"Firing: ReviewDown (review)","text":"No reviews.","status":"firing","#,
                    r#""labels":{"service":"review"},"annotations":{},"links":{"open":"http://h/ui/"}}]}"#
                ),
            )])
            .await;
        for (path, body) in [("x", "{}"), ("x", "no"), ("a%2Fb", FIRING)] {
            let refused =
                world.post(&format!("/api/signalbox/demo/chat/{path}"), "application/json", body).await;
            assert_eq!(refused.status, 400, "{body}");
        }
    }

    #[tokio::test]
    async fn a_message_that_is_sent_again_is_shown_once() {
        let world = World::new();
        for (channel, key) in [("a", "k1"), ("a", "k1"), ("a", "k2"), ("b", "k1"), ("a", ""), ("a", "")] {
            let body = format!(r#"{{"text":"x","dedup_key":"{key}"}}"#);
            let path = format!("/api/signalbox/demo/chat/{channel}");
            assert_eq!(world.post(&path, "application/json", &body).await.body, "ok");
        }
        let shown = |body: String| body.matches("at_ms").count();
        assert_eq!(shown(world.get("/api/signalbox/demo/chat/a").await.body), 4);
        assert_eq!(shown(world.get("/api/signalbox/demo/chat/b").await.body), 1);
    }

    #[tokio::test]
    async fn the_room_keeps_the_last_thousand() {
        let world = World::new();
        for i in 0..MESSAGES_MAX + 3 {
            let body = format!(r#"{{"text":"m{i}"}}"#);
            assert_eq!(world.post("/api/signalbox/demo/chat/c", "application/json", &body).await.status, 200);
        }
        let body = world.get("/api/signalbox/demo/chat/c").await.body;
        assert_eq!(body.matches("at_ms").count(), MESSAGES_MAX);
        assert!(body.contains("\"m1002\"") && body.contains("\"m3\"") && !body.contains("\"m2\""));
    }
}
