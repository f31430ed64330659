//! Dashboards nobody saved: those that ship with the program, and those from files. Saving under their uid covers them.

use super::provisioned::Provisioned;
use super::{Stored, shipped};

/// One of them, whole.
pub(in crate::own) struct Base {
    pub(in crate::own) stored: Stored,
    pub(in crate::own) json: String,
}

/// Files come before what ships.
pub(super) fn find(files: &Provisioned, uid: &str) -> Option<Base> {
    if let Some(one) = files.now().dashboards.get(uid) {
        return Some(Base { stored: one.stored(), json: one.json.clone() });
    }
    let one = shipped::find(uid)?;
    Some(Base { stored: one.stored(), json: one.json.to_owned() })
}

/// All, without their bodies.
pub(super) fn all(files: &Provisioned) -> Vec<(String, Stored)> {
    let now = files.now();
    let mut all: Vec<(String, Stored)> =
        now.dashboards.iter().map(|(uid, one)| (uid.clone(), one.stored())).collect();
    let covered = |uid: &str| now.dashboards.contains_key(uid);
    all.extend(
        shipped::SHIPPED.iter().filter(|one| !covered(one.uid)).map(|one| (one.uid.to_owned(), one.stored())),
    );
    all
}
