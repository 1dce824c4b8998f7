//! Makes what a plugin's native tests need: parameters, updates and contexts.

pub use crate::double::with_types;
use crate::{Context, DType, Parameters, State, TensorType, Update, UpdateInfo};

/// Parameters of tensors of one dimension, all in one dtype. Their values are rounded to it. For other shapes, and for
/// several dtypes in one model, see [`with_types`].
///
/// # Panics
/// If the dtype cannot hold a value, or a name is there twice.
#[must_use]
pub fn parameters(dtype: DType, tensors: &[(&str, &[f64])]) -> Parameters {
    let tensor = |(name, values): &(&str, &[f64])| {
        let shape = vec![values.len() as u64];
        (TensorType { name: (*name).to_owned(), dtype, shape }, values.to_vec())
    };
    with_types(tensors.iter().map(tensor))
}

/// An update of `base` by a client that trained on so many examples. For one with metrics or staleness, see
/// [`update_with_info`].
#[must_use]
pub fn update(client: &str, num_examples: u64, parameters: &Parameters, base: &Parameters) -> Update {
    let info = UpdateInfo { client: client.to_owned(), num_examples, staleness: 0, metrics: Vec::new() };
    update_with_info(info, parameters, base)
}

/// An update of `base`, and all that is known about it.
#[must_use]
pub fn update_with_info(info: UpdateInfo, parameters: &Parameters, base: &Parameters) -> Update {
    Update { info, parameters: parameters.clone(), base: base.clone() }
}

/// What a round begins with.
#[must_use]
pub fn context(global_model: &Parameters, state: Option<State>) -> Context {
    Context { round: 1, seed: 0, global_model: global_model.clone(), state }
}
