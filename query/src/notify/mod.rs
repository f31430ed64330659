//! Notifications: who is told of which alerts, when, and that the message arrives.
//!
//! Pure: [`config`] (`alertmanager.yml`), [`matcher`], [`silence`], [`mute`] (who is quiet), [`group`] (which message is
//! due), [`template`], [`receivers`] (what each is told). Effects: [`Notifier`] keeps groups and messages in the
//! transaction of the rules' state; [`outbox`], [`client`] and [`mail`] send.

mod api;
mod client;
mod config;
mod group;
mod http;
mod mail;
mod matcher;
mod mute;
mod notifier;
mod outbox;
mod receivers;
mod route_view;
mod send;
mod silence;
mod template;

pub(crate) use api::{AlertStatus, Refusal};
pub(crate) use config::nullable;
pub use config::{NotifyConfig, check_alertmanager};
pub(crate) use group::Told;
pub(crate) use matcher::{all_match, parse_one as parse_matcher};
pub use notifier::{Notifier, NotifierConfig};
pub(crate) use route_view::{Destination, RouteView};
pub(crate) use silence::{Silence, SilenceMatcher, SilenceState};
pub(crate) use template::times;
