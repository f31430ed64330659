//! Sends messages and keeps what came of it.

use std::sync::Arc;
use std::time::Instant;

use store::model::Tenant;
use store::{Change, DocumentKind};

use super::client::{Delivery, Failure};
use super::group::{Message, Told};
use super::history::What;
use super::notifier::{Shared, encode, put};
use super::outbox::{Delivered, Entry, Waiting, merged};
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
        let (mut message, mut late) = (entry.message.clone(), None);
        let wanted = self.settings.evidence && integration.settings.takes_evidence();
        if wanted && message.evidence.is_none() && message.fires() {
            (message.evidence, late) = self.evidence(&waiting.tenant, &message).await;
        }
        if integration.settings.changes_messages() {
            message.changes = self.place_of(&waiting.tenant, entry).await;
        }
        let prepared = integration.render(&message, &config.templates, &self.settings.external_url);
        let (shown, delivery) = match prepared {
            Ok(Prepared { sends, shown }) => {
                (shown, self.client.send(&sends, &integration.http, &entry.message.dedup_key).await)
            }
            // A template that fails fails again, a secret's file may come.
            Err(problem) if problem.starts_with("read ") => {
                (shown, Delivery::Retry(Failure::certain(problem)))
            }
            Err(problem) => (shown, Delivery::Refused(problem)),
        };
        match delivery {
            Delivery::Retry(failure) => {
                tracing::warn!(
                    receiver = entry.receiver,
                    kind = entry.kind,
                    attempts = waiting.attempts + 1,
                    reason = failure.reason,
                    "a notification was not taken, it is sent again"
                );
                if waiting.attempts == 0 {
                    self.note_failure(waiting, &failure.reason).await;
                }
                self.queue.lock().postpone(&waiting.tenant, &waiting.id, &failure, Instant::now());
                self.merge_pile(&waiting.tenant, entry).await;
            }
            Delivery::Done(place) => {
                if integration.settings.changes_messages() {
                    self.keep_place(&waiting.tenant, entry, place).await;
                }
                self.settle(waiting, shown, None).await;
                if let Some(late) = late {
                    self.follow_up(waiting, late).await;
                }
            }
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
                        Delivery::Done(_) => Ok(()),
                        Delivery::Retry(Failure { reason, .. }) | Delivery::Refused(reason) => Err(reason),
                    }
                }
                Err(problem) => Err(problem),
            };
            outcomes.push((integration.settings.kind(), outcome));
        }
        Some(outcomes)
    }

    /// A receiver that was away is told the present once, not the past step by step.
    pub(super) async fn merge_pile(&self, tenant: &Tenant, entry: &Entry) {
        let pile = self.queue.lock().piled_up(tenant, entry);
        let Some((newest, older)) = pile.split_last() else { return };
        let messages: Vec<&Message> = pile.iter().map(|waiting| &waiting.entry.message).collect();
        let uncertain = pile.iter().any(|waiting| waiting.uncertain);
        let by = merged(&messages, uncertain);
        let by = by.map(|message| Arc::new(Entry { message, ..(*newest.entry).clone() }));
        let delete =
            |waiting: &Waiting| Change::Delete { kind: DocumentKind::Outbox, id: waiting.id.clone() };
        let mut changes: Vec<Change> = older.iter().map(delete).collect();
        changes.push(match &by {
            Some(entry) => put(DocumentKind::Outbox, &newest.id, encode(&**entry)),
            None => delete(newest),
        });
        for waiting in older {
            let (receiver, kind, dedup_key) = names(&waiting.entry);
            let what = What::Superseded { receiver, kind, dedup_key };
            changes.extend(self.answered(tenant, &waiting.entry.message, &what).await);
        }
        match self.store.documents().commit(tenant, changes).await {
            Ok(()) => self.queue.lock().replace(&pile, by),
            Err(error) => tracing::warn!(%error, "messages of one group wait on, one after the other"),
        }
    }

    /// The first failure of a message is told; that it goes on shows in the queue.
    async fn note_failure(&self, waiting: &Waiting, error: &str) {
        let (receiver, kind, dedup_key) = names(&waiting.entry);
        let what = What::Failed { receiver, kind, dedup_key, error: error.to_owned() };
        let changes = self.answered(&waiting.tenant, &waiting.entry.message, &what).await;
        if let Err(error) = self.store.documents().commit(&waiting.tenant, changes).await {
            tracing::warn!(%error, "a failure was not noted");
        }
    }

    /// Takes a message out of the outbox and among the delivered ones.
    async fn settle(&self, waiting: &Waiting, (title, text): (String, String), error: Option<String>) {
        let entry = (*waiting.entry).clone();
        let (receiver, kind, dedup_key) = names(&entry);
        let what = match &error {
            None => What::Delivered { receiver, kind, dedup_key, attempts: waiting.attempts + 1 },
            Some(error) => What::Refused { receiver, kind, dedup_key, error: error.clone() },
        };
        let noted = self.answered(&waiting.tenant, &entry.message, &what).await;
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
        changes.extend(noted);
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
                let failure = Failure::certain(error.to_string());
                self.queue.lock().postpone(&waiting.tenant, &waiting.id, &failure, now);
            }
        }
    }
}

fn names(entry: &Entry) -> (String, String, String) {
    (entry.receiver.clone(), entry.kind.clone(), entry.message.dedup_key.clone())
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
        ..Message::default()
    }
}
