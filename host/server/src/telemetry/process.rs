//! What the system knows of this process, where it tells (Linux: `/proc`). Elsewhere only the time it has run is known.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use metrics::{Unit, describe_gauge, gauge};

const RESIDENT: &str = "process_resident_memory_bytes";
const PRIVATE: &str = "process_private_memory_bytes";
const OPEN_FILES: &str = "process_open_fds";
const FILES_ALLOWED: &str = "process_max_fds";
const STARTED: &str = "process_start_time_seconds";
const UPTIME: &str = "fedwit_uptime_seconds";

/// This process, since it was first looked at.
#[derive(Clone, Copy)]
pub(super) struct Process {
    started: Instant,
    started_at: SystemTime,
}

impl Process {
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), started_at: SystemTime::now() }
    }

    pub(super) fn describe(&self) {
        describe_gauge!(RESIDENT, Unit::Bytes, "Memory in use, mapped files included");
        describe_gauge!(PRIVATE, Unit::Bytes, "Memory in use that is no file's: what the process alone takes up");
        describe_gauge!(OPEN_FILES, Unit::Count, "Open files and connections");
        describe_gauge!(FILES_ALLOWED, Unit::Count, "How many files and connections may be open");
        describe_gauge!(STARTED, Unit::Seconds, "When the process started, since 1970");
        describe_gauge!(UPTIME, Unit::Seconds, "How long the process has run");
    }

    /// Sets the gauges to what is so now. What cannot be read keeps its last value.
    pub(super) fn observe(&self) {
        gauge!(UPTIME).set(self.started.elapsed().as_secs_f64());
        if let Ok(started_at) = self.started_at.duration_since(UNIX_EPOCH) {
            gauge!(STARTED).set(started_at.as_secs_f64());
        }
        if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
            for (name, key) in [(RESIDENT, "VmRSS:"), (PRIVATE, "RssAnon:")] {
                if let Some(bytes) = kibibytes(&status, key) {
                    gauge!(name).set(approximately(bytes.saturating_mul(1_024)));
                }
            }
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            // One of them is the folder that is being read.
            let open = files.count().saturating_sub(1);
            gauge!(OPEN_FILES).set(approximately(u64::try_from(open).unwrap_or(u64::MAX)));
        }
        if let Ok((allowed, _)) = rlimit::Resource::NOFILE.get() {
            gauge!(FILES_ALLOWED).set(approximately(allowed));
        }
    }
}

fn kibibytes(status: &str, key: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(key))?.trim().strip_suffix(" kB")?.parse().ok()
}

/// A gauge holds a float64, exact to 2^53.
#[allow(clippy::cast_precision_loss, reason = "beyond 2^53 the nearest float64 is meant")]
fn approximately(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_status_is_read() {
        let status = "Name:\tfedwit\nVmRSS:\t  1234 kB\nRssAnon:\t 567 kB\nThreads:\t8\n";
        assert_eq!((kibibytes(status, "VmRSS:"), kibibytes(status, "RssAnon:")), (Some(1234), Some(567)));
        assert_eq!((kibibytes(status, "Threads:"), kibibytes(status, "Swap:")), (None, None));
    }
}
