//! The series table: labels as numbers of a symbol list, what OTel knows of each series, and where its samples are.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::codec::{put_varint, take_varint};
use super::file::take;
use super::index::LabelIndex;
use super::series::SeriesInput;
use crate::model::{Labels, MalformedBatch, MetricKind, SeriesPart, Stream, Temporality, naming};
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
        if meta.part.has_value() {
            self.rows.extend_from_slice(&part_value.to_bits().to_le_bytes());
        }
        if meta.temporality == Temporality::Delta {
            let total: f64 = one.samples.values.iter().filter(|value| !value.is_nan()).sum();
            self.rows.extend_from_slice(&total.to_bits().to_le_bytes());
        }
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
    pub(super) index: LabelIndex,
}

pub(super) struct TableRow {
    pub(super) labels: Labels,
    pub(super) meta: Arc<SeriesMeta>,
    pub(super) place: SeriesPlace,
    /// Of all values, where they are growth.
    pub(super) total: f64,
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
        let mut strings = Strings::default();
        let streams = (0..streams)
            .map(|_| {
                let stream = Stream::read(&mut stream_bytes).ok_or(MalformedBatch("streams"))?;
                let hidden = strings.shared(&naming::hidden_labels(&stream));
                Ok((Arc::new(stream), hidden))
            })
            .collect::<Result<Vec<_>, MalformedBatch>>()?;
        let mut row_bytes = row_bytes;
        let series =
            (0..rows).map(|_| read_row(&mut row_bytes, &symbols, &streams)).collect::<Result<Vec<_>, _>>()?;
        let mut index = LabelIndex::default();
        series.iter().for_each(|row| index.push(&row.labels, &row.meta));
        Ok(Self { series, index })
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
    streams: &[(Arc<Stream>, Labels)],
) -> Result<TableRow, MalformedBatch> {
    let mut numbers = [0u32; 10];
    for number in &mut numbers {
        *number = u32::try_from(take_varint(rest)?).map_err(|_| MalformedBatch("series row"))?;
    }
    let [block, index, stream, name, unit, description, kind, temporality, monotonic, part] = numbers;
    let mut float = || Ok::<_, MalformedBatch>(f64::from_bits(u64::from_le_bytes(take(rest)?)));
    let mut part = SeriesPart::from_numbers(part, 0.0);
    if part.has_value() {
        part = SeriesPart::from_numbers(numbers[9], float()?);
    }
    let temporality = Temporality::from_number(temporality);
    let total = if temporality == Temporality::Delta { float()? } else { 0.0 };
    let symbol = |i: u32| symbols.get(i as usize).ok_or(MalformedBatch("symbol number"));
    let label_count = take_varint(rest)?;
    let mut labels = Vec::new();
    for _ in 0..label_count {
        let mut next = || symbol(u32::try_from(take_varint(rest)?).map_err(|_| MalformedBatch("label"))?);
        labels.push((Arc::clone(next()?), Arc::clone(next()?)));
    }
    if !labels.is_sorted_by(|a, b| a.0 < b.0) || labels.iter().any(|(_, value)| value.is_empty()) {
        return Err(MalformedBatch("labels"));
    }
    let (stream, hidden) = streams.get(stream as usize).ok_or(MalformedBatch("stream number"))?;
    let name = symbol(name)?;
    let meta = SeriesMeta {
        name: Arc::clone(name),
        unit: Arc::clone(symbol(unit)?),
        description: Arc::clone(symbol(description)?),
        kind: MetricKind::from_number(kind),
        temporality,
        monotonic: monotonic != 0,
        part,
        stream: Arc::clone(stream),
        // A resource's own series shows its attributes.
        hidden: if **name == *naming::TARGET_INFO { Labels::default() } else { hidden.clone() },
    };
    let place = SeriesPlace { block, index };
    Ok(TableRow { labels: Labels::from_sorted(labels), meta: Arc::new(meta), place, total })
}

/// One copy of each string.
#[derive(Default)]
pub(crate) struct Strings(hashbrown::HashSet<Arc<str>, FxBuildHasher>);

impl Strings {
    pub(crate) fn get(&mut self, text: &str) -> Arc<str> {
        Arc::clone(self.0.get_or_insert_with(text, |text| text.into()))
    }

    /// The labels, of shared strings.
    pub(crate) fn shared(&mut self, labels: &Labels) -> Labels {
        Labels::from_sorted(labels.iter().map(|(name, value)| (self.get(name), self.get(value))).collect())
    }
}
