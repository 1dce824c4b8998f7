//! How much a plugin may use.

use std::time::Duration;

/// How much one instance of a plugin may use. A plugin that wants more ends with [`crate::Fault::Limit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a component's file. 64 MiB by default: a Python component has 18.
    pub component_bytes: usize,
    /// Bytes of all the instance's linear memories together. 256 MiB by default.
    pub memory_bytes: usize,
    /// Elements of all the instance's tables together. 100,000 by default.
    pub table_elements: usize,
    /// Bytes of the stack of the plugin's own calls. 512 KiB by default. One for all plugins of a runtime.
    pub stack_bytes: usize,
    /// Core instances, memories and tables that its parts may have, each. 100 by default: a Python component has 30.
    pub parts: usize,
    /// Instances of one plugin that live at one time. 1000 by default: a session has one in each round.
    pub instances: usize,
    /// Handles that live at one time. 10,000 by default.
    pub handles: usize,
    /// Bytes of tensors that the plugin's own results keep in the host's memory, also where only an expression still
    /// needs them. 16 GiB by default.
    pub tensor_bytes: usize,
    /// Operations of one expression: one with more is computed and kept at once. 64 by default.
    pub expression_nodes: usize,
    /// Bytes that the plugin may hand to the host in one call. 128 MiB by default.
    pub bytes_per_host_call: usize,
    /// Time that the plugin's own code may take in one call; the host's arithmetic does not count. 10 s by default.
    pub guest_time: Duration,
    /// Time that one call may take, the host's arithmetic included. 10 minutes by default.
    pub call_time: Duration,
    /// Bytes of a configuration. 64 KiB by default.
    pub config_bytes: usize,
    /// Bytes of blobs that a storage adapter has written and not handed over yet. 16 GiB by default.
    pub blob_bytes: u64,
    /// Bytes of state, or of a partial aggregate, that are not tensors. 1 MiB by default.
    pub state_bytes: usize,
    /// Bytes of one line of the plugin's log; what is longer is cut. 4 KiB by default.
    pub log_line_bytes: usize,
    /// Bytes of the plugin's log in one aggregation; the rest is dropped and counted. 256 KiB by default.
    pub log_bytes: usize,
    /// Lines of the plugin's log in one call; the rest is dropped and counted. 1000 by default.
    pub log_lines_per_call: usize,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Default for Limits {
    fn default() -> Self {
        Self {
            component_bytes: 64 * MIB,
            memory_bytes: 256 * MIB,
            table_elements: 100_000,
            stack_bytes: 512 * KIB,
            parts: 100,
            instances: 1000,
            handles: 10_000,
            tensor_bytes: 16 * 1024 * MIB,
            expression_nodes: 64,
            bytes_per_host_call: 128 * MIB,
            guest_time: Duration::from_secs(10),
            call_time: Duration::from_secs(600),
            config_bytes: 64 * KIB,
            blob_bytes: 16 << 30,
            state_bytes: MIB,
            log_line_bytes: 4 * KIB,
            log_bytes: 256 * KIB,
            log_lines_per_call: 1000,
        }
    }
}
