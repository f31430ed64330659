//! Pods: a target for each port a container declares.

use serde_json::Value;

use super::Cluster;
use super::object::{
    address, list, name_of, namespace_of, put, put_metadata, put_namespace, put_node, shown, text,
};
use crate::scrape::discovery::Group;
use crate::scrape::labels::LabelMap;

pub(super) fn pod(cluster: &Cluster, pod: &Value) -> Group {
    let ip = text(pod, &["status", "podIP"]);
    let mut labels = pod_labels(pod);
    put_namespace(&mut labels, cluster, pod);
    put_node(&mut labels, cluster, text(pod, &["spec", "nodeName"]));
    let source = format!("pod/{}/{}", namespace_of(pod), name_of(pod));
    if ip.is_empty() {
        return Group { source, targets: Vec::new(), labels };
    }
    let mut targets = Vec::new();
    for (container, is_init) in containers(pod) {
        let ports = list(container, &["ports"]);
        if ports.is_empty() {
            // Nothing says where to look: relabelling may.
            let mut target = container_labels(pod, container, is_init);
            target.set("__address__", address(ip, ""));
            targets.push(target);
        }
        for port in ports {
            let mut target = container_labels(pod, container, is_init);
            target.set("__address__", address(ip, &shown(&port["containerPort"])));
            put_port(&mut target, port);
            targets.push(target);
        }
    }
    Group { source, targets, labels }
}

pub(super) fn containers(pod: &Value) -> impl Iterator<Item = (&Value, bool)> {
    let init = list(pod, &["spec", "initContainers"]).iter().map(|container| (container, true));
    list(pod, &["spec", "containers"]).iter().map(|container| (container, false)).chain(init)
}

pub(super) fn put_port(labels: &mut LabelMap, port: &Value) {
    put(labels, "pod_container_port_name", text(port, &["name"]));
    put(labels, "pod_container_port_number", shown(&port["containerPort"]));
    let protocol = text(port, &["protocol"]);
    put(labels, "pod_container_port_protocol", if protocol.is_empty() { "TCP" } else { protocol });
}

pub(super) fn container_labels(pod: &Value, container: &Value, is_init: bool) -> LabelMap {
    let mut labels = LabelMap::default();
    let name = text(container, &["name"]);
    put(&mut labels, "pod_container_name", name);
    put(&mut labels, "pod_container_image", text(container, &["image"]));
    put(&mut labels, "pod_container_init", if is_init { "true" } else { "false" });
    let field = if is_init { "initContainerStatuses" } else { "containerStatuses" };
    let status = list(pod, &["status", field]).iter().find(|status| text(status, &["name"]) == name);
    put(&mut labels, "pod_container_id", status.map_or("", |status| text(status, &["containerID"])));
    labels
}

/// Those of every target of a pod.
pub(super) fn pod_labels(pod: &Value) -> LabelMap {
    let mut labels = LabelMap::default();
    put(&mut labels, "pod_name", name_of(pod));
    put(&mut labels, "pod_ip", text(pod, &["status", "podIP"]));
    let ready = list(pod, &["status", "conditions"]).iter().find(|c| text(c, &["type"]) == "Ready");
    put(&mut labels, "pod_ready", ready.map_or("unknown", |c| text(c, &["status"])).to_lowercase());
    put(&mut labels, "pod_phase", text(pod, &["status", "phase"]));
    put(&mut labels, "pod_node_name", text(pod, &["spec", "nodeName"]));
    put(&mut labels, "pod_host_ip", text(pod, &["status", "hostIP"]));
    put(&mut labels, "pod_uid", text(pod, &["metadata", "uid"]));
    let owners = list(pod, &["metadata", "ownerReferences"]);
    if let Some(owner) = owners.iter().find(|owner| owner["controller"].as_bool() == Some(true)) {
        put(&mut labels, "pod_controller_kind", text(owner, &["kind"]));
        put(&mut labels, "pod_controller_name", text(owner, &["name"]));
    }
    put_metadata(&mut labels, "pod", pod);
    labels
}
