//! One test: its inputs come in as time goes by, the groups are evaluated at each interval, and what they found is
//! compared at the times the test names.

use engine::promql::{Settings, script};
use store::Snapshot;
use store::model::{Batch, Budget, RequestCtx, Role, Tenant};

use super::compare;
use super::file::{AlertCase, ExprCase, Test, Tests};
use super::inputs;
use crate::rules::evaluate::{self, Known, RuleRun, Surroundings};
use crate::rules::file::{Group, RuleBody};
use crate::rules::query::{Instant, Query, Vector};
use crate::rules::stages::stages;
use crate::rules::state::Phase;

/// What one evaluation may hold.
const BYTES_MAX: u64 = 4 << 30;

/// What a test found wrong, one line each.
pub(super) fn test(tests: &Tests, test: &Test, groups: &[Group]) -> Vec<String> {
    let tenant = Tenant::authenticated(Tenant::DEFAULT).map_err(|e| e.to_string());
    let (series, tenant) = match (&test.series, tenant) {
        (Ok(series), Ok(tenant)) => (series, tenant),
        (Err(problem), _) => return vec![problem.clone()],
        (_, Err(problem)) => return vec![problem],
    };
    let mut world = World::new(tests, test, tenant, groups);
    let mut failures = Vec::new();
    let last_ms = test.start_ms.saturating_add(test.last_ms());
    let mut before_ms = i64::MIN;
    let mut now_ms = test.start_ms;
    while now_ms <= last_ms {
        world.feed(series, before_ms.saturating_add(1)..=now_ms);
        if let Err(problems) = world.evaluate(now_ms) {
            failures.extend(problems);
            return failures;
        }
        let since = now_ms - test.start_ms;
        let is_now = |case: &&AlertCase| (since..since + tests.evaluation_interval_ms).contains(&case.at_ms);
        for case in test.alerts.iter().filter(is_now) {
            failures.extend(compare::alerts(case, &world.firing(&case.alertname)).err());
        }
        before_ms = now_ms;
        now_ms = now_ms.saturating_add(tests.evaluation_interval_ms);
    }
    for case in &test.exprs {
        failures.extend(world.expression(case).err());
    }
    failures
}

/// What is true in a test at one time.
struct World<'t> {
    test: &'t Test,
    settings: Settings,
    fuzzy: bool,
    tenant: Tenant,
    snapshot: Snapshot,
    groups: Vec<(Group, Vec<RuleRun>)>,
}

impl<'t> World<'t> {
    fn new(tests: &Tests, test: &'t Test, tenant: Tenant, groups: &[Group]) -> Self {
        let groups = groups.iter().map(|group| {
            let group = Group { external_labels: test.external_labels.clone(), ..group.clone() };
            let runs = vec![RuleRun::default(); group.rules.len()];
            (group, runs)
        });
        Self {
            test,
            settings: Settings { subquery_step_ms: tests.evaluation_interval_ms, ..Settings::default() },
            fuzzy: tests.fuzzy_compare,
            tenant,
            snapshot: Snapshot::default(),
            groups: groups.collect(),
        }
    }

    fn ctx(&self) -> RequestCtx {
        RequestCtx::new(self.tenant.clone(), "unit test", Role::Read, None, Budget::new(BYTES_MAX))
    }

    fn feed(&mut self, series: &[script::SeriesLine], wanted: std::ops::RangeInclusive<i64>) {
        let (start, step) = (self.test.start_ms, self.test.interval_ms);
        let samples = script::batch(series, &script::Times { start, step, wanted: wanted.clone() });
        if samples.rows() > 0 {
            self.snapshot.push(Batch::Samples(samples));
        }
        self.snapshot_events(&wanted);
    }

    fn snapshot_events(&mut self, wanted: &std::ops::RangeInclusive<i64>) {
        let start = self.test.start_ms;
        let logs = inputs::logs(&self.test.logs, start, wanted);
        let spans = inputs::spans(&self.test.spans, start, wanted);
        for batch in logs.into_iter().chain(spans) {
            self.snapshot.push(batch);
        }
    }

    /// `Err`: rules that could not be evaluated.
    fn evaluate(&mut self, now_ms: i64) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        let ctx = self.ctx();
        for (group, runs) in &mut self.groups {
            for stage in stages(group) {
                let from = Surroundings {
                    ctx: &ctx,
                    snapshot: &self.snapshot,
                    external_url: &self.test.external_url,
                    at: Instant { time_ms: now_ms, settings: self.settings },
                };
                let evaluated = evaluate::evaluate(&from, group, stage.clone(), runs, &Known::new());
                for (rule, run) in group.rules[stage.clone()].iter().zip(&evaluated.runs) {
                    let time = time(now_ms - self.test.start_ms);
                    let problem = |error| format!("rule: {}, time: {time}: {error}", rule.name);
                    problems.extend(run.error.as_ref().map(problem));
                }
                runs.splice(stage, evaluated.runs);
                evaluated.batch.into_iter().for_each(|batch| self.snapshot.push(batch));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Labels and annotations of what fires under a name.
    fn firing(&self, alertname: &str) -> Vec<compare::Alert> {
        let rules = self.groups.iter().flat_map(|(group, runs)| group.rules.iter().zip(runs));
        let named = rules
            .filter(|(rule, _)| rule.name == alertname && matches!(rule.body, RuleBody::Alerting { .. }));
        let alerts = named.flat_map(|(_, run)| &run.alerts);
        let firing = alerts.filter(|(_, alert)| alert.phase == Phase::Firing);
        firing.map(|(labels, alert)| (labels.clone(), alert.annotations.clone())).collect()
    }

    fn expression(&self, case: &ExprCase) -> Result<(), String> {
        let wrong = |problem: String| format!("expr: {:?}, time: {}: {problem}", case.expr, time(case.at_ms));
        let time_ms = self.test.start_ms.saturating_add(case.at_ms);
        let query = Query::parse(case.language, &case.expr, case.range_ms()).map_err(wrong)?;
        let at = Instant { time_ms, settings: self.settings };
        let got: Vector = query.vector(&self.ctx(), &self.snapshot, &at).map_err(wrong)?;
        let expected = case.expected.as_ref().map_err(|problem| wrong(problem.clone()))?;
        compare::samples(expected, &got, self.fuzzy).map_err(wrong)
    }
}

impl ExprCase {
    /// A TraceQL expression sees all that was before.
    fn range_ms(&self) -> u64 {
        u64::try_from(self.at_ms).unwrap_or(0).max(1)
    }
}

pub(super) fn time(ms: i64) -> String {
    engine::promql::format_duration(ms)
}
