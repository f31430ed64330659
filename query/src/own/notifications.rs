//! `/api/signalbox/notifications`: what was sent, and what arrived in the demo's chat room.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::chat;
use crate::failure::{Failure, Reply, json_reply};
use crate::rules_view::{ChannelView, NotificationView};
use crate::service::Call;

const LIMIT_DEFAULT: usize = 100;

pub(crate) fn answer(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let limit = call.params.limit("limit", LIMIT_DEFAULT, chat::MESSAGES_MAX)?;
        let (channels, sent) = call.shared.rules.notifications(&call.ctx.tenant, limit).await?;
        let arrived = chat::messages(&call.shared.store, &call.ctx.tenant).await?;
        let channels = all_channels(channels, &arrived);
        let messages = merge(sent, arrived, limit);
        Ok(json_reply(|json| {
            json.object(|o| {
                o.key("channels").array(|a| {
                    for channel in channels.values() {
                        a.object(|c| {
                            c.member("name", &channel.name);
                            c.member("receiver", &channel.receiver);
                            c.key("pending").int(channel.pending);
                            c.key("failed").int(channel.failed);
                        });
                    }
                });
                o.key("messages")
                    .array(|a| messages.iter().for_each(|message| chat::write_message(a, message)));
            });
        }))
    }
    .boxed()
}

/// Receivers, and the rooms in which something arrived.
fn all_channels(
    channels: Vec<ChannelView>,
    arrived: &[NotificationView],
) -> BTreeMap<(String, String), ChannelView> {
    let key = |channel: &ChannelView| (channel.name.clone(), channel.receiver.clone());
    let mut all: BTreeMap<(String, String), ChannelView> =
        channels.into_iter().map(|channel| (key(&channel), channel)).collect();
    for message in arrived {
        let room =
            ChannelView { name: message.channel.clone(), receiver: "chat".into(), pending: 0, failed: 0 };
        if !all.keys().any(|(name, _)| *name == room.name) {
            all.insert(key(&room), room);
        }
    }
    all
}

/// Newest first. A message that arrived takes the place of the notification it came from, known by its key, and its
/// labels: chat knows only text. Titles do not tell: templates write them, and the same one comes again.
fn merge(
    mut sent: Vec<NotificationView>,
    mut arrived: Vec<NotificationView>,
    limit: usize,
) -> Vec<NotificationView> {
    for message in &mut arrived {
        let same =
            |other: &NotificationView| !message.dedup_key.is_empty() && other.dedup_key == message.dedup_key;
        // Of several integrations of one receiver the chat is the one whose text it is.
        let at = sent.iter().position(|other| same(other) && other.title == message.title);
        if let Some(at) = at.or_else(|| sent.iter().position(same)) {
            let origin = sent.remove(at);
            message.labels.extend(origin.labels);
            message.annotations.extend(origin.annotations);
            message.links.extend(origin.links);
        }
    }
    arrived.extend(sent);
    arrived.sort_by_key(|message| std::cmp::Reverse(message.at_ms));
    arrived.truncate(limit);
    arrived
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn an_arrived_message_has_the_labels_of_what_was_sent() {
        let world = World::with_rules().await;
        let body = r#"{"dedup_key":"key-1","attachments":[{"color":"danger","title":"Firing: reviews","text":"none"}]}"#;
        world.post("/api/signalbox/demo/chat/incidents", "application/json", body).await;
        world
            .golden(&[(
                "/api/signalbox/notifications?limit=5",
                concat!(
                    r#"{"channels":[{"name":"chat","receiver":"slack","pending":1,"failed":0},"#,
                    r#"{"name":"incidents","receiver":"chat","pending":0,"failed":0}],"messages":["#,
                    r#"{"at_ms":1763930000000,"channel":"incidents","title":"Firing: reviews","text":"none","#,
                    r#""status":"firing","labels":{"alertname":"ReviewDown"},"annotations":{},"links":{}}]}"#
                ),
            )])
            .await;
    }
}
