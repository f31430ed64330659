//! What columns of a block have in common is told once: which rows have a value, and the codes of dictionaries.

use super::super::coding::put_varint;
use super::bits::Bits;
use super::blobs::Blobs;
use super::encode::Cell;

/// The first byte of a column: which rows have a value.
pub(super) const PRESENT_ALL: u8 = 0;
/// One bit a row follows.
pub(super) const PRESENT_SOME: u8 = 1;
/// The number of an earlier column follows whose rows they are.
pub(super) const PRESENT_LIKE: u8 = 2;
/// One bit a row, as a blob.
pub(super) const PRESENT_PACKED: u8 = 3;

/// The columns of a block so far.
#[derive(Default)]
pub(super) struct Alike {
    /// Columns that not all rows have, and which rows have them.
    sparse: Vec<(u32, Bits)>,
    dicts: Vec<Dict>,
    /// The column at hand, and which of `sparse` has its rows.
    at_hand: (u32, Option<usize>),
}

struct Dict {
    column: u32,
    /// Which of `Alike::sparse` has its rows.
    rows: Option<usize>,
    values: usize,
    codes: Vec<u32>,
}

impl Alike {
    pub(super) fn clear(&mut self) {
        self.sparse.clear();
        self.dicts.clear();
    }

    /// Begins a column: appends which rows have a value.
    pub(super) fn presence(
        &mut self,
        number: u32,
        rows: usize,
        cells: &[Cell<'_>],
        (blobs, out): (&mut Blobs, &mut Vec<u8>),
    ) {
        self.at_hand = (number, None);
        if cells.len() == rows {
            out.push(PRESENT_ALL);
            return;
        }
        let mut present = Bits::none(rows);
        cells.iter().for_each(|(row, _)| present.set(*row as usize));
        if let Some(at) = self.sparse.iter().position(|(_, other)| *other == present) {
            out.push(PRESENT_LIKE);
            put_varint(out, u64::from(self.sparse[at].0));
            self.at_hand.1 = Some(at);
            return;
        }
        // Few ones, or few zeros, compress.
        let most = cells.len().max(rows - cells.len());
        if most * 5 > rows * 4 {
            let mut bytes = Vec::new();
            present.write(&mut bytes);
            out.push(PRESENT_PACKED);
            blobs.put(&bytes, out);
        } else {
            out.push(PRESENT_SOME);
            present.write(out);
        }
        self.at_hand.1 = Some(self.sparse.len());
        self.sparse.push((number, present));
    }

    /// An earlier dictionary of as many values with these codes, in the same rows; if there is none, later ones find
    /// this one.
    pub(super) fn codes(&mut self, values: usize, codes: &[u32]) -> Option<u32> {
        let (column, rows) = self.at_hand;
        let same = |dict: &&Dict| dict.rows == rows && dict.values == values && dict.codes == codes;
        let found = self.dicts.iter().find(same).map(|dict| dict.column);
        if found.is_none() {
            self.dicts.push(Dict { column, rows, values, codes: codes.to_vec() });
        }
        found
    }
}
