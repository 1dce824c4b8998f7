//! Where finished files lie.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fedwit_domain::Digest;
use fedwit_domain::ports::{BlobError, StoredBlob};
use object_store::ObjectStoreExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;

use super::fresh::Fresh;
use super::{SPOOL, blocking, failed};
use crate::disk::sync_folder;

const BLOBS: &str = "blobs";

/// The files in their places.
#[derive(Clone)]
pub(super) struct Place {
    files: Arc<LocalFileSystem>,
    data: PathBuf,
    pub(super) fresh: Arc<Fresh>,
}

impl Place {
    /// The files in a data folder.
    ///
    /// All folders are made beforehand, so that no upload has to make one durable.
    pub(super) fn open(data: &Path) -> Result<Self, BlobError> {
        let blobs = data.join(BLOBS);
        let make = || {
            for prefix in 0..=u8::MAX {
                std::fs::create_dir_all(blobs.join(format!("{prefix:02x}")))?;
            }
            sync_folder(&blobs)
        };
        make().map_err(|error| failed(blobs.display(), error))?;
        let files = LocalFileSystem::new_with_prefix(data).map_err(|error| object_error("blobs", error))?;
        Ok(Self { files: Arc::new(files.with_fsync(true)), data: data.to_owned(), fresh: Arc::default() })
    }

    /// The folder that all are in.
    pub(super) fn folder(&self) -> PathBuf {
        self.data.join(BLOBS)
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder().join(&name[..2]).join(&name)
    }

    pub(super) async fn size_bytes(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        match self.files.head(&location(digest)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(object_error(digest, error)),
        }
    }

    pub(super) async fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        match self.files.delete(&location(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(object_error(digest, error)),
        }
    }

    /// Takes a file that is spooled and synced, and makes its name durable. It is fresh then.
    pub(super) async fn take(&self, spooled: &Path, stored: StoredBlob) -> Result<(), BlobError> {
        // First, so that nobody deletes the file that is there already, or the one that comes.
        self.fresh.add(stored.digest);
        let taken = self.rename(spooled, stored).await;
        if taken.is_err() {
            self.fresh.claim(&[stored.digest]);
        }
        taken
    }

    async fn rename(&self, spooled: &Path, stored: StoredBlob) -> Result<(), BlobError> {
        let StoredBlob { digest, size_bytes } = stored;
        if self.size_bytes(&digest).await? == Some(size_bytes) {
            let (spooled, path) = (spooled.to_owned(), self.path(&digest));
            let drop_spooled = move || {
                // Whoever has put the other there may not have come as far as this.
                path.parent().map_or(Ok(()), sync_folder)?;
                std::fs::remove_file(spooled)
            };
            return blocking(digest, drop_spooled).await;
        }
        let name = spooled.file_name().unwrap_or_default().to_string_lossy();
        let spooled = Location::from_iter([SPOOL, &name]);
        self.files.rename(&spooled, &location(&digest)).await.map_err(|error| object_error(digest, error))
    }
}

fn location(digest: &Digest) -> Location {
    let name = digest.to_string();
    Location::from_iter([BLOBS, &name[..2], &name])
}

fn object_error(what: impl std::fmt::Display, error: object_store::Error) -> BlobError {
    failed(what, std::io::Error::other(error))
}
