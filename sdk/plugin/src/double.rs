//! Doubles of the host's resources, for tests without WebAssembly: they compute in memory and keep the host's rules,
//! as `wit/tensors.wit` has them, on one core and without its speed.

mod accumulator;
mod arithmetic;
pub(crate) mod blobs;
mod builder;
mod bytes;
mod order_statistics;
mod parameters;
pub(crate) mod secrets;
pub(crate) mod store;
mod update;

pub use accumulator::Accumulator;
pub use blobs::{Blob, BlobWriter};
pub use builder::Builder;
pub use order_statistics::{mean_around_median, median, squared_distances, squared_norms, trimmed_mean};
pub use parameters::Parameters;
pub use update::Update;

use crate::TensorType;

/// Parameters of these tensors, their values in row-major order and rounded to their dtypes.
///
/// # Panics
/// If a shape and its values differ in number, a dtype cannot hold a value, or a name is there twice.
#[must_use]
pub fn with_types(tensors: impl IntoIterator<Item = (TensorType, Vec<f64>)>) -> Parameters {
    let (mut layout, mut all): (Vec<TensorType>, Vec<_>) = (Vec::new(), Vec::new());
    for (tensor, values) in tensors {
        let name = &tensor.name;
        assert!(layout.iter().all(|other| other.name != *name), "tensor `{name}` is there twice");
        let (elements, given) = (tensor.shape.iter().product::<u64>(), values.len() as u64);
        assert!(elements == given, "tensor `{name}` of shape {:?} has {elements} elements, not {given}", tensor.shape);
        let rounded = values.iter().map(|value| bytes::rounded(&tensor, *value)).collect::<Result<_, _>>();
        all.push(rounded.expect("values that the dtype can hold"));
        layout.push(tensor);
    }
    Parameters::new(layout, all)
}

/// The host tells a plugin of its mistakes with this case.
fn failed(why: impl Into<String>) -> crate::Error {
    crate::Error::Failed(why.into())
}
