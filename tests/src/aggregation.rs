//! Rounds over plugins alone, without a server: what the tests of the runtime share.

use fedwit_runtime::{Limits, Plugin, Round, Runtime, Update, UpdateInfo, World};
use fedwit_tensor::{Builder, DType, Layout, Parameters, TensorType};

use crate::target;

/// The aggregators that the project ships.
pub const AGGREGATORS: [&str; 11] = [
    "fedavg",
    "fedavgm",
    "fedadagrad",
    "fedadam",
    "fedyogi",
    "median",
    "trimmed-mean",
    "krum",
    "multi-krum",
    "bulyan",
    "fedbuff",
];

/// The plugins of other worlds that the project ships.
pub const OTHERS: [(&str, World); 6] = [
    ("encrypted", World::StorageAdapter),
    ("least-loaded", World::LoadBalancer),
    ("pass-through", World::StorageAdapter),
    ("power-of-choice", World::ClientSelector),
    ("preferred", World::LoadBalancer),
    ("uniform", World::ClientSelector),
];

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
    model_of(dtype, &[&[values.len()]], values)
}

/// A model of a tensor for each shape, with all their values in a row, rounded to `dtype`.
///
/// # Panics
/// If `dtype` cannot hold a value, or there are not as many values as the shapes have.
#[must_use]
pub fn model_of(dtype: DType, shapes: &[&[usize]], values: &[f64]) -> Parameters {
    let name = |index: usize| if index == 0 { "w".to_owned() } else { format!("w{index}") };
    let tensor =
        |(index, shape): (usize, &&[usize])| TensorType { name: name(index), dtype: DType::F64, shape: shape.to_vec() };
    let mut builder = Builder::zeros(&Layout::new(shapes.iter().enumerate().map(tensor).collect()).expect("a layout"));
    let mut rest = values;
    for (index, shape) in shapes.iter().enumerate() {
        let (tensor, others) = rest.split_at(shape.iter().product());
        let bytes: Vec<u8> = tensor.iter().flat_map(|value| value.to_le_bytes()).collect();
        builder.write(&name(index), 0, &bytes).expect("values");
        rest = others;
    }
    assert!(rest.is_empty(), "{} values are too many", rest.len());
    builder.build().cast(dtype).expect("values of the dtype")
}

/// All values of a model in a row.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn values(model: &Parameters) -> Vec<f64> {
    let wide = model.cast(DType::F64).expect("float64 holds every value");
    let mut values = Vec::new();
    for tensor in wide.layout().tensors() {
        let bytes = wide.read(&tensor.name, 0, tensor.elements() as u64).expect("the tensor");
        values.extend(bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)));
    }
    values
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
