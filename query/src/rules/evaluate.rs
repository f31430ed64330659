//! One evaluation of a group: expressions over a snapshot, the next state of its alerts, the series it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use engine::promql::{Histogram, Point};
use store::Snapshot;
use store::model::{
    Batch, Labels, MetricKind, MetricRef, RequestCtx, SampleBatchBuilder, SeriesPart, StreamParts,
    Temporality, Value,
};

use super::file::{Group, Rule, RuleBody};
use super::grid::RULES_SCOPE;
use super::query::{Instant, Language, Query};
use super::state::{self, Alerts, Found, Holds, Phase};
use super::template::{self, Expansion};
use super::template_query::Ask;

/// What a Prometheus user knows as the stale marker.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// What is remembered of a rule between evaluations.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleRun {
    pub(crate) alerts: Alerts,
    /// The series (name, labels) the rule wrote last time: those that are gone get a stale marker.
    pub(crate) written: BTreeSet<(String, Labels)>,
    pub(crate) error: Option<String>,
    pub(crate) took_ms: f64,
    pub(crate) at_ms: Option<i64>,
    /// Of all evaluations since the process began.
    pub(crate) total_ms: f64,
    pub(crate) evaluations: u64,
}

/// The answers of some rules of a group at one time.
pub(crate) struct Evaluated {
    pub(crate) runs: Vec<RuleRun>,
    /// Series to write, none if there are none.
    pub(crate) batch: Option<Batch>,
}

/// What an evaluation reads from and says in its texts.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'s> {
    pub(crate) ctx: &'s RequestCtx,
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) external_url: &'s str,
    pub(crate) at: Instant,
}

/// What rules find at an instant, by their place in the group: it need not be asked for.
pub(crate) type Known = BTreeMap<usize, Vec<(Labels, f64)>>;

/// Evaluates the rules of one stage: none of them reads what another of them records. Blocking: reads data.
pub(crate) fn evaluate(
    from: &Surroundings<'_>,
    group: &Group,
    stage: Range<usize>,
    before: &[RuleRun],
    known: &Known,
) -> Evaluated {
    let mut output = Output::new(from.at.time_ms);
    let mut runs = Vec::new();
    for (index, rule) in group.rules.iter().enumerate().take(stage.end).skip(stage.start) {
        let mut run = before.get(index).cloned().unwrap_or_default();
        let started = std::time::Instant::now();
        let known = known.get(&index).map(Vec::as_slice);
        run.error = one(from, group, (rule, known), &mut run, &mut output).err();
        run.spent(started.elapsed());
        run.at_ms = Some(from.at.time_ms);
        runs.push(run);
    }
    Evaluated { runs, batch: output.finish() }
}

/// The end of all series that these rules wrote: they are evaluated no more.
pub(crate) fn ended<'r>(runs: impl Iterator<Item = &'r RuleRun>, now_ms: i64) -> Option<Batch> {
    let mut output = Output::new(now_ms);
    for (name, labels) in runs.flat_map(|run| &run.written) {
        output.point(name, labels, f64::from_bits(STALE));
    }
    output.finish()
}

fn one(
    from: &Surroundings<'_>,
    group: &Group,
    (rule, known): (&Rule, Option<&[(Labels, f64)]>),
    run: &mut RuleRun,
    output: &mut Output,
) -> Result<(), String> {
    let at = of_group(from.at, group);
    let samples = match known {
        Some(known) => known.iter().map(|(labels, value)| (labels.clone(), Point::Float(*value))).collect(),
        None => rule.query.vector(from.ctx, from.snapshot, &at)?,
    };
    if group.limit > 0 && samples.len() as u64 > group.limit {
        return Err(format!("{} results, the group's limit is {}", samples.len(), group.limit));
    }
    match &rule.body {
        RuleBody::Recording => output.record(rule, run, samples)?,
        RuleBody::Alerting { calm, .. } => {
            let mut found = found(from, group, rule, samples)?;
            if let Some(query) = &calm.keep_firing_while {
                let kept = self::found(from, group, rule, query.vector(from.ctx, from.snapshot, &at)?)?;
                go_on(&run.alerts, &mut found, kept);
            }
            run.alerts = state::step(&run.alerts, found, &holds(rule), from.at.time_ms);
            output.alerts(rule, run);
        }
    }
    Ok(())
}

/// What fires goes on where the weaker expression finds it, with the texts it has.
fn go_on(alerts: &Alerts, found: &mut Vec<Found>, kept: Vec<Found>) {
    for one in kept {
        let firing = alerts.get(&one.labels).filter(|alert| alert.phase == Phase::Firing);
        if let (Some(alert), false) = (firing, found.iter().any(|known| known.labels == one.labels)) {
            found.push(Found { annotations: alert.annotations.clone(), ..one });
        }
    }
}

pub(crate) fn holds(rule: &Rule) -> Holds {
    match &rule.body {
        RuleBody::Alerting { for_ms, keep_firing_for_ms, calm, .. } => {
            Holds { for_ms: *for_ms, keep_ms: *keep_firing_for_ms, flapping: calm.flapping }
        }
        RuleBody::Recording => Holds::default(),
    }
}

fn of_group(at: Instant, group: &Group) -> Instant {
    Instant { time_ms: at.time_ms - i64::try_from(group.query_offset_ms).unwrap_or(0), ..at }
}

/// The elements of a rule's vector as alerts, texts filled in.
pub(crate) fn found(
    from: &Surroundings<'_>,
    group: &Group,
    rule: &Rule,
    samples: Vec<(Labels, Point)>,
) -> Result<Vec<Found>, String> {
    let ask = ask(from, rule.query.language(), of_group(from.at, group));
    let mut known = BTreeSet::new();
    let mut all = Vec::new();
    for (labels, point) in samples {
        let value = match point {
            Point::Float(value) => value,
            // As in Prometheus, whose templates see no histogram.
            Point::Histogram(_) => 0.0,
        };
        let of = Expansion {
            labels: &labels.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
            value,
            external_url: from.external_url,
            external_labels: &group.external_labels,
            ask: Some(Rc::clone(&ask)),
        };
        let one = alert(rule, &of);
        if !known.insert(one.labels.clone()) {
            return Err("vector contains metrics with the same labelset after applying alert labels".into());
        }
        all.push(one);
    }
    Ok(all)
}

/// Answers the queries of templates at the time of the evaluation, in the language of the rule where it has instants.
fn ask(from: &Surroundings<'_>, language: Language, at: Instant) -> Ask {
    let (ctx, snapshot) = (from.ctx.clone(), from.snapshot.clone());
    let language = if language == Language::Logql { language } else { Language::Promql };
    Rc::new(move |asked| {
        let samples = Query::parse(language, asked, 0)?.vector(&ctx, &snapshot, &at)?;
        let owned =
            |labels: &Labels| labels.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let floats = samples.into_iter().filter_map(|(labels, point)| match point {
            Point::Float(value) => Some((owned(&labels), value)),
            Point::Histogram(_) => None,
        });
        Ok(floats.collect())
    })
}

fn alert(rule: &Rule, of: &Expansion<'_>) -> Found {
    let expand = |text: &str| template::expand(text, of);
    let mut labels = of.labels.clone();
    labels.remove(Labels::METRIC_NAME);
    labels.extend(rule.labels.iter().map(|(name, text)| (name.clone(), expand(text))));
    labels.insert("alertname".into(), rule.name.clone());
    labels.retain(|_, text| !text.is_empty());
    let annotations = match &rule.body {
        RuleBody::Alerting { annotations, .. } => {
            annotations.iter().map(|(name, text)| (name.clone(), expand(text))).collect()
        }
        RuleBody::Recording => BTreeMap::new(),
    };
    Found { labels, annotations, value: of.value }
}

impl RuleRun {
    pub(crate) fn spent(&mut self, took: std::time::Duration) {
        self.took_ms = took.as_secs_f64() * 1_000.0;
        self.total_ms += self.took_ms;
        self.evaluations += 1;
    }

    /// With alerts the catalog kept. Their series stand in the store: they end when the alerts do. A process that was
    /// away did not look, so what is to be kept firing is kept from now on.
    pub(crate) fn restored(mut alerts: Alerts, now_ms: i64) -> Self {
        let firing = alerts.values_mut().filter(|alert| alert.phase == Phase::Firing);
        firing.for_each(|alert| alert.seen_at_ms = alert.seen_at_ms.max(now_ms));
        let written = alert_series(&alerts).into_iter().map(|(name, labels, _)| (name, labels)).collect();
        Self { alerts, written, ..Self::default() }
    }
}

/// What Prometheus writes of alerts: which there are, and since when.
fn alert_series(alerts: &Alerts) -> Vec<(String, Labels, f64)> {
    let mut series = Vec::new();
    // What fired early is not on the grid yet.
    for (labels, alert) in alerts.iter().filter(|(_, alert)| alert.early.is_none()) {
        let phase = match alert.phase {
            Phase::Pending => "pending",
            Phase::Firing => "firing",
            Phase::Resolved => continue,
        };
        let pairs = labels.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let plain = Labels::new(pairs.clone());
        series.push(("ALERTS".to_owned(), Labels::new(pairs.chain([("alertstate", phase)])), 1.0));
        series.push(("ALERTS_FOR_STATE".to_owned(), plain, alert.active_at_ms as f64 / 1_000.0));
    }
    series
}

/// The series an evaluation writes.
struct Output {
    builder: SampleBatchBuilder,
    stream: u32,
    now_ms: i64,
}

impl Output {
    fn new(now_ms: i64) -> Self {
        let mut builder = SampleBatchBuilder::default();
        let stream = builder.stream(&StreamParts { scope_name: RULES_SCOPE, ..Default::default() });
        Self { builder, stream, now_ms }
    }

    fn finish(self) -> Option<Batch> {
        (self.builder.rows() > 0).then(|| Batch::Samples(self.builder.finish()))
    }

    fn record(
        &mut self,
        rule: &Rule,
        run: &mut RuleRun,
        samples: Vec<(Labels, Point)>,
    ) -> Result<(), String> {
        let mut all = BTreeMap::new();
        for (labels, point) in samples {
            let kept = |name: &str| name != Labels::METRIC_NAME && !rule.labels.contains_key(name);
            let own = labels.iter().filter(|(name, _)| kept(name));
            let pairs = own.map(|(n, v)| (n.to_owned(), v.to_owned()));
            let labels = Labels::new(pairs.chain(rule.labels.iter().map(|(n, v)| (n.clone(), v.clone()))));
            if all.insert((rule.name.clone(), labels), point).is_some() {
                return Err(
                    "vector contains metrics with the same labelset after applying rule labels".into()
                );
            }
        }
        for ((name, labels), point) in &all {
            match point {
                Point::Float(value) => self.point(name, labels, *value),
                Point::Histogram(histogram) => self.histogram(name, labels, histogram),
            }
        }
        self.replace(run, all.into_keys().collect());
        Ok(())
    }

    fn alerts(&mut self, rule: &Rule, run: &mut RuleRun) {
        let series = alert_series(&run.alerts);
        series.iter().for_each(|(name, labels, value)| self.point(name, labels, *value));
        tracing::trace!(rule = rule.name, alerts = run.alerts.len(), "evaluated");
        let written = series.into_iter().map(|(name, labels, _)| (name, labels)).collect();
        self.replace(run, written);
    }

    /// Ends the series that are not written any more.
    fn replace(&mut self, run: &mut RuleRun, written: BTreeSet<(String, Labels)>) {
        for (name, labels) in run.written.difference(&written) {
            self.point(name, labels, f64::from_bits(STALE));
        }
        run.written = written;
    }

    fn point(&mut self, name: &str, labels: &Labels, value: f64) {
        let series = self.series(name, labels);
        self.builder.point(series, self.now_ms, 0, value);
    }

    fn histogram(&mut self, name: &str, labels: &Labels, histogram: &Histogram) {
        let series = self.series(name, labels);
        self.builder.histogram(series, self.now_ms, 0, &histogram.to_point());
    }

    fn series(&mut self, name: &str, labels: &Labels) -> u32 {
        let metric = self.builder.metric(MetricRef {
            name,
            unit: "",
            description: "",
            kind: MetricKind::Unknown,
            temporality: Temporality::Unspecified,
            monotonic: false,
        });
        let own = labels.iter().filter(|(label, _)| *label != Labels::METRIC_NAME);
        let mut pairs: Vec<(&str, Value<'_>)> = own.map(|(label, text)| (label, Value::Str(text))).collect();
        let attributes = self.builder.attributes(&mut pairs);
        self.builder.series(self.stream, metric, attributes, SeriesPart::Value)
    }
}
