//! Blobs in the making, in files of the scratch folder.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use super::Blob;

/// Bytes that are moved at one time.
const CHUNK: usize = 1 << 20;

/// What is being written. There is no file before the first byte; it is gone with this, or with the blob.
#[derive(Default)]
pub(crate) struct Spool {
    file: Option<NamedTempFile>,
    size: u64,
}

impl Spool {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends bytes, in a file of the folder `scratch`.
    pub(crate) fn write(&mut self, bytes: &[u8], scratch: &Path) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(NamedTempFile::new_in(scratch)?),
        };
        file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Appends a part of a blob. Before each chunk `go_on` may say no.
    pub(crate) fn append<E: From<io::Error>>(
        &mut self,
        blob: &dyn Blob,
        mut first: u64,
        count: u64,
        scratch: &Path,
        go_on: impl Fn() -> Result<(), E>,
    ) -> Result<(), E> {
        let mut buffer = vec![0; CHUNK.min(usize::try_from(count).unwrap_or(CHUNK))];
        let mut left = count;
        while left > 0 {
            go_on()?;
            let chunk = buffer.len().min(usize::try_from(left).unwrap_or(CHUNK));
            blob.read(first, &mut buffer[..chunk])?;
            self.write(&buffer[..chunk], scratch)?;
            first += chunk as u64;
            left -= chunk as u64;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Spooled {
        let (file, path) = match self.file.map(NamedTempFile::into_parts) {
            Some((file, path)) => (Some(Mutex::new(file)), Some(path)),
            None => (None, None),
        };
        Spooled { file, path, size: self.size }
    }
}

/// What was written.
pub(crate) struct Spooled {
    /// The place in it is moved to before each read.
    file: Option<Mutex<File>>,
    path: Option<tempfile::TempPath>,
    size: u64,
}

impl Blob for Spooled {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()> {
        match &self.file {
            Some(file) => {
                // A read that panicked has left nothing behind but the place.
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(first))?;
                file.read_exact(buffer)
            }
            None if buffer.is_empty() => Ok(()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn file(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}
