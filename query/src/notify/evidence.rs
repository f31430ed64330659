//! Evidence for messages on their way: gathered while the message waits a moment, sent after it if that was too short.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use store::model::{Budget, RequestCtx, Role, Tenant};
use store::{Change, DocumentKind, StoreError};
use tokio::task::JoinHandle;

use super::group::Message;
use super::notifier::{Shared, encode, put};
use super::outbox::{Entry, Waiting};
use super::silence::new_id;
use crate::evidence::{
    ACTION_PATH, Action, ActionKind, Asked, CHART_PATH, Drawn, Evidence, Finding, Sealed, SigningKey, collect,
};

/// A message waits no longer for what it carries: with this it is there 300 ms after it was made, on a busy machine too.
const WAIT: Duration = Duration::from_millis(200);
/// What takes longer than this is not told at all.
const LATE_MAX: Duration = Duration::from_secs(10);
/// What is found is good for so many times as long as it took.
const HOLDS: u32 = 10;
const BYTES_MAX: u64 = 256 << 20;
/// Charts can be looked at for as long as chat is read.
const CHART_LASTS_MS: i64 = 30 * 24 * 3_600_000;
const ACTION_LASTS_MS: i64 = 24 * 3_600_000;
/// The document of a tenant's key; it is no rule group's id.
const KEY_ID: &str = "signing-key";

/// Findings that were not there in time.
pub(super) type Late = JoinHandle<Vec<Finding>>;

/// What was found a moment ago: alerts of one service within a minute are about the same.
#[derive(Default)]
pub(super) struct Lately(HashMap<String, (Instant, Vec<Finding>)>);

impl Lately {
    fn known(&mut self, key: &str, now: Instant) -> Option<Vec<Finding>> {
        self.0.retain(|_, (until, _)| *until > now);
        self.0.get(key).map(|(_, found)| found.clone())
    }

    /// What took long to find holds for longer, so that looking takes no more than a tenth of a core.
    fn keep(&mut self, key: String, found: Vec<Finding>, (began, ended): (Instant, Instant)) {
        let until = ended + (ended - began) * HOLDS;
        self.0.insert(key, (until, found));
    }
}

impl Shared {
    /// What there is in time, and what may still come.
    pub(super) async fn evidence(
        &self,
        tenant: &Tenant,
        message: &Message,
    ) -> (Option<Evidence>, Option<Late>) {
        let Some(asked) = Asked::of(message, self.now_ms()) else { return (None, None) };
        let external_url = self.settings.external_url.clone();
        let mut evidence = Evidence { links: asked.links(&external_url), ..Evidence::default() };
        match self.signing_key(tenant).await {
            Ok(Some(key)) => self.sign(tenant, message, &asked, &key, &mut evidence),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a message goes without chart and actions"),
        }
        let budget = Budget::new(BYTES_MAX);
        let deadline = Some(Instant::now() + LATE_MAX);
        let ctx = RequestCtx::new(tenant.clone(), "evidence", Role::Read, deadline, budget);
        let (store, tenant) = (self.store.clone(), tenant.clone());
        let looking = Arc::clone(&self.looking);
        let mut work = tokio::task::spawn_blocking(move || {
            // One after the other: a burst of messages must not keep rules from what they need.
            let Some(mut lately) = looking.try_lock_for(LATE_MAX) else { return Vec::new() };
            let (key, began) = (format!("{tenant}\n{}", asked.subject()), Instant::now());
            lately.known(&key, began).unwrap_or_else(|| {
                let found = collect(&ctx, &store.snapshot(&tenant).alone(), &asked, &external_url);
                lately.keep(key, found.clone(), (began, Instant::now()));
                found
            })
        });
        match tokio::time::timeout(WAIT, &mut work).await {
            Ok(found) => {
                evidence.findings = found.unwrap_or_default();
                (Some(evidence), None)
            }
            Err(_) => (Some(evidence), Some(work)),
        }
    }

    fn sign(
        &self,
        tenant: &Tenant,
        message: &Message,
        asked: &Asked,
        key: &SigningKey,
        evidence: &mut Evidence,
    ) {
        let now_ms = self.now_ms();
        let (external_url, tenant) = (&self.settings.external_url, tenant.as_str().to_owned());
        if let Some(payload) = Drawn::of(asked) {
            let sealed = Sealed { tenant: tenant.clone(), expires_ms: now_ms + CHART_LASTS_MS, payload };
            evidence.chart_url = Some(format!("{external_url}{CHART_PATH}?d={}", key.seal(&sealed)));
        }
        // What all alerts of the message share: the silence is about them and what comes to them.
        let labels = super::receivers::webhook::common(message, |told| &told.labels);
        if labels.is_empty() {
            return;
        }
        for kind in ActionKind::ALL {
            let payload = Action { kind, labels: labels.clone(), nonce: new_id() };
            let sealed = Sealed { tenant: tenant.clone(), expires_ms: now_ms + ACTION_LASTS_MS, payload };
            let url = format!("{external_url}{ACTION_PATH}?d={}", key.seal(&sealed));
            evidence.actions.push((kind.title().to_owned(), url));
        }
    }

    /// Another message with what came late.
    pub(super) async fn follow_up(&self, waiting: &Waiting, late: Late) {
        let findings = match tokio::time::timeout(LATE_MAX, late).await {
            Ok(Ok(findings)) if !findings.is_empty() => findings,
            _ => return,
        };
        let now_ms = self.now_ms();
        let before = &waiting.entry;
        let message = Message {
            evidence: Some(Evidence { findings, late: true, ..Evidence::default() }),
            dedup_key: format!("{}-evidence", before.message.dedup_key),
            made_ms: now_ms,
            ..before.message.clone()
        };
        let id = format!("{now_ms:015}-{}-{}", message.dedup_key, before.integration);
        let entry = Arc::new(Entry { message, ..(**before).clone() });
        let keep = put(DocumentKind::Outbox, &id, encode(&*entry));
        match self.store.documents().commit(&waiting.tenant, vec![keep]).await {
            Ok(()) => self.queue.lock().push(waiting.tenant.clone(), id, entry, Instant::now()),
            Err(error) => tracing::warn!(%error, "what was found late for a message is not sent"),
        }
        self.wake();
    }

    /// The tenant's key, made when it is first needed.
    pub(super) async fn signing_key(&self, tenant: &Tenant) -> Result<Option<SigningKey>, StoreError> {
        if let Some(key) = self.known_key(tenant).await? {
            return Ok(Some(key));
        }
        let Some(key) = SigningKey::random() else { return Ok(None) };
        let bytes = key.bytes().to_vec();
        let keep = Change::Put { kind: DocumentKind::RuleState, id: KEY_ID.to_owned(), bytes };
        self.store.documents().commit(tenant, vec![keep]).await?;
        self.keys.lock().insert(tenant.clone(), key.clone());
        Ok(Some(key))
    }

    /// For checking links: a tenant without a key made none.
    pub(super) async fn known_key(&self, tenant: &Tenant) -> Result<Option<SigningKey>, StoreError> {
        if let Some(key) = self.keys.lock().get(tenant) {
            return Ok(Some(key.clone()));
        }
        let found = self.store.documents().get(tenant, DocumentKind::RuleState, KEY_ID).await?;
        let key = found.and_then(|document| SigningKey::of(&document.bytes));
        if let Some(key) = &key {
            self.keys.lock().insert(tenant.clone(), key.clone());
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_long_to_find_is_not_looked_for_again_at_once() {
        let began = Instant::now();
        let after = |ms: u64| began + Duration::from_millis(ms);
        let found = vec![Finding { text: "first".to_owned(), url: None }];
        let mut lately = Lately::default();
        assert_eq!(lately.known("cart", began), None);
        lately.keep("cart".to_owned(), found.clone(), (began, after(20)));
        assert_eq!((lately.known("cart", after(219)), lately.known("shop", after(219))), (Some(found), None));
        assert_eq!((lately.known("cart", after(220)), lately.0.len()), (None, 0));
    }

    #[test]
    fn alerts_of_one_service_within_a_minute_are_about_the_same() {
        let subject = |service: &str, fired_ms: i64| Asked::about(service, fired_ms).subject();
        assert_eq!(subject("cart", 1_000), subject("cart", 59_000));
        assert_ne!(subject("cart", 1_000), subject("shop", 1_000));
        assert_ne!(subject("cart", 1_000), subject("cart", 61_000));
    }
}
