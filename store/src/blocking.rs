//! Running work that blocks from async code.

use crate::StoreError;

/// Runs `work` on a thread that may block; outside a runtime, which happens in tools, on this one.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => {
            let done = runtime.spawn_blocking(work).await;
            done.map_err(|error| StoreError::Internal(format!("a blocking task: {error}")))
        }
        Err(_) => Ok(work()),
    }
}
