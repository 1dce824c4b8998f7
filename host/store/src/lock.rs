//! A data folder has one owner.

use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::OpenError;

/// The folder's lock. The system gives it up when the process ends, however it ends, so there is nothing to clear away.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or says that somebody else has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join("lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(|error| OpenError::Io { what: "opening", path: path.clone(), error })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::Locked(folder.to_owned())),
            Err(std::fs::TryLockError::Error(error)) => Err(OpenError::Io { what: "locking", path, error }),
        }
    }
}
