//! Blobs as files: temporary name, fsync, rename, fsync of the folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use memmap2::Mmap;

use super::{BlobData, BlobKey, Blobs};
use crate::durable;

pub(crate) struct LocalBlobs {
    root: PathBuf,
    quarantine: PathBuf,
}

impl LocalBlobs {
    /// Creates the folders and removes what an interrupted put left.
    pub(crate) fn open(root: PathBuf, quarantine: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        let blobs = Self { root, quarantine };
        for (path, name) in blobs.files()? {
            if name.ends_with(".tmp") {
                fs::remove_file(path)?;
            }
        }
        Ok(blobs)
    }

    fn path(&self, key: BlobKey) -> PathBuf {
        self.root.join(key.to_string())
    }

    /// Every file below the root with its name relative to it.
    fn files(&self) -> io::Result<Vec<(PathBuf, String)>> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if let Ok(name) = entry.path().strip_prefix(&self.root) {
                    found.push((entry.path(), name.to_string_lossy().into_owned()));
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Creates a folder and makes its entry durable, parents first.
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => durable::sync_dir(parent)?,
        }
    }
    Ok(())
}

impl Blobs for LocalBlobs {
    fn put(&self, key: BlobKey, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root);
        create_folder(folder)?;
        let temporary = path.with_extension("tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        durable::sync_file(&file)?;
        fs::rename(&temporary, &path)?;
        durable::sync_dir(folder)
    }

    fn open(&self, key: BlobKey) -> io::Result<BlobData> {
        let file = File::open(self.path(key))?;
        if file.metadata()?.len() == 0 {
            return Ok(BlobData::Owned(Bytes::new()));
        }
        // SAFETY: segment files are never changed after their rename into place: replaced or removed files keep
        // their old bytes for as long as a map holds them.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file)? };
        Ok(BlobData::Mapped(map))
    }

    fn delete(&self, key: BlobKey) -> io::Result<()> {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn quarantine(&self, key: BlobKey) -> io::Result<()> {
        fs::create_dir_all(&self.quarantine)?;
        let name = key.to_string().replace('/', "-");
        fs::rename(self.path(key), self.quarantine.join(name))?;
        durable::sync_dir(&self.quarantine)
    }

    fn list(&self) -> io::Result<Vec<BlobKey>> {
        Ok(self.files()?.iter().filter_map(|(_, name)| BlobKey::parse(name)).collect())
    }
}
