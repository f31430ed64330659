//! What happened to each alert and why: for whoever asks why somebody was told, or was not. Bounded; kept in the
//! transaction of what it tells of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Change, Document, DocumentKind};

use super::group::{Groups, Told, fingerprint};
use super::mute::Quiet;
use super::outbox::Entry;

/// Of one alert; the oldest are forgotten first.
const EVENTS_MAX: usize = 100;
/// Alerts of a tenant that are remembered; the one that was quiet for the longest is forgotten first.
const ALERTS_MAX: usize = 2_000;

type Texts = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) at_ms: i64,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// One transition or decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum What {
    /// The expression holds; the hold has begun.
    Pending {
        value: f64,
    },
    /// The expression stopped to hold before the hold was over.
    Dropped,
    Fired {
        value: f64,
        /// Before the next instant of the grid.
        early: bool,
        late_ms: Option<i64>,
    },
    Resolved,
    /// Somebody else sent it.
    Received,
    /// It belongs to a message, which waits until then.
    Grouped {
        receiver: String,
        group: String,
        until_ms: i64,
    },
    /// Nobody is told.
    Quieted {
        receiver: String,
        silenced_by: Vec<String>,
        inhibited_by: Vec<String>,
        muted_by: Vec<String>,
    },
    /// A message that names it was made.
    Queued {
        receiver: String,
        kind: String,
        firing: bool,
        dedup_key: String,
    },
    /// The receiver did not take it; it is sent again.
    Failed {
        receiver: String,
        kind: String,
        dedup_key: String,
        error: String,
    },
    /// The receiver took it.
    Delivered {
        receiver: String,
        kind: String,
        dedup_key: String,
        attempts: u32,
    },
    /// The receiver will never take it.
    Refused {
        receiver: String,
        kind: String,
        dedup_key: String,
        error: String,
    },
    /// A later message says what it would have said.
    Superseded {
        receiver: String,
        kind: String,
        dedup_key: String,
    },
    /// A person did something.
    Acted {
        what_was_done: String,
        by: String,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AlertHistory {
    pub(crate) labels: Texts,
    /// Oldest first.
    pub(crate) events: Vec<Event>,
}

/// Of a tenant's alerts, by fingerprint.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    alerts: BTreeMap<String, Arc<AlertHistory>>,
    changed: BTreeSet<String>,
    gone: BTreeSet<String>,
    /// What was decided last for an alert in a group of a route: it is said once.
    decided: BTreeMap<(String, String), What>,
}

// === impl History ===

impl History {
    pub(crate) fn of(documents: Vec<Document>) -> Self {
        let read = |document: Document| {
            let history: AlertHistory = serde_json::from_slice(&document.bytes).ok()?;
            Some((document.id, Arc::new(history)))
        };
        Self { alerts: documents.into_iter().filter_map(read).collect(), ..Self::default() }
    }

    pub(crate) fn note(&mut self, labels: &Texts, at_ms: i64, what: What) {
        let id = fingerprint(labels);
        let known = self
            .alerts
            .entry(id.clone())
            .or_insert_with(|| Arc::new(AlertHistory { labels: labels.clone(), events: Vec::new() }));
        let known = Arc::make_mut(known);
        known.events.push(Event { at_ms, what });
        let surplus = known.events.len().saturating_sub(EVENTS_MAX);
        known.events.drain(..surplus);
        self.gone.remove(&id);
        self.changed.insert(id);
        self.forget_oldest();
    }

    /// The same decision as before is no news.
    pub(crate) fn decide(&mut self, labels: &Texts, group: &str, at_ms: i64, what: What) {
        let key = (fingerprint(labels), group.to_owned());
        let same = match (self.decided.get(&key), &what) {
            (None, What::Grouped { .. }) => false,
            (Some(What::Grouped { .. }), What::Grouped { .. }) => true,
            (before, _) => before == Some(&what),
        };
        if !same {
            self.decided.insert(key, what.clone());
            self.note(labels, at_ms, what);
        }
    }

    /// Takes all that is decided now; of alerts that are over the next decision is news again.
    pub(crate) fn decided(&mut self, decisions: Vec<(Texts, String, What)>, now_ms: i64) {
        let now: BTreeSet<(String, String)> =
            decisions.iter().map(|(labels, group, _)| (fingerprint(labels), group.clone())).collect();
        self.decided.retain(|key, _| now.contains(key));
        for (labels, group, what) in decisions {
            self.decide(&labels, &group, now_ms, what);
        }
    }

    /// Alerts of others, those that fire and were not known.
    pub(crate) fn received(&mut self, groups: &Groups, told: &[Told], now_ms: i64) {
        let known = |told: &Told| {
            groups.values().flat_map(|group| group.alerts.values()).any(|known| known.labels == told.labels)
        };
        let new: Vec<&Told> = told.iter().filter(|told| told.fires() && !known(told)).collect();
        new.into_iter().for_each(|told| self.note(&told.labels, now_ms, What::Received));
        for told in told.iter().filter(|told| !told.fires() && known(told)) {
            self.note(&told.labels, now_ms, What::Resolved);
        }
    }

    pub(crate) fn queued(&mut self, entry: &Entry, now_ms: i64) {
        for told in &entry.message.alerts {
            let what = What::Queued {
                receiver: entry.receiver.clone(),
                kind: entry.kind.clone(),
                firing: told.fires(),
                dedup_key: entry.message.dedup_key.clone(),
            };
            self.note(&told.labels, now_ms, what);
        }
    }

    fn forget_oldest(&mut self) {
        while self.alerts.len() > ALERTS_MAX {
            let last = |history: &Arc<AlertHistory>| history.events.last().map(|event| event.at_ms);
            let oldest = self.alerts.iter().min_by_key(|(_, history)| last(history));
            let Some(id) = oldest.map(|(id, _)| id.clone()) else { return };
            self.alerts.remove(&id);
            self.changed.remove(&id);
            self.gone.insert(id);
        }
    }

    pub(crate) fn get(&self, fingerprint: &str) -> Option<Arc<AlertHistory>> {
        self.alerts.get(fingerprint).cloned()
    }

    /// The histories of all alerts of a name.
    pub(crate) fn named(&self, alertname: &str) -> Vec<(String, Arc<AlertHistory>)> {
        let named = |(_, history): &(&String, &Arc<AlertHistory>)| {
            history.labels.get("alertname").is_some_and(|name| name == alertname)
        };
        self.alerts.iter().filter(named).map(|(id, history)| (id.clone(), Arc::clone(history))).collect()
    }

    /// What is to be kept since this was last asked.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        let put = |id: &String| {
            let history = self.alerts.get(id)?;
            let bytes = serde_json::to_vec(&**history).ok()?;
            Some(Change::Put { kind: DocumentKind::AlertHistory, id: id.clone(), bytes })
        };
        let mut changes: Vec<Change> = self.changed.iter().filter_map(put).collect();
        let delete = |id: &String| Change::Delete { kind: DocumentKind::AlertHistory, id: id.clone() };
        changes.extend(self.gone.iter().map(delete));
        self.changed.clear();
        self.gone.clear();
        changes
    }
}

// === impl What ===

impl What {
    pub(crate) fn quieted(receiver: &str, quiet: Quiet) -> Self {
        let Quiet { silenced_by, inhibited_by, muted_by } = quiet;
        Self::Quieted { receiver: receiver.to_owned(), silenced_by, inhibited_by, muted_by }
    }

    /// The member of the JSON it is known by.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Dropped => "dropped",
            Self::Fired { .. } => "fired",
            Self::Resolved => "resolved",
            Self::Received => "received",
            Self::Grouped { .. } => "grouped",
            Self::Quieted { .. } => "quieted",
            Self::Queued { .. } => "queued",
            Self::Failed { .. } => "failed",
            Self::Delivered { .. } => "delivered",
            Self::Refused { .. } => "refused",
            Self::Superseded { .. } => "superseded",
            Self::Acted { .. } => "acted",
        }
    }
}

/// A sentence for people.
impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pending { value } => write!(f, "the expression holds with {value}: its hold begins"),
            Self::Dropped => f.write_str("the expression no longer holds, before the hold was over"),
            Self::Fired { value, early, late_ms } => {
                write!(f, "fired with {value}")?;
                if *early {
                    f.write_str(", before the next evaluation: more data cannot take it back")?;
                }
                match late_ms {
                    Some(late_ms) => write!(f, "; its data came {} s late", late_ms / 1_000),
                    None => Ok(()),
                }
            }
            Self::Resolved => f.write_str("the expression no longer holds: it is over"),
            Self::Received => f.write_str("sent here by another server"),
            Self::Grouped { receiver, group, until_ms } => {
                let until = crate::request::time::rfc3339_ms(*until_ms);
                write!(f, "grouped as {group} for {receiver}, told at {until} at the earliest")
            }
            Self::Quieted { receiver, silenced_by, inhibited_by, muted_by } => {
                write!(f, "{receiver} is not told:")?;
                for (why, by) in
                    [("silenced by", silenced_by), ("inhibited by", inhibited_by), ("muted by", muted_by)]
                {
                    if !by.is_empty() {
                        write!(f, " {why} {}", by.join(", "))?;
                    }
                }
                Ok(())
            }
            Self::Queued { receiver, kind, firing, .. } => {
                let what = if *firing { "it fires" } else { "it is over" };
                write!(f, "a message to {receiver} ({kind}) says that {what}")
            }
            Self::Failed { receiver, kind, error, .. } => {
                write!(f, "{receiver} ({kind}) did not take the message, it is sent again: {error}")
            }
            Self::Delivered { receiver, kind, attempts, .. } => {
                write!(f, "{receiver} ({kind}) took the message at attempt {attempts}")
            }
            Self::Refused { receiver, kind, error, .. } => {
                write!(f, "{receiver} ({kind}) refused the message for good: {error}")
            }
            Self::Superseded { receiver, kind, .. } => {
                write!(f, "{receiver} ({kind}) was away: a later message says what this one would have")
            }
            Self::Acted { what_was_done, by } => write!(f, "{what_was_done} by {by}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(name: &str) -> Texts {
        [("alertname".to_owned(), name.to_owned())].into()
    }

    #[test]
    fn a_history_is_bounded_and_says_what_to_keep() {
        let mut history = History::default();
        for at_ms in 0..EVENTS_MAX as i64 + 5 {
            history.note(&labels("a"), at_ms, What::Resolved);
        }
        let of_a = history.named("a");
        assert_eq!((of_a[0].1.events.len(), of_a[0].1.events[0].at_ms), (EVENTS_MAX, 5));
        assert_eq!((history.take_changes().len(), history.take_changes().len()), (1, 0));
        for n in 0..ALERTS_MAX {
            history.note(&labels(&format!("b{n}")), 10_000 + n as i64, What::Dropped);
        }
        assert!(history.named("a").is_empty() && history.get(&fingerprint(&labels("b0"))).is_some());
        let deletes = history.take_changes().into_iter().filter(|c| matches!(c, Change::Delete { .. }));
        assert_eq!(deletes.count(), 1);
    }

    #[test]
    fn a_decision_is_told_when_it_is_another() {
        let mut history = History::default();
        let grouped = |until_ms| What::Grouped { receiver: "r".into(), group: "g".into(), until_ms };
        let quiet =
            |id: &str| What::quieted("r", Quiet { silenced_by: vec![id.to_owned()], ..Quiet::default() });
        for what in [grouped(1), grouped(2), quiet("x"), quiet("x"), quiet("y"), grouped(3)] {
            history.decide(&labels("a"), "g", 0, what);
        }
        let texts: Vec<&str> = history.named("a")[0].1.events.iter().map(|event| event.what.name()).collect();
        assert_eq!(texts, ["grouped", "quieted", "quieted", "grouped"]);
    }

    #[test]
    fn events_survive_their_document() {
        let mut history = History::default();
        history.note(&labels("a"), 7, What::Fired { value: 2.5, early: true, late_ms: Some(3_000) });
        let Change::Put { id, bytes, .. } = history.take_changes().remove(0) else { panic!("a put") };
        let again = History::of(vec![Document { id, revision: 1, bytes: bytes.into() }]);
        assert_eq!(again.named("a"), history.named("a"));
        let text = history.named("a")[0].1.events[0].what.to_string();
        assert_eq!(
            text,
            "fired with 2.5, before the next evaluation: more data cannot take it back; its data came 3 s late"
        );
    }
}
