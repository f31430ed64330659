//! The tree of routes as people look at it: who takes an alert, and whether anybody is told of it now.

use std::collections::{BTreeMap, BTreeSet};

use super::config::{GroupBy, NotifyConfig, Route};
use super::matcher;
use super::notifier::Notifier;

/// A route with those below it.
pub(crate) struct RouteView {
    pub(crate) key: String,
    pub(crate) matchers: Vec<String>,
    pub(crate) receiver: String,
    pub(crate) goes_on: bool,
    /// `...` stands for every label.
    pub(crate) group_by: Vec<String>,
    pub(crate) group_wait_ms: i64,
    pub(crate) group_interval_ms: i64,
    pub(crate) repeat_interval_ms: i64,
    /// Time intervals it names, and those of them that keep it quiet now.
    pub(crate) intervals: Vec<String>,
    pub(crate) muted_by: Vec<String>,
    /// Its matchers and those above it let the alert pass.
    pub(crate) matches: bool,
    /// It is one of those that tell somebody of it.
    pub(crate) takes: bool,
    pub(crate) routes: Vec<RouteView>,
}

/// Where an alert goes.
pub(crate) struct Destination {
    pub(crate) receiver: String,
    pub(crate) route: String,
    pub(crate) group_labels: BTreeMap<String, String>,
    pub(crate) muted_by: Vec<String>,
}

type Labels = BTreeMap<String, String>;

// === impl Notifier ===

impl Notifier {
    pub(crate) fn route_tree(&self, labels: Option<&Labels>, now_ms: i64) -> RouteView {
        let config = self.0.config.load();
        let taking: BTreeSet<*const Route> = labels
            .into_iter()
            .flat_map(|labels| config.route.taking(labels))
            .map(std::ptr::from_ref)
            .collect();
        RouteView::of(&config.route, &config, labels, &taking, now_ms)
    }

    pub(crate) fn destinations(&self, labels: &Labels, now_ms: i64) -> Vec<Destination> {
        let config = self.0.config.load();
        let destination = |route: &Route| Destination {
            receiver: route.receiver.clone(),
            route: route.key.clone(),
            group_labels: route.group_by.of(labels),
            muted_by: config.muting(route, now_ms),
        };
        config.route.taking(labels).into_iter().map(destination).collect()
    }

    /// Receivers with the kinds of their integrations, in the order of the file.
    pub(crate) fn integrations(&self) -> Vec<(String, Vec<&'static str>)> {
        let config = self.0.config.load();
        let kinds = |name: &str| config.integrations(name).iter().map(|one| one.settings.kind()).collect();
        config.receivers.iter().map(|(name, _)| (name.clone(), kinds(name))).collect()
    }
}

// === impl RouteView ===

impl RouteView {
    fn of(
        route: &Route,
        config: &NotifyConfig,
        labels: Option<&Labels>,
        taking: &BTreeSet<*const Route>,
        now_ms: i64,
    ) -> Self {
        // What does not pass here passes nowhere below.
        let labels = labels.filter(|labels| matcher::all_match(&route.matchers, labels));
        Self {
            key: route.key.clone(),
            matchers: route.matchers.iter().map(matcher::print).collect(),
            receiver: route.receiver.clone(),
            goes_on: route.goes_on,
            group_by: match &route.group_by {
                GroupBy::Nothing => Vec::new(),
                GroupBy::All => vec!["...".to_owned()],
                GroupBy::Labels(names) => names.iter().cloned().collect(),
            },
            group_wait_ms: route.group_wait_ms,
            group_interval_ms: route.group_interval_ms,
            repeat_interval_ms: route.repeat_interval_ms,
            intervals: route
                .mute_time_intervals
                .iter()
                .chain(&route.active_time_intervals)
                .cloned()
                .collect(),
            muted_by: config.muting(route, now_ms),
            matches: labels.is_some(),
            takes: taking.contains(&std::ptr::from_ref(route)),
            routes: route
                .routes
                .iter()
                .map(|below| Self::of(below, config, labels, taking, now_ms))
                .collect(),
        }
    }
}
