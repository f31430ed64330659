//! Messages on their way: kept in the catalog until the receiver has taken or refused them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::model::Tenant;

use super::client::Failure;
use super::group::{Message, Told};
use super::receivers::webhook;
use crate::NotificationView;

const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MOST: Duration = Duration::from_secs(10);
/// A receiver that asks for more patience is asked again anyway.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(600);
/// Sends to one integration at a time: one that hangs must not keep the others waiting.
const SENDING_MAX: usize = 16;

/// One message for one integration of the receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) receiver: String,
    /// Which of the receiver's integrations.
    pub(crate) integration: usize,
    pub(crate) kind: String,
    pub(crate) message: Message,
}

/// A message that was delivered or given up, as the catalog keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delivered {
    pub(crate) at_ms: i64,
    pub(crate) entry: Entry,
    pub(crate) title: String,
    pub(crate) text: String,
    /// Why it was given up.
    pub(crate) error: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) tenant: Tenant,
    pub(crate) id: String,
    pub(crate) entry: Arc<Entry>,
    pub(crate) attempts: u32,
    pub(crate) next: Instant,
    pub(crate) last_error: Option<String>,
    /// An attempt may have arrived: its answer was lost.
    pub(crate) uncertain: bool,
    sending: bool,
}

/// What several messages of a group say together: of each alert what is last known of it. That an alert is over is not
/// told to who was not told that it fired; `uncertain`: who may have been. `None`: nothing is left to say.
pub(crate) fn merged(messages: &[&Message], uncertain: bool) -> Option<Message> {
    let (oldest, newest) = (messages.first()?, messages.last()?);
    let mut alerts: BTreeMap<&BTreeMap<String, String>, &Told> = BTreeMap::new();
    for told in messages.iter().flat_map(|message| &message.alerts) {
        alerts.insert(&told.labels, told);
    }
    let known = |told: &Told| told.fires() || uncertain || oldest.said_before.contains(&told.fingerprint());
    let alerts: Vec<Told> = alerts.into_values().filter(|told| known(told)).cloned().collect();
    (!alerts.is_empty()).then(|| Message {
        news: messages.iter().any(|message| message.news) && alerts.iter().any(Told::fires),
        alerts,
        said_before: oldest.said_before.clone(),
        ..(*newest).clone()
    })
}

/// What waits, oldest first: ids begin with the time.
#[derive(Default, Debug)]
pub(crate) struct Queue(Vec<Waiting>);

// === impl Entry ===

impl Entry {
    /// The receiver and which of its integrations.
    fn place(&self) -> (String, usize) {
        (self.receiver.clone(), self.integration)
    }
}

// === impl Delivered ===

impl Delivered {
    /// As people see it.
    pub(crate) fn view(self) -> NotificationView {
        let message = &self.entry.message;
        NotificationView {
            at_ms: self.at_ms,
            dedup_key: message.dedup_key.clone(),
            channel: self.entry.receiver.clone(),
            title: self.title,
            text: match self.error {
                Some(error) => format!("{} (not delivered: {error})", self.text),
                None => self.text,
            },
            resolved: !message.fires(),
            labels: webhook::common(message, |told| &told.labels),
            annotations: webhook::common(message, |told| &told.annotations),
            links: message
                .alerts
                .first()
                .map(|told| ("generator".to_owned(), told.generator_url.clone()))
                .into_iter()
                .collect(),
        }
    }
}

// === impl Queue ===

impl Queue {
    pub(crate) fn push(&mut self, tenant: Tenant, id: String, entry: Arc<Entry>, now: Instant) {
        if !self.0.iter().any(|known| known.tenant == tenant && known.id == id) {
            let at = self.0.partition_point(|known| known.id <= id);
            let waiting = Waiting {
                tenant,
                id,
                entry,
                attempts: 0,
                next: now,
                last_error: None,
                uncertain: false,
                sending: false,
            };
            self.0.insert(at, waiting);
        }
    }

    pub(crate) fn waiting(&self) -> &[Waiting] {
        &self.0
    }

    /// Takes what to send now; it waits on until it is removed or postponed.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Waiting> {
        let due: Vec<usize> = self.sendable().into_iter().filter(|&at| self.0[at].next <= now).collect();
        let mut sending = self.sending();
        let mut taken = Vec::new();
        for at in due {
            let waiting = &mut self.0[at];
            let busy = sending.entry(waiting.entry.place()).or_default();
            if *busy < SENDING_MAX {
                *busy += 1;
                waiting.sending = true;
                taken.push(waiting.clone());
            }
        }
        taken
    }

    /// When to look again. An integration with all its sends under way is looked at when one of them ends.
    pub(crate) fn next(&self) -> Option<Instant> {
        let sending = self.sending();
        let room = |waiting: &&Waiting| sending.get(&waiting.entry.place()).is_none_or(|n| *n < SENDING_MAX);
        self.sendable().into_iter().map(|at| &self.0[at]).filter(room).map(|waiting| waiting.next).min()
    }

    /// Messages of one group that wait because the receiver did not take the oldest of them; none: there is only one, or
    /// one is under way.
    pub(crate) fn piled_up(&self, tenant: &Tenant, b: &Entry) -> Vec<Waiting> {
        let same = |other: &&Waiting| {
            let a = &other.entry;
            other.tenant == *tenant
                && a.place() == b.place()
                && a.message.group_key == b.message.group_key
                && a.message.evidence.is_none()
        };
        let pile: Vec<Waiting> = self.0.iter().filter(same).cloned().collect();
        let stuck = pile.len() > 1 && pile[0].attempts > 0 && pile.iter().all(|one| !one.sending);
        if stuck { pile } else { Vec::new() }
    }

    /// One message in the place of a pile: it is tried when the oldest would have been. `None`: nothing is left to say.
    pub(crate) fn replace(&mut self, pile: &[Waiting], by: Option<Arc<Entry>>) {
        let (Some(oldest), Some(newest)) = (pile.first(), pile.last()) else { return };
        let gone =
            |waiting: &Waiting| pile.iter().any(|one| one.tenant == waiting.tenant && one.id == waiting.id);
        self.0.retain(|waiting| !gone(waiting));
        if let Some(entry) = by {
            self.push(newest.tenant.clone(), newest.id.clone(), entry, oldest.next);
            for waiting in self.0.iter_mut().filter(|one| one.tenant == newest.tenant && one.id == newest.id)
            {
                waiting.attempts = oldest.attempts;
                waiting.uncertain = pile.iter().any(|one| one.uncertain);
                waiting.last_error.clone_from(&oldest.last_error);
            }
        }
    }

    /// Of each group's messages to an integration only the oldest, so that they arrive in order; not those under way.
    fn sendable(&self) -> Vec<usize> {
        let mut seen = HashSet::new();
        let mut first = |waiting: &Waiting| {
            let entry = &waiting.entry;
            seen.insert((waiting.tenant.clone(), entry.place(), entry.message.group_key.clone()))
        };
        let all = self.0.iter().enumerate();
        all.filter(|(_, waiting)| first(waiting) && !waiting.sending).map(|(at, _)| at).collect()
    }

    /// Sends under way, by integration.
    fn sending(&self) -> HashMap<(String, usize), usize> {
        let mut counts = HashMap::new();
        for waiting in self.0.iter().filter(|waiting| waiting.sending) {
            *counts.entry(waiting.entry.place()).or_default() += 1;
        }
        counts
    }

    pub(crate) fn remove(&mut self, tenant: &Tenant, id: &str) {
        self.0.retain(|waiting| waiting.tenant != *tenant || waiting.id != id);
    }

    /// `after`: the receiver said when to come back.
    pub(crate) fn postpone(&mut self, tenant: &Tenant, id: &str, failure: &Failure, now: Instant) {
        let after = failure.after;
        for waiting in self.0.iter_mut().filter(|waiting| waiting.tenant == *tenant && waiting.id == id) {
            waiting.attempts += 1;
            let wait = RETRY_FIRST * 2u32.saturating_pow(waiting.attempts.min(10) - 1);
            waiting.next = now + wait.min(RETRY_MOST).max(after.unwrap_or_default().min(RETRY_AFTER_MOST));
            waiting.last_error = Some(failure.reason.clone());
            waiting.uncertain |= failure.uncertain;
            waiting.sending = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(reason: &str, after: Option<Duration>) -> Failure {
        Failure { reason: reason.into(), after, uncertain: false }
    }

    fn entry(group_key: &str, integration: usize) -> Arc<Entry> {
        let message = Message { group_key: group_key.into(), news: true, ..Message::default() };
        Arc::new(Entry { receiver: "r".into(), integration, kind: "webhook".into(), message })
    }

    fn taken(queue: &mut Queue, at: Instant) -> Vec<String> {
        queue.take_due(at).into_iter().map(|waiting| waiting.id).collect()
    }

    #[test]
    fn a_groups_messages_go_one_after_the_other() {
        let tenant = Tenant::authenticated("t").unwrap();
        let now = Instant::now();
        let mut queue = Queue::default();
        for (id, group) in [("2", "a"), ("1", "a"), ("3", "b"), ("1", "a")] {
            queue.push(tenant.clone(), id.into(), entry(group, 0), now);
        }
        assert_eq!(taken(&mut queue, now), ["1", "3"]);
        assert_eq!((taken(&mut queue, now), queue.next()), (vec![], None), "both are under way");
        queue.postpone(&tenant, "1", &failure("down", None), now);
        assert!(taken(&mut queue, now).is_empty(), "the second of a group waits for the first");
        assert_eq!(queue.next(), Some(now + RETRY_FIRST));
        assert_eq!(taken(&mut queue, now + RETRY_FIRST), ["1"]);
        queue.remove(&tenant, "1");
        assert_eq!(taken(&mut queue, now), ["2"]);
        assert_eq!(queue.waiting().len(), 2);
        queue.postpone(&tenant, "2", &failure("busy", Some(Duration::from_secs(90))), now);
        assert_eq!(queue.next(), Some(now + Duration::from_secs(90)));
    }

    #[test]
    fn an_integration_that_hangs_holds_up_only_itself() {
        let tenant = Tenant::authenticated("t").unwrap();
        let now = Instant::now();
        let mut queue = Queue::default();
        for n in 0..SENDING_MAX + 4 {
            queue.push(tenant.clone(), format!("{n:03}"), entry(&format!("g{n}"), 0), now);
        }
        assert_eq!(taken(&mut queue, now).len(), SENDING_MAX);
        assert_eq!((taken(&mut queue, now).len(), queue.next()), (0, None));
        queue.push(tenant.clone(), "900".into(), entry("g", 1), now);
        assert_eq!(taken(&mut queue, now), ["900"]);
        queue.remove(&tenant, "000");
        assert_eq!(taken(&mut queue, now).len(), 1);
    }

    fn told(name: &str, over: bool) -> Told {
        Told {
            labels: [("alertname".to_owned(), name.to_owned())].into(),
            annotations: BTreeMap::new(),
            starts_at_ms: 0,
            ends_at_ms: over.then_some(1),
            generator_url: String::new(),
            until_ms: None,
            updated_ms: 0,
        }
    }

    fn says(alerts: &[(&str, bool)], said_before: &[&str]) -> Message {
        let fingerprints = said_before.iter().map(|name| told(name, false).fingerprint());
        Message {
            alerts: alerts.iter().map(|(name, over)| told(name, *over)).collect(),
            said_before: fingerprints.collect(),
            news: alerts.iter().any(|(_, over)| !over),
            ..Message::default()
        }
    }

    #[test]
    fn a_pile_says_what_is_last_known_of_each_alert_to_who_has_to_know() {
        let shown = |messages: &[Message], uncertain: bool| {
            let merged = merged(&messages.iter().collect::<Vec<_>>(), uncertain)?;
            let one =
                |told: &Told| format!("{}{}", told.labels["alertname"], if told.fires() { "!" } else { "." });
            Some(merged.alerts.iter().map(one).collect::<Vec<_>>().join(" "))
        };
        // A was told to fire before the receiver went away; B fired and ended meanwhile, C fires.
        let pile = [says(&[("A", true), ("B", false)], &["A"]), says(&[("B", true), ("C", false)], &["B"])];
        assert_eq!(shown(&pile, false).as_deref(), Some("A. C!"));
        assert_eq!(shown(&pile, true).as_deref(), Some("A. B. C!"), "B's message may have arrived");
        let over = [says(&[("B", false)], &[]), says(&[("B", true)], &["B"])];
        assert_eq!(shown(&over, false), None, "nobody heard that it fired");
        let again = [says(&[("A", true)], &["A"]), says(&[("A", false)], &[])];
        assert_eq!(shown(&again, false).as_deref(), Some("A!"));
    }

    /// Ten minutes on a simulated clock, a change each minute.
    #[test]
    fn a_receiver_that_was_away_hears_each_groups_state_once() {
        let tenant = Tenant::authenticated("t").unwrap();
        let start = Instant::now();
        let mut queue = Queue::default();
        let (mut attempts, mut minute) = (0, 0);
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            if second % 60 == 0 {
                let over = minute % 2 == 1;
                let said: &[&str] = if over { &["A"] } else { &[] };
                let message = Message { group_key: "g".into(), ..says(&[("A", over)], said) };
                let entry = Entry { message, ..(*entry("g", 0)).clone() };
                queue.push(tenant.clone(), format!("{minute:03}"), Arc::new(entry), now);
                minute += 1;
            }
            for waiting in queue.take_due(now) {
                attempts += 1;
                queue.postpone(&tenant, &waiting.id, &failure("refused", None), now);
                let pile = queue.piled_up(&tenant, &waiting.entry);
                let messages: Vec<&Message> = pile.iter().map(|one| &one.entry.message).collect();
                let by =
                    merged(&messages, false).map(|message| Entry { message, ..(*waiting.entry).clone() });
                if !pile.is_empty() {
                    queue.replace(&pile, by.map(Arc::new));
                }
            }
            assert!(queue.waiting().len() <= 2, "at {second} s");
        }
        assert!((20..200).contains(&attempts), "{attempts}");
        // The last change said that it is over, and nobody had heard that it fired.
        assert_eq!(queue.waiting().len(), 0);
        let message = Message { group_key: "g".into(), ..says(&[("A", false)], &[]) };
        let last = Entry { message, ..(*entry("g", 0)).clone() };
        queue.push(tenant, "900".into(), Arc::new(last), start);
        assert_eq!(taken(&mut queue, start + Duration::from_secs(600)), ["900"]);
    }
}
