//! Bytes behind handles.

use std::cell::RefCell;
use std::rc::Rc;

use super::failed;
use crate::Error;

/// Bytes that do not change.
#[derive(Clone, Debug)]
pub struct Blob {
    pub(crate) bytes: Rc<Vec<u8>>,
}

impl Blob {
    /// How many there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// `count` bytes, beginning with byte `first`.
    ///
    /// # Errors
    /// Where there are not so many.
    pub fn read(&self, first: u64, count: u64) -> Result<Vec<u8>, Error> {
        Ok(self.range(first, count)?.to_vec())
    }

    fn range(&self, first: u64, count: u64) -> Result<&[u8], Error> {
        let end = first.checked_add(count).filter(|end| *end <= self.size());
        let end = end.ok_or_else(|| {
            failed(format!("{count} bytes from byte {first} on are not in a blob of {} bytes", self.size()))
        })?;
        // Both are at most the length.
        Ok(&self.bytes[first as usize..end as usize])
    }
}

/// A blob in the making.
#[derive(Debug, Default)]
pub struct BlobWriter {
    bytes: RefCell<Vec<u8>>,
}

impl BlobWriter {
    /// No bytes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unnecessary_wraps, reason = "the signature is the host's")]
    pub fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    /// Appends `count` bytes of `source`, beginning with byte `first`.
    ///
    /// # Errors
    /// Where there are not so many; nothing is appended then.
    pub fn append(&self, source: &Blob, first: u64, count: u64) -> Result<(), Error> {
        self.write(source.range(first, count)?)
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unnecessary_wraps, reason = "the signature is the host's")]
    pub fn finish(this: Self) -> Result<Blob, Error> {
        Ok(Blob { bytes: Rc::new(this.bytes.into_inner()) })
    }
}
