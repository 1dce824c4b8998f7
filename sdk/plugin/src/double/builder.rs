//! Parameters in the making.

use std::cell::RefCell;

use super::parameters::Parameters;
use super::{bytes, failed};
use crate::Error;

/// Parameters that are written in chunks, then built.
#[derive(Debug)]
pub struct Builder {
    like: Parameters,
    values: RefCell<Vec<Vec<f64>>>,
}

impl Builder {
    /// All zeros, with the layout of `like`.
    #[must_use]
    pub fn new(like: &Parameters) -> Self {
        let zeros = like.values.iter().map(|values| vec![0.0; values.len()]).collect();
        Self { like: like.clone(), values: RefCell::new(zeros) }
    }

    /// Puts elements into tensor `name` from `first` on: `data` are their little-endian bytes in its dtype.
    ///
    /// # Errors
    /// If the bytes are not whole elements, or do not fit; nothing is written then.
    pub fn write(&self, name: &str, first: u64, data: &[u8]) -> Result<(), Error> {
        let position = self.like.position(name)?;
        let dtype = self.like.layout[position].dtype;
        let size = bytes::size(dtype);
        if !data.len().is_multiple_of(size) {
            return Err(failed(format!("{} bytes are not whole elements of tensor `{name}`", data.len())));
        }
        let values = &mut self.values.borrow_mut()[position];
        let range = bytes::range(name, values.len(), first, (data.len() / size) as u64)?;
        for (value, element) in values[range].iter_mut().zip(data.chunks_exact(size)) {
            *value = bytes::parse(dtype, element);
        }
        Ok(())
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unnecessary_wraps, reason = "the signature is the host's")]
    pub fn build(this: Self) -> Result<Parameters, Error> {
        Ok(Parameters::new(this.like.layout.to_vec(), this.values.into_inner()))
    }
}
