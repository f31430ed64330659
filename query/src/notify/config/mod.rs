//! `alertmanager.yml`, checked. What is not understood is an error, never ignored: a route somebody relies on must not
//! silently be none.

mod inhibit;
mod interval;
mod raw;
mod route;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(crate) use inhibit::Inhibition;
pub(crate) use interval::{Interval, zone};
pub(crate) use raw::{Hidden, RawGlobal, nullable};
pub(crate) use route::{GroupBy, Route};

use super::receivers::{Environment, Integration, Settings};
use super::template::Templates;
use raw::{RawFile, RawReceiver};

/// An alert from the API that nobody renews has ended after this time.
const RESOLVE_TIMEOUT_MS: i64 = 5 * 60_000;

/// A checked file.
#[derive(Clone, Debug)]
pub struct NotifyConfig {
    pub(crate) route: Route,
    pub(crate) inhibitions: Vec<Inhibition>,
    pub(crate) intervals: BTreeMap<String, Vec<Interval>>,
    /// Names and integrations, in the order of the file.
    pub(crate) receivers: Vec<(String, Vec<Integration>)>,
    pub(crate) templates: Templates,
    pub(crate) resolve_timeout_ms: i64,
    text: String,
}

// === impl NotifyConfig ===

impl NotifyConfig {
    /// Nobody is told anything.
    pub fn none() -> Self {
        Self {
            route: Route { group_wait_ms: 0, ..Route::default() },
            inhibitions: Vec::new(),
            intervals: BTreeMap::new(),
            receivers: Vec::new(),
            templates: Templates::default(),
            resolve_timeout_ms: RESOLVE_TIMEOUT_MS,
            text: String::new(),
        }
    }

    /// Reads a file's text; names of files in it are taken from `folder`. `Err` has everything that is wrong.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<String>> {
        let raw: RawFile = serde_saphyr::from_str(text).map_err(|e| vec![explain(&e.to_string())])?;
        let mut problems = Vec::new();
        let templates = Templates::read(&raw.templates, folder).unwrap_or_else(|found| {
            problems.extend(found);
            Templates::default()
        });
        let intervals = intervals(&raw, &mut problems);
        let inhibitions = raw.inhibit_rules.iter().enumerate().filter_map(|(index, rule)| {
            let made = Inhibition::new(rule);
            made.map_err(|problem| problems.push(format!("inhibit_rules[{index}]: {problem}"))).ok()
        });
        let inhibitions = inhibitions.collect();
        let global = raw.global;
        let resolve_timeout_ms =
            match global.resolve_timeout.as_deref().map(|text| route::duration(text, true)) {
                None => RESOLVE_TIMEOUT_MS,
                Some(Ok(ms)) => ms,
                Some(Err(problem)) => {
                    problems.push(format!("global.resolve_timeout: {problem}"));
                    RESOLVE_TIMEOUT_MS
                }
            };
        problems.extend(global.check().err().map(|problem| format!("global: {problem}")));
        let environment = Environment { global: &global, templates: &templates, folder };
        let receivers: Vec<(String, Vec<Integration>)> = raw
            .receivers
            .into_iter()
            .map(|receiver| (receiver.name.clone(), integrations(receiver, &environment, &mut problems)))
            .collect();
        let names: BTreeSet<String> = receivers.iter().map(|(name, _)| name.clone()).collect();
        if names.len() != receivers.len() {
            problems.push("two receivers have one name".into());
        }
        if names.contains("") {
            problems.push("a receiver has no name".into());
        }
        let route = match &raw.route {
            Some(raw) => {
                let intervals: BTreeSet<String> = intervals.keys().cloned().collect();
                let mut checks =
                    route::Checks { receivers: &names, intervals: &intervals, problems: &mut problems };
                Route::root(raw, &mut checks)
            }
            None => {
                problems.push("there is no route".into());
                Route::default()
            }
        };
        let text = shown::without_secrets(text);
        let config = Self { route, inhibitions, intervals, receivers, templates, resolve_timeout_ms, text };
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// The file, secrets left out.
    pub(crate) fn yaml(&self) -> &str {
        &self.text
    }

    pub(crate) fn integrations(&self, receiver: &str) -> &[Integration] {
        let found = self.receivers.iter().find(|(name, _)| name == receiver);
        found.map_or(&[], |(_, integrations)| integrations)
    }

    /// Names of the route's intervals that keep it quiet now.
    pub(crate) fn muting(&self, route: &Route, now_ms: i64) -> Vec<String> {
        let inside = |name: &&String| {
            self.intervals.get(*name).is_some_and(|parts| parts.iter().any(|part| part.contains(now_ms)))
        };
        let mut muting: Vec<String> = route.mute_time_intervals.iter().filter(inside).cloned().collect();
        if !route.active_time_intervals.is_empty() && !route.active_time_intervals.iter().any(|n| inside(&n))
        {
            muting.extend(route.active_time_intervals.iter().cloned());
        }
        muting
    }
}

/// Findings of `signalbox check`, one a line. Files it names are looked for in `folder`.
pub fn check_alertmanager(text: &str, folder: &Path) -> Vec<String> {
    NotifyConfig::parse(text, folder).err().unwrap_or_default()
}

fn intervals(raw: &RawFile, problems: &mut Vec<String>) -> BTreeMap<String, Vec<Interval>> {
    let mut all = BTreeMap::new();
    for named in raw.mute_time_intervals.iter().chain(&raw.time_intervals) {
        let parts: Result<Vec<Interval>, String> = named.time_intervals.iter().map(Interval::new).collect();
        let parts = parts.unwrap_or_else(|problem| {
            problems.push(format!("time interval {:?}: {problem}", named.name));
            Vec::new()
        });
        if named.name.is_empty() {
            problems.push("a time interval has no name".into());
        }
        if all.insert(named.name.clone(), parts).is_some() {
            problems.push(format!("time interval {:?} stands twice", named.name));
        }
    }
    all
}

fn integrations(
    raw: RawReceiver,
    environment: &Environment<'_>,
    problems: &mut Vec<String>,
) -> Vec<Integration> {
    if raw.labels.get("name").is_some_and(|name| *name != raw.name) {
        problems.push(format!("receiver {:?}: its label `name` is another", raw.name));
    }
    let mut settings: Vec<Settings> = Vec::new();
    settings.extend(raw.webhook_configs.into_iter().map(Settings::Webhook));
    settings.extend(raw.slack_configs.into_iter().map(Settings::Slack));
    settings.extend(raw.msteams_configs.into_iter().map(Settings::TeamsConnector));
    settings.extend(raw.msteamsv2_configs.into_iter().map(Settings::Teams));
    settings.extend(raw.discord_configs.into_iter().map(Settings::Discord));
    settings.extend(raw.mattermost_configs.into_iter().map(Settings::Mattermost));
    settings.extend(raw.telegram_configs.into_iter().map(Settings::Telegram));
    settings.extend(raw.pagerduty_configs.into_iter().map(Settings::Pagerduty));
    settings.extend(raw.opsgenie_configs.into_iter().map(Settings::Opsgenie));
    settings.extend(raw.email_configs.into_iter().map(Settings::Email));
    settings.extend(raw.victorops_configs.into_iter().map(Settings::Victorops));
    settings.extend(raw.pushover_configs.into_iter().map(Settings::Pushover));
    settings.extend(raw.rocketchat_configs.into_iter().map(Settings::Rocketchat));
    settings.extend(raw.webex_configs.into_iter().map(Settings::Webex));
    settings.extend(raw.incidentio_configs.into_iter().map(Settings::Incidentio));
    settings.extend(raw.sns_configs.into_iter().map(Settings::Sns));
    settings.extend(raw.wechat_configs.into_iter().map(Settings::Wechat));
    settings.extend(raw.jira_configs.into_iter().map(Settings::Jira));
    let mut all = Vec::new();
    for one in settings {
        let kind = one.kind();
        match Integration::new(one, environment) {
            Ok(integration) => all.push(integration),
            Err(problem) => problems.push(format!("receiver {:?}, {kind}: {problem}", raw.name)),
        }
    }
    all
}

fn explain(error: &str) -> String {
    match error.contains("`oauth2`") || error.contains("'oauth2'") {
        true => format!("{error} (oauth2 is not known here: use authorization)"),
        false => error.to_owned(),
    }
}

#[cfg(test)]
mod tests;
