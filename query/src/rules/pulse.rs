//! Tells of services that fell silent: the effects around [`super::heartbeat`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::promql::{Point, Settings};
use parking_lot::Mutex;
use store::model::{Budget, RequestCtx, Role, Tenant};
use store::{Applied, Change, DocumentKind, Store, StoreError};

use super::heartbeat::{self, Change as Changed, Deviation, Habits, cause};
use super::query::{self, Language, Query};
use crate::notify::{Notifier, Told, Transition, What};

/// Where the notifier and the catalog know it by; no rule group has this name.
const SOURCE: &str = "heartbeats";
/// What others said of calls to a service in this time.
const CALLS_RANGE_MS: u64 = 180_000;
const CALLS_TIMEOUT: Duration = Duration::from_secs(2);
const CALLS_BYTES_MAX: u64 = 64 << 20;
/// An alert of a service that was not heard since the process began is kept so long.
const KEPT_MS: i64 = 24 * 3_600_000;

/// What is told of each service.
type Telling = BTreeMap<String, Told>;

#[derive(Default)]
pub(super) struct Pulses(Mutex<BTreeMap<Tenant, Watch>>);

#[derive(Default)]
struct Watch {
    habits: Habits,
    /// `None`: not read from the catalog yet.
    told: Option<Telling>,
}

impl Pulses {
    pub(super) fn hear(&self, applied: &Applied, now_ms: i64) {
        let pulses = heartbeat::pulses(&applied.batch);
        if pulses.is_empty() {
            return;
        }
        let mut tenants = self.0.lock();
        if !tenants.contains_key(&applied.tenant) {
            tenants.insert(applied.tenant.clone(), Watch::default());
        }
        if let Some(watch) = tenants.get_mut(&applied.tenant) {
            pulses.iter().for_each(|pulse| watch.habits.hear(pulse, now_ms));
        }
    }

    /// Tells what is different now. What was told before the process began is kept until its service is heard.
    pub(super) async fn judge(
        &self,
        store: &Store,
        notifier: &Notifier,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut tenants: Vec<Tenant> = self.0.lock().keys().cloned().collect();
        for tenant in store.documents().tenants(DocumentKind::RuleState).await? {
            if !tenants.contains(&tenant) {
                tenants.push(tenant);
            }
        }
        for tenant in tenants {
            self.judge_tenant(store, notifier, &tenant, now_ms).await?;
        }
        Ok(())
    }

    async fn judge_tenant(
        &self,
        store: &Store,
        notifier: &Notifier,
        tenant: &Tenant,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let known = self.0.lock().get(tenant).and_then(|watch| watch.told.clone());
        let known = match known {
            Some(known) => known,
            None => {
                let saved = store.documents().get(tenant, DocumentKind::RuleState, SOURCE).await?;
                saved.and_then(|saved| serde_json::from_slice(&saved.bytes).ok()).unwrap_or_default()
            }
        };
        let (deviations, mut next) = {
            let mut tenants = self.0.lock();
            let watch = tenants.entry(tenant.clone()).or_default();
            let unheard = |(service, told): &(&String, &Told)| {
                watch.habits.last_ms(service).is_none() && now_ms - told.starts_at_ms < KEPT_MS
            };
            let kept: Telling =
                known.iter().filter(unheard).map(|(service, told)| (service.clone(), told.clone())).collect();
            watch.told = Some(known.clone());
            (watch.habits.deviations(now_ms), kept)
        };
        for deviation in deviations {
            let same = |told: &&Told| {
                told.labels.get("alertname").map(String::as_str) == Some(deviation.alertname())
            };
            let told = match known.get(&deviation.service).filter(same) {
                Some(told) => told.clone(),
                None => self.told(store, tenant, &deviation, now_ms).await,
            };
            next.insert(deviation.service.clone(), told);
        }
        if next == known {
            return Ok(());
        }
        let keep = Change::Put {
            kind: DocumentKind::RuleState,
            id: SOURCE.to_owned(),
            bytes: serde_json::to_vec(&next).unwrap_or_default(),
        };
        let news = (next.values().cloned().collect(), transitions(&known, &next));
        notifier.tell(tenant, SOURCE, news, vec![keep], now_ms).await?;
        if let Some(watch) = self.0.lock().get_mut(tenant) {
            watch.told = Some(next);
        }
        Ok(())
    }

    async fn told(&self, store: &Store, tenant: &Tenant, deviation: &Deviation, now_ms: i64) -> Told {
        let calls = match deviation.change {
            Changed::Silent => calls(store, tenant, &deviation.service, now_ms).await,
            Changed::Halved => None,
        };
        let cause = cause(deviation, calls);
        let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        Told {
            labels: [
                text("alertname", deviation.alertname()),
                text("service", &deviation.service),
                text("cause", cause.word()),
                text("severity", "warning"),
            ]
            .into(),
            annotations: [
                text("summary", &deviation.summary(now_ms)),
                text("description", &cause.text(deviation)),
            ]
            .into(),
            starts_at_ms: now_ms,
            ends_at_ms: None,
            generator_url: String::new(),
            until_ms: None,
            updated_ms: now_ms,
        }
    }
}

fn transitions(before: &Telling, after: &Telling) -> Vec<Transition> {
    let fired = after
        .iter()
        .filter(|(service, told)| before.get(*service).is_none_or(|known| known.labels != told.labels));
    let over = before
        .iter()
        .filter(|(service, told)| after.get(*service).is_none_or(|now| now.labels != told.labels));
    let fired =
        fired.map(|(_, told)| (told.labels.clone(), What::Fired { value: 0.0, early: false, late_ms: None }));
    fired.chain(over.map(|(_, told)| (told.labels.clone(), What::Resolved))).collect()
}

/// Calls to a service that others report; `None`: they could not be counted.
async fn calls(store: &Store, tenant: &Tenant, service: &str, now_ms: i64) -> Option<u64> {
    let name = serde_json::to_string(service).ok()?;
    let text = format!("{{ kind = client && span.server.address = {name} }} | count_over_time()");
    let query = Query::parse(Language::Traceql, &text, CALLS_RANGE_MS).ok()?;
    let deadline = Some(Instant::now() + CALLS_TIMEOUT);
    let ctx =
        RequestCtx::new(tenant.clone(), "heartbeats", Role::Read, deadline, Budget::new(CALLS_BYTES_MAX));
    let snapshot = store.snapshot(tenant);
    let at = query::Instant { time_ms: now_ms, settings: Settings::default() };
    let work = move || query.vector(&ctx, &snapshot, &at).ok();
    let vector = tokio::task::spawn_blocking(work).await.ok()??;
    let count = |(_, point): &(_, Point)| match point {
        Point::Float(count) => *count as u64,
        Point::Histogram(_) => 0,
    };
    Some(vector.iter().map(count).sum())
}
