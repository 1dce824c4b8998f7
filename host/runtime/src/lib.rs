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
//! What is absent on purpose: WASI. A component that imports anything but the interfaces of `fedwit:plugin` is
//! refused when it is loaded.

mod aggregation;
mod bindings;
mod clock;
mod error;
mod host;
mod instance;
mod ledger;
mod limits;
mod log;
mod plugin;
mod runtime;
mod state_file;
mod ticker;
mod update;

pub use aggregation::{AddError, Aggregation, Metric, Outcome, PartialAggregate, Round, State};
pub use error::{Fault, Limit, LoadError, PluginError};
pub use limits::Limits;
pub use log::{Level, LogLine};
pub use plugin::{Digest, Plugin};
pub use runtime::{Runtime, RuntimeError};
pub use state_file::{SavedState, StateFileError};
pub use update::{Refusal, Update, UpdateInfo};
