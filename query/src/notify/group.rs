//! Alerts gathered into messages: a function of what was told before, what is now, who is quiet, and the time.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::client::Place;
use super::config::{NotifyConfig, Route};
use super::history::What;
use super::mute::Mutes;
use crate::evidence::Evidence;
use crate::rules::{Active, Phase};

/// An alert as notifications see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) starts_at_ms: i64,
    /// `None`: it fires.
    pub(crate) ends_at_ms: Option<i64>,
    pub(crate) generator_url: String,
    /// It ends then unless it is told again: alerts that others send.
    #[serde(default)]
    pub(crate) until_ms: Option<i64>,
    #[serde(default)]
    pub(crate) updated_ms: i64,
}

/// The alerts of one route's group and what was last said of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    #[serde(default)]
    pub(crate) receiver: String,
    /// Of the route: its matchers from the root on.
    #[serde(default)]
    pub(crate) route: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// By the rule group that found them and their labels' text.
    pub(crate) alerts: BTreeMap<String, Told>,
    /// Keys of alerts that were said to fire.
    pub(crate) said_firing: BTreeSet<String>,
    pub(crate) first_ms: i64,
    pub(crate) said_ms: Option<i64>,
    /// Messages so far: part of the dedup key.
    pub(crate) count: u64,
}

/// A message that is due.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    #[serde(default)]
    pub(crate) receiver: String,
    pub(crate) group_key: String,
    pub(crate) group_labels: BTreeMap<String, String>,
    pub(crate) alerts: Vec<Told>,
    /// The same for every attempt, another for every message.
    pub(crate) dedup_key: String,
    pub(crate) made_ms: i64,
    /// It says more than that something ended.
    #[serde(default)]
    pub(crate) news: bool,
    /// Fingerprints of its alerts that an earlier message said to fire.
    #[serde(default)]
    pub(crate) said_before: BTreeSet<String>,
    /// The message of this group that it changes, where the receiver wants that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changes: Option<Place>,
    /// What it carries beside its text; for chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) evidence: Option<Evidence>,
}

/// By receiver and key.
pub(crate) type Groups = BTreeMap<String, Group>;

// === impl Told ===

impl Told {
    /// Pending alerts are nobody's business yet.
    pub(crate) fn new(
        labels: &BTreeMap<String, String>,
        alert: &Active,
        generator_url: &str,
    ) -> Option<Self> {
        let mut annotations = alert.annotations.clone();
        if let Some(late_ms) = alert.late_ms {
            let text = format!("found in data that came {} s late", late_ms.div_euclid(1_000));
            annotations.insert("late_data".to_owned(), text);
        }
        (alert.phase != Phase::Pending).then(|| Self {
            labels: labels.clone(),
            annotations,
            starts_at_ms: alert.fired_at_ms.unwrap_or(alert.active_at_ms),
            ends_at_ms: alert.resolved_at_ms,
            generator_url: generator_url.to_owned(),
            until_ms: None,
            // When it began or ended, so that nothing changes while nothing changes.
            updated_ms: alert.resolved_at_ms.or(alert.fired_at_ms).unwrap_or(alert.active_at_ms),
        })
    }

    pub(crate) fn fires(&self) -> bool {
        self.ends_at_ms.is_none()
    }

    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&self.labels)
    }
}

/// 64 bits of the labels in hex (FNV-1a over names and values with a separator no UTF-8 text has), as Prometheus and
/// Alertmanager have it.
pub(crate) fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (name, value) in labels {
        for byte in name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

// === impl Message ===

impl Message {
    pub(crate) fn fires(&self) -> bool {
        self.alerts.iter().any(Told::fires)
    }
}

/// Puts all that a rule group knows now into route groups. `source` is the rule group.
pub(crate) fn put(groups: &mut Groups, config: &NotifyConfig, source: &str, told: Vec<Told>, now_ms: i64) {
    let known: BTreeSet<&BTreeMap<String, String>> = told.iter().map(|one| &one.labels).collect();
    let of_source = |key: &str| key.split_once('\n').is_some_and(|(of, _)| of == source);
    for group in groups.values_mut() {
        // An alert that was told of and is not known any more has ended with its rule.
        for (key, alert) in &mut group.alerts {
            if of_source(key) && alert.fires() && !known.contains(&alert.labels) {
                alert.ends_at_ms = Some(now_ms);
            }
        }
    }
    add(groups, config, source, told, now_ms);
}

/// Puts alerts into route groups; others of the source stay as they are.
pub(crate) fn add(groups: &mut Groups, config: &NotifyConfig, source: &str, told: Vec<Told>, now_ms: i64) {
    for one in told {
        let key = format!("{source}\n{:?}", one.labels);
        for (id, empty) in places(config, &one.labels) {
            insert(groups, id, empty, &key, &one, now_ms);
        }
    }
}

/// Brings alerts to the routes that take them now: the configuration is another.
pub(crate) fn reroute(groups: &mut Groups, config: &NotifyConfig, now_ms: i64) {
    let all: Vec<(String, String, Told)> = groups
        .iter()
        .flat_map(|(id, group)| group.alerts.iter().map(|(k, told)| (id.clone(), k.clone(), told.clone())))
        .collect();
    for (id, key, told) in all {
        let places = places(config, &told.labels);
        if places.iter().any(|(place, _)| *place == id) {
            continue;
        }
        if let Some(group) = groups.get_mut(&id) {
            group.alerts.remove(&key);
        }
        for (place, empty) in places {
            insert(groups, place, empty, &key, &told, now_ms);
        }
    }
    groups.retain(|_, group| !group.alerts.is_empty());
}

fn insert(groups: &mut Groups, id: String, empty: Group, key: &str, told: &Told, now_ms: i64) {
    let known = groups.get(&id).is_some_and(|group| group.alerts.contains_key(key));
    if !known && !told.fires() {
        return;
    }
    let group = groups.entry(id).or_insert_with(|| Group { first_ms: now_ms, ..empty });
    group.alerts.insert(key.to_owned(), told.clone());
}

/// The groups an alert belongs to, by id.
fn places(config: &NotifyConfig, labels: &BTreeMap<String, String>) -> Vec<(String, Group)> {
    let place = |route: &Route| {
        let labels = route.group_by.of(labels);
        let id = format!("{}\n{}", route.receiver, group_key(&route.key, &labels));
        let group =
            Group { receiver: route.receiver.clone(), route: route.key.clone(), labels, ..Group::default() };
        (id, group)
    };
    config.route.taking(labels).into_iter().map(place).collect()
}

/// Alerts that nobody renewed end.
pub(crate) fn expire(groups: &mut Groups, now_ms: i64) {
    for alert in groups.values_mut().flat_map(|group| group.alerts.values_mut()) {
        if alert.fires() && alert.until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
            alert.ends_at_ms = alert.until_ms;
        }
    }
}

/// Messages that are due now; what they say counts as said. And when to look again if nothing is told before.
pub(crate) fn due(groups: &mut Groups, mutes: &Mutes<'_>, now_ms: i64) -> (Vec<Message>, Option<i64>) {
    let (mut messages, mut next) = (Vec::new(), None);
    for group in groups.values_mut() {
        let Some(route) = mutes.route(group) else { continue };
        let quiet: BTreeSet<String> = group
            .alerts
            .iter()
            .filter(|(_, alert)| mutes.over(&alert.labels, Some(route)).is_quiet())
            .map(|(key, _)| key.clone())
            .collect();
        // What is over before anybody heard of it, or while it was quiet, is not told.
        let said = &group.said_firing;
        group.alerts.retain(|key, alert| alert.fires() || (said.contains(key) && !quiet.contains(key)));
        let heard = |key: &str| !quiet.contains(key);
        let at = due_at(group, route, &heard);
        if let Some(at_ms) = at.filter(|at_ms| *at_ms > now_ms) {
            next = Some(next.map_or(at_ms, |next: i64| next.min(at_ms)));
            continue;
        }
        if at.is_none() {
            continue;
        }
        messages.push(say(group, route, &heard, now_ms));
        if let Some(at_ms) = due_at(group, route, &heard) {
            next = Some(next.map_or(at_ms, |next: i64| next.min(at_ms)));
        }
    }
    groups.retain(|_, group| !group.alerts.is_empty());
    (messages, next)
}

fn say(group: &mut Group, route: &Route, heard: &dyn Fn(&str) -> bool, now_ms: i64) -> Message {
    let firing: BTreeSet<String> = group
        .alerts
        .iter()
        .filter(|(key, alert)| alert.fires() && heard(key))
        .map(|(k, _)| k.clone())
        .collect();
    let repeats = !changed(group, heard);
    let news = repeats || !firing.is_subset(&group.said_firing);
    let alerts = group.alerts.iter().filter(|(key, _)| heard(key)).map(|(_, alert)| alert.clone()).collect();
    let said = group.alerts.iter().filter(|(key, _)| group.said_firing.contains(*key));
    let said_before = said.map(|(_, alert)| alert.fingerprint()).collect();
    group.count += 1;
    group.said_ms = Some(now_ms);
    group.said_firing = firing;
    let group_key = group_key(&route.key, &group.labels);
    let dedup_key = hash(&format!("{}\n{group_key}", group.receiver));
    group.alerts.retain(|_, alert| alert.fires());
    Message {
        receiver: group.receiver.clone(),
        group_key,
        group_labels: group.labels.clone(),
        alerts,
        dedup_key: format!("{dedup_key}-{}-{}", group.first_ms, group.count),
        made_ms: now_ms,
        news,
        said_before,
        changes: None,
        evidence: None,
    }
}

/// Whether there is something new to say.
fn changed(group: &Group, heard: &dyn Fn(&str) -> bool) -> bool {
    group.alerts.iter().any(|(key, alert)| heard(key) && alert.fires() != group.said_firing.contains(key))
}

/// What was decided of each alert: who is not told, and until when a message waits.
pub(crate) fn decisions(groups: &Groups, mutes: &Mutes<'_>) -> Vec<(BTreeMap<String, String>, String, What)> {
    let mut all = Vec::new();
    for (id, group) in groups {
        let Some(route) = mutes.route(group).filter(|_| !group.receiver.is_empty()) else { continue };
        for alert in group.alerts.values().filter(|alert| alert.fires()) {
            let quiet = mutes.over(&alert.labels, Some(route));
            let what = if quiet.is_quiet() {
                What::quieted(&group.receiver, quiet)
            } else {
                let until_ms = match group.said_ms {
                    None => alert.starts_at_ms.min(group.first_ms) + route.group_wait_ms,
                    Some(said_ms) => said_ms + route.group_interval_ms,
                };
                let group_key = group_key(&route.key, &group.labels);
                What::Grouped { receiver: group.receiver.clone(), group: group_key, until_ms }
            };
            all.push((alert.labels.clone(), id.clone(), what));
        }
    }
    all
}

fn due_at(group: &Group, route: &Route, heard: &dyn Fn(&str) -> bool) -> Option<i64> {
    let firing = || group.alerts.iter().filter(|(key, alert)| alert.fires() && heard(key));
    match group.said_ms {
        // An alert that fires for longer than the wait already does not wait again.
        None => firing().map(|(_, alert)| alert.starts_at_ms.min(group.first_ms) + route.group_wait_ms).min(),
        Some(said_ms) if changed(group, heard) => Some(said_ms + route.group_interval_ms),
        Some(said_ms) => firing().next().map(|_| said_ms + route.repeat_interval_ms),
    }
}

/// Route and labels as Alertmanager writes them: `{}/{severity="page"}:{alertname="Down", job="cart"}`.
fn group_key(route: &str, labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{route}:{{{}}}", pairs.join(", "))
}

fn hash(text: &str) -> String {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

#[cfg(test)]
mod tests;
