//! What one request decodes to.

use super::{EventBatch, SampleBatch};

/// The three kinds of data. The numbers are in WAL records and segment footers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Signal {
    Logs = 1,
    Spans = 2,
    Samples = 3,
}

impl Signal {
    pub const ALL: [Self; 3] = [Self::Logs, Self::Spans, Self::Samples];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Spans => "spans",
            Self::Samples => "samples",
        }
    }

    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Logs),
            2 => Some(Self::Spans),
            3 => Some(Self::Samples),
            _ => None,
        }
    }
}

/// Identifies a request's content for deduplication: a 128-bit keyed hash of tenant, signal, protocol and bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BatchKey(pub u128);

/// One request's records as columns.
#[derive(Clone, Debug, PartialEq)]
pub enum Batch {
    Events(EventBatch),
    Samples(SampleBatch),
}

impl Batch {
    pub fn signal(&self) -> Signal {
        match self {
            Self::Events(events) => events.signal(),
            Self::Samples(_) => Signal::Samples,
        }
    }

    /// Number of log records, spans or samples.
    pub fn rows(&self) -> usize {
        match self {
            Self::Events(events) => events.rows(),
            Self::Samples(samples) => samples.rows(),
        }
    }

    /// Heap bytes held, for memory budgets.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Events(events) => events.size_bytes(),
            Self::Samples(samples) => samples.size_bytes(),
        }
    }
}
