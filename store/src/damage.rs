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
    /// A finding that is listed already (every query meets the same damaged block) is not another one.
    pub(crate) fn add(&self, kind: DamagedKind, path: Option<PathBuf>, detail: String) {
        let found = Damaged { kind, path, detail };
        let mut list = self.0.lock();
        if list.0.contains(&found) {
            return;
        }
        list.1 += 1;
        tracing::error!(?kind, path = ?found.path, detail = found.detail, "damage");
        if list.0.len() < LISTED_MAX {
            list.0.push(found);
        }
    }

    pub(crate) fn list(&self) -> Vec<Damaged> {
        self.0.lock().0.clone()
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.lock().1
    }
}
