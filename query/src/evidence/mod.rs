//! What a message about an alert carries beside its text: a chart, log patterns that grew, traces to open, what sets bad
//! spans apart, a new version, links, and actions that want one click and a confirmation.
//!
//! Pure: [`chart`] (with [`canvas`], [`font`], [`png`]), [`signed`] (links). [`collect`] reads a snapshot; [`picture`]
//! answers the link of a chart. Links are signed and stateless: what they show is read when they are opened.

mod canvas;
mod chart;
mod collect;
mod font;
mod picture;
mod png;
mod signed;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use collect::{Asked, collect};
pub(crate) use picture::{Drawn, png_of};
pub(crate) use signed::{Sealed, SigningKey, claimed_tenant};

/// Where charts and actions are found on this server.
pub(crate) const CHART_PATH: &str = "/api/signalbox/evidence/chart.png";
pub(crate) const ACTION_PATH: &str = "/api/signalbox/evidence/action";

/// What was found for a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Evidence {
    /// The address of a picture.
    pub(crate) chart_url: Option<String>,
    /// What was found, a line each, in the order of worth.
    pub(crate) findings: Vec<Finding>,
    /// Pages of the user interface at the time of the alert: name and address.
    pub(crate) links: Vec<(String, String)>,
    /// What may be done: name and address of a page that asks for confirmation.
    pub(crate) actions: Vec<(String, String)>,
    /// It comes after its message.
    pub(crate) late: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) text: String,
    pub(crate) url: Option<String>,
}

/// What somebody may do by a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Action {
    #[serde(rename = "k")]
    pub(crate) kind: ActionKind,
    /// The alerts it is about: all that have these labels.
    #[serde(rename = "l")]
    pub(crate) labels: BTreeMap<String, String>,
    /// Known once it was used.
    #[serde(rename = "n")]
    pub(crate) nonce: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ActionKind {
    #[serde(rename = "a")]
    Acknowledge,
    #[serde(rename = "s")]
    Silence,
}

impl ActionKind {
    pub(crate) const ALL: [Self; 2] = [Self::Acknowledge, Self::Silence];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Acknowledge => "Acknowledge",
            Self::Silence => "Silence 1 h",
        }
    }

    /// How long nobody is told.
    pub(crate) fn lasts_ms(self) -> i64 {
        match self {
            Self::Acknowledge => 24 * 3_600_000,
            Self::Silence => 3_600_000,
        }
    }
}
