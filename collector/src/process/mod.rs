//! What happens to a batch between its decoder and the log: rules that drop, keep and change records, redaction, quotas.
//!
//! Not for what a protocol means (decoders) and not for what is stored how (the store). In this order: rules, so that
//! what goes costs nothing more; redaction of what they left; quotas, which name services by what is stored. Without
//! configuration a batch is handed on as it is. With it a batch in which nothing changes is, too; of others a new one is
//! made, since the memory of the old one, and so the log, would still hold what was taken out.

mod config;
mod events;
mod key;
mod memory;
mod quota;
mod redact;
mod rules;
mod samples;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use store::MetricRow;
use store::model::{Batch, Tenant};

pub use config::{Processing, RawProcessing};
pub use key::RedactionKey;
pub use tally::ProcessingStatus;

use key::Marker;
use memory::Memory;
use quota::{Amount, Buckets, Charge};
use redact::Work;
use rules::{Rule, rules_for};
use tally::{RuleCounts, Tally, What};

/// The rules in force; a reload puts others in their place, for batches that come after.
#[derive(Default)]
pub(crate) struct Pipeline {
    in_force: ArcSwap<InForce>,
    tally: Tally,
}

/// A configuration and what was learned and counted under it.
#[derive(Default)]
struct InForce {
    processing: Processing,
    key: RedactionKey,
    memory: Memory,
    buckets: Buckets,
}

/// A batch on its way in.
pub(crate) struct Incoming<'a> {
    pub tenant: &'a Tenant,
    /// Records of it were refused: their bytes may still be in its memory.
    pub residue: bool,
    /// For quotas; `None`: they do not count here.
    pub now: Option<Instant>,
}

/// What became of a batch.
pub(crate) struct Processed {
    pub batch: Batch,
    /// Records taken out, by rule.
    pub dropped: Vec<(String, u64)>,
    pub over_quota: OverQuota,
    /// What quotas took.
    pub charge: Charged,
}

/// Records refused because their service sends too much.
#[derive(Default, Debug)]
pub(crate) struct OverQuota {
    pub records: u64,
    /// Which of the batch's rows they were, as they came; empty for samples.
    pub rows: BTreeSet<usize>,
    /// With their records.
    pub services: Vec<(String, u64)>,
}

/// Gives back what quotas took unless the batch is stored.
#[derive(Default)]
pub(crate) struct Charged(Option<(Arc<InForce>, Charge)>);

// === impl Pipeline ===

impl Pipeline {
    pub fn configure(&self, processing: Processing, key: RedactionKey) {
        self.in_force.store(Arc::new(InForce { processing, key, ..InForce::default() }));
    }

    /// Whether batches are looked at at all: then two of one request may be in memory.
    pub fn is_active(&self) -> bool {
        let in_force = self.in_force.load();
        let plan = &in_force.processing.0;
        !plan.rules.is_empty() || plan.redactor.is_some() || !plan.quotas.is_empty()
    }

    /// Whether something may be in a request that must not be kept anywhere.
    pub fn redacts(&self) -> bool {
        self.in_force.load().processing.0.redactor.is_some()
    }

    /// Whether redaction would leave a text as it is.
    pub fn is_clean(&self, tenant: &Tenant, text: &str) -> bool {
        let in_force = self.in_force.load();
        in_force.processing.0.redactor.as_ref().is_none_or(|redactor| {
            Work::new(redactor, Marker::new(&in_force.key, tenant)).text(text).is_none()
        })
    }

    pub fn run(&self, batch: Batch, incoming: &Incoming<'_>) -> Processed {
        let in_force = self.in_force.load_full();
        let plan = &in_force.processing.0;
        let (signal, tenant) = (batch.signal(), incoming.tenant);
        let mut processed = Processed {
            batch,
            dropped: Vec::new(),
            over_quota: OverQuota::default(),
            charge: Charged::default(),
        };
        let mut origins = None;
        let rules = rules_for(&plan.rules, tenant, signal);
        if !rules.is_empty() {
            let mut counts = RuleCounts::new(plan.rules.len());
            (processed.batch, origins) = apply_rules(&rules, processed.batch, &mut counts);
            let names = || plan.rules.iter().map(|rule| rule.name.as_str());
            self.tally.add(tenant, signal, What::Rule, names().zip(counts.applied));
            let dropped = names().zip(counts.dropped).filter(|(_, count)| *count > 0);
            processed.dropped = dropped.map(|(name, count)| (name.to_owned(), count)).collect();
        }
        if let Some(redactor) = &plan.redactor {
            let mut work = Work::new(redactor, Marker::new(&in_force.key, tenant));
            let changed = redact(&mut work, &in_force.memory, &processed.batch, incoming.residue);
            self.tally.add(tenant, signal, What::Redacted, redactor.names().zip(work.counts));
            processed.batch = changed.unwrap_or(processed.batch);
        }
        if let Some(now) = incoming.now
            && plan.quotas.iter().any(|quota| quota.signals[signal as usize - 1])
        {
            hold_to_quotas(&in_force, tenant, now, origins.as_deref(), &mut processed);
            let over = &processed.over_quota;
            let each = over.services.iter().map(|(service, count)| (service.as_str(), *count));
            self.tally.add(tenant, signal, What::OverQuota, each);
        }
        processed
    }

    pub fn metrics(&self) -> Vec<MetricRow> {
        self.tally.rows()
    }

    pub fn status(&self, tenant: &Tenant) -> ProcessingStatus {
        self.tally.status(tenant)
    }
}

fn apply_rules(rules: &[(usize, &Rule)], batch: Batch, counts: &mut RuleCounts) -> (Batch, Option<Vec<u32>>) {
    match batch {
        Batch::Events(batch) => {
            let (batch, origins) = events::apply_rules(rules, batch, counts);
            (Batch::Events(batch), origins)
        }
        Batch::Samples(batch) => (Batch::Samples(samples::apply_rules(rules, batch, counts)), None),
    }
}

fn redact(work: &mut Work<'_>, memory: &Memory, batch: &Batch, residue: bool) -> Option<Batch> {
    match batch {
        Batch::Events(batch) => events::redact(work, memory, batch, residue).map(Batch::Events),
        Batch::Samples(batch) => samples::redact(work, memory, batch, residue).map(Batch::Samples),
    }
}

/// Takes out what is over a quota. `origins`: which row of the request each row is.
fn hold_to_quotas(
    in_force: &Arc<InForce>,
    tenant: &Tenant,
    now: Instant,
    origins: Option<&[u32]>,
    processed: &mut Processed,
) {
    let quotas = &in_force.processing.0.quotas;
    let batch = &processed.batch;
    let signal = batch.signal();
    let sent = amounts(batch, quotas.iter().any(|quota| quota.rates[1].is_some()));
    let (over, charge) = in_force.buckets.take(quotas, tenant, signal, now, &sent);
    let over: BTreeSet<&str> = over.into_iter().collect();
    let mut refused = OverQuota::default();
    for service in &over {
        let records = sent.get(service).map_or(0.0, |[records, _]| *records) as u64;
        refused.records += records;
        refused.services.push(((*service).to_owned(), records));
    }
    let left = if over.is_empty() { None } else { without(batch, &over, origins, &mut refused.rows) };
    processed.charge = Charged(Some((Arc::clone(in_force), charge)));
    processed.over_quota = refused;
    if let Some(left) = left {
        processed.batch = left;
    }
}

/// Records and bytes of each service.
fn amounts(batch: &Batch, with_bytes: bool) -> BTreeMap<&str, Amount> {
    let mut sent: BTreeMap<&str, Amount> = BTreeMap::new();
    let mut add = |service, records: u64, bytes: u64| {
        let amount = sent.entry(service).or_default();
        amount[0] += records as f64;
        amount[1] += bytes as f64;
    };
    match batch {
        Batch::Events(events) => {
            for row in 0..events.rows() {
                let bytes = if with_bytes { events::row_bytes(events, row) } else { 0 };
                add(events.stream(row).service(), 1, bytes);
            }
        }
        Batch::Samples(samples) => {
            for (group, weight) in samples::weights(samples).into_iter().enumerate() {
                add(samples::service(samples, group), weight, weight * SAMPLE_BYTES);
            }
        }
    }
    sent
}

/// A time and a value.
const SAMPLE_BYTES: u64 = 16;

fn without(
    batch: &Batch,
    over: &BTreeSet<&str>,
    origins: Option<&[u32]>,
    rows: &mut BTreeSet<usize>,
) -> Option<Batch> {
    match batch {
        Batch::Events(events) => {
            let keep = |row: usize| {
                let stays = !over.contains(events.stream(row).service());
                if !stays {
                    rows.insert(
                        origins.and_then(|origins| origins.get(row)).map_or(row, |row| *row as usize),
                    );
                }
                stays
            };
            events::filter(events, keep).map(Batch::Events)
        }
        Batch::Samples(samples) => {
            let keep = |group| !over.contains(samples::service(samples, group));
            samples::filter(samples, keep).map(Batch::Samples)
        }
    }
}

// === impl Charged ===

impl Charged {
    pub fn stored(mut self) {
        self.0 = None;
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        if let Some((in_force, charge)) = self.0.take() {
            in_force.buckets.give_back(charge);
        }
    }
}

// === impl OverQuota ===

impl OverQuota {
    /// For the sender.
    pub fn message(&self) -> String {
        let named: Vec<&str> =
            self.services.iter().take(SERVICES_NAMED).map(|(name, _)| name.as_str()).collect();
        let more = if self.services.len() > named.len() { " and others" } else { "" };
        format!("over the quota of {}{more}: send less, or later", named.join(", "))
    }
}

/// Services named in an answer.
const SERVICES_NAMED: usize = 3;
