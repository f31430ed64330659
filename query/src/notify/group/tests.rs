use std::path::Path;

use super::*;
use crate::notify::silence::{Silence, SilenceMatcher, Silences};

const FILE: &str = "
route:
  receiver: a
  group_by: [job]
  group_wait: 1s
  group_interval: 10s
  repeat_interval: 1h
  routes:
    - matchers: [severity=page]
      receiver: b
      continue: true
    - matchers: [severity=page]
      receiver: a
inhibit_rules:
  - source_matchers: [alertname=root]
    target_matchers: [alertname=leaf]
receivers: [{name: a}, {name: b}]";

fn config() -> NotifyConfig {
    NotifyConfig::parse(FILE, Path::new(".")).unwrap()
}

fn alert(name: &str, ends_at_ms: Option<i64>) -> Told {
    Told {
        labels: [("alertname".to_owned(), name.to_owned()), ("job".to_owned(), "j".to_owned())].into(),
        annotations: BTreeMap::new(),
        starts_at_ms: 0,
        ends_at_ms,
        generator_url: String::new(),
        until_ms: None,
        updated_ms: 0,
    }
}

fn page(name: &str) -> Told {
    let mut told = alert(name, None);
    told.labels.insert("severity".into(), "page".into());
    told
}

/// Receiver and what is said, for each message.
type Said = Vec<(String, Vec<(String, bool)>)>;

struct World {
    config: NotifyConfig,
    groups: Groups,
    silences: Silences,
}

impl World {
    fn new() -> Self {
        Self { config: config(), groups: Groups::new(), silences: Silences::default() }
    }

    fn put(&mut self, told: Vec<Told>, now_ms: i64) {
        put(&mut self.groups, &self.config, "g", told, now_ms);
    }

    fn messages(&mut self, now_ms: i64) -> (Vec<Message>, Option<i64>) {
        let groups = self.groups.clone();
        let mutes = Mutes::new(&self.config, &self.silences, &groups, now_ms);
        due(&mut self.groups, &mutes, now_ms)
    }

    fn due(&mut self, now_ms: i64) -> Said {
        said(&self.messages(now_ms).0)
    }
}

fn said(messages: &[Message]) -> Said {
    let alerts = |m: &Message| m.alerts.iter().map(|a| (a.labels["alertname"].clone(), a.fires())).collect();
    messages.iter().map(|message| (message.receiver.clone(), alerts(message))).collect()
}

fn one(receiver: &str, alerts: &[(&str, bool)]) -> Said {
    vec![(receiver.to_owned(), alerts.iter().map(|(name, fires)| ((*name).to_owned(), *fires)).collect())]
}

#[test]
fn a_group_waits_tells_changes_by_interval_and_repeats() {
    let mut world = World::new();
    world.put(vec![alert("a", None)], 0);
    assert_eq!(world.messages(999), (vec![], Some(1_000)));
    let (first, next) = world.messages(1_000);
    assert_eq!((said(&first), next), (one("a", &[("a", true)]), Some(1_000 + 3_600_000)));
    assert_eq!(first[0].group_key, "{}:{job=\"j\"}");
    world.put(vec![alert("a", None), alert("b", None)], 2_000);
    assert_eq!(world.messages(10_999), (vec![], Some(11_000)));
    let (second, _) = world.messages(11_000);
    assert_eq!(said(&second), one("a", &[("a", true), ("b", true)]));
    assert_ne!(first[0].dedup_key, second[0].dedup_key);
    world.put(vec![alert("a", None), alert("b", Some(20_000))], 20_000);
    let (third, _) = world.messages(21_000);
    assert_eq!(said(&third), one("a", &[("a", true), ("b", false)]));
    assert!(second[0].news && !third[0].news, "that one ended is not news to who wants only beginnings");
    world.put(vec![alert("a", Some(30_000))], 30_000);
    assert_eq!(world.due(31_000), one("a", &[("a", false)]));
    assert!(world.groups.is_empty());
}

#[test]
fn what_fires_on_is_repeated() {
    let mut world = World::new();
    world.put(vec![alert("a", None)], 0);
    world.due(1_000);
    assert_eq!(world.due(3_600_999), []);
    let (again, _) = world.messages(3_601_000);
    assert!(again[0].news);
    assert_eq!(said(&again), one("a", &[("a", true)]));
}

#[test]
fn what_ended_before_it_was_told_is_not_told() {
    let mut world = World::new();
    world.put(vec![alert("a", None)], 0);
    world.put(vec![alert("a", Some(500))], 500);
    assert_eq!(world.due(1_000), []);
    assert!(world.groups.is_empty());
}

#[test]
fn an_alert_whose_rule_is_gone_is_resolved() {
    let mut world = World::new();
    world.put(vec![alert("a", None)], 0);
    world.due(1_000);
    world.put(vec![], 2_000);
    assert_eq!(world.due(11_000), one("a", &[("a", false)]));
}

#[test]
fn an_alert_goes_to_each_route_that_takes_it() {
    let mut world = World::new();
    world.put(vec![page("a"), alert("c", None)], 0);
    let receivers: Vec<String> = world.due(1_000).into_iter().map(|(receiver, _)| receiver).collect();
    assert_eq!(receivers, ["a", "a", "b"]);
}

#[test]
fn an_alert_that_fires_for_long_does_not_wait() {
    let mut world = World::new();
    world.put(vec![alert("a", None)], 5_000);
    assert_eq!(world.due(5_000), one("a", &[("a", true)]));
}

#[test]
fn a_silenced_alert_is_told_when_the_silence_ends() {
    let mut world = World::new();
    let matcher =
        SilenceMatcher { name: "alertname".into(), value: "a".into(), is_regex: false, is_equal: true };
    world.silences.put(Silence {
        id: "s".into(),
        matchers: vec![matcher],
        starts_at_ms: 0,
        ends_at_ms: 5_000,
        updated_at_ms: 0,
        created_by: String::new(),
        comment: String::new(),
    });
    world.put(vec![alert("a", None), alert("b", None)], 0);
    assert_eq!(world.due(1_000), one("a", &[("b", true)]));
    assert_eq!(world.due(4_999), []);
    assert_eq!(world.due(11_000), one("a", &[("a", true), ("b", true)]));
}

#[test]
fn what_ends_in_silence_is_not_told() {
    let mut world = World::new();
    world.put(vec![alert("leaf", None)], 0);
    assert_eq!(world.due(1_000), one("a", &[("leaf", true)]));
    world.put(vec![alert("leaf", None), alert("root", None)], 2_000);
    assert_eq!(world.due(11_000), one("a", &[("root", true)]));
    world.put(vec![alert("leaf", Some(12_000)), alert("root", None)], 12_000);
    assert_eq!(world.due(21_000), []);
    world.put(vec![alert("root", Some(22_000))], 22_000);
    assert_eq!(world.due(22_000), one("a", &[("root", false)]));
}

#[test]
fn alerts_from_elsewhere_end_when_nobody_renews_them() {
    let mut world = World::new();
    let posted = |until_ms| Told { until_ms: Some(until_ms), ..alert("x", None) };
    add(&mut world.groups, &world.config, "", vec![posted(5_000)], 0);
    assert_eq!(world.due(1_000), one("a", &[("x", true)]));
    add(&mut world.groups, &world.config, "", vec![posted(20_000)], 4_000);
    expire(&mut world.groups, 19_999);
    assert_eq!(world.due(19_999), []);
    expire(&mut world.groups, 20_000);
    assert_eq!(world.due(20_000), one("a", &[("x", false)]));
}

#[test]
fn another_configuration_takes_alerts_to_other_receivers() {
    let mut world = World::new();
    world.put(vec![alert("a", None)], 0);
    world.due(1_000);
    world.config =
        NotifyConfig::parse("route: {receiver: c, group_wait: 0s}\nreceivers: [{name: c}]", Path::new("."))
            .unwrap();
    reroute(&mut world.groups, &world.config, 2_000);
    assert_eq!(world.due(2_000), one("c", &[("a", true)]));
}
