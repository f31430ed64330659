//! Rules: rule files of Prometheus and Loki, evaluated when data comes in or their interval is over, with state that survives the
//! process. What they find goes to [`crate::notify`] in the transaction that keeps the state.
//!
//! Pure: [`file`] (text to groups), [`query`] (the three languages), [`stages`] and [`wake`] (when what is evaluated), [`state`] (alerts from one
//! evaluation to the next), [`template`]. Effects:
//! [`evaluate`] (reads a snapshot, makes series), [`manager`] (files, time, taps, documents) and [`unit`] (tests of rules).

mod answers;
mod api;
mod counting;
mod early;
mod evaluate;
mod explain;
mod file;
mod files;
mod grid;
mod heartbeat;
mod lint;
mod manager;
mod pulse;
mod query;
mod running;
mod stages;
mod state;
#[cfg(test)]
mod streams_tests;
pub(crate) mod template;
mod template_query;
mod unit;
mod view;
mod wake;
mod watermark;

pub use answers::RuleCost;
pub(crate) use api::{Refused, RuleApi, StoredGroup};
pub(crate) use explain::compared_with;
pub use explain::{Compared, Elements, RuleExplained};
pub use file::check_rules;
pub use lint::Lint;
pub use manager::{Rules, RulesConfig};
pub(crate) use state::{Active, Phase};
pub use unit::{TestNames, UnitTests, test_names, test_rules};
