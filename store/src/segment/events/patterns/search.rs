//! What patterns alone say about a search: rows whose pattern has the needle need not be written out, nor those whose
//! pattern rules it out. A pattern says the same in every block of a segment, so it is asked once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use regex_syntax::hir::{Hir, HirKind};

use super::super::tokens::{DIGIT, SEPARATOR, class};
use super::find::Piece;
use super::read::PatternColumn;
use super::split::{LITERAL, TIME};
use super::table::PatternTable;

/// What a pattern says of every text with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Verdict {
    Always,
    Never,
    /// The text decides.
    Maybe,
}

/// A condition on texts of one segment, and what its patterns have been found to say of it.
pub(in super::super) struct Search {
    wanted: Wanted,
    /// What texts of patterns in doubt must have in a token.
    piece: Option<Piece>,
    /// By number in the table: 0, or one more than the place in [`VERDICTS`].
    known: OnceLock<Box<[AtomicU8]>>,
}

const VERDICTS: [Verdict; 3] = [Verdict::Always, Verdict::Never, Verdict::Maybe];

enum Wanted {
    /// Nothing is known.
    Any,
    Contained(Needle),
    /// The text as a whole, split; `None`: it is one that is stored as it is.
    Equal(Option<Vec<u8>>),
    /// What a match must have in it.
    Literals(Literals),
}

/// Texts a match must have in it.
#[expect(clippy::large_enum_variant, reason = "a handful a query")]
enum Literals {
    /// Nothing is known.
    Any,
    All(Vec<Literals>),
    OneOf(Vec<Literals>),
    Text(Needle),
}

/// Letters that may be in a token, one bit each: a–z, then A–Z.
pub(super) type Letters = u64;
pub(super) const ALL_LETTERS: Letters = (1 << 52) - 1;
/// What stands between the digits of a timestamp.
const TIME_MARKS: &[u8] = b"-:T ,.";
/// A regex with more literals is not taken apart.
const LITERALS_MAX: usize = 64;

// === impl Search ===

impl Search {
    fn new(wanted: Wanted) -> Self {
        Self::with_piece(wanted, None)
    }

    fn with_piece(wanted: Wanted, piece: Option<Piece>) -> Self {
        Self { wanted, piece, known: OnceLock::new() }
    }

    pub(in super::super) fn piece(&self) -> Option<&Piece> {
        self.piece.as_ref()
    }

    /// Patterns decide nothing.
    pub(in super::super) fn any() -> Self {
        Self::new(Wanted::Any)
    }

    pub(in super::super) fn contained(needle: &str, ignore_case: bool) -> Self {
        // Patterns have ASCII tokens only; what else folds to what is for the regex to say.
        let known = !needle.is_empty() && (!ignore_case || needle.is_ascii());
        if !known {
            return Self::any();
        }
        let piece = Piece::of(needle.as_bytes(), ignore_case);
        Self::with_piece(Wanted::Contained(Needle::new(needle, ignore_case)), piece)
    }

    pub(in super::super) fn equal(text: &str) -> Self {
        let (mut pattern, mut parts) = (Vec::new(), Vec::new());
        let apart = super::split::split(text, &mut pattern, &mut parts);
        let tokens = parts.iter().filter_map(|part| text.get(part.start as usize..part.end as usize));
        let tokens = tokens.filter(|token| token.bytes().all(|byte| class(byte) != SEPARATOR));
        let piece = tokens.max_by_key(|token| token.len()).filter(|_| apart);
        let piece = piece.and_then(|token| Piece::of(token.as_bytes(), false));
        Self::with_piece(Wanted::Equal(apart.then_some(pattern)), piece)
    }

    /// What a regex of that pattern needs; whoever matches by it has the last word.
    pub(in super::super) fn regex(pattern: &str) -> Self {
        match regex_syntax::parse(pattern).map(|hir| Literals::of(&hir)) {
            Ok(literals) if !matches!(literals, Literals::Any) => {
                let piece = literals.piece();
                Self::with_piece(Wanted::Literals(literals), piece)
            }
            _ => Self::any(),
        }
    }

    /// Of each code of a column, what its pattern says.
    pub(in super::super) fn verdicts(&self, column: &PatternColumn) -> Vec<Verdict> {
        let table = column.table();
        let known = self.known.get_or_init(|| (0..table.len()).map(|_| AtomicU8::new(0)).collect());
        let of_number = |number: &u32| {
            let Some(known) = known.get(*number as usize) else { return Verdict::Maybe };
            let place = match known.load(Ordering::Relaxed) {
                0 => {
                    let place = self.verdict(table, *number as usize) as u8 + 1;
                    known.store(place, Ordering::Relaxed);
                    place
                }
                place => place,
            };
            VERDICTS.get(usize::from(place) - 1).copied().unwrap_or(Verdict::Maybe)
        };
        column.patterns().iter().map(of_number).collect()
    }

    fn verdict(&self, table: &PatternTable, number: usize) -> Verdict {
        let pattern = table.get(number).unwrap_or(&[LITERAL]);
        if pattern == [LITERAL] {
            return Verdict::Maybe;
        }
        let letters = table.letters(number);
        match &self.wanted {
            Wanted::Any => Verdict::Maybe,
            Wanted::Contained(needle) => needle.verdict(pattern, letters),
            Wanted::Equal(wanted) if wanted.as_deref() == Some(pattern) => Verdict::Maybe,
            Wanted::Equal(_) => Verdict::Never,
            Wanted::Literals(literals) => {
                let possible =
                    literals.possible(&mut |needle| needle.verdict(pattern, letters) != Verdict::Never);
                if possible { Verdict::Maybe } else { Verdict::Never }
            }
        }
    }
}

// === impl Literals ===

impl Literals {
    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => Self::Text(Needle::new(text, false)),
                Err(_) => Self::Any,
            },
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) if repetition.min > 0 => Self::of(&repetition.sub),
            HirKind::Concat(parts) if parts.len() <= LITERALS_MAX => {
                Self::All(parts.iter().map(Self::of).filter(|part| !matches!(part, Self::Any)).collect())
            }
            HirKind::Alternation(parts) if parts.len() <= LITERALS_MAX => {
                Self::OneOf(parts.iter().map(Self::of).collect())
            }
            _ => Self::Any,
        }
    }

    /// The longest token with a digit of the texts all matches have: it is in no pattern.
    fn piece(&self) -> Option<Piece> {
        match self {
            Self::Any | Self::OneOf(_) => None,
            Self::All(parts) => parts.iter().filter_map(Self::piece).max_by_key(Piece::len),
            Self::Text(needle) => Piece::of(needle.finder.needle(), false).filter(Piece::has_digit),
        }
    }

    /// Whether a text of a pattern may have them, given what it may have of one.
    fn possible(&self, may_have: &mut dyn FnMut(&Needle) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::All(parts) => parts.iter().all(|part| part.possible(may_have)),
            Self::OneOf(parts) => parts.iter().any(|part| part.possible(may_have)),
            Self::Text(needle) => may_have(needle),
        }
    }
}

/// The letters that are in some bytes.
pub(super) fn letters_of(bytes: &[u8]) -> Letters {
    bytes.iter().fold(0, |letters, byte| match byte {
        b'a'..=b'z' => letters | 1 << (byte - b'a'),
        b'A'..=b'Z' => letters | 1 << (26 + byte - b'A'),
        _ => letters,
    })
}

/// Letters with those that differ in case only.
fn both_cases(letters: Letters) -> Letters {
    (letters | letters >> 26 | letters << 26) & ALL_LETTERS
}

/// A text to be found, cut where tokens with digits are.
struct Needle {
    finder: memchr::memmem::Finder<'static>,
    /// What lies between its tokens with digits.
    stretches: Vec<Stretch>,
    /// Everything is compared in lower case.
    folded: bool,
}

/// A part of a needle without digits.
struct Stretch {
    text: Vec<u8>,
    /// Its first token goes on to the left of the needle, maybe: so long is it.
    open_left: usize,
    open_right: usize,
    /// It is the whole needle.
    whole: bool,
}

impl Needle {
    fn new(needle: &str, folded: bool) -> Self {
        let needle = if folded { needle.to_ascii_lowercase() } else { needle.to_owned() };
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
        Self { finder: memchr::memmem::Finder::new(bytes).into_owned(), stretches, folded }
    }

    /// What a pattern says whose tokens may have these letters.
    fn verdict(&self, pattern: &[u8], letters: Letters) -> Verdict {
        let lower: Vec<u8>;
        let (pattern, letters) = if self.folded {
            lower = pattern.to_ascii_lowercase();
            (lower.as_slice(), both_cases(letters))
        } else {
            (pattern, letters)
        };
        if self.finder.find(pattern).is_some() {
            return Verdict::Always;
        }
        // Where the needle lies in a text, its tokens with digits lie in tokens of the text, or in a timestamp; what lies
        // between them is in the pattern, but for a first or last token that may be a piece of one with digits.
        let timed = memchr::memchr(TIME, pattern).is_some();
        let possible = self.stretches.iter().all(|stretch| stretch.may_be_in(pattern, letters, timed));
        if possible { Verdict::Maybe } else { Verdict::Never }
    }
}

impl Stretch {
    fn new(text: &[u8], first: bool, last: bool) -> Self {
        let in_token = |byte: &&u8| class(**byte) != SEPARATOR;
        let open_left = if first { text.iter().take_while(in_token).count() } else { 0 };
        let open_right = if last { text.iter().rev().take_while(in_token).count() } else { 0 };
        Self { text: text.to_vec(), open_left, open_right, whole: first && last }
    }

    fn may_be_in(&self, pattern: &[u8], letters: Letters, timed: bool) -> bool {
        let may_be_piece = |piece: &[u8]| !piece.is_empty() && letters_of(piece) & !letters == 0;
        let (left, right) = (&self.text[..self.open_left], &self.text[self.text.len() - self.open_right..]);
        let (cut_left, cut_right) = (may_be_piece(left), may_be_piece(right));
        if self.whole && !cut_left && !cut_right {
            // Nothing of it can be in a token, and it was not found between them.
            return timed && self.text.len() <= 1;
        }
        if timed && self.text.iter().all(|byte| TIME_MARKS.contains(&byte.to_ascii_uppercase())) {
            return true;
        }
        let start = if cut_left { self.open_left } else { 0 };
        let end = self.text.len() - if cut_right { self.open_right } else { 0 };
        start >= end || memchr::memmem::find(pattern, &self.text[start..end]).is_some()
    }
}
