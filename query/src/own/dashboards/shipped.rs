//! Dashboards that come with the program, one row each.

use serde_json::Value;

use super::{Stored, tags_of, title_of};

/// The folder they are listed in.
const FOLDER: &str = "Signalbox";

pub(super) struct Shipped {
    pub(super) uid: &'static str,
    pub(super) json: &'static str,
}

pub(super) static SHIPPED: &[Shipped] = &[
    Shipped { uid: "services", json: include_str!("../../../dashboards/services.json") },
    Shipped { uid: "node", json: include_str!("../../../dashboards/node.json") },
    Shipped { uid: "kubernetes", json: include_str!("../../../dashboards/kubernetes.json") },
    Shipped { uid: "signalbox", json: include_str!("../../../dashboards/signalbox.json") },
];

// === impl Shipped ===

impl Shipped {
    /// As if it were saved, but without a version.
    pub(super) fn stored(&self) -> Stored {
        let model: Value = serde_json::from_str(self.json).unwrap_or_default();
        let title = title_of(&model).to_owned();
        Stored { title, folder: FOLDER.to_owned(), tags: tags_of(&model), versions: Vec::new() }
    }
}

pub(super) fn find(uid: &str) -> Option<&'static Shipped> {
    SHIPPED.iter().find(|one| one.uid == uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dashboard_that_ships_can_be_read_and_has_its_uid() {
        for one in SHIPPED {
            let model: Value = serde_json::from_str(one.json).unwrap();
            assert_eq!(model["uid"], one.uid);
            assert!(!title_of(&model).is_empty(), "{}", one.uid);
            assert!(model["panels"].as_array().is_some_and(|panels| panels.len() > 3), "{}", one.uid);
        }
    }
}
