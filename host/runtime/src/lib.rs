//! Runs plugins: sandboxed WebAssembly components that decide while the host computes.
//!
//! A [`Runtime`] compiles and checks components once, into [`Plugin`]s; each round of a session is then an
//! [`Aggregation`] on an instance of its own, with a fresh memory. A plugin holds handles to parameters; the host
//! functions behind them compute natively, in `fedwit-tensor`.
//!
//! Nothing that a plugin does is trusted. What it may use is counted against [`Limits`]; what it returns is checked;
//! and whatever goes wrong is a [`PluginError`] that names the plugin, its version and the function, never a panic.
//! A trap ends one aggregation and is not noticed by any other.
//!
//! A component may import WASI, as those of most languages do, but there is nothing behind it: no files, no network, no
//! environment, a clock that stands still and random numbers that repeat, unless its [`Permission`]s say otherwise and
//! an operator's [`Grants`] agree. A component that imports anything else is refused when it is loaded.

mod aggregation;
mod bindings;
mod clock;
mod config;
mod description;
mod digest;
mod error;
mod host;
mod instance;
mod ledger;
mod limits;
mod load;
mod log;
mod metrics;
mod permissions;
mod placement;
mod plugin;
mod runtime;
mod secrets;
mod selection;
mod state_file;
mod storage;
mod ticker;
mod update;
mod wasi;
mod world;

pub use aggregation::{AddError, Aggregation, Metric, Outcome, PartialAggregate, Round, State};
pub use config::ConfigError;
pub use digest::Digest;
pub use error::{Fault, Limit, LoadError, PluginError};
pub use limits::Limits;
pub use log::{Level, LogLine};
pub use metrics::PluginMetrics;
pub use permissions::{Grants, NoPermission, Permission};
pub use placement::{ClientInfo, Combiner, Placement};
pub use plugin::Plugin;
pub use runtime::{Runtime, RuntimeError};
pub use secrets::{SecretError, Secrets};
pub use selection::{Candidate, Participation, Selected, Selection};
pub use state_file::{SavedState, StateFileError};
pub use storage::{Blob, BlobStore, Storage, StorageError, StoragePool, StorageScratch};
pub use update::{Refusal, Update, UpdateInfo};
pub use world::World;
