//! `/api/signalbox/notifications`: what was sent, and what arrived in the demo's chat room.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::chat;
use crate::failure::{Failure, Reply, json_reply};
use crate::rules_view::{ChannelView, NotificationView};
use crate::service::Call;

const LIMIT_DEFAULT: usize = 100;
/// A sent notification and an arrived message of one title this close together are the same.
const SAME_MS: i64 = 120_000;

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
fn all_channels(channels: Vec<ChannelView>, arrived: &[NotificationView]) -> BTreeMap<String, ChannelView> {
    let mut all: BTreeMap<String, ChannelView> =
        channels.into_iter().map(|channel| (channel.name.clone(), channel)).collect();
    for message in arrived {
        let name = message.channel.clone();
        let room = ChannelView { name: name.clone(), receiver: "chat".into(), pending: 0, failed: 0 };
        all.entry(name).or_insert(room);
    }
    all
}

/// Newest first. A message that arrived takes the place of the notification it came from, and its labels: chat knows
/// only text.
fn merge(
    mut sent: Vec<NotificationView>,
    mut arrived: Vec<NotificationView>,
    limit: usize,
) -> Vec<NotificationView> {
    for message in &mut arrived {
        let same = |other: &NotificationView| {
            other.title == message.title
                && other.resolved == message.resolved
                && (other.at_ms - message.at_ms).abs() <= SAME_MS
        };
        if let Some(at) = sent.iter().position(same) {
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
        let body =
            r#"{"attachments":[{"color":"danger","title":"[FIRING:1] ReviewDown","text":"no reviews"}]}"#;
        world.post("/api/signalbox/demo/chat/incidents", "application/json", body).await;
        world
            .golden(&[(
                "/api/signalbox/notifications?limit=5",
                concat!(
                    r#"{"channels":[{"name":"chat","receiver":"slack","pending":1,"failed":0},"#,
                    r#"{"name":"incidents","receiver":"chat","pending":0,"failed":0}],"messages":["#,
                    r#"{"at_ms":1763930000000,"channel":"incidents","title":"[FIRING:1] ReviewDown","text":"no reviews","#,
                    r#""status":"firing","labels":{"alertname":"ReviewDown"},"annotations":{},"links":{}}]}"#
                ),
            )])
            .await;
    }
}
