//! npz: a ZIP archive with a NumPy array for each tensor, as `numpy.savez` and `numpy.savez_compressed` write it.
//!
//! The archive's directory is read first and refused as a whole if anything about it is wrong ([`archive`]); then
//! each entry is unpacked in pieces into a buffer that is as large as the tensor ([`values`]), which its header must
//! agree to be ([`header`]). Memory is bounded by the expected layout, or by what a seed may have.

mod archive;
mod header;
mod values;
mod write;

use std::io::{Read, Seek};
use std::sync::Arc;

use archive::Archive;
use header::Header;

use super::{EntryFault, Expected, NpzFault, ReadFault};
use crate::block::Block;
use crate::{DType, Layout, Parameters, TensorError, TensorType};

pub(super) use write::write;

/// What a tensor's name is followed by in the name of its entry.
const ENDING: &str = ".npy";

/// Whether a file begins like an archive: with an entry, or with the end of an archive that has none.
pub(super) fn is_one(file: &[u8]) -> bool {
    file.starts_with(b"PK\x03\x04") || file.starts_with(b"PK\x05\x06")
}

/// Reads the tensors, in the order of the layout or else of the archive.
pub(super) fn read(source: impl Read + Seek, expected: &Expected<'_>) -> Result<Parameters, ReadFault> {
    let mut archive = Archive::open(source, expected.max_tensors())?;
    let mut found = Vec::new();
    let mut left = match expected {
        Expected::Layout(_) => u64::MAX,
        Expected::Seed(limits) => limits.max_model_size,
    };
    archive.for_each(|name, size, entry| {
        let expected = match expected {
            Expected::Layout(layout) => Some(expected_tensor(layout, name)?),
            Expected::Seed(_) => None,
        };
        let (tensor, block) = read_entry(name, size, entry, expected, left)?;
        left -= tensor.bytes() as u64;
        found.push((tensor, block));
        Ok(())
    })?;
    let (tensors, blocks) = found.into_iter().unzip();
    let parameters = Parameters::new(Layout::new(tensors)?, blocks);
    match expected {
        Expected::Layout(layout) => Ok(parameters.ordered_as(layout)?),
        Expected::Seed(_) => Ok(parameters),
    }
}

fn expected_tensor<'a>(layout: &'a Layout, name: &str) -> Result<&'a TensorType, TensorError> {
    let position = layout.position(name).ok_or_else(|| TensorError::Unexpected { name: name.to_owned() })?;
    Ok(&layout.tensors()[position])
}

/// Reads one array of `size` bytes with its header, and at most `left` of values. Nothing is allocated before the
/// header has agreed with what is expected, and with the size.
fn read_entry(
    name: &str,
    size: u64,
    entry: &mut dyn Read,
    expected: Option<&TensorType>,
    left: u64,
) -> Result<(TensorType, Arc<Block>), ReadFault> {
    let fault = |fault| entry_fault(name, fault);
    let Header { length, dtype, big_endian, fortran_order, shape } = Header::read(entry).map_err(fault)?;
    let tensor = TensorType { name: name.to_owned(), dtype, shape };
    if let Some(expected) = expected {
        check(&tensor, expected)?;
    }
    let needed = tensor.checked_bytes().ok_or_else(|| fault(EntryFault::Shape { shape: tensor.shape.clone() }))? as u64;
    let claimed = size.saturating_sub(length);
    if claimed != needed {
        return Err(fault(EntryFault::Size { claimed, needed }));
    }
    if needed > left {
        return Err(fault(EntryFault::TooLarge { needed, left }));
    }
    let buffer =
        values::read(entry, &tensor, big_endian, fortran_order).map_err(|error| fault(EntryFault::Unpack(error)))?;
    Ok((tensor, Arc::new(buffer.into_block())))
}

fn check(found: &TensorType, expected: &TensorType) -> Result<(), TensorError> {
    if found.shape != expected.shape {
        return Err(TensorError::Shape {
            name: found.name.clone(),
            expected: expected.shape.clone(),
            found: found.shape.clone(),
        });
    }
    if found.dtype != expected.dtype {
        return Err(TensorError::DType { name: found.name.clone(), expected: expected.dtype, found: found.dtype });
    }
    Ok(())
}

/// NumPy's name for a dtype, in little-endian order; it has none for bfloat16.
fn descr(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::F64 => Some("<f8"),
        DType::F32 => Some("<f4"),
        DType::F16 => Some("<f2"),
        DType::BF16 => None,
        DType::I64 => Some("<i8"),
        DType::U32 => Some("<u4"),
        DType::U8 => Some("|u1"),
    }
}

/// A fault of the entry that holds tensor `name`.
fn entry_fault(name: &str, fault: EntryFault) -> ReadFault {
    NpzFault::Entry { name: format!("{name}{ENDING}"), fault }.into()
}
