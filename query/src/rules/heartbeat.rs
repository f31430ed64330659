//! Services that fall silent, without a rule: each is held against its own habit of the last half hour. Pure: records
//! are counted by minute as they arrive, and the clock is an argument.

use std::collections::{BTreeMap, VecDeque};

use store::AppliedBatch;
use store::model::{Stream, Value};

use super::grid::RULES_SCOPE;

const MINUTE_MS: i64 = 60_000;
/// Minutes a habit is made of.
const MINUTES_MAX: usize = 40;
/// A service that was not watched for so many minutes has no habit yet.
const MINUTES_MIN: usize = 10;
/// The newest minutes are what is judged, the others what they are held against.
const JUDGED: usize = 5;
/// A service that sends in fewer of its minutes has no heartbeat.
const STEADY_SHARE: f64 = 0.9;
/// Nobody is silent for less.
const SILENT_MIN_MS: i64 = 60_000;
/// A pause so many times longer than the longest of the habit is silence.
const PAUSES: i64 = 3;
/// Fewer records a minute say nothing of halves.
const HALVED_MIN: u64 = 60;
/// Of a service that was gone so long nobody wants to hear.
const GONE_MS: i64 = 24 * 3_600_000;
/// A version that began so long before may have to do with it.
const NEW_MS: i64 = 10 * MINUTE_MS;
/// Services of a tenant; more are not watched.
const SERVICES_MAX: usize = 5_000;
/// Instances and versions of a service that are told apart.
const PARTS_MAX: usize = 500;

/// What one stream of a batch brings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pulse<'b> {
    pub(crate) service: &'b str,
    version: &'b str,
    instance: &'b str,
    records: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    Silent,
    Halved,
}

/// What is different about a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Deviation {
    pub(crate) service: String,
    pub(crate) change: Change,
    /// Of its last record.
    pub(crate) last_ms: i64,
    /// Records a minute, by habit and now.
    pub(crate) usual: u64,
    pub(crate) now: u64,
    /// Instances by habit and now.
    pub(crate) instances: (usize, usize),
    /// A version that began to send while the old one stopped.
    pub(crate) new_version: Option<String>,
}

/// Of one tenant's services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Habits(BTreeMap<String, Habit>);

#[derive(Clone, Debug)]
struct Habit {
    /// Records of each minute, the newest last; the last minute is not over.
    minutes: VecDeque<u64>,
    /// Which minute the newest is.
    minute: i64,
    last_ms: i64,
    pause_most_ms: i64,
    /// Seen first and last.
    versions: BTreeMap<String, (i64, i64)>,
    instances: BTreeMap<String, i64>,
}

/// What a batch says of who lives. Records of rules say nothing.
pub(crate) fn pulses(batch: &AppliedBatch) -> Vec<Pulse<'_>> {
    let (streams, counts) = match batch {
        AppliedBatch::Samples(samples) => {
            let mut counts = vec![0; samples.streams().len()];
            samples.points().for_each(|point| counts[samples.group_stream(point.group as usize)] += 1);
            (samples.streams(), counts)
        }
        AppliedBatch::Events(events) => {
            let mut counts = vec![0; events.streams().len()];
            events.row_streams().iter().for_each(|stream| counts[*stream as usize] += 1);
            (events.streams(), counts)
        }
    };
    let mut all = Vec::new();
    for (stream, records) in streams.iter().zip(counts) {
        if records == 0 || stream.service().is_empty() || &*stream.scope_name == RULES_SCOPE {
            continue;
        }
        all.push(Pulse {
            service: stream.service(),
            version: text_of(stream, "service.version"),
            instance: text_of(stream, "service.instance.id"),
            records,
        });
    }
    all
}

fn text_of<'s>(stream: &'s Stream, key: &str) -> &'s str {
    match stream.resource.get(key) {
        Some(Value::Str(text)) => text,
        _ => "",
    }
}

// === impl Habits ===

impl Habits {
    pub(crate) fn hear(&mut self, pulse: &Pulse<'_>, now_ms: i64) {
        if !self.0.contains_key(pulse.service) {
            if self.0.len() >= SERVICES_MAX {
                return;
            }
            self.0.insert(pulse.service.to_owned(), Habit::new(now_ms));
        }
        if let Some(habit) = self.0.get_mut(pulse.service) {
            habit.hear(pulse, now_ms);
        }
    }

    /// Services that are not as they use to be. Forgets those that are gone for long.
    pub(crate) fn deviations(&mut self, now_ms: i64) -> Vec<Deviation> {
        self.0.retain(|_, habit| now_ms - habit.last_ms < GONE_MS);
        self.0.iter_mut().filter_map(|(service, habit)| habit.deviation(service, now_ms)).collect()
    }

    /// When a service sent its last record; `None`: it was not heard since the process began.
    pub(crate) fn last_ms(&self, service: &str) -> Option<i64> {
        self.0.get(service).map(|habit| habit.last_ms)
    }
}

// === impl Habit ===

impl Habit {
    fn new(now_ms: i64) -> Self {
        Self {
            minutes: VecDeque::from([0]),
            minute: now_ms.div_euclid(MINUTE_MS),
            last_ms: now_ms,
            pause_most_ms: 0,
            versions: BTreeMap::new(),
            instances: BTreeMap::new(),
        }
    }

    fn hear(&mut self, pulse: &Pulse<'_>, now_ms: i64) {
        self.advance(now_ms);
        let pause_ms = now_ms - self.last_ms;
        // Coming back after a silence is no habit.
        if pause_ms < self.silent_after_ms() {
            self.pause_most_ms = self.pause_most_ms.max(pause_ms);
        }
        self.last_ms = now_ms;
        if let Some(newest) = self.minutes.back_mut() {
            *newest += pulse.records;
        }
        if !pulse.version.is_empty() && self.versions.len() < PARTS_MAX {
            self.versions.entry(pulse.version.to_owned()).or_insert((now_ms, now_ms)).1 = now_ms;
        }
        if !pulse.instance.is_empty() && self.instances.len() < PARTS_MAX {
            self.instances.insert(pulse.instance.to_owned(), now_ms);
        }
    }

    /// Minutes in which nothing came count too.
    fn advance(&mut self, now_ms: i64) {
        let minute = now_ms.div_euclid(MINUTE_MS);
        let passed = usize::try_from(minute - self.minute).unwrap_or(0).min(MINUTES_MAX);
        self.minutes.extend(std::iter::repeat_n(0, passed));
        let surplus = self.minutes.len().saturating_sub(MINUTES_MAX);
        self.minutes.drain(..surplus);
        self.minute = self.minute.max(minute);
        let kept_ms = now_ms - MINUTES_MAX as i64 * MINUTE_MS;
        self.versions.retain(|_, (_, last_ms)| *last_ms > kept_ms);
        self.instances.retain(|_, last_ms| *last_ms > kept_ms);
    }

    fn silent_after_ms(&self) -> i64 {
        (self.pause_most_ms * PAUSES).max(SILENT_MIN_MS)
    }

    fn deviation(&mut self, service: &str, now_ms: i64) -> Option<Deviation> {
        let silent = now_ms - self.last_ms > self.silent_after_ms();
        // The habit of a service that fell silent is that of the time before.
        if !silent {
            self.advance(now_ms);
        }
        let whole = self.minutes.len().saturating_sub(1);
        let habit_minutes = if silent { whole } else { whole.saturating_sub(JUDGED) };
        if habit_minutes < MINUTES_MIN {
            return None;
        }
        let habit: Vec<u64> = self.minutes.iter().take(habit_minutes).copied().collect();
        let steady = habit.iter().filter(|records| **records > 0).count() as f64;
        if steady < STEADY_SHARE * habit.len() as f64 {
            return None;
        }
        let usual = median(&habit);
        let judged: Vec<u64> = self.minutes.iter().skip(habit_minutes).take(JUDGED).copied().collect();
        let now = if silent { 0 } else { median(&judged) };
        let low = tenth(&habit);
        // Half of the habit, and less than it almost ever was.
        let halved = !silent && usual >= HALVED_MIN && now * 2 <= usual && now < low;
        if !silent && !halved {
            return None;
        }
        let recent_ms = if silent { self.last_ms } else { now_ms } - JUDGED as i64 * MINUTE_MS;
        let alive = self.instances.values().filter(|last_ms| **last_ms > recent_ms).count();
        let new_ms = recent_ms - NEW_MS;
        let new = self.versions.iter().filter(|(_, (first_ms, _))| *first_ms > new_ms);
        Some(Deviation {
            service: service.to_owned(),
            change: if silent { Change::Silent } else { Change::Halved },
            last_ms: self.last_ms,
            usual,
            now,
            instances: (self.instances.len(), if silent { 0 } else { alive }),
            new_version: new
                .map(|(version, _)| version.clone())
                .next_back()
                .filter(|_| self.versions.len() > 1),
        })
    }
}

/// What nine of ten values reach.
fn tenth(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 10).copied().unwrap_or(0)
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

// === what it may mean ===

/// Why a service may be as it is, by what else is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// Others call it and it does not answer.
    Broken,
    /// Fewer instances, each as busy as before.
    ScaledDown,
    /// Another version took its place.
    Replaced,
    /// Nobody calls it.
    TakenAway,
}

/// `calls`: requests to the service that others report for the last minutes; `None`: nobody could be asked.
pub(crate) fn cause(deviation: &Deviation, calls: Option<u64>) -> Cause {
    let (usual, alive) = deviation.instances;
    match deviation.change {
        Change::Silent if calls.is_some_and(|calls| calls > 0) => Cause::Broken,
        Change::Silent if calls.is_some() => Cause::TakenAway,
        Change::Silent => Cause::Broken,
        Change::Halved if deviation.new_version.is_some() => Cause::Replaced,
        Change::Halved if alive < usual && alive > 0 => Cause::ScaledDown,
        Change::Halved => Cause::Broken,
    }
}

impl Deviation {
    pub(crate) fn alertname(&self) -> &'static str {
        match self.change {
            Change::Silent => "ServiceSilent",
            Change::Halved => "ServiceHalved",
        }
    }

    pub(crate) fn summary(&self, now_ms: i64) -> String {
        let ago_s = (now_ms - self.last_ms) / 1_000;
        match self.change {
            Change::Silent => format!(
                "{} sent nothing for {ago_s} s, its habit is {} records a minute",
                self.service, self.usual
            ),
            Change::Halved => {
                format!("{} sends {} records a minute, its habit is {}", self.service, self.now, self.usual)
            }
        }
    }
}

impl Cause {
    pub(crate) fn text(self, deviation: &Deviation) -> String {
        let (usual, alive) = deviation.instances;
        match self {
            Self::Broken => match deviation.change {
                Change::Silent => {
                    "it looks broken: it ended without a word, and others may still call it".into()
                }
                Change::Halved => format!("it looks broken: {alive} instances of {usual} go on with less"),
            },
            Self::ScaledDown => format!("it looks scaled down: {alive} instances of {usual} are left"),
            Self::Replaced => format!(
                "it looks replaced: version {} began meanwhile",
                deviation.new_version.as_deref().unwrap_or_default()
            ),
            Self::TakenAway => "it looks taken away: nobody calls it any more".into(),
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::ScaledDown => "scaled_down",
            Self::Replaced => "replaced",
            Self::TakenAway => "taken_away",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(version: &'static str, instance: &'static str, records: u64) -> Pulse<'static> {
        Pulse { service: "cart", version, instance, records }
    }

    /// A service that sends every ten seconds.
    fn habits(minutes: i64) -> Habits {
        let mut habits = Habits::default();
        for at in 0..minutes * 6 {
            habits.hear(&pulse("1", if at % 2 == 0 { "a" } else { "b" }, 20), at * 10_000);
        }
        habits
    }

    #[test]
    fn a_service_that_stops_is_silent_after_three_of_its_pauses_and_a_minute() {
        let mut habits = habits(20);
        let last_ms = 20 * MINUTE_MS - 10_000;
        assert_eq!(habits.deviations(last_ms + SILENT_MIN_MS), []);
        let found = habits.deviations(last_ms + SILENT_MIN_MS + 1);
        assert_eq!((found[0].change, found[0].usual, found[0].instances), (Change::Silent, 120, (2, 0)));
        assert_eq!(habits.deviations(last_ms + 3_600_000).len(), 1, "it stays so");
        habits.hear(&pulse("1", "a", 1), last_ms + 3_600_000);
        assert_eq!(habits.deviations(last_ms + 3_600_000), [], "it came back, its habit is made anew");
        assert_eq!(habits.deviations(last_ms + 3_600_000 + GONE_MS), []);
    }

    #[test]
    fn a_new_service_and_one_that_comes_and_goes_have_no_habit() {
        assert_eq!(habits(8).deviations(30 * MINUTE_MS), []);
        let mut rare = Habits::default();
        for at in 0..20 {
            rare.hear(&pulse("1", "a", 5), at * 3 * MINUTE_MS);
        }
        assert_eq!(rare.deviations(80 * MINUTE_MS), []);
    }

    #[test]
    fn half_of_the_habit_is_told_with_what_else_changed() {
        for (instance, version, wanted) in [("a", "1", Cause::ScaledDown), ("a", "2", Cause::Replaced)] {
            let mut habits = habits(20);
            for at in 20 * 6..27 * 6 {
                habits.hear(&pulse(version, instance, 8), at * 10_000);
            }
            let found = habits.deviations(27 * MINUTE_MS);
            assert_eq!((found[0].change, found[0].usual, found[0].now), (Change::Halved, 120, 48));
            assert_eq!(cause(&found[0], None), wanted, "{found:?}");
        }
        let mut steady = habits(20);
        for at in 20 * 6..27 * 6 {
            steady.hear(&pulse("1", "a", 15), at * 10_000);
        }
        assert_eq!(steady.deviations(27 * MINUTE_MS), []);
    }

    #[test]
    fn silence_is_told_apart_by_who_still_calls() {
        let mut habits = habits(20);
        let found = habits.deviations(30 * MINUTE_MS).remove(0);
        assert_eq!(cause(&found, Some(3)), Cause::Broken);
        assert_eq!(cause(&found, Some(0)), Cause::TakenAway);
        assert!(found.summary(30 * MINUTE_MS).starts_with("cart sent nothing for 610 s"));
    }
}
