//! Messages on their way: kept in the catalog until the receiver has taken or refused them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::model::Tenant;

use super::group::Message;

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
    sending: bool,
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

// === impl Queue ===

impl Queue {
    pub(crate) fn push(&mut self, tenant: Tenant, id: String, entry: Arc<Entry>, now: Instant) {
        if !self.0.iter().any(|known| known.tenant == tenant && known.id == id) {
            let at = self.0.partition_point(|known| known.id <= id);
            let waiting =
                Waiting { tenant, id, entry, attempts: 0, next: now, last_error: None, sending: false };
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
    pub(crate) fn postpone(
        &mut self,
        tenant: &Tenant,
        id: &str,
        error: String,
        now: Instant,
        after: Option<Duration>,
    ) {
        for waiting in self.0.iter_mut().filter(|waiting| waiting.tenant == *tenant && waiting.id == id) {
            waiting.attempts += 1;
            let wait = RETRY_FIRST * 2u32.saturating_pow(waiting.attempts.min(10) - 1);
            waiting.next = now + wait.min(RETRY_MOST).max(after.unwrap_or_default().min(RETRY_AFTER_MOST));
            waiting.last_error = Some(error.clone());
            waiting.sending = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn entry(group_key: &str, integration: usize) -> Arc<Entry> {
        let message = Message {
            receiver: "r".into(),
            news: true,
            group_key: group_key.into(),
            group_labels: BTreeMap::new(),
            alerts: vec![],
            dedup_key: String::new(),
            made_ms: 0,
        };
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
        queue.postpone(&tenant, "1", "down".into(), now, None);
        assert!(taken(&mut queue, now).is_empty(), "the second of a group waits for the first");
        assert_eq!(queue.next(), Some(now + RETRY_FIRST));
        assert_eq!(taken(&mut queue, now + RETRY_FIRST), ["1"]);
        queue.remove(&tenant, "1");
        assert_eq!(taken(&mut queue, now), ["2"]);
        assert_eq!(queue.waiting().len(), 2);
        queue.postpone(&tenant, "2", "busy".into(), now, Some(Duration::from_secs(90)));
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
}
