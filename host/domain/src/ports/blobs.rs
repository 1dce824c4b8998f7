//! Files, addressed by what is in them.

use std::any::Any;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

use crate::Digest;

/// Keeps files that never change, under the SHA-256 of their content.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Begins a file that comes in pieces.
    ///
    /// # Errors
    /// [`BlobError::Full`] below the low-disk mark; [`BlobError::Io`].
    async fn begin(&self) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Takes over a file that was written into the [`scratch`](Self::scratch) folder. Durable once it returns.
    ///
    /// # Errors
    /// [`BlobError::Full`] below the low-disk mark; [`BlobError::Adapter`]; [`BlobError::Io`].
    async fn adopt(&self, file: &Path) -> Result<StoredBlob, BlobError>;

    /// A folder for files that are made here. It is emptied when the server starts.
    fn scratch(&self) -> &Path;

    /// A file to read from.
    ///
    /// # Errors
    /// [`BlobError::Missing`]; [`BlobError::Damaged`]; [`BlobError::Adapter`]; [`BlobError::Io`].
    async fn open(&self, digest: &Digest) -> Result<BlobFile, BlobError>;

    /// Removes a file. That it is not there is no error.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    async fn remove(&self, digest: &Digest) -> Result<(), BlobError>;
}

/// A file that comes in pieces. Dropped before its end, it leaves nothing behind.
#[async_trait]
pub trait BlobWriter: Send {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`BlobError::Full`] below the low-disk mark; [`BlobError::Io`].
    async fn write(&mut self, piece: Bytes) -> Result<(), BlobError>;

    /// Bytes so far.
    fn written(&self) -> u64;

    /// Makes the file, its name and its folder durable.
    ///
    /// # Errors
    /// [`BlobError::Adapter`]; [`BlobError::Io`].
    async fn finish(self: Box<Self>) -> Result<StoredBlob, BlobError>;
}

/// A file that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its SHA-256.
    pub digest: Digest,
    /// Its length in bytes.
    pub size_bytes: u64,
}

/// A file to read from.
#[derive(Clone, Debug)]
pub struct BlobFile {
    /// Where it lies. Never write there.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Keeps it there. Only what was opened or mapped in the meantime outlasts this.
    pub hold: Hold,
}

/// What keeps a file in its place for as long as it is not dropped. Most files need nothing of the kind.
#[derive(Clone, Default)]
pub struct Hold {
    /// Only its end is of interest.
    _by: Option<Arc<dyn Any + Send + Sync>>,
}

impl Hold {
    /// A file that may be gone once all clones of this are dropped.
    #[must_use]
    pub fn by(by: Arc<dyn Any + Send + Sync>) -> Self {
        Self { _by: Some(by) }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hold")
    }
}

/// Why a file could not be kept or read.
#[derive(Debug, Error)]
pub enum BlobError {
    /// There is no such file.
    #[error("there is no blob {0}")]
    Missing(Digest),
    /// The disk is nearly full, and what is kept needs the rest.
    #[error("the disk has {available_bytes} bytes left, and takes no more below {mark_bytes}")]
    Full {
        /// What is left.
        available_bytes: u64,
        /// The mark.
        mark_bytes: u64,
    },
    /// What is kept is not what was given.
    #[error("blob {0} is damaged: what is read in its place has another SHA-256")]
    Damaged(Digest),
    /// The storage adapter said no, or broke.
    #[error("blob {what}: storage adapter `{adapter}`: {problem}")]
    Adapter {
        /// The blob, or what was done.
        what: String,
        /// The adapter's name.
        adapter: String,
        /// What it says.
        problem: String,
    },
    /// The disk failed.
    #[error("blob {what}: {error}")]
    Io {
        /// The blob, or what was done.
        what: String,
        /// What the system says.
        #[source]
        error: std::io::Error,
    },
}

pub(super) mod fake {
    use std::collections::hash_map::DefaultHasher;
    use std::collections::{BTreeMap, BTreeSet};
    use std::hash::{Hash, Hasher};
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use async_trait::async_trait;
    use bytes::Bytes;

    use super::{BlobError, BlobFile, BlobWriter, Blobs, Hold, StoredBlob};
    use crate::Digest;

    /// Files in a folder of the test's. A crash drops those that nobody has finished; and so that a test can tell,
    /// those that are finished in the folder `durable` are all that is there afterwards.
    pub struct FakeBlobs {
        folder: PathBuf,
        scratch: PathBuf,
        durable: Arc<Mutex<BTreeMap<Digest, Vec<u8>>>>,
        removed: Mutex<BTreeSet<Digest>>,
    }

    impl FakeBlobs {
        /// Keeps files in a folder that exists, and is empty.
        ///
        /// # Errors
        /// What the system says.
        pub fn in_folder(folder: &Path) -> std::io::Result<Self> {
            let scratch = folder.join("scratch");
            std::fs::create_dir_all(&scratch)?;
            Ok(Self { folder: folder.to_owned(), scratch, durable: Arc::default(), removed: Mutex::default() })
        }

        /// Which files are durable.
        #[must_use]
        pub fn durable(&self) -> BTreeSet<Digest> {
            locked(&self.durable).keys().copied().collect()
        }

        /// Everything that is not durable is gone.
        ///
        /// # Errors
        /// What the system says.
        pub fn crash(&self) -> std::io::Result<()> {
            std::fs::remove_dir_all(&self.folder)?;
            std::fs::create_dir_all(&self.scratch)?;
            for (digest, content) in &*locked(&self.durable) {
                std::fs::write(self.folder.join(digest.to_string()), content)?;
            }
            Ok(())
        }

        fn keep(&self, content: Vec<u8>) -> Result<StoredBlob, BlobError> {
            let stored = StoredBlob { digest: digest(&content), size_bytes: content.len() as u64 };
            let mut durable = locked(&self.durable);
            // A file that is in its place is never written again: somebody may be reading it.
            if let std::collections::btree_map::Entry::Vacant(place) = durable.entry(stored.digest) {
                let path = self.folder.join(stored.digest.to_string());
                std::fs::write(path, &content).map_err(|error| io(&stored.digest, error))?;
                place.insert(content);
            }
            Ok(stored)
        }
    }

    struct Writer {
        content: Vec<u8>,
        folder: PathBuf,
        durable: Arc<Mutex<BTreeMap<Digest, Vec<u8>>>>,
    }

    #[async_trait]
    impl BlobWriter for Writer {
        async fn write(&mut self, piece: Bytes) -> Result<(), BlobError> {
            self.content.extend_from_slice(&piece);
            Ok(())
        }

        fn written(&self) -> u64 {
            self.content.len() as u64
        }

        async fn finish(self: Box<Self>) -> Result<StoredBlob, BlobError> {
            let Self { content, folder, durable } = *self;
            let blobs = FakeBlobs { scratch: folder.join("scratch"), folder, durable, removed: Mutex::default() };
            blobs.keep(content)
        }
    }

    #[async_trait]
    impl Blobs for FakeBlobs {
        async fn begin(&self) -> Result<Box<dyn BlobWriter>, BlobError> {
            let (folder, durable) = (self.folder.clone(), Arc::clone(&self.durable));
            Ok(Box::new(Writer { content: Vec::new(), folder, durable }))
        }

        async fn adopt(&self, file: &Path) -> Result<StoredBlob, BlobError> {
            let content = std::fs::read(file).map_err(|error| io(&file.display(), error))?;
            std::fs::remove_file(file).map_err(|error| io(&file.display(), error))?;
            self.keep(content)
        }

        fn scratch(&self) -> &Path {
            &self.scratch
        }

        async fn open(&self, digest: &Digest) -> Result<BlobFile, BlobError> {
            let blobs = locked(&self.durable);
            let content = blobs.get(digest).ok_or(BlobError::Missing(*digest))?;
            let path = self.folder.join(digest.to_string());
            Ok(BlobFile { path, size_bytes: content.len() as u64, hold: Hold::default() })
        }

        async fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
            locked(&self.durable).remove(digest);
            locked(&self.removed).insert(*digest);
            Ok(())
        }
    }

    /// Not SHA-256, but as good in a test, and this crate needs no hash function otherwise.
    fn digest(content: &[u8]) -> Digest {
        let mut bytes = [0; 32];
        for (round, part) in bytes.chunks_mut(8).enumerate() {
            let mut hasher = DefaultHasher::new();
            (round, content).hash(&mut hasher);
            part.copy_from_slice(&hasher.finish().to_le_bytes());
        }
        Digest::from_bytes(bytes)
    }

    fn io(what: &impl ToString, error: std::io::Error) -> BlobError {
        BlobError::Io { what: what.to_string(), error }
    }

    fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
