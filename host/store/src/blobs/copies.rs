//! Working copies of blobs that lie at rest in another way than they are read.
//!
//! Models and updates are mapped and sent from files, so what an adapter gives has to be one. Copies are kept while there is
//! room, since most blobs are read soon after they came in, and several times. The one that was used longest ago goes first,
//! and none as long as somebody holds it; what was opened or mapped outlasts its name.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fedwit_domain::Digest;
use fedwit_domain::ports::{BlobFile, Hold, StoredBlob};

/// The copies in a folder.
pub(super) struct Copies {
    folder: PathBuf,
    /// What all that nobody holds may have together.
    most_bytes: u64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    copies: HashMap<Digest, Copy>,
    bytes: u64,
    /// Grows with every use.
    uses: u64,
}

struct Copy {
    size_bytes: u64,
    /// Which copy of the blob it is, should there have been others.
    made: u64,
    holders: usize,
    /// When it was used last.
    used: u64,
}

/// Somebody who holds a copy.
struct Holder {
    copies: Arc<Copies>,
    digest: Digest,
    made: u64,
}

impl Copies {
    pub(super) fn new(folder: PathBuf, most_bytes: u64) -> Arc<Self> {
        Arc::new(Self { folder, most_bytes, kept: Mutex::default() })
    }

    /// For files on their way to become copies.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The copy of a blob, which is held from now on.
    pub(super) fn hold(self: &Arc<Self>, digest: &Digest) -> Option<BlobFile> {
        let mut kept = self.kept();
        kept.uses += 1;
        let used = kept.uses;
        let copy = kept.copies.get_mut(digest)?;
        copy.holders += 1;
        copy.used = used;
        let holder = Holder { copies: Arc::clone(self), digest: *digest, made: copy.made };
        Some(BlobFile { path: self.path(digest), size_bytes: copy.size_bytes, hold: Hold::by(Arc::new(holder)) })
    }

    /// Takes a file for the copy of a blob, and holds it until the answer is dropped.
    pub(super) fn add(self: &Arc<Self>, file: &Path, blob: StoredBlob) -> io::Result<BlobFile> {
        let StoredBlob { digest, size_bytes } = blob;
        let mut kept = self.kept();
        // Two who made the same copy made it of the same bytes.
        std::fs::rename(file, self.path(&digest))?;
        kept.uses += 1;
        let used = kept.uses;
        let (made, holders) = match kept.copies.remove(&digest) {
            Some(before) => {
                kept.bytes -= before.size_bytes;
                (before.made, before.holders + 1)
            }
            None => (used, 1),
        };
        kept.copies.insert(digest, Copy { size_bytes, made, holders, used });
        kept.bytes += size_bytes;
        let holder = Holder { copies: Arc::clone(self), digest, made };
        self.make_room(&mut kept);
        Ok(BlobFile { path: self.path(&digest), size_bytes, hold: Hold::by(Arc::new(holder)) })
    }

    /// Lets go of a blob's copy: there is no such blob any more.
    pub(super) fn remove(&self, digest: &Digest) {
        let mut kept = self.kept();
        if let Some(copy) = kept.copies.remove(digest) {
            kept.bytes -= copy.size_bytes;
            self.delete(digest);
        }
    }

    fn release(&self, digest: &Digest, made: u64) {
        let mut kept = self.kept();
        if let Some(copy) = kept.copies.get_mut(digest).filter(|copy| copy.made == made) {
            copy.holders = copy.holders.saturating_sub(1);
        }
        self.make_room(&mut kept);
    }

    fn make_room(&self, kept: &mut Kept) {
        while kept.bytes > self.most_bytes {
            let free = kept.copies.iter().filter(|(_, copy)| copy.holders == 0);
            let Some((digest, size_bytes)) =
                free.min_by_key(|(_, copy)| copy.used).map(|(digest, copy)| (*digest, copy.size_bytes))
            else {
                return;
            };
            kept.copies.remove(&digest);
            kept.bytes -= size_bytes;
            self.delete(&digest);
        }
    }

    fn delete(&self, digest: &Digest) {
        let path = self.path(digest);
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "a working copy cannot be deleted; the next start tries again");
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.copies.release(&self.digest, self.made);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    struct Folder(tempfile::TempDir, Arc<Copies>);

    impl Folder {
        fn new(most_bytes: u64) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let copies = Copies::new(folder.path().to_owned(), most_bytes);
            Self(folder, copies)
        }

        fn add(&self, name: u8, bytes: usize) -> BlobFile {
            let draft = self.0.path().join("draft");
            std::fs::write(&draft, vec![name; bytes]).unwrap();
            self.1.add(&draft, StoredBlob { digest: digest(name), size_bytes: bytes as u64 }).unwrap()
        }

        fn there(&self) -> Vec<u8> {
            let there = |name: &u8| self.0.path().join(digest(*name).to_string()).exists();
            (0..10).filter(there).collect()
        }
    }

    fn digest(name: u8) -> Digest {
        Digest::from_bytes([name; 32])
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let folder = Folder::new(30);
        for name in 1..=3 {
            drop(folder.add(name, 10));
        }
        drop(folder.1.hold(&digest(1)).unwrap());
        drop(folder.add(4, 10));
        assert_eq!(folder.there(), [1, 3, 4]);
        drop(folder.add(5, 20));
        assert_eq!(folder.there(), [4, 5]);
        assert!(folder.1.hold(&digest(1)).is_none());
    }

    #[test]
    fn none_goes_as_long_as_somebody_holds_it() {
        let folder = Folder::new(10);
        let (first, second) = (folder.add(1, 10), folder.add(2, 10));
        let again = folder.1.hold(&digest(1)).unwrap();
        assert_eq!(folder.there(), [1, 2], "there is more than there should be, but it is in use");
        drop(first);
        assert_eq!(folder.there(), [1, 2]);
        drop(again);
        assert_eq!(folder.there(), [2], "as soon as it can go it is gone");
        assert_eq!(std::fs::read(&second.path).unwrap(), [2; 10]);
        let replaced = folder.add(2, 10);
        drop(second);
        assert_eq!((folder.there(), replaced.size_bytes), (vec![2], 10), "another holds it still");
    }

    #[test]
    fn one_that_is_too_large_is_there_for_as_long_as_it_is_held() {
        let folder = Folder::new(10);
        let large = folder.add(1, 11);
        assert_eq!(folder.there(), [1]);
        drop(large);
        assert!(folder.there().is_empty());
    }

    #[test]
    fn what_is_removed_is_gone_at_once() {
        let folder = Folder::new(10);
        let held = folder.add(1, 10);
        folder.1.remove(&digest(1));
        folder.1.remove(&digest(1));
        assert!(folder.there().is_empty());
        let anew = folder.add(1, 11);
        drop(held);
        assert_eq!(folder.there(), [1], "who held the old one does not hold the new one");
        drop(anew);
        drop(folder.add(2, 10));
        assert_eq!(folder.there(), [2], "what is gone is not counted");
    }
}
