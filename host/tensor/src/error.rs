//! What can be wrong with parameters.

use thiserror::Error;

use crate::DType;

/// Why parameters do not fit, or cannot be computed with. Each names the tensor.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message of each case says what it and its fields are")]
pub enum TensorError {
    #[error("tensor `{name}` is missing")]
    Missing { name: String },
    #[error("tensor `{name}` does not belong to the model")]
    Unexpected { name: String },
    #[error("tensor `{name}` is there twice")]
    Duplicate { name: String },
    #[error("tensor `{name}` has shape {found:?} instead of {expected:?}")]
    Shape { name: String, expected: Vec<usize>, found: Vec<usize> },
    #[error("tensor `{name}` has dtype {found} instead of {expected}")]
    DType { name: String, expected: DType, found: DType },
    #[error("tensor `{name}` of shape {shape:?} is too large to be counted")]
    TooLarge { name: String, shape: Vec<usize> },
    #[error("tensor `{name}` has a value that is infinite or not a number")]
    NotFinite { name: String },
    #[error("tensor `{name}` has the value {value}, which {dtype} cannot hold")]
    Unrepresentable { name: String, value: f64, dtype: DType },
    #[error("tensor `{name}` has {elements} elements; {count} from element {first} are out of its bounds")]
    OutOfBounds { name: String, elements: usize, first: u64, count: u64 },
    #[error("{bytes} bytes are not whole elements of tensor `{name}`, which is {dtype}")]
    PartialElement { name: String, dtype: DType, bytes: usize },
    #[error("the weight {weight} is not a positive finite number")]
    Weight { weight: f64 },
    #[error("the sum of the weights is no longer finite")]
    TotalWeight,
    #[error("a mean of no values")]
    NoValues,
    #[error("the system has no {bytes} bytes of memory left")]
    OutOfMemory { bytes: usize },
    #[error("the device cannot compute this: {message}")]
    Device { message: String },
    #[error("no models to compare")]
    NoModels,
    #[error("{low} to {high} is no interval to clamp to")]
    Interval { low: f64, high: f64 },
    #[error("the fraction to trim is {trim}, but must be at least 0 and below 0.5")]
    Trim { trim: f64 },
    #[error("{keep} of {models} models are to be kept, but must be at least 1 and no more than there are")]
    Keep { keep: usize, models: usize },
}
