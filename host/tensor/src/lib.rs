//! Model parameters: the named tensors of a model, arithmetic on whole models, and the files they come in.
//!
//! A [`Parameters`] is a [`Layout`] (ordered names, dtypes and shapes) and one block of values per tensor. A block
//! is either mapped bytes of a file or storage that Candle owns; both are read in pieces that fit the
//! cache, widened to float64, so arithmetic never needs a copy of a model to work on. Values are immutable, and
//! cloning a model copies none of them.
//!
//! Arithmetic is lazy: an operation gives an expression, and the one pass over memory in which it is computed comes
//! when its values are wanted, with whatever else is wanted then.
//!
//! What is not here: no network, no plugins, no idea of rounds or clients. The only I/O is files of parameters, in
//! [`formats`], which takes every byte of them for hostile.
//!
//! Computation runs on rayon's pool: the global one, or the one that a caller is installed in.

mod accumulator;
mod arithmetic;
mod block;
mod buffer;
mod builder;
mod device;
mod dtype;
mod error;
mod evaluation;
mod expression;
pub mod formats;
mod layout;
mod mapping;
mod operation;
mod order_statistics;
mod parameters;
mod program;
mod reader;
mod reduction;
mod vectors;
mod work;

pub use accumulator::Accumulator;
pub use builder::Builder;
pub use device::Device;
pub use dtype::DType;
pub use error::TensorError;
pub use layout::{Layout, TensorType};
pub use order_statistics::{mean_around_median, median, squared_distances, trimmed_mean};
pub use parameters::Parameters;
pub use reduction::squared_norms;
