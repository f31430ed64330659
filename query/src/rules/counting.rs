//! Counts of log lines for rules, kept up as batches come in: a rule that counts lines is not asked for each batch, only
//! once its count may have passed its threshold. Pure: a batch and the time in, whether to ask out.

use std::collections::{BTreeMap, VecDeque};

use engine::logql::{self, Counted, Direction, QueryParams};
use store::Snapshot;
use store::model::{Labels, RequestCtx};

const NS_PER_MS: i64 = 1_000_000;
/// Batches and groups that are remembered; beyond, the rule is asked for each batch.
const BATCHES_MAX: usize = 200_000;
const GROUPS_MAX: usize = 10_000;

/// The count of one rule.
#[derive(Clone, Debug)]
pub(crate) struct Counting {
    counted: Counted,
    /// What each batch added, and until when: its newest line leaves the range then.
    batches: VecDeque<(i64, Vec<(Labels, f64)>)>,
    sums: BTreeMap<Labels, f64>,
    /// Before that time lines came that were not counted.
    complete_ms: Option<i64>,
}

impl Counting {
    pub(crate) fn new(counted: Counted) -> Self {
        Self { counted, batches: VecDeque::new(), sums: BTreeMap::new(), complete_ms: None }
    }

    /// Counts a batch's lines. Whether the rule is to be asked: at most what is counted here can be there.
    pub(crate) fn add(&mut self, ctx: &RequestCtx, batch: &Snapshot, newest_ms: i64, now_ms: i64) -> bool {
        let range_ms = self.counted.range_ns / NS_PER_MS;
        let complete_ms = *self.complete_ms.get_or_insert(now_ms + range_ms);
        let Ok(found) = self.of_batch(ctx, batch, now_ms) else { return true };
        for (labels, value) in &found {
            *self.sums.entry(labels.clone()).or_default() += value;
        }
        if !found.is_empty() {
            self.batches.push_back((newest_ms.min(now_ms) + range_ms, found.clone()));
        }
        self.forget(now_ms);
        if self.batches.len() > BATCHES_MAX || self.sums.len() > GROUPS_MAX {
            // Counting anew takes a range until it is complete.
            *self = Self::new(self.counted.clone());
            return true;
        }
        let passes =
            |(labels, _): &(Labels, f64)| self.sums.get(labels).is_some_and(|sum| self.counted.passes(*sum));
        // Nothing new, nothing to ask: what it says of earlier lines it said before.
        !found.is_empty() && (now_ms < complete_ms || found.iter().any(passes))
    }

    fn of_batch(
        &self,
        ctx: &RequestCtx,
        batch: &Snapshot,
        now_ms: i64,
    ) -> Result<Vec<(Labels, f64)>, logql::EvalError> {
        let time = now_ms * NS_PER_MS;
        let params = QueryParams {
            start: time,
            end: time,
            step: 1,
            instant: true,
            limit: 0,
            interval: 0,
            direction: Direction::Backward,
        };
        match logql::query(ctx, batch, &self.counted.value, &params)?.data {
            logql::Data::Vector(found) => Ok(found.into_iter().map(|one| (one.labels, one.value)).collect()),
            logql::Data::Scalar(..) | logql::Data::Streams(_) | logql::Data::Matrix(_) => Ok(Vec::new()),
        }
    }

    fn forget(&mut self, now_ms: i64) {
        while self.batches.front().is_some_and(|(until_ms, _)| *until_ms < now_ms) {
            for (labels, value) in self.batches.pop_front().into_iter().flat_map(|(_, added)| added) {
                let left = self.sums.get_mut(&labels).map(|sum| {
                    *sum -= value;
                    *sum
                });
                // Differences of fractions leave dust.
                if left.is_some_and(|left| left < 1e-9) {
                    self.sums.remove(&labels);
                }
            }
        }
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

    #[test]
    fn a_rule_is_asked_once_its_count_may_have_passed() {
        let expr = logql::parse(
            "sum by (service_name) (count_over_time({service_name=\"cart\"} |= \"bad\" [10s])) > 3",
        );
        let mut counting = Counting::new(logql::counted(&expr.unwrap()).unwrap());
        let tenant = Tenant::authenticated("t").unwrap();
        let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 30));
        let mut add = |lines: &[&str], second: i64| {
            let now_ms = START_MS + second * 1_000;
            counting.add(&ctx, &batch(lines, now_ms), now_ms, now_ms)
        };
        assert!(!add(&["fine"], 0), "nothing it counts");
        assert!(add(&["bad"], 1), "lines from before may be there");
        assert!(!add(&["bad", "fine"], 20), "all of its range was counted by now");
        assert!(!add(&["bad", "bad"], 21));
        assert!(add(&["bad"], 22), "four");
        assert!(!add(&["fine"], 23));
        assert!(!add(&["bad"], 32), "the first of them are out of its range");
    }
}
