//! What arriving data may decide before the next instant of a group's grid: firings that more data cannot take back.

use std::collections::{BTreeMap, BTreeSet};

use engine::promql::{self, Point, Settings, Settled};
use engine::{logql, traceql};
use store::model::{Labels, SampleBatch, Signal, Stream};

use super::counting::{self, Counting, Counts, Says};
use super::evaluate::{self, RuleRun, Surroundings};
use super::file::{Group, Rule, RuleBody};
use super::query::{Instant, Query};
use super::state::{self, Alerts, Found};
use super::wake::{family, names_read};

const NS_PER_MS: i64 = 1_000_000;
/// Times of samples that are looked at one by one; of a burst with more only the newest.
const TIMES_MAX: usize = 4;

/// A rule that may fire before its time, and what shows it.
#[derive(Clone, Debug)]
pub(crate) struct Early {
    /// In the group.
    pub(crate) rule: usize,
    shape: Shape,
    query: Query,
    names: Option<BTreeSet<String>>,
    /// Of log lines that add up.
    counted: Option<logql::Counted>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    /// Asked for now.
    Growing,
    /// Asked for at the times of samples.
    Current,
}

// === impl Early ===

impl Early {
    /// The rules of a group that may fire early. What reads the group's own records waits: they come with the grid.
    pub(crate) fn of_group(group: &Group) -> Vec<Self> {
        let records: BTreeSet<&str> = group
            .rules
            .iter()
            .filter(|rule| matches!(rule.body, RuleBody::Recording))
            .map(|rule| rule.name.as_str())
            .collect();
        let rules = group.rules.iter().enumerate();
        let early = rules.filter_map(|(at, rule)| Self::of_rule(at, rule));
        let waits = |names: &BTreeSet<String>| names.iter().any(|name| records.contains(name.as_str()));
        // An offset looks at a past that the grid has seen.
        early.filter(|early| !early.names.as_ref().is_some_and(waits) && group.query_offset_ms == 0).collect()
    }

    fn of_rule(at: usize, rule: &Rule) -> Option<Self> {
        if matches!(rule.body, RuleBody::Recording) {
            return None;
        }
        let (shape, query) = match &rule.query {
            Query::Metrics(expr) => match promql::settled(expr)? {
                Settled::Growing(expr) => (Shape::Growing, Query::Metrics(expr)),
                Settled::Current(expr) => (Shape::Current, Query::Metrics(expr)),
            },
            Query::Logs(expr) => (Shape::Growing, logql::only_grows(expr).then(|| rule.query.clone())?),
            Query::Traces { query, .. } => {
                (Shape::Growing, traceql::only_grows(query).then(|| rule.query.clone())?)
            }
        };
        let counted = match &query {
            Query::Logs(expr) => logql::counted(expr),
            _ => None,
        };
        Some(Self { rule: at, shape, query, names: names_read(&rule.query), counted })
    }

    /// The count of its lines, if they add up.
    pub(crate) fn counting(&self) -> Option<Counting> {
        self.counted.clone().map(Counting::new)
    }

    /// Whether samples of these metrics concern it.
    pub(crate) fn concerned_by(&self, batch: &BTreeSet<String>) -> bool {
        match &self.names {
            None => true,
            Some(names) => names.iter().any(|name| batch.contains(name) || batch.contains(family(name))),
        }
    }

    /// Whether records of these streams may concern it.
    pub(crate) fn concerned_by_events<'s>(
        &self,
        signal: Signal,
        mut streams: impl Iterator<Item = &'s Stream>,
    ) -> bool {
        match &self.query {
            Query::Logs(expr) if signal == Signal::Logs => {
                let selectors = logql::selectors(expr);
                streams.any(|stream| selectors.iter().any(|matchers| may_select(matchers, stream)))
            }
            Query::Traces { .. } => signal == Signal::Spans,
            _ => false,
        }
    }
}

/// By the name of the service alone: other labels are looked at when the query runs.
fn may_select(matchers: &[logql::Matcher], stream: &Stream) -> bool {
    let service = matchers.iter().find(|matcher| matcher.name == "service_name");
    service.is_none_or(|matcher| matcher.test.matches(stream.service()))
}

/// Arrived data that early rules have not looked at yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Arrived {
    /// Indexes into the early rules.
    pub(crate) rules: BTreeSet<usize>,
    /// Of samples, Unix milliseconds.
    pub(crate) times: BTreeSet<i64>,
    /// Of rules that count lines, what their counts say at a time in Unix milliseconds.
    pub(crate) says: BTreeMap<usize, (i64, Says)>,
}

/// What arrived data led to.
#[derive(Debug, Default)]
pub(crate) struct Fired {
    /// The runs of rules that changed.
    pub(crate) changed: Vec<(usize, RuleRun)>,
    /// Of early rules whose counting began: what was there at a time in Unix milliseconds.
    pub(crate) began: Vec<(usize, i64, Counts)>,
    /// Whether the store was asked for anything.
    pub(crate) asked: bool,
}

impl Arrived {
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn samples(early: &[Early], names: &BTreeSet<String>, batch: &SampleBatch) -> Self {
        let concerned = early.iter().enumerate().filter(|(_, one)| one.concerned_by(names));
        let mut arrived = Self { rules: concerned.map(|(at, _)| at).collect(), ..Self::default() };
        if !arrived.is_empty() {
            arrived.add_times(batch.points().map(|point| point.time_ms));
        }
        arrived
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.rules.extend(other.rules);
        self.add_times(other.times.into_iter());
    }

    fn add_times(&mut self, times: impl Iterator<Item = i64>) {
        for time in times {
            self.times.insert(time);
            if self.times.len() > TIMES_MAX {
                self.times.pop_first();
            }
        }
    }
}

/// Fires what the arrived data shows; `decided_ms` is the last instant of the grid. Blocking: reads data.
pub(crate) fn fire(
    from: &Surroundings<'_>,
    group: &Group,
    early: &[Early],
    arrived: &Arrived,
    decided_ms: Option<i64>,
    runs: &[RuleRun],
) -> Fired {
    let mut fired = Fired::default();
    for (at, one) in arrived.rules.iter().filter_map(|at| Some((*at, early.get(*at)?))) {
        let (Some(rule), Some(run)) = (group.rules.get(one.rule), runs.get(one.rule)) else { continue };
        let look = Look { from, group, rule, decided_ms };
        let said = arrived.says.get(&at);
        if let Some((_, Says::Begin)) = said {
            let before = one.before(from).map(|before| (at, from.at.time_ms, before));
            fired.began.extend(before);
        }
        let counted = look.counted(said, &run.alerts);
        fired.asked |= counted.is_none();
        let alerts = counted.unwrap_or_else(|| look.asked(one, arrived, &run.alerts));
        if let Some(alerts) = alerts {
            fired.changed.push((one.rule, RuleRun { alerts, ..run.clone() }));
        }
    }
    fired
}

/// A rule that is looked at.
struct Look<'l> {
    from: &'l Surroundings<'l>,
    group: &'l Group,
    rule: &'l Rule,
    decided_ms: Option<i64>,
}

impl Look<'_> {
    /// Its alerts if they change, of what its count says; `None`: the store has to be asked.
    fn counted(&self, said: Option<&(i64, Says)>, before: &Alerts) -> Option<Option<Alerts>> {
        let next = |at_ms: i64, counts: &[(Labels, f64)]| {
            let at = Instant { time_ms: at_ms, ..self.from.at };
            let samples = counts.iter().map(|(labels, value)| (labels.clone(), Point::Float(*value)));
            let from = Surroundings { at, ..*self.from };
            let found = evaluate::found(&from, self.group, self.rule, samples.collect());
            let undecided = self.decided_ms.is_none_or(|decided_ms| at_ms > decided_ms);
            let over = self.group.limit > 0 && counts.len() as u64 > self.group.limit;
            let found = found.ok().filter(|_| undecided && !over)?;
            let next = self.fired(before.clone(), found, at_ms);
            state::differs(before, &next).then_some(next)
        };
        match said? {
            (at_ms, Says::All(counts)) => Some(next(*at_ms, counts)),
            // What fires is told with the rule's own values.
            (at_ms, Says::AtLeast(counts)) => next(*at_ms, counts).is_none().then_some(None),
            (_, Says::Begin | Says::Open) => None,
        }
    }

    /// Of what the store says.
    fn asked(&self, one: &Early, arrived: &Arrived, before: &Alerts) -> Option<Alerts> {
        let mut next = before.clone();
        for at in one.instants(self.from.at, arrived, self.decided_ms) {
            let from = Surroundings { at, ..*self.from };
            // What cannot be answered now is told by the grid.
            let Ok(found) = one.found(&from, self.group, self.rule) else { continue };
            next = self.fired(next, found, at.time_ms);
        }
        state::differs(before, &next).then_some(next)
    }

    fn fired(&self, alerts: Alerts, found: Vec<Found>, at_ms: i64) -> Alerts {
        let holds = evaluate::holds(self.rule);
        match holds.for_ms > 0 && !is_next(self.decided_ms, self.group, at_ms) {
            true => alerts,
            false => state::early(&alerts, found, &holds, at_ms),
        }
    }
}

/// Whether all instants before this time are decided. A hold is served only if the expression held at each of them, and
/// one that waits for late data may say otherwise.
fn is_next(decided_ms: Option<i64>, group: &Group, time_ms: i64) -> bool {
    let interval_ms = i64::try_from(group.interval_ms).unwrap_or(i64::MAX);
    decided_ms.is_some_and(|decided_ms| time_ms < decided_ms.saturating_add(interval_ms))
}

impl Early {
    fn instants(&self, now: Instant, arrived: &Arrived, decided_ms: Option<i64>) -> Vec<Instant> {
        let undecided = |time_ms: &i64| {
            *time_ms <= now.time_ms && decided_ms.is_none_or(|decided_ms| *time_ms > decided_ms)
        };
        match self.shape {
            Shape::Growing => Some(now.time_ms).filter(undecided).map(|_| now).into_iter().collect(),
            Shape::Current => {
                let settings = Settings { lookback_ms: 1, ..now.settings };
                let times = arrived.times.iter().copied().filter(undecided);
                times.map(|time_ms| Instant { time_ms, settings }).collect()
            }
        }
    }

    /// What its count finds of what is stored.
    fn before(&self, from: &Surroundings<'_>) -> Option<Counts> {
        let counted = self.counted.as_ref()?;
        counting::counts(counted, from.ctx, from.snapshot, from.at.time_ms * NS_PER_MS).ok()
    }

    /// What is settled, with the values of the rule's own expression: what was seen of a growth is not all it says.
    fn found(&self, from: &Surroundings<'_>, group: &Group, rule: &Rule) -> Result<Vec<Found>, String> {
        let settled = self.query.vector(from.ctx, from.snapshot, &from.at)?;
        if settled.is_empty() {
            return Ok(Vec::new());
        }
        let mut samples = rule.query.vector(from.ctx, from.snapshot, &from.at)?;
        samples.retain(|(labels, _)| settled.iter().any(|(known, _)| known == labels));
        if group.limit > 0 && samples.len() as u64 > group.limit {
            return Err("over the limit".to_owned());
        }
        evaluate::found(from, group, rule, samples)
    }
}
