//! The bytes of tensors that a plugin's results keep in memory.
//!
//! An expression keeps what it is made of alive when the plugin has long dropped the handles, and so does an update that
//! waits for being folded. So it is not the handles that are charged but the memory itself, for as long as it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Limit;

/// What one instance uses, and may use.
pub(crate) struct Ledger {
    used: Arc<AtomicUsize>,
    peak: AtomicUsize,
    limit: usize,
}

/// Bytes that are used until this is dropped.
pub(crate) struct Claim {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl Ledger {
    pub(crate) fn new(limit: usize) -> Self {
        Self { used: Arc::default(), peak: AtomicUsize::new(0), limit }
    }

    /// Bytes that are used.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The most bytes that were ever used.
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// Refuses more bytes than are left.
    pub(crate) fn afford(&self, bytes: usize) -> Result<(), Limit> {
        let (wanted, limit) = (self.used().saturating_add(bytes), self.limit);
        if wanted > limit { Err(Limit::TensorBytes { wanted, limit }) } else { Ok(()) }
    }

    /// Notes bytes that are used, whether they can be afforded or not.
    pub(crate) fn claim(&self, bytes: usize) -> Claim {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        self.peak.fetch_max(before.saturating_add(bytes), Ordering::Relaxed);
        Claim { used: Arc::clone(&self.used), bytes }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
