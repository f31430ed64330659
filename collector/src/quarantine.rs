//! Request bodies that keep hitting a bug: kept for a person to look at, and refused for good, so that a sender
//! does not repeat them for ever.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use parking_lot::Mutex;
use store::model::{BatchKey, ErrorClass};

use crate::ingest::Refusal;
use crate::metrics::{Door, Metrics};

const FAILURES_MAX: u32 = 3;
/// Keys counted at once; when full, counting starts again: at worst a body is repeated some more times.
const KEYS_MAX: usize = 1024;
/// Files kept at once.
const FILES_MAX: usize = 100;

#[derive(Debug)]
pub(crate) struct Quarantine {
    dir: Option<PathBuf>,
    failures: Mutex<HashMap<BatchKey, u32>>,
}

impl Quarantine {
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self { dir, failures: Mutex::default() }
    }

    /// Counts a failure by a bug and says what to answer; `body`: what to put aside, unless it must not be kept.
    pub fn failed(&self, metrics: &Metrics, door: Door, key: BatchKey, body: Option<&Bytes>) -> Refusal {
        let failures = {
            let mut all = self.failures.lock();
            if all.len() >= KEYS_MAX && !all.contains_key(&key) {
                all.clear();
            }
            let failures = all.entry(key).or_default();
            *failures += 1;
            *failures
        };
        if failures < FAILURES_MAX {
            return Refusal::new(ErrorClass::Internal, "processing failed by a bug of the server; retry");
        }
        metrics.quarantined.fetch_add(1, Ordering::Relaxed);
        let what = match body {
            Some(body) => {
                self.keep(door, key, body);
                "the body was put aside"
            }
            None => "the body was not kept, since redaction is on",
        };
        Refusal::new(
            ErrorClass::BadData,
            format!("processing failed by a bug of the server {failures} times: {what}"),
        )
    }

    fn keep(&self, door: Door, key: BatchKey, body: &[u8]) {
        let Some(dir) = &self.dir else { return };
        let name = format!("{}-{}-{:032x}", door.protocol, door.signal.as_str(), key.0);
        let path = dir.join(name);
        let write = || {
            std::fs::create_dir_all(dir)?;
            if std::fs::read_dir(dir)?.count() < FILES_MAX && !path.exists() {
                std::fs::write(&path, body)?;
            }
            std::io::Result::Ok(())
        };
        match write() {
            Ok(()) => tracing::error!(path = %path.display(), "a request body that hits a bug was put aside"),
            Err(error) => tracing::error!(%error, path = %path.display(), "keep a request body"),
        }
    }
}
