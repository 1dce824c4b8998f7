//! Storage adapters: what may stand between the blobs and the place where they lie.
//!
//! Without one a blob is a file under its SHA-256, and nothing here is used. An adapter gets every blob on its way to the
//! disk, and is asked for it on the way back: it may hand it on, encrypt it, or lay it elsewhere. It has a folder of its own
//! for what it keeps, [`AtRest`], and nothing else. What it is made of is no business of the store: it is handed in, as
//! [`BlobAdapter`].

mod at_rest;
mod marker;
mod probe;
mod scratch;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fedwit_domain::Digest;

pub(crate) use at_rest::copy;
pub use at_rest::{AtRest, RestFile};
pub(crate) use marker::{Marker, settle, stored};
pub(crate) use probe::probe;
pub(crate) use scratch::{PUTS, Scratch};

/// Why an adapter did not do it; the text says which key, and what is wrong.
pub type AdapterError = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of any length that do not change.
pub trait BlobBytes: Send + Sync {
    /// How many there are.
    fn size(&self) -> u64;

    /// Fills `buffer` with the bytes that begin with byte `first`.
    ///
    /// # Errors
    /// If there are not so many, or they cannot be read.
    fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// The file whose whole content they are, if there is one: to be linked or copied, never changed.
    fn file(&self) -> Option<&Path>;
}

/// Keeps blobs in its own way. Its calls take as long as they take, but not without bound; they come from several threads
/// at once, at most as many as [`AdapterOptions::instances`] says.
pub trait BlobAdapter: Send + Sync {
    /// Keeps a blob, in place of what was there; durable when it returns.
    ///
    /// # Errors
    /// [`AdapterError`].
    fn put(&self, key: &str, blob: Arc<dyn BlobBytes>) -> Result<(), AdapterError>;

    /// The blob of this key, byte by byte as it was put.
    ///
    /// # Errors
    /// [`AdapterError`].
    fn get(&self, key: &str) -> Result<Option<Arc<dyn BlobBytes>>, AdapterError>;

    /// Lets go of what is kept under this key, if anything is.
    ///
    /// # Errors
    /// [`AdapterError`].
    fn remove(&self, key: &str) -> Result<(), AdapterError>;

    /// At most `most` keys that begin with `prefix`, in the order of their bytes, beginning after key `after`: none only if
    /// there are no more.
    ///
    /// # Errors
    /// [`AdapterError`].
    fn keys(&self, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, AdapterError>;
}

/// The folders for what an adapter writes until it is handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterScratch {
    /// On the same disk as what lies at rest: for what it writes while it puts.
    pub puts: PathBuf,
    /// For what it writes while it gets: blobs as they were before they were put.
    pub gets: PathBuf,
}

/// Opens the adapter. What it says no with is shown to the operator.
pub type OpenAdapter = Box<dyn FnOnce(AtRest, AdapterScratch) -> Result<Arc<dyn BlobAdapter>, AdapterError> + Send>;

/// An adapter, and how it is used.
pub struct AdapterOptions {
    /// Its name.
    pub name: String,
    /// The SHA-256 of its component. Another one of the same name goes on where it ended.
    pub component: Digest,
    /// Its configuration: what was written under one is not read under another.
    pub config: serde_json::Value,
    /// Calls at one time.
    pub instances: usize,
    /// Where files lie as they are while they come in, and working copies of those that are kept in another way: a folder in
    /// here that nobody else can read, or the data folder.
    pub scratch: Option<PathBuf>,
    /// Bytes of working copies that are kept though nobody has them open.
    pub copies_bytes: u64,
    /// Opens it.
    pub open: OpenAdapter,
}

impl fmt::Debug for AdapterOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AdapterOptions").field("name", &self.name).finish_non_exhaustive()
    }
}
