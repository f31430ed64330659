//! Patterns of lines: what is the same in lines of a kind, with `<_>` for what varies.
//!
//! Two steps. `shape` makes a pattern of one line alone: words with digits vary. It is a pure function, so the same line
//! has the same pattern everywhere and for ever, and a rule may name it. `drain` puts shapes together that differ in a few
//! words only; what it finds depends on the lines it was shown.

mod drain;
mod shape;

pub(crate) use drain::Miner;
pub(crate) use shape::write_shape;

/// What stands for something that varies, as `|>` reads it.
pub(crate) const VARIES: &str = "<_>";
