//! The alert state machine: a function of what was, what an evaluation found, and the time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Resolved alerts are remembered this long, so that a late notification can still tell of them (as in Prometheus).
const RESOLVED_KEEP_MS: i64 = 15 * 60_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Phase {
    Pending,
    Firing,
    Resolved,
}

/// One alert: a rule's result for one label set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Active {
    pub(crate) phase: Phase,
    pub(crate) annotations: BTreeMap<String, String>,
    /// Since when the expression holds, Unix milliseconds.
    pub(crate) active_at_ms: i64,
    pub(crate) fired_at_ms: Option<i64>,
    pub(crate) resolved_at_ms: Option<i64>,
    /// When the expression last held.
    pub(crate) seen_at_ms: i64,
    pub(crate) value: f64,
}

/// Alerts of one rule by their labels.
pub(crate) type Alerts = BTreeMap<BTreeMap<String, String>, Active>;

/// What an evaluation found for one label set.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// The alerts after an evaluation at `now_ms`.
pub(crate) fn step(previous: &Alerts, found: Vec<Found>, for_ms: u64, keep_ms: u64, now_ms: i64) -> Alerts {
    let (for_ms, keep_ms) = (clamp(for_ms), clamp(keep_ms));
    let mut next = Alerts::new();
    for one in found {
        let before = previous.get(&one.labels).filter(|before| before.phase != Phase::Resolved);
        let active_at_ms = before.map_or(now_ms, |before| before.active_at_ms);
        let was_firing = before.is_some_and(|before| before.phase == Phase::Firing);
        let fires = was_firing || now_ms - active_at_ms >= for_ms;
        let fired_at_ms = before.and_then(|before| before.fired_at_ms).or(fires.then_some(now_ms));
        next.insert(
            one.labels,
            Active {
                phase: if fires { Phase::Firing } else { Phase::Pending },
                annotations: one.annotations,
                active_at_ms,
                fired_at_ms,
                resolved_at_ms: None,
                seen_at_ms: now_ms,
                value: one.value,
            },
        );
    }
    for (labels, before) in previous {
        if next.contains_key(labels) {
            continue;
        }
        let after = match before.phase {
            Phase::Pending => None,
            Phase::Firing if now_ms - before.seen_at_ms < keep_ms => Some(before.clone()),
            Phase::Firing => {
                Some(Active { phase: Phase::Resolved, resolved_at_ms: Some(now_ms), ..before.clone() })
            }
            Phase::Resolved => {
                let since = before.resolved_at_ms.unwrap_or(now_ms);
                (now_ms - since < RESOLVED_KEEP_MS).then(|| before.clone())
            }
        };
        next.extend(after.map(|after| (labels.clone(), after)));
    }
    next
}

/// When the state could change without new data: a pending alert's hold or a kept alert's time is over.
pub(crate) fn next_change_ms(alerts: &Alerts, for_ms: u64, keep_ms: u64) -> Option<i64> {
    let (for_ms, keep_ms) = (clamp(for_ms), clamp(keep_ms));
    let due = |alert: &Active| match alert.phase {
        Phase::Pending => Some(alert.active_at_ms + for_ms),
        Phase::Firing if keep_ms > 0 => Some(alert.seen_at_ms + keep_ms),
        _ => None,
    };
    alerts.values().filter_map(due).min()
}

/// Whether something a person or a restart cares for is different: phases and who there is.
pub(crate) fn differs(before: &Alerts, after: &Alerts) -> bool {
    before.len() != after.len()
        || before.iter().zip(after).any(|((la, a), (lb, b))| la != lb || a.phase != b.phase)
}

fn clamp(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Vec<Found> {
        vec![Found { labels: [("a".into(), name.into())].into(), annotations: BTreeMap::new(), value: 1.0 }]
    }

    fn phases(alerts: &Alerts) -> Vec<Phase> {
        alerts.values().map(|alert| alert.phase).collect()
    }

    #[test]
    fn an_alert_waits_fires_and_resolves() {
        let one = step(&Alerts::new(), found("x"), 1_000, 0, 10_000);
        assert_eq!(phases(&one), [Phase::Pending]);
        assert_eq!(next_change_ms(&one, 1_000, 0), Some(11_000));
        let two = step(&one, found("x"), 1_000, 0, 10_999);
        assert_eq!(phases(&two), [Phase::Pending]);
        let three = step(&two, found("x"), 1_000, 0, 11_000);
        assert_eq!(phases(&three), [Phase::Firing]);
        assert!(differs(&two, &three));
        let four = step(&three, vec![], 1_000, 0, 12_000);
        assert_eq!(phases(&four), [Phase::Resolved]);
        assert_eq!(phases(&step(&four, vec![], 1_000, 0, 12_000 + RESOLVED_KEEP_MS)), []);
        let again = step(&four, found("x"), 1_000, 0, 13_000);
        assert_eq!(phases(&again), [Phase::Pending]);
    }

    #[test]
    fn a_pending_alert_that_stops_leaves_no_trace() {
        let one = step(&Alerts::new(), found("x"), 1_000, 0, 0);
        assert!(step(&one, vec![], 1_000, 0, 500).is_empty());
    }

    #[test]
    fn firing_is_kept_for_as_long_as_the_rule_says() {
        let one = step(&Alerts::new(), found("x"), 0, 5_000, 0);
        assert_eq!(phases(&one), [Phase::Firing]);
        let two = step(&one, vec![], 0, 5_000, 4_999);
        assert_eq!(phases(&two), [Phase::Firing]);
        assert_eq!(phases(&step(&two, vec![], 0, 5_000, 5_000)), [Phase::Resolved]);
    }
}
