//! What became of each item of a bulk, in its order: runs of equal ones, since mostly all are.
//!
//! ```text
//! operation(1) outcome(1) count(4, LE) length(2, LE) index name
//! ```
//! An outcome of 0 is "stored", others are a [`Reject`] plus one.

use std::collections::BTreeSet;

use crate::protocol::Reject;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Operation {
    Create = 0,
    Index = 1,
    Update = 2,
    Delete = 3,
}

/// One item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Item<'a> {
    pub operation: Operation,
    pub index: &'a str,
    pub rejected: Option<Reject>,
}

/// Writes runs.
#[derive(Default, Debug)]
pub(crate) struct Items {
    bytes: Vec<u8>,
    /// Where the last run begins.
    last: usize,
}

const HEAD: usize = 8;
const INDEX_BYTES_MAX: usize = 255;

fn floor_char_boundary(text: &str, most: usize) -> usize {
    (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        [Self::Create, Self::Index, Self::Update, Self::Delete].into_iter().find(|known| known.name() == name)
    }

    pub fn is_stored(self) -> bool {
        matches!(self, Self::Create | Self::Index)
    }
}

impl Items {
    pub fn push(&mut self, item: &Item<'_>) {
        let index = &item.index.as_bytes()[..floor_char_boundary(item.index, INDEX_BYTES_MAX)];
        let outcome = item.rejected.map_or(0, |reject| reject as u8 + 1);
        if let Some(run) = self.bytes.get_mut(self.last..).filter(|run| run.len() >= HEAD)
            && (run[0], run[1], &run[HEAD..]) == (item.operation as u8, outcome, index)
        {
            let count = u32::from_le_bytes([run[2], run[3], run[4], run[5]]);
            run[2..6].copy_from_slice(&(count + 1).to_le_bytes());
            return;
        }
        self.last = self.bytes.len();
        self.bytes.extend_from_slice(&[item.operation as u8, outcome]);
        self.bytes.extend_from_slice(&1u32.to_le_bytes());
        self.bytes.extend_from_slice(&(index.len() as u16).to_le_bytes());
        self.bytes.extend_from_slice(index);
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The same items, but that the stored ones of these rows are over their quota.
    pub fn with_over_quota(bytes: &[u8], rows: &BTreeSet<usize>) -> Vec<u8> {
        let mut changed = Self::default();
        let mut row = 0;
        for mut item in Self::read(bytes) {
            if item.rejected.is_none() {
                if rows.contains(&row) {
                    item.rejected = Some(Reject::OverQuota);
                }
                row += 1;
            }
            changed.push(&item);
        }
        changed.into_bytes()
    }

    /// The items of what was written; other bytes end it early.
    pub fn read(mut bytes: &[u8]) -> impl Iterator<Item = Item<'_>> {
        let runs = std::iter::from_fn(move || {
            let (head, tail) = bytes.split_first_chunk::<HEAD>()?;
            let [operation, outcome, a, b, c, d, low, high] = *head;
            let (index, tail) = tail.split_at_checked(usize::from(u16::from_le_bytes([low, high])))?;
            bytes = tail;
            let operation = [Operation::Create, Operation::Index, Operation::Update, Operation::Delete]
                .into_iter()
                .find(|known| *known as u8 == operation)?;
            let rejected = usize::from(outcome).checked_sub(1).and_then(|at| Reject::ALL.get(at)).copied();
            let item = Item { operation, index: std::str::from_utf8(index).ok()?, rejected };
            Some(std::iter::repeat_n(item, u32::from_le_bytes([a, b, c, d]) as usize))
        });
        runs.flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_read_back_in_order_and_equal_ones_share_a_run() {
        let stored = Item { operation: Operation::Create, index: "logs", rejected: None };
        let refused = Item { rejected: Some(Reject::Time), ..stored };
        let other = Item { operation: Operation::Index, index: "", rejected: None };
        let mut items = Items::default();
        let all = [stored, stored, stored, refused, refused, stored, other];
        all.iter().for_each(|item| items.push(item));
        let bytes = items.into_bytes();
        assert_eq!(Items::read(&bytes).collect::<Vec<_>>(), all);
        assert_eq!(bytes.len(), 4 * HEAD + 3 * "logs".len());
        for len in 0..bytes.len() {
            assert!(Items::read(&bytes[..len]).count() < all.len());
        }
        let changed = Items::with_over_quota(&bytes, &BTreeSet::from([1, 3]));
        let over: Vec<bool> =
            Items::read(&changed).map(|item| item.rejected == Some(Reject::OverQuota)).collect();
        assert_eq!(over, [false, true, false, false, false, true, false], "rows count what is stored");
    }
}
