//! A column of texts as patterns and slots; `FORMAT.md` has the layout, `read.rs` is the other side.

use super::super::super::coding::{PADDING, pack_tight, put_varint, width_of, zigzag};
use super::super::blobs::Blobs;
use super::super::encode::{Beside, Cell};
use super::super::tokens::{BlockTokens, DIGIT, class};
use super::search::{Letters, letters_of};
use super::shape::{Decimals, Shape, SlotCoder};
use super::slots::{SlotKind, Slots};
use super::split::{LITERAL, Part, TimeForm, split};
use super::table::PatternTableWriter;
use crate::model::Value;

/// How a slot's tokens are stored: the first byte of its head.
pub(super) const CONST: u8 = 0;
pub(super) const DECIMALS: u8 = 1;
pub(super) const HEX: u8 = 2;
pub(super) const DICT: u8 = 3;
pub(super) const RAW: u8 = 4;
pub(super) const FROM_TIME: u8 = 5;
pub(super) const OTHER: u8 = 6;
pub(super) const NUMBERS: u8 = 7;

/// Longer texts, and patterns, are stored as they are.
const TEXT_BYTES_MAX: usize = 1 << 16;
const PATTERN_BYTES_MAX: usize = 1 << 12;
/// Tokens that take fewer bits are not looked for in other columns.
const OTHER_BITS_MIN: usize = 12;
const OTHER_ROWS_MIN: usize = 8;

/// Attribute columns of the block that are written behind this one: number and cells.
pub(in super::super) type Others<'a, 'c> = &'a [(u32, &'a [Cell<'c>])];

/// What is used again from column to column.
#[derive(Default)]
pub(in super::super) struct PatternsEncoder {
    /// The different patterns of the column.
    local: PatternTableWriter,
    counts: Vec<u32>,
    /// The local pattern of each cell.
    of_cells: Vec<u32>,
    /// Where the parts of each cell begin.
    part_starts: Vec<u32>,
    parts: Vec<Part>,
    pattern: Vec<u8>,
    /// Which local patterns are given up: their texts are stored as they are.
    literals: Vec<bool>,
    /// The code of each local pattern.
    codes: Vec<u32>,
    /// The number in the table of each code.
    patterns: Vec<u32>,
    slots: Slots,
    kinds: Vec<SlotKind>,
    /// Per slot: cell and part, or [`WHOLE`].
    refs: Vec<Vec<(u32, u32)>>,
    coder: SlotCoder,
    head: Vec<u8>,
    bits: Vec<u8>,
}

/// The part that is a whole text.
const WHOLE: u32 = u32::MAX;

/// A column that is to be written.
#[derive(Clone, Copy)]
struct Column<'a, 'c> {
    cells: &'a [Cell<'c>],
    times: &'a [i64],
    others: Others<'a, 'c>,
}

impl<'c> Column<'_, 'c> {
    fn text(&self, cell: u32) -> &'c str {
        self.cells.get(cell as usize).and_then(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn row_time(&self, cell: u32) -> i64 {
        let row = self.cells.get(cell as usize).map_or(0, |(row, _)| *row);
        self.times.get(row as usize).copied().unwrap_or_default()
    }
}

// === impl PatternsEncoder ===

impl PatternsEncoder {
    /// Takes the texts apart; true: most of them share their pattern with another, so [`PatternsEncoder::write`] pays.
    pub(in super::super) fn try_split(&mut self, cells: &[Cell<'_>], table: &PatternTableWriter) -> bool {
        self.local.clear();
        self.counts.clear();
        self.of_cells.clear();
        self.part_starts.clear();
        self.parts.clear();
        for (_, value) in cells {
            let Value::Str(text) = value else { return false };
            let start = self.parts.len();
            self.part_starts.push(start as u32);
            self.pattern.clear();
            let apart = text.len() <= TEXT_BYTES_MAX && split(text, &mut self.pattern, &mut self.parts);
            if !apart || self.pattern.len() > PATTERN_BYTES_MAX {
                self.parts.truncate(start);
                self.pattern.clear();
                self.pattern.push(LITERAL);
            }
            let local = self.local.number(&self.pattern);
            self.counts.resize(self.local.len(), 0);
            self.counts[local as usize] += 1;
            self.of_cells.push(local);
        }
        let literal = |local: u32| {
            let pattern = self.local.get(local);
            let known = || table.find(pattern).is_some();
            pattern == [LITERAL] || !known() && (self.counts[local as usize] < 2 || table.is_full())
        };
        let literals: Vec<bool> = (0..self.local.len() as u32).map(literal).collect();
        let loose: u32 =
            literals.iter().zip(&self.counts).filter(|(l, _)| **l).map(|(_, count)| *count).sum();
        if loose as usize * 2 > cells.len() {
            return false;
        }
        self.literals = literals;
        true
    }

    /// Gives the patterns codes, in the order in which they were met (all literals share one), numbers in the table,
    /// and slots.
    fn number_patterns(&mut self, table: &mut PatternTableWriter) {
        self.codes.clear();
        self.patterns.clear();
        let mut shared = None;
        for (local, literal) in self.literals.iter().enumerate() {
            let next = self.patterns.len() as u32;
            self.codes.push(match shared.filter(|_| *literal) {
                Some(code) => code,
                None => {
                    let pattern = if *literal { &[LITERAL][..] } else { self.local.get(local as u32) };
                    self.patterns.push(table.number(pattern));
                    next
                }
            });
            if *literal {
                shared = self.codes.last().copied();
            }
        }
        self.slots.clear();
        let keys = table.keys();
        self.patterns.iter().for_each(|pattern| self.slots.add(*pattern as usize, keys));
        self.kinds.clear();
        self.kinds.extend(self.slots.keys().iter().map(|key| keys.kind(*key)));
    }

    /// Appends the column of the cells that were taken apart.
    pub(in super::super) fn write<'c>(
        &mut self,
        (times, cells): (&[i64], &[Cell<'c>]),
        Beside { others, tokens }: Beside<'_, 'c>,
        table: &mut PatternTableWriter,
        (blobs, out): (&mut Blobs, &mut Vec<u8>),
    ) {
        let column = Column { cells, times, others };
        self.number_patterns(table);
        self.head.clear();
        self.bits.clear();
        self.patterns.iter().for_each(|pattern| put_varint(&mut self.head, u64::from(*pattern)));
        if let Some(tokens) = tokens {
            self.index(&column, tokens);
        }
        let width = width_of((self.patterns.len() as u64).saturating_sub(1));
        let codes = self.of_cells.iter().map(|local| u64::from(self.codes[*local as usize]));
        pack_tight(&mut self.bits, width, codes);
        self.gather();
        for slot in 0..self.kinds.len() {
            let letters = self.write_slot(slot, &column);
            table.add_letters(self.slots.keys()[slot], letters);
        }
        put_varint(out, self.patterns.len() as u64);
        blobs.put(&self.head, out);
        out.extend_from_slice(&self.bits);
        out.extend_from_slice(&[0; PADDING]);
    }

    /// Words of patterns once, tokens with digits as often as they come.
    fn index(&self, column: &Column<'_, '_>, tokens: &mut BlockTokens) {
        let patterns = self.literals.iter().enumerate().filter(|(_, literal)| !**literal);
        patterns.for_each(|(local, _)| tokens.add_bytes(self.local.get(local as u32)));
        for (cell, local) in self.of_cells.iter().enumerate() {
            let text = column.text(cell as u32);
            if self.literals[*local as usize] {
                tokens.add_text(text);
                continue;
            }
            let slots = self.slots.of(self.codes[*local as usize] as usize);
            for (part, slot) in self.parts_of(cell).iter().zip(slots) {
                let token = match self.kinds[*slot as usize] {
                    SlotKind::Time(form) => long_token(text, part, form),
                    _ => text.as_bytes().get(part.start as usize..part.end as usize),
                };
                let token = token.unwrap_or_default();
                let classes = token.iter().fold(DIGIT, |classes, byte| classes | class(*byte));
                tokens.add_token(token, classes);
            }
        }
    }

    fn parts_of(&self, cell: usize) -> &[Part] {
        let start = self.part_starts.get(cell).map_or(0, |start| *start as usize);
        let end = self.part_starts.get(cell + 1).map_or(self.parts.len(), |end| *end as usize);
        self.parts.get(start..end).unwrap_or_default()
    }

    /// Sorts parts into slots: by pattern, then by the slot's place in it, then by row.
    fn gather(&mut self) {
        self.refs.iter_mut().for_each(Vec::clear);
        self.refs.resize_with(self.kinds.len().max(self.refs.len()), Vec::new);
        let mut cells: Vec<Vec<u32>> = vec![Vec::new(); self.patterns.len()];
        for (cell, local) in self.of_cells.iter().enumerate() {
            cells[self.codes[*local as usize] as usize].push(cell as u32);
        }
        for (code, cells) in cells.iter().enumerate() {
            for (place, slot) in self.slots.of(code).iter().enumerate() {
                let whole = self.kinds[*slot as usize] == SlotKind::Literal;
                let part =
                    |cell: u32| if whole { WHOLE } else { self.part_starts[cell as usize] + place as u32 };
                self.refs[*slot as usize].extend(cells.iter().map(|&cell| (cell, part(cell))));
            }
        }
    }

    /// Writes a slot; the letters its tokens have come back.
    fn write_slot(&mut self, slot: usize, column: &Column<'_, '_>) -> Letters {
        let refs = std::mem::take(&mut self.refs[slot]);
        let letters = match self.kinds[slot] {
            SlotKind::Time(form) => {
                self.write_times(form, &refs, column);
                0
            }
            SlotKind::Token | SlotKind::Literal => self.write_tokens(&refs, column),
        };
        self.refs[slot] = refs;
        letters
    }

    fn write_times(&mut self, form: TimeForm, refs: &[(u32, u32)], column: &Column<'_, '_>) {
        self.coder.ints.clear();
        self.coder.ints.extend(refs.iter().map(|&(cell, part)| {
            self.parts[part as usize].time.wrapping_sub(form.of_row(column.row_time(cell)))
        }));
        let least = self.coder.ints.iter().copied().min().unwrap_or_default();
        let most = self.coder.ints.iter().copied().max().unwrap_or_default();
        self.head.push(FROM_TIME);
        self.write_ints(least, width_of(most.wrapping_sub(least) as u64));
    }

    /// Head and bits of `coder.ints`.
    fn write_ints(&mut self, least: i64, width: u32) {
        put_varint(&mut self.head, zigzag(least));
        self.head.push(width as u8);
        let offsets = self.coder.ints.iter().map(|int| int.wrapping_sub(least) as u64);
        pack_tight(&mut self.bits, width, offsets);
    }

    fn write_tokens(&mut self, refs: &[(u32, u32)], column: &Column<'_, '_>) -> Letters {
        let token = |&(cell, part): &(u32, u32)| {
            let text = column.text(cell).as_bytes();
            let range = match self.parts.get(part as usize) {
                Some(part) => part.start as usize..part.end as usize,
                None => 0..text.len(),
            };
            text.get(range).unwrap_or_default()
        };
        let tokens: Vec<&[u8]> = refs.iter().map(token).collect();
        let (shape, bits) = self.coder.shape(&tokens);
        if bits >= OTHER_BITS_MIN
            && let Some((number, skip)) = in_other(refs, &tokens, column)
        {
            self.head.push(OTHER);
            put_varint(&mut self.head, u64::from(number));
            put_varint(&mut self.head, skip as u64);
            return of_all(&tokens);
        }
        match shape {
            Shape::Const(text) => {
                self.head.push(CONST);
                put_bytes(text, &mut self.head);
                letters_of(text)
            }
            Shape::Decimals(decimals) => {
                self.head.push(DECIMALS);
                put_bytes(decimals.prefix, &mut self.head);
                put_bytes(decimals.suffix, &mut self.head);
                self.head.push(decimals.digits as u8);
                self.write_ints(decimals.least, decimals.width);
                letters_of(decimals.prefix) | letters_of(decimals.suffix)
            }
            Shape::Numbers(decimals) => {
                self.write_numbers(&decimals);
                letters_of(decimals.prefix) | letters_of(decimals.suffix)
            }
            Shape::Hex(hex) => {
                self.head.push(HEX);
                put_bytes(hex.prefix, &mut self.head);
                put_varint(&mut self.head, hex.digits as u64);
                let digits = tokens.iter().flat_map(|token| &token[hex.prefix.len()..]);
                pack_tight(&mut self.bits, 4, digits.map(|digit| u64::from(nibble(*digit))));
                letters_of(hex.prefix) | letters_of(b"abcdef")
            }
            Shape::Dict => {
                self.write_dict(&tokens);
                self.coder.firsts.iter().fold(0, |all, first| all | letters_of(tokens[*first as usize]))
            }
            Shape::Raw => {
                self.write_raw(&tokens);
                of_all(&tokens)
            }
        }
    }

    /// The different numbers, each by its distance from the one before, then their codes.
    fn write_numbers(&mut self, decimals: &Decimals<'_>) {
        self.head.push(NUMBERS);
        put_bytes(decimals.prefix, &mut self.head);
        put_bytes(decimals.suffix, &mut self.head);
        self.head.push(decimals.digits as u8);
        let distinct = &self.coder.distinct;
        put_varint(&mut self.head, distinct.len() as u64);
        put_varint(&mut self.head, zigzag(decimals.least));
        let gaps = || distinct.windows(2).map(|pair| (pair[1] - pair[0]) as u64);
        let width = width_of(gaps().max().unwrap_or(0));
        self.head.push(width as u8);
        pack_tight(&mut self.bits, width, gaps());
        let code = |int: &i64| distinct.binary_search(int).unwrap_or_default() as u64;
        pack_tight(&mut self.bits, width_of(distinct.len() as u64 - 1), self.coder.ints.iter().map(code));
    }

    fn write_dict(&mut self, tokens: &[&[u8]]) {
        let firsts = &self.coder.firsts;
        self.head.push(DICT);
        put_varint(&mut self.head, firsts.len() as u64);
        firsts.iter().for_each(|first| put_bytes(tokens[*first as usize], &mut self.head));
        let width = width_of(firsts.len() as u64 - 1);
        pack_tight(&mut self.bits, width, self.coder.codes.iter().map(|code| u64::from(*code)));
    }

    fn write_raw(&mut self, tokens: &[&[u8]]) {
        self.head.push(RAW);
        let most = tokens.iter().map(|token| token.len()).max().unwrap_or(0) as u64;
        let width = width_of(most);
        self.head.push(width as u8);
        tokens.iter().for_each(|token| self.head.extend_from_slice(token));
        pack_tight(&mut self.bits, width, tokens.iter().map(|token| token.len() as u64));
    }
}

// === helpers ===

/// Of a timestamp only its last token can be long enough to matter for the index: the fraction, with the Z behind it.
fn long_token<'t>(text: &'t str, part: &Part, form: TimeForm) -> Option<&'t [u8]> {
    let (bytes, end) = (text.as_bytes(), part.end as usize);
    let zone = usize::from(bytes.get(end) == Some(&b'Z'));
    bytes.get(end.checked_sub(form.digits as usize)?..end + zone)
}

fn of_all(tokens: &[&[u8]]) -> Letters {
    tokens.iter().fold(0, |all, token| all | letters_of(token))
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn nibble(digit: u8) -> u8 {
    if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 }
}

/// A column that has in every row of the slot the row's token at the end of its value, behind so many bytes.
fn in_other(refs: &[(u32, u32)], tokens: &[&[u8]], column: &Column<'_, '_>) -> Option<(u32, usize)> {
    if refs.len() < OTHER_ROWS_MIN {
        return None;
    }
    let skip_of = |cells: &[Cell<'_>], at: usize| {
        let row = column.cells.get(refs[at].0 as usize)?.0;
        let place = cells.binary_search_by_key(&row, |cell| cell.0).ok()?;
        let value = cells[place].1.as_str()?.as_bytes();
        value.ends_with(tokens[at]).then(|| value.len() - tokens[at].len())
    };
    column.others.iter().find_map(|(number, cells)| {
        if cells.len() < refs.len() {
            return None;
        }
        let skip = skip_of(cells, refs.len() - 1)?;
        (0..refs.len()).all(|at| skip_of(cells, at) == Some(skip)).then_some((*number, skip))
    })
}
