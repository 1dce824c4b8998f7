//! One adapter, several instances: each serves one call at a time.
//!
//! Instances are opened when they are needed, and go on serving until they break. One that broke is dropped, and the next
//! call has another: an adapter keeps nothing that must last but in its store.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Blob, BlobStore, Storage, StorageError};
use crate::{Level, LogLine, Plugin, PluginError};

/// Where an adapter's instances write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageScratch {
    /// What they put.
    pub puts: PathBuf,
    /// What they get.
    pub gets: PathBuf,
}

/// The instances of an adapter that are open. As many live as there are calls at one time; who calls sees to it that they
/// are not too many.
pub struct StoragePool {
    plugin: Plugin,
    config: String,
    store: Arc<dyn BlobStore>,
    scratch: StorageScratch,
    idle: Mutex<Vec<Storage>>,
}

impl StoragePool {
    /// Opens one instance, so that what is wrong with the adapter or its configuration is known at once.
    ///
    /// # Errors
    /// As [`Plugin::open_storage`].
    pub fn open(
        plugin: Plugin,
        config: String,
        store: Arc<dyn BlobStore>,
        scratch: StorageScratch,
    ) -> Result<Self, PluginError> {
        let pool = Self { plugin, config, store, scratch, idle: Mutex::default() };
        let first = pool.another()?;
        pool.give_back(first);
        Ok(pool)
    }

    /// Keeps a blob, in place of what was there; durable when it returns.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn put(&self, key: &str, blob: Arc<dyn Blob>) -> Result<(), StorageError> {
        self.with(|storage| storage.put(key, blob))
    }

    /// The blob of this key.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn get(&self, key: &str) -> Result<Option<Arc<dyn Blob>>, StorageError> {
        self.with(|storage| storage.get(key))
    }

    /// Lets go of what is kept under this key, if anything is.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn remove(&self, key: &str) -> Result<(), StorageError> {
        self.with(|storage| storage.remove(key))
    }

    /// Keys that begin with `prefix`, in the order of their bytes, beginning after key `after`: at most `most`, and none
    /// only if there are no more.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn keys(&self, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, StorageError> {
        self.with(|storage| storage.keys(prefix, after, most))
    }

    /// Calls an instance that nobody else is calling.
    fn with<T>(&self, call: impl FnOnce(&mut Storage) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut storage = match idle {
            Some(storage) => storage,
            None => self.another()?,
        };
        let result = call(&mut storage);
        self.show(&storage.log());
        if !storage.has_ended() {
            self.give_back(storage);
        }
        result
    }

    fn another(&self) -> Result<Storage, PluginError> {
        let StorageScratch { puts, gets } = &self.scratch;
        let mut storage = self.plugin.open_storage(&self.config, Arc::clone(&self.store), gets)?;
        storage.put_by_way_of(puts);
        self.show(&storage.log());
        Ok(storage)
    }

    fn give_back(&self, storage: Storage) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(storage);
    }

    fn show(&self, log: &[LogLine]) {
        let name = self.plugin.name();
        for LogLine { level, message } in log {
            match level {
                Level::Error => tracing::error!(plugin.name = %name, "{name}: {message}"),
                Level::Warn => tracing::warn!(plugin.name = %name, "{name}: {message}"),
                Level::Info => tracing::info!(plugin.name = %name, "{name}: {message}"),
                _ => tracing::debug!(plugin.name = %name, "{name}: {message}"),
            }
        }
    }
}

impl fmt::Debug for StoragePool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StoragePool").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}
