//! A reload (SIGHUP, `POST /-/reload`): reads everything again, checks all of it, then swaps. What is wrong anywhere leaves
//! what is in force as it is.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use collector::{Collector, RedactionKey, Scraper};
use query::{Notifier, NotifyConfig, Rules};

use crate::config::{Config, ServeFlags};
use crate::scrape;
use crate::serve::Gate;

pub(crate) struct Reload {
    /// As read at the start: what a restart alone can change is held against it.
    pub(crate) started_with: Config,
    pub(crate) flags: ServeFlags,
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) gate: Arc<ArcSwap<Gate>>,
    pub(crate) rules: Rules,
    pub(crate) notifier: Notifier,
    pub(crate) scraper: Scraper,
    pub(crate) collector: Collector,
}

impl Reload {
    pub(crate) async fn run(&self) -> Result<(), String> {
        let next = Config::load(&self.flags).map_err(|e| e.to_string())?;
        if let Some(setting) = self.started_with.changes_with_a_restart(&next) {
            return Err(format!("{setting} changes with a restart only"));
        }
        let old = self.config.load_full();
        let gate = Gate::new(&next);
        // The demo's own file is in the configuration in force and in no other.
        let alertmanager = next.alertmanager.clone().or_else(|| match &self.started_with.alertmanager {
            None => old.alertmanager.clone(),
            Some(_) => None,
        });
        let receivers = receivers(alertmanager.as_deref())?;
        let scraping = Scraper::check(scrape::plan(next.scrape.as_deref())?)?;
        let key = redaction_key(&next)?;
        self.rules.reload().await?;
        self.collector.configure(next.processing.clone(), key);
        self.scraper.configure(scraping);
        self.notifier.configure(receivers);
        self.gate.store(Arc::new(gate));
        let external_url = old.external_url.clone();
        self.config.store(Arc::new(Config { alertmanager, external_url, ..next }));
        Ok(())
    }
}

/// The key of hashed values, drawn when it is needed first.
pub(crate) fn redaction_key(config: &Config) -> Result<RedactionKey, String> {
    if !config.processing.needs_key() {
        return Ok(RedactionKey::default());
    }
    RedactionKey::open(&config.data_dir.join("redaction.key"))
}

/// Who is told of alerts: nobody without a file.
pub(crate) fn receivers(file: Option<&Path>) -> Result<NotifyConfig, String> {
    let Some(file) = file else { return Ok(NotifyConfig::none()) };
    let text = std::fs::read_to_string(file).map_err(|e| format!("read {}: {e}", file.display()))?;
    NotifyConfig::parse(&text, file.parent().unwrap_or(Path::new(".")))
        .map_err(|problems| format!("{}: {}", file.display(), problems.join("; ")))
}
