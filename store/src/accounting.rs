//! What became of every record: received = stored + rejected + deduplicated + dropped + refused + in flight, per
//! tenant and signal, at every moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::metric::{MetricKind, MetricRow};
use crate::model::{Signal, Tenant};

/// The counters since start; cheap to clone. Whoever decides a record's fate counts it here, once.
#[derive(Clone, Default)]
pub struct Accounting(Arc<Mutex<BTreeMap<(Tenant, Signal), Counts>>>);

/// One tenant's records of one signal.
#[derive(Clone, Default, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Counts {
    pub received: u64,
    pub stored: u64,
    pub deduplicated: u64,
    /// Being taken in now.
    pub in_flight: u64,
    /// Malformed or over a limit, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// By rules somebody configured.
    pub dropped: BTreeMap<String, u64>,
    /// Answered "retry", by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// What [`Counts::received`] must be.
    pub fn sum(&self) -> u64 {
        let fates = [&self.rejected, &self.refused].into_iter().flat_map(|map| map.values());
        self.stored
            + self.deduplicated
            + self.in_flight
            + fates.sum::<u64>()
            + self.dropped.values().sum::<u64>()
    }
}

/// Records on their way. Dropped without a decision they count as refused: their client hung up.
pub(crate) struct InFlight {
    accounting: Accounting,
    tenant: Tenant,
    signal: Signal,
    rows: u64,
}

// === impl Accounting ===

impl Accounting {
    /// Records that a door will not pass on because they are malformed or over a limit.
    pub fn rejected(&self, tenant: &Tenant, signal: Signal, reason: &'static str, rows: u64) {
        self.change(tenant, signal, rows, |counts| {
            counts.received += rows;
            *counts.rejected.entry(reason).or_default() += rows;
        });
    }

    /// Records that a configured rule takes out before the WAL.
    pub fn dropped(&self, tenant: &Tenant, signal: Signal, rule: &str, rows: u64) {
        self.change(tenant, signal, rows, |counts| {
            counts.received += rows;
            *counts.dropped.entry(rule.to_owned()).or_default() += rows;
        });
    }

    /// Records of a decoded request that a door answers with "retry" before it reaches the writer.
    pub fn refused(&self, tenant: &Tenant, signal: Signal, reason: &'static str, rows: u64) {
        self.change(tenant, signal, rows, |counts| {
            counts.received += rows;
            *counts.refused.entry(reason).or_default() += rows;
        });
    }

    /// All counters at one moment.
    pub fn snapshot(&self) -> BTreeMap<(Tenant, Signal), Counts> {
        self.0.lock().clone()
    }

    /// The counters as rows for `/metrics`, all of one moment.
    pub fn metrics(&self) -> Vec<MetricRow> {
        let mut rows = Vec::new();
        for ((tenant, signal), counts) in self.snapshot() {
            let mut row = |name, help, kind, by: Option<(&'static str, &str)>, value: u64| {
                let mut labels = vec![("tenant", tenant.to_string()), ("signal", signal.as_str().to_owned())];
                labels.extend(by.map(|(label, value)| (label, value.to_owned())));
                rows.push(MetricRow { name, help, kind, labels, value: value as f64 });
            };
            let mut counter = |name, help, by, value| row(name, help, MetricKind::Counter, by, value);
            counter("signalbox_records_received_total", "Records that arrived.", None, counts.received);
            counter("signalbox_records_stored_total", "Records made durable.", None, counts.stored);
            let help = "Records of repeated requests; the first one's are stored.";
            counter("signalbox_records_deduplicated_total", help, None, counts.deduplicated);
            for (reason, value) in &counts.rejected {
                let help = "Records that can never be stored.";
                counter("signalbox_records_rejected_total", help, Some(("reason", reason)), *value);
            }
            for (rule, value) in &counts.dropped {
                let help = "Records taken out by a rule.";
                counter("signalbox_records_dropped_total", help, Some(("rule", rule)), *value);
            }
            for (reason, value) in &counts.refused {
                let help = "Records whose sender was told to retry.";
                counter("signalbox_records_refused_total", help, Some(("reason", reason)), *value);
            }
            let help = "Records being taken in.";
            row("signalbox_records_in_flight", help, MetricKind::Gauge, None, counts.in_flight);
        }
        rows
    }

    pub(crate) fn begin(&self, tenant: &Tenant, signal: Signal, rows: u64) -> InFlight {
        self.change(tenant, signal, rows, |counts| {
            counts.received += rows;
            counts.in_flight += rows;
        });
        InFlight { accounting: self.clone(), tenant: tenant.clone(), signal, rows }
    }

    fn change(&self, tenant: &Tenant, signal: Signal, rows: u64, change: impl FnOnce(&mut Counts)) {
        if rows > 0 {
            change(self.0.lock().entry((tenant.clone(), signal)).or_default());
        }
    }
}

// === impl InFlight ===

impl InFlight {
    pub(crate) fn stored(mut self) {
        self.decide(|counts, rows| counts.stored += rows);
    }

    pub(crate) fn deduplicated(mut self) {
        self.decide(|counts, rows| counts.deduplicated += rows);
    }

    pub(crate) fn rejected(mut self, reason: &'static str) {
        self.decide(|counts, rows| *counts.rejected.entry(reason).or_default() += rows);
    }

    pub(crate) fn refused(mut self, reason: &'static str) {
        self.decide(|counts, rows| *counts.refused.entry(reason).or_default() += rows);
    }

    fn decide(&mut self, change: impl FnOnce(&mut Counts, u64)) {
        let rows = std::mem::take(&mut self.rows);
        self.accounting.change(&self.tenant, self.signal, rows, |counts| {
            counts.in_flight -= rows;
            change(counts, rows);
        });
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.decide(|counts, rows| *counts.refused.entry("canceled").or_default() += rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_in_exactly_one_place() {
        let accounting = Accounting::default();
        let tenant = Tenant::authenticated("t").unwrap();
        let check = |in_flight: u64| {
            for counts in accounting.snapshot().values() {
                assert_eq!(counts.received, counts.sum());
                assert_eq!(counts.in_flight, in_flight);
            }
        };
        let batches: Vec<_> = (1..=5).map(|rows| accounting.begin(&tenant, Signal::Logs, rows)).collect();
        check(15);
        accounting.rejected(&tenant, Signal::Logs, "too_old", 3);
        accounting.dropped(&tenant, Signal::Logs, "debug", 2);
        check(15);
        for (i, batch) in batches.into_iter().enumerate() {
            match i {
                0 => batch.stored(),
                1 => batch.deduplicated(),
                2 => batch.refused("queue_full"),
                3 => batch.rejected("too_large"),
                _ => drop(batch),
            }
        }
        check(0);
        let counts = accounting.snapshot().into_values().next().unwrap();
        assert_eq!((counts.received, counts.stored, counts.refused["canceled"]), (20, 1, 5));
        let received =
            accounting.metrics().into_iter().find(|row| row.name == "signalbox_records_received_total");
        assert_eq!(received.unwrap().value, 20.0);
    }
}
