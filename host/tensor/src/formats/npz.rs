//! npz: a ZIP archive with a NumPy array for each tensor, as `numpy.savez` and `numpy.savez_compressed` write it.
//!
//! The archive's directory is read first and refused as a whole if anything about it is wrong ([`archive`]); then
//! each entry is unpacked in pieces ([`values`]), once its header has agreed with the size that the directory claims
//! ([`header`]) and with what is expected. An entry whose values lie in the archive as they are to be used is only read
//! over, for its checksum, and stays there. Memory is bounded by the expected layout, or by what a seed may have.

mod archive;
mod header;
mod values;
mod write;

use std::io::{Cursor, Read};
use std::ops::Range;

use archive::{Archive, Entry};
use header::Header;

use super::room::{Fault, Found, Kept, Room};
use super::{EntryFault, Expected, NpzFault, ReadFault};
use crate::block::Block;
use crate::mapping::Mapping;
use crate::{DType, Layout, TensorError, TensorType};

pub(super) use write::write;

/// What a tensor's name is followed by in the name of its entry.
const ENDING: &str = ".npy";

/// Whether a file begins like an archive: with an entry, or with the end of an archive that has none.
pub(super) fn is_one(file: &[u8]) -> bool {
    file.starts_with(b"PK\x03\x04") || file.starts_with(b"PK\x05\x06")
}

/// Reads the tensors, in the order of the archive.
pub(super) fn read(file: &Mapping, expected: &Expected<'_>, room: &mut Room<'_>) -> Result<Found, Fault> {
    let mut archive = Archive::open(Cursor::new(&file[..]), expected.max_tensors())?;
    let (mut tensors, mut kept) = (Vec::new(), Vec::new());
    let mut left = match expected {
        Expected::Layout(_) | Expected::Update(_) => u64::MAX,
        Expected::Seed(limits) => limits.max_model_size,
    };
    archive.for_each(|entry| {
        let array = Array::read(entry, expected, left)?;
        left -= array.found.bytes() as u64;
        tensors.push(expected.taken(&array.found));
        kept.push(array.keep(file, expected, room)?);
        Ok::<_, Fault>(())
    })?;
    Ok(Found { layout: Layout::new(tensors)?, kept })
}

/// An array whose header has been read, and has agreed with the size of the entry and with what is expected. Nothing
/// is allocated for its values yet.
struct Array<'a> {
    found: TensorType,
    big_endian: bool,
    fortran_order: bool,
    /// Where the values begin in the file, if they lie there as they come.
    stored_at: Option<u64>,
    unpacked: &'a mut dyn Read,
}

impl<'a> Array<'a> {
    /// Reads the header of an array that may have `left` bytes of values.
    fn read(entry: Entry<'a>, expected: &Expected<'_>, left: u64) -> Result<Self, ReadFault> {
        let Entry { name, size, stored_at, unpacked } = entry;
        let fault = |fault| entry_fault(name, fault);
        let known = expected.layout().map(|layout| expected_tensor(layout, name)).transpose()?;
        let Header { length, dtype, big_endian, fortran_order, shape } = Header::read(unpacked).map_err(fault)?;
        let found = TensorType { name: name.to_owned(), dtype, shape };
        if let Some(known) = known {
            check(&expected.taken(&found), known)?;
        }
        let needed =
            found.checked_bytes().ok_or_else(|| fault(EntryFault::Shape { shape: found.shape.clone() }))? as u64;
        let claimed = size.saturating_sub(length);
        if claimed != needed {
            return Err(fault(EntryFault::Size { claimed, needed }));
        }
        if needed > left {
            return Err(fault(EntryFault::TooLarge { needed, left }));
        }
        let stored_at = stored_at.and_then(|start| start.checked_add(length));
        // A row is the same in either order, and a byte too.
        let (big_endian, fortran_order) = (big_endian && dtype.size() > 1, fortran_order && found.shape.len() > 1);
        Ok(Self { found, big_endian, fortran_order, stored_at, unpacked })
    }

    /// Unpacks the values, or finds that they can stay where they lie.
    fn keep(self, file: &Mapping, expected: &Expected<'_>, room: &mut Room<'_>) -> Result<Kept, Fault> {
        let Self { found, big_endian, fortran_order, stored_at, unpacked } = self;
        let unpack = |error| entry_fault(&found.name, EntryFault::Unpack(error));
        let (tensor, dtype) = (expected.taken(&found), found.dtype);
        let place = stored_at.filter(|_| !big_endian && !fortran_order).and_then(|start| place(file, start, &found));
        if let Some(place) = place {
            values::pass_over(unpacked, found.bytes() as u64).and_then(|()| values::end(unpacked)).map_err(unpack)?;
            return room.keep_block(&tensor, Block::Mapped { bytes: file.part(place), dtype });
        }
        if fortran_order {
            let buffer = values::read_transposed(unpacked, &found, big_endian).map_err(unpack)?;
            values::end(unpacked).map_err(unpack)?;
            return room.keep_block(&tensor, buffer.into_block());
        }
        let kept = room.keep(&tensor, dtype, |elements, bytes| {
            bytes.resize(elements.len() * dtype.size(), 0);
            values::read(unpacked, dtype.size(), big_endian, bytes).map_err(unpack)
        })?;
        values::end(unpacked).map_err(unpack)?;
        Ok(kept)
    }
}

fn expected_tensor<'a>(layout: &'a Layout, name: &str) -> Result<&'a TensorType, TensorError> {
    let position = layout.position(name).ok_or_else(|| TensorError::Unexpected { name: name.to_owned() })?;
    Ok(&layout.tensors()[position])
}

/// Where the values of a tensor lie that begin at `start`, if the file has them all.
fn place(file: &Mapping, start: u64, tensor: &TensorType) -> Option<Range<usize>> {
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(tensor.bytes())?;
    (end <= file.len()).then_some(start..end)
}

fn check(found: &TensorType, known: &TensorType) -> Result<(), TensorError> {
    if found.shape != known.shape {
        return Err(TensorError::Shape {
            name: found.name.clone(),
            expected: known.shape.clone(),
            found: found.shape.clone(),
        });
    }
    if found.dtype != known.dtype {
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
