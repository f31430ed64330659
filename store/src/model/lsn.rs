//! Log sequence numbers.

use std::fmt;

/// One process life that writes: chosen by the catalog at start, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct WriterId(pub u32);

/// The position of a record in its writer's log. Numbers of one writer are ordered and gapless; numbers of two
/// writers say nothing about each other, so there is never one global number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Lsn {
    pub writer: WriterId,
    pub counter: u64,
}

impl Lsn {
    pub fn next(self) -> Self {
        Self { writer: self.writer, counter: self.counter + 1 }
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.writer.0, self.counter)
    }
}
