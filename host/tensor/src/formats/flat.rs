//! All values of a model in a row, and nothing else: clients that know the model need no more.
//!
//! There is nothing in such a file that could be checked but its length, so a file of one model fits every other
//! model of as many values.

use std::io::Write;

use super::room::{Fault, Found, Room};
use super::{Expected, Format, ReadFault, WriteFault, values};
use crate::block::{self, BLOCK, Block};
use crate::mapping::Mapping;
use crate::{DType, Layout, Parameters, TensorError, TensorType};

/// The format that a file of this length must be in to hold the values of `layout`.
pub(super) fn told_by_length(length: usize, layout: &Layout) -> Option<Format> {
    let holds = |dtype: DType| layout.elements().checked_mul(dtype.size()) == Some(length);
    if holds(DType::F64) {
        Some(Format::FlatFloat64)
    } else if holds(DType::F32) {
        Some(Format::FlatFloat32)
    } else {
        None
    }
}

/// Reads values of `dtype`. Tensors that are of `dtype` themselves stay in the file; others are rounded.
pub(super) fn read(file: &Mapping, dtype: DType, expected: &Expected<'_>, room: &mut Room<'_>) -> Result<Found, Fault> {
    let length = file.len();
    let format = if dtype == DType::F64 { Format::FlatFloat64 } else { Format::FlatFloat32 };
    let layout = match expected {
        Expected::Layout(layout) | Expected::Update(layout) => {
            let elements = layout.elements();
            if elements.checked_mul(dtype.size()) != Some(length) {
                return Err(ReadFault::FlatLength { format, length, elements }.into());
            }
            (*layout).clone()
        }
        Expected::Seed(_) => {
            if !length.is_multiple_of(dtype.size()) {
                return Err(ReadFault::PartialValue { format, length }.into());
            }
            expected.check_size(length as u64)?;
            Layout::new(vec![TensorType { name: "0".to_owned(), dtype, shape: vec![length / dtype.size()] }])?
        }
    };
    let mut kept = Vec::with_capacity(layout.tensors().len());
    let mut first = 0;
    for tensor in layout.tensors() {
        let end = first + tensor.elements() * dtype.size();
        kept.push(room.keep_block(tensor, Block::Mapped { bytes: file.part(first..end), dtype })?);
        first = end;
    }
    Ok(Found { layout, kept })
}

/// Writes all values in order as `dtype`, which must be able to hold them: floats may be rounded, but become neither
/// infinite nor another integer.
pub(super) fn write(out: &mut impl Write, parameters: &Parameters, dtype: DType) -> Result<(), WriteFault> {
    for (index, tensor) in parameters.layout().tensors().iter().enumerate() {
        values::in_chunks(parameters, index, |bytes| {
            if tensor.dtype == dtype {
                return Ok(out.write_all(bytes)?);
            }
            for bytes in bytes.chunks(BLOCK * tensor.dtype.size()) {
                out.write_all(&converted(bytes, tensor, dtype)?)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn converted(bytes: &[u8], tensor: &TensorType, dtype: DType) -> Result<Vec<u8>, TensorError> {
    if tensor.dtype == DType::I64 {
        let integers = bytes.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
        if let Some(lost) = integers.into_iter().find(|integer| !is_exact(*integer, dtype)) {
            return Err(unrepresentable(tensor, lost as f64, dtype));
        }
    }
    let mut values = vec![0.0; bytes.len() / tensor.dtype.size()];
    block::read_bytes(tensor.dtype, bytes, &mut values);
    if dtype == DType::F64 {
        return Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect());
    }
    let integer = !tensor.dtype.is_float();
    let mut converted = Vec::with_capacity(values.len() * dtype.size());
    for value in values {
        let narrow = value as f32;
        if (value.is_finite() && !narrow.is_finite()) || (integer && f64::from(narrow) != value) {
            return Err(unrepresentable(tensor, value, dtype));
        }
        converted.extend(narrow.to_le_bytes());
    }
    Ok(converted)
}

/// Whether a float of `dtype` is exactly this integer.
fn is_exact(integer: i64, dtype: DType) -> bool {
    let float = if dtype == DType::F64 { integer as f64 } else { f64::from(integer as f32) };
    // The largest int64 rounds up to a float that int64 lacks, so the comparison is made where both exist.
    float as i128 == i128::from(integer)
}

fn unrepresentable(tensor: &TensorType, value: f64, dtype: DType) -> TensorError {
    TensorError::Unrepresentable { name: tensor.name.clone(), value, dtype }
}
