//! What lies at rest: an adapter's files, by the keys that it chooses.
//!
//! ```text
//! stored/PREFIX/blobs/ab/abcd...
//! ```
//!
//! A file is linked or copied beside it, synced, renamed into its place, and the folders on its way are synced. It is never
//! changed in its place.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::BlobBytes;
use crate::disk::sync_folder;

/// Bytes that are moved at one time.
const CHUNK: usize = 1 << 20;

/// The folder of what an adapter keeps. Clones are the same.
#[derive(Clone, Debug)]
pub struct AtRest {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    /// On the same disk, for files on their way.
    spool: PathBuf,
    /// Folders that are there, and whose names are durable.
    durable: Mutex<HashSet<PathBuf>>,
}

/// A file at rest.
#[derive(Debug)]
pub struct RestFile {
    /// The place in it is moved to before each read.
    file: Mutex<File>,
    path: PathBuf,
    size: u64,
}

impl AtRest {
    pub(crate) fn new(folder: PathBuf, spool: PathBuf) -> Self {
        Self { shared: Arc::new(Shared { folder, spool, durable: Mutex::default() }) }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// Keeps a blob, in place of what was there; durable when it returns. If it is a file of this disk it gets another name,
    /// and no copy is made.
    ///
    /// # Errors
    /// What the system says. A key that is another key's folder is taken.
    pub fn put(&self, key: &str, blob: &dyn BlobBytes) -> io::Result<()> {
        let path = self.path(key)?;
        let folder = path.parent().unwrap_or(&self.shared.folder);
        self.make_durable(folder)?;
        let draft = self.shared.spool.join(format!("rest-{}", Uuid::new_v4()));
        let placed = write(blob, &draft).and_then(|()| std::fs::rename(&draft, &path));
        if placed.is_err() {
            // What is said is why it is not in its place; the spool is emptied at the next start in any case.
            let _ = std::fs::remove_file(&draft);
        }
        placed?;
        sync_folder(folder)
    }

    /// The file of this key.
    ///
    /// # Errors
    /// What the system says.
    pub fn get(&self, key: &str) -> io::Result<Option<RestFile>> {
        let path = self.path(key)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_none(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        // A folder of other keys is no blob.
        Ok(metadata.is_file().then(|| RestFile { file: Mutex::new(file), path, size: metadata.len() }))
    }

    /// Lets go of the file of this key, if there is one.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, key: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path(key)?) {
            Err(error) if is_none(&error) => Ok(()),
            removed => removed,
        }
    }

    /// At most `most` keys that begin with `prefix`, in the order of their bytes, beginning after key `after`.
    ///
    /// # Errors
    /// What the system says.
    pub fn keys(&self, prefix: &str, after: Option<&str>, most: usize) -> io::Result<Vec<String>> {
        let mut listing = Listing { prefix, after, most, found: Vec::new() };
        listing.add(&self.shared.folder, "")?;
        Ok(listing.found)
    }

    /// Whether a file is one of these.
    pub(crate) fn has(&self, path: &Path) -> bool {
        path.starts_with(&self.shared.folder)
    }

    /// Keys are checked before they come here; a mistake there must not lead out of the folder.
    fn path(&self, key: &str) -> io::Result<PathBuf> {
        let key = Path::new(key);
        let plain = key.components().all(|component| matches!(component, Component::Normal(_)));
        if key.as_os_str().is_empty() || !plain {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{:?} is no key", key.display())));
        }
        Ok(self.shared.folder.join(key))
    }

    /// Makes a folder and the names of all folders on the way to it durable, whoever has made them.
    fn make_durable(&self, folder: &Path) -> io::Result<()> {
        let known = |folder: &Path| self.shared.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(folder);
        let mut new: Vec<&Path> =
            folder.ancestors().take_while(|folder| self.has(folder)).take_while(|folder| !known(folder)).collect();
        while let Some(folder) = new.pop() {
            match std::fs::create_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                made => made?,
            }
            folder.parent().map_or(Ok(()), sync_folder)?;
            self.shared.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
        }
        Ok(())
    }
}

impl BlobBytes for RestFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()> {
        // A read that panicked has left nothing behind but the place.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(first))?;
        file.read_exact(buffer)
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

impl RestFile {
    /// A file that does not change, wherever it lies.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file: Mutex::new(file), path: path.to_owned(), size })
    }
}

/// Has all of a blob in a file of this name, synced.
fn write(blob: &dyn BlobBytes, to: &Path) -> io::Result<()> {
    if let Some(file) = blob.file() {
        match std::fs::hard_link(file, to) {
            Ok(()) => return File::open(to)?.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            // On another disk, or one that has no links.
            Err(_) => {}
        }
    }
    let mut file = File::create_new(to)?;
    copy(blob, |chunk| file.write_all(chunk))?;
    file.sync_all()
}

/// Goes through a blob from its beginning to its end.
pub(crate) fn copy(blob: &dyn BlobBytes, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let (mut first, size) = (0, blob.size());
    while first < size {
        let length = usize::try_from(size - first).map_or(CHUNK, |left| left.min(CHUNK));
        blob.read(first, &mut buffer[..length])?;
        take(&buffer[..length])?;
        first += length as u64;
    }
    Ok(())
}

fn is_none(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A page of keys in the making.
struct Listing<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    most: usize,
    found: Vec<String>,
}

impl Listing<'_> {
    /// Adds the keys in a folder, each of which begins with `begins`.
    fn add(&mut self, folder: &Path, begins: &str) -> io::Result<()> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_none(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            // What is no text is no key either.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if kind.is_dir() {
                // With what follows it in every key below, so that it is sorted as these are.
                names.push((format!("{begins}{name}/"), Some(entry.path())));
            } else if kind.is_file() {
                names.push((format!("{begins}{name}"), None));
            }
        }
        names.sort_unstable();
        for (key, below) in names {
            if self.found.len() >= self.most {
                break;
            }
            match below {
                Some(folder) if self.may_be_below(&key) => self.add(&folder, &key)?,
                None if key.starts_with(self.prefix) && self.after.is_none_or(|after| key.as_str() > after) => {
                    self.found.push(key);
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    fn may_be_below(&self, folder: &str) -> bool {
        let of_prefix = folder.starts_with(self.prefix) || self.prefix.starts_with(folder);
        let later = self.after.is_none_or(|after| after < folder || after.starts_with(folder));
        of_prefix && later
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    struct InMemory(&'static [u8]);

    impl BlobBytes for InMemory {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()> {
            let first = usize::try_from(first).unwrap();
            buffer.copy_from_slice(&self.0[first..first + buffer.len()]);
            Ok(())
        }

        fn file(&self) -> Option<&Path> {
            None
        }
    }

    fn at_rest() -> (tempfile::TempDir, AtRest) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("spool")).unwrap();
        let at_rest = AtRest::new(folder.path().join("stored"), folder.path().join("spool"));
        (folder, at_rest)
    }

    fn content(at_rest: &AtRest, key: &str) -> Option<Vec<u8>> {
        let file = at_rest.get(key).unwrap()?;
        let mut bytes = Vec::new();
        copy(&file, |chunk| bytes.write_all(chunk)).unwrap();
        Some(bytes)
    }

    #[test]
    fn what_was_put_is_there_until_it_is_removed() {
        let (folder, at_rest) = at_rest();
        assert_eq!(content(&at_rest, "a/b/c"), None);
        at_rest.put("a/b/c", &InMemory(b"one")).unwrap();
        let open = at_rest.get("a/b/c").unwrap().unwrap();
        at_rest.put("a/b/c", &InMemory(b"two")).unwrap();
        assert_eq!(content(&at_rest, "a/b/c").unwrap(), b"two");
        let mut old = [0; 3];
        open.read(0, &mut old).unwrap();
        assert_eq!(&old, b"one", "what is open does not change");
        assert!(open.read(1, &mut old).is_err());
        at_rest.remove("a/b/c").unwrap();
        at_rest.remove("a/b/c").unwrap();
        assert_eq!(content(&at_rest, "a/b/c"), None);
        assert_eq!(std::fs::read_dir(folder.path().join("spool")).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_not_copied() {
        use std::os::unix::fs::MetadataExt;

        let (folder, at_rest) = at_rest();
        let path = folder.path().join("spool").join("upload");
        std::fs::write(&path, b"weights").unwrap();
        at_rest.put("a", &RestFile::open(&path).unwrap()).unwrap();
        let inode = |path: &Path| std::fs::metadata(path).unwrap().ino();
        assert_eq!(inode(&path), inode(at_rest.get("a").unwrap().unwrap().file().unwrap()));
    }

    #[test]
    fn keys_lead_nowhere_else() {
        let (_folder, at_rest) = at_rest();
        for key in ["", ".", "..", "a/../../b", "/etc/passwd"] {
            assert!(at_rest.put(key, &InMemory(b"")).is_err() && at_rest.get(key).is_err(), "{key:?}");
            assert!(at_rest.remove(key).is_err(), "{key:?}");
        }
        at_rest.put("a/b", &InMemory(b"")).unwrap();
        assert!(at_rest.put("a", &InMemory(b"")).is_err(), "it is a folder");
        assert!(at_rest.put("a/b/c", &InMemory(b"")).is_err(), "its folder is a file");
        assert_eq!((content(&at_rest, "a"), content(&at_rest, "a/b/c")), (None, None));
        at_rest.remove("a/b/c").unwrap();
        assert_eq!(at_rest.keys("", None, 10).unwrap(), ["a/b"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Folders are walked, and yet the order is that of whole keys, in which `-` and `.` come before `/`.
        #[test]
        fn pages_are_those_of_a_sorted_list(
            keys in prop::collection::btree_set("[ab.-]{1,2}x(/[ab-]{1,2}){0,2}y", 0..12),
            prefix in "[ab.-]{0,2}", after in prop::option::of("[ab.-]{1,2}x(/[ab-]{1,2}){0,2}y"), most in 0_usize..6,
        ) {
            let (_folder, at_rest) = at_rest();
            for key in &keys {
                at_rest.put(key, &InMemory(b"")).unwrap();
            }
            let expected: Vec<String> = keys.iter()
                .filter(|key| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after))
                .take(most).cloned().collect();
            prop_assert_eq!(at_rest.keys(&prefix, after.as_deref(), most).unwrap(), expected);
            let all: BTreeSet<String> = at_rest.keys("", None, 100).unwrap().into_iter().collect();
            prop_assert_eq!(all, keys);
        }
    }
}
