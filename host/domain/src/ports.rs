//! What a federation needs of the world, and fakes of it.
//!
//! Each port is a trait that is called by `federation` and implemented above this crate. Its fake keeps what the real
//! thing promises and nothing more: what is not durable yet is gone after a crash.

mod balancing;
mod blobs;
mod clock;
mod event_log;
mod folding;
mod plugins;
mod selecting;

pub use balancing::fake::FakeLoadBalancer;
pub use balancing::{BalancingError, CombinerLoad, LoadBalancer, Placement};
pub use blobs::fake::FakeBlobs;
pub use blobs::{BlobError, BlobFile, BlobWriter, Blobs, Hold, StoredBlob};
pub use clock::fake::ManualClock;
pub use clock::{Clock, SystemClock};
pub use event_log::fake::FakeEventLog;
pub use event_log::{Append, Appended, EventLog, LogError, Replay};
pub use folding::fake::FakeFolding;
pub use folding::{Fold, FoldError, FoldOutcome, FoldStart, FoldedUpdate, Folding, FoldingError, UncheckedUpdate};
pub use plugins::NoPlugin;
pub use selecting::fake::FakeClientSelector;
pub use selecting::{Candidate, ClientSelector, Selection, SelectionError};
