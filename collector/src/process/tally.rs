//! What processing did, by tenant and signal: counters for `/metrics` and the status page.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use store::model::{Signal, Tenant};
use store::{MetricKind, MetricRow};

/// What the rules did to one batch, by rule.
#[derive(Debug)]
pub(super) struct RuleCounts {
    pub applied: Vec<u64>,
    pub dropped: Vec<u64>,
}

/// Since the start of the process; names that are gone with a reload stay.
#[derive(Default)]
pub(crate) struct Tally(Mutex<BTreeMap<(Tenant, What, Signal, String), u64>>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum What {
    Rule,
    Redacted,
    OverQuota,
}

/// One tenant's numbers, over all signals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessingStatus {
    /// Records each rule applied to.
    pub rules: BTreeMap<String, u64>,
    /// Values each detector replaced.
    pub redacted: BTreeMap<String, u64>,
    /// Records of each service that were over its quota.
    pub over_quota: BTreeMap<String, u64>,
}

/// Services named in counters; those of further ones are counted under this name.
const NAMES_MAX: usize = 20_000;
const OTHERS: &str = "(others)";

impl RuleCounts {
    pub fn new(rules: usize) -> Self {
        Self { applied: vec![0; rules], dropped: vec![0; rules] }
    }
}

impl What {
    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Rule => ("signalbox_processing_rule_records_total", "Records a rule applied to.", "rule"),
            Self::Redacted => ("signalbox_processing_redacted_total", "Values replaced.", "detector"),
            Self::OverQuota => (
                "signalbox_processing_over_quota_total",
                "Records over the quota of their service.",
                "service",
            ),
        }
    }
}

// === impl Tally ===

impl Tally {
    pub(super) fn add<'n>(
        &self,
        tenant: &Tenant,
        signal: Signal,
        what: What,
        counts: impl Iterator<Item = (&'n str, u64)>,
    ) {
        let mut counts = counts.filter(|(_, count)| *count > 0).peekable();
        if counts.peek().is_none() {
            return;
        }
        let mut all = self.0.lock();
        for (name, count) in counts {
            let mut key = (tenant.clone(), what, signal, name.to_owned());
            if all.len() >= NAMES_MAX && !all.contains_key(&key) {
                OTHERS.clone_into(&mut key.3);
            }
            *all.entry(key).or_default() += count;
        }
    }

    pub fn rows(&self) -> Vec<MetricRow> {
        let row = |((tenant, what, signal, value), count): (&(Tenant, What, Signal, String), &u64)| {
            let (name, help, label) = what.row();
            MetricRow {
                name,
                help,
                kind: MetricKind::Counter,
                labels: vec![
                    ("tenant", tenant.to_string()),
                    ("signal", signal.as_str().to_owned()),
                    (label, value.clone()),
                ],
                value: *count as f64,
            }
        };
        self.0.lock().iter().map(row).collect()
    }

    pub fn status(&self, tenant: &Tenant) -> ProcessingStatus {
        let mut status = ProcessingStatus::default();
        for ((whose, what, _, name), count) in self.0.lock().iter() {
            let place = match what {
                What::Rule => &mut status.rules,
                What::Redacted => &mut status.redacted,
                What::OverQuota => &mut status.over_quota,
            };
            if whose == tenant {
                *place.entry(name.clone()).or_default() += count;
            }
        }
        status
    }
}
