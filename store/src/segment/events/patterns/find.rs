//! Where in a block a piece of a token may be: slots are searched as they are stored, no text is written out.

use memchr::memmem::Finder;

use super::super::bits::Bits;
use super::super::tokens::{DIGIT, SEPARATOR, class};
use super::read::{Head, PatternColumn, Slotted};
use super::slots::SlotKind;
use super::split::{TIME, TOKEN};

/// So many characters of a timestamp can stand together without a separator: a fraction in nanoseconds.
const TIME_RUN_MAX: usize = 9;
/// A decimal number has no more digits.
const NUMBER_DIGITS_MAX: usize = 20;

/// Letters and digits that a text must have side by side and that are in no pattern: they lie in one of its tokens with
/// digits, or in a timestamp with what follows it, or in a text that is stored as it is.
#[derive(Clone)]
pub(in super::super) struct Piece {
    text: Vec<u8>,
    finder: Finder<'static>,
    /// In lower case, and to be compared so.
    folded: bool,
}

/// Which tokens of a slot may have the piece.
enum Hits {
    None,
    All,
    Tokens(Bits),
    /// By row, for tokens that are those of another column.
    Rows(Bits),
}

// === impl Piece ===

impl Piece {
    /// The longest token with a digit of a text that is to be found, or the text itself if it is letters only.
    pub(super) fn of(needle: &[u8], folded: bool) -> Option<Self> {
        let tokens = needle.split(|byte| class(*byte) == SEPARATOR);
        let with_digit = tokens.filter(|token| token.iter().any(|byte| class(*byte) & DIGIT != 0));
        let letters = !needle.is_empty() && needle.iter().all(|byte| class(*byte) != SEPARATOR);
        let text = with_digit.max_by_key(|token| token.len()).or_else(|| letters.then_some(needle))?;
        Some(Self::new(text, folded))
    }

    fn new(text: &[u8], folded: bool) -> Self {
        let text = if folded { text.to_ascii_lowercase() } else { text.to_vec() };
        Self { finder: Finder::new(&text).into_owned(), text, folded }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn has_digit(&self) -> bool {
        self.text.iter().any(u8::is_ascii_digit)
    }

    pub(in super::super) fn is_folded(&self) -> bool {
        self.folded
    }

    /// Where `text` has it from a place on, if case counts.
    pub(in super::super) fn find(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        let at = self.finder.find(text.get(from..)?)? + from;
        Some((at, at + self.text.len()))
    }

    pub(in super::super) fn is_in(&self, text: &[u8]) -> bool {
        if self.folded {
            self.finder.find(&text.to_ascii_lowercase()).is_some()
        } else {
            self.finder.find(text).is_some()
        }
    }

    /// Calls `found` with each place it has in `text`.
    fn each(&self, text: &[u8], found: &mut dyn FnMut(usize)) {
        let lower: Vec<u8>;
        let text = if self.folded {
            lower = text.to_ascii_lowercase();
            &lower
        } else {
            text
        };
        let mut from = 0;
        while let Some(at) = self.finder.find(&text[from..]) {
            found(from + at);
            from += at + 1;
        }
    }

    /// Whether it may begin in a timestamp of texts with that pattern.
    fn may_begin_in_time(&self, pattern: &[u8]) -> bool {
        let in_time = |byte: &&u8| byte.is_ascii_digit() || byte.eq_ignore_ascii_case(&b'T');
        let most = self.text.iter().take(TIME_RUN_MAX).take_while(in_time).count();
        most > 0
            && memchr::memchr_iter(TIME, pattern).any(|at| {
                let after = pattern.get(at + 2..).unwrap_or_default();
                let run = after.iter().take_while(|byte| class(**byte) != SEPARATOR).count();
                let (run, next) = (&after[..run], after.get(run));
                let goes_on =
                    |rest: &[u8]| run.get(..rest.len()).is_some_and(|r| r.eq_ignore_ascii_case(rest));
                next.is_some_and(|next| [TOKEN, TIME].contains(next))
                    || (1..=most).any(|len| goes_on(&self.text[len..]))
            })
    }

    /// Whether its letters are in these texts or are hexadecimal digits, where `hex`.
    fn may_be_made_of(&self, texts: [&[u8]; 2], hex: bool) -> bool {
        self.text.iter().all(|byte| {
            byte.is_ascii_digit()
                || (hex && byte.is_ascii_hexdigit())
                || texts.iter().any(|text| text.iter().any(|other| other.eq_ignore_ascii_case(byte)))
        })
    }
}

// === impl PatternColumn ===

impl PatternColumn {
    /// Of the rows at these places the ones that may have the piece: those that have it are among them. `wanted` says of
    /// a code whether its rows are. `None`: the column's bytes make no sense, or it was not told what it leads to.
    pub(in super::super) fn rows_with(
        &self,
        piece: &Piece,
        wanted: &dyn Fn(usize) -> bool,
        places: impl Iterator<Item = (usize, usize)>,
    ) -> Option<Bits> {
        let slotted = self.slotted()?;
        let rows = self.times().len();
        let mut hits = Vec::with_capacity(slotted.heads.len());
        for (head, key) in slotted.heads.iter().zip(slotted.slots.keys()) {
            hits.push(self.hits(head, self.table().keys.kind(*key), piece, rows)?);
        }
        let hit = |slot: &u32| hits.get(*slot as usize).is_some_and(|hits| !matches!(hits, Hits::None));
        let codes = 0..self.patterns().len();
        let timed: Vec<bool> =
            codes.clone().map(|code| wanted(code) && piece.may_begin_in_time(self.pattern(code))).collect();
        let relevant: Vec<bool> =
            codes.map(|code| timed[code] || wanted(code) && slotted.slots.of(code).iter().any(hit)).collect();
        let mut found = Bits::none(rows);
        if !relevant.contains(&true) {
            return Some(found);
        }
        for (place, row) in places {
            let code = self.code(place)?;
            if relevant.get(code) == Some(&true)
                && (timed[code] || slotted.has_hit(&hits, code, *slotted.ranks.get(place)?, row)?)
            {
                found.set(row);
            }
        }
        Some(found)
    }

    fn hits(&self, head: &Head, kind: SlotKind, piece: &Piece, rows: usize) -> Option<Hits> {
        // Characters that fold into ASCII are in texts that are stored as they are only.
        if piece.folded && kind == SlotKind::Literal {
            return Some(Hits::All);
        }
        let text = |range: &std::ops::Range<usize>| self.bytes().get(range.clone());
        let all_or_none = |all| if all { Hits::All } else { Hits::None };
        Some(match head {
            Head::Const(token) => all_or_none(piece.is_in(text(token)?)),
            Head::Decimals { prefix, suffix, digits, ints } => {
                let len = prefix.len() + suffix.len() + NUMBER_DIGITS_MAX.max(*digits);
                let possible =
                    piece.len() <= len && piece.may_be_made_of([text(prefix)?, text(suffix)?], false);
                if possible { self.written(head, ints.bits.len, piece)? } else { Hits::None }
            }
            Head::Numbers { prefix, suffix, digits, codes, .. } => {
                let len = prefix.len() + suffix.len() + NUMBER_DIGITS_MAX.max(*digits);
                let possible =
                    piece.len() <= len && piece.may_be_made_of([text(prefix)?, text(suffix)?], false);
                if possible { self.written(head, codes.len, piece)? } else { Hits::None }
            }
            Head::Hex { prefix, digits, len, .. } => {
                let possible =
                    piece.len() <= prefix.len() + digits && piece.may_be_made_of([text(prefix)?, b""], true);
                if possible { self.written(head, *len, piece)? } else { Hits::None }
            }
            Head::Dict { values, codes } => {
                let has = values.iter().map(|value| Some(piece.is_in(text(value)?)));
                let has = has.collect::<Option<Vec<_>>>()?;
                if !has.contains(&true) {
                    return Some(Hits::None);
                }
                let mut tokens = Bits::none(codes.len);
                let codes = codes.packed(self.bits());
                let hits = |at: &usize| has.get(codes.get(*at) as usize) == Some(&true);
                (0..codes.len()).filter(hits).for_each(|at| tokens.set(at));
                Hits::Tokens(tokens)
            }
            Head::Raw { start, ends } => {
                let mut tokens = Bits::none(ends.len());
                let bytes = self.bytes().get(*start..start + ends.last().copied().unwrap_or(0))?;
                piece.each(bytes, &mut |at| {
                    let token = ends.partition_point(|end| *end <= at);
                    if ends.get(token).is_some_and(|end| at + piece.len() <= *end) {
                        tokens.set(token);
                    }
                });
                if tokens.is_empty() { Hits::None } else { Hits::Tokens(tokens) }
            }
            // What begins in a timestamp is asked of the pattern.
            Head::Time { .. } => Hits::None,
            Head::Other { number, .. } => {
                let (_, column) = self.links()?.iter().find(|(other, _)| other == number)?;
                column.rows_with(piece, rows).map_or(Hits::All, Hits::Rows)
            }
        })
    }

    /// By writing out each token.
    fn written(&self, head: &Head, len: usize, piece: &Piece) -> Option<Hits> {
        let mut tokens = Bits::none(len);
        let mut scratch = Vec::new();
        for at in 0..len {
            scratch.clear();
            self.write_token(head, at, 0, &mut scratch)?;
            if piece.folded {
                scratch.make_ascii_lowercase();
            }
            if piece.finder.find(&scratch).is_some() {
                tokens.set(at);
            }
        }
        Some(if tokens.is_empty() { Hits::None } else { Hits::Tokens(tokens) })
    }
}

impl Slotted {
    /// Whether a token of a text may have the piece.
    fn has_hit(&self, hits: &[Hits], code: usize, rank: u32, row: usize) -> Option<bool> {
        let bases = self.bases.get(self.slots.range(code))?;
        Some(self.slots.of(code).iter().zip(bases).any(|(slot, base)| match hits.get(*slot as usize) {
            Some(Hits::None) | None => false,
            Some(Hits::All) => true,
            Some(Hits::Tokens(tokens)) => tokens.contains((base + rank) as usize),
            Some(Hits::Rows(rows)) => rows.contains(row),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_token_with_a_digit_is_looked_for() {
        let piece = |needle: &str| Piece::of(needle.as_bytes(), true).map(|piece| piece.text);
        for (needle, expected) in [
            ("Order ORD-a3f9 of u12", Some("a3f9")),
            ("rdDecl", Some("rddecl")),
            ("connection refused", None),
            ("u1 v22", Some("v22")),
            ("", None),
        ] {
            assert_eq!(piece(needle).as_deref(), expected.map(str::as_bytes), "{needle}");
        }
    }

    #[test]
    fn a_piece_may_begin_in_a_timestamp_and_end_in_what_follows() {
        let begins =
            |piece: &str, pattern: &[u8]| Piece::new(piece.as_bytes(), false).may_begin_in_time(pattern);
        for (piece, pattern, expected) in [
            ("2026", &b"at \xfe\x80Z"[..], true),
            ("00Z", b"at \xfe\x80Z", true),
            ("00ZT", b"at \xfe\x80Z", false),
            ("14T09", b"\xfe\x80 x", true),
            ("3fa9", b"\xfe\x80 x", false),
            ("3fa9", b"\xfe\x80\xff x", true),
            ("a3f9", b"\xfe\x80\xff x", false),
            ("0123456789", b"\xfe\x83 x", false),
            ("5", b"no time \xff", false),
        ] {
            assert_eq!(begins(piece, pattern), expected, "{piece} in {pattern:?}");
        }
    }
}
