//! Doubles of the host's resources, for tests without WebAssembly: they compute in memory and keep the host's rules,
//! as `wit/tensors.wit` has them, on one core and without its speed.

mod accumulator;
mod arithmetic;
mod builder;
mod bytes;
mod order_statistics;
mod parameters;
mod update;

pub use accumulator::Accumulator;
pub use builder::Builder;
pub use order_statistics::{median, squared_distances, trimmed_mean};
pub use parameters::Parameters;
pub use update::Update;

/// The host tells a plugin of its mistakes with this case.
fn failed(why: impl Into<String>) -> crate::Error {
    crate::Error::Failed(why.into())
}
