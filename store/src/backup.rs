//! Backups: a copy of the log, of the catalog's own copy, and of the immutable segment files, taken beside a running
//! server without asking it anything.
//!
//! The order makes it consistent. The log comes first: what is flushed after that is in segments too, and replay skips
//! it. Segments come last and are listed until nothing new appears: a file that went away meanwhile was merged into one
//! that a later listing shows. The list of segments itself is made again from their footers when the copy is opened.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::durable::{create_dir, sync_dir, sync_file};
use crate::{Config, OpenError};

const LOG: &str = "wal";
const SEGMENTS: &str = "segments";
const RULES: &str = "rules";
/// Single files: keys of recent batches, the copy of tenants and documents, and the key of hashed values, which is the
/// collector's and may not be there.
const FILES: [&str; 3] = ["wal.keys", "catalog.copy", "redaction.key"];
/// How often segments are listed before the server is too busy for a consistent copy.
const LISTINGS_MAX: usize = 50;
const BETWEEN_LISTINGS: Duration = Duration::from_millis(200);

/// Copies the data of a running or stopped server to `to`, which must not exist or be empty. Blocking.
pub fn backup(config: &Config, to: &Path) -> Result<(), OpenError> {
    let from = &config.data_dir;
    if !from.join(FILES[1]).exists() {
        return Err(OpenError::Other(format!("{} holds no data of signalbox", from.display())));
    }
    refuse_full(to)?;
    create_dir(to).map_err(io_error("create", to))?;
    copy_folder(&from.join(LOG), &to.join(LOG), &|name| name.ends_with(".wal"))?;
    for file in FILES {
        copy_if_there(&from.join(file), &to.join(file))?;
    }
    copy_segments(&from.join(SEGMENTS), &to.join(SEGMENTS))?;
    copy_folder(&from.join(RULES), &to.join(RULES), &|_| true)?;
    sync_dir(to).map_err(io_error("sync", to))
}

/// Puts a backup into an empty data directory. Blocking.
pub fn restore(from: &Path, config: &Config) -> Result<(), OpenError> {
    if !from.join(FILES[1]).exists() {
        return Err(OpenError::Other(format!("{} is not a backup", from.display())));
    }
    let to = &config.data_dir;
    refuse_full(to)?;
    create_dir(to).map_err(io_error("create", to))?;
    for file in FILES {
        copy_if_there(&from.join(file), &to.join(file))?;
    }
    for folder in [LOG, SEGMENTS, RULES] {
        copy_folder(&from.join(folder), &to.join(folder), &|_| true)?;
    }
    sync_dir(to).map_err(io_error("sync", to))
}

fn refuse_full(folder: &Path) -> Result<(), OpenError> {
    let full = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if full {
        Err(OpenError::Other(format!("{} is not empty: name a new directory", folder.display())))
    } else {
        Ok(())
    }
}

/// Lists and copies until two listings in a row show nothing new.
fn copy_segments(from: &Path, to: &Path) -> Result<(), OpenError> {
    let mut copied = BTreeSet::new();
    let mut quiet = 0;
    for _ in 0..LISTINGS_MAX {
        let found = files_below(from)?;
        let new: Vec<PathBuf> = found.into_iter().filter(|file| !copied.contains(file)).collect();
        quiet = if new.is_empty() { quiet + 1 } else { 0 };
        if quiet == 2 {
            return Ok(());
        }
        for file in new {
            copy_if_there(&from.join(&file), &to.join(&file))?;
            copied.insert(file);
        }
        std::thread::sleep(BETWEEN_LISTINGS);
    }
    Err(OpenError::Other("segments change faster than they can be copied: try again".to_owned()))
}

fn copy_folder(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<(), OpenError> {
    for file in files_below(from)? {
        if file.file_name().is_some_and(|name| wanted(&name.to_string_lossy())) {
            copy_if_there(&from.join(&file), &to.join(&file))?;
        }
    }
    Ok(())
}

/// Paths relative to the folder; none if it is not there. Unfinished files do not count.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(io_error("list", &path))?,
        };
        for entry in entries {
            let entry = entry.map_err(io_error("list", &path))?.path();
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_none_or(|ending| ending != "tmp")
                && let Ok(relative) = entry.strip_prefix(folder)
            {
                found.push(relative.to_owned());
            }
        }
    }
    Ok(found)
}

/// Durable when it returns. A file that has just gone away is no error: see above.
fn copy_if_there(from: &Path, to: &Path) -> Result<(), OpenError> {
    let mut source = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(io_error("open", from))?,
    };
    if let Some(folder) = to.parent() {
        create_dir(folder).map_err(io_error("create", folder))?;
    }
    let mut target = File::create(to).map_err(io_error("create", to))?;
    io::copy(&mut source, &mut target).map_err(io_error("copy to", to))?;
    sync_file(&target).map_err(io_error("sync", to))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { action, path, source }
}
