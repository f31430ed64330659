//! Finding targets: each discovery is a loop that tells the groups it knows, again and again.

mod dns;
mod file;
mod http;
mod kubernetes;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::config::{Discovery, KubernetesEnv};
use super::labels::LabelMap;

/// Targets with labels in common.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Group {
    /// Where it comes from, among the groups of its discovery.
    pub source: String,
    pub targets: Vec<LabelMap>,
    pub labels: LabelMap,
}

/// What a discovery knows now.
pub(super) enum News {
    Groups(Vec<Group>),
    /// It could not be asked: what it told before stays.
    Failed(String),
}

/// Where a discovery tells what it knows; its number tells it from the others of the job.
#[derive(Clone)]
pub(super) struct Teller {
    pub number: usize,
    pub news: mpsc::Sender<(usize, News)>,
    pub stop: CancellationToken,
}

// === impl Teller ===

impl Teller {
    /// `false`: nobody listens any more.
    async fn tell(&self, news: News) -> bool {
        self.news.send((self.number, news)).await.is_ok()
    }

    /// `false`: it is time to end.
    async fn rest(&self, time: std::time::Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(time) => true,
        }
    }
}

/// Runs until told to stop.
pub(super) async fn run(discovery: Discovery, kubernetes: KubernetesEnv, teller: Teller) {
    match discovery {
        Discovery::Static(groups) => {
            teller.tell(News::Groups(groups)).await;
        }
        Discovery::File(file) => file::run(file, teller).await,
        Discovery::Http(http) => http::run(*http, teller).await,
        Discovery::Dns(dns) => dns::run(dns, teller).await,
        Discovery::Kubernetes(config) => kubernetes::run(*config, kubernetes, teller).await,
    }
}
