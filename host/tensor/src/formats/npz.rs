//! npz: a ZIP archive with a NumPy array for each tensor, as `numpy.savez` and `numpy.savez_compressed` write it.
//!
//! The archive's directory is read first and refused as a whole if anything about it is wrong ([`archive`]); then
//! each entry is unpacked in pieces into a buffer that is as large as the tensor ([`values`]), which its header must
//! agree to be ([`header`]). An entry whose values lie in the archive as they are is only read over, for its checksum,
//! and stays there. Memory is bounded by the expected layout, or by what a seed may have.

mod archive;
mod header;
mod values;
mod write;

use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;

use archive::{Archive, Entry};
use header::Header;

use super::{EntryFault, Expected, NpzFault, ReadFault};
use crate::block::Block;
use crate::mapping::Mapping;
use crate::{DType, Layout, Parameters, TensorError, TensorType};

pub(super) use write::write;

/// What a tensor's name is followed by in the name of its entry.
const ENDING: &str = ".npy";

/// Whether a file begins like an archive: with an entry, or with the end of an archive that has none.
pub(super) fn is_one(file: &[u8]) -> bool {
    file.starts_with(b"PK\x03\x04") || file.starts_with(b"PK\x05\x06")
}

/// Reads the tensors, in the order of the layout or else of the archive.
pub(super) fn read(file: &Mapping, expected: &Expected<'_>) -> Result<Parameters, ReadFault> {
    let mut archive = Archive::open(Cursor::new(&file[..]), expected.max_tensors())?;
    let mut found = Vec::new();
    let mut left = match expected {
        Expected::Layout(_) | Expected::Update(_) => u64::MAX,
        Expected::Seed(limits) => limits.max_model_size,
    };
    archive.for_each(|entry| {
        let (tensor, block) = read_entry(file, entry, expected, left)?;
        left -= tensor.bytes() as u64;
        found.push((tensor, block));
        Ok(())
    })?;
    let (tensors, blocks) = found.into_iter().unzip();
    Ok(expected.fit(Parameters::new(Layout::new(tensors)?, blocks))?)
}

fn expected_tensor<'a>(layout: &'a Layout, name: &str) -> Result<&'a TensorType, TensorError> {
    let position = layout.position(name).ok_or_else(|| TensorError::Unexpected { name: name.to_owned() })?;
    Ok(&layout.tensors()[position])
}

/// Reads one array with its header, and at most `left` bytes of values. Nothing is allocated before the header has
/// agreed with what is expected, and with the entry's size.
fn read_entry(
    file: &Mapping,
    entry: Entry<'_>,
    expected: &Expected<'_>,
    left: u64,
) -> Result<(TensorType, Arc<Block>), ReadFault> {
    let Entry { name, size, stored_at, unpacked } = entry;
    let fault = |fault| entry_fault(name, fault);
    let known = expected.layout().map(|layout| expected_tensor(layout, name)).transpose()?;
    let Header { length, dtype, big_endian, fortran_order, shape } = Header::read(unpacked).map_err(fault)?;
    let tensor = TensorType { name: name.to_owned(), dtype, shape };
    if let Some(known) = known {
        check(&tensor, known, expected)?;
    }
    let needed = tensor.checked_bytes().ok_or_else(|| fault(EntryFault::Shape { shape: tensor.shape.clone() }))? as u64;
    let claimed = size.saturating_sub(length);
    if claimed != needed {
        return Err(fault(EntryFault::Size { claimed, needed }));
    }
    if needed > left {
        return Err(fault(EntryFault::TooLarge { needed, left }));
    }
    let unpack = |error| fault(EntryFault::Unpack(error));
    let lies_as_it_is = (!big_endian || dtype.size() == 1) && (!fortran_order || tensor.shape.len() < 2);
    let place = stored_at.filter(|_| lies_as_it_is).and_then(|start| place(file, start + length, needed));
    let block = match place {
        Some(place) => {
            values::pass_over(unpacked, needed).map_err(unpack)?;
            Block::Mapped { bytes: file.part(place), dtype }
        }
        None => values::read(unpacked, &tensor, big_endian, fortran_order).map_err(unpack)?.into_block(),
    };
    Ok((tensor, Arc::new(block)))
}

/// A part of the file, if it has it.
fn place(file: &Mapping, start: u64, length: u64) -> Option<Range<usize>> {
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(start.checked_add(length)?).ok()?);
    (end <= file.len()).then_some(start..end)
}

fn check(found: &TensorType, known: &TensorType, expected: &Expected<'_>) -> Result<(), TensorError> {
    if found.shape != known.shape {
        return Err(TensorError::Shape {
            name: found.name.clone(),
            expected: known.shape.clone(),
            found: found.shape.clone(),
        });
    }
    if !expected.takes(found.dtype, known.dtype) {
        return Err(TensorError::DType { name: found.name.clone(), expected: known.dtype, found: found.dtype });
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
