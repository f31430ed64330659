//! Notifications: who is told of which alerts, when, and that the message arrives.
//!
//! Pure: [`config`] (a subset of `alertmanager.yml`), [`group`] (which message is due), the receivers' `render`.
//! Effects: [`Notifier`] keeps groups and messages in the transaction of the rules' state; [`outbox`] sends.
//! Leaves out so far: routes below the first, inhibition, silences, mute timings, templates in files.

mod client;
mod config;
mod group;
mod notifier;
mod outbox;
mod slack;
mod webhook;

pub use config::{NotifyConfig, check_alertmanager};
pub(crate) use group::Told;
pub use notifier::{Notifier, NotifierConfig};
