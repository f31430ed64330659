//! Which slot each placeholder belongs to: writer and reader number them by the same rule.
//!
//! A placeholder's **key** is its kind with the few bytes before it; keys are numbered once a segment. The **slots** of a
//! block are the keys its patterns have, in the order in which the patterns, one after the other, first have them.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::split::{LITERAL, TIME, TOKEN, TimeForm};

/// So many bytes of the pattern before a placeholder tell slots apart.
const CONTEXT_BYTES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotKind {
    Token,
    Time(TimeForm),
    /// A whole text.
    Literal,
}

/// The keys of a segment's patterns.
#[derive(Default)]
pub(super) struct SlotKeys {
    numbers: FxHashMap<(u64, u32), u32>,
    kinds: Vec<SlotKind>,
    /// The keys of each pattern's placeholders, pattern after pattern.
    of_patterns: Vec<u32>,
    ends: Vec<u32>,
}

/// The slots of a block.
#[derive(Default)]
pub(super) struct Slots {
    /// The slot of each key of the segment, or [`NONE`].
    numbers: Vec<u32>,
    keys: Vec<u32>,
    /// The slots of each pattern's placeholders, pattern after pattern.
    of_patterns: Vec<u32>,
    ends: Vec<u32>,
}

const NONE: u32 = u32::MAX;

fn range(ends: &[u32], at: usize) -> Range<usize> {
    let start = at.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    start as usize..ends.get(at).copied().unwrap_or(start) as usize
}

// === impl SlotKeys ===

impl SlotKeys {
    /// Takes the next pattern.
    pub(super) fn add(&mut self, pattern: &[u8]) {
        for (at, byte) in pattern.iter().enumerate() {
            let Some(kind) = kind_of(*byte, pattern.get(at + 1)) else { continue };
            let kinds = &mut self.kinds;
            let number = *self.numbers.entry((context(&pattern[..at]), tag(kind))).or_insert_with(|| {
                kinds.push(kind);
                kinds.len() as u32 - 1
            });
            self.of_patterns.push(number);
        }
        self.ends.push(self.of_patterns.len() as u32);
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    pub(super) fn kind(&self, key: u32) -> SlotKind {
        self.kinds.get(key as usize).copied().unwrap_or(SlotKind::Token)
    }

    /// The keys of a pattern, in the order of its placeholders.
    pub(super) fn of(&self, pattern: usize) -> &[u32] {
        self.of_patterns.get(range(&self.ends, pattern)).unwrap_or_default()
    }
}

// === impl Slots ===

impl Slots {
    /// With what [`Slots::take_numbers`] gave.
    pub(super) fn with_numbers(numbers: Vec<u32>) -> Self {
        Self { numbers, ..Self::default() }
    }

    /// Ends with no slot known to the numbers it gives; nothing can be added any more.
    pub(super) fn take_numbers(&mut self) -> Vec<u32> {
        for key in &self.keys {
            if let Some(number) = self.numbers.get_mut(*key as usize) {
                *number = NONE;
            }
        }
        std::mem::take(&mut self.numbers)
    }

    pub(super) fn clear(&mut self) {
        for key in self.keys.drain(..) {
            if let Some(number) = self.numbers.get_mut(key as usize) {
                *number = NONE;
            }
        }
        self.of_patterns.clear();
        self.ends.clear();
    }

    /// Takes the block's next pattern, by its number in the segment.
    pub(super) fn add(&mut self, pattern: usize, keys: &SlotKeys) {
        if self.numbers.len() < keys.kinds.len() {
            self.numbers.resize(keys.kinds.len(), NONE);
        }
        for &key in keys.of(pattern) {
            let Some(number) = self.numbers.get_mut(key as usize) else { continue };
            if *number == NONE {
                *number = self.keys.len() as u32;
                self.keys.push(key);
            }
            self.of_patterns.push(*number);
        }
        self.ends.push(self.of_patterns.len() as u32);
    }

    /// The key of each slot.
    pub(super) fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// Where the placeholders of the block's pattern `at` are among all its placeholders.
    pub(super) fn range(&self, at: usize) -> Range<usize> {
        range(&self.ends, at)
    }

    /// The slots of the block's pattern `at`, in the order of its placeholders.
    pub(super) fn of(&self, at: usize) -> &[u32] {
        self.of_patterns.get(self.range(at)).unwrap_or_default()
    }
}

/// What a byte of a pattern stands for, if it stands for something.
fn kind_of(byte: u8, next: Option<&u8>) -> Option<SlotKind> {
    match byte {
        TOKEN => Some(SlotKind::Token),
        LITERAL => Some(SlotKind::Literal),
        TIME => TimeForm::from_byte(*next?).map(SlotKind::Time),
        _ => None,
    }
}

fn context(before: &[u8]) -> u64 {
    let tail = &before[before.len().saturating_sub(CONTEXT_BYTES)..];
    tail.iter().fold(0, |context, byte| context << 8 | u64::from(*byte))
}

fn tag(kind: SlotKind) -> u32 {
    match kind {
        SlotKind::Token => u32::from(TOKEN),
        SlotKind::Literal => u32::from(LITERAL),
        SlotKind::Time(form) => u32::from(form.byte()) << 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_share_a_slot_if_they_stand_behind_the_same_bytes() {
        let mut keys = SlotKeys::default();
        for pattern in
            [&b"GET /cart/\xff by user=\xff"[..], b"POST user=\xff in \xffms", b"\xfd", b"\xfe\x81 user=\xff"]
        {
            keys.add(pattern);
        }
        let mut slots = Slots::default();
        for _ in 0..2 {
            slots.clear();
            for pattern in [1, 0, 3, 2] {
                slots.add(pattern, &keys);
            }
            assert_eq!(
                [slots.of(0), slots.of(1), slots.of(2), slots.of(3)],
                [&[0, 1][..], &[2, 3], &[4, 5], &[6]]
            );
            assert_eq!(slots.range(2), 4..6);
        }
        assert_eq!(keys.kind(slots.keys()[6]), SlotKind::Literal);
        let mut same = SlotKeys::default();
        same.add(b"the user=\xff");
        same.add(b" by the user=\xff");
        assert_eq!(same.of(0), same.of(1));
    }
}
