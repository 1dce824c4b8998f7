//! The values of one tensor as the bytes of its dtype.

use std::ops::Range;

use crate::block::{BLOCK, Block};
use crate::buffer::Buffer;
use crate::expression::{Expression, Kind};
use crate::program::{Program, Registers};
use crate::{TensorError, TensorType};

/// Reads one tensor, piece by piece; what is not kept is computed as it is read.
pub(crate) struct Reader<'a> {
    kind: &'a TensorType,
    source: Source<'a>,
}

enum Source<'a> {
    /// In the tensor's dtype.
    Kept(&'a Block),
    Computed(Program<'a>, Registers),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(kind: &'a TensorType, values: &'a Expression) -> Self {
        let source = match values.kind() {
            Kind::Kept(kept) if kept.block.kept_in() == kind.dtype => Source::Kept(&kept.block),
            _ => {
                let program = Program::new(&[values]);
                let registers = program.registers();
                Source::Computed(program, registers)
            }
        };
        Self { kind, source }
    }

    /// Appends the little-endian bytes of some elements.
    ///
    /// # Errors
    /// [`TensorError::Unrepresentable`] if the dtype cannot hold one.
    pub(crate) fn append(&mut self, range: Range<usize>, bytes: &mut Vec<u8>) -> Result<(), TensorError> {
        let (program, registers) = match &mut self.source {
            Source::Kept(block) => {
                block.append_bytes(range, bytes);
                return Ok(());
            }
            Source::Computed(program, registers) => (program, registers),
        };
        let TensorType { name, dtype, .. } = self.kind;
        let mut values = Vec::with_capacity(range.len());
        for first in range.clone().step_by(BLOCK) {
            let length = BLOCK.min(range.end - first);
            program.run(registers, first, length, |_, block| values.extend_from_slice(block));
        }
        let rounded = Buffer::rounded(*dtype, &values).map_err(|value| TensorError::Unrepresentable {
            name: name.clone(),
            value,
            dtype: *dtype,
        })?;
        rounded.into_block().append_bytes(0..values.len(), bytes);
        Ok(())
    }
}
