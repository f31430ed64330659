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

use super::client::{AddressRules, Client};
use super::config::NotifyConfig;
use super::evidence::Lately;
use super::group::{self, Groups, Message, Told};
use super::history::{History, What};
use super::mute::Mutes;
use super::outbox::{Delivered, Entry, Queue};
use super::receivers::Integration;
use super::silence::{Silence, Silences};
use crate::evidence::SigningKey;
use crate::{ChannelView, Clock, NotificationView};

/// The document that holds a tenant's notification groups.
const GROUPS_ID: &str = "notification-groups";
const IDLE: Duration = Duration::from_secs(60);
/// Sends under way when the process stops may end, so that the next one does not repeat them.
const LAST_SENDS: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct NotifierConfig {
    pub external_url: String,
    pub webhook_deny: Vec<String>,
    pub webhook_allow: Vec<String>,
    pub outbox_messages_max: u64,
    /// Whether messages to chat carry what is known of the time around their alert.
    pub evidence: bool,
    pub clock: Clock,
}

/// A handle; cheap to clone.
#[derive(Clone)]
pub struct Notifier(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) settings: NotifierConfig,
    pub(super) config: ArcSwap<NotifyConfig>,
    pub(super) store: Store,
    pub(super) client: Client,
    tenants: tokio::sync::Mutex<BTreeMap<Tenant, Tenancy>>,
    pub(super) queue: Mutex<Queue>,
    wake: Notify,
    /// Of tenants whose links were made or looked at.
    pub(super) keys: Mutex<BTreeMap<Tenant, SigningKey>>,
    /// Held while a one-use link is used.
    pub(super) acting: tokio::sync::Mutex<()>,
    /// Held while evidence is looked for.
    pub(super) looking: Arc<Mutex<Lately>>,
}

/// What notifications know of a tenant.
#[derive(Clone, Default)]
pub(super) struct Tenancy {
    pub(super) groups: Groups,
    pub(super) silences: Silences,
    pub(super) history: History,
    /// When to look again if nothing is told before.
    next_ms: Option<i64>,
    /// The configuration its alerts were routed by.
    routed_by: Option<Arc<NotifyConfig>>,
}

/// What changes for a tenant.
pub(super) enum News<'n> {
    /// Time goes by.
    None,
    /// All that a rule group knows now, and what became of its alerts.
    Source(&'n str, Vec<Told>, Vec<Transition>),
    /// Alerts from elsewhere.
    Posted(Vec<Told>),
    Silence(Silence),
}

/// What became of an alert, by its labels.
pub(crate) type Transition = (BTreeMap<String, String>, What);

/// The source of alerts that others send; no rule group has this name.
const POSTED: &str = "";

impl Notifier {
    pub fn new(settings: NotifierConfig, config: NotifyConfig, store: Store) -> Result<Self, String> {
        let rules = AddressRules::parse(&settings.webhook_deny, &settings.webhook_allow)?;
        Ok(Self(Arc::new(Shared {
            client: Client::new(rules)?,
            settings,
            config: ArcSwap::from_pointee(config),
            store,
            tenants: tokio::sync::Mutex::default(),
            queue: Mutex::default(),
            wake: Notify::new(),
            keys: Mutex::default(),
            acting: tokio::sync::Mutex::default(),
            looking: Arc::default(),
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
        (told, transitions): (Vec<Told>, Vec<Transition>),
        changes: Vec<Change>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.0.advance(tenant, News::Source(source, told, transitions), changes, now_ms).await
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
        self.0.config.load().receivers.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Who is told of an alert with these labels.
    pub(crate) fn receivers_of(&self, labels: &BTreeMap<String, String>) -> Vec<String> {
        let config = self.0.config.load();
        let mut names: Vec<String> =
            config.route.taking(labels).into_iter().map(|route| route.receiver.clone()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| !name.is_empty());
        names
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
        let channel = |receiver: &str, index: usize, integration: &Integration| {
            let of = |entry: &Entry| entry.integration == index && entry.receiver == receiver;
            let waits = queue.waiting().iter().filter(|w| w.tenant == *tenant && of(&w.entry));
            let failed = delivered.iter().filter(|d| of(&d.entry) && d.error.is_some());
            ChannelView {
                name: receiver.to_owned(),
                receiver: integration.settings.kind().to_owned(),
                pending: waits.count() as u64,
                failed: failed.count() as u64,
            }
        };
        let channels = config.receivers.iter().flat_map(|(name, integrations)| {
            integrations.iter().enumerate().map(|(index, one)| channel(name, index, one)).collect::<Vec<_>>()
        });
        let channels = channels.collect();
        Ok((channels, delivered.into_iter().take(limit).map(Delivered::view).collect()))
    }
}

// === impl Shared ===

impl Shared {
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn now_ms(&self) -> i64 {
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
        let mut known = documents.tenants(DocumentKind::RuleState).await?;
        known.extend(documents.tenants(DocumentKind::Silence).await?);
        for tenant in known {
            let mut tenants = self.tenants.lock().await;
            self.load(&mut tenants, &tenant).await?;
        }
        Ok(())
    }

    async fn load<'t>(
        &self,
        all: &'t mut BTreeMap<Tenant, Tenancy>,
        tenant: &Tenant,
    ) -> Result<&'t mut Tenancy, StoreError> {
        if !all.contains_key(tenant) {
            let documents = self.store.documents();
            let saved = documents.get(tenant, DocumentKind::RuleState, GROUPS_ID).await?;
            let groups =
                saved.and_then(|document| serde_json::from_slice(&document.bytes).ok()).unwrap_or_default();
            let mut silences = Silences::default();
            for document in documents.list(tenant, DocumentKind::Silence).await? {
                match serde_json::from_slice(&document.bytes) {
                    Ok(silence) => silences.put(silence),
                    Err(error) => {
                        tracing::error!(%tenant, id = document.id, %error, "a silence cannot be read")
                    }
                }
            }
            let history = History::of(documents.list(tenant, DocumentKind::AlertHistory).await?);
            let tenancy = Tenancy { groups, silences, history, next_ms: Some(0), routed_by: None };
            all.insert(tenant.clone(), tenancy);
        }
        Ok(all.entry(tenant.clone()).or_default())
    }

    /// What is known of a tenant, to look at.
    pub(super) async fn tenancy(&self, tenant: &Tenant) -> Result<Tenancy, StoreError> {
        let mut all = self.tenants.lock().await;
        Ok(self.load(&mut all, tenant).await?.clone())
    }

    /// One step of a tenant's notifications, in one transaction with `changes`. What piles up before a receiver that is
    /// away becomes one message.
    pub(super) async fn advance(
        &self,
        tenant: &Tenant,
        news: News<'_>,
        changes: Vec<Change>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        for entry in self.step(tenant, news, changes, now_ms).await? {
            self.merge_pile(tenant, &entry).await;
        }
        Ok(())
    }

    async fn step(
        &self,
        tenant: &Tenant,
        news: News<'_>,
        mut changes: Vec<Change>,
        now_ms: i64,
    ) -> Result<Vec<Arc<Entry>>, StoreError> {
        let mut all = self.tenants.lock().await;
        let tenancy = self.load(&mut all, tenant).await?;
        let config = self.config.load_full();
        let mut next = tenancy.clone();
        if next.routed_by.as_ref().is_none_or(|by| !Arc::ptr_eq(by, &config)) {
            group::reroute(&mut next.groups, &config, now_ms);
            next.routed_by = Some(Arc::clone(&config));
        }
        match news {
            News::None => {}
            News::Source(source, told, transitions) => {
                for (labels, what) in transitions {
                    next.history.note(&labels, now_ms, what);
                }
                group::put(&mut next.groups, &config, source, told, now_ms);
            }
            News::Posted(told) => {
                next.history.received(&next.groups, &told, now_ms);
                group::add(&mut next.groups, &config, POSTED, told, now_ms);
            }
            News::Silence(silence) => {
                changes.push(put(DocumentKind::Silence, &silence.id, encode(&silence)));
                next.silences.put(silence);
                changes.extend(forget(&mut next.silences, now_ms));
            }
        }
        group::expire(&mut next.groups, now_ms);
        let before = next.groups.clone();
        let mutes = Mutes::new(&config, &next.silences, &before, now_ms);
        next.history.decided(group::decisions(&next.groups, &mutes), now_ms);
        let (messages, due_ms) = group::due(&mut next.groups, &mutes, now_ms);
        let ends =
            next.groups.values().flat_map(|group| group.alerts.values()).filter_map(|told| told.until_ms);
        next.next_ms = due_ms.into_iter().chain(mutes.next_change()).chain(ends).min();
        let entries = self.entries(&config, &messages);
        for (_, entry) in &entries {
            next.history.queued(entry, now_ms);
        }
        changes.extend(next.history.take_changes());
        if next.groups == tenancy.groups && messages.is_empty() && changes.is_empty() {
            tenancy.next_ms = next.next_ms;
            tenancy.routed_by = next.routed_by;
            return Ok(Vec::new());
        }
        if next.groups != tenancy.groups {
            changes.push(put(DocumentKind::RuleState, GROUPS_ID, encode(&next.groups)));
        }
        changes.extend(entries.iter().map(|(id, entry)| put(DocumentKind::Outbox, id, encode(&**entry))));
        self.store.documents().commit(tenant, changes).await?;
        *tenancy = next;
        let mut queue = self.queue.lock();
        for (id, entry) in &entries {
            queue.push(tenant.clone(), id.clone(), Arc::clone(entry), Instant::now());
        }
        self.wake.notify_one();
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    /// A message for each integration that wants it. Beyond the bound they are left out and said so in the log: the
    /// group tells again when it repeats.
    fn entries(&self, config: &NotifyConfig, messages: &[Message]) -> Vec<(String, Arc<Entry>)> {
        let mut room =
            self.settings.outbox_messages_max.saturating_sub(self.queue.lock().waiting().len() as u64);
        let mut entries = Vec::new();
        for message in messages {
            for (integration, one) in config.integrations(&message.receiver).iter().enumerate() {
                let mut message = message.clone();
                if !one.sends_resolved() {
                    message.alerts.retain(Told::fires);
                    if !message.news || message.alerts.is_empty() {
                        continue;
                    }
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
                    receiver: message.receiver.clone(),
                    integration,
                    kind: one.settings.kind().to_owned(),
                    message,
                };
                let id = format!("{:015}-{}-{integration}", entry.message.made_ms, entry.message.dedup_key);
                entries.push((id, Arc::new(entry)));
            }
        }
        entries
    }

    /// Notes what a receiver answered; the changes keep it.
    pub(super) async fn answered(&self, tenant: &Tenant, message: &Message, what: &What) -> Vec<Change> {
        let now_ms = self.now_ms();
        let mut all = self.tenants.lock().await;
        match self.load(&mut all, tenant).await {
            Ok(tenancy) => {
                for told in &message.alerts {
                    tenancy.history.note(&told.labels, now_ms, what.clone());
                }
                tenancy.history.take_changes()
            }
            // The answer is worth more than the note of it.
            Err(_) => Vec::new(),
        }
    }

    /// Steps the tenants with a group whose time has come.
    async fn advance_due(&self) {
        let (config, now_ms) = (self.config.load_full(), self.now_ms());
        let is_due = |tenancy: &Tenancy| {
            let rerouted = tenancy.routed_by.as_ref().is_none_or(|by| !Arc::ptr_eq(by, &config));
            rerouted || tenancy.next_ms.is_some_and(|at_ms| at_ms <= now_ms)
        };
        let all = self.tenants.lock().await;
        let due: Vec<Tenant> =
            all.iter().filter(|(_, tenancy)| is_due(tenancy)).map(|(tenant, _)| tenant.clone()).collect();
        drop(all);
        for tenant in due {
            if let Err(error) = self.advance(&tenant, News::None, Vec::new(), now_ms).await {
                tracing::error!(%tenant, %error, "notifications could not be kept");
            }
        }
    }

    async fn next_look(&self) -> Instant {
        let now = Instant::now();
        let all = self.tenants.lock().await;
        let group = all.values().filter_map(|tenancy| tenancy.next_ms).min();
        let wait =
            group.map(|at_ms| Duration::from_millis(u64::try_from(at_ms - self.now_ms()).unwrap_or(0)));
        let queue = self.queue.lock().next();
        let at = now + wait.unwrap_or(IDLE).min(IDLE).max(Duration::from_millis(10));
        queue.map_or(at, |queue| queue.min(at))
    }
}

pub(super) fn put(kind: DocumentKind, id: &str, bytes: Vec<u8>) -> Change {
    Change::Put { kind, id: id.to_owned(), bytes }
}

/// Takes silences that are over for long out of memory; the changes do it in the catalog.
fn forget(silences: &mut Silences, now_ms: i64) -> Vec<Change> {
    let old: Vec<String> = silences.iter().filter(|s| s.is_forgotten(now_ms)).map(|s| s.id.clone()).collect();
    old.iter().for_each(|id| silences.remove(id));
    old.into_iter().map(|id| Change::Delete { kind: DocumentKind::Silence, id }).collect()
}

/// A panic in a send is a bug; its message waits in the catalog for the next start.
fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "sending a notification ended badly");
    }
}

pub(super) fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    // Maps with text keys and plain structs: nothing in them can fail to serialise.
    serde_json::to_vec(value).unwrap_or_default()
}
