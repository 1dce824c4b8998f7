//! Files, in `blobs/ab/abcd...` by the SHA-256 of what is in them.
//!
//! `object_store` writes them, with `fsync`: a file is spooled under another name on the same disk, synced, and renamed
//! into its place, and the folders on both ends are synced. Nothing is written twice, and a file in its place is whole.
//!
//! A file is deleted when nothing refers to it. Between its end and its first reference it is *fresh*, and stays for that
//! long whatever becomes of others with the same content.

mod fresh;
mod orphans;
mod spool;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fedwit_domain::Digest;
use fedwit_domain::ports::{BlobError, BlobFile, BlobWriter, Blobs, StoredBlob};
use object_store::ObjectStoreExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use uuid::Uuid;

use crate::disk::Disk;
use fresh::Fresh;
use spool::Spooling;

/// How long a file may be without a reference: much longer than anything takes from its end to its record.
const GRACE: Duration = Duration::from_secs(3600);

const BLOBS: &str = "blobs";
const SPOOL: &str = "spool";

/// Blobs in a folder of this machine.
pub(crate) struct LocalBlobs {
    files: Arc<LocalFileSystem>,
    folder: PathBuf,
    scratch: PathBuf,
    disk: Arc<Disk>,
    fresh: Arc<Fresh>,
}

impl LocalBlobs {
    /// Blobs in a data folder, which exists. What was not finished there is dropped.
    pub(crate) fn open(folder: &Path, disk: Arc<Disk>) -> Result<Self, BlobError> {
        let scratch = folder.join(SPOOL);
        match std::fs::remove_dir_all(&scratch) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(scratch.display(), error)),
        }
        for made in [&scratch, &folder.join(BLOBS)] {
            std::fs::create_dir_all(made).map_err(|error| failed(made.display(), error))?;
        }
        let files = LocalFileSystem::new_with_prefix(folder).map_err(|error| object_error("blobs", error))?;
        let (files, fresh) = (Arc::new(files.with_fsync(true)), Arc::default());
        Ok(Self { files, folder: folder.to_owned(), scratch, disk, fresh })
    }

    /// Files have got their references: they are fresh no longer, each once for each time that it was finished.
    pub(crate) fn claim(&self, blobs: &[Digest]) {
        self.fresh.claim(blobs);
    }

    /// Deletes files that nothing refers to, but for those that are fresh.
    ///
    /// They are moved aside at once, so that whoever brings the same content meanwhile brings a file of its own; giving
    /// their bytes back to the disk takes longer, and nobody waits for it. A crash in between leaves nothing that the
    /// next start does not clear away.
    pub(crate) async fn discard(&self, blobs: Vec<Digest>) {
        let (fresh, folder, scratch) = (Arc::clone(&self.fresh), self.folder.clone(), self.scratch.clone());
        let moved = tokio::task::spawn_blocking(move || {
            let mut aside = Vec::new();
            for blob in blobs {
                let to = scratch.join(format!("deleted-{}", Uuid::new_v4()));
                match fresh.unless_fresh(&blob, || std::fs::rename(path(&folder, &blob), &to)) {
                    Some(Ok(())) => aside.push(to),
                    Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                        tracing::warn!(blob.digest = %blob, %error, "a blob that nothing refers to cannot be deleted");
                    }
                    Some(Err(_)) | None => {}
                }
            }
            aside
        });
        match moved.await {
            Ok(aside) => drop(tokio::task::spawn_blocking(move || delete(&aside))),
            Err(error) => tracing::warn!(%error, "blobs that nothing refers to are not deleted yet"),
        }
    }

    /// Files that are so old that they cannot be fresh.
    pub(crate) async fn old(&self) -> Result<Vec<Digest>, BlobError> {
        self.fresh.forget_expired();
        let folder = self.folder.join(BLOBS);
        blocking("blobs", move || orphans::older_than(&folder, GRACE)).await
    }
}

#[async_trait]
impl Blobs for LocalBlobs {
    async fn begin(&self) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.disk.check()?;
        let path = self.scratch.join(format!("upload-{}", Uuid::new_v4()));
        Ok(Box::new(Spooling::begin(path, self.place.clone(), Arc::clone(&self.disk)).await?))
    }

    async fn adopt(&self, file: &Path) -> Result<StoredBlob, BlobError> {
        self.disk.check()?;
        if file.parent() != Some(&self.scratch) {
            let error = std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not in the scratch folder");
            return Err(failed(file.display(), error));
        }
        let path = file.to_owned();
        let stored = blocking(file.display(), move || spool::hash_and_sync(&path)).await?;
        self.place.take(file, stored).await?;
        Ok(stored)
    }

    fn scratch(&self) -> &Path {
        &self.scratch
    }

    async fn open(&self, digest: &Digest) -> Result<BlobFile, BlobError> {
        let path = path(&self.folder, digest);
        match self.files.head(&location(digest)).await {
            Ok(meta) => Ok(BlobFile { path, size_bytes: meta.size }),
            Err(object_store::Error::NotFound { .. }) => Err(BlobError::Missing(*digest)),
            Err(error) => Err(object_error(digest, error)),
        }
    }

    async fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        match self.files.delete(&location(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(object_error(digest, error)),
        }
    }
}

/// Where a finished file goes.
struct Place {
    files: Arc<LocalFileSystem>,
    folder: PathBuf,
    fresh: Arc<Fresh>,
}

impl Place {
    /// Renames a spooled and synced file to its place, and makes its name durable. It is fresh then.
    async fn take(&self, spooled: &Location, stored: StoredBlob) -> Result<(), BlobError> {
        // First, so that nobody deletes the file that is there already, or the one that comes.
        self.fresh.add(stored.digest);
        let taken = self.rename(spooled, stored).await;
        if taken.is_err() {
            self.fresh.claim(&[stored.digest]);
            // What is wrong has been said; the next start clears it away in any case.
            let _ = self.files.delete(spooled).await;
        }
        taken
    }

    async fn rename(&self, spooled: &Location, stored: StoredBlob) -> Result<(), BlobError> {
        let place = location(&stored.digest);
        let there = self.files.head(&place).await;
        if there.is_ok_and(|meta| meta.size == stored.size_bytes) {
            self.files.delete(spooled).await.map_err(|error| object_error(stored.digest, error))?;
            // Whoever has put it there may not have come as far as this.
            let path = path(&self.folder, &stored.digest);
            let sync = move || path.parent().map_or(Ok(()), crate::disk::sync_folder);
            return blocking(stored.digest, sync).await;
        }
        self.files.rename(spooled, &place).await.map_err(|error| object_error(stored.digest, error))
    }
}

fn location(digest: &Digest) -> Location {
    let name = digest.to_string();
    Location::from_iter([BLOBS, &name[..2], &name])
}

fn path(folder: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    folder.join(BLOBS).join(&name[..2]).join(&name)
}

fn delete(files: &[PathBuf]) {
    for file in files {
        if let Err(error) = std::fs::remove_file(file) {
            tracing::warn!(path = %file.display(), %error, "a file cannot be deleted; the next start tries again");
        }
    }
}

/// Runs what waits for the disk, or computes for long, where nobody else waits for it.
async fn blocking<T: Send + 'static>(
    what: impl Display,
    run: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(run).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    done.map_err(|error| failed(what, error))
}

fn failed(what: impl Display, error: std::io::Error) -> BlobError {
    BlobError::Io { what: format!("{what}"), error }
}

fn object_error(what: impl Display, error: object_store::Error) -> BlobError {
    failed(what, std::io::Error::other(error))
}
