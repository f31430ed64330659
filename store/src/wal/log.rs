//! Writing: files are opened, filled and given up here; one fdatasync per group.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Record;
use super::format::{FileHeader, RECORD_HEADER_LEN, RECORDS_START, RecordHeader, RecordKind};
use crate::durable::{Disk, DiskFile};
use crate::model::{Lsn, Signal, TenantNo, WriterId};

/// Files kept for use as later files of the log.
const SPARES_MAX: usize = 3;
/// A log that rests begins again with a file of this size: a few batches do not fill a large one with zeros first.
const FIRST_FILE_BYTES: u64 = 256 << 10;
/// Each next file is so many times as large, up to the usual size.
const FILE_GROWTH: u64 = 4;
/// The group's buffer is not kept larger than this.
const BUFFER_KEPT_BYTES: usize = 4 << 20;
/// Zeros are written in pieces of this size.
const ZEROS_BYTES: usize = 1 << 20;
pub(super) const SPARE_SUFFIX: &str = ".spare";
pub(super) const FILE_SUFFIX: &str = ".wal";

/// One file of the log, for cutting and for status.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
    pub(crate) writer: WriterId,
    pub(crate) size_bytes: u64,
    /// The last LSN of each pair in it: when all are flushed, the file can go.
    pub(crate) last: HashMap<(TenantNo, Signal), u64>,
    /// The last LSN of all.
    pub(crate) end: u64,
    /// A write or fsync failed, or damage was found: it is kept aside, not recycled.
    pub(crate) damaged: bool,
}

/// The log of one process life.
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    writer: WriterId,
    /// Of a file under load; only such are recycled.
    file_bytes: u64,
    /// Of the next file that is made.
    next_bytes: u64,
    /// Oldest first; the last one is `current`'s when there is one.
    files: Vec<LogFile>,
    current: Option<Current>,
    spares: Vec<PathBuf>,
    next_seq: u32,
    next_lsn: u64,
    synced: u64,
    /// Records of the group being written, before they go to the file.
    buffer: Vec<u8>,
}

struct Current {
    file: Box<dyn DiskFile>,
    salt: u64,
    /// Where the next record goes.
    end: u64,
    size: u64,
    /// No mark stands behind the last group.
    unmarked: bool,
}

/// Numbers of the records that are durable now, and why the rest is not.
pub(crate) struct Committed {
    pub(crate) lsns: Vec<Lsn>,
    pub(crate) error: Option<io::Error>,
}

// === impl Log ===

impl Log {
    /// `old`: the files earlier lives left, oldest first. Makes no file until there is something to write.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        writer: WriterId,
        file_bytes: u64,
        old: Vec<LogFile>,
    ) -> io::Result<Self> {
        let least = (RECORDS_START + 16 * RECORD_HEADER_LEN) as u64;
        let file_bytes = file_bytes.max(least);
        let mut spares = Vec::new();
        for (name, size) in disk.list(dir)? {
            if name.ends_with(SPARE_SUFFIX) {
                if size == file_bytes && spares.len() < SPARES_MAX {
                    spares.push(dir.join(name));
                } else {
                    disk.remove(&dir.join(name))?;
                }
            }
        }
        let dir = dir.to_owned();
        let buffer = Vec::new();
        let (files, current) = (old, None);
        Ok(Self {
            disk,
            dir,
            writer,
            file_bytes,
            next_bytes: file_bytes.min(FIRST_FILE_BYTES),
            files,
            current,
            spares,
            next_seq: 1,
            next_lsn: 1,
            synced: 0,
            buffer,
        })
    }

    pub(crate) fn files(&self) -> &[LogFile] {
        &self.files
    }

    pub(crate) fn synced(&self) -> Lsn {
        Lsn { writer: self.writer, counter: self.synced }
    }

    /// Writes the records in order and syncs them. After an error the file is dead, and the records without a number
    /// are not stored: the next file's first LSN takes theirs away.
    pub(crate) fn commit(&mut self, records: &mut [Record], now_ms: i64) -> Committed {
        let mut lsns = Vec::with_capacity(records.len());
        let mut rest = records;
        while !rest.is_empty() {
            let written = self.fitting_file(rest[0].len()).and_then(|()| {
                let count = self.fitting(rest);
                self.write(&mut rest[..count], now_ms).map(|()| count)
            });
            match written {
                Ok(count) => {
                    let first = self.next_lsn - count as u64;
                    lsns.extend((first..self.next_lsn).map(|counter| Lsn { writer: self.writer, counter }));
                    rest = &mut rest[count..];
                }
                Err(error) => return Committed { lsns, error: Some(error) },
            }
        }
        Committed { lsns, error: None }
    }

    /// Whether an idle writer should call [`Log::mark`].
    pub(crate) fn needs_mark(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.unmarked)
    }

    /// Says behind the last group that it is durable, so that later damage to it is known to be loss.
    pub(crate) fn mark(&mut self, now_ms: i64) -> io::Result<()> {
        self.write_mark(RecordKind::SyncMark, now_ms)
    }

    /// Ends the log: no commit follows.
    pub(crate) fn close(&mut self, now_ms: i64) -> io::Result<()> {
        if self.current.is_none() {
            return Ok(());
        }
        self.write_mark(RecordKind::SyncMark, now_ms)?;
        self.write_mark(RecordKind::Seal, now_ms)?;
        let synced = self.current.as_mut().map_or(Ok(()), |current| current.file.sync());
        self.current = None;
        synced
    }

    /// Whether [`Log::rest`] would give anything back.
    pub(crate) fn can_rest(&self) -> bool {
        !self.spares.is_empty()
    }

    /// Gives back what only a busy log needs: spares, and large files from the start.
    pub(crate) fn rest(&mut self) -> io::Result<()> {
        self.next_bytes = self.file_bytes.min(FIRST_FILE_BYTES);
        while let Some(spare) = self.spares.pop() {
            self.disk.remove(&spare)?;
        }
        Ok(())
    }

    /// Removes files, oldest first, as long as all their records are flushed; returns how many went. The open file goes
    /// like the others: the next batch begins a new one. Damaged files are moved aside. `before_first` runs once, before
    /// the first file goes.
    pub(crate) fn cut(
        &mut self,
        flushed: &dyn Fn(TenantNo, Signal, WriterId) -> u64,
        before_first: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<usize> {
        let done = |file: &LogFile| {
            file.last.iter().all(|((tenant, signal), last)| flushed(*tenant, *signal, file.writer) >= *last)
        };
        let count = self.files.iter().take_while(|file| done(file)).count();
        if count > 0 {
            before_first()?;
        }
        if count == self.files.len() {
            self.current = None;
        }
        for _ in 0..count {
            let Some(file) = self.files.first() else { break };
            let moved = self.retire(file)?;
            self.spares.extend(moved);
            self.files.remove(0);
        }
        Ok(count)
    }

    /// The file with that record is kept aside when its turn to go comes: what is in it may be nowhere else.
    pub(crate) fn keep_aside(&mut self, lsn: Lsn) {
        let mut later = self.files.iter_mut().filter(|file| file.writer == lsn.writer);
        if let Some(file) = later.find(|file| file.end >= lsn.counter) {
            file.damaged = true;
        }
    }

    /// Takes a file out of the log; returns the spare it became.
    fn retire(&self, file: &LogFile) -> io::Result<Option<PathBuf>> {
        let name = file.path.file_name().map(PathBuf::from).unwrap_or_default();
        if file.damaged {
            self.disk.rename(&file.path, &self.dir.join(name.with_extension("damaged")))?;
            return Ok(None);
        }
        if self.spares.len() < SPARES_MAX && file.size_bytes == self.file_bytes {
            let spare = self.dir.join(name).with_extension(&SPARE_SUFFIX[1..]);
            self.disk.rename(&file.path, &spare)?;
            return Ok(Some(spare));
        }
        self.disk.remove(&file.path)?;
        Ok(None)
    }

    /// Makes sure the current file has room for a record of that length, and a seal behind it.
    fn fitting_file(&mut self, len: usize) -> io::Result<()> {
        let needed = (len + 2 * RECORD_HEADER_LEN) as u64;
        if self.current.as_ref().is_some_and(|current| current.end + needed <= current.size) {
            return Ok(());
        }
        if self.current.is_some() {
            // Only the next reader's convenience: the next file's header says where this one ended.
            let sealed = self.write_mark(RecordKind::Seal, 0);
            self.current = None;
            sealed?;
        }
        self.begin_file(needed + RECORDS_START as u64)
    }

    /// How many of the records fit into the current file, at least one.
    fn fitting(&self, records: &[Record]) -> usize {
        let Some(current) = &self.current else { return 0 };
        let mut room = current.size.saturating_sub(current.end + 2 * RECORD_HEADER_LEN as u64);
        let fits = |record: &&Record| {
            let enough = record.len() as u64 <= room;
            room = room.saturating_sub(record.len() as u64);
            enough
        };
        records.iter().take_while(fits).count().max(1)
    }

    fn write(&mut self, records: &mut [Record], now_ms: i64) -> io::Result<()> {
        let Some(mut current) = self.current.take() else {
            return Err(io::Error::other("no file of the log is open"));
        };
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT_BYTES);
        for (i, record) in records.iter_mut().enumerate() {
            record.write(self.next_lsn + i as u64, self.synced, now_ms, current.salt, &mut self.buffer);
        }
        let written = current.file.write_at(&self.buffer, current.end).and_then(|()| current.file.sync());
        if let Err(error) = written {
            // `current` is dropped here: this file is never written again.
            if let Some(file) = self.files.last_mut() {
                file.damaged = true;
            }
            return Err(error);
        }
        current.end += self.buffer.len() as u64;
        current.unmarked = true;
        self.current = Some(current);
        if let Some(file) = self.files.last_mut() {
            for (i, record) in records.iter().enumerate() {
                if let Some(pair) = record.pair() {
                    file.last.insert(pair, self.next_lsn + i as u64);
                }
            }
            file.end = self.next_lsn + records.len() as u64 - 1;
        }
        self.next_lsn += records.len() as u64;
        self.synced = self.next_lsn - 1;
        Ok(())
    }

    fn write_mark(&mut self, kind: RecordKind, now_ms: i64) -> io::Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let bytes = RecordHeader::mark(kind, self.next_lsn - 1, self.synced, now_ms).encode(current.salt);
        // A mark leaves room for the seal; without that room the seal, which follows soon, says the same.
        let room = if kind == RecordKind::Seal { bytes.len() } else { 2 * bytes.len() } as u64;
        current.unmarked = false;
        if current.end + room > current.size {
            return Ok(());
        }
        let written = current.file.write_at(&bytes, current.end);
        if written.is_err() {
            self.current = None;
            self.files.last_mut().into_iter().for_each(|file| file.damaged = true);
            return written;
        }
        current.end += bytes.len() as u64;
        Ok(())
    }

    fn begin_file(&mut self, size_least: u64) -> io::Result<()> {
        let spare = if size_least <= self.file_bytes { self.spares.pop() } else { None };
        let recycled = spare.is_some();
        let size = if recycled { self.file_bytes } else { size_least.max(self.next_bytes) };
        let path = self.dir.join(format!("{:08x}-{:08x}{FILE_SUFFIX}", self.writer.0, self.next_seq));
        let temporary = spare.unwrap_or_else(|| path.with_extension(&SPARE_SUFFIX[1..]));
        let salt = RandomState::new().build_hasher().finish();
        let header = FileHeader {
            writer: self.writer,
            seq: self.next_seq,
            salt,
            first_lsn: self.next_lsn,
            synced: self.synced,
        };
        let file =
            self.prepare(&temporary, &path, &header, if recycled { 0 } else { size }).inspect_err(|_| {
                // What half a file takes is given back at once: the disk may be full.
                let _ = self.disk.remove(&temporary);
            })?;
        self.next_seq += 1;
        self.next_bytes = self.next_bytes.saturating_mul(FILE_GROWTH).min(self.file_bytes);
        self.current = Some(Current { file, salt, end: RECORDS_START as u64, size, unmarked: false });
        self.files.push(LogFile {
            path,
            writer: self.writer,
            size_bytes: size,
            last: HashMap::new(),
            end: self.next_lsn - 1,
            damaged: false,
        });
        Ok(())
    }

    /// Zeros and header are durable before the file gets its name.
    fn prepare(
        &self,
        temporary: &Path,
        path: &Path,
        header: &FileHeader,
        zeros: u64,
    ) -> io::Result<Box<dyn DiskFile>> {
        let mut file = self.disk.open(temporary)?;
        let piece = vec![0; ZEROS_BYTES];
        let mut at = 0;
        while at < zeros {
            let len = (zeros - at).min(ZEROS_BYTES as u64);
            file.write_at(&piece[..len as usize], at)?;
            at += len;
        }
        file.write_at(&header.encode(), 0)?;
        file.sync()?;
        self.disk.rename(temporary, path)?;
        Ok(file)
    }
}
