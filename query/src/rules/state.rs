//! The alert state machine: a function of what was, what an evaluation found, and the time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::file::Flapping;
use crate::notify::{Transition, What};

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
    /// Fired by data that came in between two instants of the grid; the next instant says how it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) early: Option<Early>,
    /// When it began to fire, the last times: kept for rules that look for flapping.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fired_before_ms: Vec<i64>,
    /// How late the data was that made it fire, if its instant had been decided without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) late_ms: Option<i64>,
}

/// What an alert that fired early was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Early {
    Unknown,
    Pending,
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

/// How long alerts wait and are kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Holds {
    pub(crate) for_ms: u64,
    pub(crate) keep_ms: u64,
    pub(crate) flapping: Option<Flapping>,
}

impl Holds {
    /// An alert that came and went too often is kept as long as it was watched.
    fn keep_ms(&self, alert: &Active, now_ms: i64) -> i64 {
        let flaps = |flapping: &Flapping| {
            let since_ms = now_ms - clamp(flapping.within_ms);
            let times = alert.fired_before_ms.iter().filter(|at_ms| **at_ms > since_ms).count();
            times >= flapping.times as usize
        };
        let flapping = self.flapping.filter(flaps).map_or(0, |flapping| flapping.within_ms);
        clamp(self.keep_ms.max(flapping))
    }

    /// The times it fired, with the newest if it is one.
    fn fired(&self, before: Option<&Active>, fires: bool, now_ms: i64) -> Vec<i64> {
        let Some(flapping) = self.flapping else { return Vec::new() };
        let mut times = before.map(|before| before.fired_before_ms.clone()).unwrap_or_default();
        if fires && before.is_none_or(|before| before.phase != Phase::Firing) {
            times.push(now_ms);
        }
        let surplus = times.len().saturating_sub(flapping.times as usize);
        times.drain(..surplus);
        times
    }
}

/// The alerts after an evaluation at `now_ms`, an instant of the grid: as if nothing had fired early, but what was told
/// to fire and does not is told to be over.
pub(crate) fn step(previous: &Alerts, found: Vec<Found>, holds: &Holds, now_ms: i64) -> Alerts {
    let for_ms = clamp(holds.for_ms);
    let mut next = Alerts::new();
    for one in found {
        let known = previous.get(&one.labels);
        let before = known.filter(|before| before.phase != Phase::Resolved);
        let on_grid = before.filter(|before| before.early != Some(Early::Unknown));
        let active_at_ms = on_grid.map_or(now_ms, |before| before.active_at_ms);
        let was_firing =
            on_grid.is_some_and(|before| before.phase == Phase::Firing && before.early.is_none());
        let fires = was_firing || now_ms - active_at_ms >= for_ms;
        let fired_at_ms = before.and_then(|before| before.fired_at_ms).or(Some(now_ms)).filter(|_| fires);
        let fired_before_ms = holds.fired(known, fires, now_ms);
        next.insert(
            one.labels,
            Active {
                phase: if fires { Phase::Firing } else { Phase::Pending },
                fired_before_ms,
                annotations: one.annotations,
                active_at_ms,
                fired_at_ms,
                resolved_at_ms: None,
                seen_at_ms: now_ms,
                value: one.value,
                early: None,
                late_ms: before.and_then(|before| before.late_ms),
            },
        );
    }
    for (labels, before) in previous {
        if next.contains_key(labels) {
            continue;
        }
        let after = match before.phase {
            Phase::Pending => None,
            // It fired after this instant, which waited for late data: the next ones say how it goes on.
            Phase::Firing if before.early == Some(Early::Unknown) && before.fired_at_ms > Some(now_ms) => {
                Some(before.clone())
            }
            Phase::Firing
                if before.early.is_none() && now_ms - before.seen_at_ms < holds.keep_ms(before, now_ms) =>
            {
                Some(before.clone())
            }
            Phase::Firing => Some(Active {
                phase: Phase::Resolved,
                resolved_at_ms: Some(now_ms),
                early: None,
                ..before.clone()
            }),
            Phase::Resolved => {
                let since = before.resolved_at_ms.unwrap_or(now_ms);
                (now_ms - since < RESOLVED_KEEP_MS).then(|| before.clone())
            }
        };
        next.extend(after.map(|after| (labels.clone(), after)));
    }
    next
}

/// The alerts after data came in that more data cannot take back: some fire that would wait for the next instant.
pub(crate) fn early(previous: &Alerts, found: Vec<Found>, holds: &Holds, now_ms: i64) -> Alerts {
    let for_ms = clamp(holds.for_ms);
    let mut next = previous.clone();
    for one in found {
        let known = previous.get(&one.labels);
        let before = known.filter(|before| before.phase != Phase::Resolved);
        let fired_before_ms = holds.fired(known, true, now_ms);
        let (active_at_ms, early) = match before {
            Some(before) if before.phase == Phase::Firing => continue,
            Some(before) if now_ms - before.active_at_ms >= for_ms => (before.active_at_ms, Early::Pending),
            None if for_ms == 0 => (now_ms, Early::Unknown),
            _ => continue,
        };
        next.insert(
            one.labels,
            Active {
                phase: Phase::Firing,
                fired_before_ms,
                annotations: one.annotations,
                active_at_ms,
                fired_at_ms: Some(now_ms),
                resolved_at_ms: None,
                seen_at_ms: now_ms,
                value: one.value,
                early: Some(early),
                late_ms: None,
            },
        );
    }
    next
}

/// Says of what fires since that the data came late.
pub(crate) fn mark_late(before: &Alerts, after: &mut Alerts, late_ms: i64) {
    let fired = |labels| before.get(labels).is_some_and(|known| known.phase == Phase::Firing);
    let new = after.iter_mut().filter(|(labels, now)| now.phase == Phase::Firing && !fired(labels));
    new.for_each(|(_, now)| now.late_ms = Some(late_ms));
}

/// What became of each alert from one state to the next.
pub(crate) fn transitions(before: &Alerts, after: &Alerts) -> Vec<Transition> {
    let mut all = Vec::new();
    for (labels, now) in after {
        let was = before.get(labels).map(|known| known.phase).filter(|phase| *phase != Phase::Resolved);
        let what = match (was, now.phase) {
            (None, Phase::Pending) => What::Pending { value: now.value },
            (None | Some(Phase::Pending), Phase::Firing) => {
                What::Fired { value: now.value, early: now.early.is_some(), late_ms: now.late_ms }
            }
            (Some(Phase::Firing), Phase::Resolved) => What::Resolved,
            _ => continue,
        };
        all.push((labels.clone(), what));
    }
    let dropped =
        before.iter().filter(|(labels, was)| was.phase == Phase::Pending && !after.contains_key(*labels));
    all.extend(dropped.map(|(labels, _)| (labels.clone(), What::Dropped)));
    all
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

    fn holds(for_ms: u64, keep_ms: u64) -> Holds {
        Holds { for_ms, keep_ms, flapping: None }
    }

    fn found(name: &str) -> Vec<Found> {
        vec![Found { labels: [("a".into(), name.into())].into(), annotations: BTreeMap::new(), value: 1.0 }]
    }

    fn phases(alerts: &Alerts) -> Vec<Phase> {
        alerts.values().map(|alert| alert.phase).collect()
    }

    #[test]
    fn an_alert_waits_fires_and_resolves() {
        let one = step(&Alerts::new(), found("x"), &holds(1_000, 0), 10_000);
        assert_eq!(phases(&one), [Phase::Pending]);
        let two = step(&one, found("x"), &holds(1_000, 0), 10_999);
        assert_eq!(phases(&two), [Phase::Pending]);
        let three = step(&two, found("x"), &holds(1_000, 0), 11_000);
        assert_eq!(phases(&three), [Phase::Firing]);
        assert!(differs(&two, &three));
        let four = step(&three, vec![], &holds(1_000, 0), 12_000);
        assert_eq!(phases(&four), [Phase::Resolved]);
        assert_eq!(phases(&step(&four, vec![], &holds(1_000, 0), 12_000 + RESOLVED_KEEP_MS)), []);
        let again = step(&four, found("x"), &holds(1_000, 0), 13_000);
        assert_eq!(phases(&again), [Phase::Pending]);
    }

    #[test]
    fn a_pending_alert_that_stops_leaves_no_trace() {
        let one = step(&Alerts::new(), found("x"), &holds(1_000, 0), 0);
        assert!(step(&one, vec![], &holds(1_000, 0), 500).is_empty());
    }

    #[test]
    fn firing_is_kept_for_as_long_as_the_rule_says() {
        let one = step(&Alerts::new(), found("x"), &holds(0, 5_000), 0);
        assert_eq!(phases(&one), [Phase::Firing]);
        let two = step(&one, vec![], &holds(0, 5_000), 4_999);
        assert_eq!(phases(&two), [Phase::Firing]);
        assert_eq!(phases(&step(&two, vec![], &holds(0, 5_000), 5_000)), [Phase::Resolved]);
    }

    #[test]
    fn transitions_are_what_people_are_told_of() {
        let names = |before: &Alerts, after: &Alerts| -> Vec<&'static str> {
            transitions(before, after).iter().map(|(_, what)| what.name()).collect()
        };
        let none = Alerts::new();
        let pending = step(&none, found("x"), &holds(1_000, 0), 0);
        let firing = step(&pending, found("x"), &holds(1_000, 0), 1_000);
        let over = step(&firing, vec![], &holds(1_000, 0), 2_000);
        assert_eq!(names(&none, &pending), ["pending"]);
        assert_eq!(names(&pending, &firing), ["fired"]);
        assert_eq!(names(&firing, &firing), [] as [&str; 0]);
        assert_eq!(names(&firing, &over), ["resolved"]);
        assert_eq!(names(&over, &over), [] as [&str; 0]);
        assert_eq!(names(&pending, &none), ["dropped"]);
    }

    #[test]
    fn data_may_bring_a_firing_forward_and_nothing_else() {
        let one = early(&Alerts::new(), found("x"), &holds(0, 0), 900);
        assert_eq!(
            (phases(&one), one.values().next().unwrap().fired_at_ms),
            (vec![Phase::Firing], Some(900))
        );
        assert!(early(&Alerts::new(), found("x"), &holds(1, 0), 900).is_empty(), "its hold is not over");
        let held = step(&Alerts::new(), found("x"), &holds(1_000, 0), 0);
        assert_eq!(early(&held, found("x"), &holds(1_000, 0), 999), held);
        assert_eq!(phases(&early(&held, found("x"), &holds(1_000, 0), 1_000)), [Phase::Firing]);
        let firing = step(&Alerts::new(), found("x"), &holds(0, 0), 0);
        assert_eq!(early(&firing, vec![], &holds(0, 0), 10), firing);
        assert_eq!(early(&firing, found("x"), &holds(0, 0), 10), firing);
    }

    #[test]
    fn the_grid_goes_on_as_if_nothing_had_fired_early() {
        let plain = step(&Alerts::new(), found("x"), &holds(0, 5_000), 1_000);
        let mut early_one =
            step(&early(&Alerts::new(), found("x"), &holds(0, 0), 900), found("x"), &holds(0, 5_000), 1_000);
        early_one.values_mut().for_each(|alert| alert.fired_at_ms = Some(1_000));
        assert_eq!(early_one, plain);
        let gone =
            step(&early(&Alerts::new(), found("x"), &holds(0, 0), 900), vec![], &holds(0, 5_000), 1_000);
        assert_eq!(phases(&gone), [Phase::Resolved], "the grid never saw it: nothing to keep firing");
        let fired = early(&Alerts::new(), found("x"), &holds(0, 0), 900);
        assert_eq!(step(&fired, vec![], &holds(0, 0), 800), fired, "an instant before it, decided late");
        let held = step(&Alerts::new(), found("x"), &holds(1_000, 0), 0);
        let served = early(&held, found("x"), &holds(1_000, 0), 1_500);
        let after = step(&served, found("x"), &holds(1_000, 0), 2_000);
        assert_eq!((phases(&after), after.values().next().unwrap().active_at_ms), (vec![Phase::Firing], 0));
        assert_eq!(phases(&step(&served, vec![], &holds(1_000, 0), 2_000)), [Phase::Resolved]);
    }

    #[test]
    fn an_alert_that_comes_and_goes_stays() {
        let holds = Holds { flapping: Some(Flapping { times: 3, within_ms: 1_000 }), ..Holds::default() };
        let mut alerts = Alerts::new();
        let mut seen = Vec::new();
        for (now_ms, there) in
            [(0, 1), (100, 0), (200, 1), (300, 0), (400, 1), (500, 0), (1_399, 0), (1_401, 0)]
        {
            alerts = step(&alerts, if there == 1 { found("x") } else { vec![] }, &holds, now_ms);
            seen.push(phases(&alerts)[0]);
        }
        use Phase::{Firing, Resolved};
        assert_eq!(seen, [Firing, Resolved, Firing, Resolved, Firing, Firing, Resolved, Resolved]);
    }
}
