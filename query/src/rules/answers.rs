//! What the APIs ask of the rules that run.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use store::model::{RequestCtx, Tenant};
use store::{Snapshot, StoreError};
use tokio::sync::watch;

use super::explain::{self, RuleExplained};
use super::manager::Rules;
use super::running::Running;
use crate::notify::Notifier;
use crate::{ChannelView, GroupView, NotificationView, RulesView};

/// What evaluating a rule cost since the process began.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleCost {
    pub group: String,
    /// Empty: looking at arrived data, for all rules of the group.
    pub rule: String,
    pub evaluations: u64,
    pub seconds: f64,
}

impl Rules {
    /// Of a tenant's rules; those of one name in one group are added up.
    pub fn costs(&self, tenant: &Tenant) -> Vec<RuleCost> {
        let groups = self.0.groups.read();
        let mut all: BTreeMap<(String, String), (u64, f64)> = BTreeMap::new();
        for running in groups.iter().filter(|running| running.tenant == *tenant) {
            let group = format!("{}/{}", running.group.file, running.group.name);
            for (rule, evaluations, seconds) in running.costs() {
                let cost = all.entry((group.clone(), rule)).or_default();
                *cost = (cost.0 + evaluations, cost.1 + seconds);
            }
        }
        let cost = |((group, rule), (evaluations, seconds))| RuleCost { group, rule, evaluations, seconds };
        all.into_iter().map(cost).collect()
    }
}

impl RulesView for Rules {
    fn groups(&self, tenant: &Tenant) -> Vec<GroupView> {
        let receivers = |labels: &BTreeMap<String, String>| self.0.notifier.receivers_of(labels);
        let groups = self.0.groups.read();
        let own = groups.iter().filter(|running| running.tenant == *tenant);
        own.map(|running| running.view(&receivers, &self.0.config.external_url)).collect()
    }

    fn receivers(&self) -> Vec<String> {
        self.0.notifier.receivers()
    }

    fn alertmanager_yaml(&self) -> String {
        self.0.notifier.yaml()
    }

    fn notifications<'a>(
        &'a self,
        tenant: &'a Tenant,
        limit: usize,
    ) -> BoxFuture<'a, Result<(Vec<ChannelView>, Vec<NotificationView>), StoreError>> {
        Box::pin(self.0.notifier.view(tenant, limit))
    }

    fn notifier(&self) -> Option<Notifier> {
        Some(self.0.notifier.clone())
    }

    fn manager(&self) -> Option<Rules> {
        Some(self.clone())
    }

    fn explain(&self, ctx: &RequestCtx, snapshot: &Snapshot, name: &str, time_ms: i64) -> Vec<RuleExplained> {
        let groups: Vec<Arc<Running>> = self.0.groups.read().clone();
        let mut all = Vec::new();
        for running in groups.iter().filter(|running| running.tenant == ctx.tenant) {
            let rules = running.group.rules.iter().enumerate().filter(|(_, rule)| rule.name == name);
            all.extend(
                rules.filter_map(|(at, _)| explain::explain(ctx, snapshot, &running.group, at, time_ms)),
            );
        }
        all
    }

    fn changes(&self, _: &Tenant) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }
}
