//! Makes what a plugin's native tests need: parameters, updates and contexts.

use crate::bindings::fedwit::plugin::updates::UpdateInfo;
use crate::{Context, DType, Parameters, State, TensorType, Update};

/// Parameters of tensors of one dimension, all in one dtype. Their values are rounded to it.
///
/// # Panics
/// If the dtype cannot hold a value.
#[must_use]
pub fn parameters(dtype: DType, tensors: &[(&str, &[f64])]) -> Parameters {
    let layout = tensors.iter().map(|(name, values)| TensorType {
        name: (*name).to_owned(),
        dtype: DType::Float64,
        shape: vec![values.len() as u64],
    });
    let values = tensors.iter().map(|(_, values)| values.to_vec()).collect();
    Parameters::new(layout.collect(), values).cast(dtype).expect("values that the dtype can hold")
}

/// An update of `base` by a client that trained on so many examples.
#[must_use]
pub fn update(client: &str, num_examples: u64, parameters: &Parameters, base: &Parameters) -> Update {
    let info = UpdateInfo { client: client.to_owned(), num_examples, staleness: 0, metrics: Vec::new() };
    Update { info, parameters: parameters.clone(), base: base.clone() }
}

/// What a round begins with.
#[must_use]
pub fn context(global_model: &Parameters, state: Option<State>) -> Context {
    Context { round: 1, seed: 0, global_model: global_model.clone(), state }
}
