//! Rules and redaction over samples: labels, resources, exemplars and descriptions. Series that become alike are one.

use std::borrow::Cow;
use std::sync::Arc;

use store::model::{
    Exemplar, HistogramPoint, MetricRef, Nested, NestedItem, NestedWriter, OwnedValue, SampleBatch,
    SampleBatchBuilder, SamplePoint, SeriesPart, Stream, Value,
};

use super::events::with_resource;
use super::memory::Memory;
use super::redact::Work;
use super::rules::{self, Fate, Pair, Rule, View, service_of};
use super::tally::RuleCounts;

type OwnedPairs = Vec<(String, OwnedValue)>;

/// What becomes of the parts of a batch.
#[derive(Default)]
struct Edits {
    groups: Vec<GroupEdit>,
    /// By exemplar.
    exemplars: Vec<Option<OwnedPairs>>,
    /// By metric.
    descriptions: Vec<(String, String)>,
}

#[derive(Default)]
struct GroupEdit {
    goes: bool,
    stream: Option<Arc<Stream>>,
    attributes: Option<OwnedPairs>,
}

fn pairs<'b>(attributes: Nested<'b>) -> impl Iterator<Item = Pair<'b>> {
    attributes.items().map(|NestedItem { key, value }| (key.unwrap_or_default(), value))
}

fn owned<'p>(pairs: impl IntoIterator<Item = (Cow<'p, str>, OwnedValue)>) -> OwnedPairs {
    pairs.into_iter().map(|(key, value)| (key.into_owned(), value)).collect()
}

/// Samples of each group.
pub(super) fn weights(batch: &SampleBatch) -> Vec<u64> {
    let mut weights = vec![0; batch.group_count()];
    batch.points().for_each(|point| weights[point.group as usize] += point.values.len() as u64);
    weights
}

/// The service each group belongs to.
pub(super) fn service(batch: &SampleBatch, group: usize) -> &str {
    let group = batch.group(group);
    let labels: Vec<Pair<'_>> =
        if group.stream.has_plain_labels() { pairs(group.attributes).collect() } else { Vec::new() };
    service_of(group.stream, &labels)
}

/// Runs the rules.
pub(super) fn apply_rules(
    rules: &[(usize, &Rule)],
    batch: SampleBatch,
    counts: &mut RuleCounts,
) -> SampleBatch {
    let weights = weights(&batch);
    let mut edits = Edits::default();
    let mut changed = false;
    for (place, weight) in weights.into_iter().enumerate() {
        let group = batch.group(place);
        let mut view = View {
            attributes: pairs(group.attributes).collect(),
            name: Some(Value::Str(group.metric.name)),
            ..View::new(group.stream)
        };
        let mut edit = GroupEdit::default();
        match rules::run(rules, &mut view, &mut counts.applied, weight) {
            Fate::Goes(rule) => {
                counts.dropped[rule] += weight;
                edit.goes = true;
            }
            Fate::Stays => {
                edit.stream = view.resource.as_ref().map(|pairs| with_resource(group.stream, pairs).into());
                let keep = |&(key, value): &Pair<'_>| (key.to_owned(), Value::to_owned(value));
                edit.attributes = view.edited.then(|| view.attributes.iter().map(keep).collect());
            }
        }
        changed |= edit.goes || edit.stream.is_some() || edit.attributes.is_some();
        edits.groups.push(edit);
    }
    if changed { rebuild(&batch, &edits) } else { batch }
}

/// Redacts; `None`: the batch stays. `residue`: as for events.
pub(super) fn redact(
    work: &mut Work<'_>,
    memory: &Memory,
    batch: &SampleBatch,
    residue: bool,
) -> Option<SampleBatch> {
    let streams: Vec<Option<Arc<Stream>>> =
        memory.streams(batch.streams(), work).into_iter().map(|stream| stream.map(Arc::new)).collect();
    let groups = 0..batch.group_count();
    let unknown = memory.unknown_labels(groups.clone().map(|group| batch.group(group).attributes));
    let mut edits = Edits::default();
    let mut clean = Vec::new();
    let mut number = 0;
    for (place, unknown) in groups.zip(unknown) {
        let group = batch.group(place);
        let is_its = |stream: &Arc<Stream>| Arc::ptr_eq(stream, group.stream);
        // Mostly that of the group before.
        if !batch.streams().get(number).is_some_and(is_its) {
            number = batch.streams().iter().position(is_its).unwrap_or(number);
        }
        let stream = streams.get(number).cloned().flatten();
        let attributes = if unknown { work.pairs(pairs(group.attributes)).map(owned) } else { None };
        if unknown && attributes.is_none() {
            clean.push(group.attributes);
        }
        edits.groups.push(GroupEdit { goes: false, stream, attributes });
    }
    memory.remember_labels(clean.into_iter());
    for exemplar in batch.exemplars() {
        edits.exemplars.push(work.pairs(pairs(exemplar.attributes)).map(owned));
    }
    for metric in batch.metrics() {
        if let Some(text) = work.text(metric.description) {
            edits.descriptions.push((metric.description.to_owned(), text));
        }
    }
    let in_groups = edits.groups.iter().any(|edit| edit.stream.is_some() || edit.attributes.is_some());
    let in_others = edits.exemplars.iter().any(Option::is_some) || !edits.descriptions.is_empty();
    (residue || in_groups || in_others).then(|| rebuild(batch, &edits))
}

/// The samples of the groups `keep` accepts; `None`: all of them.
pub(super) fn filter(batch: &SampleBatch, mut keep: impl FnMut(usize) -> bool) -> Option<SampleBatch> {
    let edit = |group| GroupEdit { goes: !keep(group), ..GroupEdit::default() };
    let edits = Edits { groups: (0..batch.group_count()).map(edit).collect(), ..Edits::default() };
    edits.groups.iter().any(|edit| edit.goes).then(|| rebuild(batch, &edits))
}

/// Numbers of metrics and streams in the new batch, once known.
struct Rebuild<'b> {
    from: &'b SampleBatch,
    builder: SampleBatchBuilder,
    /// The last metric, which mostly is the next one's too.
    metric: Option<(MetricRef<'b>, u32)>,
}

fn rebuild(batch: &SampleBatch, edits: &Edits) -> SampleBatch {
    let mut new = Rebuild { from: batch, builder: SampleBatchBuilder::default(), metric: None };
    let numbers: Vec<Option<u32>> =
        edits.groups.iter().enumerate().map(|(place, edit)| new.group(place, edit, edits)).collect();
    for point in batch.points() {
        if let Some(group) = numbers[point.group as usize] {
            new.point(group, &point);
        }
    }
    for (place, exemplar) in batch.exemplars().enumerate() {
        if let Some(group) = numbers[exemplar.group as usize] {
            new.exemplar(Exemplar { group, ..exemplar }, edits.exemplars.get(place).and_then(Option::as_ref));
        }
    }
    new.builder.finish()
}

impl<'b> Rebuild<'b> {
    fn group(&mut self, place: usize, edit: &GroupEdit, edits: &Edits) -> Option<u32> {
        if edit.goes {
            return None;
        }
        let group = self.from.group(place);
        let stream = edit.stream.as_ref().unwrap_or(group.stream);
        let stream = self.builder.shared_stream(Arc::clone(stream));
        let metric = self.metric(group.metric, edits);
        let mut all: Vec<Pair<'_>> = match &edit.attributes {
            Some(pairs) => pairs.iter().map(|(key, value)| (key.as_str(), value.as_value())).collect(),
            None => pairs(group.attributes).collect(),
        };
        let attributes = self.builder.attributes(&mut all);
        let parts: Vec<SeriesPart> = group.parts().collect();
        let parts = self.builder.parts(parts.iter().copied());
        Some(self.builder.group(stream, metric, attributes, parts))
    }

    fn metric(&mut self, metric: MetricRef<'b>, edits: &Edits) -> u32 {
        if let Some((_, number)) = self.metric.filter(|(known, _)| *known == metric) {
            return number;
        }
        let replaced = edits.descriptions.iter().find(|(before, _)| before == metric.description);
        let description = replaced.map_or(metric.description, |(_, after)| after);
        let number = self.builder.metric(MetricRef { description, ..metric });
        self.metric = Some((metric, number));
        number
    }

    fn point(&mut self, group: u32, point: &SamplePoint<'_>) {
        let histogram = point.histogram.and_then(|bytes| HistogramPoint::decode(bytes).ok());
        match histogram {
            Some(histogram) => self.builder.histogram(group, point.time_ms, point.start_ms, &histogram),
            None => {
                self.builder.group_point(group, point.time_ms, point.start_ms, point.values.iter().copied())
            }
        }
    }

    fn exemplar(&mut self, exemplar: Exemplar<'_>, pairs: Option<&OwnedPairs>) {
        let Some(pairs) = pairs else {
            self.builder.exemplar(exemplar);
            return;
        };
        let mut attributes = NestedWriter::default();
        attributes.begin_map();
        for (key, value) in pairs {
            attributes.key(key);
            attributes.value(value.as_value());
        }
        attributes.end();
        self.builder.exemplar(Exemplar { attributes: attributes.as_nested(), ..exemplar });
    }
}
