//! The rules of storage adapters.

mod keeping;
mod listing;
mod memory;
mod tampering;

use std::sync::Arc;

use fedwit_runtime::{Blob, BlobStore, PluginError, Storage, StorageError};
use serde_json::{Map, Value};
use tempfile::TempDir;

use self::memory::{Bytes, Memory};
use crate::Verdict;
use crate::rule::{Broken, Rule, Scene, broken, text};

/// What every storage adapter has to do.
pub(crate) const RULES: &[Rule] = &[
    ("defaults-are-accepted", "the defaults that its schema names are accepted", defaults),
    ("unknown-keys-are-refused", "a key that its schema does not name is refused by its name", unknown_keys),
    ("what-was-put-is-got", "blobs of every size come back byte by byte", keeping::sizes),
    ("putting-anew-replaces", "a blob takes the place of the one before, and of no other", keeping::replacing),
    ("removing-lets-go", "what was removed is not there, and removing it again is no error", keeping::removing),
    ("survives-reopening", "what was put is there when it is opened again", keeping::reopening),
    ("failures-are-told", "where the store fails, so does the call", keeping::failing),
    ("keys-are-listed", "keys that were put are listed in their order, page by page", listing::pages),
    (
        "tampering-is-detected",
        "bytes that were changed in the store are an error, and no other bytes",
        tampering::changes,
    ),
];

/// A store, and where an adapter over it keeps what it writes.
struct Shelf {
    store: Arc<Memory>,
    scratch: TempDir,
}

impl Shelf {
    fn new() -> Result<Self, Broken> {
        Ok(Self { store: Arc::default(), scratch: tempfile::tempdir()? })
    }
}

impl Scene {
    fn open(&self, shelf: &Shelf) -> Result<Storage, PluginError> {
        self.open_with(&self.config, shelf)
    }

    fn open_with(&self, config: &Map<String, Value>, shelf: &Shelf) -> Result<Storage, PluginError> {
        let store = Arc::clone(&shelf.store) as Arc<dyn BlobStore>;
        self.plugin.open_storage(&text(config), store, shelf.scratch.path())
    }
}

/// Bytes that follow from a number, and repeat late.
fn content(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(size).collect()
}

fn put(storage: &mut Storage, key: &str, bytes: &[u8]) -> Result<(), StorageError> {
    storage.put(key, Arc::new(Bytes::from(bytes)))
}

fn get(storage: &mut Storage, key: &str) -> Result<Option<Vec<u8>>, Broken> {
    Ok(storage.get(key)?.map(|blob| read(blob.as_ref())).transpose()?)
}

fn read(blob: &dyn Blob) -> std::io::Result<Vec<u8>> {
    let size = usize::try_from(blob.size()).map_err(std::io::Error::other)?;
    let mut bytes = vec![0; size];
    blob.read(0, &mut bytes)?;
    Ok(bytes)
}

/// What is kept under a key has to be these bytes.
fn expect(storage: &mut Storage, key: &str, expected: &[u8]) -> Result<(), Broken> {
    match get(storage, key)? {
        Some(found) if found == expected => Ok(()),
        Some(found) if found.len() == expected.len() => {
            broken(format!("a blob of {} bytes comes back as other bytes", expected.len()))
        }
        Some(found) => broken(format!("a blob of {} bytes comes back with {}", expected.len(), found.len())),
        None => broken(format!("a blob of {} bytes is not there after it was put", expected.len())),
    }
}

fn defaults(scene: &Scene) -> Result<Verdict, Broken> {
    let shelf = Shelf::new()?;
    let mut storage = scene.open_with(&scene.with_defaults(), &shelf)?;
    put(&mut storage, "kept/told", b"told")?;
    expect(&mut storage, "kept/told", b"told")?;
    Ok(Verdict::Passed)
}

fn unknown_keys(scene: &Scene) -> Result<Verdict, Broken> {
    let shelf = Shelf::new()?;
    scene.refuses_unknown_keys(|config| scene.open_with(config, &shelf))
}
