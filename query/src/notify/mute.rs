//! Who is quiet: silences, inhibition, the time intervals of routes.

use std::collections::BTreeMap;

use super::config::{NotifyConfig, Route};
use super::group::{Group, Groups, Told};
use super::silence::Silences;

type Texts = BTreeMap<String, String>;

/// Everything that can keep an alert quiet, at one moment.
pub(crate) struct Mutes<'m> {
    config: &'m NotifyConfig,
    silences: &'m Silences,
    /// For each inhibition the firing alerts on its source side.
    sources: Vec<Vec<&'m Told>>,
    routes: BTreeMap<(&'m str, &'m str), &'m Route>,
    muting: BTreeMap<(&'m str, &'m str), Vec<String>>,
    now_ms: i64,
}

/// Why an alert is quiet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quiet {
    /// Ids of silences.
    pub(crate) silenced_by: Vec<String>,
    /// Fingerprints of alerts.
    pub(crate) inhibited_by: Vec<String>,
    /// Names of time intervals.
    pub(crate) muted_by: Vec<String>,
}

// === impl Mutes ===

impl<'m> Mutes<'m> {
    pub(crate) fn new(
        config: &'m NotifyConfig,
        silences: &'m Silences,
        groups: &'m Groups,
        now_ms: i64,
    ) -> Self {
        let firing = || groups.values().flat_map(|group| group.alerts.values()).filter(|told| told.fires());
        let sources = config
            .inhibitions
            .iter()
            .map(|rule| firing().filter(|told| rule.is_source(&told.labels)).collect())
            .collect();
        let routes: BTreeMap<_, _> =
            config.route.all().into_iter().map(|route| ((&*route.receiver, &*route.key), route)).collect();
        let muting = routes.iter().map(|(key, route)| (*key, config.muting(route, now_ms))).collect();
        Self { config, silences, sources, routes, muting, now_ms }
    }

    /// The route of a group, if the configuration still has it.
    pub(crate) fn route(&self, group: &Group) -> Option<&'m Route> {
        self.routes.get(&(group.receiver.as_str(), group.route.as_str())).copied()
    }

    pub(crate) fn over(&self, labels: &Texts, route: Option<&Route>) -> Quiet {
        let mut inhibited_by: Vec<String> = Vec::new();
        for (rule, sources) in self.config.inhibitions.iter().zip(&self.sources) {
            if !sources.is_empty() && rule.is_target(labels) {
                let source = sources.iter().find(|source| rule.quiets(&source.labels, labels));
                inhibited_by.extend(source.map(|told| told.fingerprint()));
            }
        }
        inhibited_by.sort();
        inhibited_by.dedup();
        let muted = route.and_then(|route| self.muting.get(&(route.receiver.as_str(), route.key.as_str())));
        Quiet {
            silenced_by: self.silences.over(labels, self.now_ms),
            inhibited_by,
            muted_by: muted.cloned().unwrap_or_default(),
        }
    }

    /// When this may be different without anything being told.
    pub(crate) fn next_change(&self) -> Option<i64> {
        let timed = self
            .routes
            .values()
            .any(|route| !route.mute_time_intervals.is_empty() || !route.active_time_intervals.is_empty());
        let minute = timed.then_some((self.now_ms.div_euclid(60_000) + 1) * 60_000);
        self.silences.next_change(self.now_ms).into_iter().chain(minute).min()
    }
}

// === impl Quiet ===

impl Quiet {
    pub(crate) fn is_quiet(&self) -> bool {
        !(self.silenced_by.is_empty() && self.inhibited_by.is_empty() && self.muted_by.is_empty())
    }
}
