//! Elements as the bytes of their dtype, and back.

use std::ops::Range;

use half::{bf16, f16};

use super::failed;
use crate::{DType, Error, TensorType};

/// Bytes of one element.
pub(super) fn size(dtype: DType) -> usize {
    match dtype {
        DType::Float64 | DType::Int64 => 8,
        DType::Float32 | DType::Uint32 => 4,
        DType::Float16 | DType::Bfloat16 => 2,
        DType::Uint8 => 1,
    }
}

/// The little-endian bytes of a value in the dtype of `tensor`.
pub(super) fn of(tensor: &TensorType, value: f64) -> Result<Vec<u8>, Error> {
    let integer = |low: f64, high: f64| {
        let rounded = value.round_ties_even();
        if rounded >= low && rounded < high {
            return Ok(rounded);
        }
        Err(failed(format!("tensor `{}` has the value {value}, which its dtype cannot hold", tensor.name)))
    };
    Ok(match tensor.dtype {
        DType::Float64 => value.to_le_bytes().to_vec(),
        DType::Float32 => (value as f32).to_le_bytes().to_vec(),
        DType::Float16 => f16::from_f64(value).to_le_bytes().to_vec(),
        DType::Bfloat16 => bf16::from_f64(value).to_le_bytes().to_vec(),
        DType::Int64 => (integer(-(2.0_f64.powi(63)), 2.0_f64.powi(63))? as i64).to_le_bytes().to_vec(),
        DType::Uint32 => (integer(0.0, 2.0_f64.powi(32))? as u32).to_le_bytes().to_vec(),
        DType::Uint8 => vec![integer(0.0, 256.0)? as u8],
    })
}

/// The value of an element's little-endian bytes. Panics unless there are as many as the dtype has.
pub(super) fn parse(dtype: DType, bytes: &[u8]) -> f64 {
    fn exactly<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes.try_into().expect("the bytes of one element")
    }
    match dtype {
        DType::Float64 => f64::from_le_bytes(exactly(bytes)),
        DType::Float32 => f64::from(f32::from_le_bytes(exactly(bytes))),
        DType::Float16 => f16::from_le_bytes(exactly(bytes)).to_f64(),
        DType::Bfloat16 => bf16::from_le_bytes(exactly(bytes)).to_f64(),
        DType::Int64 => i64::from_le_bytes(exactly(bytes)) as f64,
        DType::Uint32 => f64::from(u32::from_le_bytes(exactly(bytes))),
        DType::Uint8 => f64::from(exactly::<1>(bytes)[0]),
    }
}

/// A value as the dtype of `tensor` holds it.
pub(super) fn rounded(tensor: &TensorType, value: f64) -> Result<f64, Error> {
    Ok(parse(tensor.dtype, &of(tensor, value)?))
}

/// `count` elements from `first` on.
pub(super) fn range(name: &str, elements: usize, first: u64, count: u64) -> Result<Range<usize>, Error> {
    let end = first.checked_add(count).and_then(|end| usize::try_from(end).ok()).filter(|end| *end <= elements);
    match (usize::try_from(first), end) {
        (Ok(start), Some(end)) => Ok(start..end),
        _ => Err(failed(format!(
            "tensor `{name}` has {elements} elements; {count} from element {first} are out of its bounds"
        ))),
    }
}
