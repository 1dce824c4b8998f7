//! What was found.

use std::time::Duration;

/// What came of a plugin's check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// A finding for each rule, in their order.
    pub findings: Vec<Finding>,
    /// Instances that were made.
    pub instances: u64,
    /// The most bytes of memory that one of them had.
    pub peak_memory_bytes: usize,
    /// The most bytes of tensors that one of them kept in the host's memory.
    pub peak_tensor_bytes: usize,
    /// The most handles that one of them held.
    pub peak_handles: usize,
    /// Time that the rules took together.
    pub duration: Duration,
}

/// What came of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name, which does not change.
    pub rule: &'static str,
    /// What it asks for.
    pub asks: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// Time that it took.
    pub duration: Duration,
}

/// Whether a rule holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Passed,
    /// It says nothing about this plugin, for this reason.
    Skipped(&'static str),
    /// It does not, in a way that is the plugin's good right, and that its users should know.
    Noted(String),
    /// It does not, and this is how.
    Failed(String),
}

impl Report {
    /// Whether no rule failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.findings.iter().any(|finding| matches!(finding.verdict, Verdict::Failed(_)))
    }
}
