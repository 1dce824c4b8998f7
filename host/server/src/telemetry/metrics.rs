//! Metrics in Prometheus' text format.
//!
//! Whatever part of the server has a number to tell tells it to the `metrics` facade; here it is kept until somebody
//! asks at `/metrics`. There is no listener of its own and nothing is pushed.

use std::time::Duration;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::process::Process;

/// From a round trip in one machine to an upload over a slow line.
const SECONDS: [f64; 16] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0];

/// From 1 KiB to 16 GiB, in steps of sixteen.
const BYTES: [f64; 7] = [1_024.0, 16_384.0, 262_144.0, 4_194_304.0, 67_108_864.0, 1_073_741_824.0, 17_179_869_184.0];

/// What a histogram keeps grows until it is sorted into its buckets. Nobody may ever ask, so this is done meanwhile.
const UPKEEP: Duration = Duration::from_secs(5);

/// All metrics of this process.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorded: PrometheusHandle,
    process: Process,
}

impl Metrics {
    /// Takes in what is told from here on. Once a process.
    pub(crate) fn start() -> Result<Self> {
        let recorder = builder()?.build_recorder();
        let recorded = recorder.handle();
        metrics::set_global_recorder(recorder).context("starting to keep metrics")?;
        let process = Process::start();
        process.describe();
        Ok(Self { recorded, process })
    }

    /// For a test: metrics that nobody tells anything.
    #[cfg(test)]
    pub(crate) fn unconnected() -> Self {
        Self { recorded: PrometheusBuilder::new().build_recorder().handle(), process: Process::start() }
    }

    /// What there is to tell. Looks at the process too, which reads files of the system: not for a task of Tokio's.
    pub(crate) fn render(&self) -> String {
        self.process.observe();
        self.recorded.render()
    }

    /// Keeps histograms small, for as long as it is polled.
    pub(crate) async fn keep_up(&self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.recorded.run_upkeep();
        }
    }
}

fn builder() -> Result<PrometheusBuilder> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES)?;
    Ok(builder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn durations_and_sizes_are_histograms() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("fold_duration_seconds").record(0.02);
            metrics::histogram!("upload_size_bytes").record(20_000.0);
        });
        let shown = handle.render();
        for line in [
            "fold_duration_seconds_bucket{le=\"0.01\"} 0",
            "fold_duration_seconds_bucket{le=\"0.025\"} 1",
            "upload_size_bytes_bucket{le=\"16384\"} 0",
            "upload_size_bytes_bucket{le=\"262144\"} 1",
        ] {
            assert!(shown.contains(line), "no `{line}` in: {shown}");
        }
    }

    #[test]
    fn the_process_is_among_them() {
        let recorder = builder().unwrap().build_recorder();
        let metrics = Metrics { recorded: recorder.handle(), process: Process::start() };
        let shown = metrics::with_local_recorder(&recorder, || metrics.render());
        assert!(shown.contains("fedwit_uptime_seconds "), "{shown}");
        if cfg!(target_os = "linux") {
            for name in ["process_resident_memory_bytes", "process_private_memory_bytes", "process_open_fds"] {
                let line = shown.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
                let value: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
                assert!(value > 1.0, "{line}");
            }
        }
    }
}
