//! The storage adapters that the project ships, as components.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use fedwit_runtime::{
    Blob, BlobStore, Fault, Grants, Limits, Permission, Plugin, StorageError, StoragePool, StorageScratch,
};
use fedwit_tests::{plugin, runtime};

const KEY: &str = "blobs/ab/abc";
const SECRET: &str = "storage-key";

struct InMemory(Vec<u8>);

impl Blob for InMemory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()> {
        let first = usize::try_from(first).unwrap();
        let bytes = self.0.get(first..first + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

/// What an adapter has put, by its own keys: the very blobs that it handed over.
#[derive(Default)]
struct Store(Mutex<BTreeMap<String, Arc<dyn Blob>>>);

impl BlobStore for Store {
    fn put(&self, key: &str, blob: &Arc<dyn Blob>) -> io::Result<()> {
        self.0.lock().unwrap().insert(key.to_owned(), Arc::clone(blob));
        Ok(())
    }

    fn get(&self, key: &str) -> io::Result<Option<Arc<dyn Blob>>> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }

    fn keys(&self, prefix: &str, after: Option<&str>, most: usize) -> io::Result<Vec<String>> {
        let blobs = self.0.lock().unwrap();
        let found =
            blobs.keys().filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        Ok(found.take(most).cloned().collect())
    }
}

struct Opened {
    plugin: Plugin,
    pool: StoragePool,
    store: Arc<Store>,
    scratch: tempfile::TempDir,
}

fn prefixes(plugin: &Plugin) -> Grants {
    let prefixes = plugin.permissions().iter().filter(|wanted| matches!(wanted, Permission::StoragePrefix(_)));
    prefixes.cloned().fold(Grants::default(), Grants::with)
}

impl Opened {
    fn new(name: &str, secret: Option<&[u8]>) -> Self {
        let plugin = plugin(&runtime(Limits::default()), name);
        let grants = secret.into_iter().fold(prefixes(&plugin), |grants, secret| grants.with_secret(SECRET, secret));
        let plugin = plugin.granted(&grants).unwrap();
        let (store, scratch) = (Arc::new(Store::default()), tempfile::tempdir().unwrap());
        let pool = open(&plugin, &store, scratch.path().to_owned());
        Self { plugin, pool, store, scratch }
    }

    fn put(&self, content: &[u8]) -> Arc<dyn Blob> {
        let blob: Arc<dyn Blob> = Arc::new(InMemory(content.to_vec()));
        self.pool.put(KEY, Arc::clone(&blob)).unwrap();
        blob
    }

    fn at_rest(&self) -> Arc<dyn Blob> {
        let blobs = self.store.0.lock().unwrap();
        assert_eq!(blobs.len(), 1);
        Arc::clone(blobs.values().next().unwrap())
    }

    fn replace(&self, bytes: Vec<u8>) {
        let mut blobs = self.store.0.lock().unwrap();
        *blobs.values_mut().next().unwrap() = Arc::new(InMemory(bytes));
    }
}

fn open(plugin: &Plugin, store: &Arc<Store>, scratch: PathBuf) -> StoragePool {
    let scratch = StorageScratch { puts: scratch.clone(), gets: scratch };
    StoragePool::open(plugin.clone(), "{}".to_owned(), Arc::clone(store) as Arc<dyn BlobStore>, scratch).unwrap()
}

fn bytes(blob: &dyn Blob) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(blob.size()).unwrap()];
    blob.read(0, &mut bytes).unwrap();
    bytes
}

fn content(length: u32) -> Vec<u8> {
    (0..length).map(|index| index.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()
}

#[test]
fn pass_through_hands_on_the_very_blob() {
    let opened = Opened::new("pass-through", None);
    let blob = opened.put(&content(10_000_000));
    assert!(Arc::ptr_eq(&opened.at_rest(), &blob));
    assert!(Arc::ptr_eq(&opened.pool.get(KEY).unwrap().unwrap(), &blob));
    assert_eq!(opened.pool.keys("blobs/", None, 10).unwrap(), [KEY]);
    // None of it was in the guest's memory, which has less.
    assert!(opened.plugin.metrics().peak_memory_bytes < 4 << 20, "{:?}", opened.plugin.metrics());
    opened.pool.remove(KEY).unwrap();
    assert!(opened.pool.get(KEY).unwrap().is_none());
}

#[test]
fn encrypted_takes_a_blob_of_any_size_in_little_memory() {
    let opened = Opened::new("encrypted", Some(&[7; 32]));
    let content = content(40_000_003);
    opened.put(&content);
    let sealed = bytes(&*opened.at_rest());
    assert!(!sealed.windows(32).any(|window| window == &content[1_000_000..1_000_032]));
    assert!(bytes(&*opened.pool.get(KEY).unwrap().unwrap()) == content);
    // The whole blob is in nobody's memory, and what was written is gone with its handle.
    assert!(opened.plugin.metrics().peak_memory_bytes < 16 << 20, "{:?}", opened.plugin.metrics());
    drop(opened.at_rest());
    opened.store.0.lock().unwrap().clear();
    assert_eq!(std::fs::read_dir(opened.scratch.path()).unwrap().count(), 0);
}

/// Each change is tested in the plugin's crate; here, that its error comes through, and that the next call is served.
#[test]
fn what_was_tampered_with_is_an_error_and_the_next_blob_is_read() {
    let opened = Opened::new("encrypted", Some(&[7; 32]));
    opened.put(b"weights");
    let good = bytes(&*opened.at_rest());
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    opened.replace(bad);
    for _ in 0..2 {
        let Err(StorageError::Plugin(error)) = opened.pool.get(KEY) else { panic!("it is read") };
        assert!(matches!(&error.fault, Fault::Failed(why) if why.contains(KEY) && why.contains("damaged")), "{error}");
    }
    opened.replace(good.clone());
    assert_eq!(bytes(&*opened.pool.get(KEY).unwrap().unwrap()), b"weights");

    let other = Opened::new("encrypted", Some(&[8; 32]));
    other.put(b"");
    other.replace(good);
    let error = other.pool.get(KEY).err().unwrap().to_string();
    assert!(error.contains("another secret") && !error.contains("weights"), "{error}");
}

#[test]
fn encrypted_does_not_open_without_its_key() {
    let plugin = plugin(&runtime(Limits::default()), "encrypted");
    let error = plugin.granted(&prefixes(&plugin)).unwrap_err().to_string();
    assert!(error.contains("secret:storage-key"), "{error}");
    let short = plugin.granted(&prefixes(&plugin).with_secret(SECRET, b"hunter2")).unwrap();
    let store: Arc<dyn BlobStore> = Arc::new(Store::default());
    let error = short.open_storage("{}", store, &std::env::temp_dir()).unwrap_err().to_string();
    assert!(error.contains("32 bytes") && !error.contains("hunter2"), "{error}");
}

/// Several at a time, each on an instance of its own.
#[test]
fn blobs_are_worked_on_side_by_side() {
    let opened = Opened::new("encrypted", Some(&[7; 32]));
    std::thread::scope(|scope| {
        for number in 0..4_u32 {
            let pool = &opened.pool;
            scope.spawn(move || {
                let (key, content) = (format!("blobs/{number}"), content(3_000_000 + number));
                for _ in 0..3 {
                    pool.put(&key, Arc::new(InMemory(content.clone()))).unwrap();
                    assert!(bytes(&*pool.get(&key).unwrap().unwrap()) == content);
                }
            });
        }
    });
    assert_eq!(opened.pool.keys("blobs/", None, 10).unwrap().len(), 4);
}
