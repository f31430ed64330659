//! Making bytes durable: the only code that calls fsync.

use std::fs::File;
use std::io;
use std::path::Path;

pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// Makes names that were created, renamed or removed in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
