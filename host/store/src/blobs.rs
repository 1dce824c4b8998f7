//! Files, in `blobs/ab/abcd...`, by the SHA-256 of what is in them.
//!
//! A file is spooled under another name on the same disk, where it is hashed as it is written, and synced. `object_store`
//! then renames it into its place and syncs the folders on both ends. Nothing is written twice, and a file in its place
//! is whole.
//!
//! Behind a storage adapter all that is the adapter's: see [`adapted`].
//!
//! A file is deleted when nothing refers to it. Between its end and its first reference it is *fresh*, and stays for that
//! long whatever becomes of others with the same content.

mod adapted;
mod copies;
mod fresh;
mod orphans;
mod place;
mod spool;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fedwit_domain::Digest;
use fedwit_domain::ports::{BlobError, BlobFile, BlobWriter, Blobs, Hold, StoredBlob};
use uuid::Uuid;

use crate::adapter::{AtRest, BlobAdapter, Scratch};
use crate::disk::Disk;
use adapted::Adapted;
use copies::Copies;
use fresh::Fresh;
use place::Place;
use spool::Spooling;

/// How long a file may be without a reference: much longer than anything takes from its end to its record.
const GRACE: Duration = Duration::from_secs(3600);

const SPOOL: &str = "spool";

/// Blobs in a folder of this machine.
pub(crate) struct LocalBlobs {
    kept: Kept,
    scratch: PathBuf,
    disk: Arc<Disk>,
}

/// Who keeps them.
#[derive(Clone)]
enum Kept {
    /// They lie in their places as they are.
    InPlace(Place),
    /// They lie as an adapter lays them.
    Adapted(Adapted),
}

/// An open storage adapter, and what it works with.
pub(crate) struct OpenedAdapter {
    pub(crate) name: String,
    pub(crate) adapter: Arc<dyn BlobAdapter>,
    pub(crate) instances: usize,
    pub(crate) at_rest: AtRest,
    pub(crate) copies_bytes: u64,
}

impl LocalBlobs {
    /// Blobs in a data folder, which exists, as is the scratch folder, which is empty.
    pub(crate) fn open(
        folder: &Path,
        scratch: Scratch,
        adapter: Option<OpenedAdapter>,
        disk: Arc<Disk>,
    ) -> Result<Self, BlobError> {
        let Scratch { spool, copies } = scratch;
        let kept = match adapter {
            None => Kept::InPlace(Place::open(folder)?),
            Some(OpenedAdapter { name, adapter, instances, at_rest, copies_bytes }) => {
                let copies = Copies::new(copies, copies_bytes);
                Kept::Adapted(Adapted::new(name, adapter, instances, at_rest, copies))
            }
        };
        Ok(Self { kept, scratch: spool, disk })
    }

    /// Files have got their references: they are fresh no longer, each once for each time that it was finished.
    pub(crate) fn claim(&self, blobs: &[Digest]) {
        self.kept.fresh().claim(blobs);
    }

    /// Deletes files that nothing refers to, but for those that are fresh.
    ///
    /// They are moved aside at once, so that whoever brings the same content meanwhile brings a file of its own; giving
    /// their bytes back to the disk takes longer, and nobody waits for it. A crash in between leaves nothing that the
    /// next start does not clear away.
    pub(crate) async fn discard(&self, blobs: Vec<Digest>) {
        let place = match &self.kept {
            Kept::InPlace(place) => place.clone(),
            Kept::Adapted(adapted) => return adapted.discard(blobs),
        };
        let scratch = self.scratch.clone();
        let moved = tokio::task::spawn_blocking(move || {
            let mut aside = Vec::new();
            for blob in blobs {
                let to = scratch.join(format!("deleted-{}", Uuid::new_v4()));
                match place.fresh.unless_fresh(&blob, || std::fs::rename(place.path(&blob), &to)) {
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

    /// Files that are so old that they cannot be fresh; of an adapter's, which says nothing of their age, all.
    pub(crate) async fn old(&self) -> Result<Vec<Digest>, BlobError> {
        self.kept.fresh().forget_expired();
        match &self.kept {
            Kept::InPlace(place) => {
                let folder = place.folder();
                blocking("blobs", move || orphans::older_than(&folder, GRACE)).await
            }
            Kept::Adapted(adapted) => adapted.all().await,
        }
    }
}

impl Kept {
    fn fresh(&self) -> &Fresh {
        match self {
            Self::InPlace(place) => &place.fresh,
            Self::Adapted(adapted) => adapted.fresh(),
        }
    }

    /// Takes a file that is spooled and synced, and makes it durable as a blob. It is fresh then.
    async fn take(&self, spooled: &Path, stored: StoredBlob) -> Result<(), BlobError> {
        match self {
            Self::InPlace(place) => place.take(spooled, stored).await,
            Self::Adapted(adapted) => adapted.take(spooled, stored).await,
        }
    }
}

#[async_trait]
impl Blobs for LocalBlobs {
    async fn begin(&self) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.disk.check()?;
        let path = self.scratch.join(format!("upload-{}", Uuid::new_v4()));
        Ok(Box::new(Spooling::begin(path, self.kept.clone(), Arc::clone(&self.disk)).await?))
    }

    async fn adopt(&self, file: &Path) -> Result<StoredBlob, BlobError> {
        self.disk.check()?;
        if file.parent() != Some(&self.scratch) {
            let error = std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not in the scratch folder");
            return Err(failed(file.display(), error));
        }
        let path = file.to_owned();
        let stored = blocking(file.display(), move || spool::hash_and_sync(&path)).await?;
        self.kept.take(file, stored).await?;
        Ok(stored)
    }

    fn scratch(&self) -> &Path {
        &self.scratch
    }

    async fn open(&self, digest: &Digest) -> Result<BlobFile, BlobError> {
        let place = match &self.kept {
            Kept::InPlace(place) => place,
            Kept::Adapted(adapted) => return adapted.open(digest).await,
        };
        let size_bytes = place.size_bytes(digest).await?.ok_or(BlobError::Missing(*digest))?;
        Ok(BlobFile { path: place.path(digest), size_bytes, hold: Hold::default() })
    }

    async fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        match &self.kept {
            Kept::InPlace(place) => place.remove(digest).await,
            Kept::Adapted(adapted) => adapted.remove(digest).await,
        }
    }
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
