//! Reading what earlier lives left: which records count, which are lost, and in what order they come back.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::LogFile;
use super::format::{FileHeader, FileHeaderError};
use super::log::FILE_SUFFIX;
use super::record::decode_payload;
use super::scan::{FileScan, FoundRecord};
use crate::durable::Disk;
use crate::model::{Batch, BatchKey, Lsn, Signal, Tenant, TenantNo, WriterId};

/// A batch that was acknowledged, or at least written whole, by an earlier life.
pub(crate) struct Replayed {
    pub(crate) lsn: Lsn,
    pub(crate) tenant_no: TenantNo,
    pub(crate) tenant: Tenant,
    pub(crate) key: Option<BatchKey>,
    pub(crate) time_ms: i64,
    pub(crate) answer: Vec<u8>,
    pub(crate) batch: Batch,
}

/// Acknowledged records that cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) first: Lsn,
    pub(crate) last: Lsn,
    /// The file that has them, or had.
    pub(crate) path: PathBuf,
    pub(crate) reason: &'static str,
}

#[derive(Default)]
pub(crate) struct ReplayReport {
    pub(crate) records: u64,
    pub(crate) losses: Vec<Loss>,
    /// Oldest first, without those that could not be read at all.
    pub(crate) files: Vec<LogFile>,
    /// The highest writer id any file shows.
    pub(crate) writer_max: u32,
    /// Files whose headers are damaged; they were set aside under this name.
    pub(crate) unreadable: Vec<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} was written by version {program}", path.display())]
    Newer { path: PathBuf, found: u16, program: String },
}

/// One readable file, and which of its records count.
struct ScannedFile {
    path: PathBuf,
    size: u64,
    header: FileHeader,
    synced: u64,
    records: Vec<FoundRecord>,
    damaged: bool,
}

/// Shows `apply` every record that counts, writer by writer in the order they were written. `apply` sees flushed
/// records too: their keys count.
pub(crate) fn replay(
    disk: &dyn Disk,
    dir: &Path,
    apply: &mut dyn FnMut(Replayed),
) -> Result<ReplayReport, ReplayError> {
    let mut report = ReplayReport::default();
    let mut writers: BTreeMap<WriterId, Vec<ScannedFile>> = BTreeMap::new();
    for (writer, path, size) in log_files(disk, dir)? {
        report.writer_max = report.writer_max.max(writer.0);
        match FileScan::read(&read(disk, &path)?) {
            Ok(FileScan { header, records, synced }) if header.writer == writer => {
                let file = ScannedFile { path, size, header, synced, records, damaged: false };
                writers.entry(writer).or_default().push(file);
            }
            Err(FileHeaderError::Newer { found, program }) => {
                return Err(ReplayError::Newer { path, found, program });
            }
            Ok(_) | Err(FileHeaderError::Damaged) => {
                let aside = path.with_extension("damaged");
                disk.rename(&path, &aside).map_err(|source| ReplayError::Io { path, source })?;
                report.unreadable.push(aside);
            }
        }
    }
    for (writer, mut files) in writers {
        settle(writer, &mut files, &mut report.losses);
        for file in files {
            apply_file(disk, file, &mut report, apply)?;
        }
    }
    Ok(report)
}

/// The first LSN each writer's files begin with; files that cannot be read are left out.
pub(crate) fn first_lsns(disk: &dyn Disk, dir: &Path) -> Result<BTreeMap<WriterId, u64>, ReplayError> {
    let mut first = BTreeMap::new();
    for (writer, path, _) in log_files(disk, dir)? {
        if !first.contains_key(&writer)
            && let Ok(header) = FileHeader::decode(&read(disk, &path)?)
        {
            first.insert(writer, header.first_lsn);
        }
    }
    Ok(first)
}

/// What each batch record holds, unpacked: the answer kept with it, and the batch with all its memory.
pub(crate) fn payloads(disk: &dyn Disk, dir: &Path) -> Result<Vec<Vec<u8>>, ReplayError> {
    let mut all = Vec::new();
    for (_, path, _) in log_files(disk, dir)? {
        let bytes = read(disk, &path)?;
        let Ok(scan) = FileScan::read(&bytes) else { continue };
        for record in &scan.records {
            let payload = record.payload(&bytes, scan.header.salt);
            let Some(Ok(payload)) = payload.map(|payload| decode_payload(&record.header, payload)) else {
                continue;
            };
            let mut out = payload.answer;
            match &payload.batch {
                Batch::Events(events) => events.encode(&mut out),
                Batch::Samples(samples) => samples.encode(&mut out),
            }
            all.push(out);
        }
    }
    Ok(all)
}

fn log_files(disk: &dyn Disk, dir: &Path) -> Result<Vec<(WriterId, PathBuf, u64)>, ReplayError> {
    let names = disk.list(dir).map_err(|source| ReplayError::Io { path: dir.to_owned(), source })?;
    let mut files: Vec<((u32, u32), PathBuf, u64)> = Vec::new();
    for (name, size) in names {
        let stem = name.strip_suffix(FILE_SUFFIX).and_then(|stem| stem.split_once('-'));
        if let Some((writer, seq)) = stem
            && let (Ok(writer), Ok(seq)) = (u32::from_str_radix(writer, 16), u32::from_str_radix(seq, 16))
        {
            files.push(((writer, seq), dir.join(&name), size));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|((writer, _), path, size)| (WriterId(writer), path, size)).collect())
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, ReplayError> {
    disk.read(path).map_err(|source| ReplayError::Io { path: path.to_owned(), source })
}

/// Takes away the records that do not count, and names the lost ones. LSNs of a writer are gapless: what is missing up
/// to the highest LSN known durable was acknowledged and is lost; a gap above it is the torn end of what nobody was
/// promised, and cuts the rest off.
fn settle(writer: WriterId, files: &mut [ScannedFile], losses: &mut Vec<Loss>) {
    // A file begun after a failed one uses the LSNs again that were not acknowledged.
    let mut end = u64::MAX;
    for file in files.iter_mut().rev() {
        file.records.retain(|record| record.header.lsn < end);
        end = end.min(file.header.first_lsn);
    }
    let synced = files.iter().map(|file| file.synced).max().unwrap_or(0);
    let mut next = files.first().map_or(1, |file| file.header.first_lsn);
    let mut cut = false;
    let mut lose = |file: &mut ScannedFile, first: u64, last: u64| {
        file.damaged = true;
        let lsn = |counter| Lsn { writer, counter };
        let reason = "records are missing or do not match their checksums";
        losses.push(Loss { first: lsn(first), last: lsn(last), path: file.path.clone(), reason });
    };
    for i in 0..files.len() {
        let mut kept = Vec::new();
        for record in std::mem::take(&mut files[i].records) {
            let lsn = record.header.lsn;
            if cut || lsn < next {
                continue;
            }
            if lsn > next {
                // Files end where the next one begins: a gap at a file's first record is the file's before.
                let owner =
                    if kept.is_empty() && files[i].header.first_lsn > next { i.saturating_sub(1) } else { i };
                if next <= synced {
                    lose(&mut files[owner], next, synced.min(lsn - 1));
                }
                cut = lsn - 1 > synced;
                if cut {
                    continue;
                }
            }
            next = lsn + 1;
            kept.push(record);
        }
        files[i].records = kept;
    }
    if next <= synced
        && !cut
        && let Some(last) = files.last_mut()
    {
        lose(last, next, synced);
    }
}

fn apply_file(
    disk: &dyn Disk,
    file: ScannedFile,
    report: &mut ReplayReport,
    apply: &mut dyn FnMut(Replayed),
) -> Result<(), ReplayError> {
    let writer = file.header.writer;
    let mut last: HashMap<(TenantNo, Signal), u64> = HashMap::new();
    let mut damaged = file.damaged;
    let end = file.records.last().map_or(0, |record| record.header.lsn);
    let bytes = if file.records.is_empty() { Vec::new() } else { read(disk, &file.path)? };
    for record in &file.records {
        let header = &record.header;
        let lsn = Lsn { writer, counter: header.lsn };
        let payload = record.payload(&bytes, file.header.salt).map(|payload| decode_payload(header, payload));
        match payload {
            Some(Ok(payload)) => {
                last.insert((header.tenant, payload.batch.signal()), header.lsn);
                report.records += 1;
                apply(Replayed {
                    lsn,
                    tenant_no: header.tenant,
                    tenant: payload.tenant,
                    key: header.key,
                    time_ms: header.time_ms,
                    answer: payload.answer,
                    batch: payload.batch,
                });
            }
            other => {
                damaged = true;
                let reason = match other {
                    Some(Err(malformed)) => malformed.0,
                    _ => "the file changed while it was read",
                };
                report.losses.push(Loss { first: lsn, last: lsn, path: file.path.clone(), reason });
            }
        }
    }
    report.files.push(LogFile { path: file.path, writer, size_bytes: file.size, last, end, damaged });
    Ok(())
}
