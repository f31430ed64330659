//! Redaction: secrets and personal data are taken out of texts before anything is written.
//!
//! Most texts hold nothing. One walk over a text with an automaton of words, and counts of a few bytes, tell which
//! detectors could find something in it; only these read it. What they find is replaced, what two of them find once.
//!
//! It knows what a text says, not what it means: a secret without a known form, in a text without a name before it, is
//! not seen, and neither is what is split over two records, encoded or compressed.

mod address;
mod card;
mod detectors;
mod email;
mod iban;
mod secrets;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Regex;

use super::key::Marker;
use detectors::{DETECTORS, DetectorRow, Find, Shape};

pub(crate) use values::{About, Change, Work};

/// What stands in the place of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Style {
    /// Its kind.
    #[default]
    Mask,
    /// Its kind and a keyed hash: equal values stay equal, and nobody without the key finds out which.
    Hash,
    /// Nothing.
    Remove,
}

/// What is to be found, as configuration says it.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Detector { name: &'static str, style: Style },
    Own { name: String, regex: Regex, style: Style },
}

/// What is looked for and how it is replaced.
pub(crate) struct Redactor {
    words: AhoCorasick,
    /// For each word the detectors it calls, as bits.
    word_bits: Vec<u32>,
    wordless: u32,
    /// Those that look for addresses.
    addresses: u32,
    active: Vec<Active>,
    /// Somebody's own patterns read every text.
    has_own: bool,
    /// Attributes that are left as they are.
    except: BTreeSet<String>,
}

struct Active {
    name: Box<str>,
    style: Style,
    kind: Kind,
    /// Of a row of the table.
    bit: u32,
}

enum Kind {
    Scan(&'static DetectorRow),
    Pattern(&'static DetectorRow, Regex),
    Own(Regex),
}

/// A value in a text, and who found it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Hit {
    range: Range<usize>,
    by: usize,
}

/// Nothing shorter is a value with its name, or any other value.
const TEXT_BYTES_MIN: usize = 5;

/// Names of detectors that a preset or a single name stands for.
pub(crate) fn named(name: &str) -> Vec<&'static str> {
    let rows = DETECTORS.iter().filter(|row| row.name == name || row.preset == name);
    rows.map(|row| row.name).collect()
}

/// Every name that can stand in `redact`, presets first.
pub(crate) fn known_names() -> Vec<&'static str> {
    detectors::PRESETS.into_iter().chain(DETECTORS.iter().map(|row| row.name)).collect()
}

// === impl Redactor ===

impl Redactor {
    /// `wanted`: each name once.
    pub fn new(wanted: &[Wanted], except: BTreeSet<String>) -> Result<Self, String> {
        let mut active = Vec::new();
        // In the order of the table, own patterns first: whoever wrote one means it.
        for wanted in wanted {
            if let Wanted::Own { name, regex, style } = wanted {
                active.push(Active {
                    name: name.as_str().into(),
                    style: *style,
                    kind: Kind::Own(regex.clone()),
                    bit: 0,
                });
            }
        }
        for row in DETECTORS {
            let style = wanted.iter().find_map(|wanted| match wanted {
                Wanted::Detector { name, style } if *name == row.name => Some(*style),
                _ => None,
            });
            let Some(style) = style else { continue };
            let kind = match &row.find {
                Find::Scan(_) => Kind::Scan(row),
                Find::Pattern(pattern, _) => {
                    Kind::Pattern(row, Regex::new(pattern).map_err(|e| format!("{}: {e}", row.name))?)
                }
            };
            active.push(Active { name: row.name.into(), style, kind, bit: bit(row) });
        }
        let rows = || active.iter().filter_map(Active::row);
        let words: Vec<&str> = rows().flat_map(|row| row.words).copied().collect();
        let word_bits = rows().flat_map(|row| row.words.iter().map(|_| bit(row))).collect();
        let wordless = rows().filter(|row| row.words.is_empty()).fold(0, |bits, row| bits | bit(row));
        let addresses = rows().filter(|row| row.shape == Shape::Address).fold(0, |bits, row| bits | bit(row));
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words)
            .map_err(|e| e.to_string())?;
        let has_own = active.iter().any(|active| active.row().is_none());
        Ok(Self { words, word_bits, wordless, addresses, active, has_own, except })
    }

    /// Names of what is looked for, in the order of counts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.active.iter().map(|active| &*active.name)
    }

    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.active.iter().position(|active| active.row().is_some_and(|row| row.name == name))
    }

    /// The detectors that could find something, as bits.
    fn triggered(&self, text: &str) -> u32 {
        let bytes = text.as_bytes();
        let mut bits = self.wordless;
        // The plain question is the cheaper one, and mostly answered with no.
        if self.words.is_match(bytes) {
            for found in self.words.find_overlapping_iter(bytes) {
                bits |= self.word_bits[found.pattern().as_usize()];
            }
        }
        if bits != 0 { Shapes::of(bytes, bits & self.addresses != 0).fitting(bits) } else { 0 }
    }

    /// Values in a text, one after the other; what overlaps is one.
    fn hits(&self, text: &str, hits: &mut Vec<Hit>) {
        hits.clear();
        if text.len() < TEXT_BYTES_MIN {
            return;
        }
        let bits = self.triggered(text);
        if bits == 0 && !self.has_own {
            return;
        }
        for (by, active) in self.active.iter().enumerate() {
            active.find(text, bits, by, hits);
        }
        if hits.len() < 2 {
            return;
        }
        hits.sort_by_key(|hit| (hit.range.start, hit.by));
        let mut merged: Vec<Hit> = Vec::with_capacity(hits.len());
        for hit in hits.drain(..) {
            match merged.last_mut() {
                Some(last) if hit.range.start < last.range.end => {
                    last.range.end = last.range.end.max(hit.range.end);
                }
                _ => merged.push(hit),
            }
        }
        *hits = merged;
    }

    /// Appends what stands in the place of a value.
    fn replace(&self, by: usize, value: &str, marker: &Marker, out: &mut String) {
        let active = &self.active[by];
        match active.style {
            Style::Remove => {}
            Style::Mask => out.extend(["<redacted:", &active.name, ">"]),
            Style::Hash => {
                let same = active.row().map_or(value.into(), |row| (row.same)(value));
                out.extend(["<", &active.name, ":", &marker.hash(&same), ">"]);
            }
        }
    }
}

impl Active {
    fn row(&self) -> Option<&'static DetectorRow> {
        match self.kind {
            Kind::Scan(row) | Kind::Pattern(row, _) => Some(row),
            Kind::Own(_) => None,
        }
    }

    fn find(&self, text: &str, bits: u32, by: usize, hits: &mut Vec<Hit>) {
        if self.bit != 0 && bits & self.bit == 0 {
            return;
        }
        let mut put = |range: Range<usize>| {
            if !range.is_empty() {
                hits.push(Hit { range, by });
            }
        };
        match &self.kind {
            Kind::Scan(row) => {
                if let Find::Scan(scan) = row.find {
                    let mut ranges = Vec::new();
                    scan(text, &mut ranges);
                    ranges.into_iter().for_each(put);
                }
            }
            Kind::Pattern(row, regex) => {
                if let Find::Pattern(_, accepts) = row.find {
                    regex.captures_iter(text).filter_map(|found| accepts(&found)).for_each(put);
                }
            }
            Kind::Own(regex) => {
                for found in regex.captures_iter(text) {
                    if let Some(range) = secrets::group_or_all(&found) {
                        put(range);
                    }
                }
            }
        }
    }
}

fn bit(row: &DetectorRow) -> u32 {
    let place = DETECTORS.iter().position(|known| known.name == row.name);
    place.map_or(0, |place| 1 << place)
}

/// What a text has of what detectors need.
struct Shapes {
    digits: usize,
    at: bool,
    address: bool,
    assignment: bool,
}

impl Shapes {
    fn of(bytes: &[u8], with_addresses: bool) -> Self {
        let count = |sign: u8| bytes.iter().filter(|byte| **byte == sign).count();
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        let escaped = || memchr::memchr_iter(b'%', bytes).any(|at| bytes[at + 1..].starts_with(b"40"));
        Self {
            digits,
            at: memchr::memchr(b'@', bytes).is_some() || escaped(),
            address: with_addresses && digits >= 1 && (digits >= 4 && count(b'.') >= 3 || count(b':') >= 2),
            assignment: memchr::memchr2(b'=', b':', bytes).is_some(),
        }
    }

    /// Of these detectors the ones that could find something.
    fn fitting(&self, bits: u32) -> u32 {
        let (mut left, mut fitting) = (bits, bits);
        while left != 0 {
            let place = left.trailing_zeros();
            left &= left - 1;
            let fits = match DETECTORS[place as usize].shape {
                Shape::Any => true,
                Shape::At => self.at,
                Shape::Assignment => self.assignment,
                Shape::Digits(least) => self.digits >= least,
                Shape::Address => self.address,
            };
            if !fits {
                fitting &= !(1 << place);
            }
        }
        fitting
    }
}
