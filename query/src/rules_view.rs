//! What the read APIs show of rules, alerts and notifications. The rules' own part of this crate implements it; without
//! rules [`NoRules`] stands in.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use store::model::{Labels, RequestCtx, Tenant};
use store::{Snapshot, StoreError};
use tokio::sync::watch;

use crate::notify::Notifier;
use crate::rules::{RuleExplained, Rules};

/// Receivers, and what was sent to them.
pub type Notifications = Result<(Vec<ChannelView>, Vec<NotificationView>), StoreError>;

pub trait RulesView: Send + Sync + 'static {
    /// The tenant's rule groups with their state, in the order of their files.
    fn groups(&self, tenant: &Tenant) -> Vec<GroupView>;

    /// Where notifications can go, as `alertmanager.yml` names them.
    fn receivers(&self) -> Vec<String>;

    /// The configuration of notifications as YAML, secrets left out.
    fn alertmanager_yaml(&self) -> String;

    /// Receivers with what waits for them, newest notifications first, at most `limit`.
    fn notifications<'a>(&'a self, tenant: &'a Tenant, limit: usize) -> BoxFuture<'a, Notifications>;

    /// What notifies of alerts; `None`: nothing does.
    fn notifier(&self) -> Option<Notifier>;

    /// Where groups can be put; `None`: nowhere.
    fn manager(&self) -> Option<Rules> {
        None
    }

    /// How the rules of a name are evaluated at a time. Blocking: reads data.
    fn explain(&self, _: &RequestCtx, _: &Snapshot, _: &str, _: i64) -> Vec<RuleExplained> {
        Vec::new()
    }

    /// Grows when an alert of the tenant changes its state.
    fn changes(&self, tenant: &Tenant) -> watch::Receiver<u64>;
}

#[derive(Clone, Debug)]
pub struct GroupView {
    pub name: String,
    pub file: String,
    pub interval_ms: u64,
    pub limit: u64,
    pub last_evaluation_ms: Option<i64>,
    pub evaluation_ms: f64,
    pub rules: Vec<RuleView>,
}

#[derive(Clone, Debug)]
pub struct RuleView {
    pub kind: RuleKind,
    /// The alert's name, or the recorded series'.
    pub name: String,
    pub query: String,
    pub labels: Labels,
    pub last_error: Option<String>,
    pub last_evaluation_ms: Option<i64>,
    pub evaluation_ms: f64,
}

#[derive(Clone, Debug)]
pub enum RuleKind {
    Recording,
    Alerting { for_ms: u64, keep_firing_for_ms: u64, annotations: Labels, alerts: Vec<AlertView> },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum AlertState {
    Inactive,
    Pending,
    Firing,
}

#[derive(Clone, Debug)]
pub struct AlertView {
    pub labels: Labels,
    pub annotations: Labels,
    pub state: AlertState,
    pub active_at_ms: i64,
    /// Since when it fires.
    pub fired_at_ms: Option<i64>,
    pub updated_at_ms: i64,
    pub value: f64,
    pub generator_url: String,
    pub receivers: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct ChannelView {
    pub name: String,
    /// `webhook`, `slack`, …
    pub receiver: String,
    pub pending: u64,
    pub failed: u64,
}

#[derive(Clone, Debug)]
pub struct NotificationView {
    pub at_ms: i64,
    /// The same in every attempt to deliver it, and wherever it arrives; empty: its sender gave none.
    pub dedup_key: String,
    pub channel: String,
    pub title: String,
    pub text: String,
    pub resolved: bool,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub links: BTreeMap<String, String>,
}

/// A process without rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRules;

// === impl AlertState ===

impl AlertState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

// === impl RuleView ===

impl RuleView {
    pub fn alerts(&self) -> &[AlertView] {
        match &self.kind {
            RuleKind::Recording => &[],
            RuleKind::Alerting { alerts, .. } => alerts,
        }
    }
}

// === impl NoRules ===

impl RulesView for NoRules {
    fn groups(&self, _: &Tenant) -> Vec<GroupView> {
        Vec::new()
    }

    fn receivers(&self) -> Vec<String> {
        Vec::new()
    }

    fn alertmanager_yaml(&self) -> String {
        String::new()
    }

    fn notifications<'a>(&'a self, _: &'a Tenant, _: usize) -> BoxFuture<'a, Notifications> {
        Box::pin(std::future::ready(Ok(Default::default())))
    }

    fn notifier(&self) -> Option<Notifier> {
        None
    }

    fn changes(&self, _: &Tenant) -> watch::Receiver<u64> {
        // The sender is gone at once: nothing will ever change.
        watch::channel(0).1
    }
}
