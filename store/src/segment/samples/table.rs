//! The series table: labels as numbers of a symbol list, what OTel knows of each series, and where its samples are.

use std::sync::Arc;

use hashbrown::HashMap;
use roaring::RoaringBitmap;
use rustc_hash::FxBuildHasher;

use super::codec::{put_varint, take_varint};
use super::file::take;
use super::write::SeriesInput;
use crate::model::{
    LabelMatcher, Labels, MalformedBatch, MatchOp, MetricKind, SeriesPart, Stream, Temporality,
};
use crate::snapshot::SeriesMeta;

/// Which block, and the how-manieth series in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SeriesPlace {
    pub block: u32,
    pub index: u32,
}

#[derive(Default)]
pub(super) struct TableWriter {
    symbols: HashMap<Arc<str>, u32, FxBuildHasher>,
    symbol_bytes: Vec<u8>,
    streams: HashMap<u128, u32, FxBuildHasher>,
    stream_bytes: Vec<u8>,
    rows: Vec<u8>,
    count: u32,
}

impl TableWriter {
    pub(super) fn push(&mut self, one: &SeriesInput, place: SeriesPlace) {
        self.count += 1;
        let meta = &one.meta;
        let next = self.streams.len() as u32;
        let stream = *self.streams.entry(meta.stream.hash()).or_insert_with(|| {
            meta.stream.write(&mut self.stream_bytes);
            next
        });
        let texts = [&meta.name, &meta.unit, &meta.description].map(|text| self.symbol(text));
        let (part, part_value) = meta.part.to_numbers();
        let numbers = [
            place.block,
            place.index,
            stream,
            texts[0],
            texts[1],
            texts[2],
            meta.kind as u32,
            meta.temporality as u32,
            u32::from(meta.monotonic),
            part,
        ];
        numbers.iter().for_each(|n| put_varint(&mut self.rows, u64::from(*n)));
        self.rows.extend_from_slice(&part_value.to_bits().to_le_bytes());
        put_varint(&mut self.rows, one.labels.len() as u64);
        for (name, value) in one.labels.iter() {
            let (name, value) = (self.symbol(name), self.symbol(value));
            put_varint(&mut self.rows, u64::from(name));
            put_varint(&mut self.rows, u64::from(value));
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let mut out = Vec::new();
        for (count, bytes) in [
            (self.symbols.len(), &self.symbol_bytes),
            (self.streams.len(), &self.stream_bytes),
            (self.count as usize, &self.rows),
        ] {
            out.extend_from_slice(&(count as u32).to_le_bytes());
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(bytes);
        }
        out
    }

    fn symbol(&mut self, text: &str) -> u32 {
        if let Some(&known) = self.symbols.get(text) {
            return known;
        }
        let number = self.symbols.len() as u32;
        self.symbols.insert(text.into(), number);
        put_varint(&mut self.symbol_bytes, text.len() as u64);
        self.symbol_bytes.extend_from_slice(text.as_bytes());
        number
    }
}

/// The table in memory, with an index from labels to series.
pub(super) struct SeriesTable {
    pub(super) series: Vec<TableRow>,
    /// Label name → value → series.
    postings: HashMap<Arc<str>, HashMap<Arc<str>, RoaringBitmap, FxBuildHasher>, FxBuildHasher>,
}

pub(super) struct TableRow {
    pub(super) labels: Labels,
    pub(super) meta: Arc<SeriesMeta>,
    pub(super) place: SeriesPlace,
}

impl SeriesTable {
    pub(super) fn read(mut bytes: &[u8]) -> Result<Self, MalformedBatch> {
        let rest = &mut bytes;
        let mut part = || {
            let count = u32::from_le_bytes(take(rest)?);
            let len = u32::from_le_bytes(take(rest)?) as usize;
            let (bytes, tail) = rest.split_at_checked(len).ok_or(MalformedBatch("table"))?;
            *rest = tail;
            Ok::<_, MalformedBatch>((count, bytes))
        };
        let ((symbols, symbol_bytes), (streams, stream_bytes), (rows, row_bytes)) =
            (part()?, part()?, part()?);
        let symbols = read_symbols(symbols, symbol_bytes)?;
        let mut stream_bytes = stream_bytes;
        let streams = (0..streams)
            .map(|_| Stream::read(&mut stream_bytes).map(Arc::new).ok_or(MalformedBatch("streams")))
            .collect::<Result<Vec<_>, _>>()?;
        let mut row_bytes = row_bytes;
        let series =
            (0..rows).map(|_| read_row(&mut row_bytes, &symbols, &streams)).collect::<Result<Vec<_>, _>>()?;
        let mut table = Self { series, postings: HashMap::default() };
        table.index();
        Ok(table)
    }

    fn index(&mut self) {
        for (number, row) in self.series.iter().enumerate() {
            for (name, value) in row.labels.pairs() {
                let values = self.postings.entry(Arc::clone(name)).or_default();
                values.entry(Arc::clone(value)).or_default().insert(number as u32);
            }
        }
    }

    /// The series all matchers accept.
    pub(super) fn select(&self, matchers: &[LabelMatcher]) -> RoaringBitmap {
        let mut found: Option<RoaringBitmap> = None;
        // Equality first: it is cheap and leaves little for the rest.
        let (equal, other): (Vec<_>, Vec<_>) =
            matchers.iter().partition(|m| m.op == MatchOp::Equal && !m.matches_empty());
        for matcher in equal.into_iter().chain(other) {
            let accepted = self.accepted(matcher);
            found = Some(match found {
                Some(before) => before & accepted,
                None => accepted,
            });
        }
        found.unwrap_or_else(|| (0..self.series.len() as u32).collect())
    }

    fn accepted(&self, matcher: &LabelMatcher) -> RoaringBitmap {
        let values = self.postings.get(&matcher.name);
        let with = |keep: &dyn Fn(&str) -> bool| -> RoaringBitmap {
            let mut all = RoaringBitmap::new();
            for (_, series) in values.into_iter().flatten().filter(|(value, _)| keep(value)) {
                all |= series;
            }
            all
        };
        if matcher.matches_empty() {
            // Series without the label match too: everything but those whose value does not.
            let mut all: RoaringBitmap = (0..self.series.len() as u32).collect();
            all -= with(&|value| !matcher.matches(value));
            all
        } else if matcher.op == MatchOp::Equal {
            values.and_then(|values| values.get(&matcher.value)).cloned().unwrap_or_default()
        } else {
            with(&|value| matcher.matches(value))
        }
    }
}

fn read_symbols(count: u32, mut bytes: &[u8]) -> Result<Vec<Arc<str>>, MalformedBatch> {
    (0..count)
        .map(|_| {
            let len = take_varint(&mut bytes)? as usize;
            let (text, tail) = bytes.split_at_checked(len).ok_or(MalformedBatch("symbols"))?;
            bytes = tail;
            std::str::from_utf8(text).map(Arc::from).map_err(|_| MalformedBatch("symbol is not UTF-8"))
        })
        .collect()
}

fn read_row(
    rest: &mut &[u8],
    symbols: &[Arc<str>],
    streams: &[Arc<Stream>],
) -> Result<TableRow, MalformedBatch> {
    let mut numbers = [0u32; 10];
    for number in &mut numbers {
        *number = u32::try_from(take_varint(rest)?).map_err(|_| MalformedBatch("series row"))?;
    }
    let [block, index, stream, name, unit, description, kind, temporality, monotonic, part] = numbers;
    let part_value = f64::from_bits(u64::from_le_bytes(take(rest)?));
    let symbol = |i: u32| symbols.get(i as usize).ok_or(MalformedBatch("symbol number"));
    let label_count = take_varint(rest)?;
    let mut labels = Vec::new();
    for _ in 0..label_count {
        let mut next = || symbol(u32::try_from(take_varint(rest)?).map_err(|_| MalformedBatch("label"))?);
        labels.push((Arc::clone(next()?), Arc::clone(next()?)));
    }
    let meta = SeriesMeta {
        name: symbol(name)?.to_string(),
        unit: symbol(unit)?.to_string(),
        description: symbol(description)?.to_string(),
        kind: MetricKind::from_number(kind),
        temporality: Temporality::from_number(temporality),
        monotonic: monotonic != 0,
        part: SeriesPart::from_numbers(part, part_value),
        stream: Arc::clone(streams.get(stream as usize).ok_or(MalformedBatch("stream number"))?),
    };
    Ok(TableRow { labels: Labels::new(labels), meta: Arc::new(meta), place: SeriesPlace { block, index } })
}
