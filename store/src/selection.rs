//! The series of several heads and segments as one list, and their samples read one series after the other.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use parking_lot::RwLock;
use roaring::RoaringBitmap;

use crate::head::{GroupCache, OwnedExemplar, SampleHead};
use crate::model::{LabelMatcher, Labels, Temporality, naming};
use crate::segment::samples::{
    BlockCache, FileError, Piece, RawSamples, SampleSegment, SeriesInput, SharedTimes,
};
use crate::snapshot::SeriesMeta;

/// Which names of series and labels matchers know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Spelling {
    /// Prometheus' and OTel's, and labels of resource and scope.
    #[default]
    Either,
    /// What stands in label sets and nothing else.
    Prometheus,
}

/// Where series are.
#[derive(Clone)]
pub(crate) enum Source {
    /// By its number, for reports of damage.
    Segment(u64, Arc<SampleSegment>),
    Head(Arc<RwLock<SampleHead>>),
}

/// Series of all sources by label set, sorted by it.
#[derive(Default)]
pub(crate) struct Selection {
    sources: Vec<Source>,
    series: Vec<Selected>,
    /// All places, those of one series together, in the order they were written.
    places: Vec<Place>,
    /// There are series with one label set: of several scopes.
    has_alike: bool,
}

struct Selected {
    labels: Labels,
    meta: Arc<SeriesMeta>,
    places: (u32, u32),
}

#[derive(Clone, Copy)]
struct Place {
    source: u32,
    number: u32,
}

/// What could not be read, and why.
pub(crate) struct SourceError {
    pub(crate) segment: u64,
    pub(crate) error: FileError,
}

/// Reads series; neighbours are cheap.
pub(crate) struct SelectionReader<'a> {
    selection: &'a Selection,
    caches: Vec<SourceCache>,
    shared: SharedTimes,
}

#[derive(Default)]
struct SourceCache {
    block: BlockCache,
    group: GroupCache,
}

/// The order of series with one label set. What tells of a resource belongs to none of its scopes.
fn cmp_scope(a: &SeriesMeta, b: &SeriesMeta) -> Ordering {
    if *a.name == *naming::TARGET_INFO { Ordering::Equal } else { a.stream.cmp_scope(&b.stream) }
}

/// Matchers as the index is asked, and as label sets alone must satisfy them.
struct Wanted<'m> {
    indexed: Cow<'m, [LabelMatcher]>,
    of_label_sets: Option<&'m [LabelMatcher]>,
}

impl<'m> Wanted<'m> {
    fn new(matchers: &'m [LabelMatcher], spelling: Spelling) -> Self {
        if spelling == Spelling::Either {
            return Self { indexed: Cow::Borrowed(matchers), of_label_sets: None };
        }
        // What the index knows beside label sets makes a matcher of nothing refuse too much.
        let sure = matchers.iter().filter(|matcher| !matcher.matches_empty());
        Self { indexed: sure.cloned().collect(), of_label_sets: Some(matchers) }
    }

    fn is_meant(&self, labels: &Labels) -> bool {
        let is_matched = |m: &LabelMatcher| m.matches(labels.get(&m.name).unwrap_or_default());
        self.of_label_sets.is_none_or(|matchers| matchers.iter().all(is_matched))
    }
}

// === impl Selection ===

impl Selection {
    /// The matching series of sources that come in the order they were written; series of two scopes are two even if
    /// their label sets are one. Sources that cannot be read are left out and told about.
    pub(crate) fn new(
        sources: Vec<Source>,
        matchers: &[LabelMatcher],
        spelling: Spelling,
        damaged: &mut dyn FnMut(SourceError),
    ) -> Self {
        let wanted = Wanted::new(matchers, spelling);
        let mut found: Vec<(Labels, Arc<SeriesMeta>, Place)> = Vec::new();
        for (at, source) in sources.iter().enumerate() {
            let before = found.len();
            if let Err(error) = source.matching(&wanted, at as u32, &mut found) {
                found.truncate(before);
                damaged(source.error(error));
            }
        }
        // Each source is sorted, which the sort sees; equal series stay in the order of the sources.
        found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| cmp_scope(&a.1, &b.1)));
        let mut selection = Self { sources, series: Vec::with_capacity(found.len()), ..Self::default() };
        selection.places.reserve(found.len());
        for (labels, meta, place) in found {
            let end = selection.places.len() as u32 + 1;
            selection.places.push(place);
            if let Some(last) = selection.series.last_mut()
                && last.labels == labels
            {
                if cmp_scope(&last.meta, &meta).is_eq() {
                    last.places.1 = end;
                    last.meta = meta;
                    continue;
                }
                selection.has_alike = true;
            }
            selection.series.push(Selected { labels, meta, places: (end - 1, end) });
        }
        selection
    }

    /// Shows series that only their scope tells apart with the labels of their scope, as the specification has them.
    pub(crate) fn with_scopes_told(mut self) -> Self {
        if self.has_alike {
            let alike = |a: &Selected, b: Option<&Selected>| b.is_some_and(|b| a.labels == b.labels);
            let series = &self.series;
            let before = |at: usize| at.checked_sub(1).map(|at| &series[at]);
            let are_alike: Vec<bool> = series
                .iter()
                .enumerate()
                .map(|(at, one)| alike(one, before(at)) || alike(one, series.get(at + 1)))
                .collect();
            let told = self.series.iter_mut().zip(are_alike).filter(|(_, is_alike)| *is_alike);
            told.for_each(|(one, _)| one.labels = naming::with_scope(&one.labels, &one.meta.stream));
            self.series.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    pub(crate) fn labels(&self, at: usize) -> &Labels {
        &self.series[at].labels
    }

    pub(crate) fn meta(&self, at: usize) -> &Arc<SeriesMeta> {
        &self.series[at].meta
    }

    pub(crate) fn find(&self, labels: &Labels) -> Option<usize> {
        self.series.binary_search_by(|one| one.labels.cmp(labels)).ok()
    }

    pub(crate) fn reader(&self) -> SelectionReader<'_> {
        let caches = self.sources.iter().map(|_| SourceCache::default()).collect();
        SelectionReader { selection: self, caches, shared: SharedTimes::default() }
    }

    fn places(&self, at: usize) -> &[Place] {
        let (first, end) = self.series[at].places;
        &self.places[first as usize..end as usize]
    }

    /// Whether reading this series needs another block than the one before it. Heads have no blocks.
    pub(crate) fn begins_block(&self, at: usize) -> bool {
        let block = |at: usize| {
            let place = self.places(at).first()?;
            match &self.sources[place.source as usize] {
                Source::Segment(_, segment) => Some((place.source, segment.block_of(place.number)?)),
                Source::Head(_) => None,
            }
        };
        let block_at = block(at);
        block_at.is_none() || at == 0 || block(at - 1) != block_at
    }

    /// Whether a series has samples in the range: for segments as far as their own range tells.
    pub(crate) fn is_alive(&self, at: usize, (start_ms, end_ms): (i64, i64)) -> bool {
        self.places(at).iter().any(|place| match &self.sources[place.source as usize] {
            Source::Segment(_, segment) => segment.overlaps(start_ms, end_ms),
            Source::Head(head) => head.read().has_samples(place.number, start_ms, end_ms),
        })
    }
}

// === impl Source ===

impl Source {
    fn matching(
        &self,
        wanted: &Wanted<'_>,
        source: u32,
        found: &mut Vec<(Labels, Arc<SeriesMeta>, Place)>,
    ) -> Result<(), FileError> {
        match self {
            Self::Segment(_, segment) => {
                for number in segment.matching(&wanted.indexed)? {
                    let (labels, meta) = segment.series(number)?;
                    if !wanted.is_meant(labels) {
                        continue;
                    }
                    found.push((labels.clone(), Arc::clone(meta), Place { source, number }));
                }
            }
            Self::Head(head) => {
                let head = head.read();
                let numbers: RoaringBitmap = head.matching(&wanted.indexed);
                for number in head.sorted(&numbers) {
                    let (labels, meta) = head.series(number);
                    if !wanted.is_meant(labels) {
                        continue;
                    }
                    found.push((labels.clone(), Arc::clone(meta), Place { source, number }));
                }
            }
        }
        Ok(())
    }

    fn error(&self, error: FileError) -> SourceError {
        let segment = match self {
            Self::Segment(number, _) => *number,
            Self::Head(_) => 0,
        };
        SourceError { segment, error }
    }

    fn read(
        &self,
        number: u32,
        range_ms: (i64, i64),
        cache: &mut SourceCache,
        shared: &mut SharedTimes,
    ) -> Result<Piece, FileError> {
        match self {
            Self::Segment(_, segment) => segment.read(number, range_ms, &mut cache.block, shared),
            Self::Head(head) => Ok(head.read().read(number, range_ms, &mut cache.group, shared)?),
        }
    }
}

// === impl SelectionReader ===

impl SelectionReader<'_> {
    /// A series' settled samples in the range (inclusive). What cannot be read is left out and told about.
    pub(crate) fn read(
        &mut self,
        at: usize,
        range_ms: (i64, i64),
        damaged: &mut dyn FnMut(SourceError),
    ) -> Piece {
        let temporality = self.selection.meta(at).temporality;
        let mut first: Option<Piece> = None;
        let mut merged: Option<RawSamples> = None;
        for place in self.selection.places(at) {
            let source = &self.selection.sources[place.source as usize];
            let cache = &mut self.caches[place.source as usize];
            let piece = match source.read(place.number, range_ms, cache, &mut self.shared) {
                Ok(piece) if piece.times.is_empty() && piece.histograms.is_empty() => continue,
                Ok(piece) => piece,
                Err(error) => {
                    damaged(source.error(error));
                    continue;
                }
            };
            if let Some(merged) = &mut merged {
                merged.append(&piece);
            } else if let Some(first) = first.take() {
                let all = merged.insert(RawSamples::default());
                all.append(&first);
                all.append(&piece);
            } else {
                first = Some(piece);
            }
        }
        if let Some(piece) = &first
            && !piece.is_settled()
        {
            merged.insert(RawSamples::default()).append(piece);
        }
        match merged {
            Some(mut all) => {
                all.settle(temporality);
                all.into_piece(&mut self.shared)
            }
            None => first.unwrap_or_else(|| RawSamples::default().into_piece(&mut self.shared)),
        }
    }

    /// The sum of a series of growth before a time: what segments know of themselves need not be read.
    pub(crate) fn total_before(
        &mut self,
        at: usize,
        time_ms: i64,
        damaged: &mut dyn FnMut(SourceError),
    ) -> f64 {
        let places = self.selection.places(at);
        let whole = |place: &Place| match &self.selection.sources[place.source as usize] {
            Source::Segment(_, segment) => segment.footer().max_time_ms < time_ms,
            Source::Head(_) => false,
        };
        // Two places may have the same sample if their ranges meet; a repetition across whole segments would
        // have to be later than its segment was flushed.
        let mut total = 0.0;
        for place in places.iter().filter(|place| whole(place)) {
            if let Source::Segment(_, segment) = &self.selection.sources[place.source as usize] {
                total += segment.total(place.number).unwrap_or(0.0);
            }
        }
        let partial: Vec<Place> = places.iter().filter(|place| !whole(place)).copied().collect();
        let mut all = RawSamples::default();
        for place in partial {
            let source = &self.selection.sources[place.source as usize];
            let cache = &mut self.caches[place.source as usize];
            match source.read(place.number, (i64::MIN, time_ms.saturating_sub(1)), cache, &mut self.shared) {
                Ok(piece) => all.append(&piece),
                Err(error) => damaged(source.error(error)),
            }
        }
        all.settle(Temporality::Delta);
        total + all.values.iter().filter(|value| !value.is_nan()).sum::<f64>()
    }

    /// The exemplars of a series, in the order they were written. `of_segments` holds those of each segment.
    fn exemplars(&self, at: usize, of_segments: &[Vec<(u32, OwnedExemplar)>]) -> Vec<OwnedExemplar> {
        let mut all = Vec::new();
        for place in self.selection.places(at) {
            match &self.selection.sources[place.source as usize] {
                Source::Segment(..) => {
                    let own = &of_segments[place.source as usize];
                    let from = own.partition_point(|(number, _)| *number < place.number);
                    let own = own[from..].iter().take_while(|(number, _)| *number == place.number);
                    all.extend(own.map(|(_, exemplar)| exemplar.clone()));
                }
                Source::Head(head) => all.extend(head.read().exemplars(place.number).cloned()),
            }
        }
        all.sort_by_key(|exemplar| exemplar.time_ms);
        all
    }
}

/// Shows every series whole, with its exemplars, sorted by labels: for writing. An error leaves nothing written.
pub(crate) fn each_whole(
    selection: &Selection,
    visit: &mut dyn FnMut(&SeriesInput),
) -> Result<(), SourceError> {
    let of_segments = exemplars_of(selection)?;
    let mut reader = selection.reader();
    let mut failed = None;
    for at in 0..selection.len() {
        let piece = reader.read(at, (i64::MIN, i64::MAX), &mut |error| {
            failed.get_or_insert(error);
        });
        if let Some(error) = failed.take() {
            return Err(error);
        }
        let mut samples = RawSamples::default();
        samples.append(&piece);
        let exemplars = reader.exemplars(at, &of_segments);
        if !samples.is_empty() || !exemplars.is_empty() {
            let (labels, meta) = (selection.labels(at).clone(), Arc::clone(selection.meta(at)));
            visit(&SeriesInput { labels, meta, samples, exemplars });
        }
    }
    Ok(())
}

/// Exemplars of all series of each segment.
fn exemplars_of(selection: &Selection) -> Result<Vec<Vec<(u32, OwnedExemplar)>>, SourceError> {
    let of = |source: &Source| match source {
        Source::Segment(_, segment) => segment.exemplars().map_err(|error| source.error(error)),
        Source::Head(_) => Ok(Vec::new()),
    };
    selection.sources.iter().map(of).collect()
}

/// Exemplars in the range, by label set; each source that cannot be read is told about.
pub(crate) fn exemplars_in(
    selection: &Selection,
    (start_ms, end_ms): (i64, i64),
    damaged: &mut dyn FnMut(SourceError),
) -> Vec<(Labels, Vec<OwnedExemplar>)> {
    let of_segments: Vec<_> = selection
        .sources
        .iter()
        .map(|source| match source {
            Source::Segment(_, segment) => segment.exemplars().unwrap_or_else(|error| {
                damaged(source.error(error));
                Vec::new()
            }),
            Source::Head(_) => Vec::new(),
        })
        .collect();
    let reader = selection.reader();
    let inside = |at: usize| {
        let mut own = reader.exemplars(at, &of_segments);
        own.retain(|exemplar| (start_ms..=end_ms).contains(&exemplar.time_ms));
        (selection.labels(at).clone(), own)
    };
    (0..selection.len()).map(inside).filter(|(_, own)| !own.is_empty()).collect()
}
