//! What one client sent and what was acknowledged to it, each in a file that is synced before the client goes on.

use std::collections::BTreeSet;
use std::fs::{File, read_to_string};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(crate) struct Journal {
    sent: Book,
    acked: Book,
}

struct Book {
    path: PathBuf,
    file: File,
}

// === impl Journal ===

impl Journal {
    pub(crate) fn new(dir: &Path, client: u64) -> Self {
        Self { sent: Book::new(dir, "sent", client), acked: Book::new(dir, "acked", client) }
    }

    /// Called before the numbers are sent.
    pub(crate) fn note_sent(&mut self, numbers: &Range<u64>) {
        self.sent.note(numbers);
    }

    /// Called after they were acknowledged.
    pub(crate) fn note_acked(&mut self, numbers: &Range<u64>) {
        self.acked.note(numbers);
    }

    pub(crate) fn sent(&self) -> BTreeSet<u64> {
        self.sent.numbers()
    }

    pub(crate) fn acked(&self) -> BTreeSet<u64> {
        self.acked.numbers()
    }
}

// === impl Book ===

impl Book {
    fn new(dir: &Path, name: &str, client: u64) -> Self {
        let path = dir.join(format!("{name}-{client}"));
        let file = File::create_new(&path).unwrap();
        Self { path, file }
    }

    #[expect(clippy::disallowed_methods, reason = "the journal must not know less than the server")]
    fn note(&mut self, numbers: &Range<u64>) {
        writeln!(self.file, "{} {}", numbers.start, numbers.end).unwrap();
        self.file.sync_data().unwrap();
    }

    fn numbers(&self) -> BTreeSet<u64> {
        let text = read_to_string(&self.path).unwrap();
        let mut all = BTreeSet::new();
        for line in text.lines() {
            let (start, end) = line.split_once(' ').unwrap();
            for number in start.parse::<u64>().unwrap()..end.parse().unwrap() {
                assert!(all.insert(number), "{number} twice in {}", self.path.display());
            }
        }
        all
    }
}
