//! Where values are kept that cannot be used as they lie in their file: in memory, or in another file.
//!
//! Either way they come in pieces, and each piece is brought to the dtype that it is to have before the next one is
//! asked for. So a file takes no more memory than a piece, however large the model is.

use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use tempfile::NamedTempFile;

use super::{ReadFault, staged};
use crate::block::{self, Block};
use crate::buffer::Buffer;
use crate::mapping::Mapping;
use crate::{DType, Layout, Parameters, TensorError, TensorType};

/// Elements of a piece.
const PIECE: usize = 1 << 14;

/// Keeps the values of one tensor after the other.
pub(super) enum Room<'a> {
    Memory,
    File(Spill<'a>),
}

/// The values of tensors in a row, and nothing else: a file that is made when there are any, beside its place.
pub(super) struct Spill<'a> {
    path: &'a Path,
    file: Option<BufWriter<NamedTempFile>>,
    length: usize,
}

/// The values of one tensor. What is written is mapped only when all of it is.
pub(super) enum Kept {
    Block(Block),
    Written { bytes: Range<usize>, dtype: DType },
}

/// The tensors of a file as they are taken, with their values.
pub(super) struct Found {
    pub(super) layout: Layout,
    /// One for each tensor of the layout.
    pub(super) kept: Vec<Kept>,
}

/// Why values are not kept.
pub(super) enum Fault {
    /// They cannot be read.
    Read(ReadFault),
    /// They cannot be written to where they are to be kept.
    Keep(io::Error),
}

impl<E> From<E> for Fault
where
    ReadFault: From<E>,
{
    fn from(fault: E) -> Self {
        Self::Read(fault.into())
    }
}

impl<'a> Room<'a> {
    /// Room in a file, which takes the place of one that is there.
    pub(super) fn in_file(path: &'a Path) -> Self {
        Self::File(Spill { path, file: None, length: 0 })
    }

    /// Keeps the values of `tensor`, which are elements of `found`: rounded, if that is another dtype.
    ///
    /// `next` appends the little-endian bytes of the elements that it is asked for, which follow each other.
    pub(super) fn keep(
        &mut self,
        tensor: &TensorType,
        found: DType,
        next: impl FnMut(Range<usize>, &mut Vec<u8>) -> Result<(), ReadFault>,
    ) -> Result<Kept, Fault> {
        match self {
            Self::Memory => {
                let mut buffer = Buffer::zeros(tensor.dtype, tensor.elements());
                in_pieces(tensor, found, next, |first, bytes| {
                    buffer.write_bytes(first, bytes);
                    Ok(())
                })?;
                Ok(Kept::Block(buffer.into_block()))
            }
            Self::File(spill) => {
                let start = spill.length;
                in_pieces(tensor, found, next, |_, bytes| spill.write(bytes).map_err(Fault::Keep))?;
                Ok(Kept::Written { bytes: start..spill.length, dtype: tensor.dtype })
            }
        }
    }

    /// Keeps the values of `tensor` that are in `block`: where they are, if they have its dtype, and take no memory
    /// where none is to be taken.
    pub(super) fn keep_block(&mut self, tensor: &TensorType, block: Block) -> Result<Kept, Fault> {
        let found = block.kept_in();
        if found == tensor.dtype && (matches!(self, Self::Memory) || block.heap_bytes() == 0) {
            return Ok(Kept::Block(block));
        }
        self.keep(tensor, found, |range, bytes| {
            block.append_bytes(range, bytes);
            Ok(())
        })
    }

    /// What was found, to be read; a file is in its place from now on, but not synced.
    pub(super) fn finish(self, found: Found) -> Result<Parameters, Fault> {
        let written = match self {
            Self::File(spill) => spill.finish().map_err(Fault::Keep)?,
            Self::Memory => Mapping::of_memory(Vec::new()),
        };
        let block = |kept| match kept {
            Kept::Block(block) => block,
            Kept::Written { bytes, dtype } => Block::Mapped { bytes: written.part(bytes), dtype },
        };
        Ok(Parameters::kept(found.layout, found.kept.into_iter().map(block)))
    }
}

impl Spill<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(staged::create(staged::folder(self.path))?)),
        };
        file.write_all(bytes)?;
        self.length += bytes.len();
        Ok(())
    }

    fn finish(self) -> io::Result<Mapping> {
        let Some(file) = self.file else { return Ok(Mapping::of_memory(Vec::new())) };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Mapping::of_file(&file.persist(self.path).map_err(|error| error.error)?)
    }
}

/// Hands the values of `tensor`, which `next` gives as elements of `found`, to `put` in its own dtype, each piece with
/// the position of its first element.
fn in_pieces(
    tensor: &TensorType,
    found: DType,
    mut next: impl FnMut(Range<usize>, &mut Vec<u8>) -> Result<(), ReadFault>,
    mut put: impl FnMut(usize, &[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let elements = tensor.elements();
    let mut bytes = Vec::with_capacity(PIECE.min(elements) * found.size());
    for first in (0..elements).step_by(PIECE) {
        bytes.clear();
        next(first..elements.min(first + PIECE), &mut bytes)?;
        if found == tensor.dtype {
            put(first, &bytes)?;
        } else {
            put(first, &rounded(&bytes, found, tensor)?)?;
        }
    }
    Ok(())
}

/// Elements of `found` as elements of `tensor`.
fn rounded(bytes: &[u8], found: DType, tensor: &TensorType) -> Result<Vec<u8>, TensorError> {
    let mut values = vec![0.0; bytes.len() / found.size()];
    block::read_bytes(found, bytes, &mut values);
    let TensorType { name, dtype, .. } = tensor;
    let rounded = Buffer::rounded(*dtype, &values).map_err(|value| TensorError::Unrepresentable {
        name: name.clone(),
        value,
        dtype: *dtype,
    })?;
    let mut bytes = Vec::with_capacity(values.len() * dtype.size());
    rounded.into_block().append_bytes(0..values.len(), &mut bytes);
    Ok(bytes)
}
