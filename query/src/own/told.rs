//! What the resources of a service say of it: its versions, instances, languages and namespaces.

use std::collections::BTreeSet;

use store::model::Stream;

use crate::json::Json;

/// Names to list of one service.
const NAMES_MAX: usize = 100;

/// As the answer calls it, and as resources do.
const NAMES: [(&str, &str); 4] = [
    ("versions", "service.version"),
    ("instances", "service.instance.id"),
    ("languages", "telemetry.sdk.language"),
    ("namespaces", "service.namespace"),
];

#[derive(Default)]
pub(super) struct Told([BTreeSet<String>; NAMES.len()]);

impl Told {
    pub(super) fn add(&mut self, stream: &Stream) {
        for (set, (_, key)) in self.0.iter_mut().zip(NAMES) {
            let value = stream.resource.get(key).map(|value| value.text().into_owned());
            set.extend(value.filter(|_| set.len() < NAMES_MAX));
        }
    }

    /// Members of an object.
    pub(super) fn write(&self, o: &mut Json) {
        for (set, (name, _)) in self.0.iter().zip(NAMES) {
            o.key(name).strings(set.iter().map(String::as_str));
        }
    }
}
