//! The notifier: takes what rules know, keeps groups and messages in one transaction with it, sends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use store::model::Tenant;
use store::{Change, DocumentKind, Store, StoreError};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::{AddressRules, Client, Delivery};
use super::config::{Hidden, Integration, NotifyConfig};
use super::group::{self, Groups, Message, Told};
use super::outbox::{Delivered, Entry, Queue, Waiting};
use super::slack;
use super::webhook::{self, HttpConfig};
use crate::{ChannelView, Clock, NotificationView};

/// The document that holds a tenant's notification groups.
const GROUPS_ID: &str = "notification-groups";
/// Delivered messages that are kept for people to see.
const DELIVERED_KEEP: usize = 500;
const IDLE: Duration = Duration::from_secs(60);
/// Sends under way when the process stops may end, so that the next one does not repeat them.
const LAST_SENDS: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct NotifierConfig {
    pub external_url: String,
    pub webhook_deny: Vec<String>,
    pub webhook_allow: Vec<String>,
    pub outbox_messages_max: u64,
    pub clock: Clock,
}

/// A handle; cheap to clone.
#[derive(Clone)]
pub struct Notifier(Arc<Shared>);

struct Shared {
    settings: NotifierConfig,
    config: ArcSwap<NotifyConfig>,
    store: Store,
    client: Client,
    groups: tokio::sync::Mutex<BTreeMap<Tenant, Groups>>,
    queue: Mutex<Queue>,
    wake: Notify,
}

impl Notifier {
    pub fn new(settings: NotifierConfig, config: NotifyConfig, store: Store) -> Result<Self, String> {
        let rules = AddressRules::parse(&settings.webhook_deny, &settings.webhook_allow)?;
        Ok(Self(Arc::new(Shared {
            client: Client::new(rules)?,
            settings,
            config: ArcSwap::from_pointee(config),
            store,
            groups: tokio::sync::Mutex::default(),
            queue: Mutex::default(),
            wake: Notify::new(),
        })))
    }

    /// Another configuration from now on; messages that wait keep the receiver's integration of their number.
    pub fn configure(&self, config: NotifyConfig) {
        self.0.config.store(Arc::new(config));
        self.0.wake.notify_one();
    }

    /// Takes what a rule group knows and commits `changes` with what follows from it. `Err`: nothing was kept.
    pub(crate) async fn tell(
        &self,
        tenant: &Tenant,
        source: &str,
        told: Vec<Told>,
        changes: Vec<Change>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.0.advance(tenant, Some((source, told)), changes, now_ms).await
    }

    /// Takes back what waited in the catalog. To be done before rules tell news.
    pub async fn restore(&self) -> Result<(), String> {
        self.0.restore().await.map_err(|error| format!("waiting notifications could not be read: {error}"))
    }

    /// Sends until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        // Each on its own: a receiver that hangs keeps nobody else waiting.
        let mut sends = JoinSet::new();
        loop {
            let next = self.0.next_look().await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.0.wake.notified() => {}
                Some(ended) = sends.join_next() => log_panic(ended),
                () = tokio::time::sleep_until(next.into()) => {}
            }
            self.0.advance_due().await;
            for waiting in self.0.queue.lock().take_due(Instant::now()) {
                let shared = Arc::clone(&self.0);
                sends.spawn(async move { shared.send(&waiting).await });
            }
        }
        let rest = async { while sends.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_SENDS, rest).await.is_err() {
            tracing::warn!("notifications under way were cut off: they are sent again after the next start");
        }
    }

    pub(crate) fn receivers(&self) -> Vec<String> {
        self.0.config.load().receivers.clone()
    }

    pub(crate) fn yaml(&self) -> String {
        self.0.config.load().yaml().to_owned()
    }

    /// Channels with what waits, and the newest messages.
    pub(crate) async fn view(
        &self,
        tenant: &Tenant,
        limit: usize,
    ) -> Result<(Vec<ChannelView>, Vec<NotificationView>), StoreError> {
        let documents = self.0.store.documents().list(tenant, DocumentKind::Notification).await?;
        let delivered: Vec<Delivered> =
            documents.iter().rev().filter_map(|d| serde_json::from_slice(&d.bytes).ok()).collect();
        let config = self.0.config.load();
        let queue = self.0.queue.lock();
        let channel = |(index, integration): (usize, &Integration)| {
            let waits =
                queue.waiting().iter().filter(|w| w.tenant == *tenant && w.entry.integration == index);
            let failed = delivered.iter().filter(|d| d.entry.integration == index && d.error.is_some());
            ChannelView {
                name: config.receiver.clone(),
                receiver: integration.kind().to_owned(),
                pending: waits.count() as u64,
                failed: failed.count() as u64,
            }
        };
        let channels = config.integrations.iter().enumerate().map(channel).collect();
        Ok((channels, delivered.into_iter().take(limit).map(notification_view).collect()))
    }
}

// === impl Shared ===

impl Shared {
    fn now_ms(&self) -> i64 {
        (self.settings.clock)().div_euclid(1_000_000)
    }

    async fn restore(&self) -> Result<(), StoreError> {
        let documents = self.store.documents();
        for tenant in documents.tenants(DocumentKind::Outbox).await? {
            for document in documents.list(&tenant, DocumentKind::Outbox).await? {
                if let Ok(entry) = serde_json::from_slice::<Entry>(&document.bytes) {
                    self.queue.lock().push(tenant.clone(), document.id, Arc::new(entry), Instant::now());
                }
            }
        }
        for tenant in documents.tenants(DocumentKind::RuleState).await? {
            let mut groups = self.groups.lock().await;
            self.load(&mut groups, &tenant).await?;
        }
        Ok(())
    }

    async fn load<'g>(
        &self,
        all: &'g mut BTreeMap<Tenant, Groups>,
        tenant: &Tenant,
    ) -> Result<&'g mut Groups, StoreError> {
        if !all.contains_key(tenant) {
            let saved = self.store.documents().get(tenant, DocumentKind::RuleState, GROUPS_ID).await?;
            let groups =
                saved.and_then(|document| serde_json::from_slice(&document.bytes).ok()).unwrap_or_default();
            all.insert(tenant.clone(), groups);
        }
        Ok(all.entry(tenant.clone()).or_default())
    }

    /// One step of a tenant's groups, in one transaction with `changes`.
    async fn advance(
        &self,
        tenant: &Tenant,
        news: Option<(&str, Vec<Told>)>,
        mut changes: Vec<Change>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut all = self.groups.lock().await;
        let groups = self.load(&mut all, tenant).await?;
        let config = self.config.load();
        let mut next = groups.clone();
        if let Some((source, told)) = news {
            group::put(&mut next, &config, source, told, now_ms);
        }
        let messages = group::due(&mut next, &config, now_ms);
        if next == *groups && messages.is_empty() && changes.is_empty() {
            return Ok(());
        }
        let entries = self.entries(&config, &messages);
        let put = |kind, id: &str, bytes| Change::Put { kind, id: id.to_owned(), bytes };
        changes.push(put(DocumentKind::RuleState, GROUPS_ID, encode(&next)));
        changes.extend(entries.iter().map(|(id, entry)| put(DocumentKind::Outbox, id, encode(&**entry))));
        self.store.documents().commit(tenant, changes).await?;
        *groups = next;
        let mut queue = self.queue.lock();
        for (id, entry) in entries {
            queue.push(tenant.clone(), id, entry, Instant::now());
        }
        self.wake.notify_one();
        Ok(())
    }

    /// A message for each integration that wants it. Beyond the bound they are left out and said so in the log: the
    /// group tells again when it repeats.
    fn entries(&self, config: &NotifyConfig, messages: &[Message]) -> Vec<(String, Arc<Entry>)> {
        let mut room =
            self.settings.outbox_messages_max.saturating_sub(self.queue.lock().waiting().len() as u64);
        let mut entries = Vec::new();
        for message in messages {
            for (integration, one) in config.integrations.iter().enumerate() {
                if !message.fires() && !one.sends_resolved() {
                    continue;
                }
                if room == 0 {
                    tracing::error!(
                        limit = self.settings.outbox_messages_max,
                        "the outbox is full: a notification is left out"
                    );
                    continue;
                }
                room -= 1;
                let entry = Entry {
                    receiver: config.receiver.clone(),
                    integration,
                    kind: one.kind().to_owned(),
                    message: message.clone(),
                };
                let id = format!("{:015}-{}-{integration}", message.made_ms, message.dedup_key);
                entries.push((id, Arc::new(entry)));
            }
        }
        entries
    }

    /// Steps the tenants with a group whose time has come.
    async fn advance_due(&self) {
        let (config, now_ms) = (self.config.load_full(), self.now_ms());
        let is_due = |groups: &Groups| group::next_due(groups, &config).is_some_and(|at_ms| at_ms <= now_ms);
        let all = self.groups.lock().await;
        let due: Vec<Tenant> =
            all.iter().filter(|(_, groups)| is_due(groups)).map(|(tenant, _)| tenant.clone()).collect();
        drop(all);
        for tenant in due {
            if let Err(error) = self.advance(&tenant, None, Vec::new(), now_ms).await {
                tracing::error!(%tenant, %error, "notifications could not be kept");
            }
        }
    }

    async fn next_look(&self) -> Instant {
        let now = Instant::now();
        let config = self.config.load();
        let all = self.groups.lock().await;
        let group = all.values().filter_map(|groups| group::next_due(groups, &config)).min();
        let wait =
            group.map(|at_ms| Duration::from_millis(u64::try_from(at_ms - self.now_ms()).unwrap_or(0)));
        let queue = self.queue.lock().next();
        let at = now + wait.unwrap_or(IDLE).min(IDLE).max(Duration::from_millis(10));
        queue.map_or(at, |queue| queue.min(at))
    }

    async fn send(&self, waiting: &Waiting) {
        let entry = &waiting.entry;
        let config = self.config.load_full();
        let Some(post) = Post::new(&config, entry, &self.settings.external_url) else {
            let shown = (slack::default_title(&entry.message), slack::default_text(&entry.message));
            return self.settle(waiting, shown, Some("the receiver is not configured any more".into())).await;
        };
        let delivery = self.client.post(post.url, post.http, &entry.message.dedup_key, &post.body).await;
        match delivery {
            Delivery::Retry(reason) => {
                tracing::warn!(
                    receiver = entry.receiver,
                    kind = entry.kind,
                    attempts = waiting.attempts + 1,
                    reason,
                    "a notification was not taken, it is sent again"
                );
                self.queue.lock().postpone(&waiting.tenant, &waiting.id, reason, Instant::now());
            }
            Delivery::Done => self.settle(waiting, post.shown, None).await,
            Delivery::Refused(reason) => {
                tracing::error!(
                    receiver = entry.receiver,
                    kind = entry.kind,
                    reason,
                    "a notification was refused for good"
                );
                self.settle(waiting, post.shown, Some(reason)).await;
            }
        }
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
                self.queue.lock().postpone(&waiting.tenant, &waiting.id, error.to_string(), Instant::now());
            }
        }
    }
}

/// What is posted for an entry, and title and text as people see them.
struct Post<'c> {
    url: &'c str,
    http: &'c HttpConfig,
    body: serde_json::Value,
    shown: (String, String),
}

impl<'c> Post<'c> {
    /// `None`: the integration is not in the configuration any more.
    fn new(config: &'c NotifyConfig, entry: &Entry, external_url: &str) -> Option<Self> {
        let (message, receiver) = (&entry.message, &entry.receiver);
        Some(match config.integrations.get(entry.integration)? {
            Integration::Webhook(webhook) => Self {
                url: webhook.url.expose(),
                http: &webhook.http_config,
                body: webhook::render(webhook, message, receiver, external_url),
                shown: (slack::default_title(message), slack::default_text(message)),
            },
            Integration::Slack(slack) => {
                let body = slack::render(slack, message, receiver, external_url);
                let text = |name: &str| body["attachments"][0][name].as_str().unwrap_or_default().to_owned();
                let shown = (text("title"), text("text"));
                let url = slack.api_url.as_ref().map(Hidden::expose).unwrap_or_default();
                Self { url, http: &slack.http_config, body, shown }
            }
        })
    }
}

/// A panic in a send is a bug; its message waits in the catalog for the next start.
fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "sending a notification ended badly");
    }
}

fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    // Maps with text keys and plain structs: nothing in them can fail to serialise.
    serde_json::to_vec(value).unwrap_or_default()
}

fn notification_view(delivered: Delivered) -> NotificationView {
    let message = &delivered.entry.message;
    NotificationView {
        at_ms: delivered.at_ms,
        dedup_key: message.dedup_key.clone(),
        channel: delivered.entry.receiver.clone(),
        title: delivered.title,
        text: match delivered.error {
            Some(error) => format!("{} (not delivered: {error})", delivered.text),
            None => delivered.text,
        },
        resolved: !message.fires(),
        labels: webhook::common(message, |told| &told.labels),
        annotations: webhook::common(message, |told| &told.annotations),
        links: message
            .alerts
            .first()
            .map(|told| ("generator".to_owned(), told.generator_url.clone()))
            .into_iter()
            .collect(),
    }
}
