//! Blobs behind a storage adapter.
//!
//! The host hands the adapter blobs and takes blobs from it, by handle: what the adapter does not read never enters its
//! memory. What it writes goes to a scratch folder. Nothing is ever held in memory as a whole.

mod pool;
mod spool;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::bindings::storage_adapter;
use crate::instance::Instance;
use crate::permissions::is_key;
use crate::plugin::Plugin;
use crate::{LogLine, PluginError};

pub use pool::{StoragePool, StorageScratch};
pub(crate) use spool::Spool;

/// Bytes of a key that is put; the adapter may lay it under a prefix of its own.
const KEY_BYTES: usize = 256;

/// Bytes of any length that do not change.
pub trait Blob: Send + Sync {
    /// How many there are.
    fn size(&self) -> u64;

    /// Fills `buffer` with the bytes that begin with byte `first`.
    ///
    /// # Errors
    /// If there are not so many, or they cannot be read.
    fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// The file whose whole content they are, if there is one: to be linked or copied, never changed.
    fn file(&self) -> Option<&Path> {
        None
    }
}

/// Where the host keeps a storage adapter's blobs. Keys are of the form that `blobs` in `wit/` asks for, and have been
/// checked, as have the adapter's prefixes.
pub trait BlobStore: Send + Sync {
    /// Keeps a blob, in place of what was there; durable when it returns.
    ///
    /// # Errors
    /// Whatever the store cannot do.
    fn put(&self, key: &str, blob: &Arc<dyn Blob>) -> io::Result<()>;

    /// The blob of this key.
    ///
    /// # Errors
    /// Whatever the store cannot do.
    fn get(&self, key: &str) -> io::Result<Option<Arc<dyn Blob>>>;

    /// Lets go of what is kept under this key, if anything is.
    ///
    /// # Errors
    /// Whatever the store cannot do.
    fn remove(&self, key: &str) -> io::Result<()>;

    /// At most `most` keys that begin with `prefix`, in the order of their bytes, beginning after key `after`.
    ///
    /// # Errors
    /// Whatever the store cannot do.
    fn keys(&self, prefix: &str, after: Option<&str>, most: usize) -> io::Result<Vec<String>>;
}

/// What an adapter's instance has behind it.
#[derive(Clone)]
pub(crate) struct Backing {
    pub(crate) store: Arc<dyn BlobStore>,
    /// Where what it writes lies until it is handed over.
    pub(crate) scratch: PathBuf,
}

/// Why a blob was not kept or found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The adapter never saw the key.
    #[error(
        "{0:?} is no key: segments of letters, digits, `.`, `_` and `-` with `/` between them are, at most 256 bytes"
    )]
    Key(String),
    /// The adapter says no, or broke, and is to be opened again.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// An open storage adapter. Every error of the adapter but a wrong key ends it.
pub struct Storage {
    instance: Instance<storage_adapter::Guest>,
    /// Where what it writes lies for the rest of the time, and while it puts.
    scratch: PathBuf,
    puts: PathBuf,
}

impl Plugin {
    /// Opens a storage adapter over the host's store. What it writes lies in the folder `scratch` until it is kept.
    ///
    /// # Errors
    /// [`crate::Fault::InvalidConfig`] if its schema does not allow its configuration or the plugin refuses it, or
    /// whatever else it does wrong.
    pub fn open_storage(
        &self,
        config: &str,
        store: Arc<dyn BlobStore>,
        scratch: &Path,
    ) -> Result<Storage, PluginError> {
        const FUNCTION: &str = "open";
        self.inner.ready(FUNCTION, config)?;
        let mut instance = Instance::new(&self.inner, FUNCTION, 0)?;
        instance.state().backing = Some(Backing { store, scratch: scratch.to_owned() });
        let (scratch, puts) = (scratch.to_owned(), scratch.to_owned());
        let mut storage = Storage { instance, scratch, puts };
        storage.instance.call(FUNCTION, |guest, store| guest.call_open(store, config))?;
        Ok(storage)
    }
}

impl Storage {
    /// What the adapter writes while it puts lies in the folder `scratch` from now on: best on the disk where the store
    /// keeps it.
    pub fn put_by_way_of(&mut self, scratch: &Path) {
        self.puts = scratch.to_owned();
    }

    /// Whether the adapter broke, so that it has to be opened again.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.instance.has_ended()
    }

    /// Keeps a blob, in place of what was there; durable when it returns.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn put(&mut self, key: &str, blob: Arc<dyn Blob>) -> Result<(), StorageError> {
        const FUNCTION: &str = "put";
        check_key(key)?;
        let handle = self.instance.with_handles(FUNCTION, |state| state.lend_blob(blob))?;
        let lent = wasmtime::component::Resource::new_borrow(handle.rep());
        self.write_to(&self.puts.clone());
        let put = self.instance.call(FUNCTION, |guest, store| guest.call_put(store, key, lent));
        self.write_to(&self.scratch.clone());
        self.instance.with_handles(FUNCTION, |state| state.take_blob(handle))?;
        Ok(put?)
    }

    /// The blob of this key.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn get(&mut self, key: &str) -> Result<Option<Arc<dyn Blob>>, StorageError> {
        const FUNCTION: &str = "get";
        check_key(key)?;
        let blob = self.instance.call(FUNCTION, |guest, store| guest.call_get(store, key))?;
        Ok(blob.map(|handle| self.instance.with_handles(FUNCTION, |state| state.take_blob(handle))).transpose()?)
    }

    /// Lets go of what is kept under this key, if anything is.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn remove(&mut self, key: &str) -> Result<(), StorageError> {
        check_key(key)?;
        Ok(self.instance.call("remove", |guest, store| guest.call_remove(store, key))?)
    }

    /// Keys that begin with `prefix`, in the order of their bytes, beginning after key `after`: at most `most`, and none
    /// only if there are no more.
    ///
    /// # Errors
    /// [`crate::Fault::Answer`] if the adapter's answer is anything else; [`StorageError`].
    pub fn keys(&mut self, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, StorageError> {
        const FUNCTION: &str = "keys";
        let keys = self.instance.call(FUNCTION, |guest, store| guest.call_keys(store, prefix, after, most))?;
        checked_keys(&keys, prefix, after, most).map_err(|why| self.instance.answer(FUNCTION, &why))?;
        Ok(keys)
    }

    fn write_to(&mut self, scratch: &Path) {
        if let Some(backing) = &mut self.instance.state().backing {
            scratch.clone_into(&mut backing.scratch);
        }
    }

    /// What the adapter wrote to its log since the last time this was asked.
    #[must_use]
    pub fn log(&mut self) -> Vec<LogLine> {
        self.instance.log()
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Storage")
    }
}

fn check_key(key: &str) -> Result<(), StorageError> {
    if is_key(key, KEY_BYTES) { Ok(()) } else { Err(StorageError::Key(key.chars().take(KEY_BYTES).collect())) }
}

/// Pages that do not go forward would be asked for without end.
fn checked_keys(keys: &[String], prefix: &str, after: Option<&str>, most: u32) -> Result<(), String> {
    if keys.len() > most as usize {
        return Err(format!("it has {} keys, more than the {most} that were asked for", keys.len()));
    }
    let mut before = after;
    for key in keys {
        if !is_key(key, KEY_BYTES) || !key.starts_with(prefix) {
            return Err(format!("{key:.80?} is no key that begins with {prefix:.80?}"));
        }
        if before.is_some_and(|before| before >= key.as_str()) {
            return Err(format!("{key:.80?} does not come after the key before it"));
        }
        before = Some(key);
    }
    Ok(())
}
