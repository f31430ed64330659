//! Making bytes durable: the only code that calls fsync, and the file layer the WAL writes through, so that tests can
//! put a disk under it that fails and crashes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// What the WAL needs of a file system. Names are durable when a call that changes them returns.
pub(crate) trait Disk: Send + Sync {
    /// Names and sizes of a directory's files.
    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>>;
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Opens for writing; makes the file if it is missing, keeps its bytes if not.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
}

pub(crate) trait DiskFile: Send {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// What was written is durable when it returns. After an error nobody knows, and asking again would lie: the
    /// kernel forgets dirty pages it could not write.
    fn sync(&mut self) -> io::Result<()>;
}

/// The machine's file system.
pub(crate) struct RealDisk;

/// Where the single point that may call fsync is told what it syncs.
enum Target<'a> {
    /// Data and the length, not times.
    Data(&'a File),
    /// All of a directory's names.
    Dir(&'a File),
}

#[expect(clippy::disallowed_methods, reason = "the one function that may call fsync")]
fn fsync(what: &Target<'_>) -> io::Result<()> {
    match what {
        Target::Data(file) => file.sync_data(),
        Target::Dir(dir) => dir.sync_all(),
    }
}

// === for files that are written once ===

pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    fsync(&Target::Data(file))
}

/// Makes names that were created, renamed or removed in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    fsync(&Target::Dir(&File::open(dir)?))
}

/// Puts a whole file in place: readers, and the next life of this process, see the old bytes or the new.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    sync_file(&file)?;
    fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Makes a directory and its parents, durably.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    dir.parent().map_or(Ok(()), create_dir)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_parent(dir),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

// === impl RealDisk ===

impl Disk for RealDisk {
    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if let (Ok(name), true) = (entry.file_name().into_string(), entry.file_type()?.is_file()) {
                files.push((name, entry.metadata()?.len()));
            }
        }
        Ok(files)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        sync_parent(to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)?;
        sync_parent(path)
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        sync_file(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_a_file_leaves_no_temporary_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        replace_file(&path, b"one").unwrap();
        replace_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
