//! Where every record went, per tenant and signal:
//! received = stored + rejected + deduplicated + dropped + refused + abandoned + in flight, in every scrape.
//!
//! Counted from decoding on: what was refused unread has no number of records. A data point that was refused counts
//! as one, one that was taken as the samples it became.

use std::collections::HashMap;

use parking_lot::Mutex;
use store::model::{Signal, Tenant};

use crate::MetricRow;

/// What became of one request's records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Outcome {
    pub stored: u64,
    /// Refused for good.
    pub rejected: u64,
    pub deduplicated: u64,
    /// By a rule.
    pub dropped: u64,
    /// Refused for now: the sender may retry.
    pub refused: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    received: u64,
    done: Outcome,
    /// The sender hung up before its answer; the store knows whether they were stored.
    abandoned: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Accounts(Mutex<HashMap<(Tenant, Signal), Account>>);

/// Records in flight. Dropped without an outcome, they are abandoned.
pub(crate) struct InFlight<'a> {
    accounts: &'a Accounts,
    key: (Tenant, Signal),
    records: u64,
    settled: bool,
}

impl Accounts {
    pub fn receive(&self, tenant: &Tenant, signal: Signal, records: u64) -> InFlight<'_> {
        let key = (tenant.clone(), signal);
        self.0.lock().entry(key.clone()).or_default().received += records;
        InFlight { accounts: self, key, records, settled: false }
    }

    pub fn rows(&self) -> Vec<MetricRow> {
        let all = self.0.lock();
        let mut rows = Vec::with_capacity(all.len() * 8);
        for ((tenant, signal), account) in all.iter() {
            let done = account.done;
            let finished = done.total() + account.abandoned;
            let mut row = |name, help, kind, outcome: &'static str, value| {
                let mut labels =
                    vec![("tenant", tenant.as_str().to_owned()), ("signal", signal.as_str().to_owned())];
                if !outcome.is_empty() {
                    labels.push(("outcome", outcome.to_owned()));
                }
                rows.push(MetricRow { name, help, kind, labels, value });
            };
            row(RECEIVED, "Records decoded, per tenant and signal.", "counter", "", account.received);
            for (outcome, value) in [
                ("stored", done.stored),
                ("rejected", done.rejected),
                ("deduplicated", done.deduplicated),
                ("dropped", done.dropped),
                ("refused", done.refused),
                ("abandoned", account.abandoned),
            ] {
                row(RECORDS, "What became of received records.", "counter", outcome, value);
            }
            let in_flight = account.received.saturating_sub(finished);
            row(IN_FLIGHT, "Received records without an outcome yet.", "gauge", "", in_flight);
        }
        rows.sort_by(|a, b| (a.name, &a.labels).cmp(&(b.name, &b.labels)));
        rows
    }
}

const RECEIVED: &str = "signalbox_ingest_received_records_total";
const RECORDS: &str = "signalbox_ingest_records_total";
const IN_FLIGHT: &str = "signalbox_ingest_in_flight_records";

impl Outcome {
    fn total(&self) -> u64 {
        self.stored + self.rejected + self.deduplicated + self.dropped + self.refused
    }
}

impl InFlight<'_> {
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The outcome's parts add up to the records.
    pub fn settle(mut self, outcome: Outcome) {
        debug_assert_eq!(outcome.total(), self.records, "every record has one outcome");
        self.settled = true;
        let mut all = self.accounts.0.lock();
        let done = &mut all.entry(self.key.clone()).or_default().done;
        done.stored += outcome.stored;
        done.rejected += outcome.rejected;
        done.deduplicated += outcome.deduplicated;
        done.dropped += outcome.dropped;
        done.refused += outcome.refused;
    }

    pub fn refuse(self) {
        let refused = self.records;
        self.settle(Outcome { refused, ..Outcome::default() });
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.accounts.0.lock().entry(self.key.clone()).or_default().abandoned += self.records;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn received_is_the_sum_of_all_outcomes_at_any_time() {
        let accounts = Accounts::default();
        let tenant = Tenant::authenticated("t").unwrap();
        let first = accounts.receive(&tenant, Signal::Logs, 10);
        let second = accounts.receive(&tenant, Signal::Logs, 5);
        drop(accounts.receive(&tenant, Signal::Logs, 2));
        first.settle(Outcome { stored: 7, rejected: 2, dropped: 1, ..Outcome::default() });
        let sum =
            |name: &str| accounts.rows().iter().filter(|r| r.name == name).map(|r| r.value).sum::<u64>();
        assert_eq!((sum(RECEIVED), sum(RECORDS), sum(IN_FLIGHT)), (17, 12, 5));
        second.refuse();
        assert_eq!((sum(RECEIVED), sum(RECORDS), sum(IN_FLIGHT)), (17, 17, 0));
    }
}
