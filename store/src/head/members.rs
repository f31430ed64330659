//! What each member of folded series counted last, exactly and for however many: the newest in memory, older ones in
//! files of sorted pairs. A filter keeps a file from being asked for what it does not have. The files have no name and go
//! with the process: after a start all is made again from the log.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// So many values are held in memory before they go to a file: some 36 MiB.
const RECENT_MAX: usize = 1 << 20;
/// Files of about the same size that become one.
const MERGED: usize = 4;
/// Pairs that are read at once.
const PAGE_PAIRS: usize = 256;
const PAIR_BYTES: usize = 16;
const FILTER_BITS_PER_PAIR: usize = 12;
/// Values that are known, in memory and in files. Further ones count once and what they grow by later is lost: it is told.
const VALUES_MAX: u64 = 1 << 28;

pub(super) struct Members {
    /// Where files may be made. Without it all stays in memory, as in tests and tools.
    folder: Option<Arc<Path>>,
    recent: HashMap<u64, f64, FxBuildHasher>,
    recent_max: usize,
    /// Oldest first; the last one that has a key has its value.
    runs: Vec<Run>,
    is_told: bool,
}

/// Pairs sorted by key.
struct Run {
    pairs: Pairs,
    count: usize,
    /// The first key of each page.
    firsts: Vec<u64>,
    filter: Filter,
}

enum Pairs {
    File(File),
    /// What could not be written.
    Memory(Vec<(u64, f64)>),
}

/// Four bits of one word for each key: no key is missed, one of thirty others is taken for one.
struct Filter(Box<[u64]>);

// === impl Members ===

impl Default for Members {
    fn default() -> Self {
        Self {
            folder: None,
            recent: HashMap::default(),
            recent_max: RECENT_MAX,
            runs: Vec::new(),
            is_told: false,
        }
    }
}

impl Members {
    pub(super) fn set_folder(&mut self, folder: &Arc<Path>) {
        self.folder = Some(Arc::clone(folder));
    }

    /// By how much each value has changed since the member's sample before. A marker of the series' end changes nothing.
    pub(super) fn change(&mut self, member: u64, values: &[f64], counter: bool) -> Vec<f64> {
        let change = |(part, value): (usize, &f64)| {
            if value.is_nan() {
                return 0.0;
            }
            match self.replace(key(member, part), *value) {
                Some(before) if !counter || *value >= before => *value - before,
                _ => *value,
            }
        };
        values.iter().enumerate().map(change).collect()
    }

    fn replace(&mut self, key: u64, value: f64) -> Option<f64> {
        if let Some(known) = self.recent.get_mut(&key) {
            return Some(std::mem::replace(known, value));
        }
        let before = self.runs.iter().rev().find_map(|run| run.get(key));
        if before.is_none() && self.known() >= VALUES_MAX {
            self.tell("too many members of folded series are known: what further ones grow by is lost", None);
            return None;
        }
        self.recent.insert(key, value);
        if self.recent.len() >= self.recent_max {
            self.spill();
        }
        before
    }

    fn known(&self) -> u64 {
        self.runs.iter().map(|run| run.count as u64).sum::<u64>() + self.recent.len() as u64
    }

    /// What is in memory becomes a file.
    fn spill(&mut self) {
        let Some(folder) = self.folder.clone() else { return };
        let mut pairs: Vec<(u64, f64)> = self.recent.drain().collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        let run = Run::write(&folder, pairs.len(), pairs.iter().copied()).unwrap_or_else(|error| {
            self.tell(
                "values of folded series are held in memory, their file could not be written",
                Some(&error),
            );
            Run::in_memory(pairs)
        });
        self.runs.push(run);
        let is_small = |run: &&Run| run.count < self.recent_max * MERGED / 2;
        if self.runs.iter().rev().take_while(is_small).count() >= MERGED {
            self.merge(&folder);
        }
    }

    fn merge(&mut self, folder: &Path) {
        let at = self.runs.len() - MERGED;
        let count = self.runs[at..].iter().map(|run| run.count).sum();
        match Run::write(folder, count, Merged::new(&self.runs[at..])) {
            Ok(run) => {
                self.runs.truncate(at);
                self.runs.push(run);
            }
            Err(error) => self.tell("values of folded series could not be written to one file", Some(&error)),
        }
    }

    fn tell(&mut self, what: &str, error: Option<&io::Error>) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(error = error.map(tracing::field::display), "{what}");
        }
    }
}

/// Parts of a member are told apart; members are hashes already.
fn key(member: u64, part: usize) -> u64 {
    (member ^ (part as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(part as u32 % 64)
}

// === impl Run ===

impl Run {
    /// `count`: at least as many as there are pairs.
    fn write(folder: &Path, count: usize, pairs: impl Iterator<Item = (u64, f64)>) -> io::Result<Self> {
        let path = folder.join("members.tmp");
        // One is left if the process ended between these lines.
        let _ = fs::remove_file(&path);
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        fs::remove_file(&path)?;
        let mut run = Self::empty(count);
        let mut out = BufWriter::new(&file);
        for (key, value) in pairs {
            run.note(key);
            out.write_all(&key.to_le_bytes())?;
            out.write_all(&value.to_le_bytes())?;
        }
        out.flush()?;
        drop(out);
        run.pairs = Pairs::File(file);
        Ok(run)
    }

    fn in_memory(pairs: Vec<(u64, f64)>) -> Self {
        let mut run = Self::empty(pairs.len());
        pairs.iter().for_each(|(key, _)| run.note(*key));
        run.pairs = Pairs::Memory(pairs);
        run
    }

    fn empty(count: usize) -> Self {
        let pairs = Pairs::Memory(Vec::new());
        Self { pairs, count: 0, firsts: Vec::new(), filter: Filter::new(count) }
    }

    fn note(&mut self, key: u64) {
        if self.count.is_multiple_of(PAGE_PAIRS) {
            self.firsts.push(key);
        }
        self.count += 1;
        self.filter.insert(key);
    }

    fn get(&self, key: u64) -> Option<f64> {
        if !self.filter.may_have(key) {
            return None;
        }
        let page = self.firsts.partition_point(|first| *first <= key).checked_sub(1)?;
        let mut pairs = Vec::new();
        self.page(page, &mut pairs);
        let at = pairs.binary_search_by_key(&key, |pair| pair.0).ok()?;
        Some(pairs[at].1)
    }

    /// The pairs of a page. One that cannot be read has none: its members are new once more.
    fn page(&self, page: usize, pairs: &mut Vec<(u64, f64)>) {
        pairs.clear();
        let from = page * PAGE_PAIRS;
        let to = (from + PAGE_PAIRS).min(self.count);
        match &self.pairs {
            Pairs::Memory(all) => pairs.extend_from_slice(all.get(from..to).unwrap_or_default()),
            Pairs::File(file) => {
                let mut bytes = vec![0; to.saturating_sub(from) * PAIR_BYTES];
                match file.read_exact_at(&mut bytes, (from * PAIR_BYTES) as u64) {
                    Ok(()) => pairs.extend(bytes.chunks_exact(PAIR_BYTES).filter_map(pair)),
                    Err(error) => tracing::warn!(%error, "read values of folded series"),
                }
            }
        }
    }
}

fn pair(bytes: &[u8]) -> Option<(u64, f64)> {
    let (key, value) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*key), f64::from_le_bytes(value.try_into().ok()?)))
}

// === merging ===

/// The pairs of several runs in the order of their keys; of equal keys the one of the last run.
struct Merged<'r>(Vec<Cursor<'r>>);

struct Cursor<'r> {
    run: &'r Run,
    next_page: usize,
    pairs: Vec<(u64, f64)>,
    at: usize,
}

impl<'r> Merged<'r> {
    fn new(runs: &'r [Run]) -> Self {
        let cursor = |run| {
            let mut cursor = Cursor { run, next_page: 0, pairs: Vec::new(), at: 0 };
            cursor.fill();
            cursor
        };
        Self(runs.iter().map(cursor).collect())
    }
}

impl Iterator for Merged<'_> {
    type Item = (u64, f64);

    fn next(&mut self) -> Option<(u64, f64)> {
        let key = self.0.iter().filter_map(|cursor| Some(cursor.head()?.0)).min()?;
        let mut newest = None;
        for cursor in &mut self.0 {
            if let Some(pair) = cursor.head().filter(|pair| pair.0 == key) {
                newest = Some(pair);
                cursor.at += 1;
                cursor.fill();
            }
        }
        newest
    }
}

impl Cursor<'_> {
    fn head(&self) -> Option<(u64, f64)> {
        self.pairs.get(self.at).copied()
    }

    fn fill(&mut self) {
        while self.at >= self.pairs.len() && self.next_page < self.run.firsts.len() {
            self.run.page(self.next_page, &mut self.pairs);
            (self.next_page, self.at) = (self.next_page + 1, 0);
        }
    }
}

// === impl Filter ===

impl Filter {
    fn new(keys: usize) -> Self {
        Self(vec![0; (keys * FILTER_BITS_PER_PAIR).div_ceil(64).max(1)].into())
    }

    /// Which word, and its bits.
    fn bits(&self, key: u64) -> (usize, u64) {
        let mixed = (key ^ key >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let word = (u128::from(mixed) * self.0.len() as u128) >> 64;
        let low = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bits = (0..4).fold(0, |bits, probe| bits | 1u64 << (low >> (40 + probe * 6) & 63));
        (word as usize, bits)
    }

    fn insert(&mut self, key: u64) {
        let (word, bits) = self.bits(key);
        self.0[word] |= bits;
    }

    fn may_have(&self, key: u64) -> bool {
        let (word, bits) = self.bits(key);
        self.0[word] & bits == bits
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Members in files of a few pairs each.
    fn small(folder: &Path) -> Members {
        let mut members = Members { recent_max: 700, ..Members::default() };
        members.set_folder(&Arc::from(folder));
        members
    }

    fn hash(number: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes())
    }

    #[test]
    fn changes_are_exact_however_many_members_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut members = small(folder.path());
        let mut model: BTreeMap<(u64, usize), f64> = BTreeMap::new();
        for step in 0..60_000u64 {
            // Most are new, some old ones come again, some of these fell.
            let number = if step % 3 == 0 { hash(step) % (step + 1) } else { step };
            let values = [(step % 1000) as f64, step as f64];
            let changes = members.change(hash(number), &values, true);
            for (part, (value, change)) in values.iter().zip(changes).enumerate() {
                let before = model.insert((number, part), *value).unwrap_or(0.0);
                assert_eq!(change, if *value < before { *value } else { value - before }, "step {step}");
            }
        }
        assert!(members.runs.len() > 1 && members.recent.len() < 700);
        assert!(members.runs.len() < 60, "small files become large ones");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "files have no name");
    }

    #[test]
    fn what_cannot_be_written_stays_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut members = small(&folder.path().join("missing"));
        for _ in 0..2 {
            (0..5_000).for_each(|number| drop(members.change(hash(number), &[1.0], true)));
        }
        assert_eq!(members.change(hash(7), &[4.0], true), [3.0]);
        assert_eq!(members.change(hash(7), &[2.0], false), [-2.0]);
    }

    #[test]
    fn markers_of_an_end_change_nothing() {
        let mut members = Members::default();
        assert_eq!(members.change(1, &[5.0, f64::NAN], true), [5.0, 0.0]);
        assert_eq!(members.change(1, &[f64::NAN, 3.0], true), [0.0, 3.0]);
        assert_eq!(members.change(1, &[6.0, 3.0], true), [1.0, 0.0]);
    }
}
