//! How full the disk is, and what makes a change of a folder durable.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fedwit_domain::ports::BlobError;

/// Tells how many bytes are left on the disk that a folder is on.
pub type FreeSpace = Arc<dyn Fn(&Path) -> io::Result<u64> + Send + Sync>;

/// The disk that the data folder is on.
pub(crate) struct Disk {
    folder: PathBuf,
    mark_bytes: u64,
    free_space: FreeSpace,
}

impl Disk {
    pub(crate) fn new(folder: PathBuf, mark_bytes: u64, free_space: FreeSpace) -> Self {
        Self { folder, mark_bytes, free_space }
    }

    /// What the system says.
    pub(crate) fn system() -> FreeSpace {
        Arc::new(|folder| fs4::available_space(folder))
    }

    pub(crate) fn available_bytes(&self) -> io::Result<u64> {
        (self.free_space)(&self.folder)
    }

    /// Refuses below the mark. The rest is for what has been promised: records, models, the updates that are here.
    pub(crate) fn check(&self) -> Result<(), BlobError> {
        let available = self.available_bytes();
        let available_bytes =
            available.map_err(|error| BlobError::Io { what: "how full the disk is".to_owned(), error })?;
        let mark_bytes = self.mark_bytes;
        if available_bytes < mark_bytes { Err(BlobError::Full { available_bytes, mark_bytes }) } else { Ok(()) }
    }
}

/// Makes the names in a folder durable. Only Unix has folders that can be synced; elsewhere they need not be.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
