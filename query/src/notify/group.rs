//! Alerts gathered into messages: a function of what was told before, what is now, and the time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::NotifyConfig;
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
}

/// The alerts of one route's group and what was last said of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) labels: BTreeMap<String, String>,
    /// By the rule group that found them and their labels' text.
    pub(crate) alerts: BTreeMap<String, Told>,
    /// Keys of alerts that were said to fire.
    pub(crate) said_firing: Vec<String>,
    pub(crate) first_ms: i64,
    pub(crate) said_ms: Option<i64>,
    /// Messages so far: part of the dedup key.
    pub(crate) count: u64,
}

/// A message that is due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) group_key: String,
    pub(crate) group_labels: BTreeMap<String, String>,
    pub(crate) alerts: Vec<Told>,
    /// The same for every attempt, another for every message.
    pub(crate) dedup_key: String,
    pub(crate) made_ms: i64,
}

pub(crate) type Groups = BTreeMap<String, Group>;

// === impl Told ===

impl Told {
    /// Pending alerts are nobody's business yet.
    pub(crate) fn new(
        labels: &BTreeMap<String, String>,
        alert: &Active,
        generator_url: &str,
    ) -> Option<Self> {
        (alert.phase != Phase::Pending).then(|| Self {
            labels: labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at_ms: alert.fired_at_ms.unwrap_or(alert.active_at_ms),
            ends_at_ms: alert.resolved_at_ms,
            generator_url: generator_url.to_owned(),
        })
    }

    pub(crate) fn fires(&self) -> bool {
        self.ends_at_ms.is_none()
    }

    /// 64 bits of the labels in hex, as the webhook body has it.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for (name, value) in &self.labels {
            for byte in name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        format!("{hash:016x}")
    }
}

// === impl Message ===

impl Message {
    pub(crate) fn fires(&self) -> bool {
        self.alerts.iter().any(Told::fires)
    }
}

/// Puts what a rule group knows now into its route groups. `source` is the rule group.
pub(crate) fn put(groups: &mut Groups, config: &NotifyConfig, source: &str, told: Vec<Told>, now_ms: i64) {
    for group in groups.values_mut() {
        // An alert that was told of and is not known any more has ended with its rule.
        for (key, alert) in &mut group.alerts {
            let of_source = key.split_once('\n').is_some_and(|(of, _)| of == source);
            if of_source && alert.fires() && !told.iter().any(|one| one.labels == alert.labels) {
                alert.ends_at_ms = Some(now_ms);
            }
        }
    }
    for one in told {
        let labels = config.group_by.of(&one.labels);
        let group_key = group_key(&labels);
        let alert_key = format!("{source}\n{:?}", one.labels);
        let known = groups.get(&group_key).is_some_and(|group| group.alerts.contains_key(&alert_key));
        if !known && !one.fires() {
            continue;
        }
        let group =
            groups.entry(group_key).or_insert_with(|| Group { labels, first_ms: now_ms, ..Group::default() });
        group.alerts.insert(alert_key, one);
    }
}

/// Messages that are due now; what they say counts as said.
pub(crate) fn due(groups: &mut Groups, config: &NotifyConfig, now_ms: i64) -> Vec<Message> {
    let mut messages = Vec::new();
    for (key, group) in groups.iter_mut() {
        let never_said = group.said_ms.is_none();
        if never_said {
            // Over before anybody heard of it.
            group.alerts.retain(|_, alert| alert.fires());
        }
        if due_at(group, config).is_none_or(|at| at > now_ms) {
            continue;
        }
        group.count += 1;
        group.said_ms = Some(now_ms);
        messages.push(Message {
            group_key: key.clone(),
            group_labels: group.labels.clone(),
            alerts: group.alerts.values().cloned().collect(),
            dedup_key: format!("{}-{}-{}", hash(key), group.first_ms, group.count),
            made_ms: now_ms,
        });
        group.alerts.retain(|_, alert| alert.fires());
        group.said_firing = group.alerts.keys().cloned().collect();
    }
    groups.retain(|_, group| !group.alerts.is_empty());
    messages
}

/// When the next message is due, if no more data comes.
pub(crate) fn next_due(groups: &Groups, config: &NotifyConfig) -> Option<i64> {
    groups.values().filter_map(|group| due_at(group, config)).min()
}

fn due_at(group: &Group, config: &NotifyConfig) -> Option<i64> {
    if group.alerts.is_empty() {
        return None;
    }
    let Some(said_ms) = group.said_ms else { return Some(group.first_ms + config.group_wait_ms) };
    let firing: Vec<&String> = group.alerts.iter().filter(|(_, a)| a.fires()).map(|(key, _)| key).collect();
    let changed = firing.len() != group.said_firing.len()
        || firing.iter().zip(&group.said_firing).any(|(a, b)| *a != b);
    Some(said_ms + if changed { config.group_interval_ms } else { config.repeat_interval_ms })
}

/// Route and group as Alertmanager writes them: `{}:{alertname="Down", job="cart"}`.
fn group_key(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{}}:{{{}}}", pairs.join(", "))
}

fn hash(text: &str) -> String {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NotifyConfig {
        let text =
            "route: {receiver: a, group_by: [job], group_wait: 1s, group_interval: 10s, repeat_interval: 1h}
receivers: [{name: a}]";
        NotifyConfig::parse(text).unwrap()
    }

    fn alert(name: &str, ends_at_ms: Option<i64>) -> Told {
        Told {
            labels: [("alertname".to_owned(), name.to_owned()), ("job".to_owned(), "j".to_owned())].into(),
            annotations: BTreeMap::new(),
            starts_at_ms: 0,
            ends_at_ms,
            generator_url: String::new(),
        }
    }

    fn names(messages: &[Message]) -> Vec<Vec<(&str, bool)>> {
        messages
            .iter()
            .map(|m| m.alerts.iter().map(|a| (a.labels["alertname"].as_str(), a.fires())).collect())
            .collect()
    }

    #[test]
    fn a_group_waits_tells_changes_by_interval_and_repeats() {
        let (config, mut groups) = (config(), Groups::new());
        put(&mut groups, &config, "g", vec![alert("a", None)], 0);
        assert_eq!(due(&mut groups, &config, 999), []);
        assert_eq!(next_due(&groups, &config), Some(1_000));
        let first = due(&mut groups, &config, 1_000);
        assert_eq!(names(&first), [[("a", true)]]);
        assert_eq!(first[0].group_key, "{}:{job=\"j\"}");
        put(&mut groups, &config, "g", vec![alert("a", None), alert("b", None)], 2_000);
        assert_eq!(due(&mut groups, &config, 10_999), []);
        let second = due(&mut groups, &config, 11_000);
        assert_eq!(names(&second), [[("a", true), ("b", true)]]);
        assert_ne!(first[0].dedup_key, second[0].dedup_key);
        assert_eq!(next_due(&groups, &config), Some(11_000 + 3_600_000));
        put(&mut groups, &config, "g", vec![alert("a", Some(20_000)), alert("b", Some(20_000))], 20_000);
        let third = due(&mut groups, &config, 21_000);
        assert_eq!(names(&third), [[("a", false), ("b", false)]]);
        assert!(!third[0].fires() && groups.is_empty());
    }

    #[test]
    fn what_ended_before_it_was_told_is_not_told() {
        let (config, mut groups) = (config(), Groups::new());
        put(&mut groups, &config, "g", vec![alert("a", None)], 0);
        put(&mut groups, &config, "g", vec![alert("a", Some(500))], 500);
        assert_eq!(due(&mut groups, &config, 1_000), []);
        assert!(groups.is_empty());
    }

    #[test]
    fn an_alert_whose_rule_is_gone_is_resolved() {
        let (config, mut groups) = (config(), Groups::new());
        put(&mut groups, &config, "g", vec![alert("a", None)], 0);
        due(&mut groups, &config, 1_000);
        put(&mut groups, &config, "g", vec![], 2_000);
        assert_eq!(names(&due(&mut groups, &config, 11_000)), [[("a", false)]]);
    }
}
