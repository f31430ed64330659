//! The demo shop: a dozen services in one process, each with an own pipeline of the official OpenTelemetry
//! SDK that sends OTLP over gRPC, and a timeline of things that go wrong. For `signalbox demo` only; it
//! knows nothing of the product but the address it sends to.
//!
//! Pure: the timeline, the plans of what users do (`actions`, `draft`, `plan`). Effects: `pipeline`, `emit`,
//! `shop`, and the loop below. Everything follows from the seed and the clock it is given.

mod actions;
mod draft;
mod emit;
#[cfg(test)]
mod map;
mod pipeline;
mod plan;
mod random;
mod service;
mod shop;
mod text;
mod timeline;

use std::time::{Duration, Instant, SystemTime};

use opentelemetry_otlp::ExporterBuildError;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::Endpoint;

use pipeline::Pipeline;
use shop::Shop;

/// How far the simulation moves at once: below what an eye sees as a jump.
const STEP: Duration = Duration::from_millis(100);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Beyond this the shop would be a load test, which it is not.
const RATE_MAX: f64 = 1_000.0;

#[derive(Clone, Debug)]
pub(crate) struct DemoConfig {
    /// Where the services send to, as in `http://127.0.0.1:4317`.
    pub(crate) otlp_grpc: String,
    /// Sent with every export: an authorization, a tenant.
    pub(crate) headers: Vec<(String, String)>,
    /// Visitors per second.
    pub(crate) rate: f64,
    /// One seed, one shop; trace ids too, so two runs into one store want two seeds.
    pub(crate) seed: u64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("the demo shop cannot send to {address:?}: {reason}")]
    Address { address: String, reason: String },
    #[error("the demo shop cannot send the header {name:?}")]
    Header { name: String },
    #[error("the demo shop's rate must be above 0 and at most {RATE_MAX} visitors per second, not {0}")]
    Rate(f64),
    #[error("a service of the demo shop did not start: {0}")]
    Start(#[from] ExporterBuildError),
}

/// Keeps the shop open until `shutdown`. The collector may start later: until then the services drop.
pub(crate) async fn run(config: DemoConfig, shutdown: CancellationToken) -> Result<(), DemoError> {
    let mut shop = config.build()?;
    let opened = Instant::now();
    let mut ticks = tokio::time::interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.cancelled() => break,
        }
        let ended = shop.step(opened.elapsed(), SystemTime::now())?;
        if !ended.is_empty() {
            // Not waited for: the shop goes on while the last lines of a service are sent.
            drop(tokio::task::spawn_blocking(move || stop(ended)));
        }
    }
    let ended = shop.close();
    if let Err(error) = tokio::task::spawn_blocking(move || stop(ended)).await {
        tracing::warn!(%error, "the demo shop did not close cleanly");
    }
    Ok(())
}

/// The shop's rule file.
pub(crate) fn rules() -> &'static str {
    include_str!("rules.yml")
}

/// An `alertmanager.yml` that tells the chat room at `chat_url`, a Slack-compatible webhook.
pub(crate) fn alertmanager(chat_url: &str) -> String {
    // A JSON string is a YAML string.
    let url = format!("{chat_url:?}");
    include_str!("alertmanager.yml").replace("CHAT_URL", &url)
}

fn stop(pipelines: Vec<Pipeline>) {
    // All at once: each may wait for its last export.
    std::thread::scope(|scope| {
        for pipeline in pipelines {
            scope.spawn(move || pipeline.stop());
        }
    });
}

// === impl DemoConfig ===

impl DemoConfig {
    fn build(self) -> Result<Shop, DemoError> {
        if !(self.rate > 0.0 && self.rate <= RATE_MAX) {
            return Err(DemoError::Rate(self.rate));
        }
        let endpoint = Endpoint::from_shared(self.otlp_grpc.clone())
            .map_err(|error| DemoError::Address { address: self.otlp_grpc, reason: error.to_string() })?
            .connect_timeout(CONNECT_TIMEOUT);
        let mut headers = MetadataMap::new();
        for (name, value) in self.headers {
            let (Ok(key), Ok(value)) =
                (name.parse::<AsciiMetadataKey>(), value.parse::<AsciiMetadataValue>())
            else {
                return Err(DemoError::Header { name });
            };
            headers.insert(key, value);
        }
        Ok(Shop::new(endpoint, headers, self.rate, self.seed))
    }
}

#[cfg(test)]
mod tests;
