//! Where the messages of groups are, for receivers that change a message instead of sending another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::DocumentKind;
use store::model::Tenant;

use super::client::Place;
use super::notifier::{Shared, encode, put};
use super::outbox::Entry;

/// The document of a tenant's places; it is no rule group's id.
const PLACES_ID: &str = "messages-to-change";
/// Groups whose message is remembered; of more the oldest get another message.
const PLACES_MAX: usize = 5_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    place: Place,
    at_ms: i64,
}

/// By receiver, integration and group.
type Places = BTreeMap<String, Known>;

fn key(entry: &Entry) -> String {
    format!("{}\n{}\n{}", entry.receiver, entry.integration, entry.message.group_key)
}

impl Shared {
    /// The message that tells of the group already.
    pub(super) async fn place_of(&self, tenant: &Tenant, entry: &Entry) -> Option<Place> {
        self.places(tenant).await.remove(&key(entry)).map(|known| known.place)
    }

    /// A message was taken: the next of its group changes it, until all of it is over.
    pub(super) async fn keep_place(&self, tenant: &Tenant, entry: &Entry, place: Option<Place>) {
        let mut places = self.places(tenant).await;
        match place {
            Some(place) if entry.message.fires() => {
                places.insert(key(entry), Known { place, at_ms: self.now_ms() });
            }
            _ => drop(places.remove(&key(entry))),
        }
        while places.len() > PLACES_MAX {
            let oldest = places.iter().min_by_key(|(_, known)| known.at_ms).map(|(key, _)| key.clone());
            oldest.map(|key| places.remove(&key));
        }
        let keep = put(DocumentKind::RuleState, PLACES_ID, encode(&places));
        // What is not kept costs a message more.
        if let Err(error) = self.store.documents().commit(tenant, vec![keep]).await {
            tracing::warn!(%error, "the place of a message is not kept: the next of its group is another");
        }
    }

    async fn places(&self, tenant: &Tenant) -> Places {
        let document = self.store.documents().get(tenant, DocumentKind::RuleState, PLACES_ID).await;
        let bytes = document.ok().flatten().map(|document| document.bytes);
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }
}
