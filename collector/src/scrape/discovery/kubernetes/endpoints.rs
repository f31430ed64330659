//! Endpoints and endpoint slices: a target for each address and port of a service, with what is known of its pod.

use serde_json::Value;

use super::Cluster;
use super::object::{
    address, list, name_of, namespace_of, put, put_metadata, put_namespace, put_node, shown, text,
};
use super::others::service_labels;
use super::pods::{container_labels, containers, pod_labels, put_port};
use crate::scrape::discovery::Group;
use crate::scrape::labels::LabelMap;

pub(super) fn endpoints(cluster: &Cluster, object: &Value) -> Group {
    let mut labels = LabelMap::default();
    put_namespace(&mut labels, cluster, object);
    put(&mut labels, "endpoints_name", name_of(object));
    put_metadata(&mut labels, "endpoints", object);
    put_service(&mut labels, cluster, namespace_of(object), name_of(object));
    let mut targets = Vec::new();
    let mut seen: Vec<(String, String)> = Vec::new();
    for subset in list(object, &["subsets"]) {
        for (field, ready) in [("addresses", "true"), ("notReadyAddresses", "false")] {
            for place in list(subset, &[field]) {
                for port in list(subset, &["ports"]) {
                    let number = shown(&port["port"]);
                    let mut target = LabelMap::default();
                    target.set("__address__", address(text(place, &["ip"]), &number));
                    put(&mut target, "endpoint_port_name", text(port, &["name"]));
                    put(&mut target, "endpoint_port_protocol", text(port, &["protocol"]));
                    put(&mut target, "endpoint_ready", ready);
                    put(&mut target, "endpoint_hostname", text(place, &["hostname"]));
                    put(&mut target, "endpoint_node_name", text(place, &["nodeName"]));
                    put_node(&mut target, cluster, text(place, &["nodeName"]));
                    put(&mut target, "endpoint_address_target_kind", text(place, &["targetRef", "kind"]));
                    put(&mut target, "endpoint_address_target_name", text(place, &["targetRef", "name"]));
                    put_pod(&mut target, cluster, &place["targetRef"], &number, &mut seen);
                    targets.push(target);
                }
            }
        }
    }
    other_ports(cluster, &seen, &mut targets);
    Group { source: format!("endpoints/{}/{}", namespace_of(object), name_of(object)), targets, labels }
}

pub(super) fn slice(cluster: &Cluster, object: &Value) -> Group {
    let mut labels = LabelMap::default();
    put_namespace(&mut labels, cluster, object);
    put(&mut labels, "endpointslice_name", name_of(object));
    put(&mut labels, "endpointslice_address_type", text(object, &["addressType"]));
    put_metadata(&mut labels, "endpointslice", object);
    let service = text(object, &["metadata", "labels", "kubernetes.io/service-name"]);
    put_service(&mut labels, cluster, namespace_of(object), service);
    let mut targets = Vec::new();
    let mut seen: Vec<(String, String)> = Vec::new();
    for endpoint in list(object, &["endpoints"]) {
        for host in list(endpoint, &["addresses"]).iter().filter_map(Value::as_str) {
            for port in list(object, &["ports"]) {
                let number = shown(&port["port"]);
                let mut target = LabelMap::default();
                target.set("__address__", address(host, &number));
                let mut say =
                    |name: &str, value: String| put(&mut target, &format!("endpointslice_{name}"), value);
                say("port_name", shown(&port["name"]));
                say("port_protocol", shown(&port["protocol"]));
                say("port", number.clone());
                say("port_app_protocol", shown(&port["appProtocol"]));
                for condition in ["ready", "serving", "terminating"] {
                    let value = shown(&endpoint["conditions"][condition]);
                    say(&format!("endpoint_conditions_{condition}"), value);
                }
                say("endpoint_hostname", shown(&endpoint["hostname"]));
                say("endpoint_node_name", shown(&endpoint["nodeName"]));
                say("endpoint_zone", shown(&endpoint["zone"]));
                say("address_target_kind", shown(&endpoint["targetRef"]["kind"]));
                say("address_target_name", shown(&endpoint["targetRef"]["name"]));
                put_node(&mut target, cluster, text(endpoint, &["nodeName"]));
                put_pod(&mut target, cluster, &endpoint["targetRef"], &number, &mut seen);
                targets.push(target);
            }
        }
    }
    other_ports(cluster, &seen, &mut targets);
    Group { source: format!("endpointslice/{}/{}", namespace_of(object), name_of(object)), targets, labels }
}

fn put_service(labels: &mut LabelMap, cluster: &Cluster, namespace: &str, name: &str) {
    if let Some(service) = cluster.services.get(&(namespace.to_owned(), name.to_owned())) {
        service_labels(service).iter().for_each(|(name, value)| labels.set(name, value));
    }
}

/// The pod an address is, and the container that has the port. `seen` notes pod and port.
fn put_pod(
    target: &mut LabelMap,
    cluster: &Cluster,
    reference: &Value,
    port: &str,
    seen: &mut Vec<(String, String)>,
) {
    if text(reference, &["kind"]) != "Pod" {
        return;
    }
    let key = (text(reference, &["namespace"]).to_owned(), text(reference, &["name"]).to_owned());
    let Some(pod) = cluster.pods.get(&key) else { return };
    pod_labels(pod).iter().for_each(|(name, value)| target.set(name, value));
    seen.push((format!("{}/{}", key.0, key.1), port.to_owned()));
    for (container, is_init) in containers(pod) {
        let declared = list(container, &["ports"]).iter().find(|p| shown(&p["containerPort"]) == port);
        if let Some(declared) = declared {
            container_labels(pod, container, is_init).iter().for_each(|(n, v)| target.set(n, v));
            put_port(target, declared);
        }
    }
}

/// Ports of the pods behind a service that the service does not have are targets too.
fn other_ports(cluster: &Cluster, seen: &[(String, String)], targets: &mut Vec<LabelMap>) {
    let mut pods: Vec<&str> = seen.iter().map(|(pod, _)| pod.as_str()).collect();
    pods.sort_unstable();
    pods.dedup();
    for key in pods {
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        let Some(pod) = cluster.pods.get(&(namespace.to_owned(), name.to_owned())) else { continue };
        for (container, is_init) in containers(pod) {
            for port in list(container, &["ports"]) {
                let number = shown(&port["containerPort"]);
                if seen.iter().any(|(pod, port)| pod == key && *port == number) {
                    continue;
                }
                let mut target = pod_labels(pod);
                container_labels(pod, container, is_init).iter().for_each(|(n, v)| target.set(n, v));
                target.set("__address__", address(text(pod, &["status", "podIP"]), &number));
                put_port(&mut target, port);
                targets.push(target);
            }
        }
    }
}
