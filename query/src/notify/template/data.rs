//! What templates are given: Alertmanager's data of a notification.

use std::collections::{BTreeMap, HashMap};

use gtmpl_ng::Value;

use super::times;
use crate::notify::group::{Message, Told};
use crate::notify::receivers::webhook::{common, status};

pub(crate) fn data(message: &Message, receiver: &str, external_url: &str) -> Value {
    let members: [(&str, Value); 8] = [
        ("Receiver", Value::from(receiver)),
        ("Status", Value::from(status(message.fires()))),
        ("Alerts", Value::Array(message.alerts.iter().map(alert).collect())),
        ("GroupLabels", map(&message.group_labels)),
        ("CommonLabels", map(&common(message, |told| &told.labels))),
        ("CommonAnnotations", map(&common(message, |told| &told.annotations))),
        ("ExternalURL", Value::from(external_url)),
        ("GroupKey", Value::from(message.group_key.as_str())),
    ];
    object(members)
}

fn alert(told: &Told) -> Value {
    object([
        ("Status", Value::from(status(told.fires()))),
        ("Labels", map(&told.labels)),
        ("Annotations", map(&told.annotations)),
        ("StartsAt", Value::from(times::print(told.starts_at_ms))),
        ("EndsAt", Value::from(told.ends_at_ms.map_or_else(|| times::ZERO.to_owned(), times::print))),
        ("GeneratorURL", Value::from(told.generator_url.as_str())),
        ("Fingerprint", Value::from(told.fingerprint())),
    ])
}

fn map(texts: &BTreeMap<String, String>) -> Value {
    Value::Map(texts.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect())
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members: HashMap<String, Value> =
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Value::Object(members)
}
