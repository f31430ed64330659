//! How the tokens of one slot are stored: as numbers if they are numbers.

use std::hash::Hasher as _;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::super::super::coding::width_of;
use super::split::digits;

/// Numbers of more digits are no ints.
const DIGITS_MAX: usize = 18;
/// Slots of fewer tokens get no dictionary.
const DICT_ROWS_MIN: usize = 16;
const DICT_MAX: usize = 256;
/// Numbers of fewer bits, and slots of fewer tokens, are not looked through for equal ones; nor are those of whose first
/// tokens nearly all differ.
const DISTINCT_WIDTH_MIN: usize = 14;
const DISTINCT_ROWS_MIN: usize = 256;
const SAMPLE_ROWS: usize = 256;
/// What a byte of text takes when compressed, in bits: letters and digits that mean nothing.
const TEXT_BITS: usize = 6;

/// Decimal numbers between the same letters.
pub(super) struct Decimals<'t> {
    pub(super) prefix: &'t [u8],
    pub(super) suffix: &'t [u8],
    /// Digits with leading zeros; 0: as many as the number has.
    pub(super) digits: usize,
    pub(super) least: i64,
    pub(super) width: u32,
}

/// Hexadecimal digits in lower case, the same number in each token, behind the same bytes.
#[derive(Clone, Copy)]
pub(super) struct Hex<'t> {
    pub(super) prefix: &'t [u8],
    pub(super) digits: usize,
}

pub(super) enum Shape<'t> {
    Const(&'t [u8]),
    /// The numbers are in `SlotCoder::ints`.
    Decimals(Decimals<'t>),
    /// The same; few of them differ: these are in `SlotCoder::distinct`, sorted.
    Numbers(Decimals<'t>),
    Hex(Hex<'t>),
    /// The codes are in `SlotCoder::codes`, the token of each code in `SlotCoder::firsts`.
    Dict,
    Raw,
}

/// What is used again from slot to slot.
#[derive(Default)]
pub(super) struct SlotCoder {
    pub(super) ints: Vec<i64>,
    pub(super) codes: Vec<u32>,
    pub(super) firsts: Vec<u32>,
    pub(super) distinct: Vec<i64>,
    table: HashTable<u32>,
}

impl SlotCoder {
    /// The smallest way to store these tokens, and about how many bits one takes; there is at least one token.
    pub(super) fn shape<'t>(&mut self, tokens: &[&'t [u8]]) -> (Shape<'t>, usize) {
        let first = tokens.first().copied().unwrap_or_default();
        if tokens.iter().all(|token| *token == first) {
            return (Shape::Const(first), 0);
        }
        let (shape, bits) = if let Some(decimals) = self.decimals(tokens) {
            match self.distinct_bits(decimals.width as usize) {
                Some(bits) => (Shape::Numbers(decimals), bits),
                None => {
                    let width = decimals.width as usize;
                    (Shape::Decimals(decimals), width)
                }
            }
        } else if let Some(hex) = hex(tokens) {
            (Shape::Hex(hex), 4 * hex.digits)
        } else {
            let bytes: usize = tokens.iter().map(|token| token.len()).sum();
            (Shape::Raw, TEXT_BITS * bytes / tokens.len())
        };
        match self.dict_bits(tokens, bits) {
            Some(bits) => (Shape::Dict, bits),
            None => (shape, bits),
        }
    }

    fn decimals<'t>(&mut self, tokens: &[&'t [u8]]) -> Option<Decimals<'t>> {
        let first = *tokens.first()?;
        let letters = |byte: &&u8| !byte.is_ascii_digit();
        let before = first.iter().take_while(letters).count();
        let behind = first.iter().rev().take_while(letters).count();
        let (prefix, suffix) = (&first[..before], &first[first.len() - behind..]);
        let (mut same_len, mut natural) = (true, true);
        self.ints.clear();
        for token in tokens {
            let middle = token.strip_prefix(prefix)?.strip_suffix(suffix)?;
            if middle.is_empty() || middle.len() > DIGITS_MAX {
                return None;
            }
            same_len &= token.len() == first.len();
            natural &= middle[0] != b'0' || middle.len() == 1;
            if !same_len && !natural {
                return None;
            }
            self.ints.push(digits(middle)?);
        }
        let least = self.ints.iter().copied().min()?;
        let most = self.ints.iter().copied().max()?;
        let digits = if natural { 0 } else { first.len() - before - behind };
        Some(Decimals { prefix, suffix, digits, least, width: width_of((most - least) as u64) })
    }

    /// Sorts the different numbers out if they and their codes take fewer bits than `width` for each of `ints`.
    fn distinct_bits(&mut self, width: usize) -> Option<usize> {
        let rows = self.ints.len();
        if width < DISTINCT_WIDTH_MIN || rows < DISTINCT_ROWS_MIN {
            return None;
        }
        let sample = &self.ints[..SAMPLE_ROWS.min(rows)];
        self.distinct.clear();
        self.distinct.extend_from_slice(sample);
        self.distinct.sort_unstable();
        self.distinct.dedup();
        if self.distinct.len() * 10 > sample.len() * 9 {
            return None;
        }
        self.distinct.clear();
        self.distinct.extend_from_slice(&self.ints);
        self.distinct.sort_unstable();
        self.distinct.dedup();
        let count = self.distinct.len();
        let gap = self.distinct.windows(2).map(|pair| (pair[1] - pair[0]) as u64).max().unwrap_or(0);
        let all = count * width_of(gap) as usize + rows * width_of(count as u64 - 1) as usize;
        (all < width * rows).then_some(all.div_ceil(rows))
    }

    /// Makes a dictionary if its tokens take fewer bits than `bits` each.
    fn dict_bits(&mut self, tokens: &[&[u8]], bits: usize) -> Option<usize> {
        if bits <= 4 || tokens.len() < DICT_ROWS_MIN {
            return None;
        }
        let most = (tokens.len() / 4).min(DICT_MAX);
        self.table.clear();
        self.codes.clear();
        self.firsts.clear();
        let mut text = 0;
        for (at, token) in tokens.iter().enumerate() {
            let hashed = hash(token);
            let firsts = &mut self.firsts;
            let known = self.table.find(hashed, |&code| tokens[firsts[code as usize] as usize] == *token);
            if let Some(code) = known {
                self.codes.push(*code);
                continue;
            }
            if firsts.len() == most {
                return None;
            }
            let code = firsts.len() as u32;
            firsts.push(at as u32);
            text += token.len() + 1;
            self.table.insert_unique(hashed, code, |&code| hash(tokens[firsts[code as usize] as usize]));
            self.codes.push(code);
        }
        let width = width_of(self.firsts.len() as u64 - 1) as usize;
        let all = text * 8 + width * tokens.len();
        (all < bits * tokens.len()).then_some(all / tokens.len())
    }
}

fn hex<'t>(tokens: &[&'t [u8]]) -> Option<Hex<'t>> {
    let first = *tokens.first()?;
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut common = first.len();
    for token in tokens {
        if token.len() != first.len() {
            return None;
        }
        common = first.iter().zip(*token).take(common).take_while(|(a, b)| a == b).count();
    }
    let prefix = &first[..common];
    let all = tokens.iter().all(|token| token[common..].iter().all(is_hex));
    all.then_some(Hex { prefix, digits: first.len() - common })
}

fn hash(token: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(token);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(tokens: &[&str]) -> String {
        let tokens: Vec<&[u8]> = tokens.iter().map(|token| token.as_bytes()).collect();
        let show = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        match SlotCoder::default().shape(&tokens).0 {
            Shape::Const(text) => format!("const {}", show(text)),
            Shape::Decimals(d) => {
                format!("{}#{}{} from {} in {}", show(d.prefix), d.digits, show(d.suffix), d.least, d.width)
            }
            Shape::Numbers(d) => format!("{}#{}{} few", show(d.prefix), d.digits, show(d.suffix)),
            Shape::Hex(hex) => format!("{} hex {}", show(hex.prefix), hex.digits),
            Shape::Dict => "dict".to_owned(),
            Shape::Raw => "raw".to_owned(),
        }
    }

    #[test]
    fn tokens_become_numbers_if_they_are_written_back_the_same() {
        for (tokens, expected) in [
            (&["v1", "v1"][..], "const v1"),
            (&["u0000017", "u1234567"], "u#7 from 17 in 21"),
            (&["0", "12", "7"], "#0 from 0 in 4"),
            (&["12ms", "7ms"], "#0ms from 7 in 3"),
            (&["00", "12"], "#2 from 0 in 4"),
            (&["00", "7"], "raw"),
            (&["4f3a", "40bc"], "4 hex 3"),
            (&["4f3a", "40BC"], "raw"),
            (&["12", "x12"], "raw"),
            (&["1234567890123456789", "1"], "raw"),
            (&["1234567890123456789", "1234567890123456780"], "123456789012345678 hex 1"),
        ] {
            assert_eq!(shape(tokens), expected, "{tokens:?}");
        }
        let few: Vec<String> = (0..1000u32).map(|i| format!("u{:07}", i % 100 * 7919)).collect();
        assert_eq!(shape(&few.iter().map(String::as_str).collect::<Vec<_>>()), "u#7 few");
        let codes: Vec<&str> = (0..64).map(|i| ["200", "404", "50333"][i % 3]).collect();
        assert_eq!(shape(&codes), "dict");
    }
}
