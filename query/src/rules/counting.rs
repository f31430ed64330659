//! Counts of log lines for rules, kept up as batches come in: a rule that counts lines is not asked of the store for
//! each batch. Pure: batches, times and what was there before in; what the rule finds out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine::logql::{self, Counted, Direction, QueryParams};
use store::Snapshot;
use store::model::{Labels, RequestCtx};

const NS_PER_MS: i64 = 1_000_000;
/// Batches, groups and counts that are remembered; beyond, counting begins anew.
const BATCHES_MAX: usize = 200_000;
const GROUPS_MAX: usize = 10_000;
const COUNTS_MAX: usize = 500_000;

/// What has left its range is remembered so much longer: an instant of the grid is decided when its data is there, up to
/// 30 s later, and looks back from then.
const KEPT_NS: i64 = 60_000 * NS_PER_MS;

/// Labels and their lines, or bytes.
pub(crate) type Counts = Vec<(Labels, f64)>;

/// The count of one rule.
#[derive(Clone, Debug)]
pub(crate) struct Counting {
    counted: Counted,
    added: VecDeque<Added>,
    /// Counts of all of them.
    held: usize,
    /// Of all that is remembered: no group has more in its range.
    most: BTreeMap<Labels, f64>,
    /// From when on it is known what was there before the first batch, Unix milliseconds.
    begun_ms: Option<i64>,
    /// Lines dated so far ahead that they were not counted: from when until when they may be in the range.
    ahead: Option<(i64, i64)>,
}

/// What one batch added, or all that came before the first.
#[derive(Clone, Debug)]
struct Added {
    /// Its oldest and its newest line, Unix nanoseconds.
    first: i64,
    last: i64,
    counts: Counts,
}

/// What a rule finds at a time, as far as its count tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Says {
    /// What was there before is not known: see [`Counting::begin`].
    Begin,
    /// These and no other, with the rule's own values.
    All(Vec<(Labels, f64)>),
    /// These and no other, with at least these values.
    AtLeast(Vec<(Labels, f64)>),
    /// The store has to be asked.
    Open,
}

// === impl Counting ===

impl Counting {
    pub(crate) fn new(counted: Counted) -> Self {
        let (added, most) = (VecDeque::new(), BTreeMap::new());
        Self { counted, added, held: 0, most, begun_ms: None, ahead: None }
    }

    /// Counts a batch's lines; `times`: the oldest and the newest, Unix nanoseconds. Whether the rule is to be looked at:
    /// its threshold may have been passed.
    pub(crate) fn add(&mut self, ctx: &RequestCtx, batch: &Snapshot, times: (i64, i64), now_ms: i64) -> bool {
        self.forget(now_ms);
        let Ok(added) = self.of_batch(ctx, batch, times, now_ms * NS_PER_MS) else {
            self.begin_anew();
            return true;
        };
        // Nothing new, nothing to look at: what it says of earlier lines it said before.
        let mut passes = false;
        for one in added {
            passes |= one.counts.iter().any(|(labels, count)| {
                let before = self.most.get(labels).copied().unwrap_or_default();
                self.counted.passes(before + count)
            });
            self.remember(one);
        }
        let finds_none = || self.says(now_ms) == Says::All(Vec::new());
        self.begun_ms.is_none() || (passes && (times.1 > now_ms * NS_PER_MS || !finds_none()))
    }

    /// What a batch adds: a range at a time, from its newest line back. `now`: Unix nanoseconds.
    fn of_batch(
        &mut self,
        ctx: &RequestCtx,
        batch: &Snapshot,
        (first, last): (i64, i64),
        now: i64,
    ) -> Result<Vec<Added>, logql::EvalError> {
        let range = self.counted.range_ns;
        let (oldest, newest) = (now - range - KEPT_NS, now + KEPT_NS);
        if last > newest {
            let (from, until) = self.ahead.unwrap_or((newest, last));
            self.ahead = Some((from.min(newest), until.max(last)));
        }
        let (mut end, mut added) = (last.min(newest), Vec::new());
        while end >= first && end > oldest {
            let counts = counts(&self.counted, ctx, batch, end)?;
            let start = end.saturating_sub(range);
            added.push(Added { first: first.max(start.saturating_add(1)), last: end, counts });
            end = start;
        }
        Ok(added)
    }

    /// Some batches were not heard.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self::new(self.counted.clone());
    }

    /// What a snapshot that has at least all that came before the first batch says at a time: it may have some batches
    /// that are counted themselves, so it only bounds what there is.
    pub(crate) fn begin(&mut self, before: Counts, at_ms: i64) {
        self.begun_ms = Some(at_ms);
        self.remember(Added { first: i64::MIN, last: at_ms * NS_PER_MS, counts: before });
    }

    pub(crate) fn says(&self, at_ms: i64) -> Says {
        let Some(begun_ms) = self.begun_ms else { return Says::Begin };
        let end = at_ms * NS_PER_MS;
        let start = end - self.counted.range_ns;
        // Lines of before that are out of the range now may be in an earlier one.
        if at_ms < begun_ms || self.ahead.is_some_and(|(from, until)| end >= from && start <= until) {
            return Says::Open;
        }
        let (mut sure, mut unsure) = (BTreeMap::<&Labels, f64>::new(), BTreeSet::new());
        for added in self.added.iter().filter(|added| added.last > start && added.first <= end) {
            let whole = added.first > start && added.last <= end;
            for (labels, count) in &added.counts {
                match whole {
                    true => *sure.entry(labels).or_default() += count,
                    false => drop(unsure.insert(labels)),
                }
            }
        }
        let mut found = Vec::new();
        let mut exact = true;
        for (labels, _) in self.most.iter().filter(|(_, most)| self.counted.passes(**most)) {
            let count = sure.get(labels).copied().unwrap_or_default();
            let passes = self.counted.passes(count);
            let known = !unsure.contains(labels);
            if !self.counted.is_plain(count) || (!passes && !known) {
                return Says::Open;
            }
            exact &= known;
            if passes {
                found.push((labels.clone(), self.counted.of_count(count)));
            }
        }
        if exact { Says::All(found) } else { Says::AtLeast(found) }
    }

    fn remember(&mut self, added: Added) {
        if added.counts.is_empty() {
            return;
        }
        for (labels, count) in &added.counts {
            *self.most.entry(labels.clone()).or_default() += count;
        }
        self.held += added.counts.len();
        self.added.push_back(added);
        let many = self.added.len() > BATCHES_MAX || self.held > COUNTS_MAX;
        if many || self.most.len() > GROUPS_MAX {
            self.begin_anew();
        }
    }

    fn forget(&mut self, now_ms: i64) {
        let start = now_ms * NS_PER_MS - self.counted.range_ns - KEPT_NS;
        while self.added.front().is_some_and(|added| added.last <= start) {
            let Some(gone) = self.added.pop_front() else { return };
            self.held -= gone.counts.len();
            for (labels, count) in gone.counts {
                let left = self.most.get_mut(&labels).map(|most| {
                    *most -= count;
                    *most
                });
                if left.is_some_and(|left| left <= 0.0) {
                    self.most.remove(&labels);
                }
            }
        }
    }
}

/// What a rule counts, without its threshold, at a time in Unix nanoseconds. Blocking: reads data.
pub(crate) fn counts(
    counted: &Counted,
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    time: i64,
) -> Result<Counts, logql::EvalError> {
    let params = QueryParams {
        start: time,
        end: time,
        step: 1,
        instant: true,
        limit: 0,
        interval: 0,
        direction: Direction::Backward,
    };
    match logql::query(ctx, snapshot, &counted.value, &params)?.data {
        logql::Data::Vector(found) => Ok(found.into_iter().map(|one| (one.labels, one.value)).collect()),
        logql::Data::Scalar(..) | logql::Data::Streams(_) | logql::Data::Matrix(_) => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use store::model::{Batch, Budget, EventBatchBuilder, Field, Role, Signal, StreamParts, Tenant, Value};

    use super::*;

    const START_MS: i64 = 1_700_000_000_000;

    fn batch(lines: &[&str], time_ms: i64) -> Snapshot {
        let mut builder = EventBatchBuilder::new(Signal::Logs);
        let resource = [("service.name", Value::Str("cart"))];
        let stream = builder.stream(&StreamParts { resource: &resource, ..StreamParts::default() });
        for line in lines {
            builder.begin_row(time_ms * NS_PER_MS, stream);
            builder.field(Field::Body, Value::Str(line));
            builder.end_row();
        }
        Snapshot::of_batches([Batch::Events(builder.finish())])
    }

    struct Counter(Counting, RequestCtx);

    impl Counter {
        fn new(value: &str) -> Self {
            let expr = logql::parse(&format!(
                "sum by (service_name) ({value}({{service_name=\"cart\"}} |= \"bad\" [10s])) > 3"
            ));
            let tenant = Tenant::authenticated("t").unwrap();
            let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 30));
            Self(Counting::new(logql::counted(&expr.unwrap()).unwrap()), ctx)
        }

        /// Lines of a second, which come then.
        fn add(&mut self, lines: &[&str], second: i64) -> bool {
            let now_ms = START_MS + second * 1_000;
            let times = (now_ms * NS_PER_MS, now_ms * NS_PER_MS);
            self.0.add(&self.1, &batch(lines, now_ms), times, now_ms)
        }

        fn says(&self, second: i64) -> Says {
            self.0.says(START_MS + second * 1_000)
        }
    }

    fn all(count: f64) -> Says {
        Says::All(vec![(cart(), count)])
    }

    fn cart() -> Labels {
        Labels::new([("service_name", "cart")])
    }

    #[test]
    fn a_rule_is_looked_at_once_its_count_may_have_passed() {
        let mut counter = Counter::new("count_over_time");
        assert!(counter.add(&["fine"], 0), "lines from before may be there");
        assert_eq!(counter.0.says(START_MS), Says::Begin);
        counter.0.begin(Vec::new(), START_MS);
        assert!(!counter.add(&["bad", "fine"], 20) && !counter.add(&["bad", "bad"], 21));
        assert!(counter.add(&["bad"], 22), "four");
        assert_eq!((counter.says(22), counter.says(30)), (all(4.0), Says::All(vec![])));
        assert!(!counter.add(&["fine"], 23));
        assert!(!counter.add(&["bad"], 31), "the first is out of its range");
    }

    #[test]
    fn what_was_there_before_is_counted_as_far_as_it_is_known() {
        let mut counter = Counter::new("count_over_time");
        counter.0.begin(vec![(cart(), 2.0)], START_MS);
        assert!(!counter.add(&["bad"], 1) && counter.add(&["bad", "bad"], 2), "five at most");
        assert_eq!(counter.says(2), Says::Open, "three at least");
        assert!(counter.add(&["bad"], 3));
        assert_eq!((counter.says(3), counter.says(10)), (Says::AtLeast(vec![(cart(), 4.0)]), all(4.0)));
        counter.0.begin_anew();
        assert_eq!(counter.0.says(START_MS), Says::Begin);
    }

    #[test]
    fn a_batch_on_the_edge_of_the_range_is_not_told_from() {
        let mut counter = Counter::new("rate");
        counter.0.begin(Vec::new(), START_MS);
        let bad = vec!["bad"; 40];
        let times = (START_MS * NS_PER_MS, (START_MS + 4_000) * NS_PER_MS);
        assert!(counter.0.add(&counter.1, &batch(&bad, START_MS), times, START_MS + 4_000));
        assert_eq!(counter.says(4), all(4.0));
        assert_eq!(
            (counter.says(2), counter.says(11), counter.says(-1)),
            (Says::Open, Says::Open, Says::Open)
        );
        assert_eq!(counter.says(14), Says::All(vec![]));
    }

    #[test]
    fn what_is_dated_ahead_counts_when_its_time_has_come() {
        let mut counter = Counter::new("count_over_time");
        counter.0.begin(Vec::new(), START_MS);
        let ahead = START_MS + 2_000;
        let times = (ahead * NS_PER_MS, ahead * NS_PER_MS);
        assert!(counter.0.add(&counter.1, &batch(&["bad"; 4], ahead), times, START_MS));
        assert_eq!((counter.says(1), counter.says(2)), (Says::All(vec![]), all(4.0)));
        let far = (START_MS + 3_600_000) * NS_PER_MS;
        counter.0.add(&counter.1, &batch(&["bad"; 4], START_MS + 3_600_000), (far, far), START_MS);
        assert_eq!(
            (counter.says(2), counter.says(3_600), counter.says(3_611)),
            (all(4.0), Says::Open, Says::All(vec![]))
        );
    }

    #[test]
    fn late_lines_count_where_they_belong() {
        let mut counter = Counter::new("count_over_time");
        counter.0.begin(Vec::new(), START_MS);
        let times = ((START_MS + 1_000) * NS_PER_MS, (START_MS + 40_000) * NS_PER_MS);
        let old = batch(&["bad"; 4], START_MS + 1_000);
        assert!(!counter.0.add(&counter.1, &old, times, START_MS + 41_000), "out of the range by now");
        assert_eq!((counter.says(5), counter.says(41)), (Says::Open, Says::All(vec![])));
        let times = ((START_MS + 20_000) * NS_PER_MS, (START_MS + 20_000) * NS_PER_MS);
        counter.0.add(&counter.1, &batch(&["bad"; 4], START_MS + 20_000), times, START_MS + 41_000);
        assert_eq!((counter.says(21), counter.says(30)), (all(4.0), Says::All(vec![])));
    }
}
