//! What the author of a fedwit plugin depends on.
//!
//! A plugin is a WebAssembly component that decides; the host computes. Implement the trait of its world, [`export!`] it,
//! and build the crate as a `cdylib` for `wasm32-unknown-unknown`:
//!
//! | world | trait | what it decides |
//! |---|---|---|
//! | `aggregator` | [`Aggregator`] | how model updates become the next global model |
//! | `client-selector` | [`ClientSelector`] | who is asked in a round, and with which settings |
//! | `load-balancer` | [`LoadBalancer`] | which combiner a client joins |
//! | `storage-adapter` | [`StorageAdapter`] | where and how blobs lie |
//!
//! An aggregator, whole; each of the other traits has an example of its own:
//!
//! ```
//! use fedwit_plugin::{Aggregator, Context, Error, MeanDelta, Outcome, Parameters, PartialAggregate, Update};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! /// The parameters of the session, with their defaults.
//! #[derive(Deserialize, Serialize, JsonSchema)]
//! #[serde(deny_unknown_fields, default)]
//! struct Config {
//!     /// How far to go along the mean delta; above 0.
//!     #[schemars(extend("exclusiveMinimum" = 0))]
//!     learning_rate: f64,
//! }
//!
//! impl Default for Config {
//!     fn default() -> Self {
//!         Self { learning_rate: 1.0 }
//!     }
//! }
//!
//! struct Mean {
//!     config: Config,
//!     global_model: Parameters,
//!     mean: MeanDelta,
//! }
//!
//! impl Aggregator for Mean {
//!     const NAME: &'static str = "mean";
//!     const SUMMARY: &'static str = "Goes along the mean of the clients' deltas.";
//!     const MERGEABLE: bool = true;
//!     type Config = Config;
//!
//!     fn begin(config: Config, context: Context) -> Result<Self, Error> {
//!         fedwit_plugin::config::positive("learning_rate", config.learning_rate)?;
//!         let mean = MeanDelta::new(&context.global_model);
//!         Ok(Self { config, global_model: context.global_model, mean })
//!     }
//!
//!     fn add(&mut self, update: Update) -> Result<(), Error> {
//!         self.mean.add(&update, update.info().num_examples as f64)
//!     }
//!
//!     fn partial(self) -> Result<PartialAggregate, Error> {
//!         self.mean.partial()
//!     }
//!
//!     fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
//!         self.mean.merge(part)
//!     }
//!
//!     fn finish(self) -> Result<Outcome, Error> {
//!         let delta = self.mean.finish()?;
//!         let model = self.global_model.plus(&delta.scaled(self.config.learning_rate)?)?;
//!         Ok(Outcome { model, state: None, metrics: vec![] })
//!     }
//! }
//!
//! fedwit_plugin::export!(Mean);
//!
//! // A test of it, which needs no WebAssembly.
//! # #[cfg(not(target_arch = "wasm32"))] {
//! use fedwit_plugin::testing::{context, parameters, update};
//! use fedwit_plugin::{DType, config};
//!
//! let global = parameters(DType::Float32, &[("weight", &[1.0, 1.0]), ("bias", &[0.0])]);
//! let sent = parameters(DType::Float32, &[("weight", &[3.0, 1.0]), ("bias", &[4.0])]);
//! let config = config::parse(r#"{"learning_rate": 0.5}"#)?;
//! let mut round = Mean::begin(config, context(&global, None))?;
//! round.add(update("a client", 100, &sent, &global))?;
//! let model = round.finish()?.model;
//! assert_eq!(model.values("weight"), Some(&[2.0, 1.0][..]));
//! assert_eq!(model.values("bias"), Some(&[2.0][..]));
//! # }
//! # Ok::<(), Error>(())
//! ```
//!
//! For every other target than WebAssembly, [`Parameters`], [`Accumulator`], [`Builder`], [`Update`], [`Blob`], the
//! [`store`] and the [`secrets`] are doubles that work in memory and keep the host's rules, and `testing` makes them.
//!
//! What each function does and what must hold is written in the WIT files of `fedwit:plugin`, the manual for authors in
//! any language; the names here are theirs.

mod aggregator;
#[doc(hidden)]
pub mod bindings;
pub mod client_selector;
mod collected;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod component;
pub mod config;
#[cfg(not(target_arch = "wasm32"))]
mod double;
mod export;
pub mod instance;
pub mod load_balancer;
pub mod log;
mod mean_delta;
#[doc(hidden)]
pub mod opened;
mod random;
pub mod secrets;
mod state;
pub mod storage_adapter;
pub mod store;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use aggregator::{Aggregator, Context, NamedParameters, Outcome, PartialAggregate};
pub use bindings::fedwit::plugin::types::{Attribute, Dtype as DType, Error, Metric, Permission, TensorType};
pub use bindings::fedwit::plugin::updates::UpdateInfo;
pub use client_selector::ClientSelector;
pub use collected::Collected;
pub use load_balancer::LoadBalancer;
pub use mean_delta::MeanDelta;
pub use random::Random;
pub use state::State;
pub use storage_adapter::StorageAdapter;

#[cfg(target_arch = "wasm32")]
pub use bindings::fedwit::plugin::{
    tensors::{
        Accumulator, Builder, Parameters, mean_around_median, median, squared_distances, squared_norms, trimmed_mean,
    },
    updates::Update,
};
#[cfg(target_arch = "wasm32")]
pub use bindings::storage_adapter::fedwit::plugin::blobs::{Blob, BlobWriter};
#[cfg(not(target_arch = "wasm32"))]
pub use double::{
    Accumulator, Blob, BlobWriter, Builder, Parameters, Update, mean_around_median, median, squared_distances,
    squared_norms, trimmed_mean,
};
