//! What goes wrong in the shop, and when: a pure function of the time since the shop opened.

use std::time::Duration;

/// The one thing that is broken at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incident {
    Healthy,
    /// The review service has crashed: it refuses connections and sends nothing.
    ReviewDown,
    /// A bad version of payments is rolled out: many charges fail.
    BadPayments,
    /// The database answers the queries of catalog and inventory slowly.
    SlowDatabase,
}

/// After this the timeline starts again.
pub(crate) const PERIOD: Duration = Duration::from_secs(380);

/// (from, until, what), seconds within one period, in order and without overlap.
const INCIDENTS: [(u64, u64, Incident); 3] =
    [(45, 105, Incident::ReviewDown), (150, 215, Incident::BadPayments), (260, 320, Incident::SlowDatabase)];

/// What is broken `at` this long after the opening.
pub(crate) fn state(at: Duration) -> Incident {
    let second = at.as_secs() % PERIOD.as_secs();
    for (from, until, incident) in INCIDENTS {
        if (from..until).contains(&second) {
            return incident;
        }
    }
    Incident::Healthy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_incident_starts_and_ends_at_its_second() {
        let cases = [
            (0, Incident::Healthy),
            (44, Incident::Healthy),
            (45, Incident::ReviewDown),
            (104, Incident::ReviewDown),
            (105, Incident::Healthy),
            (150, Incident::BadPayments),
            (214, Incident::BadPayments),
            (215, Incident::Healthy),
            (260, Incident::SlowDatabase),
            (319, Incident::SlowDatabase),
            (320, Incident::Healthy),
            (379, Incident::Healthy),
        ];
        for (second, expected) in cases {
            assert_eq!(state(Duration::from_secs(second)), expected, "second {second}");
        }
    }

    #[test]
    fn the_timeline_repeats() {
        for second in 0..PERIOD.as_secs() {
            let first = state(Duration::from_secs(second));
            let later = state(Duration::from_secs(second) + PERIOD * 7);
            assert_eq!(first, later, "second {second}");
        }
    }

    #[test]
    fn incidents_stand_in_order_inside_the_period() {
        let mut last = 0;
        for (from, until, _) in INCIDENTS {
            assert!(last < from && from < until && until < PERIOD.as_secs());
            last = until;
        }
    }
}
