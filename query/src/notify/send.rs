//! Sends messages and keeps what came of it.

use std::time::Instant;

use store::{Change, DocumentKind};

use super::client::Delivery;
use super::group::{Message, Told};
use super::notifier::{Shared, encode};
use super::outbox::{Delivered, Waiting};
use super::receivers::{Prepared, chat};

/// Delivered messages that are kept for people to see.
const DELIVERED_KEEP: usize = 500;

impl Shared {
    pub(super) async fn send(&self, waiting: &Waiting) {
        let entry = &waiting.entry;
        let config = self.config.load_full();
        let shown = chat::shown(&entry.message);
        let integration = config.integrations(&entry.receiver).get(entry.integration);
        let Some(integration) = integration.filter(|one| one.settings.kind() == entry.kind) else {
            return self.settle(waiting, shown, Some("the receiver is not configured any more".into())).await;
        };
        let prepared = integration.render(&entry.message, &config.templates, &self.settings.external_url);
        let (shown, delivery) = match prepared {
            Ok(Prepared { sends, shown }) => {
                (shown, self.client.send(&sends, &integration.http, &entry.message.dedup_key).await)
            }
            // A template that fails fails again, a secret's file may come.
            Err(problem) if problem.starts_with("read ") => (shown, Delivery::Retry(problem, None)),
            Err(problem) => (shown, Delivery::Refused(problem)),
        };
        match delivery {
            Delivery::Retry(reason, after) => {
                tracing::warn!(
                    receiver = entry.receiver,
                    kind = entry.kind,
                    attempts = waiting.attempts + 1,
                    reason,
                    "a notification was not taken, it is sent again"
                );
                let now = Instant::now();
                self.queue.lock().postpone(&waiting.tenant, &waiting.id, reason, now, after);
            }
            Delivery::Done => self.settle(waiting, shown, None).await,
            Delivery::Refused(reason) => {
                tracing::error!(
                    receiver = entry.receiver,
                    kind = entry.kind,
                    reason,
                    "a notification was refused for good"
                );
                self.settle(waiting, shown, Some(reason)).await;
            }
        }
    }

    /// Sends a message that says it is a test; what came of it for each integration. `None`: no such receiver.
    pub(super) async fn test(&self, receiver: &str) -> Option<Vec<(&'static str, Result<(), String>)>> {
        let config = self.config.load_full();
        let (_, integrations) = config.receivers.iter().find(|(name, _)| name == receiver)?;
        let now_ms = self.now_ms();
        let message = test_message(receiver, now_ms);
        let mut outcomes = Vec::new();
        for integration in integrations {
            let prepared = integration.render(&message, &config.templates, &self.settings.external_url);
            let outcome = match prepared {
                Ok(prepared) => {
                    match self.client.send(&prepared.sends, &integration.http, &message.dedup_key).await {
                        Delivery::Done => Ok(()),
                        Delivery::Retry(reason, _) | Delivery::Refused(reason) => Err(reason),
                    }
                }
                Err(problem) => Err(problem),
            };
            outcomes.push((integration.settings.kind(), outcome));
        }
        Some(outcomes)
    }

    /// Takes a message out of the outbox and among the delivered ones.
    async fn settle(&self, waiting: &Waiting, (title, text): (String, String), error: Option<String>) {
        let entry = (*waiting.entry).clone();
        let delivered = Delivered { at_ms: self.now_ms(), entry, title, text, error };
        let documents = self.store.documents();
        let mut changes = vec![
            Change::Delete { kind: DocumentKind::Outbox, id: waiting.id.clone() },
            Change::Put {
                kind: DocumentKind::Notification,
                id: waiting.id.clone(),
                bytes: encode(&delivered),
            },
        ];
        if let Ok(known) = documents.list(&waiting.tenant, DocumentKind::Notification).await {
            let old = known.len().saturating_sub(DELIVERED_KEEP);
            let forget = |id: String| Change::Delete { kind: DocumentKind::Notification, id };
            changes.extend(known.into_iter().take(old).map(|document| forget(document.id)));
        }
        match documents.commit(&waiting.tenant, changes).await {
            Ok(()) => self.queue.lock().remove(&waiting.tenant, &waiting.id),
            // It was delivered, and the catalog does not know: the dedup key tells the receiver.
            Err(error) => {
                tracing::error!(%error, "a delivered notification could not be taken out of the outbox");
                let now = Instant::now();
                self.queue.lock().postpone(&waiting.tenant, &waiting.id, error.to_string(), now, None);
            }
        }
    }
}

fn test_message(receiver: &str, now_ms: i64) -> Message {
    let texts = |pairs: [(&str, &str); 2]| pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    let told = Told {
        labels: texts([("alertname", "TestAlert"), ("severity", "none")]),
        annotations: texts([
            ("summary", "This is a test: the receiver works"),
            ("description", "Somebody asked for this message; nothing is wrong."),
        ]),
        starts_at_ms: now_ms,
        ends_at_ms: None,
        generator_url: String::new(),
        until_ms: None,
        updated_ms: now_ms,
    };
    Message {
        receiver: receiver.to_owned(),
        group_key: "{}:{alertname=\"TestAlert\"}".into(),
        group_labels: [("alertname".to_owned(), "TestAlert".to_owned())].into(),
        alerts: vec![told],
        dedup_key: format!("test-{now_ms}"),
        made_ms: now_ms,
        news: true,
    }
}
