//! Notifications: who is told of which alerts, when, and that the message arrives.
//!
//! Pure: [`config`] (`alertmanager.yml`), [`matcher`], [`silence`], [`mute`] (who is quiet), [`group`] (which message is
//! due), [`history`] (what was decided and why), [`template`], [`receivers`] (what each is told). Effects: [`Notifier`] keeps groups and messages in the
//! transaction of the rules' state; [`outbox`], [`client`] and [`mail`] send.

mod acting;
mod api;
mod client;
mod config;
mod evidence;
mod group;
mod history;
mod http;
mod jira;
mod mail;
mod matcher;
mod mute;
mod notifier;
mod outbox;
mod places;
mod receivers;
mod route_view;
mod send;
mod silence;
mod template;

pub(crate) use api::{AlertStatus, Refusal};
pub(crate) use config::nullable;
pub use config::{NotifyConfig, check_alertmanager};
pub(crate) use group::{Message, Told, fingerprint};
pub(crate) use history::{AlertHistory, What};
pub(crate) use matcher::{all_match, parse_one as parse_matcher};
pub(crate) use notifier::Transition;
pub use notifier::{Notifier, NotifierConfig};
pub(crate) use route_view::{Destination, RouteView};
pub(crate) use silence::{Silence, SilenceMatcher, SilenceState};
pub(crate) use template::times;
