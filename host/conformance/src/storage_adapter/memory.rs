//! A store in memory, which fails when it is told to, and whose blobs can be changed behind the adapter's back.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fedwit_runtime::{Blob, BlobStore};

/// What is kept, by its keys.
pub(super) type Kept = BTreeMap<String, Arc<[u8]>>;

#[derive(Default)]
pub(super) struct Memory {
    kept: Mutex<Kept>,
    fails: AtomicBool,
}

/// A blob in memory.
pub(super) struct Bytes(Arc<[u8]>);

impl Memory {
    /// Whatever is asked of it is an error from now on, or no more.
    pub(super) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    /// All that it keeps.
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        // Whole even if a holder panicked: every change is one call of the map's.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> io::Result<MutexGuard<'_, Kept>> {
        if self.fails.load(Ordering::Relaxed) { Err(io::Error::other("the disk is broken")) } else { Ok(self.kept()) }
    }
}

impl BlobStore for Memory {
    fn put(&self, key: &str, blob: &Arc<dyn Blob>) -> io::Result<()> {
        let bytes = super::read(blob.as_ref())?;
        self.ready()?.insert(key.to_owned(), bytes.into());
        Ok(())
    }

    fn get(&self, key: &str) -> io::Result<Option<Arc<dyn Blob>>> {
        let found = self.ready()?.get(key).cloned();
        Ok(found.map(|bytes| Arc::new(Bytes(bytes)) as Arc<dyn Blob>))
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        self.ready()?.remove(key);
        Ok(())
    }

    fn keys(&self, prefix: &str, after: Option<&str>, most: usize) -> io::Result<Vec<String>> {
        let kept = self.ready()?;
        let first = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let keys = kept.range::<str, _>((first, Bound::Unbounded)).map(|(key, _)| key);
        Ok(keys.take_while(|key| key.starts_with(prefix)).take(most).cloned().collect())
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl Blob for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()> {
        let first = usize::try_from(first).map_err(io::Error::other)?;
        let end = first.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(self.0.get(first..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
