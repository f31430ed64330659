//! A disk in memory that forgets what was not synced, fails on demand, and tears writes when it crashes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::durable::{Disk, DiskFile};

const SECTOR: usize = 512;

/// Small, good enough, and the same on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

#[derive(Clone, Default)]
pub(crate) struct FakeDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    names: BTreeMap<PathBuf, u64>,
    files: BTreeMap<u64, Content>,
    next: u64,
    /// Operations until everything fails; `None`: never.
    operations_left: Option<u64>,
    /// Syncs that will fail, one after another.
    failing_syncs: u64,
    /// No room for files to grow.
    full: bool,
}

#[derive(Clone, Default)]
struct Content {
    durable: Vec<u8>,
    /// Writes since the last sync, in order.
    pending: Vec<(u64, Vec<u8>)>,
}

impl Content {
    fn seen(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        self.pending.iter().for_each(|(offset, piece)| put(&mut bytes, *offset, piece));
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, piece: &[u8]) {
    let end = offset as usize + piece.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset as usize..end].copy_from_slice(piece);
}

impl State {
    fn operation(&mut self) -> io::Result<()> {
        match &mut self.operations_left {
            Some(0) => Err(io::Error::other("the machine is off")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl FakeDisk {
    pub(crate) fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// After that many operations everything fails, until [`FakeDisk::restart`].
    pub(crate) fn crash_after(&self, operations: u64) {
        self.0.lock().operations_left = Some(operations);
    }

    pub(crate) fn fail_syncs(&self, count: u64) {
        self.0.lock().failing_syncs = count;
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.0.lock().full = full;
    }

    /// The power comes back: of each write that was not synced any sectors may have reached the disk.
    pub(crate) fn restart(&self, random: &mut Random) {
        let mut state = self.0.lock();
        state.operations_left = None;
        state.failing_syncs = 0;
        for content in state.files.values_mut() {
            for (offset, piece) in std::mem::take(&mut content.pending) {
                for (i, sector) in piece.chunks(SECTOR).enumerate() {
                    if random.below(2) == 0 {
                        put(&mut content.durable, offset + (i * SECTOR) as u64, sector);
                    }
                }
            }
        }
    }

    pub(crate) fn edit(&self, path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        let id = state.names[path];
        let content = state.files.get_mut(&id).unwrap();
        content.durable = content.seen();
        content.pending.clear();
        edit(&mut content.durable);
    }

    pub(crate) fn copy(&self) -> Self {
        let state = self.0.lock();
        let (names, files, next) = (state.names.clone(), state.files.clone(), state.next);
        Self(Arc::new(Mutex::new(State { names, files, next, ..State::default() })))
    }

    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().names.keys().cloned().collect()
    }
}

impl Disk for FakeDisk {
    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        let state = self.0.lock();
        let inside = state.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(inside.map(|(path, id)| (name(path), state.files[id].seen().len() as u64)).collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.0.lock();
        let id = state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.files[id].seen())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.operation()?;
        let next = state.next;
        let id = *state.names.entry(path.to_owned()).or_insert(next);
        if id == next {
            state.next += 1;
            state.files.insert(id, Content::default());
        }
        drop(state);
        Ok(Box::new(FakeFile { disk: self.clone(), id }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operation()?;
        let id = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operation()?;
        state.names.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

struct FakeFile {
    disk: FakeDisk,
    id: u64,
}

impl DiskFile for FakeFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let alive = state.operation();
        let full = state.full;
        let content = state.files.get_mut(&self.id).unwrap();
        if full && offset + bytes.len() as u64 > content.seen().len() as u64 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // A machine that goes off in the middle of a write has begun it.
        content.pending.push((offset, bytes.to_owned()));
        alive
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.operation()?;
        if state.failing_syncs > 0 {
            state.failing_syncs -= 1;
            // As Linux does it: the pages count as clean now, and the disk has not got them.
            state.files.get_mut(&self.id).unwrap().pending.clear();
            return Err(io::Error::other("input/output error"));
        }
        let content = state.files.get_mut(&self.id).unwrap();
        content.durable = content.seen();
        content.pending.clear();
        Ok(())
    }
}
