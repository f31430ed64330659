//! `/api/signalbox/queries`: what a tenant asked lately, what of it was slow, and what runs now. Kept in memory, bounded, and gone
//! with the process: it answers "what makes this slow now", it is no audit.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use store::model::Tenant;

use crate::failure::{Failure, Reply, json_reply};
use crate::json::Json;
use crate::routes::Family;
use crate::service::Call;

/// A dashboard of thirty panels is thirty queries: the newest alone would be gone in a minute.
const RECENT_MAX: usize = 300;
/// Slow queries outlive newer ones.
const SLOWEST_MAX: usize = 50;
/// A query text longer than this is cut.
const TEXT_BYTES_MAX: usize = 2_000;
/// Tenants whose queries are kept; the one that asked longest ago goes.
const TENANTS_MAX: usize = 200;
/// Parameters that hold what is asked, by what the APIs call them.
const TEXTS: [&str; 4] = ["query", "q", "match[]", "tags"];

/// A handle; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct QueryLog(Arc<Shared>);

#[derive(Default)]
struct Shared {
    tenants: Mutex<HashMap<Tenant, Asked>>,
    ids: AtomicU64,
}

#[derive(Default)]
struct Asked {
    /// The newest last.
    recent: VecDeque<Entry>,
    /// The slowest first.
    slowest: Vec<Entry>,
    last_ms: i64,
}

#[derive(Clone)]
struct Entry {
    id: u64,
    at_ms: i64,
    api: &'static str,
    path: String,
    text: String,
    /// The span of time it looked at, if it said one.
    range_ms: Option<i64>,
    by: String,
    outcome: Outcome,
}

#[derive(Clone, Copy)]
enum Outcome {
    Running(Instant),
    Done {
        status: u16,
        took: Duration,
    },
    /// Its client left, or the deadline came.
    Left {
        took: Duration,
    },
}

/// A query under way; dropped without an answer it was given up.
pub(crate) struct Running {
    log: QueryLog,
    tenant: Tenant,
    id: u64,
    since: Instant,
    status: Option<u16>,
}

// === impl QueryLog ===

impl QueryLog {
    /// Takes note of a query that begins.
    pub(crate) fn begin(&self, call: &Call, owner: Family) -> Running {
        let since = Instant::now();
        let id = self.0.ids.fetch_add(1, Ordering::Relaxed);
        let entry = Entry {
            id,
            at_ms: call.now_ms(),
            api: owner.title(),
            path: cut(call.parts.uri.path()),
            text: cut(call.params.get_any(&TEXTS).unwrap_or_default()),
            range_ms: range_ms(call),
            by: call.ctx.principal.to_string(),
            outcome: Outcome::Running(since),
        };
        let tenant = call.ctx.tenant.clone();
        let mut tenants = self.0.tenants.lock();
        if !tenants.contains_key(&tenant) && tenants.len() >= TENANTS_MAX {
            let oldest = tenants.iter().min_by_key(|(_, asked)| asked.last_ms).map(|(name, _)| name.clone());
            oldest.and_then(|name| tenants.remove(&name));
        }
        let asked = tenants.entry(tenant.clone()).or_default();
        asked.last_ms = entry.at_ms;
        if asked.recent.len() >= RECENT_MAX {
            asked.recent.pop_front();
        }
        asked.recent.push_back(entry);
        Running { log: self.clone(), tenant, id, since, status: None }
    }

    fn end(&self, running: &Running) {
        let took = running.since.elapsed();
        let outcome = match running.status {
            Some(status) => Outcome::Done { status, took },
            None => Outcome::Left { took },
        };
        let mut tenants = self.0.tenants.lock();
        let Some(asked) = tenants.get_mut(&running.tenant) else { return };
        let Some(entry) = asked.recent.iter_mut().rev().find(|entry| entry.id == running.id) else { return };
        entry.outcome = outcome;
        let entry = entry.clone();
        let at = asked.slowest.partition_point(|slow| slow.took() >= took);
        if at < SLOWEST_MAX {
            asked.slowest.insert(at, entry);
            asked.slowest.truncate(SLOWEST_MAX);
        }
    }

    /// The newest first, and the slowest first.
    fn of(&self, tenant: &Tenant) -> (Vec<Entry>, Vec<Entry>) {
        let tenants = self.0.tenants.lock();
        tenants.get(tenant).map_or_else(Default::default, |asked| {
            (asked.recent.iter().rev().cloned().collect(), asked.slowest.clone())
        })
    }
}

// === impl Running ===

impl Running {
    pub(crate) fn answered(mut self, status: u16) {
        self.status = Some(status);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.log.end(self);
    }
}

// === impl Entry ===

impl Entry {
    fn took(&self) -> Duration {
        match self.outcome {
            Outcome::Running(since) => since.elapsed(),
            Outcome::Done { took, .. } | Outcome::Left { took } => took,
        }
    }

    fn write(&self, json: &mut Json) {
        json.object(|o| {
            o.key("at_ms").int(self.at_ms);
            o.member("api", self.api);
            o.member("path", &self.path);
            o.member("query", &self.text);
            if let Some(range_ms) = self.range_ms {
                o.key("range_ms").int(range_ms);
            }
            o.member("by", &self.by);
            o.key("took_ms").number((self.took().as_secs_f64() * 1e6).round() / 1e3);
            let state = match self.outcome {
                Outcome::Running(_) => "running",
                Outcome::Done { .. } => "done",
                Outcome::Left { .. } => "left",
            };
            o.member("state", state);
            if let Outcome::Done { status, .. } = self.outcome {
                o.key("status").int(status);
            }
        });
    }
}

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let limit = call.params.limit("limit", RECENT_MAX, RECENT_MAX)?;
    let (recent, slowest) = call.shared.queries.of(&call.ctx.tenant);
    Ok(json_reply(|json| {
        json.object(|o| {
            o.key("recent").array(|a| recent.iter().take(limit).for_each(|entry| entry.write(a)));
            o.key("slowest").array(|a| slowest.iter().take(limit).for_each(|entry| entry.write(a)));
        });
    }))
}

/// As far as both ends are given in a spelling the APIs share; others are left out, it is only shown.
fn range_ms(call: &Call) -> Option<i64> {
    let instant = |name: &str| {
        let seconds: f64 = call.params.get(name)?.parse().ok()?;
        // Loki's are nanoseconds, unless they are seconds.
        Some(if seconds > 1e14 { seconds / 1e6 } else { seconds * 1e3 })
    };
    let range = instant("end")? - instant("start")?;
    (0.0..1e15).contains(&range).then_some(range as i64)
}

fn cut(text: &str) -> String {
    match text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= TEXT_BYTES_MAX).last() {
        Some((at, c)) if at + c.len_utf8() < text.len() => format!("{}…", &text[..at + c.len_utf8()]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::World;

    async fn queries(world: &World) -> Value {
        serde_json::from_str(&world.get("/api/signalbox/queries").await.body).unwrap()
    }

    #[tokio::test]
    async fn what_was_asked_is_told_newest_first_with_its_outcome() {
        let world = World::with_data().await;
        world.get("/api/v1/query_range?query=up&start=1763929940&end=1763930000&step=15").await;
        world.get("/loki/api/v1/query?query={").await;
        let asked = queries(&world).await;
        let [wrong, right] = [&asked["recent"][0], &asked["recent"][1]];
        assert_eq!((&wrong["query"], &wrong["status"]), (&"{".into(), &400.into()), "{asked}");
        assert_eq!((&right["query"], &right["status"]), (&"up".into(), &200.into()));
        assert_eq!((&right["range_ms"], &right["state"]), (&60_000.into(), &"done".into()));
        assert_eq!(asked["slowest"].as_array().unwrap().len(), 2);
        assert!(
            asked["recent"].as_array().unwrap().iter().all(|one| one["path"] != "/api/signalbox/queries")
        );
    }

    #[tokio::test]
    async fn tenants_do_not_see_each_others_queries() {
        let world = World::with_data().await;
        world.reply("b", "/api/v1/query?query=secret").await;
        assert_eq!(queries(&world).await["recent"].as_array().unwrap().len(), 0);
    }

    #[tokio::test]
    async fn only_the_newest_are_kept_and_slow_ones_longer() {
        let world = World::new();
        for n in 0..=RECENT_MAX {
            world.get(&format!("/api/v1/query?query={n}")).await;
        }
        let asked = queries(&world).await;
        let recent = asked["recent"].as_array().unwrap();
        assert_eq!(recent.len(), RECENT_MAX);
        assert_eq!(recent[RECENT_MAX - 1]["query"], "1");
        assert_eq!(asked["slowest"].as_array().unwrap().len(), SLOWEST_MAX);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "ü".repeat(TEXT_BYTES_MAX);
        let shown = cut(&text);
        assert_eq!(shown.trim_end_matches('…').len(), TEXT_BYTES_MAX);
        assert_eq!(cut("short"), "short");
    }
}
