//! When a group is evaluated: at the instants of its interval, once all data of an instant is there, and between two
//! of them where arrived data may fire early. Pure: the clock is an argument, milliseconds since 1970.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use store::model::{EventBatch, RequestCtx, Stream};
use store::{AppliedBatch, Snapshot};

use super::counting::{Counting, Counts, Says};
use super::early::{Arrived, Early};
use super::evaluate::Known;
use super::file::Group;
use super::wake::{Reads, names_of};
use super::watermark::Watermarks;

/// Arrived data of one group is looked at no more often than this; the first is looked at at once.
const GAP_MS: i64 = 50;
/// A group whose look takes long rests as many times as long before it looks at arrived data again, and no longer than
/// that.
const REST: i64 = 4;
const REST_MAX_MS: i64 = 2_000;
const NS_PER_MS: i64 = 1_000_000;
/// Clocks of exporters may be so far ahead; what is further is told by the grid.
const AHEAD_MS: i64 = 10_000;
/// Data that is later than this is an import, not late, and what took so little more than others is not either: nobody
/// needs to be told.
const LATE_MS: std::ops::RangeInclusive<i64> = 1_000..=3_600_000;
/// The scope of what rules write: it is as late as their evaluation is, and says nothing of services.
pub(crate) const RULES_SCOPE: &str = "signalbox.rules";

/// What is to be done now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Work {
    /// Evaluate all rules at this instant.
    Instant(i64),
    /// Look at what came in.
    Early(Arrived),
}

#[derive(Clone, Debug)]
pub(crate) struct Grid {
    interval_ms: i64,
    reads: Reads,
    pub(crate) early: Vec<Early>,
    /// Of each early rule that counts lines.
    counting: Vec<Option<Counting>>,
    decided_ms: Option<i64>,
    watermarks: Watermarks,
    arrived: Arrived,
    /// What is dated ahead of the clock, by the time it can be looked at.
    ahead: BTreeMap<i64, Arrived>,
    rests_until_ms: i64,
    /// How late the data was that came after its instant had been decided.
    late_ms: Option<i64>,
}

/// What a batch brings, looked at once for all groups.
pub(crate) struct Heard<'b> {
    batch: &'b AppliedBatch,
    names: BTreeSet<String>,
    /// Services and their oldest record, Unix milliseconds.
    oldest: Vec<(&'b str, i64)>,
}

// === impl Heard ===

impl<'b> Heard<'b> {
    /// `None`: rules wrote it.
    pub(crate) fn of(batch: &'b AppliedBatch) -> Option<Self> {
        let (names, oldest) = match batch {
            AppliedBatch::Samples(samples) => {
                let mut oldest = vec![i64::MAX; samples.streams().len()];
                for point in samples.points() {
                    let of_stream = &mut oldest[samples.group_stream(point.group as usize)];
                    *of_stream = (*of_stream).min(point.time_ms);
                }
                (names_of(samples), of_streams(samples.streams().iter().map(|stream| &**stream), &oldest))
            }
            AppliedBatch::Events(events) => {
                let mut oldest = vec![i64::MAX; events.streams().len()];
                for (time, stream) in events.times().iter().zip(events.row_streams()) {
                    let of_stream = &mut oldest[*stream as usize];
                    *of_stream = (*of_stream).min(time.div_euclid(1_000_000));
                }
                let streams = events.streams().iter().map(|stream| &**stream);
                (BTreeSet::new(), of_streams(streams, &oldest))
            }
        };
        (!oldest.is_empty()).then_some(Self { batch, names, oldest })
    }
}

fn of_streams<'b>(streams: impl Iterator<Item = &'b Stream>, oldest: &[i64]) -> Vec<(&'b str, i64)> {
    let known = streams
        .zip(oldest)
        .filter(|(stream, oldest)| **oldest != i64::MAX && &*stream.scope_name != RULES_SCOPE);
    known.map(|(stream, oldest)| (stream.service(), *oldest)).collect()
}

// === impl Grid ===

impl Grid {
    pub(crate) fn new(group: &Group) -> Self {
        let early = Early::of_group(group);
        Self {
            counting: early.iter().map(Early::counting).collect(),
            interval_ms: i64::try_from(group.interval_ms).unwrap_or(i64::MAX).max(1),
            reads: Reads::of(group),
            early,
            decided_ms: None,
            watermarks: Watermarks::default(),
            arrived: Arrived::default(),
            ahead: BTreeMap::new(),
            rests_until_ms: 0,
            late_ms: None,
        }
    }

    /// The next instant to decide, and the earliest time to do so. Instants that were missed are left out, as in
    /// Prometheus, but the newest.
    fn next(&mut self, now_ms: i64) -> (i64, i64) {
        // What comes within the last millisecond is in time.
        let delay_ms = self.watermarks.delay_ms(now_ms) + 1;
        let newest = now_ms.saturating_sub(delay_ms).div_euclid(self.interval_ms) * self.interval_ms;
        let instant = match self.decided_ms {
            None => newest,
            Some(decided_ms) => newest.max(decided_ms.saturating_add(self.interval_ms)),
        };
        (instant, instant.saturating_add(delay_ms))
    }

    /// When there will be something to do.
    pub(crate) fn due_ms(&mut self, now_ms: i64) -> i64 {
        let (_, due_ms) = self.next(now_ms);
        let ahead = self.ahead.keys().next().copied();
        let look_ms = if self.arrived.is_empty() { ahead } else { Some(now_ms) };
        look_ms.map_or(due_ms, |look_ms| due_ms.min(look_ms.max(self.rests_until_ms)))
    }

    pub(crate) fn take(&mut self, now_ms: i64) -> Option<Work> {
        let (instant, due_ms) = self.next(now_ms);
        if due_ms <= now_ms {
            return Some(Work::Instant(instant));
        }
        while let Some(ahead) = self.ahead.first_entry().filter(|ahead| *ahead.key() <= now_ms) {
            self.arrived.merge(ahead.remove());
        }
        let early = !self.arrived.is_empty() && self.rests_until_ms <= now_ms;
        early.then(|| {
            let mut arrived = std::mem::take(&mut self.arrived);
            let says = |at: &usize| {
                let counting = self.counting.get(*at)?.as_ref()?;
                Some((*at, (now_ms, counting.says(now_ms))))
            };
            arrived.says = arrived.rules.iter().filter_map(says).collect();
            Work::Early(arrived)
        })
    }

    /// What rules that count lines find at an instant, by their place in the group, as far as their counts tell.
    pub(crate) fn known(&self, instant_ms: i64) -> Known {
        let says = |(early, counting): (&Early, &Option<Counting>)| match counting.as_ref()?.says(instant_ms)
        {
            Says::All(found) => Some((early.rule, found)),
            Says::Begin | Says::AtLeast(_) | Says::Open => None,
        };
        self.early.iter().zip(&self.counting).filter_map(says).collect()
    }

    /// What was there before the counting of early rules began, at a time in Unix milliseconds.
    pub(crate) fn began(&mut self, found: Vec<(usize, i64, Counts)>) {
        for (at, at_ms, before) in found {
            if let Some(Some(counting)) = self.counting.get_mut(at) {
                counting.begin(before, at_ms);
            }
        }
    }

    pub(crate) fn decided_ms(&self) -> Option<i64> {
        self.decided_ms
    }

    /// An instant was evaluated. What fired since, or did not, is on the grid now.
    pub(crate) fn decide(&mut self, instant_ms: i64) {
        self.decided_ms = Some(instant_ms);
    }

    /// Arrived data was looked at.
    pub(crate) fn rest(&mut self, now_ms: i64, took_ms: i64) {
        let rest_ms = took_ms.saturating_mul(REST).clamp(GAP_MS, REST_MAX_MS);
        self.rests_until_ms = now_ms.saturating_add(rest_ms);
    }

    /// How late the data was that came too late for its instant, since this was last asked.
    pub(crate) fn take_late(&mut self) -> Option<i64> {
        self.late_ms.take()
    }

    pub(crate) fn hear(&mut self, ctx: &RequestCtx, heard: &Heard<'_>, now_ms: i64) {
        let concerned = match heard.batch {
            AppliedBatch::Samples(_) => self.reads.samples(&heard.names),
            AppliedBatch::Events(events) => self.reads.events(events.signal()),
        };
        if !concerned {
            return;
        }
        for (service, oldest_ms) in &heard.oldest {
            if self.decided_ms.is_some_and(|decided_ms| *oldest_ms <= decided_ms) {
                let late_ms = now_ms.saturating_sub(*oldest_ms);
                self.late_ms = self.late_ms.max(Some(late_ms).filter(|late_ms| LATE_MS.contains(late_ms)));
            }
            self.watermarks.observe(service, *oldest_ms, now_ms);
        }
        let (arrived, due_ms) = match heard.batch {
            AppliedBatch::Samples(samples) => {
                let newest_ms = samples.points().map(|point| point.time_ms).max();
                (Arrived::samples(&self.early, &heard.names, samples), newest_ms.unwrap_or(now_ms))
            }
            AppliedBatch::Events(events) => self.hear_events(ctx, events, now_ms),
        };
        self.look(arrived, due_ms, now_ms);
    }

    /// What is dated ahead of the clock can be looked at as a whole at `due_ms`, and in part now.
    fn look(&mut self, arrived: Arrived, due_ms: i64, now_ms: i64) {
        if arrived.is_empty() {
            return;
        }
        let ahead_ms = due_ms.saturating_sub(now_ms);
        if (1..=AHEAD_MS).contains(&ahead_ms) {
            self.ahead.entry(due_ms).or_default().merge(arrived.clone());
        }
        // Nearly always it came within the millisecond it is dated to.
        if ahead_ms != 1 {
            self.arrived.merge(arrived);
        }
    }

    /// Rules that count lines are looked at when their count may have passed, others for each batch; and when all of it
    /// is in the past.
    fn hear_events(&mut self, ctx: &RequestCtx, events: &Arc<EventBatch>, now_ms: i64) -> (Arrived, i64) {
        let (mut arrived, mut batch) = (Arrived::default(), None);
        let mut times = events.times().iter().copied();
        let first = times.next().unwrap_or_default();
        let times = times.fold((first, first), |(least, most), time| (least.min(time), most.max(time)));
        for (at, (early, counting)) in self.early.iter().zip(&mut self.counting).enumerate() {
            let streams = events.streams().iter().map(|stream| &**stream);
            if !early.concerned_by_events(events.signal(), streams) {
                continue;
            }
            let asks = match counting {
                Some(counting) => {
                    let batch = batch.get_or_insert_with(|| Snapshot::of_events(Arc::clone(events)));
                    counting.add(ctx, batch, times, now_ms)
                }
                None => true,
            };
            if asks {
                arrived.rules.insert(at);
            }
        }
        (arrived, times.1.saturating_add(NS_PER_MS - 1).div_euclid(NS_PER_MS))
    }

    /// Some batches were missed: everything may have come in.
    pub(crate) fn missed(&mut self) {
        self.arrived.rules.extend(0..self.early.len());
        self.count_anew();
    }

    /// What was counted may not be there any more.
    pub(crate) fn count_anew(&mut self) {
        self.counting.iter_mut().flatten().for_each(Counting::begin_anew);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::file::parse;

    fn grid(interval: &str) -> Grid {
        let text =
            format!("groups: [{{name: a, interval: {interval}, rules: [{{alert: A, expr: 'x > 1'}}]}}]");
        Grid::new(&parse("a.yml", &text).unwrap()[0])
    }

    #[test]
    fn instants_are_multiples_of_the_interval_and_missed_ones_are_left_out() {
        let mut grid = grid("10s");
        assert_eq!(grid.take(25_000), Some(Work::Instant(20_000)));
        grid.decide(20_000);
        assert_eq!((grid.take(30_000), grid.due_ms(25_000)), (None, 30_001));
        assert_eq!(grid.take(30_001), Some(Work::Instant(30_000)));
        assert_eq!(grid.take(75_000), Some(Work::Instant(70_000)));
    }

    #[test]
    fn an_instant_waits_for_services_that_are_late() {
        let mut grid = grid("10s");
        grid.decide(20_000);
        grid.watermarks.observe("slow", 18_000, 21_000);
        assert_eq!((grid.take(33_000), grid.due_ms(25_000)), (None, 33_001));
        assert_eq!(grid.take(33_001), Some(Work::Instant(30_000)));
    }

    #[test]
    fn what_is_dated_ahead_is_looked_at_when_its_time_has_come() {
        let mut grid = grid("10s");
        grid.decide(20_000);
        let arrived = Arrived { rules: BTreeSet::from([0]), ..Arrived::default() };
        grid.look(arrived.clone(), 21_001, 21_000);
        assert_eq!((grid.take(21_000), grid.due_ms(21_000)), (None, 21_001));
        assert!(matches!(grid.take(21_001), Some(Work::Early(_))));
        grid.rest(21_001, 0);
        grid.look(arrived.clone(), 22_000, 21_500);
        assert!(matches!(grid.take(21_500), Some(Work::Early(_))), "some of it may be there");
        grid.rest(21_500, 0);
        assert_eq!((grid.take(21_999), grid.due_ms(21_999)), (None, 22_000));
        assert!(matches!(grid.take(22_000), Some(Work::Early(_))));
        grid.look(arrived, 99_000, 22_100);
        grid.take(22_100);
        assert_eq!(grid.due_ms(22_200), 30_001, "no clock is that far ahead");
    }

    #[test]
    fn arrived_data_is_looked_at_once_and_then_rests() {
        let mut grid = grid("10s");
        grid.decide(20_000);
        grid.missed();
        assert!(matches!(grid.take(21_000), Some(Work::Early(_))));
        grid.rest(21_000, 100);
        assert_eq!(grid.take(21_000), None);
        grid.missed();
        assert_eq!((grid.take(21_399), grid.due_ms(21_399)), (None, 21_400));
        assert!(matches!(grid.take(21_400), Some(Work::Early(_))));
    }
}
