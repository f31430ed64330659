//! What of a block's text goes into the index: words for the dictionary, grams of ids for the filter.
//!
//! A token is a longest run of ASCII letters and digits; everything else separates. Case is folded. Two characters
//! outside ASCII fold to ASCII letters (the Kelvin sign and the long s), so they count as `k` and `s`.
//!
//! - A token of letters only is a **word**.
//! - A token with a digit in it is an **id**. From [`GRAM`] characters on, the smallest gram of every window of
//!   [`WINDOW`] neighbouring grams is a key of the filter: whoever looks for a piece of an id that spans a whole
//!   window finds the same smallest gram (winnowing; Schleimer, Wilkerson, Aiken 2003). Shorter ids are not indexed.
//! - Letter runs of [`RUN_MIN`] and more inside an id are words too, for `error` also sits in `error404`; not those of
//!   tokens that look like hexadecimal numbers, which would fill the dictionary with noise.
//!
//! The reading side, `needle.rs`, draws its conclusions from exactly these rules.

use std::hash::Hasher as _;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

pub(super) const GRAM: usize = 6;
pub(super) const WINDOW: usize = 6;
pub(super) const RUN_MIN: usize = 4;
/// Longer words are left out, and pieces of words then do not prune the block.
pub(super) const WORD_MAX: usize = 64;
/// From this length on a token of hexadecimal digits is taken for a number.
const HEX_MIN: usize = 8;
/// Distinct words of a block from ids are noise beyond this and dropped.
const RUNS_MAX: usize = 1024;
/// A block with more distinct words has no words in the index.
const WORDS_MAX: usize = 1 << 15;
/// A block with more distinct filter keys has no filter.
const KEYS_MAX: usize = 1 << 18;

pub(super) const SEPARATOR: u8 = 0;
const LETTER: u8 = 1;
const HEX_LETTER: u8 = 2;
pub(super) const DIGIT: u8 = 4;

/// What each byte is. Hexadecimal letters are a class of their own.
static CLASS: [u8; 256] = {
    let mut table = [SEPARATOR; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => HEX_LETTER,
            b'g'..=b'z' | b'G'..=b'Z' => LETTER,
            _ => SEPARATOR,
        };
        byte += 1;
    }
    table
};

#[inline]
pub(super) fn class(byte: u8) -> u8 {
    CLASS[byte as usize]
}

/// The index entries of one block.
#[derive(Default)]
pub(super) struct BlockTokens {
    words: WordSet,
    runs: WordSet,
    keys: Vec<u64>,
    long_word: bool,
}

/// What [`BlockTokens::finish`] decided to leave out: conclusions that must not be drawn for the block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Gaps {
    /// Not all words are in the dictionary: words do not prune.
    pub(super) words: bool,
    /// Not all letter runs are in the dictionary: pieces of words do not prune.
    pub(super) runs: bool,
    /// No filter: neither ids nor attribute values prune.
    pub(super) keys: bool,
    /// Trace ids that are not in the segment's table.
    pub(super) traces: bool,
}

/// Distinct words, folded, one after the other.
#[derive(Default)]
struct WordSet {
    table: HashTable<(u32, u32)>,
    arena: Vec<u8>,
}

// === impl WordSet ===

impl WordSet {
    fn insert(&mut self, word: &[u8]) {
        let hash = hash_bytes(word);
        let range = |&(start, end): &(u32, u32)| start as usize..end as usize;
        if self.table.find(hash, |at| &self.arena[range(at)] == word).is_some() {
            return;
        }
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(word);
        let arena = &self.arena;
        self.table.insert_unique(hash, (start, arena.len() as u32), |at| hash_bytes(&arena[range(at)]));
    }

    fn len(&self) -> usize {
        self.table.len()
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.table.iter().map(|&(start, end)| &self.arena[start as usize..end as usize])
    }

    fn clear(&mut self) {
        self.table.clear();
        self.arena.clear();
    }
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

// === impl BlockTokens ===

impl BlockTokens {
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.runs.clear();
        self.keys.clear();
        self.long_word = false;
    }

    /// Takes the tokens of one value's text.
    pub(super) fn add_text(&mut self, text: &str) {
        if !text.is_ascii() && text.contains(['\u{212a}', '\u{17f}']) {
            let folded = text.replace('\u{212a}', "k").replace('\u{17f}', "s");
            self.add_bytes(folded.as_bytes());
        } else {
            self.add_bytes(text.as_bytes());
        }
    }

    /// The same for bytes of which none outside ASCII folds into it.
    pub(super) fn add_bytes(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let mut classes = CLASS[bytes[at] as usize];
            let start = at;
            at += 1;
            if classes == SEPARATOR {
                continue;
            }
            while at < bytes.len() {
                let class = CLASS[bytes[at] as usize];
                if class == SEPARATOR {
                    break;
                }
                classes |= class;
                at += 1;
            }
            self.add_token(&bytes[start..at], classes);
        }
    }

    /// Takes one token of those classes.
    pub(super) fn add_token(&mut self, token: &[u8], classes: u8) {
        if classes & DIGIT == 0 {
            if token.len() <= WORD_MAX {
                let mut folded = [0; WORD_MAX];
                self.words.insert(fold(token, &mut folded));
            } else {
                self.long_word = true;
            }
            return;
        }
        if token.len() >= GRAM {
            grams(token, true, &mut self.keys);
        }
        let hex = classes & LETTER == 0 && token.len() >= HEX_MIN;
        if classes != DIGIT && !hex && token.len() > RUN_MIN {
            self.add_runs(token);
        }
    }

    fn add_runs(&mut self, token: &[u8]) {
        for run in token.split(u8::is_ascii_digit).filter(|run| run.len() >= RUN_MIN) {
            if run.len() > WORD_MAX {
                self.long_word = true;
            } else if self.runs.len() <= RUNS_MAX {
                let mut folded = [0; WORD_MAX];
                self.runs.insert(fold(run, &mut folded));
            }
        }
    }

    /// Takes an attribute's value, to be asked for as a whole.
    pub(super) fn add_attribute(&mut self, column: u32, text: &str) {
        self.keys.push(attribute_key(column, text));
    }

    /// The words, separated by spaces, and the distinct filter keys.
    pub(super) fn finish(&mut self, words: &mut String) -> (&[u64], Gaps) {
        self.keys.sort_unstable();
        self.keys.dedup();
        let gaps = Gaps {
            words: self.words.len() > WORDS_MAX,
            runs: self.long_word || self.runs.len() > RUNS_MAX || self.words.len() > WORDS_MAX,
            keys: self.keys.len() > KEYS_MAX,
            traces: false,
        };
        words.clear();
        if !gaps.words {
            let runs = if self.runs.len() > RUNS_MAX { None } else { Some(self.runs.iter()) };
            for word in self.words.iter().chain(runs.into_iter().flatten()) {
                words.push_str(std::str::from_utf8(word).unwrap_or_default());
                words.push(' ');
            }
        }
        (if gaps.keys { &[] } else { &self.keys }, gaps)
    }
}

/// Letters to lower case; digits stay as they are.
fn fold<'a>(token: &[u8], buffer: &'a mut [u8; WORD_MAX]) -> &'a [u8] {
    let folded = &mut buffer[..token.len()];
    for (to, from) in folded.iter_mut().zip(token) {
        *to = from | 0x20;
    }
    folded
}

/// The filter keys of an id, or of a piece of one: only windows that lie wholly inside it, unless it is a `whole`
/// token, of which the windows are what there is.
pub(super) fn grams(token: &[u8], whole: bool, out: &mut Vec<u64>) {
    let places = (token.len() + 1).saturating_sub(GRAM);
    if places == 0 || (places < WINDOW && !whole) {
        return;
    }
    let mut gram = 0u64;
    let mut window = [u64::MAX; WINDOW];
    let mut last = None;
    for (at, byte) in token.iter().enumerate() {
        gram = (gram << 8 | u64::from(byte | 0x20)) & ((1 << (8 * GRAM)) - 1);
        let Some(place) = (at + 1).checked_sub(GRAM) else { continue };
        window[place % WINDOW] = mix(gram);
        if place + 1 >= WINDOW.min(places) {
            let smallest = window.iter().copied().min();
            if smallest != last {
                out.extend(smallest);
                last = smallest;
            }
        }
    }
}

fn mix(gram: u64) -> u64 {
    let h = gram.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (h ^ h >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// The filter key of a column's value.
pub(super) fn attribute_key(column: u32, text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), u64::from(column) << 32 | 0xa77)
}

/// Whether letter runs inside ids that contain this piece are sure to be in the dictionary.
pub(super) fn run_is_indexed(run: &[u8]) -> bool {
    run.len() >= RUN_MIN && run.iter().any(|byte| CLASS[*byte as usize] == LETTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut tokens = BlockTokens::default();
        tokens.add_text(text);
        let mut words = String::new();
        tokens.finish(&mut words);
        let mut words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        words.sort();
        words
    }

    #[test]
    fn words_are_folded_and_found_inside_ids() {
        for (text, expected) in [
            ("Hello, World! hello", "hello world"),
            ("error404 at 10.42.0.17", "at error"),
            ("deadbeef12 and abcd1234zz", "abcd and"),
            ("naïve 日本 x_y", "na ve x y"),
            ("\u{212a}elvin ma\u{17f}s", "kelvin mass"),
        ] {
            let mut expected: Vec<&str> = expected.split(' ').collect();
            expected.sort_unstable();
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn a_piece_of_an_id_has_a_gram_of_the_whole() {
        let id = b"4bf92f3577b34da6a3ce929d0e0e4736";
        let mut whole = Vec::new();
        grams(id, true, &mut whole);
        for len in GRAM + WINDOW - 1..=id.len() {
            for start in 0..=id.len() - len {
                let mut piece = Vec::new();
                grams(&id[start..start + len], false, &mut piece);
                assert!(!piece.is_empty() && piece.iter().all(|key| whole.contains(key)), "{start} {len}");
            }
        }
        let mut short = Vec::new();
        grams(b"u12345", true, &mut short);
        assert_eq!(short.len(), 1);
        grams(b"u12345", false, &mut short);
        assert_eq!(short.len(), 1);
    }
}
