//! JSON for the user interface (`/api/signalbox`), the demo's chat room, the interface's pages, and what operators ask.

pub(crate) mod about;
pub(crate) mod annotations;
pub(crate) mod chat;
pub(crate) mod dashboards;
pub(crate) mod difference;
pub(crate) mod evidence;
pub(crate) mod explain;
pub(crate) mod grafana;
pub(crate) mod inventory;
pub(crate) mod live;
pub(crate) mod map;
pub(crate) mod notifications;
pub(crate) mod notify_routes;
pub(crate) mod operations;
pub(crate) mod pages;
pub(crate) mod path;
mod quantiles;
pub(crate) mod queries;
pub(crate) mod receivers;
pub(crate) mod services;
pub(crate) mod status;
mod told;

pub(crate) use annotations::AnnotationSequence;
pub(crate) use chat::ChatSequence;
pub(crate) use dashboards::DashboardWrites;
pub use dashboards::Provisioned;
pub use explain::ExplainRequest;
pub(crate) use map::SETTLE_NS;
pub(crate) use queries::QueryLog;
pub(crate) use services::ServicesCache;
