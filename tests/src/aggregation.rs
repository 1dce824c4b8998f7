//! Rounds over plugins alone, without a server: what the tests of the runtime share.

use fedwit_runtime::{Limits, Plugin, Round, Runtime, Update, UpdateInfo};
use fedwit_tensor::{Builder, DType, Layout, Parameters, TensorType};

use crate::target;

/// A runtime with these limits, and compiled plugins kept between tests.
///
/// # Panics
/// If this machine cannot run plugins.
#[must_use]
pub fn runtime(limits: Limits) -> Runtime {
    Runtime::new(limits, Some(&target::plugin_cache())).expect("a runtime")
}

/// A plugin that the project ships, or one that is made for its tests.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn plugin(runtime: &Runtime, name: &str) -> Plugin {
    let path = target::component(name).expect("a component");
    runtime.load(name, &std::fs::read(path).expect("a component")).expect("a plugin")
}

/// A model of one tensor in one dimension, its values rounded to `dtype`.
///
/// # Panics
/// If `dtype` cannot hold a value.
#[must_use]
pub fn model(dtype: DType, values: &[f64]) -> Parameters {
    let tensor = TensorType { name: "w".to_owned(), dtype: DType::F64, shape: vec![values.len()] };
    let mut builder = Builder::zeros(&Layout::new(vec![tensor]).expect("a layout"));
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    builder.write("w", 0, &bytes).expect("values");
    builder.build().cast(dtype).expect("values of the dtype")
}

/// The values of such a model.
///
/// # Panics
/// If it is another.
#[must_use]
pub fn values(model: &Parameters) -> Vec<f64> {
    let wide = model.cast(DType::F64).expect("float64 holds every value");
    let bytes = wide.read("w", 0, wide.layout().elements() as u64).expect("the tensor");
    bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
}

/// A first round.
#[must_use]
pub fn round(global_model: &Parameters, config: &str) -> Round {
    Round { number: 1, config: config.to_owned(), seed: 0, global_model: global_model.clone(), state: None }
}

/// A checked update of a first round, named as its client is.
///
/// # Panics
/// If it does not fit.
#[must_use]
pub fn update(client: &str, num_examples: u64, parameters: &Parameters, base: &Parameters) -> Update {
    let (update, client) = (client.to_owned(), client.to_owned());
    let info = UpdateInfo { update, client, round: 1, staleness: 0, num_examples, metrics: Vec::new() };
    Update::checked(info, parameters, base).expect("an update that fits")
}
