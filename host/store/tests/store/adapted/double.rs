//! An adapter that a test has in its hands.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use fedwit_domain::Digest;
use fedwit_store::adapter::{AdapterError, AdapterOptions, AtRest, BlobAdapter, BlobBytes};

use crate::support::DEADLINE;

/// Keeps blobs as they are, or with every byte changed in a way that only the same mask takes back.
pub(crate) struct Double {
    pub(crate) mask: u8,
    /// Fails whatever is asked of it.
    pub(crate) broken: AtomicBool,
    /// Forgets the last byte of what it puts.
    pub(crate) lossy: AtomicBool,
    pub(crate) puts: AtomicU32,
    pub(crate) gets: AtomicU32,
    pub(crate) gate: Gate,
}

/// Holds up whoever puts.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    waiting: u32,
}

impl Gate {
    pub(crate) fn close(&self) {
        self.state.lock().unwrap().closed = true;
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().closed = false;
        self.changed.notify_all();
    }

    pub(crate) fn waiting(&self) -> u32 {
        self.state.lock().unwrap().waiting
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        let (mut state, over) = self.changed.wait_timeout_while(state, DEADLINE, |state| state.closed).unwrap();
        assert!(!over.timed_out(), "nobody opens the gate");
        state.waiting -= 1;
    }
}

impl Double {
    /// One that changes nothing.
    pub(crate) fn plain() -> Arc<Self> {
        Self::masking(0)
    }

    /// One that changes every byte.
    pub(crate) fn masking(mask: u8) -> Arc<Self> {
        let (broken, lossy, puts, gets) = Default::default();
        Arc::new(Self { mask, broken, lossy, puts, gets, gate: Gate::default() })
    }

    /// To be opened with it, and with so many bytes of working copies.
    pub(crate) fn options(self: &Arc<Self>, copies_bytes: u64) -> AdapterOptions {
        let double = Arc::clone(self);
        AdapterOptions {
            name: "double".to_owned(),
            component: Digest::from_bytes([1; 32]),
            config: serde_json::json!({}),
            instances: 2,
            scratch: None,
            copies_bytes,
            open: Box::new(move |at_rest, _| Ok(Arc::new(Opened { double, at_rest }))),
        }
    }
}

struct Opened {
    double: Arc<Double>,
    at_rest: AtRest,
}

impl Opened {
    fn work(&self) -> Result<(), AdapterError> {
        if self.double.broken.load(Ordering::SeqCst) { Err("it is broken".into()) } else { Ok(()) }
    }
}

fn at(key: &str) -> String {
    format!("own/{key}")
}

impl BlobAdapter for Opened {
    fn put(&self, key: &str, blob: Arc<dyn BlobBytes>) -> Result<(), AdapterError> {
        self.double.gate.pass();
        self.work()?;
        self.double.puts.fetch_add(1, Ordering::SeqCst);
        if self.double.mask == 0 && !self.double.lossy.load(Ordering::SeqCst) {
            return Ok(self.at_rest.put(&at(key), &*blob)?);
        }
        let mut bytes = masked(&*blob, self.double.mask)?;
        if self.double.lossy.load(Ordering::SeqCst) {
            bytes.pop();
        }
        Ok(self.at_rest.put(&at(key), &InMemory(bytes))?)
    }

    fn get(&self, key: &str) -> Result<Option<Arc<dyn BlobBytes>>, AdapterError> {
        self.work()?;
        self.double.gets.fetch_add(1, Ordering::SeqCst);
        let Some(file) = self.at_rest.get(&at(key))? else { return Ok(None) };
        if self.double.mask == 0 {
            return Ok(Some(Arc::new(file)));
        }
        Ok(Some(Arc::new(InMemory(masked(&file, self.double.mask)?))))
    }

    fn remove(&self, key: &str) -> Result<(), AdapterError> {
        self.work()?;
        Ok(self.at_rest.remove(&at(key))?)
    }

    fn keys(&self, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, AdapterError> {
        self.work()?;
        let after = after.map(at);
        // Pages are smaller than they may be.
        let keys = self.at_rest.keys(&at(prefix), after.as_deref(), most.min(2) as usize)?;
        Ok(keys.iter().filter_map(|key| key.strip_prefix("own/").map(str::to_owned)).collect())
    }
}

fn masked(blob: &dyn BlobBytes, mask: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(blob.size()).unwrap()];
    blob.read(0, &mut bytes)?;
    bytes.iter_mut().for_each(|byte| *byte ^= mask);
    Ok(bytes)
}

struct InMemory(Vec<u8>);

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
