//! Range aggregations: one scan that sorts rows into series and windows.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use store::model::{EventBatch, Labels, RequestCtx};
use store::{Order, ScanControl, ScanStats, Snapshot};

use super::error::EvalError;
use super::names::label_name;
use super::plan::{Compiled, Reads, close_names, filter_names, normalize_filter};
use super::row::{BoundBatch, Names, RowLabels, RowRef, line_of};
use super::vector::{Series, SeriesSet};
use super::window::{Counts, over_windows, steps_of};
use super::{Steps, check, scan, stages, tally};
use crate::logql::ast::{
    Conversion, Grouping, LabelFilter, Match, RangeAggregation, Stage, StageKind, Unwrap,
};
use crate::logql::table::RangeOp;
use crate::logql::units::{parse_bytes, parse_duration};

/// Evaluates `range`; `grouping` is that of an aggregation around it, if it may be done at once; of instant counts only
/// the `keep` largest are wanted.
pub(super) fn aggregate(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    range: &RangeAggregation,
    grouping: Option<&Grouping>,
    keep: Option<usize>,
    steps: Steps,
) -> Result<(SeriesSet, ScanStats), EvalError> {
    let compiled = Compiled::new(&range.log)?;
    check::unwrap(range.unwrap.as_ref())?;
    if compiled.stages.iter().any(|stage| matches!(stage.kind, StageKind::Distinct(_))) {
        return Err(EvalError::BadQuery(
            "distinct is for log queries: count values with count(sum by (label) (count_over_time(...)))"
                .to_string(),
        ));
    }
    let by = Grouper::new(range.grouping.as_ref().or(grouping), range.op);
    let mut unwrap = range.unwrap.clone();
    let mut wanted = compiled.names();
    if let Grouper::By { lookup, .. } = &by {
        wanted.extend(lookup.iter().cloned());
    }
    if let Some(unwrap) = &mut unwrap {
        unwrap.label = label_name(&unwrap.label);
        wanted.push(unwrap.label.clone());
        for filter in &mut unwrap.filters {
            normalize_filter(filter);
            filter_names(filter, &mut wanted);
        }
    }
    close_names(&mut wanted);
    let mut names = Names::new(wanted, &compiled.selector);
    // Steps are moved back by the offset, not the rows forward.
    let at = Steps { start: steps.start.saturating_sub(range.offset_ns), ..steps };
    let times = (at.start.saturating_sub(range.range_ns).saturating_add(1), at.last().saturating_add(1));
    let line = unwrap.is_none() && matches!(range.op, RangeOp::Bytes | RangeOp::BytesRate);
    let few = (matches!(by, Grouper::By { .. }) || !compiled.parses()) && !compiled.reads_all();
    let reads = if few { Reads::Names { names: names.list(), line } } else { Reads::All };
    let query = compiled.query(ctx, snapshot, times, reads, Order::Any)?;
    let mut scanner = Scanner {
        ctx,
        range,
        unwrap: unwrap.as_ref(),
        residual: compiled.residual(),
        all_stages: &compiled.stages,
        full: compiled.reads_all(),
        steps: at,
        by,
        labels: RowLabels::default(),
        key: Vec::new(),
        index: FxHashMap::default(),
        groups: Vec::new(),
    };
    let stats = if tally::applies(&scanner) && snapshot.tallies(&query) {
        tally::count(&mut scanner, snapshot, &query, &mut names, keep)?
    } else {
        scan(ctx, snapshot, &query, &mut names, &mut |batch, bound, rows| scanner.block(batch, bound, rows))?
    };
    Ok((scanner.finish(), stats))
}

/// Which labels name a series.
pub(super) enum Grouper {
    /// The names as written, and as labels are looked up.
    By {
        names: Vec<String>,
        lookup: Vec<String>,
    },
    Without(Vec<String>),
}

impl Grouper {
    fn new(grouping: Option<&Grouping>, op: RangeOp) -> Grouper {
        match grouping {
            Some(Grouping { without: false, labels }) => Grouper::By {
                lookup: labels.iter().map(|name| label_name(name)).collect(),
                names: labels.clone(),
            },
            Some(Grouping { labels, .. }) => {
                Grouper::Without(labels.iter().map(|name| label_name(name)).collect())
            }
            None if op == RangeOp::Absent => Grouper::By { names: Vec::new(), lookup: Vec::new() },
            None => Grouper::Without(Vec::new()),
        }
    }
}

pub(super) struct Group {
    labels: Labels,
    pub(super) counts: Counts,
    samples: Vec<(i64, f64)>,
}

pub(super) struct Scanner<'a> {
    pub(super) ctx: &'a RequestCtx,
    pub(super) range: &'a RangeAggregation,
    pub(super) unwrap: Option<&'a Unwrap>,
    pub(super) residual: Vec<Stage>,
    pub(super) all_stages: &'a [Stage],
    /// A template looks at all labels.
    pub(super) full: bool,
    pub(super) steps: Steps,
    pub(super) by: Grouper,
    labels: RowLabels,
    /// The current row's group as bytes; used again for every row.
    pub(super) key: Vec<u8>,
    index: FxHashMap<Vec<u8>, usize>,
    pub(super) groups: Vec<Group>,
}

impl Scanner<'_> {
    fn block(
        &mut self,
        batch: &EventBatch,
        bound: &BoundBatch,
        rows: &[u32],
    ) -> Result<ScanControl, EvalError> {
        // Rows of one stream share their group if nothing but the stream decides it.
        let shared = match &self.by {
            Grouper::By { lookup, .. } => self.residual.is_empty() && bound.only_stream(lookup),
            Grouper::Without(_) => self.residual.is_empty() && self.all_stages.iter().all(is_line_filter),
        };
        let mut of_stream: Vec<Option<usize>> = vec![None; if shared { batch.streams().len() } else { 0 }];
        for row in rows {
            let row = RowRef { batch, bound, row: *row as usize };
            if !bound.facts(batch, row.row).selected {
                continue;
            }
            let Some(windows) = steps_of(self.steps, self.range.range_ns, batch.times()[row.row]) else {
                continue;
            };
            let stream = batch.row_streams()[row.row] as usize;
            let known = of_stream.get(stream).copied().flatten();
            let Some((group, value)) = self.row(row, known)? else { continue };
            if let Some(place) = of_stream.get_mut(stream) {
                *place = Some(group);
            }
            self.add(group, batch.times()[row.row], windows, value)?;
        }
        Ok(ScanControl::Continue)
    }

    /// The group and value of a row that counts.
    pub(super) fn row(
        &mut self,
        row: RowRef<'_>,
        known: Option<usize>,
    ) -> Result<Option<(usize, f64)>, EvalError> {
        let mut line = None;
        self.labels.start_as(row, self.full);
        if !self.residual.is_empty() || matches!(self.range.op, RangeOp::Bytes | RangeOp::BytesRate) {
            let mut text = line_of(row.batch, row.row);
            if !stages::run(&self.residual, row, &mut self.labels, &mut text) {
                return Ok(None);
            }
            line = Some(text);
        }
        let value = match self.unwrap {
            Some(unwrap) => match unwrapped(unwrap, row, &mut self.labels) {
                Some(value) => value,
                None => return Ok(None),
            },
            None if matches!(self.range.op, RangeOp::Bytes | RangeOp::BytesRate) => {
                line.as_deref().unwrap_or_default().len() as f64
            }
            None => 1.0,
        };
        if let Some(error) = self.labels.error() {
            return Err(self.failed(row, error));
        }
        if let Some(group) = known {
            return Ok(Some((group, value)));
        }
        Ok(Some((self.group(row)?, value)))
    }

    fn failed(&mut self, row: RowRef<'_>, error: &str) -> EvalError {
        let labels = &row.bound.facts(row.batch, row.row).labels;
        let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        EvalError::Pipeline { error: error.to_string(), series: format!("{{{}}}", pairs.join(", ")) }
    }

    /// Whether stages that need no line let a row through.
    pub(super) fn passes(&mut self, row: RowRef<'_>) -> bool {
        self.labels.start();
        stages::run(&self.residual, row, &mut self.labels, &mut Cow::Borrowed(""))
    }

    /// Writes what tells the row's series from others.
    pub(super) fn write_key(&mut self, row: RowRef<'_>) {
        self.key.clear();
        match &self.by {
            Grouper::By { lookup, .. } => {
                for name in lookup {
                    let value = self.labels.get(row, name);
                    push_part(&mut self.key, value.as_deref().unwrap_or_default());
                }
            }
            Grouper::Without(without) => {
                self.labels.start_full(row);
                stages::run(self.all_stages, row, &mut self.labels, &mut line_of(row.batch, row.row));
                let unwrapped = self.unwrap.map(|unwrap| unwrap.label.as_str());
                let mut pairs: Vec<(&str, &str)> = self.labels.series_pairs().collect();
                pairs.retain(|(name, _)| Some(*name) != unwrapped && !without.iter().any(|out| out == name));
                pairs.sort_unstable();
                for (name, value) in pairs {
                    push_part(&mut self.key, name);
                    push_part(&mut self.key, value);
                }
            }
        }
    }

    fn group(&mut self, row: RowRef<'_>) -> Result<usize, EvalError> {
        self.write_key(row);
        if let Some(group) = self.index.get(self.key.as_slice()) {
            return Ok(*group);
        }
        let steps = self.steps.count as u64;
        self.ctx.budget.take(256 + 2 * self.key.len() as u64 + steps * 8)?;
        let labels = self.labels_of_key();
        self.groups.push(Group { labels, counts: Counts::new(self.steps), samples: Vec::new() });
        self.index.insert(self.key.clone(), self.groups.len() - 1);
        Ok(self.groups.len() - 1)
    }

    fn labels_of_key(&self) -> Labels {
        let parts = key_parts(&self.key);
        match &self.by {
            Grouper::By { names, .. } => Labels::new(names.iter().map(String::as_str).zip(parts)),
            Grouper::Without(_) => {
                let pairs = parts.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)));
                Labels::new(pairs)
            }
        }
    }

    fn add(&mut self, group: usize, time: i64, windows: (usize, usize), value: f64) -> Result<(), EvalError> {
        let group = &mut self.groups[group];
        if self.unwrap.is_none() {
            group.counts.add(windows, value as i64);
            return Ok(());
        }
        if group.samples.len() == group.samples.capacity() {
            // The vector is about to double.
            self.ctx.budget.take(16 * group.samples.len().max(4) as u64)?;
        }
        group.samples.push((time, value));
        Ok(())
    }

    fn finish(self) -> SeriesSet {
        let range = self.range;
        let seconds = range.range_ns as f64 / 1e9;
        let mut series = Vec::with_capacity(self.groups.len());
        for mut group in self.groups {
            let mut values = match self.unwrap {
                Some(_) if range.op != RangeOp::Absent => {
                    let param = range.param.unwrap_or_default();
                    over_windows(range.op, param, range.range_ns, self.steps, &mut group.samples)
                }
                Some(_) => over_windows(RangeOp::Last, 0.0, range.range_ns, self.steps, &mut group.samples),
                None => group.counts.totals(),
            };
            if self.unwrap.is_none() && matches!(range.op, RangeOp::Rate | RangeOp::BytesRate) {
                values.iter_mut().flatten().for_each(|value| *value /= seconds);
            }
            series.push(Series { labels: group.labels, values });
        }
        if range.op == RangeOp::Absent {
            return absent(range, self.steps, &series);
        }
        SeriesSet::new(series)
    }
}

/// One where no series has a value, named by the selector's equalities.
fn absent(range: &RangeAggregation, steps: Steps, series: &[Series]) -> SeriesSet {
    let seen = |index: usize| series.iter().any(|series| series.values[index].is_some());
    let values: Vec<Option<f64>> = (0..steps.count).map(|index| (!seen(index)).then_some(1.0)).collect();
    let equal = range.log.selector.iter().filter_map(|matcher| match &matcher.test {
        Match::Eq(text) => Some((matcher.name.as_str(), text.as_str())),
        _ => None,
    });
    SeriesSet::new(vec![Series { labels: Labels::new(equal), values }])
}

pub(super) fn is_line_filter(stage: &Stage) -> bool {
    matches!(stage.kind, StageKind::Line(_))
}

/// The sample of a row, or `None` if it has none; what cannot be read is an error of the row.
fn unwrapped(unwrap: &Unwrap, row: RowRef<'_>, labels: &mut RowLabels) -> Option<f64> {
    let text = labels.get(row, &unwrap.label).filter(|text| !text.is_empty())?.into_owned();
    let value = match unwrap.conversion {
        Conversion::Number => text.trim().parse().ok(),
        Conversion::Bytes => parse_bytes(&text).map(|bytes| bytes as f64),
        Conversion::Duration | Conversion::DurationSeconds => {
            parse_duration(&text).map(|nanos| nanos as f64 / 1e9)
        }
    };
    if value.is_none() {
        labels.set_error(
            "SampleExtractionErr",
            &format!("cannot read {text:?} of {:?} as a sample", unwrap.label),
        );
    }
    let passes = |filter: &LabelFilter, labels: &mut RowLabels| stages::label_passes(filter, row, labels);
    unwrap.filters.iter().all(|filter| passes(filter, labels)).then(|| value.unwrap_or_default())
}

pub(super) fn push_part(key: &mut Vec<u8>, part: &str) {
    key.extend_from_slice(&(part.len() as u32).to_le_bytes());
    key.extend_from_slice(part.as_bytes());
}

fn key_parts(mut key: &[u8]) -> Vec<&str> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = key.split_first_chunk::<4>() {
        let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).unwrap_or((rest, &[]));
        parts.push(std::str::from_utf8(part).unwrap_or_default());
        key = rest;
    }
    parts
}
