//! From bound addresses to the last connection's end.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::application::Application;
use crate::gate::Gate;
use crate::listener::Listener;
use crate::operations;
use crate::readiness::Readiness;
use crate::signals::{Asked, Signals};
use crate::telemetry::metrics::Metrics;

/// The connections' part of the time to drain. The rest is for what the application does once they are gone.
const CONNECTIONS_PART: f64 = 0.8;

pub(super) struct Lifetime {
    pub(super) listener: Listener,
    pub(super) metrics: Metrics,
    /// For everything that is under way when the server is told to stop, taken together.
    pub(super) drain: Duration,
}

impl Lifetime {
    /// Serves what `start` makes until a signal comes, and drains. `start` gets what tells it to end streams.
    pub(super) async fn run<S, F>(self, start: S) -> Result<ExitCode>
    where
        S: FnOnce(CancellationToken) -> F,
        F: Future<Output = Result<Application>>,
    {
        let mut signals = Signals::listen().context("listening to signals")?;
        let (readiness, gate, shutdown) = (Readiness::starting(), Gate::default(), CancellationToken::new());
        let addresses = self.listener.addresses().to_vec();
        let upkeep = self.metrics.clone();
        let upkeep = tokio::spawn(async move { upkeep.keep_up().await });

        let router: Router = gate.clone().behind(operations::routes(readiness.clone(), self.metrics));
        let serving = tokio::spawn(self.listener.serve(router, shutdown.clone(), self.drain.mul_f64(CONNECTIONS_PART)));

        let (application, asked) = tokio::select! {
            started = start(shutdown.clone()) => {
                let application = started?;
                gate.open(application.router.clone());
                readiness.running(application.ready.clone());
                for address in addresses {
                    info!(listen.address = %address, "listening on http://{address}");
                }
                (Some(application), signals.next().await)
            }
            // What was half started holds nothing that a killed server would not leave behind as well.
            asked = signals.next() => (None, asked),
        };

        info!(signal = asked.name(), "stopping");
        let until = Instant::now() + self.drain;
        readiness.draining();
        shutdown.cancel();
        let drained = async {
            if let Err(error) = serving.await {
                warn!(%error, "serving ended badly");
            }
            if let Some(application) = application
                && tokio::time::timeout_at(until, application.close).await.is_err()
            {
                warn!("the application did not end in time");
            }
        };
        let code = tokio::select! {
            () = drained => ExitCode::SUCCESS,
            again = signals.next() => at_once(again),
        };
        upkeep.abort();
        info!("stopped");
        Ok(code)
    }
}

fn at_once(again: Asked) -> ExitCode {
    warn!(signal = again.name(), "told to stop twice, so nothing is waited for");
    again.exit_code().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use anyhow::anyhow;

    use super::*;

    #[tokio::test]
    async fn an_application_that_does_not_start_ends_the_server_and_says_why() {
        let listener = Listener::bind(&["127.0.0.1:0".parse().unwrap()], 8).unwrap();
        let lifetime = Lifetime { listener, metrics: Metrics::unconnected(), drain: Duration::from_secs(10) };
        let start = async |_| Err(anyhow!("the data folder is in use"));
        let ended = tokio::time::timeout(Duration::from_secs(20), lifetime.run(start)).await.unwrap();
        assert_eq!(ended.unwrap_err().to_string(), "the data folder is in use");
    }
}
