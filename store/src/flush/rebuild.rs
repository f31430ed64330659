//! The list of segments made again from their trailers, when the catalog was lost; and the look at the files that tells
//! whether it lost something.

use std::collections::{HashMap, HashSet};

use super::open_segments::key;
use super::trailer::{Trailer, TrailerError};
use crate::OpenError;
use crate::blobs::{BlobKey, Blobs};
use crate::catalog::{Catalog, CatalogError, Flushed, SegmentChange, SegmentId, SegmentRow, StoredRows};
use crate::damage::{DamageList, DamagedKind};
use crate::model::{Lsn, Signal, TenantNo, WriterId};

/// A file's own account of itself.
struct Account {
    row: SegmentRow,
    trailer: Trailer,
}

/// What is at hand before heads and writer exist.
pub(crate) struct Files<'a> {
    pub(crate) catalog: &'a dyn Catalog,
    pub(crate) blobs: &'a dyn Blobs,
    pub(crate) damage: &'a DamageList,
    /// Where each writer's part of the log begins: what is at or above is still in it, unless it was damaged.
    pub(crate) log: HashMap<WriterId, u64>,
}

impl Files<'_> {
    /// Brings catalog and files together before anything else is read. `lost`: the catalog was. Files that nothing
    /// needs are removed; what could be the only copy of a record never is. Returns where files could not be removed.
    pub(crate) fn settle(&self, lost: bool) -> Result<Vec<(TenantNo, Signal)>, OpenError> {
        let keys = self.blobs.list().map_err(|e| OpenError::Other(format!("list segments: {e}")))?;
        let rows = self.catalog.segments().map_err(other)?;
        let listed: HashSet<BlobKey> = rows.iter().map(key).collect();
        let unlisted: Vec<BlobKey> = keys.iter().filter(|key| !listed.contains(key)).copied().collect();
        let contradicted = !lost && self.contradicts(&rows, &keys, &unlisted)?;
        if contradicted {
            let detail =
                "it does not know segments that hold records the log no longer has; it is made again";
            self.damage.add(DamagedKind::Catalog, None, detail.to_owned());
        }
        if lost || contradicted {
            return self.rebuild(&keys, &rows, lost);
        }
        Ok(self.remove(&unlisted))
    }

    /// Whether some file shows that the catalog has forgotten a transaction: then it must not be believed when it says
    /// that files are not needed.
    fn contradicts(
        &self,
        rows: &[SegmentRow],
        files: &[BlobKey],
        unlisted: &[BlobKey],
    ) -> Result<bool, OpenError> {
        let flushed = self.catalog.flushed().map_err(other)?;
        let flushed: HashMap<(TenantNo, Signal, WriterId), u64> =
            flushed.iter().map(|f| ((f.tenant, f.signal, f.through.writer), f.through.counter)).collect();
        let listed: HashMap<SegmentId, BlobKey> = rows.iter().map(|row| (row.id, key(row))).collect();
        let files: HashSet<&BlobKey> = files.iter().collect();
        let unknown = |file: &BlobKey| {
            let Ok((trailer, _)) = self.trailer(*file) else { return false };
            // A merge that was not finished has its sources.
            let sources = || trailer.replaces.iter().filter_map(|id| listed.get(id));
            if sources().any(|source| !files.contains(source)) {
                return true;
            }
            // A flush that was not finished has its records in the log.
            let through = |writer| {
                flushed.get(&(trailer.tenant_no, trailer.signal, writer)).copied().unwrap_or_default()
            };
            trailer.replaces.is_empty()
                && trailer.lsns.iter().any(|(_, last)| last.counter > through(last.writer))
                && !self.in_log(&trailer.lsns)
        };
        Ok(unlisted.iter().any(unknown))
    }

    /// Lists what the files say: merged segments instead of their sources, flushes that are whole or the only copy.
    /// Files whose trailer cannot be read go to quarantine.
    fn rebuild(
        &self,
        keys: &[BlobKey],
        old: &[SegmentRow],
        lost: bool,
    ) -> Result<Vec<(TenantNo, Signal)>, OpenError> {
        let accounts = self.accounts(keys)?;
        let chosen = choose(&accounts, |lsns| self.in_log(lsns));
        let mut change =
            SegmentChange { remove: old.iter().map(|row| row.id).collect(), ..SegmentChange::default() };
        let mut flushed: HashMap<(TenantNo, Signal, WriterId), u64> = HashMap::new();
        for Account { row, trailer } in chosen {
            if let Err(error) = self.catalog.restore_tenant(&trailer.tenant, row.tenant) {
                self.set_aside(key(row), &error.to_string());
                continue;
            }
            change.add.push(*row);
            if lost {
                change.stored.push(StoredRows { tenant: row.tenant, signal: row.signal, rows: row.rows });
            }
            for (_, last) in &trailer.lsns {
                let known = flushed.entry((row.tenant, row.signal, last.writer)).or_default();
                *known = (*known).max(last.counter);
            }
        }
        let each = |((tenant, signal, writer), counter)| Flushed {
            tenant,
            signal,
            through: Lsn { writer, counter },
        };
        change.flushed = flushed.into_iter().map(each).collect();
        let kept: HashSet<BlobKey> = change.add.iter().map(key).collect();
        tracing::warn!(segments = kept.len(), "the list of segments was made again from their files");
        self.catalog.change_segments(change).map_err(other)?;
        // Numbers already used must not be given again.
        if let Some(highest) = accounts.iter().map(|one| one.row.id).max() {
            self.catalog.new_segments(1, highest).map_err(other)?;
        }
        let writers = accounts.iter().flat_map(|one| &one.trailer.lsns).map(|(_, last)| last.writer);
        if let Some(writer) = writers.max() {
            self.catalog.new_writer(writer).map_err(other)?;
        }
        let others: Vec<BlobKey> =
            accounts.iter().map(|one| key(&one.row)).filter(|key| !kept.contains(key)).collect();
        Ok(self.remove(&others))
    }

    fn accounts(&self, keys: &[BlobKey]) -> Result<Vec<Account>, OpenError> {
        let mut accounts = Vec::new();
        for key in keys {
            let file = self.blobs.open(*key);
            // A file that cannot be read now may be sound: nothing is decided without it.
            let file = file.map_err(|e| OpenError::Other(format!("read segment {key}: {e}")))?;
            match Trailer::read(&file, *key) {
                Ok((trailer, _)) => {
                    let row = trailer.row(SegmentId(key.segment), &file);
                    accounts.push(Account { row, trailer });
                }
                Err(error @ TrailerError::Newer(_)) => {
                    return Err(OpenError::Other(format!("segment {key}: {error}")));
                }
                Err(error) => self.set_aside(*key, &error.to_string()),
            }
        }
        Ok(accounts)
    }

    fn trailer(&self, key: BlobKey) -> Result<(Trailer, usize), String> {
        let file = self.blobs.open(key).map_err(|e| e.to_string())?;
        Trailer::read(&file, key).map_err(|e| e.to_string())
    }

    /// Whether all records of a flush are in the log: files are cut from the oldest on, so its first one tells.
    fn in_log(&self, lsns: &[(Lsn, Lsn)]) -> bool {
        lsns.iter().all(|(first, _)| self.log.get(&first.writer).is_some_and(|start| *start <= first.counter))
    }

    fn set_aside(&self, key: BlobKey, error: &str) {
        let moved =
            self.blobs.quarantine(key).map_or_else(|e| e.to_string(), |()| "moved to quarantine".into());
        let detail = format!("it cannot be listed again: {error}; {moved}");
        self.damage.add(DamagedKind::Segment, Some(key.to_string().into()), detail);
    }

    /// Left by a flush or merge that did not reach its transaction, or by one that did not come to tidy up. What cannot
    /// be removed now is met again at the next start.
    fn remove(&self, keys: &[BlobKey]) -> Vec<(TenantNo, Signal)> {
        let Err(error) = self.blobs.delete(keys) else { return Vec::new() };
        tracing::warn!(%error, "files of segments that are not needed stay until the next start");
        keys.iter().map(|key| (key.tenant, key.signal)).collect()
    }
}

/// One flush: whose it is, how often it was merged, and its records.
type Flush<'a> = (TenantNo, Signal, u32, &'a [(Lsn, Lsn)]);

/// Which segments hold each record once.
fn choose(accounts: &[Account], in_log: impl Fn(&[(Lsn, Lsn)]) -> bool) -> Vec<&Account> {
    let replaced: HashSet<SegmentId> =
        accounts.iter().flat_map(|one| one.trailer.replaces.iter().copied()).collect();
    // The parts of one flush. A flush that was repeated made each part again, under a higher number.
    let mut flushes: HashMap<Flush<'_>, HashMap<u32, &Account>> = HashMap::new();
    for one in accounts.iter().filter(|one| !replaced.contains(&one.row.id)) {
        let trailer = &one.trailer;
        let flush = (trailer.tenant_no, trailer.signal, trailer.level, &trailer.lsns[..]);
        let part = flushes.entry(flush).or_default().entry(trailer.part).or_insert(one);
        if one.row.id > part.row.id {
            *part = one;
        }
    }
    let mut of_pair: HashMap<(TenantNo, Signal), Vec<Flush<'_>>> = HashMap::new();
    flushes.keys().for_each(|flush| of_pair.entry((flush.0, flush.1)).or_default().push(*flush));
    let counts = |(flush, parts): &(Flush<'_>, HashMap<u32, &Account>)| {
        let others = of_pair.get(&(flush.0, flush.1)).map(Vec::as_slice).unwrap_or_default();
        let wanted = parts.values().map(|one| one.trailer.parts).max().unwrap_or_default();
        let whole = parts.len() as u32 == wanted;
        !others.iter().any(|other| was_repeated(flush, other))
            && (whole || others.iter().any(|other| newest(other) > newest(flush)) || !in_log(flush.3))
    };
    let mut chosen: Vec<&Account> =
        flushes.into_iter().filter(counts).flat_map(|(_, parts)| parts.into_values()).collect();
    chosen.sort_by_key(|one| one.row.id);
    chosen
}

/// Whether the other flush has all records of this one: flushes of a pair have none in common, so this one did not come
/// to its transaction, and its files could not be removed.
fn was_repeated(flush: &Flush<'_>, other: &Flush<'_>) -> bool {
    let inside = |(first, last): &(Lsn, Lsn)| {
        other.3.iter().any(|(f, l)| f.writer == first.writer && f <= first && last <= l)
    };
    (flush.2, other.2) == (0, 0) && flush.3 != other.3 && flush.3.iter().all(inside)
}

/// A flush with a part missing is one that did not come to its transaction, so that its records are in the log and come
/// back from there; or its part expired or was damaged later. A newer flush of the pair says that it was the latter.
fn newest(flush: &Flush<'_>) -> Option<Lsn> {
    flush.3.iter().map(|(_, last)| *last).max()
}

fn other(error: CatalogError) -> OpenError {
    OpenError::Other(error.to_string())
}
