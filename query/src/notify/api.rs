//! What the Alertmanager API asks of notifications and changes in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use store::StoreError;
use store::model::Tenant;

use super::group::Told;
use super::history::AlertHistory;
use super::mute::{Mutes, Quiet};
use super::notifier::{News, Notifier, Tenancy};
use super::silence::{self, Silence, SilenceState};

/// A firing alert with who is told of it and why not.
#[derive(Clone, Debug)]
pub(crate) struct AlertStatus {
    pub(crate) told: Told,
    pub(crate) receivers: Vec<String>,
    pub(crate) quiet: Quiet,
}

/// The alerts of a group.
#[derive(Clone, Debug)]
pub(crate) struct GroupStatus {
    pub(crate) receiver: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) alerts: Vec<AlertStatus>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    Bad(String),
    #[error("there is no silence {0}")]
    NotFound(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Notifier {
    /// Firing alerts by fingerprint.
    pub(crate) async fn alerts(&self, tenant: &Tenant) -> Result<Vec<AlertStatus>, StoreError> {
        let mut all: BTreeMap<String, AlertStatus> = BTreeMap::new();
        for group in self.alert_groups(tenant).await? {
            for alert in group.alerts {
                let known = all.entry(alert.told.fingerprint()).or_insert_with(|| alert.clone());
                known.receivers.extend(alert.receivers);
                known.receivers.sort();
                known.receivers.dedup();
            }
        }
        Ok(all.into_values().collect())
    }

    pub(crate) async fn alert_groups(&self, tenant: &Tenant) -> Result<Vec<GroupStatus>, StoreError> {
        let Tenancy { groups, silences, .. } = self.0.tenancy(tenant).await?;
        let (config, now_ms) = (self.0.config.load_full(), self.0.now_ms());
        let mutes = Mutes::new(&config, &silences, &groups, now_ms);
        let status = |group: &super::group::Group| {
            let route = mutes.route(group);
            let firing = group.alerts.values().filter(|told| told.fires());
            let alert = |told: &Told| AlertStatus {
                told: told.clone(),
                receivers: Some(group.receiver.clone()).filter(|name| !name.is_empty()).into_iter().collect(),
                quiet: mutes.over(&told.labels, route),
            };
            GroupStatus {
                receiver: group.receiver.clone(),
                labels: group.labels.clone(),
                alerts: firing.map(alert).collect(),
            }
        };
        let all = groups.values().map(status).filter(|group| !group.alerts.is_empty());
        Ok(all.collect())
    }

    /// What happened to an alert, by its fingerprint or by the name it shares with others.
    pub(crate) async fn history(
        &self,
        tenant: &Tenant,
        alert: &str,
    ) -> Result<Vec<(String, Arc<AlertHistory>)>, StoreError> {
        let history = self.0.tenancy(tenant).await?.history;
        Ok(match history.get(alert) {
            Some(one) => vec![(alert.to_owned(), one)],
            None => history.named(alert),
        })
    }

    /// Alerts of others: who does not say when they end is taken at his word for the `resolve_timeout`.
    pub(crate) async fn post_alerts(&self, tenant: &Tenant, mut told: Vec<Told>) -> Result<(), StoreError> {
        let now_ms = self.0.now_ms();
        let until_ms = now_ms + self.0.config.load().resolve_timeout_ms;
        for one in told.iter_mut().filter(|one| one.fires() && one.until_ms.is_none()) {
            one.until_ms = Some(until_ms);
        }
        self.0.advance(tenant, News::Posted(told), Vec::new(), now_ms).await
    }

    /// Active ones first, by the time they end; then those to come, then those that are over, the last first.
    pub(crate) async fn silences(&self, tenant: &Tenant) -> Result<Vec<(Silence, SilenceState)>, StoreError> {
        let now_ms = self.0.now_ms();
        let tenancy = self.0.tenancy(tenant).await?;
        let mut all: Vec<(Silence, SilenceState)> =
            tenancy.silences.iter().map(|silence| (silence.clone(), silence.state(now_ms))).collect();
        all.sort_by_key(|(silence, state)| {
            let order = match state {
                SilenceState::Active => silence.ends_at_ms,
                SilenceState::Pending => silence.starts_at_ms,
                SilenceState::Expired => -silence.ends_at_ms,
            };
            (*state, order, silence.id.clone())
        });
        Ok(all)
    }

    /// Keeps a silence, or changes the one with its id, and says which id it has now.
    pub(crate) async fn put_silence(&self, tenant: &Tenant, mut next: Silence) -> Result<String, Refusal> {
        let now_ms = self.0.now_ms();
        next.check(now_ms).map_err(Refusal::Bad)?;
        next.updated_at_ms = now_ms;
        let tenancy = self.0.tenancy(tenant).await?;
        if next.id.is_empty() {
            next.id = silence::new_id();
        } else {
            let known = tenancy.silences.get(&next.id).ok_or_else(|| Refusal::NotFound(next.id.clone()))?;
            if !known.can_become(&next, now_ms) {
                if known.state(now_ms) != SilenceState::Expired {
                    self.end_silence(tenant, known.clone(), now_ms).await?;
                }
                next.id = silence::new_id();
            }
        }
        if tenancy.silences.get(&next.id).is_none() {
            next.starts_at_ms = next.starts_at_ms.max(now_ms);
        }
        let id = next.id.clone();
        self.0.advance(tenant, News::Silence(next), Vec::new(), now_ms).await?;
        Ok(id)
    }

    pub(crate) async fn expire_silence(&self, tenant: &Tenant, id: &str) -> Result<(), Refusal> {
        let now_ms = self.0.now_ms();
        let tenancy = self.0.tenancy(tenant).await?;
        let known = tenancy.silences.get(id).ok_or_else(|| Refusal::NotFound(id.to_owned()))?;
        match known.state(now_ms) {
            SilenceState::Expired => Err(Refusal::Bad(format!("silence {id} already expired"))),
            _ => Ok(self.end_silence(tenant, known.clone(), now_ms).await?),
        }
    }

    async fn end_silence(
        &self,
        tenant: &Tenant,
        mut silence: Silence,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        silence.starts_at_ms = silence.starts_at_ms.min(now_ms);
        silence.ends_at_ms = now_ms;
        silence.updated_at_ms = now_ms;
        self.0.advance(tenant, News::Silence(silence), Vec::new(), now_ms).await
    }

    /// Sends a test message; what came of it for each integration. `None`: there is no such receiver.
    pub(crate) async fn test(&self, receiver: &str) -> Option<Vec<(&'static str, Result<(), String>)>> {
        self.0.test(receiver).await
    }
}

impl AlertStatus {
    pub(crate) fn state(&self) -> &'static str {
        if self.quiet.is_quiet() { "suppressed" } else { "active" }
    }
}
