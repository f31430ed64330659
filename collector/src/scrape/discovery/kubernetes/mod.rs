//! `kubernetes_sd_configs`: objects of a cluster's API as targets. Lists are asked for anew every few seconds, from the
//! API server's cache; nothing is watched.

mod endpoints;
mod object;
mod others;
mod pods;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::{Group, News, Teller};
use crate::scrape::config::http::{Auth, Source};
use crate::scrape::config::{Kubernetes, KubernetesEnv, KubernetesRole};
use crate::scrape::fetch::{Ask, Client};
use object::{name_of, namespace_of};

const POLL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(30);
const BYTES_MAX: u64 = 256 << 20;
/// Objects of one answer; more come in further ones.
const PAGE: usize = 500;
/// Pages of one list.
const PAGES_MAX: usize = 10_000;
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What of a cluster the roles need.
#[derive(Default)]
struct Cluster {
    items: Vec<Value>,
    /// By namespace and name.
    pods: HashMap<(String, String), Value>,
    services: HashMap<(String, String), Value>,
    /// By name.
    nodes: HashMap<String, Value>,
    namespaces: HashMap<String, Value>,
    attach_node: bool,
    attach_namespace: bool,
}

pub(super) async fn run(mut config: Kubernetes, env: KubernetesEnv, teller: Teller) {
    let opened = open(&mut config, &env);
    let (client, server) = match opened {
        Ok(opened) => opened,
        Err(problem) => {
            teller.tell(News::Failed(problem)).await;
            return;
        }
    };
    loop {
        let news = match ask(&client, &server, &config).await {
            Ok(groups) => News::Groups(groups),
            Err(problem) => News::Failed(problem),
        };
        if !teller.tell(news).await || !teller.rest(POLL).await {
            return;
        }
    }
}

/// In a cluster the account of the process is used, unless the configuration names an API server.
fn open(config: &mut Kubernetes, env: &KubernetesEnv) -> Result<(Client, String), String> {
    let account = PathBuf::from(ACCOUNT);
    if config.own_namespace {
        let path = account.join("namespace");
        let text = std::fs::read_to_string(&path).map_err(|e| format!("read {}: {e}", path.display()))?;
        config.namespaces.push(text.trim().to_owned());
    }
    let server = match (&config.api_server, &env.api_server) {
        (Some(server), _) => server.clone(),
        (None, Some(server)) => {
            config.http.auth.get_or_insert(Auth::Scheme {
                scheme: "Bearer".to_owned(),
                credentials: Source::File(account.join("token")),
            });
            config.http.tls.ca_file.get_or_insert(account.join("ca.crt"));
            server.clone()
        }
        (None, None) => return Err("this process is in no cluster: name an api_server".to_owned()),
    };
    Ok((Client::new(&config.http, &server)?, server))
}

async fn ask(client: &Client, server: &str, config: &Kubernetes) -> Result<Vec<Group>, String> {
    use KubernetesRole as R;
    let list = Lists { client, server, config };
    let (path, role) = match config.role {
        R::Node => ("api/v1/nodes", "node"),
        R::Service => ("api/v1/services", "service"),
        R::Pod => ("api/v1/pods", "pod"),
        R::Endpoints => ("api/v1/endpoints", "endpoints"),
        R::EndpointSlice => ("apis/discovery.k8s.io/v1/endpointslices", "endpointslice"),
        R::Ingress => ("apis/networking.k8s.io/v1/ingresses", "ingress"),
    };
    let mut cluster = Cluster {
        items: list.all(path, role).await?,
        attach_node: config.attach_node,
        attach_namespace: config.attach_namespace,
        ..Cluster::default()
    };
    let keyed = |items: Vec<Value>| -> HashMap<(String, String), Value> {
        items
            .into_iter()
            .map(|item| ((namespace_of(&item).to_owned(), name_of(&item).to_owned()), item))
            .collect()
    };
    let named = |items: Vec<Value>| -> HashMap<String, Value> {
        items.into_iter().map(|item| (name_of(&item).to_owned(), item)).collect()
    };
    if matches!(config.role, R::Endpoints | R::EndpointSlice) {
        cluster.pods = keyed(list.all("api/v1/pods", "pod").await?);
        cluster.services = keyed(list.all("api/v1/services", "service").await?);
    }
    if config.attach_node {
        cluster.nodes = named(list.whole("api/v1/nodes", "node").await?);
    }
    if config.attach_namespace {
        cluster.namespaces = named(list.whole("api/v1/namespaces", "namespace").await?);
    }
    Ok(cluster.groups(config.role))
}

impl Cluster {
    fn groups(&self, role: KubernetesRole) -> Vec<Group> {
        let one = |item: &Value| match role {
            KubernetesRole::Node => others::node(item),
            KubernetesRole::Service => others::service(self, item),
            KubernetesRole::Pod => pods::pod(self, item),
            KubernetesRole::Endpoints => endpoints::endpoints(self, item),
            KubernetesRole::EndpointSlice => endpoints::slice(self, item),
            KubernetesRole::Ingress => others::ingress(self, item),
        };
        self.items.iter().map(one).filter(|group| !group.targets.is_empty()).collect()
    }
}

struct Lists<'a> {
    client: &'a Client,
    server: &'a str,
    config: &'a Kubernetes,
}

impl Lists<'_> {
    /// A list over the namespaces that are asked for.
    async fn all(&self, path: &str, role: &str) -> Result<Vec<Value>, String> {
        if self.config.namespaces.is_empty() || role == "node" {
            return self.whole(path, role).await;
        }
        let (group, kind) = path.rsplit_once('/').unwrap_or(("", path));
        let mut all = Vec::new();
        for namespace in &self.config.namespaces {
            all.extend(self.whole(&format!("{group}/namespaces/{namespace}/{kind}"), role).await?);
        }
        Ok(all)
    }

    async fn whole(&self, path: &str, role: &str) -> Result<Vec<Value>, String> {
        let mut url = reqwest::Url::parse(&format!("{}/{path}", self.server)).map_err(|e| e.to_string())?;
        url.query_pairs_mut().append_pair("limit", &PAGE.to_string());
        if let Some(selector) = self.config.selectors.iter().find(|selector| selector.role == role) {
            let pairs = [("labelSelector", &selector.label), ("fieldSelector", &selector.field)];
            let given = pairs.iter().filter(|(_, text)| !text.is_empty());
            url.query_pairs_mut().extend_pairs(given.map(|(name, text)| (name, text.as_str())));
        }
        let mut all = Vec::new();
        let mut more = String::new();
        for _ in 0..PAGES_MAX {
            let mut page = url.clone();
            match more.as_str() {
                // Any version will do: it comes from the cache.
                "" => page.query_pairs_mut().append_pair("resourceVersion", "0"),
                token => page.query_pairs_mut().append_pair("continue", token),
            };
            let ask = Ask { url: page.as_str(), headers: &[], timeout: TIMEOUT, bytes_max: BYTES_MAX };
            let named = |problem: String| format!("list {path}: {problem}");
            let answer = self.client.get(ask).await.map_err(named)?;
            let mut list: Value = serde_json::from_slice(&answer.body).map_err(|e| named(e.to_string()))?;
            if let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) {
                all.extend(items);
            }
            more = list["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
            if more.is_empty() {
                break;
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;
