//! Files mapped into memory.
#![allow(unsafe_code, reason = "mapping a file is unsafe: its bytes are shared with whoever writes the file")]

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::Mmap;

/// A range of a mapped file. Cheap to clone; the mapping lives as long as any part of it.
#[derive(Clone)]
pub(crate) struct Mapping {
    bytes: Arc<Bytes>,
    range: Range<usize>,
}

enum Bytes {
    File(Mmap),
    Memory(Vec<u8>),
}

impl Mapping {
    /// The whole of a file. Nothing is read yet: pages come from the file as they are touched, and are the
    /// system's to drop.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        // Mapping nothing is an error on some systems.
        if file.metadata()?.len() == 0 {
            return Ok(Self::of_memory(Vec::new()));
        }
        // SAFETY: the mapping is read-only and private, and is only ever read as plain bytes, for which every
        // pattern is valid. A writer that changes the file under us can change the values that are read, and
        // one that truncates it ends the process with SIGBUS; neither can break the program's own memory. Model
        // files are written once, under another name, and renamed into place, so fedwit itself never does either.
        let map = unsafe { Mmap::map(file)? };
        let range = 0..map.len();
        Ok(Self { bytes: Arc::new(Bytes::File(map)), range })
    }

    /// Bytes that were never a file.
    pub(crate) fn of_memory(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { bytes: Arc::new(Bytes::Memory(bytes)), range }
    }

    /// A part of this part. Panics, as slices do, if it reaches beyond.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.range.len(), "a part lies within the whole");
        let range = self.range.start + range.start..self.range.start + range.end;
        Self { bytes: Arc::clone(&self.bytes), range }
    }

    /// Bytes of the heap that live as long as this does: none for a mapped file.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &*self.bytes {
            Bytes::File(_) => 0,
            Bytes::Memory(_) => self.range.len(),
        }
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &*self.bytes {
            Bytes::File(map) => map,
            Bytes::Memory(bytes) => bytes,
        };
        &all[self.range.clone()]
    }
}
