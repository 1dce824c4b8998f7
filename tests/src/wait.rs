//! Waiting for something to become so, and not for ever.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

/// Nothing that a test waits for takes as long; what does has hung.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(10);

/// Looks until there is something to see.
///
/// # Errors
/// If looking fails, or after `patience`; `what` says what it was about.
pub async fn until<T>(
    what: impl Display,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look().await.with_context(|| format!("waiting for {what}"))? {
            return Ok(seen);
        }
        if Instant::now() > deadline {
            bail!("still waiting for {what} after {patience:?}");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
