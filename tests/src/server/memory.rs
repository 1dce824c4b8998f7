//! How much memory of its own a process uses.
//!
//! Private memory is what the kernel calls anonymous: the heap and the stacks. Files that are mapped are not counted:
//! the kernel drops them whenever it wants the room.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(10);

/// Watches a process. Dropped, it stops.
#[derive(Debug)]
pub struct Memory {
    stop: Sender<()>,
    watcher: JoinHandle<MemoryUse>,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryUse {
    /// When it began.
    pub first_bytes: u64,
    /// The most.
    pub peak_bytes: u64,
    /// How often was looked.
    pub samples: u64,
}

impl Memory {
    pub(super) fn watch(process: u32) -> Result<Self> {
        let status = PathBuf::from(format!("/proc/{process}/status"));
        let first_bytes = anonymous_bytes(&status)?;
        let (stop, stopped) = mpsc::channel();
        let watcher = std::thread::spawn(move || {
            let mut seen = MemoryUse { first_bytes, peak_bytes: first_bytes, samples: 1 };
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                // A process that is gone uses none.
                let Ok(bytes) = anonymous_bytes(&status) else { break };
                seen.peak_bytes = seen.peak_bytes.max(bytes);
                seen.samples += 1;
            }
            seen
        });
        Ok(Self { stop, watcher })
    }

    /// Stops, and says what was seen.
    ///
    /// # Errors
    /// If watching broke.
    pub fn seen(self) -> Result<MemoryUse> {
        drop(self.stop);
        self.watcher.join().map_err(|_| anyhow!("watching memory broke"))
    }
}

impl MemoryUse {
    /// How far it rose above where it began.
    #[must_use]
    pub fn above_first(&self) -> u64 {
        self.peak_bytes - self.first_bytes
    }
}

/// How much private memory a process uses now.
///
/// # Errors
/// If there is no such process.
pub fn private_bytes(process: u32) -> Result<u64> {
    anonymous_bytes(&PathBuf::from(format!("/proc/{process}/status")))
}

fn anonymous_bytes(status: &PathBuf) -> Result<u64> {
    let text = std::fs::read_to_string(status).with_context(|| format!("reading {}", status.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon in it")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_takes_is_seen() -> Result<()> {
        let memory = Memory::watch(std::process::id())?;
        let taken = std::hint::black_box(vec![1_u8; 64 << 20]);
        let before = std::time::Instant::now();
        while before.elapsed() < 3 * INTERVAL {
            std::hint::black_box(&taken);
        }
        assert!(memory.seen()?.above_first() > 60 << 20);
        Ok(())
    }
}
