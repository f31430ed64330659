//! A column of patterns and slots, read back: a row's text is written out when it is asked for.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::super::super::coding::{PADDING, Packed, Reader, packed_len, unzigzag, width_of};
use super::super::blobs::read_blob;
use super::super::decode::{Column, Context};
use super::encode::{CONST, DECIMALS, DICT, FROM_TIME, HEX, NUMBERS, OTHER, RAW};
use super::numbers::Numbers;
use super::slots::{SlotKind, Slots};
use super::split::{LITERAL, TIME, TOKEN, TimeForm, put_digits};
use super::table::PatternTable;

/// A column's texts by the place of their value. What it takes to write them out is read when the first one is.
pub(in super::super) struct PatternColumn {
    table: Arc<PatternTable>,
    times: Arc<Vec<i64>>,
    /// The number in the table of each code.
    patterns: Vec<u32>,
    codes: Vec<u32>,
    bytes: Vec<u8>,
    /// Where in `bytes` the heads of slots begin.
    heads_at: usize,
    bits: Vec<u8>,
    slotted: OnceLock<Option<Slotted>>,
    numbers: OnceLock<Option<Numbers>>,
    /// The columns it leads to.
    links: OnceLock<Vec<(u32, Arc<Column>)>>,
}

/// Where each token of each text is.
pub(super) struct Slotted {
    /// How many places before have the same code.
    pub(super) ranks: Vec<u32>,
    pub(super) slots: Slots,
    /// Where the tokens of each placeholder begin in its slot.
    pub(super) bases: Vec<u32>,
    pub(super) heads: Vec<Head>,
}

/// How the tokens of a slot are stored; ranges are of the column's bytes, `at` is a place in its bits.
pub(super) enum Head {
    Const(Range<usize>),
    Decimals {
        prefix: Range<usize>,
        suffix: Range<usize>,
        digits: usize,
        ints: Ints,
    },
    /// Decimals of which few differ.
    Numbers {
        prefix: Range<usize>,
        suffix: Range<usize>,
        digits: usize,
        values: Vec<i64>,
        codes: Bits,
    },
    Hex {
        prefix: Range<usize>,
        digits: usize,
        at: usize,
        len: usize,
    },
    Dict {
        values: Vec<Range<usize>>,
        codes: Bits,
    },
    Raw {
        start: usize,
        ends: Vec<usize>,
    },
    Time {
        form: TimeForm,
        ints: Ints,
    },
    Other {
        number: u32,
        skip: usize,
    },
}

#[derive(Clone, Copy)]
pub(super) struct Bits {
    at: usize,
    width: u32,
    pub(super) len: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Ints {
    least: i64,
    pub(super) bits: Bits,
}

/// Front to back through bytes and bits.
struct HeadReader<'a> {
    bytes: &'a [u8],
    reader: Reader<'a>,
    bits: &'a [u8],
    at: usize,
}

thread_local! {
    /// As long as the table of keys is, which most blocks have few of.
    static NUMBERS_OF_KEYS: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

// === impl PatternColumn ===

impl PatternColumn {
    /// Reads the column of `count` values; `bytes` are those of its blob.
    pub(in super::super) fn read(
        reader: &mut Reader<'_>,
        count: usize,
        context: &Context<'_>,
    ) -> Option<Self> {
        let table = Arc::clone(context.patterns?);
        let patterns = reader.count(count)?;
        let bytes = read_blob(reader)?;
        let bits = reader.rest();
        let mut heads = HeadReader { bytes: &bytes, reader: Reader::new(&bytes), bits, at: 0 };
        let patterns: Vec<u32> = (0..patterns)
            .map(|_| heads.reader.count(u32::MAX as usize).map(|n| n as u32))
            .collect::<Option<_>>()?;
        let width = width_of((patterns.len() as u64).checked_sub(1)?);
        let codes: Vec<u32> = heads.take(width, count)?.packed(bits).iter().map(|code| code as u32).collect();
        let sound = codes.iter().all(|code| (*code as usize) < patterns.len())
            && patterns.iter().all(|pattern| table.get(*pattern as usize).is_some());
        let heads_at = bytes.len() - heads.reader.rest().len();
        let (times, bits) = (Arc::clone(context.times), bits.to_vec());
        let (slotted, numbers, links) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        sound.then_some(Self {
            table,
            times,
            patterns,
            codes,
            bytes,
            heads_at,
            bits,
            slotted,
            numbers,
            links,
        })
    }

    pub(super) fn slotted(&self) -> Option<&Slotted> {
        self.slotted.get_or_init(|| self.read_slots()).as_ref()
    }

    pub(super) fn numbered(&self) -> Option<&Numbers> {
        self.numbers.get_or_init(|| self.read_numbers()).as_ref()
    }

    /// How many places before this one have its code.
    pub(super) fn rank(&self, place: usize) -> Option<usize> {
        self.slotted()?.ranks.get(place).map(|rank| *rank as usize)
    }

    fn read_slots(&self) -> Option<Slotted> {
        let (table, count) = (&self.table, self.codes.len());
        let rest = self.bytes.get(self.heads_at..)?;
        let mut heads = HeadReader { bytes: &self.bytes, reader: Reader::new(rest), bits: &self.bits, at: 0 };
        heads.take(width_of((self.patterns.len() as u64).checked_sub(1)?), count)?;
        let mut counts = vec![0u32; self.patterns.len()];
        let mut ranks = Vec::with_capacity(count);
        for code in &self.codes {
            let count = counts.get_mut(*code as usize)?;
            ranks.push(*count);
            *count += 1;
        }
        let slots = NUMBERS_OF_KEYS.with_borrow_mut(|numbers| {
            let mut slots = Slots::with_numbers(std::mem::take(numbers));
            self.patterns.iter().for_each(|pattern| slots.add(*pattern as usize, &table.keys));
            *numbers = slots.take_numbers();
            slots
        });
        let mut filled = vec![0u32; slots.keys().len()];
        let mut bases = Vec::new();
        for (code, count) in counts.iter().enumerate() {
            for slot in slots.of(code) {
                bases.push(filled[*slot as usize]);
                filled[*slot as usize] += count;
            }
        }
        let kinds = slots.keys().iter().map(|key| table.keys.kind(*key));
        let heads =
            kinds.zip(filled).map(|(kind, len)| heads.head(kind, len as usize)).collect::<Option<_>>()?;
        Some(Slotted { ranks, slots, bases, heads })
    }

    /// The columns texts of this one lead to, as long as it has not been told; `None`: its bytes make no sense.
    pub(in super::super) fn others(&self) -> Option<Vec<u32>> {
        if self.links.get().is_some() {
            return Some(Vec::new());
        }
        let number = |head: &Head| if let Head::Other { number, .. } = head { Some(*number) } else { None };
        let mut numbers: Vec<u32> = self.slotted()?.heads.iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Some(numbers)
    }

    /// Tells the columns of [`PatternColumn::others`].
    pub(in super::super) fn link(&self, others: Vec<(u32, Arc<Column>)>) {
        // Told twice they are the same.
        let _ = self.links.set(others);
    }

    /// How many codes there are, and the pattern of each.
    pub(super) fn patterns(&self) -> &[u32] {
        &self.patterns
    }

    pub(super) fn table(&self) -> &PatternTable {
        &self.table
    }

    /// The times of the block's rows.
    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }

    /// What [`Head`]'s ranges are of.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// What [`PatternColumn::link`] told; `None`: nothing yet.
    pub(super) fn links(&self) -> Option<&[(u32, Arc<Column>)]> {
        self.links.get().map(Vec::as_slice)
    }

    pub(in super::super) fn code(&self, place: usize) -> Option<usize> {
        self.codes.get(place).map(|code| *code as usize)
    }

    pub(in super::super) fn size_bytes(&self) -> usize {
        self.codes.len() * 8 + self.bytes.len() + self.bits.len()
    }

    pub(super) fn pattern(&self, code: usize) -> &[u8] {
        self.patterns.get(code).and_then(|number| self.table.get(*number as usize)).unwrap_or_default()
    }

    /// Appends the text at `place`, which is that of `row`. `None`: the column's bytes make no sense.
    pub(in super::super) fn write(&self, place: usize, row: usize, out: &mut Vec<u8>) -> Option<()> {
        let slotted = self.slotted()?;
        let code = *self.codes.get(place)? as usize;
        let rank = *slotted.ranks.get(place)?;
        let mut bases = slotted.bases.get(slotted.slots.range(code))?.iter();
        let mut slots = slotted.slots.of(code).iter();
        let mut rest = self.pattern(code);
        if rest == [TOKEN] {
            let at = bases.next()? + rank;
            return self.write_token(slotted.heads.get(*slots.next()? as usize)?, at as usize, row, out);
        }
        while let Some(at) = memchr::memchr3(TOKEN, TIME, LITERAL, rest) {
            out.extend_from_slice(&rest[..at]);
            let (slot, base) = (*slots.next()?, *bases.next()?);
            self.write_token(slotted.heads.get(slot as usize)?, (base + rank) as usize, row, out)?;
            rest = rest.get(at + if rest[at] == TIME { 2 } else { 1 }..)?;
        }
        out.extend_from_slice(rest);
        Some(())
    }

    pub(super) fn write_token(&self, head: &Head, at: usize, row: usize, out: &mut Vec<u8>) -> Option<()> {
        match head {
            Head::Const(text) => out.extend_from_slice(self.bytes.get(text.clone())?),
            Head::Decimals { prefix, suffix, digits, ints } => {
                out.extend_from_slice(self.bytes.get(prefix.clone())?);
                put_digits(ints.get(&self.bits, at), (*digits).max(1), out);
                out.extend_from_slice(self.bytes.get(suffix.clone())?);
            }
            Head::Numbers { prefix, suffix, digits, values, codes } => {
                out.extend_from_slice(self.bytes.get(prefix.clone())?);
                let value = values.get(codes.packed(&self.bits).get(at) as usize)?;
                put_digits(*value, (*digits).max(1), out);
                out.extend_from_slice(self.bytes.get(suffix.clone())?);
            }
            Head::Hex { prefix, digits, at: start, .. } => {
                out.extend_from_slice(self.bytes.get(prefix.clone())?);
                for nibble in at * digits..(at + 1) * digits {
                    let byte = self.bits.get(start + nibble / 2)?;
                    let value = byte >> (nibble % 2 * 4) & 15;
                    out.push(b"0123456789abcdef"[usize::from(value)]);
                }
            }
            Head::Dict { values, codes } => {
                let value = values.get(codes.packed(&self.bits).get(at) as usize)?;
                out.extend_from_slice(self.bytes.get(value.clone())?);
            }
            Head::Raw { start, ends } => {
                let from = at.checked_sub(1).map_or(Some(&0), |before| ends.get(before))?;
                out.extend_from_slice(self.bytes.get(start + from..start + ends.get(at)?)?);
            }
            Head::Time { form, ints } => {
                let time = ints.get(&self.bits, at).wrapping_add(form.of_row(*self.times.get(row)?));
                form.write(time, out);
            }
            Head::Other { number, skip } => {
                let mut scratch = Vec::new();
                let (_, column) = self.links.get()?.iter().find(|(other, _)| other == number)?;
                let value = column.value(row, &mut scratch)?;
                out.extend_from_slice(value.as_bytes()?.get(*skip..)?);
            }
        }
        Some(())
    }
}

impl Bits {
    pub(super) fn packed(self, bits: &[u8]) -> Packed<'_> {
        Packed::at_front(bits.get(self.at..).unwrap_or_default(), self.width, self.len)
    }
}

impl Ints {
    fn get(self, bits: &[u8], at: usize) -> i64 {
        self.least.wrapping_add(self.bits.packed(bits).get(at) as i64)
    }
}

// === impl HeadReader ===

impl HeadReader<'_> {
    /// The next packed run.
    fn take(&mut self, width: u32, len: usize) -> Option<Bits> {
        let bits = Bits { at: self.at, width, len };
        self.at = self.at.checked_add(packed_len(width, len)?)?;
        (self.at.checked_add(PADDING)? <= self.bits.len()).then_some(bits)
    }

    fn ints(&mut self, len: usize) -> Option<Ints> {
        let least = unzigzag(self.reader.varint()?);
        let width = u32::from(self.reader.u8()?);
        Some(Ints { least, bits: self.take(width, len)? })
    }

    fn text(&mut self) -> Option<Range<usize>> {
        let len = self.reader.count(self.bytes.len())?;
        self.skip(len)
    }

    fn skip(&mut self, len: usize) -> Option<Range<usize>> {
        let start = self.bytes.len() - self.reader.rest().len();
        self.reader.bytes(len)?;
        Some(start..start + len)
    }

    /// A slot's head, and of its bits where they are; it has `len` tokens.
    fn head(&mut self, kind: SlotKind, len: usize) -> Option<Head> {
        let form = if let SlotKind::Time(form) = kind { Some(form) } else { None };
        Some(match (self.reader.u8()?, form) {
            (CONST, None) => Head::Const(self.text()?),
            (DECIMALS, None) => Head::Decimals {
                prefix: self.text()?,
                suffix: self.text()?,
                digits: usize::from(self.reader.u8()?),
                ints: self.ints(len)?,
            },
            (NUMBERS, None) => self.numbers(len)?,
            (HEX, None) => {
                let prefix = self.text()?;
                let digits = self.reader.count(u32::MAX as usize)?;
                Head::Hex { prefix, digits, at: self.take(4, len.checked_mul(digits)?)?.at, len }
            }
            (DICT, None) => {
                let count = self.reader.count(len)?;
                let values = (0..count).map(|_| self.text()).collect::<Option<Vec<_>>>()?;
                Head::Dict { codes: self.take(width_of((count as u64).checked_sub(1)?), len)?, values }
            }
            (RAW, None) => self.raw(len)?,
            (OTHER, None) => Head::Other {
                number: u32::try_from(self.reader.varint()?).ok()?,
                skip: self.reader.count(u32::MAX as usize)?,
            },
            (FROM_TIME, Some(form)) => Head::Time { form, ints: self.ints(len)? },
            _ => return None,
        })
    }

    fn numbers(&mut self, len: usize) -> Option<Head> {
        let (prefix, suffix) = (self.text()?, self.text()?);
        let digits = usize::from(self.reader.u8()?);
        let count = self.reader.count(len)?;
        let mut value = unzigzag(self.reader.varint()?);
        let width = u32::from(self.reader.u8()?);
        let gaps = self.take(width, count.checked_sub(1)?)?.packed(self.bits);
        let mut values = Vec::with_capacity(count);
        values.push(value);
        for gap in gaps.iter() {
            value = value.wrapping_add(gap as i64);
            values.push(value);
        }
        Some(Head::Numbers {
            prefix,
            suffix,
            digits,
            values,
            codes: self.take(width_of(count as u64 - 1), len)?,
        })
    }

    fn raw(&mut self, len: usize) -> Option<Head> {
        let width = u32::from(self.reader.u8()?);
        let lengths = self.take(width, len)?;
        let mut ends = Vec::with_capacity(len);
        let mut end = 0usize;
        for length in lengths.packed(self.bits).iter() {
            end = end.checked_add(usize::try_from(length).ok()?)?;
            ends.push(end);
        }
        Some(Head::Raw { start: self.skip(end)?.start, ends })
    }
}
