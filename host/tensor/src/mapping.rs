//! Files mapped into memory, and memory that is mapped without a file.
#![allow(unsafe_code, reason = "mapping a file is unsafe: its bytes are shared with whoever writes the file")]

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::{Mmap, MmapMut};

/// A range of a mapped file. Cheap to clone; the mapping lives as long as any part of it.
#[derive(Clone)]
pub(crate) struct Mapping {
    bytes: Arc<Bytes>,
    range: Range<usize>,
}

enum Bytes {
    File(Mmap),
    /// What was [`Anonymous`].
    Anonymous(MmapMut),
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
            Bytes::Anonymous(_) | Bytes::Memory(_) => self.range.len(),
        }
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &*self.bytes {
            Bytes::File(map) => map,
            Bytes::Anonymous(map) => map,
            Bytes::Memory(bytes) => bytes,
        };
        &all[self.range.clone()]
    }
}

/// Values in memory straight from the system: zeros that take no memory until they are written, and in large pages where
/// there are any, so that the first pass over them does not wait for thousands of small ones.
pub(crate) struct Anonymous<T> {
    map: Option<MmapMut>,
    values: PhantomData<T>,
}

/// A float as its bytes.
pub(crate) trait Float: bytemuck::Pod {
    /// The same bytes, or the other way round where the machine has them the other way round.
    fn little_endian(self) -> Self;
}

impl Float for f32 {
    fn little_endian(self) -> Self {
        Self::from_bits(self.to_bits().to_le())
    }
}

impl Float for f64 {
    fn little_endian(self) -> Self {
        Self::from_bits(self.to_bits().to_le())
    }
}

impl<T: Float> Anonymous<T> {
    /// Zeros.
    pub(crate) fn zeros(elements: usize) -> io::Result<Self> {
        if elements == 0 {
            return Ok(Self { map: None, values: PhantomData });
        }
        let map = MmapMut::map_anon(elements * size_of::<T>())?;
        // Without large pages it is only slower.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self { map: Some(map), values: PhantomData })
    }

    /// Mappings begin at a page, so their bytes are aligned for any element.
    pub(crate) fn values(&mut self) -> &mut [T] {
        self.map.as_mut().map_or(&mut [], |map| bytemuck::cast_slice_mut(map))
    }

    /// The values as little-endian bytes, where they are. From now on they do not change.
    pub(crate) fn into_mapping(mut self) -> Mapping {
        // On the machines that fedwit is built for this is nothing at all.
        for value in self.values().iter_mut().filter(|_| cfg!(target_endian = "big")) {
            *value = value.little_endian();
        }
        match self.map {
            Some(map) => {
                let range = 0..map.len();
                Mapping { bytes: Arc::new(Bytes::Anonymous(map)), range }
            }
            None => Mapping::of_memory(Vec::new()),
        }
    }
}
