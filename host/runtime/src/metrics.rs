//! What a plugin has done since it was loaded.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::Fault;

/// What all instances of a plugin have done together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginMetrics {
    /// Instances that were made, those that had no more to do than to describe themselves included.
    pub instances: u64,
    /// Calls of exported functions, those that went wrong included.
    pub calls: u64,
    /// Time that they took, the host's arithmetic included.
    pub call_time: Duration,
    /// Calls that ended their instance: traps, limits, and answers that could not be used.
    pub traps: u64,
    /// The most bytes of memory that an instance had.
    pub peak_memory_bytes: usize,
    /// The most bytes of tensors that an instance kept in the host's memory.
    pub peak_tensor_bytes: usize,
    /// The most handles that an instance held.
    pub peak_handles: usize,
}

/// Counts for one plugin, and tells the process's metrics.
pub(crate) struct Counters {
    plugin: String,
    metrics: Mutex<PluginMetrics>,
}

/// What is known of a call once it is over.
pub(crate) struct Call<'a> {
    pub(crate) function: &'static str,
    pub(crate) duration: Duration,
    pub(crate) fault: Option<&'a Fault>,
    pub(crate) memory_bytes: usize,
    pub(crate) tensor_bytes: usize,
    pub(crate) handles: usize,
}

impl Counters {
    pub(crate) fn new(plugin: &str) -> Self {
        Self { plugin: plugin.to_owned(), metrics: Mutex::default() }
    }

    pub(crate) fn count(&self, call: &Call<'_>) {
        let plugin = || self.plugin.clone();
        metrics::histogram!("fedwit_plugin_call_seconds", "plugin" => plugin(), "function" => call.function)
            .record(call.duration.as_secs_f64());
        let broke = call.fault.filter(|fault| fault.is_breakage());
        if let Some(fault) = broke {
            metrics::counter!("fedwit_plugin_traps_total", "plugin" => plugin(), "code" => fault.code()).increment(1);
        }
        let peaks = {
            let mut kept = self.lock();
            kept.calls += 1;
            kept.call_time += call.duration;
            kept.traps += u64::from(broke.is_some());
            kept.peak_memory_bytes = kept.peak_memory_bytes.max(call.memory_bytes);
            kept.peak_tensor_bytes = kept.peak_tensor_bytes.max(call.tensor_bytes);
            kept.peak_handles = kept.peak_handles.max(call.handles);
            (kept.peak_memory_bytes, kept.peak_tensor_bytes, kept.peak_handles)
        };
        metrics::gauge!("fedwit_plugin_peak_memory_bytes", "plugin" => plugin()).set(peaks.0 as f64);
        metrics::gauge!("fedwit_plugin_peak_tensor_bytes", "plugin" => plugin()).set(peaks.1 as f64);
        metrics::gauge!("fedwit_plugin_peak_handles", "plugin" => plugin()).set(peaks.2 as f64);
    }

    pub(crate) fn count_instance(&self) {
        self.lock().instances += 1;
    }

    pub(crate) fn read(&self) -> PluginMetrics {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, PluginMetrics> {
        // Plain numbers: they are whole even if a holder panicked.
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
