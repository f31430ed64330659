//! Rates of services: a bucket of tokens for each, filled as time goes by.
//!
//! A request's records of one service are taken together as long as its bucket holds one, and then it may owe: so a
//! request larger than the burst is taken too, and on average the rate holds all the same.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use parking_lot::Mutex;
use store::model::{Signal, Tenant};

/// The rates of a service, or of every service on its own.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    pub tenant: Option<String>,
    pub service: Option<String>,
    pub signals: [bool; 3],
    /// Records and bytes a second.
    pub rates: [Option<f64>; 2],
    pub burst_s: f64,
}

/// What a service sends: records and bytes.
pub(super) type Amount = [f64; 2];

#[derive(Default)]
pub(crate) struct Buckets(Mutex<HashMap<Key, Bucket>>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    tenant: Tenant,
    quota: usize,
    service: Box<str>,
}

struct Bucket {
    left: Amount,
    at: Instant,
}

/// What was taken out of buckets, to be put back if nothing is stored.
#[derive(Default)]
pub(crate) struct Charge(Vec<(Key, Amount)>);

/// Services with a bucket. Full ones are forgotten first; if there are none, further services of a quota share one.
const BUCKETS_MAX: usize = 10_000;
const OTHERS: &str = "";
/// A bucket with less gives nothing.
const ONE: f64 = 1.0;

impl Quota {
    fn is_for(&self, tenant: &Tenant, signal: Signal, service: &str) -> bool {
        self.signals[signal as usize - 1]
            && self.tenant.as_deref().is_none_or(|named| named == tenant.as_str())
            && self.service.as_deref().is_none_or(|named| named == service)
    }

    fn most(&self) -> Amount {
        self.rates.map(|rate| (rate.unwrap_or(f64::INFINITY) * self.burst_s).max(ONE))
    }
}

impl Bucket {
    fn fill(&mut self, quota: &Quota, now: Instant) {
        let passed_s = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        for ((left, rate), most) in self.left.iter_mut().zip(quota.rates).zip(quota.most()) {
            *left = rate.map_or(most, |rate| (*left + rate * passed_s).min(most));
        }
    }
}

impl Buckets {
    /// Takes what each service sends; answers the services that are over their quota, of which nothing was taken.
    pub(super) fn take<'s>(
        &self,
        quotas: &[Quota],
        tenant: &Tenant,
        signal: Signal,
        now: Instant,
        sent: &BTreeMap<&'s str, Amount>,
    ) -> (Vec<&'s str>, Charge) {
        let mut over = Vec::new();
        let mut charge = Charge::default();
        let mut buckets = self.0.lock();
        for (service, amount) in sent {
            let found = quotas.iter().enumerate().find(|(_, quota)| quota.is_for(tenant, signal, service));
            let Some((place, quota)) = found else { continue };
            let mut key = Key { tenant: tenant.clone(), quota: place, service: (*service).into() };
            if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&key) {
                make_room(&mut buckets, quotas, now);
                if buckets.len() >= BUCKETS_MAX {
                    key.service = OTHERS.into();
                }
            }
            let full = || Bucket { left: quota.most(), at: now };
            let bucket = buckets.entry(key.clone()).or_insert_with(full);
            bucket.fill(quota, now);
            if bucket.left.iter().all(|left| *left >= ONE) {
                bucket.left.iter_mut().zip(amount).for_each(|(left, amount)| *left -= amount);
                charge.0.push((key, *amount));
            } else {
                over.push(*service);
            }
        }
        (over, charge)
    }

    pub fn give_back(&self, charge: Charge) {
        if charge.0.is_empty() {
            return;
        }
        let mut buckets = self.0.lock();
        for (key, amount) in charge.0 {
            if let Some(bucket) = buckets.get_mut(&key) {
                bucket.left.iter_mut().zip(amount).for_each(|(left, amount)| *left += amount);
            }
        }
    }
}

/// Forgets the buckets that are full: new ones are full too.
fn make_room(buckets: &mut HashMap<Key, Bucket>, quotas: &[Quota], now: Instant) {
    buckets.retain(|key, bucket| {
        let Some(quota) = quotas.get(key.quota) else { return false };
        bucket.fill(quota, now);
        bucket.left.iter().zip(quota.most()).any(|(left, most)| *left < most)
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tenant() -> Tenant {
        Tenant::authenticated("t").unwrap()
    }

    fn quota(records_per_s: f64, burst_s: f64) -> Quota {
        Quota { tenant: None, service: None, signals: [true; 3], rates: [Some(records_per_s), None], burst_s }
    }

    fn over(buckets: &Buckets, quotas: &[Quota], now: Instant, service: &str, records: f64) -> bool {
        let sent = BTreeMap::from([(service, [records, 0.0])]);
        !buckets.take(quotas, &tenant(), Signal::Logs, now, &sent).0.is_empty()
    }

    #[test]
    fn on_average_a_service_gets_its_rate_whatever_the_size_of_its_requests() {
        let (buckets, quotas, start) = (Buckets::default(), [quota(100.0, 1.0)], Instant::now());
        let mut taken = 0.0;
        for tenth in 0..1000u32 {
            let now = start + Duration::from_millis(u64::from(tenth) * 100);
            if !over(&buckets, &quotas, now, "a", 70.0) {
                taken += 70.0;
            }
        }
        assert!((taken - 10_100.0f64).abs() <= 140.0, "{taken} in 100 s at 100 a second");
    }

    #[test]
    fn services_do_not_take_from_one_another_and_what_was_not_stored_is_given_back() {
        let (buckets, quotas, now) = (Buckets::default(), [quota(10.0, 1.0)], Instant::now());
        assert!(!over(&buckets, &quotas, now, "a", 50.0));
        assert!(over(&buckets, &quotas, now, "a", 1.0));
        assert!(!over(&buckets, &quotas, now, "b", 1.0));
        let later = now + Duration::from_secs(5);
        let sent = BTreeMap::from([("a", [100.0, 0.0])]);
        let (over_quota, charge) = buckets.take(&quotas, &tenant(), Signal::Logs, later, &sent);
        assert!(over_quota.is_empty());
        buckets.give_back(charge);
        assert!(!over(&buckets, &quotas, later, "a", 1.0));
    }

    #[test]
    fn the_first_quota_that_fits_counts_and_others_have_none() {
        let mut first = quota(1.0, 1.0);
        first.service = Some("a".into());
        first.signals = [true, false, false];
        let (buckets, now) = (Buckets::default(), Instant::now());
        let quotas = [first];
        assert!(!over(&buckets, &quotas, now, "a", 2.0) && over(&buckets, &quotas, now, "a", 2.0));
        for _ in 0..3 {
            assert!(!over(&buckets, &quotas, now, "b", 1e9));
        }
    }

    #[test]
    fn services_without_end_take_bounded_memory() {
        let (buckets, quotas, now) = (Buckets::default(), [quota(1.0, 1.0)], Instant::now());
        for service in 0..BUCKETS_MAX + 50 {
            over(&buckets, &quotas, now, &service.to_string(), 5.0);
        }
        assert!(buckets.0.lock().len() <= BUCKETS_MAX + 1);
        assert!(over(&buckets, &quotas, now, "one more", 1.0), "they share a bucket that is empty");
        let later = now + Duration::from_secs(60);
        assert!(!over(&buckets, &quotas, later, "yet another", 5.0));
        assert!(buckets.0.lock().len() < 10, "full buckets are forgotten");
    }
}
