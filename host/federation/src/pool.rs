//! The threads that compute.
//!
//! Guest code, arithmetic, and reading and writing models run here, as many at once as there are workers. The threads
//! that serve clients are others, so a heartbeat never waits for a fold.

use std::sync::Arc;

use fedwit_domain::ports::FoldingError;
use tokio::sync::Semaphore;

/// A bounded number of threads. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool {
    workers: Arc<Semaphore>,
}

impl Pool {
    pub(crate) fn new(workers: usize) -> Self {
        Self { workers: Arc::new(Semaphore::new(workers.max(1))) }
    }

    /// Computes, once there is a thread for it. Once begun it goes on to its end, even if nobody waits any more.
    ///
    /// # Errors
    /// [`FoldingError::Host`] if it panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, FoldingError> {
        let worker = Arc::clone(&self.workers).acquire_owned().await;
        let worker = worker.map_err(|_| FoldingError::Host("the pool is closed".to_owned()))?;
        let computing = tokio::task::spawn_blocking(move || {
            let result = compute();
            drop(worker);
            result
        });
        computing.await.map_err(|error| FoldingError::Host(format!("a computation broke: {error}")))
    }
}
