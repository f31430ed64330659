//! Its services: versions and when they were seen, instances, whom they depend on both ways; and alerts that are about them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use store::model::{Signal, Stream};

use super::About;
use crate::failure::Failure;
use crate::json::Json;
use crate::own::SETTLE_NS;
use crate::own::inventory::dependencies;
use crate::own::told::Told;
use crate::request::time::NS_PER_MS;
use crate::{AlertState, AlertView, RuleKind};

const ALERTS_MAX: usize = 50;
/// Labels of alerts that name a service or a pod.
const LABELS: [&str; 7] =
    ["service_name", "service", "server_address", "job", "pod", "k8s_pod_name", "client"];

pub(super) struct People(BTreeMap<String, Person>);

#[derive(Default)]
struct Person {
    told: Told,
    /// Unix milliseconds of the first and the last record of a version.
    versions: BTreeMap<String, (i64, i64)>,
    calls: BTreeSet<String>,
    called_by: BTreeSet<String>,
}

// === impl People ===

impl People {
    /// `streams`: of metrics.
    pub(super) fn find(about: &About<'_>, streams: &[Arc<Stream>]) -> Result<Self, Failure> {
        let (ctx, window) = (&about.call.ctx, about.subject.window);
        let mut people: BTreeMap<String, Person> =
            about.subject.services.iter().map(|name| (name.clone(), Person::default())).collect();
        for stream in streams {
            if let Some(person) = people.get_mut(stream.service()) {
                person.told.add(stream);
            }
        }
        for signal in [Signal::Logs, Signal::Spans] {
            for of in about.snapshot.uses(ctx, signal, window.0, window.1)? {
                let Some(person) = people.get_mut(of.stream.service()) else { continue };
                person.told.add(&of.stream);
                if let Some(version) = of.stream.resource.get("service.version") {
                    let seen = (of.first.div_euclid(NS_PER_MS), of.last.div_euclid(NS_PER_MS));
                    let known = person.versions.entry(version.text().into_owned()).or_insert(seen);
                    *known = (known.0.min(seen.0), known.1.max(seen.1));
                }
            }
        }
        let settled = about.call.now_ns().saturating_sub(SETTLE_NS);
        for (client, server) in dependencies(ctx, &about.snapshot, window, settled)? {
            if let Some(person) = people.get_mut(&server) {
                person.called_by.insert(client.clone());
            }
            if let Some(person) = people.get_mut(&client) {
                person.calls.insert(server);
            }
        }
        Ok(Self(people))
    }

    pub(super) fn write(&self, json: &mut Json) {
        json.array(|a| {
            for (name, person) in &self.0 {
                a.object(|o| {
                    o.member("name", name);
                    person.told.write(o);
                    o.key("version_times").array(|a| {
                        for (version, (first_ms, last_ms)) in &person.versions {
                            a.object(|v| {
                                v.member("version", version);
                                v.key("first_seen_ms").int(*first_ms);
                                v.key("last_seen_ms").int(*last_ms);
                            });
                        }
                    });
                    o.key("calls").strings(person.calls.iter().map(String::as_str));
                    o.key("called_by").strings(person.called_by.iter().map(String::as_str));
                });
            }
        });
    }
}

// === alerts ===

pub(super) struct Alert {
    rule: String,
    view: AlertView,
}

/// Pending and firing ones that name it, or one of its services.
pub(super) fn alerts(about: &About<'_>) -> Vec<Alert> {
    let (services, pods) = (&about.subject.services, &about.subject.pods);
    let names = |view: &AlertView| {
        let texts = LABELS.iter().filter_map(|name| view.labels.get(name));
        texts
            .flat_map(|text| [text, text.rsplit('/').next().unwrap_or_default()])
            .any(|text| services.contains(text) || pods.contains(text))
    };
    let groups = about.call.shared.rules.groups(&about.call.ctx.tenant);
    let rules = groups.into_iter().flat_map(|group| group.rules);
    let alerts = rules.flat_map(|rule| {
        let alerts = match rule.kind {
            RuleKind::Alerting { alerts, .. } => alerts,
            RuleKind::Recording => Vec::new(),
        };
        alerts.into_iter().map(move |view| Alert { rule: rule.name.clone(), view })
    });
    alerts
        .filter(|alert| alert.view.state != AlertState::Inactive && names(&alert.view))
        .take(ALERTS_MAX)
        .collect()
}

impl Alert {
    pub(super) fn write(&self, json: &mut Json) {
        json.object(|o| {
            o.member("alertname", &self.rule);
            o.member("state", if self.view.state == AlertState::Firing { "firing" } else { "pending" });
            o.key("active_at_ms").int(self.view.active_at_ms);
            o.key("value").number(self.view.value);
            for (name, texts) in [("labels", &self.view.labels), ("annotations", &self.view.annotations)] {
                o.key(name).object(|l| texts.iter().for_each(|(name, text)| l.member(name, text)));
            }
        });
    }
}
