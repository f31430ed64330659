//! Texts of a block by number, where few differ: whoever counts texts writes each of them out once.

use super::read::{Bits, Head, PatternColumn};
use super::split::{LITERAL, TIME, TOKEN};

/// The numbers of a block's texts. Equal numbers are equal texts; a text may have several.
pub(super) struct Numbers {
    /// By code of a pattern.
    of_codes: Vec<First>,
    count: usize,
}

/// The first number of a pattern's texts, and what tells them apart: codes of a slot, from the place `base` on.
struct First {
    number: usize,
    by: Option<(Bits, usize)>,
}

impl PatternColumn {
    /// How many numbers there are; 0: texts are not numbered.
    pub(in super::super) fn numbers(&self) -> usize {
        self.numbered().map_or(0, |numbers| numbers.count)
    }

    /// The number of the text at a place.
    pub(in super::super) fn number(&self, place: usize) -> Option<usize> {
        let first = self.numbered()?.of_codes.get(self.code(place)?)?;
        let Some((codes, base)) = first.by else { return Some(first.number) };
        let at = base + self.rank(place)?;
        Some(first.number + codes.packed(self.bits()).get(at) as usize)
    }

    /// `None`: texts of some pattern are not a few.
    pub(super) fn read_numbers(&self) -> Option<Numbers> {
        let slotted = self.slotted()?;
        let (mut of_codes, mut count) = (Vec::with_capacity(self.patterns().len()), 0usize);
        for code in 0..self.patterns().len() {
            let pattern = self.pattern(code);
            let mut holes = memchr::memchr3_iter(TOKEN, TIME, LITERAL, pattern);
            let (hole, more) = (holes.next(), holes.next().is_some());
            let (texts, by) = match hole {
                None => (1, None),
                Some(_) if more => return None,
                Some(_) => {
                    let base = *slotted.bases.get(slotted.slots.range(code))?.first()?;
                    let slot = *slotted.slots.of(code).first()?;
                    let (texts, codes) = match slotted.heads.get(slot as usize)? {
                        Head::Const(_) => (1, None),
                        Head::Dict { values, codes } => (values.len(), Some(*codes)),
                        Head::Numbers { values, codes, .. } => (values.len(), Some(*codes)),
                        _ => return None,
                    };
                    (texts, codes.map(|codes| (codes, base as usize)))
                }
            };
            of_codes.push(First { number: count, by });
            count += texts;
        }
        Some(Numbers { of_codes, count })
    }
}
