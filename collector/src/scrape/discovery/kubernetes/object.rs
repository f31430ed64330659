//! Objects of the API as labels.

use serde_json::Value;

use super::Cluster;
use crate::scrape::labels::LabelMap;

pub(super) const PREFIX: &str = "__meta_kubernetes_";

pub(super) fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    path.iter().fold(value, |value, key| &value[*key]).as_str().unwrap_or_default()
}

pub(super) fn list<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    path.iter().fold(value, |value, key| &value[*key]).as_array().map_or(&[], Vec::as_slice)
}

/// A number or text as text; empty: neither.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => String::new(),
    }
}

pub(super) fn name_of(object: &Value) -> &str {
    text(object, &["metadata", "name"])
}

pub(super) fn namespace_of(object: &Value) -> &str {
    text(object, &["metadata", "namespace"])
}

/// `__meta_kubernetes_{name}`
pub(super) fn put(labels: &mut LabelMap, name: &str, value: impl Into<String>) {
    labels.set(format!("{PREFIX}{name}"), value);
}

/// Labels and annotations of an object of a kind: `…_{kind}_label_{name}`, `…_{kind}_labelpresent_{name}` and so on.
pub(super) fn put_metadata(labels: &mut LabelMap, kind: &str, object: &Value) {
    for (field, word) in [("labels", "label"), ("annotations", "annotation")] {
        for (name, value) in object["metadata"][field].as_object().into_iter().flatten() {
            let name = clean(name);
            put(labels, &format!("{kind}_{word}_{name}"), value.as_str().unwrap_or_default());
            put(labels, &format!("{kind}_{word}present_{name}"), "true");
        }
    }
}

/// The namespace, with its labels and annotations where they are asked for.
pub(super) fn put_namespace(labels: &mut LabelMap, cluster: &Cluster, object: &Value) {
    put(labels, "namespace", namespace_of(object));
    if cluster.attach_namespace
        && let Some(namespace) = cluster.namespaces.get(namespace_of(object))
    {
        put_metadata(labels, "namespace", namespace);
    }
}

/// What a node is called and labelled, where that is asked for.
pub(super) fn put_node(labels: &mut LabelMap, cluster: &Cluster, node: &str) {
    if cluster.attach_node
        && let Some(node) = cluster.nodes.get(node)
    {
        put(labels, "node_name", name_of(node));
        put_metadata(labels, "node", node);
    }
}

pub(super) fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// `host:port`, an IPv6 address in brackets.
pub(super) fn address(host: &str, port: &str) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port.is_empty() { host } else { format!("{host}:{port}") }
}
