//! How much plugins may use.

use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use fedwit_runtime::Limits;

/// How much one instance of a plugin may use. One that wants more ends with an error that names the limit.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits of plugins")]
pub(crate) struct PluginLimits {
    /// The most bytes of a component's file.
    #[arg(long, env = "FEDWIT_PLUGIN_COMPONENT_BYTES", value_name = "BYTES", default_value_t = 64 << 20)]
    plugin_component_bytes: usize,
    /// The most bytes of an instance's own memory.
    #[arg(long, env = "FEDWIT_PLUGIN_MEMORY_BYTES", value_name = "BYTES", default_value_t = 256 << 20)]
    plugin_memory_bytes: usize,
    /// The most elements of an instance's tables.
    #[arg(long, env = "FEDWIT_PLUGIN_TABLE_ELEMENTS", value_name = "N", default_value_t = 100_000)]
    plugin_table_elements: usize,
    /// The bytes of the stack of a plugin's own calls, at most 1 MiB.
    #[arg(long, env = "FEDWIT_PLUGIN_STACK_BYTES", value_name = "BYTES", default_value_t = 512 << 10, value_parser = RangedU64ValueParser::<usize>::new().range(65_536..=1_048_576))]
    plugin_stack_bytes: usize,
    /// The most core instances, memories and tables of a component, each.
    #[arg(long, env = "FEDWIT_PLUGIN_PARTS", value_name = "N", default_value_t = 100)]
    plugin_parts: usize,
    /// The most instances of one plugin at a time.
    #[arg(long, env = "FEDWIT_PLUGIN_INSTANCES", value_name = "N", default_value_t = 1000)]
    plugin_instances: usize,
    /// The most handles that an instance holds at a time.
    #[arg(long, env = "FEDWIT_PLUGIN_HANDLES", value_name = "N", default_value_t = 10_000)]
    plugin_handles: usize,
    /// The most bytes of tensors that an instance keeps in the server's memory.
    #[arg(long, env = "FEDWIT_PLUGIN_TENSOR_BYTES", value_name = "BYTES", default_value_t = 16 << 30)]
    plugin_tensor_bytes: usize,
    /// The most operations of one expression; one with more is computed at once.
    #[arg(long, env = "FEDWIT_PLUGIN_EXPRESSION_NODES", value_name = "N", default_value_t = 64)]
    plugin_expression_nodes: usize,
    /// The most bytes that a plugin hands over in one call.
    #[arg(long, env = "FEDWIT_PLUGIN_HOST_CALL_BYTES", value_name = "BYTES", default_value_t = 128 << 20)]
    plugin_host_call_bytes: usize,
    /// The most processor time of a plugin's own code in one call, in milliseconds.
    #[arg(long, env = "FEDWIT_PLUGIN_GUEST_TIME_MS", value_name = "MILLISECONDS", default_value_t = 10_000)]
    plugin_guest_time_ms: u64,
    /// The most time of one call, the server's arithmetic included, in milliseconds.
    #[arg(long, env = "FEDWIT_PLUGIN_CALL_TIME_MS", value_name = "MILLISECONDS", default_value_t = 600_000)]
    plugin_call_time_ms: u64,
    /// The most bytes of a plugin's configuration.
    #[arg(long, env = "FEDWIT_PLUGIN_CONFIG_BYTES", value_name = "BYTES", default_value_t = 64 << 10)]
    plugin_config_bytes: usize,
    /// The most bytes of blobs that a storage adapter has written and not handed over.
    #[arg(long, env = "FEDWIT_PLUGIN_BLOB_BYTES", value_name = "BYTES", default_value_t = 16 << 30)]
    plugin_blob_bytes: u64,
    /// The most bytes of state, or of a share, that are not tensors.
    #[arg(long, env = "FEDWIT_PLUGIN_STATE_BYTES", value_name = "BYTES", default_value_t = 1 << 20)]
    plugin_state_bytes: usize,
    /// The most bytes of a line of a plugin's log; what is longer is cut.
    #[arg(long, env = "FEDWIT_PLUGIN_LOG_LINE_BYTES", value_name = "BYTES", default_value_t = 4 << 10)]
    plugin_log_line_bytes: usize,
    /// The most bytes of an instance's log; the rest is dropped and counted.
    #[arg(long, env = "FEDWIT_PLUGIN_LOG_BYTES", value_name = "BYTES", default_value_t = 256 << 10)]
    plugin_log_bytes: usize,
    /// The most lines of the log in one call; the rest is dropped and counted.
    #[arg(long, env = "FEDWIT_PLUGIN_LOG_LINES", value_name = "N", default_value_t = 1000)]
    plugin_log_lines: usize,
}

impl PluginLimits {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            component_bytes: self.plugin_component_bytes,
            memory_bytes: self.plugin_memory_bytes,
            table_elements: self.plugin_table_elements,
            stack_bytes: self.plugin_stack_bytes,
            parts: self.plugin_parts,
            instances: self.plugin_instances,
            handles: self.plugin_handles,
            tensor_bytes: self.plugin_tensor_bytes,
            expression_nodes: self.plugin_expression_nodes,
            bytes_per_host_call: self.plugin_host_call_bytes,
            guest_time: Duration::from_millis(self.plugin_guest_time_ms),
            call_time: Duration::from_millis(self.plugin_call_time_ms),
            config_bytes: self.plugin_config_bytes,
            blob_bytes: self.plugin_blob_bytes,
            state_bytes: self.plugin_state_bytes,
            log_line_bytes: self.plugin_log_line_bytes,
            log_bytes: self.plugin_log_bytes,
            log_lines_per_call: self.plugin_log_lines,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: PluginLimits,
    }

    #[test]
    fn the_defaults_are_the_runtimes() {
        assert_eq!(Line::try_parse_from(["fedwit"]).unwrap().limits.limits(), Limits::default());
    }
}
