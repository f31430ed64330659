//! Streams and label sets in which there was nothing to redact: senders repeat them in every request.

use std::sync::Arc;

use hashbrown::HashSet;
use parking_lot::RwLock;
use store::model::{Nested, Stream};

use super::redact::Work;

/// Belongs to one configuration: another one may find something where this one does not.
#[derive(Default)]
pub(crate) struct Memory {
    /// By their hashes.
    streams: RwLock<HashSet<u128>>,
    /// Encoded labels, whole: a hash of a label set would let two of them be one.
    labels: RwLock<HashSet<Box<[u8]>>>,
}

/// When full, it begins again: at worst what is known is looked at once more.
const STREAMS_MAX: usize = 1 << 16;
const LABEL_BYTES_MAX: usize = 1 << 10;
const LABELS_MAX: usize = 1 << 16;

impl Memory {
    /// The streams that change.
    pub fn streams(&self, streams: &[Arc<Stream>], work: &mut Work<'_>) -> Vec<Option<Stream>> {
        let unknown: Vec<bool> = {
            let known = self.streams.read();
            streams.iter().map(|stream| !known.contains(&stream.hash())).collect()
        };
        let mut clean = Vec::new();
        let mut changed: Vec<Option<Stream>> = Vec::with_capacity(streams.len());
        for (stream, unknown) in streams.iter().zip(unknown) {
            let made = if unknown { work.stream(stream) } else { None };
            if unknown && made.is_none() {
                clean.push(stream.hash());
            }
            changed.push(made);
        }
        if !clean.is_empty() {
            let mut known = self.streams.write();
            if known.len() + clean.len() > STREAMS_MAX {
                known.clear();
            }
            known.extend(clean);
        }
        changed
    }

    /// Which of these label sets are not known to be clean.
    pub fn unknown_labels<'l>(&self, labels: impl Iterator<Item = Nested<'l>>) -> Vec<bool> {
        let known = self.labels.read();
        labels.map(|labels| !known.contains(labels.as_bytes())).collect()
    }

    /// Remembers label sets in which there was nothing.
    pub fn remember_labels<'l>(&self, clean: impl Iterator<Item = Nested<'l>>) {
        let mut known = self.labels.write();
        for labels in clean.map(Nested::as_bytes).filter(|labels| labels.len() <= LABEL_BYTES_MAX) {
            if known.len() >= LABELS_MAX {
                known.clear();
            }
            known.insert(labels.into());
        }
    }
}
