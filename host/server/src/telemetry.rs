//! What the server says of itself while it runs: log lines on standard error, and metrics for who asks.

pub(crate) mod logs;
pub(crate) mod metrics;
mod process;
