//! How long a group waits for data of an instant before it decides: as long as its services have been late of late.
//!
//! A service's low watermark is now less its lateness. What comes later than that re-opens nothing: the next instant
//! looks at the same window again, and the message says that data was late.

use std::collections::BTreeMap;

/// Nobody waits longer: what is later is late data, not a slow exporter.
pub(crate) const LATENESS_MAX_MS: i64 = 30_000;
/// Lateness is remembered for one to two of these.
const MEMORY_MS: i64 = 300_000;
/// Services a group listens to; more are taken at their word.
const SERVICES_MAX: usize = 10_000;

#[derive(Clone, Debug, Default)]
pub(crate) struct Watermarks(BTreeMap<String, Lateness>);

#[derive(Clone, Copy, Debug)]
struct Lateness {
    since_ms: i64,
    most_ms: i64,
    most_before_ms: i64,
}

// === impl Watermarks ===

impl Watermarks {
    /// A batch of the service came in, its oldest record being of `oldest_ms`.
    pub(crate) fn observe(&mut self, service: &str, oldest_ms: i64, now_ms: i64) {
        let late_ms = now_ms.saturating_sub(oldest_ms).max(0);
        if late_ms > LATENESS_MAX_MS {
            return;
        }
        if !self.0.contains_key(service) && self.0.len() >= SERVICES_MAX {
            return;
        }
        let fresh = Lateness { since_ms: now_ms, most_ms: 0, most_before_ms: 0 };
        let of_service = self.0.entry(service.to_owned()).or_insert(fresh);
        if now_ms - of_service.since_ms >= MEMORY_MS {
            *of_service = Lateness { most_before_ms: of_service.most_ms, ..fresh };
        }
        of_service.most_ms = of_service.most_ms.max(late_ms);
    }

    /// How long after an instant all services have sent what they had then. Forgets services that are gone.
    pub(crate) fn delay_ms(&mut self, now_ms: i64) -> i64 {
        self.0.retain(|_, of_service| now_ms - of_service.since_ms < 2 * MEMORY_MS);
        self.0.values().map(|of| of.most_ms.max(of.most_before_ms)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_waits_as_long_as_its_slowest_service_was_late() {
        let mut marks = Watermarks::default();
        assert_eq!(marks.delay_ms(0), 0);
        marks.observe("quick", 990, 1_000);
        marks.observe("slow", 0, 4_000);
        marks.observe("slow", 3_900, 4_100);
        marks.observe("lost", 0, LATENESS_MAX_MS + 1);
        assert_eq!(marks.delay_ms(4_100), 4_000);
    }

    #[test]
    fn lateness_is_forgotten_when_it_is_over() {
        let mut marks = Watermarks::default();
        marks.observe("a", 0, 5_000);
        for minute in 1..=11 {
            marks.observe("a", minute * 60_000, minute * 60_000 + 10);
        }
        assert_eq!(marks.delay_ms(11 * 60_000), 10);
        assert_eq!(marks.delay_ms(60 * 60_000), 0, "a service that is gone holds up nobody");
    }
}
