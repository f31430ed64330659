//! Messages on their way: kept in the catalog until the receiver has taken or refused them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::model::Tenant;

use super::group::Message;

const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MOST: Duration = Duration::from_secs(10);

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
}

/// What waits, oldest first.
#[derive(Default, Debug)]
pub(crate) struct Queue(Vec<Waiting>);

// === impl Queue ===

impl Queue {
    pub(crate) fn push(&mut self, tenant: Tenant, id: String, entry: Arc<Entry>, now: Instant) {
        if !self.0.iter().any(|known| known.tenant == tenant && known.id == id) {
            self.0.push(Waiting { tenant, id, entry, attempts: 0, next: now, last_error: None });
        }
    }

    pub(crate) fn waiting(&self) -> &[Waiting] {
        &self.0
    }

    /// What to send now: of each group's messages to an integration only the oldest, so that they arrive in order.
    pub(crate) fn due(&self, now: Instant) -> Vec<Waiting> {
        let mut seen = std::collections::HashSet::new();
        let first = |w: &&Waiting| {
            seen.insert((w.tenant.clone(), w.entry.integration, w.entry.message.group_key.clone()))
        };
        self.0.iter().filter(first).filter(|waiting| waiting.next <= now).cloned().collect()
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Option<Instant> {
        let mut seen = std::collections::HashSet::new();
        let mut first = |w: &Waiting| {
            seen.insert((w.tenant.clone(), w.entry.integration, w.entry.message.group_key.clone()))
        };
        self.0.iter().filter(|waiting| first(waiting)).map(|waiting| waiting.next).min()
    }

    pub(crate) fn remove(&mut self, tenant: &Tenant, id: &str) {
        self.0.retain(|waiting| waiting.tenant != *tenant || waiting.id != id);
    }

    pub(crate) fn postpone(&mut self, tenant: &Tenant, id: &str, error: String, now: Instant) {
        for waiting in self.0.iter_mut().filter(|waiting| waiting.tenant == *tenant && waiting.id == id) {
            waiting.attempts += 1;
            let wait = RETRY_FIRST * 2u32.saturating_pow(waiting.attempts.min(10) - 1);
            waiting.next = now + wait.min(RETRY_MOST);
            waiting.last_error = Some(error.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn entry(group_key: &str) -> Arc<Entry> {
        let message = Message {
            group_key: group_key.into(),
            group_labels: BTreeMap::new(),
            alerts: vec![],
            dedup_key: String::new(),
            made_ms: 0,
        };
        Arc::new(Entry { receiver: "r".into(), integration: 0, kind: "webhook".into(), message })
    }

    #[test]
    fn a_groups_messages_go_one_after_the_other() {
        let tenant = Tenant::authenticated("t").unwrap();
        let now = Instant::now();
        let mut queue = Queue::default();
        for (id, group) in [("1", "a"), ("2", "a"), ("3", "b"), ("1", "a")] {
            queue.push(tenant.clone(), id.into(), entry(group), now);
        }
        let ids = |queue: &Queue, at| queue.due(at).into_iter().map(|w| w.id).collect::<Vec<_>>();
        assert_eq!(ids(&queue, now), ["1", "3"]);
        queue.postpone(&tenant, "1", "down".into(), now);
        assert_eq!(ids(&queue, now), ["3"], "the second of a group waits for the first");
        assert_eq!(ids(&queue, now + RETRY_FIRST), ["1", "3"]);
        queue.remove(&tenant, "1");
        assert_eq!(ids(&queue, now), ["2", "3"]);
        assert_eq!(queue.waiting().len(), 2);
    }
}
