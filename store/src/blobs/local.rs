//! Blobs as files: temporary name, fsync, rename, fsync of the folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

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
        durable::create_dir(&root)?;
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

impl Blobs for LocalBlobs {
    fn put(&self, key: BlobKey, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root);
        durable::create_dir(folder)?;
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
        let len = map.len();
        Ok(BlobData::Mapped(map, len))
    }

    fn delete(&self, keys: &[BlobKey]) -> io::Result<()> {
        let mut folders = BTreeSet::new();
        for key in keys {
            let path = self.path(*key);
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => {
                    removed?;
                    folders.extend(path.parent().map(PathBuf::from));
                }
            }
        }
        folders.iter().try_for_each(|folder| durable::sync_dir(folder))
    }

    fn quarantine(&self, key: BlobKey) -> io::Result<()> {
        durable::create_dir(&self.quarantine)?;
        let name = key.to_string().replace('/', "-");
        // What was put there before is kept: numbers may be given again after a catalog was lost.
        let free = |copy: &u32| !self.quarantine.join(format!("{name}.{copy}")).exists();
        let copy = (1..).find(free).unwrap_or_default();
        fs::rename(self.path(key), self.quarantine.join(format!("{name}.{copy}")))?;
        durable::sync_dir(&self.quarantine)
    }

    fn list(&self) -> io::Result<Vec<BlobKey>> {
        Ok(self.files()?.iter().filter_map(|(_, name)| BlobKey::parse(name)).collect())
    }
}
