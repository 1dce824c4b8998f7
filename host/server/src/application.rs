//! What is served: how the crates below are wired together.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use tokio_util::sync::CancellationToken;

use crate::readiness::Check;
use crate::settings::Settings;

/// A started application.
pub(crate) struct Application {
    /// Its routes.
    pub(crate) router: Router,
    /// Whether it can serve right now.
    pub(crate) ready: Check,
    /// Ends what it does beside answering requests. Polled once no connection is left, and given up when the time to
    /// drain is over.
    pub(crate) close: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Starts it. Its streams end with UNAVAILABLE once `shutdown` is cancelled.
pub(crate) async fn start(_settings: &Settings, _shutdown: CancellationToken) -> Result<Application> {
    Ok(Application { router: Router::new(), ready: Arc::new(|| Ok(())), close: Box::pin(async {}) })
}
