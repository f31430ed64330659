use super::*;
use crate::scrape::labels::LabelMap;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

const POD: &str = r#"{
  "metadata": {"name": "cart-0", "namespace": "shop", "uid": "u1", "labels": {"app.kubernetes.io/name": "cart"},
    "ownerReferences": [{"kind": "StatefulSet", "name": "cart", "controller": true}]},
  "spec": {"nodeName": "n1", "containers": [
    {"name": "app", "image": "cart:1", "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}]},
    {"name": "proxy", "image": "envoy:1"}]},
  "status": {"podIP": "10.0.0.7", "hostIP": "10.1.0.1", "phase": "Running",
    "conditions": [{"type": "Ready", "status": "True"}]}}"#;

fn all(group: &Group) -> Vec<LabelMap> {
    let with = |target: &LabelMap| group.labels.iter().chain(target.iter()).collect();
    group.targets.iter().map(with).collect()
}

fn meta<'l>(labels: &'l LabelMap, name: &str) -> &'l str {
    labels.get(&format!("{}{name}", object::PREFIX))
}

#[test]
fn a_pod_has_a_target_for_each_port() {
    let cluster = Cluster { items: vec![json(POD)], ..Cluster::default() };
    let groups = cluster.groups(KubernetesRole::Pod);
    let targets = all(&groups[0]);
    let addresses: Vec<&str> = targets.iter().map(|target| target.get("__address__")).collect();
    assert_eq!(addresses, ["10.0.0.7:8080", "10.0.0.7:9090", "10.0.0.7"]);
    for (name, value) in [
        ("namespace", "shop"),
        ("pod_name", "cart-0"),
        ("pod_ready", "true"),
        ("pod_controller_kind", "StatefulSet"),
        ("pod_label_app_kubernetes_io_name", "cart"),
        ("pod_labelpresent_app_kubernetes_io_name", "true"),
        ("pod_container_name", "app"),
        ("pod_container_port_name", "metrics"),
        ("pod_node_name", "n1"),
    ] {
        assert_eq!(meta(&targets[1], name), value, "{name}");
    }
}

#[test]
fn endpoints_know_their_service_and_pods() {
    let service = r#"{"metadata": {"name": "cart", "namespace": "shop", "labels": {"team": "a"}},
        "spec": {"type": "ClusterIP", "clusterIP": "10.2.0.1", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}}"#;
    let endpoints = r#"{"metadata": {"name": "cart", "namespace": "shop"}, "subsets": [{
        "addresses": [{"ip": "10.0.0.7", "nodeName": "n1", "targetRef": {"kind": "Pod", "namespace": "shop", "name": "cart-0"}}],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]}]}"#;
    let slice = r#"{"metadata": {"name": "cart-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "cart"}},
        "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["10.0.0.7"], "conditions": {"ready": true}, "nodeName": "n1", "zone": "z1",
            "targetRef": {"kind": "Pod", "namespace": "shop", "name": "cart-0"}}]}"#;
    let key = |name: &str| ("shop".to_owned(), name.to_owned());
    let cluster = |item: &str| Cluster {
        items: vec![json(item)],
        pods: [(key("cart-0"), json(POD))].into(),
        services: [(key("cart"), json(service))].into(),
        ..Cluster::default()
    };
    for (item, role, ready) in [
        (endpoints, KubernetesRole::Endpoints, "endpoint_ready"),
        (slice, KubernetesRole::EndpointSlice, "endpointslice_endpoint_conditions_ready"),
    ] {
        let targets = all(&cluster(item).groups(role)[0]);
        let addresses: Vec<&str> = targets.iter().map(|target| target.get("__address__")).collect();
        assert_eq!(addresses, ["10.0.0.7:8080", "10.0.0.7:9090"], "the pod's other port too");
        for (name, value) in [
            ("service_name", "cart"),
            ("service_label_team", "a"),
            ("pod_name", "cart-0"),
            ("pod_container_port_number", "8080"),
            (ready, "true"),
        ] {
            assert_eq!(meta(&targets[0], name), value, "{name}");
        }
    }
    let targets = all(&cluster(service).groups(KubernetesRole::Service)[0]);
    assert_eq!(targets[0].get("__address__"), "cart.shop.svc:80");
}

#[test]
fn nodes_and_ingresses_have_their_addresses() {
    let node = r#"{"metadata": {"name": "n1", "labels": {"zone": "z"}}, "status": {
        "addresses": [{"type": "Hostname", "address": "n1.lan"}, {"type": "InternalIP", "address": "10.1.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}}"#;
    let ingress = r#"{"metadata": {"name": "web", "namespace": "shop"}, "spec": {
        "tls": [{"hosts": ["*.shop.example"]}],
        "rules": [{"host": "www.shop.example", "http": {"paths": [{"path": "/a"}, {}]}}, {"host": "plain.example"}]}}"#;
    let targets =
        |item: &str, role| all(&Cluster { items: vec![json(item)], ..Cluster::default() }.groups(role)[0]);
    let node = &targets(node, KubernetesRole::Node)[0];
    assert_eq!((node.get("__address__"), node.get("instance")), ("10.1.0.1:10250", "n1"));
    assert_eq!(meta(node, "node_address_Hostname"), "n1.lan");
    let rules = targets(ingress, KubernetesRole::Ingress);
    let shown: Vec<String> = rules
        .iter()
        .map(|t| {
            format!("{}://{}{}", meta(t, "ingress_scheme"), t.get("__address__"), meta(t, "ingress_path"))
        })
        .collect();
    assert_eq!(shown, ["https://www.shop.example/a", "https://www.shop.example/", "http://plain.example/"]);
}
