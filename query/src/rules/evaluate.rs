//! One evaluation of a group: expressions over a snapshot, the next state of its alerts, the series it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use engine::promql::{self, Data, InstantParams, Point, Settings};
use store::Snapshot;
use store::model::{
    Batch, Labels, MetricKind, MetricRef, RequestCtx, SampleBatchBuilder, SeriesPart, StreamParts,
    Temporality, Value,
};

use super::file::{Group, Rule, RuleBody};
use super::state::{self, Alerts, Found, Phase};
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
}

/// The answers of some rules of a group at one time.
pub(crate) struct Evaluated {
    pub(crate) runs: Vec<RuleRun>,
    /// Series to write, none if there are none.
    pub(crate) batch: Option<Batch>,
}

/// Evaluates the rules of one stage: none of them reads what another of them records. Blocking: reads data.
pub(crate) fn evaluate(
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    group: &Group,
    stage: Range<usize>,
    before: &[RuleRun],
    now_ms: i64,
    external_url: &str,
) -> Evaluated {
    let mut output = Output::new(now_ms);
    let mut runs = Vec::new();
    for (index, rule) in group.rules.iter().enumerate().take(stage.end).skip(stage.start) {
        let mut run = before.get(index).cloned().unwrap_or_default();
        let started = std::time::Instant::now();
        run.error = one(ctx, snapshot, group, rule, &mut run, &mut output, external_url).err();
        run.took_ms = started.elapsed().as_secs_f64() * 1_000.0;
        run.at_ms = Some(now_ms);
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
    ctx: &RequestCtx,
    snapshot: &Snapshot,
    group: &Group,
    rule: &Rule,
    run: &mut RuleRun,
    output: &mut Output,
    external_url: &str,
) -> Result<(), String> {
    let time_ms = output.now_ms - i64::try_from(group.query_offset_ms).unwrap_or(0);
    let params = InstantParams { time_ms, settings: Settings::default() };
    let answer = promql::instant(ctx, snapshot, &rule.expr, &params).map_err(|e| e.to_string())?;
    let samples = vector(answer.value)?;
    if group.limit > 0 && samples.len() as u64 > group.limit {
        return Err(format!("{} results, the group's limit is {}", samples.len(), group.limit));
    }
    match &rule.body {
        RuleBody::Recording => output.record(rule, run, samples),
        RuleBody::Alerting { for_ms, keep_firing_for_ms, annotations } => {
            let surroundings = Surroundings {
                ask: ask(ctx, snapshot, time_ms),
                external_url,
                external_labels: &group.external_labels,
            };
            let found = samples
                .into_iter()
                .map(|(labels, value)| found(rule, annotations, &labels, value, &surroundings));
            run.alerts =
                state::step(&run.alerts, found.collect(), *for_ms, *keep_firing_for_ms, output.now_ms);
            output.alerts(rule, run);
        }
    }
    Ok(())
}

/// What templates see beside their alert.
struct Surroundings<'s> {
    ask: Ask,
    external_url: &'s str,
    external_labels: &'s BTreeMap<String, String>,
}

/// Answers the queries of templates at the time of the evaluation.
fn ask(ctx: &RequestCtx, snapshot: &Snapshot, time_ms: i64) -> Ask {
    let (ctx, snapshot) = (ctx.clone(), snapshot.clone());
    Rc::new(move |asked| {
        let expr = promql::parse(asked).map_err(|e| e.to_string())?;
        let params = InstantParams { time_ms, settings: Settings::default() };
        let answer = promql::instant(&ctx, &snapshot, &expr, &params).map_err(|e| e.to_string())?;
        let samples = vector(answer.value)?.into_iter();
        let owned =
            |labels: &Labels| labels.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        Ok(samples.map(|(labels, value)| (owned(&labels), value)).collect())
    })
}

fn vector(value: Data) -> Result<Vec<(Labels, f64)>, String> {
    match value {
        Data::Scalar { value, .. } => Ok(vec![(Labels::default(), value)]),
        Data::Vector(samples) => {
            let floats = samples.into_iter().filter_map(|sample| match sample.value {
                Point::Float(value) => Some((sample.labels, value)),
                Point::Histogram(_) => None,
            });
            Ok(floats.collect())
        }
        Data::String { .. } | Data::Matrix(_) => Err("a rule needs a scalar or an instant vector".into()),
    }
}

fn found(
    rule: &Rule,
    annotations: &BTreeMap<String, String>,
    labels: &Labels,
    value: f64,
    surroundings: &Surroundings<'_>,
) -> Found {
    let own: BTreeMap<String, String> = labels
        .iter()
        .filter(|(name, _)| *name != Labels::METRIC_NAME)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut all = own.clone();
    // Templates see the labels of the result and, as `$labels` of annotations in Prometheus, not those of the rule;
    // showing the rule's plain ones too is what people who write `{{ $labels.service }}` expect.
    let plain = rule.labels.iter().filter(|(_, text)| !text.contains("{{"));
    let mut visible = own;
    visible.extend(plain.map(|(name, text)| (name.clone(), text.clone())));
    let of = Expansion {
        labels: &visible,
        value,
        external_url: surroundings.external_url,
        external_labels: surroundings.external_labels,
        ask: Some(Rc::clone(&surroundings.ask)),
    };
    let expand = |text: &str| template::expand(text, &of);
    all.extend(rule.labels.iter().map(|(name, text)| (name.clone(), expand(text))));
    all.insert("alertname".into(), rule.name.clone());
    all.retain(|_, text| !text.is_empty());
    let annotations = annotations.iter().map(|(name, text)| (name.clone(), expand(text))).collect();
    Found { labels: all, annotations, value }
}

impl RuleRun {
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
    for (labels, alert) in alerts {
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
        let stream = builder.stream(&StreamParts { scope_name: "signalbox.rules", ..Default::default() });
        Self { builder, stream, now_ms }
    }

    fn finish(self) -> Option<Batch> {
        (self.builder.rows() > 0).then(|| Batch::Samples(self.builder.finish()))
    }

    fn record(&mut self, rule: &Rule, run: &mut RuleRun, samples: Vec<(Labels, f64)>) {
        let mut written = BTreeSet::new();
        for (labels, value) in samples {
            let own = labels.iter().filter(|(name, _)| !rule.labels.contains_key(*name));
            let pairs = own.map(|(n, v)| (n.to_owned(), v.to_owned()));
            let all = Labels::new(pairs.chain(rule.labels.iter().map(|(n, v)| (n.clone(), v.clone()))));
            written.insert((rule.name.clone(), all.clone()));
            self.point(&rule.name, &all, value);
        }
        self.replace(run, written);
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
        let series = self.builder.series(self.stream, metric, attributes, SeriesPart::Value);
        self.builder.point(series, self.now_ms, 0, value);
    }
}
