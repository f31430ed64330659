//! Texts as patterns and what varies in them: bodies, urls, ids.
//!
//! A program writes few kinds of lines. What is the same in all lines of a kind is stored once a segment; what varies
//! is stored in **slots**, columns of their own across all patterns in which it stands behind the same few bytes, as
//! numbers where it is numbers: `ORD-` and 14 hexadecimal digits are 7 bytes, a timestamp that is the row's time
//! nothing. Searches look at patterns first, then for the needle's longest token in the slots of those that leave a doubt,
//! and write out only the rows that may have it.
//!
//! ```text
//! split: text → pattern, parts     table: patterns of a segment    encode: parts → slots
//! read:  slots → texts             search: needle → patterns that have it, cannot have it, or might
//!                                  find: piece of a token → rows that may have it
//!                                  numbers: texts → numbers, where few texts differ
//! ```
//!
//! Lines of no kind (patterns met once in a block) are stored as they are, compressed together.

mod encode;
mod find;
mod numbers;
mod read;
mod search;
mod shape;
mod slots;
mod split;
mod table;
#[cfg(test)]
pub(super) mod tests;

pub(super) use encode::{Others, PatternsEncoder};
pub(super) use find::Piece;
pub(super) use read::PatternColumn;
pub(super) use search::{Search, Verdict};
pub(super) use table::{PatternTable, PatternTableWriter};
