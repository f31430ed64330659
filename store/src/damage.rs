//! What was found damaged: named, kept aside, told in status and metrics; everything else goes on.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

/// Further findings are counted, not listed.
const LISTED_MAX: usize = 1000;

#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DamagedKind {
    Wal,
    BatchKeys,
    Catalog,
    Segment,
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Damaged {
    pub kind: DamagedKind,
    /// Where the damaged file is now.
    pub path: Option<PathBuf>,
    /// What is wrong with it and what is lost.
    pub detail: String,
}

/// All findings since start; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct DamageList(Arc<Mutex<(Vec<Damaged>, u64)>>);

impl DamageList {
    pub(crate) fn add(&self, kind: DamagedKind, path: Option<PathBuf>, detail: String) {
        tracing::error!(?kind, ?path, detail, "damage");
        let mut list = self.0.lock();
        list.1 += 1;
        if list.0.len() < LISTED_MAX {
            list.0.push(Damaged { kind, path, detail });
        }
    }

    pub(crate) fn list(&self) -> Vec<Damaged> {
        self.0.lock().0.clone()
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.lock().1
    }
}
