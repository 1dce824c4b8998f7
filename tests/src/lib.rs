//! What crosses crates is tested here, in `tests/tests` and `tests/benches`; this is what those share.
//!
//! A server is the real binary, in a folder of its own ([`server`]). Clients are FEDn's own in Python ([`python`]), or,
//! where there have to be many, or ones that misbehave at a chosen moment, the load generator ([`load`]).

mod aggregation;
pub mod api;
pub mod benchmark;
pub mod command_line;
pub mod fedopt;
mod handmade;
pub mod load;
pub mod npz;
pub mod python;
pub mod registry;
pub mod server;
pub mod target;
pub mod wait;
pub mod wire;

pub use aggregation::{AGGREGATORS, OTHERS, model, model_of, plugin, round, runtime, update, values};
pub use handmade::Handmade;
