//! Patterns of the lines a query finds, counted by level over time. Mined while the query runs: nothing is kept between
//! queries, so every range can be asked for, also after a restart.

use rustc_hash::FxHashMap;
use store::model::{EventBatch, RequestCtx};
use store::{Order, ScanControl, ScanStats, Snapshot};

use super::error::EvalError;
use super::names::{SERVICE, detected_level};
use super::plan::{Compiled, Reads};
use super::row::{BoundBatch, Names, RowLabels, RowRef, line_of};
use super::{scan, stages};
use crate::logql::ast::{LogExpr, Stage};
use crate::logql::mine::{Miner, write_shape};

#[derive(Clone, Debug, PartialEq)]
pub struct PatternSeries {
    /// As `|>` takes it.
    pub pattern: String,
    pub level: &'static str,
    /// Unix nanoseconds of the beginning of a step, and lines in it; steps without lines are left out.
    pub points: Vec<(i64, u64)>,
}

impl PatternSeries {
    pub fn lines(&self) -> u64 {
        self.points.iter().map(|(_, lines)| lines).sum()
    }
}

/// The patterns of the lines in `[start, end)`, those with most lines first.
pub fn patterns(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    log: &LogExpr,
    (start, end): (i64, i64),
    step: i64,
) -> Result<(Vec<PatternSeries>, ScanStats), EvalError> {
    if step <= 0 {
        return Err(EvalError::BadQuery(format!("step of {step} ns: it must be positive")));
    }
    let compiled = Compiled::new(log)?;
    let mut wanted = compiled.names();
    wanted.extend([SERVICE.to_string(), "detected_level".to_string()]);
    let mut names = Names::new(wanted, &compiled.selector);
    let reads = match compiled.reads_all() {
        true => Reads::All,
        false => Reads::Names { names: names.list(), line: true },
    };
    let query = compiled.query(ctx, snapshot, (start, end), reads, Order::Any)?;
    let mut counter = Counter {
        ctx,
        residual: compiled.residual(),
        full: compiled.reads_all(),
        step,
        miners: FxHashMap::default(),
        counts: FxHashMap::default(),
        labels: RowLabels::default(),
        shape: String::new(),
    };
    let stats = scan(ctx, snapshot, &query, &mut names, &mut |batch, bound, rows| {
        rows.iter().try_for_each(|row| counter.row(batch, bound, *row as usize))?;
        Ok(ScanControl::Continue)
    })?;
    Ok((counter.finish(), stats))
}

/// Service, pattern, level, step.
type Key = (usize, u32, &'static str, i64);

struct Counter<'a> {
    ctx: &'a RequestCtx,
    residual: Vec<Stage>,
    full: bool,
    step: i64,
    /// One for each service, by name.
    miners: FxHashMap<String, (usize, Miner)>,
    counts: FxHashMap<Key, u64>,
    labels: RowLabels,
    shape: String,
}

impl Counter<'_> {
    fn row(&mut self, batch: &EventBatch, bound: &BoundBatch, row: usize) -> Result<(), EvalError> {
        let at = RowRef { batch, bound, row };
        if !bound.facts(batch, row).selected {
            return Ok(());
        }
        let mut line = line_of(batch, row);
        self.labels.start_as(at, self.full);
        if !stages::run(&self.residual, at, &mut self.labels, &mut line) {
            return Ok(());
        }
        self.shape.clear();
        write_shape(&line, &mut self.shape);
        let service = self.labels.get(at, SERVICE).unwrap_or_default();
        if !self.miners.contains_key(service.as_ref()) {
            let number = self.miners.len();
            self.miners.insert(service.as_ref().to_string(), (number, Miner::default()));
        }
        let Some((service, miner)) = self.miners.get_mut(service.as_ref()) else { return Ok(()) };
        let Some(pattern) = miner.add(&self.shape) else { return Ok(()) };
        let time = batch.times()[row];
        let key = (*service, pattern, detected_level(batch, row), time - time.rem_euclid(self.step));
        if self.counts.len() == self.counts.capacity() {
            // The table is about to double.
            self.ctx.budget.take(64 * self.counts.len().max(16) as u64)?;
        }
        *self.counts.entry(key).or_default() += 1;
        Ok(())
    }

    fn finish(self) -> Vec<PatternSeries> {
        let by_number: FxHashMap<usize, &Miner> =
            self.miners.values().map(|(n, miner)| (*n, miner)).collect();
        let mut series: FxHashMap<(String, &'static str), FxHashMap<i64, u64>> = FxHashMap::default();
        let mut texts: FxHashMap<(usize, u32), String> = FxHashMap::default();
        for ((service, number, level, time), lines) in &self.counts {
            let text = texts.entry((*service, *number)).or_insert_with(|| {
                by_number.get(service).map(|miner| miner.pattern(*number)).unwrap_or_default()
            });
            *series.entry((text.clone(), level)).or_default().entry(*time).or_default() += lines;
        }
        let sorted = |points: FxHashMap<i64, u64>| {
            let mut points: Vec<(i64, u64)> = points.into_iter().collect();
            points.sort_unstable();
            points
        };
        let all = series.into_iter().map(|((pattern, level), points)| PatternSeries {
            pattern,
            level,
            points: sorted(points),
        });
        let mut all: Vec<PatternSeries> = all.collect();
        all.sort_by(|a, b| {
            b.lines().cmp(&a.lines()).then_with(|| (&a.pattern, a.level).cmp(&(&b.pattern, b.level)))
        });
        all
    }
}
