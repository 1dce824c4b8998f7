//! Blobs behind a storage adapter.
//!
//! A file comes in as it would without one: spooled, hashed and synced. Then the adapter puts it under `blobs/ab/abcd...`, and
//! only when it has, the file is answered for. On the way back the adapter hands over either the very file that lies at rest,
//! or another, which becomes a working copy. Either is hashed before it is read for the first time: a blob that has another
//! SHA-256 than its name is an error, whoever is to blame.
//!
//! One thing at a time happens to a blob, and so many to all as the adapter has instances. A blob that nothing refers to is
//! *doomed*: nobody waits until the adapter has removed it, and whoever brings the same content in the meantime has it put
//! anew.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fedwit_domain::Digest;
use fedwit_domain::ports::{BlobError, BlobFile, Hold, StoredBlob};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::copies::Copies;
use super::fresh::Fresh;
use super::spool;
use crate::adapter::{AdapterError, AtRest, BlobAdapter, BlobBytes, RestFile};

/// How long a blob waits for its turn: an adapter that encrypts reads each several times.
const TURN: Duration = Duration::from_secs(300);
/// Keys that are asked for at once.
const PAGE: u32 = 1000;
const BLOBS: &str = "blobs/";

/// Blobs behind an adapter. Cheap to clone.
#[derive(Clone)]
pub(super) struct Adapted {
    shared: Arc<Shared>,
    turns: Arc<Semaphore>,
    /// One for each first byte of a digest.
    places: Arc<Vec<Arc<tokio::sync::Mutex<()>>>>,
}

struct Shared {
    name: String,
    adapter: Arc<dyn BlobAdapter>,
    at_rest: AtRest,
    copies: Arc<Copies>,
    fresh: Arc<Fresh>,
    known: Mutex<Known>,
}

/// What is known of blobs, since the server was started.
#[derive(Default)]
struct Known {
    /// Those that the adapter has, and the files that they lie in as they are.
    there: HashMap<Digest, Option<Whole>>,
    /// Those that are about to be removed.
    doomed: HashSet<Digest>,
}

/// A file at rest that was found to be its blob.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Whole {
    path: PathBuf,
    size_bytes: u64,
    changed: SystemTime,
}

/// The right to have something done with a blob.
struct Turn {
    _place: OwnedMutexGuard<()>,
    _permit: OwnedSemaphorePermit,
}

impl Adapted {
    pub(super) fn new(
        name: String,
        adapter: Arc<dyn BlobAdapter>,
        instances: usize,
        at_rest: AtRest,
        copies: Arc<Copies>,
    ) -> Self {
        let shared = Shared { name, adapter, at_rest, copies, fresh: Arc::default(), known: Mutex::default() };
        Self {
            shared: Arc::new(shared),
            turns: Arc::new(Semaphore::new(instances.max(1))),
            places: Arc::new((0..=u8::MAX).map(|_| Arc::default()).collect()),
        }
    }

    pub(super) fn fresh(&self) -> &Fresh {
        &self.shared.fresh
    }

    /// Takes a file that is spooled and synced, and has the adapter put it. It is fresh then.
    pub(super) async fn take(&self, spooled: &Path, stored: StoredBlob) -> Result<(), BlobError> {
        // First, so that nobody dooms the blob that is there already, or the one that comes.
        self.shared.fresh.add(stored.digest);
        let spooled = spooled.to_owned();
        let taken = self.with(stored.digest, move |shared| shared.put(&spooled, stored)).await;
        if taken.is_err() {
            self.shared.fresh.claim(&[stored.digest]);
        }
        taken
    }

    /// A file with the blob as it was.
    pub(super) async fn open(&self, digest: &Digest) -> Result<BlobFile, BlobError> {
        if let Some(file) = self.shared.at_hand(digest) {
            return Ok(file);
        }
        let digest = *digest;
        self.with(digest, move |shared| match shared.at_hand(&digest) {
            Some(file) => Ok(file),
            None => shared.get(&digest),
        })
        .await
    }

    pub(super) async fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        let digest = *digest;
        self.with(digest, move |shared| shared.remove(&digest)).await
    }

    /// Dooms blobs that nothing refers to, but for those that are fresh. Nobody waits until they are gone. A crash before
    /// that leaves nothing that the next collection does not find.
    pub(super) fn discard(&self, blobs: Vec<Digest>) {
        let doom = |blob: &Digest| {
            let doomed = self.shared.fresh.unless_fresh(blob, || self.shared.doom(blob));
            doomed.is_some()
        };
        let doomed: Vec<Digest> = blobs.into_iter().filter(doom).collect();
        let adapted = self.clone();
        tokio::spawn(async move {
            for blob in doomed {
                let removed = adapted.with(blob, move |shared| shared.remove_doomed(&blob)).await;
                if let Err(error) = removed {
                    tracing::warn!(blob.digest = %blob, %error, "a blob that nothing refers to cannot be removed: {error}");
                }
            }
        });
    }

    /// All that the adapter has. What has come in since the start is fresh, so that none of it is too young to be looked at.
    pub(super) async fn all(&self) -> Result<Vec<Digest>, BlobError> {
        let permit = self.permit(&"all").await?;
        let shared = Arc::clone(&self.shared);
        run(move || {
            let _permit = permit;
            shared.all()
        })
        .await
    }

    /// Does something with a blob when it is its turn, where waiting holds up nobody else. It is done to its end even if
    /// nobody waits for it any more.
    async fn with<T: Send + 'static>(
        &self,
        digest: Digest,
        act: impl FnOnce(&Shared) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let place = Arc::clone(&self.places[usize::from(digest.as_bytes()[0])]);
        let waited = tokio::time::timeout(TURN, place.lock_owned()).await;
        let place = waited.map_err(|_| self.shared.busy(&digest))?;
        let turn = Turn { _place: place, _permit: self.permit(&digest).await? };
        let shared = Arc::clone(&self.shared);
        run(move || {
            let _turn = turn;
            act(&shared)
        })
        .await
    }

    async fn permit(&self, what: &(dyn Display + Sync)) -> Result<OwnedSemaphorePermit, BlobError> {
        match tokio::time::timeout(TURN, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(self.shared.busy(what)),
        }
    }
}

async fn run<T: Send + 'static>(act: impl FnOnce() -> Result<T, BlobError> + Send + 'static) -> Result<T, BlobError> {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|error| {
        Err(BlobError::Io { what: "a storage adapter's work".to_owned(), error: std::io::Error::other(error) })
    })
}

impl Shared {
    fn put(&self, spooled: &Path, stored: StoredBlob) -> Result<(), BlobError> {
        let StoredBlob { digest, .. } = stored;
        let io = |error| super::failed(digest, error);
        // Whoever doomed it did not know that it comes again.
        let doomed = self.known().doomed.remove(&digest);
        if !doomed && self.known().there.contains_key(&digest) {
            return std::fs::remove_file(spooled).map_err(io);
        }
        let file = RestFile::open(spooled).map_err(io)?;
        self.adapter.put(&key(&digest), Arc::new(file)).map_err(|error| self.failed(&digest, &error))?;
        self.known().there.insert(digest, None);
        if has_other_name(spooled) {
            // It lies at rest as it is, and was hashed when it came in.
            let whole = self.whole(&digest, spooled);
            self.known().there.insert(digest, whole);
            return std::fs::remove_file(spooled).map_err(io);
        }
        // It is going to be read soon, and is already here.
        match self.copies.add(spooled, stored) {
            Ok(_) => Ok(()),
            // The folder for copies may be on another disk, or full: it is kept, and that is what counts.
            Err(_) => std::fs::remove_file(spooled).map_err(io),
        }
    }

    /// Where a blob lies at rest, if that is this very file.
    fn whole(&self, digest: &Digest, spooled: &Path) -> Option<Whole> {
        let blob = self.adapter.get(&key(digest)).ok()??;
        let path = blob.file().filter(|path| self.at_rest.has(path) && is_same_file(path, spooled))?;
        Whole::at(path).ok()
    }

    /// A file that needs no adapter to be found.
    fn at_hand(&self, digest: &Digest) -> Option<BlobFile> {
        let known = self.known();
        if known.doomed.contains(digest) {
            return None;
        }
        if let Some(Some(whole)) = known.there.get(digest)
            && Whole::at(&whole.path).is_ok_and(|now| now == *whole)
        {
            return Some(whole.file());
        }
        drop(known);
        self.copies.hold(digest)
    }

    fn get(&self, digest: &Digest) -> Result<BlobFile, BlobError> {
        if self.known().doomed.contains(digest) {
            return Err(BlobError::Missing(*digest));
        }
        let found = self.adapter.get(&key(digest)).map_err(|error| self.failed(&digest, &error))?;
        let blob = found.ok_or(BlobError::Missing(*digest))?;
        let io = |error| super::failed(digest, error);
        match blob.file().filter(|path| self.at_rest.has(path)) {
            Some(path) => {
                let whole = Whole::at(path).map_err(io)?;
                self.check(digest, spool::hash(path).map_err(io)?)?;
                let file = whole.file();
                self.known().there.insert(*digest, Some(whole));
                Ok(file)
            }
            None => {
                let draft = Draft(self.copies.folder().join(format!("draft-{}", Uuid::new_v4())));
                self.check(digest, copy(&*blob, &draft.0).map_err(io)?)?;
                let stored = StoredBlob { digest: *digest, size_bytes: blob.size() };
                let file = self.copies.add(&draft.0, stored).map_err(io)?;
                self.known().there.insert(*digest, None);
                Ok(file)
            }
        }
    }

    fn check(&self, digest: &Digest, found: StoredBlob) -> Result<(), BlobError> {
        if found.digest == *digest {
            return Ok(());
        }
        tracing::error!(
            blob.digest = %digest, found.digest = %found.digest, plugin.name = %self.name,
            "blob {digest} is damaged: storage adapter `{}` gives a file of another SHA-256", self.name
        );
        Err(BlobError::Damaged(*digest))
    }

    fn doom(&self, digest: &Digest) {
        let mut known = self.known();
        known.doomed.insert(*digest);
        known.there.remove(digest);
    }

    fn remove_doomed(&self, digest: &Digest) -> Result<(), BlobError> {
        // Whoever brings it from here on waits for this to be over.
        if !self.known().doomed.contains(digest) {
            return Ok(());
        }
        let removed = self.remove(digest);
        // If it could not be removed, it is an orphan like any other.
        self.known().doomed.remove(digest);
        removed
    }

    fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        self.known().there.remove(digest);
        self.copies.remove(digest);
        self.adapter.remove(&key(digest)).map_err(|error| self.failed(&digest, &error))
    }

    fn all(&self) -> Result<Vec<Digest>, BlobError> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.adapter.keys(BLOBS, after.as_deref(), PAGE).map_err(|error| self.failed(&"all", &error))?;
            let Some(last) = page.last() else { return Ok(all) };
            if after.as_ref().is_some_and(|after| last <= after) {
                return Err(self.failed(&"all", &"its pages of keys do not go forward".into()));
            }
            // What is under a key that is no blob's is not the store's to collect.
            all.extend(page.iter().filter_map(|listed| {
                let digest = listed.rsplit('/').next()?.parse().ok()?;
                (key(&digest) == *listed).then_some(digest)
            }));
            after = Some(last.clone());
        }
    }

    fn failed(&self, what: &dyn Display, error: &AdapterError) -> BlobError {
        BlobError::Adapter { what: what.to_string(), adapter: self.name.clone(), problem: error.to_string() }
    }

    fn busy(&self, what: &dyn Display) -> BlobError {
        let problem = format!("it is busy with others, and did not come to this one in {} s", TURN.as_secs());
        BlobError::Adapter { what: what.to_string(), adapter: self.name.clone(), problem }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Whole {
    fn at(path: &Path) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), size_bytes: metadata.len(), changed: metadata.modified()? })
    }

    fn file(&self) -> BlobFile {
        BlobFile { path: self.path.clone(), size_bytes: self.size_bytes, hold: Hold::default() }
    }
}

/// A file that is removed unless it was renamed.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "a file cannot be deleted; the next start tries again");
        }
    }
}

/// Has a blob in a file of its own, and says what is in it.
fn copy(blob: &dyn BlobBytes, to: &Path) -> std::io::Result<StoredBlob> {
    // What the adapter wrote for this is gone with its handle; a second name keeps it.
    let linked = blob.file().is_some_and(|file| std::fs::hard_link(file, to).is_ok());
    if !linked {
        let mut file = std::fs::File::create_new(to)?;
        crate::adapter::copy(blob, |chunk| std::io::Write::write_all(&mut file, chunk))?;
    }
    spool::hash(to)
}

/// Whether a file has another name as well.
#[cfg(unix)]
fn has_other_name(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(path).is_ok_and(|metadata| metadata.nlink() > 1)
}

/// Whether two names are of one file.
#[cfg(unix)]
fn is_same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let file = |path: &Path| std::fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    file(one).is_some_and(|one| file(other) == Some(one))
}

#[cfg(not(unix))]
fn has_other_name(_: &Path) -> bool {
    false
}

#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &Path) -> bool {
    false
}

fn key(digest: &Digest) -> String {
    let name = digest.to_string();
    format!("{BLOBS}{}/{name}", &name[..2])
}
