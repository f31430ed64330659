//! Nodes, services and ingresses.

use serde_json::Value;

use super::Cluster;
use super::object::{
    address, clean, list, name_of, namespace_of, put, put_metadata, put_namespace, shown, text,
};
use crate::scrape::discovery::Group;
use crate::scrape::labels::LabelMap;

/// Which address of a node counts, best first.
const ADDRESS_TYPES: [&str; 4] = ["InternalIP", "ExternalIP", "LegacyHostIP", "Hostname"];

pub(super) fn node(node: &Value) -> Group {
    let mut labels = LabelMap::default();
    put(&mut labels, "node_name", name_of(node));
    put(&mut labels, "node_provider_id", text(node, &["spec", "providerID"]));
    put_metadata(&mut labels, "node", node);
    let addresses = list(node, &["status", "addresses"]);
    let of = |kind: &str| addresses.iter().find(|address| text(address, &["type"]) == kind);
    let port = shown(&node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]);
    let mut target = LabelMap::default();
    for found in addresses.iter().rev() {
        let name = format!("node_address_{}", clean(text(found, &["type"])));
        put(&mut target, &name, text(found, &["address"]));
    }
    let mut targets = Vec::new();
    if let Some(found) = ADDRESS_TYPES.iter().find_map(|kind| of(kind)) {
        target.set("__address__", address(text(found, &["address"]), &port));
        target.set("instance", name_of(node));
        targets.push(target);
    }
    Group { source: format!("node/{}", name_of(node)), targets, labels }
}

pub(super) fn service_labels(service: &Value) -> LabelMap {
    let mut labels = LabelMap::default();
    put(&mut labels, "service_name", name_of(service));
    put_metadata(&mut labels, "service", service);
    labels
}

pub(super) fn service(cluster: &Cluster, service: &Value) -> Group {
    let mut labels = service_labels(service);
    put_namespace(&mut labels, cluster, service);
    let spec = &service["spec"];
    let host = format!("{}.{}.svc", name_of(service), namespace_of(service));
    let target = |port: &Value| {
        let mut target = LabelMap::default();
        target.set("__address__", address(&host, &shown(&port["port"])));
        put(&mut target, "service_port_name", text(port, &["name"]));
        put(&mut target, "service_port_number", shown(&port["port"]));
        put(&mut target, "service_port_protocol", text(port, &["protocol"]));
        put(&mut target, "service_type", text(spec, &["type"]));
        match text(spec, &["type"]) {
            "ExternalName" => put(&mut target, "service_external_name", text(spec, &["externalName"])),
            _ => put(&mut target, "service_cluster_ip", text(spec, &["clusterIP"])),
        }
        put(&mut target, "service_loadbalancer_ip", text(spec, &["loadBalancerIP"]));
        target
    };
    let targets = list(spec, &["ports"]).iter().map(target).collect();
    Group { source: format!("svc/{}/{}", namespace_of(service), name_of(service)), targets, labels }
}

pub(super) fn ingress(cluster: &Cluster, ingress: &Value) -> Group {
    let mut labels = LabelMap::default();
    put_namespace(&mut labels, cluster, ingress);
    put(&mut labels, "ingress_name", name_of(ingress));
    put(&mut labels, "ingress_class_name", text(ingress, &["spec", "ingressClassName"]));
    put_metadata(&mut labels, "ingress", ingress);
    let tls: Vec<&str> = list(ingress, &["spec", "tls"])
        .iter()
        .flat_map(|tls| list(tls, &["hosts"]).iter().filter_map(Value::as_str))
        .collect();
    let mut targets = Vec::new();
    for rule in list(ingress, &["spec", "rules"]) {
        let host = text(rule, &["host"]);
        let scheme = if tls.iter().any(|covered| covers(covered, host)) { "https" } else { "http" };
        let paths: Vec<&str> =
            list(rule, &["http", "paths"]).iter().map(|path| text(path, &["path"])).collect();
        let paths = if paths.is_empty() { vec!["/"] } else { paths };
        for path in paths {
            let mut target = LabelMap::default();
            target.set("__address__", host);
            put(&mut target, "ingress_scheme", scheme);
            put(&mut target, "ingress_host", host);
            put(&mut target, "ingress_path", if path.is_empty() { "/" } else { path });
            targets.push(target);
        }
    }
    Group { source: format!("ingress/{}/{}", namespace_of(ingress), name_of(ingress)), targets, labels }
}

/// A name, or all names one label below it (`*.shop.example`).
fn covers(covered: &str, host: &str) -> bool {
    let below = |domain: &str| host.split_once('.').is_some_and(|(_, rest)| rest == domain);
    covered == host || covered.strip_prefix("*.").is_some_and(below)
}
