//! What people do by the links of a message: acknowledge, silence. Each link once.

use serde::{Deserialize, Serialize};
use store::model::Tenant;
use store::{Change, DocumentKind, StoreError};

use super::api::Refusal;
use super::history::What;
use super::notifier::{Notifier, encode, put};
use super::silence::{Silence, SilenceMatcher};
use crate::evidence::{Action, Drawn, Sealed, claimed_tenant};

/// The document of links that were used; it is no rule group's id.
const USED_ID: &str = "used-links";
/// Used links that are remembered; they expire within a day.
const USED_MAX: usize = 20_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Used {
    nonce: String,
    expires_ms: i64,
}

impl Notifier {
    /// Whose link it is and what it says, if this server made it and it is still valid.
    pub(crate) async fn open_link<T: serde::de::DeserializeOwned>(
        &self,
        text: &str,
    ) -> Result<(Tenant, Sealed<T>), Refusal> {
        let bad = |why: &str| Refusal::Bad(why.to_owned());
        let claimed = claimed_tenant(text).ok_or_else(|| bad("the link is not complete"))?;
        let tenant = Tenant::authenticated(&claimed).map_err(|_| bad("the link cannot be read"))?;
        let key = self.0.known_key(&tenant).await?;
        let key = key.ok_or_else(|| bad("the link was not made by this server"))?;
        let sealed = key.open(text, self.0.now_ms()).map_err(bad)?;
        Ok((tenant, sealed))
    }

    pub(crate) async fn open_chart(&self, text: &str) -> Result<(Tenant, Drawn), Refusal> {
        let (tenant, sealed) = self.open_link(text).await?;
        Ok((tenant, sealed.payload))
    }

    /// Whether an action's link was used already.
    pub(crate) async fn is_used(&self, tenant: &Tenant, action: &Action) -> Result<bool, StoreError> {
        let used = self.used(tenant).await?;
        Ok(used.iter().any(|one| one.nonce == action.nonce))
    }

    /// Does what the link says, once; the id of the silence it made.
    pub(crate) async fn act(&self, tenant: &Tenant, sealed: &Sealed<Action>) -> Result<String, Refusal> {
        let _acting = self.0.acting.lock().await;
        let action = &sealed.payload;
        let now_ms = self.0.now_ms();
        let mut used = self.used(tenant).await?;
        if used.iter().any(|one| one.nonce == action.nonce) {
            return Err(Refusal::Bad("the link was used already".into()));
        }
        used.retain(|one| one.expires_ms > now_ms);
        if used.len() >= USED_MAX {
            return Err(Refusal::Bad("too many links were used today: silence in the web interface".into()));
        }
        used.push(Used { nonce: action.nonce.clone(), expires_ms: sealed.expires_ms });
        // First the mark, then the deed: a link must not act twice, and a deed that fails can be done by hand.
        let mark = put(DocumentKind::RuleState, USED_ID, encode(&used));
        self.0.store.documents().commit(tenant, vec![mark]).await?;
        let id = self.put_silence(tenant, silence_of(action, now_ms)).await?;
        self.note_act(tenant, action, now_ms).await?;
        Ok(id)
    }

    async fn note_act(&self, tenant: &Tenant, action: &Action, now_ms: i64) -> Result<(), StoreError> {
        let what = What::Acted {
            what_was_done: action.kind.title().to_lowercase(),
            by: "a link in a message".to_owned(),
        };
        let meant = |labels: &std::collections::BTreeMap<String, String>| {
            action.labels.iter().all(|(name, text)| labels.get(name) == Some(text))
        };
        let tenancy = self.0.tenancy(tenant).await?;
        let alerts = tenancy.groups.values().flat_map(|group| group.alerts.values());
        let told: Vec<_> = alerts.filter(|told| meant(&told.labels)).cloned().collect();
        let message = super::group::Message { alerts: told, made_ms: now_ms, ..Default::default() };
        let changes: Vec<Change> = self.0.answered(tenant, &message, &what).await;
        self.0.store.documents().commit(tenant, changes).await
    }

    async fn used(&self, tenant: &Tenant) -> Result<Vec<Used>, StoreError> {
        let document = self.0.store.documents().get(tenant, DocumentKind::RuleState, USED_ID).await?;
        Ok(document.and_then(|document| serde_json::from_slice(&document.bytes).ok()).unwrap_or_default())
    }
}

fn silence_of(action: &Action, now_ms: i64) -> Silence {
    let matcher = |(name, value): (&String, &String)| SilenceMatcher {
        name: name.clone(),
        value: value.clone(),
        is_regex: false,
        is_equal: true,
    };
    Silence {
        id: String::new(),
        matchers: action.labels.iter().map(matcher).collect(),
        starts_at_ms: now_ms,
        ends_at_ms: now_ms + action.kind.lasts_ms(),
        updated_at_ms: now_ms,
        created_by: "a link in a message".into(),
        comment: format!("{} from a message", action.kind.title()),
    }
}
