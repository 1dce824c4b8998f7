//! Parameters in the making.

use crate::buffer::Buffer;
use crate::{Layout, Parameters, TensorError};

/// Parameters that are written piece by piece, in memory of their own, and then built.
pub struct Builder {
    layout: Layout,
    buffers: Vec<Buffer>,
}

impl Builder {
    /// All zeros.
    #[must_use]
    pub fn zeros(layout: &Layout) -> Self {
        let buffers = layout.tensors().iter().map(|tensor| Buffer::zeros(tensor.dtype, tensor.elements())).collect();
        Self { layout: layout.clone(), buffers }
    }

    /// What is being built.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Sets elements of tensor `name`, from `first` on in row-major order, to those whose little-endian bytes, in
    /// the tensor's dtype, these are.
    ///
    /// # Errors
    /// [`TensorError::Missing`], [`TensorError::PartialElement`] or [`TensorError::OutOfBounds`]; nothing is written
    /// then.
    pub fn write(&mut self, name: &str, first: u64, bytes: &[u8]) -> Result<(), TensorError> {
        let tensor = self.layout.position(name).ok_or_else(|| TensorError::Missing { name: name.to_owned() })?;
        let dtype = self.layout.tensors()[tensor].dtype;
        if !bytes.len().is_multiple_of(dtype.size()) {
            return Err(TensorError::PartialElement { name: name.to_owned(), dtype, bytes: bytes.len() });
        }
        let range = self.layout.range(tensor, first, (bytes.len() / dtype.size()) as u64)?;
        self.buffers[tensor].write_bytes(range.start, bytes);
        Ok(())
    }

    /// Ends the writing; copies nothing.
    #[must_use]
    pub fn build(self) -> Parameters {
        Parameters::kept(self.layout, self.buffers.into_iter().map(Buffer::into_block))
    }
}
