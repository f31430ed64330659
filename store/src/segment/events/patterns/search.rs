//! What patterns alone say about a search: rows whose pattern has the needle need not be written out, nor those whose
//! pattern rules it out.

use regex_syntax::hir::{Hir, HirKind};

use super::super::decode::{Column, Data};
use super::super::tokens::{DIGIT, SEPARATOR, class};
use super::read::{Head, PatternColumn};
use super::split::{LITERAL, TIME};
use crate::model::OwnedValue;

/// What a pattern says of every text with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Verdict {
    Always,
    Never,
    /// The text decides.
    Maybe,
}

/// Texts a match must have in it.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Literals {
    /// Nothing is known.
    Any,
    All(Vec<Literals>),
    OneOf(Vec<Literals>),
    Text(String),
}

/// Letters that may be in a token, one bit each: a–z, then A–Z.
type Letters = u64;
const ALL_LETTERS: Letters = u64::MAX;
/// What stands between the digits of a timestamp.
const TIME_MARKS: &[u8] = b"-:T ,.";
/// A regex with more literals is not taken apart.
const LITERALS_MAX: usize = 64;

// === impl Literals ===

impl Literals {
    /// What a regex of that pattern needs; whoever matches by it has the last word.
    pub(in super::super) fn of_regex(pattern: &str) -> Self {
        regex_syntax::parse(pattern).map_or(Self::Any, |hir| Self::of(&hir))
    }

    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => Self::Text(text.to_owned()),
                Err(_) => Self::Any,
            },
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) if repetition.min > 0 => Self::of(&repetition.sub),
            HirKind::Concat(parts) if parts.len() <= LITERALS_MAX => {
                Self::All(parts.iter().map(Self::of).filter(|part| *part != Self::Any).collect())
            }
            HirKind::Alternation(parts) if parts.len() <= LITERALS_MAX => {
                Self::OneOf(parts.iter().map(Self::of).collect())
            }
            _ => Self::Any,
        }
    }

    /// Whether a text of a pattern may have them, given what it may have of one.
    fn possible(&self, may_have: &mut dyn FnMut(&str) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::All(parts) => parts.iter().all(|part| part.possible(may_have)),
            Self::OneOf(parts) => parts.iter().any(|part| part.possible(may_have)),
            Self::Text(text) => may_have(text),
        }
    }
}

// === impl PatternColumn ===

impl PatternColumn {
    /// Of each code, whether its texts have `needle` in them.
    pub(in super::super) fn contains(&self, needle: &str) -> Vec<Verdict> {
        let needle = Needle::new(needle);
        let letters: Vec<Letters> = self.heads.iter().map(|head| self.letters(head)).collect();
        (0..self.patterns.len()).map(|code| self.verdict(code, &needle, &letters)).collect()
    }

    /// Of each code, whether its texts may have what a regex needs.
    pub(in super::super) fn may_match(&self, literals: &Literals) -> Vec<Verdict> {
        let letters: Vec<Letters> = self.heads.iter().map(|head| self.letters(head)).collect();
        let of_code = |code: usize| {
            let mut may_have =
                |text: &str| self.verdict(code, &Needle::new(text), &letters) != Verdict::Never;
            if literals.possible(&mut may_have) { Verdict::Maybe } else { Verdict::Never }
        };
        (0..self.patterns.len()).map(of_code).collect()
    }

    /// Of each code, whether its texts may be `text` as a whole.
    pub(in super::super) fn may_equal(&self, text: &str) -> Vec<Verdict> {
        let (mut pattern, mut parts) = (Vec::new(), Vec::new());
        let apart = super::split::split(text, &mut pattern, &mut parts);
        let of_code = |code: usize| {
            let known = self.pattern(code);
            if known == [LITERAL] || apart && known == pattern { Verdict::Maybe } else { Verdict::Never }
        };
        (0..self.patterns.len()).map(of_code).collect()
    }

    pub(in super::super) fn code(&self, place: usize) -> Option<usize> {
        self.codes.get(place).map(|code| *code as usize)
    }

    fn verdict(&self, code: usize, needle: &Needle<'_>, letters: &[Letters]) -> Verdict {
        let pattern = self.pattern(code);
        if pattern == [LITERAL] {
            return Verdict::Maybe;
        }
        if needle.finder.find(pattern).is_some() {
            return Verdict::Always;
        }
        let own = self.slots.of(code).iter();
        let letters =
            own.fold(0, |all, slot| all | letters.get(*slot as usize).copied().unwrap_or(ALL_LETTERS));
        needle.without_digits(pattern, letters)
    }

    /// The letters tokens of a slot may have.
    fn letters(&self, head: &Head) -> Letters {
        let of =
            |range: &std::ops::Range<usize>| letters_of(self.bytes.get(range.clone()).unwrap_or_default());
        match head {
            Head::Const(text) => of(text),
            Head::Decimals { prefix, suffix, .. } => of(prefix) | of(suffix),
            Head::Hex { prefix, .. } => of(prefix) | letters_of(b"abcdef"),
            Head::Dict { values, .. } => values.iter().fold(0, |all, value| all | of(value)),
            Head::Raw { start, ends } => of(&(*start..start + ends.last().copied().unwrap_or(0))),
            Head::Time { .. } => 0,
            Head::Other { column, .. } => column.as_ref().map_or(ALL_LETTERS, |column| of_column(column)),
        }
    }
}

/// The letters a column's values may have.
fn of_column(column: &Column) -> Letters {
    let of_value = |value: &OwnedValue| value.as_value().as_bytes().map_or(ALL_LETTERS, letters_of);
    match &column.data {
        Data::Const(value) => of_value(value),
        Data::Dict { values, .. } => values.iter().fold(0, |all, value| all | of_value(value)),
        Data::Strings { text, .. } => letters_of(text.as_bytes()),
        Data::Patterns(patterns) => {
            let fixed = (0..patterns.patterns.len()).map(|code| letters_of(patterns.pattern(code)));
            let slots = patterns.heads.iter().map(|head| patterns.letters(head));
            fixed.chain(slots).fold(0, |all, letters| all | letters)
        }
        _ => ALL_LETTERS,
    }
}

fn letters_of(bytes: &[u8]) -> Letters {
    bytes.iter().fold(0, |letters, byte| match byte {
        b'a'..=b'z' => letters | 1 << (byte - b'a'),
        b'A'..=b'Z' => letters | 1 << (26 + byte - b'A'),
        _ => letters,
    })
}

/// A text to be found, cut where tokens with digits are.
struct Needle<'n> {
    finder: memchr::memmem::Finder<'n>,
    /// What lies between its tokens with digits.
    stretches: Vec<Stretch<'n>>,
}

/// A part of a needle without digits.
struct Stretch<'n> {
    text: &'n [u8],
    /// Its first token goes on to the left of the needle, maybe: so long is it.
    open_left: usize,
    open_right: usize,
    /// It is the whole needle.
    whole: bool,
}

impl<'n> Needle<'n> {
    fn new(needle: &'n str) -> Self {
        let bytes = needle.as_bytes();
        let mut stretches = Vec::new();
        let (mut at, mut from) = (0, 0);
        while at < bytes.len() {
            let start = at;
            let mut classes = class(bytes[at]);
            at += 1;
            while classes != SEPARATOR && at < bytes.len() && class(bytes[at]) != SEPARATOR {
                classes |= class(bytes[at]);
                at += 1;
            }
            if classes & DIGIT != 0 {
                stretches.push(Stretch::new(&bytes[from..start], from == 0, false));
                from = at;
            }
        }
        stretches.push(Stretch::new(&bytes[from..], from == 0, true));
        Self { finder: memchr::memmem::Finder::new(bytes), stretches }
    }

    /// For patterns that do not have the whole needle between their placeholders; `letters` are those their tokens may
    /// have. Where the needle lies in a text, its tokens with digits lie in tokens of the text, or in a timestamp; what
    /// lies between them is in the pattern, but for a first or last token that may be a piece of one with digits.
    fn without_digits(&self, pattern: &[u8], letters: Letters) -> Verdict {
        let timed = pattern.contains(&TIME);
        let possible = self.stretches.iter().all(|stretch| stretch.may_be_in(pattern, letters, timed));
        if possible { Verdict::Maybe } else { Verdict::Never }
    }
}

impl<'n> Stretch<'n> {
    fn new(text: &'n [u8], first: bool, last: bool) -> Self {
        let in_token = |byte: &&u8| class(**byte) != SEPARATOR;
        let open_left = if first { text.iter().take_while(in_token).count() } else { 0 };
        let open_right = if last { text.iter().rev().take_while(in_token).count() } else { 0 };
        Self { text, open_left, open_right, whole: first && last }
    }

    fn may_be_in(&self, pattern: &[u8], letters: Letters, timed: bool) -> bool {
        let may_be_piece = |piece: &[u8]| !piece.is_empty() && letters_of(piece) & !letters == 0;
        let (left, right) = (&self.text[..self.open_left], &self.text[self.text.len() - self.open_right..]);
        let (cut_left, cut_right) = (may_be_piece(left), may_be_piece(right));
        if self.whole && !cut_left && !cut_right {
            // Nothing of it can be in a token, and it was not found between them.
            return timed && self.text.len() <= 1;
        }
        if timed && self.text.iter().all(|byte| TIME_MARKS.contains(byte)) {
            return true;
        }
        let start = if cut_left { self.open_left } else { 0 };
        let end = self.text.len() - if cut_right { self.open_right } else { 0 };
        start >= end || memchr::memmem::find(pattern, &self.text[start..end]).is_some()
    }
}
