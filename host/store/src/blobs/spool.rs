//! A file that comes in pieces.
//!
//! Pieces are gathered until they are worth a trip to a thread that may block. There they are hashed and written while
//! the next ones come in; one trip is under way at a time, so that a file holds twice [`PART`] in memory at most, and
//! a piece.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use fedwit_domain::Digest;
use fedwit_domain::ports::{BlobError, BlobWriter, StoredBlob};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use super::{Kept, blocking, failed};
use crate::disk::Disk;

/// Bytes that are hashed and written in one go.
const PART: usize = 1 << 20;
/// Pieces that are gathered at most, however small they are.
const PIECES: usize = 1024;
/// Bytes between two looks at how full the disk is.
const LOOK: u64 = 16 << 20;

/// A file on its way to the disk. Dropped before its end, it is deleted.
pub(super) struct Spooling {
    file: Unfinished,
    trip: Trip,
    kept: Kept,
    disk: Arc<Disk>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    written: u64,
    looked_at: u64,
}

/// What is written, and its hash so far.
struct Hashed {
    file: File,
    hasher: Sha256,
}

enum Trip {
    None(Hashed),
    UnderWay(JoinHandle<io::Result<Hashed>>),
    /// It was not written, or nobody waited for it: there is no going on.
    Lost,
}

/// The name of a file that is deleted unless it is finished.
struct Unfinished(Option<PathBuf>);

impl Spooling {
    /// Begins a file of a name that there is none of.
    pub(super) async fn begin(path: PathBuf, kept: Kept, disk: Arc<Disk>) -> Result<Self, BlobError> {
        let made = path.clone();
        let file = blocking(path.display(), move || File::create_new(made)).await?;
        Ok(Self {
            file: Unfinished(Some(path)),
            trip: Trip::None(Hashed { file, hasher: Sha256::new() }),
            kept,
            disk,
            gathered: Vec::new(),
            gathered_bytes: 0,
            written: 0,
            looked_at: 0,
        })
    }

    /// Sends what was gathered on its way, once what was sent before has arrived.
    async fn send(&mut self) -> Result<(), BlobError> {
        let mut hashed = self.arrive().await?;
        let pieces = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        self.trip = Trip::UnderWay(tokio::task::spawn_blocking(move || {
            for piece in &pieces {
                hashed.hasher.update(piece);
                hashed.file.write_all(piece)?;
            }
            Ok(hashed)
        }));
        Ok(())
    }

    /// Waits for what is under way.
    async fn arrive(&mut self) -> Result<Hashed, BlobError> {
        let arrived = match std::mem::replace(&mut self.trip, Trip::Lost) {
            Trip::None(hashed) => Ok(hashed),
            Trip::UnderWay(trip) => trip.await.unwrap_or_else(|error| Err(io::Error::other(error))),
            Trip::Lost => Err(io::Error::other("a part of it was not written")),
        };
        arrived.map_err(|error| failed("a file that comes in", error))
    }
}

#[async_trait]
impl BlobWriter for Spooling {
    async fn write(&mut self, piece: Bytes) -> Result<(), BlobError> {
        self.written += piece.len() as u64;
        if self.written - self.looked_at >= LOOK {
            self.looked_at = self.written;
            self.disk.check()?;
        }
        self.gathered_bytes += piece.len();
        self.gathered.push(piece);
        let worth_it = self.gathered_bytes >= PART || self.gathered.len() >= PIECES;
        if worth_it { self.send().await } else { Ok(()) }
    }

    fn written(&self) -> u64 {
        self.written
    }

    async fn finish(mut self: Box<Self>) -> Result<StoredBlob, BlobError> {
        if !self.gathered.is_empty() {
            self.send().await?;
        }
        let Hashed { file, hasher } = self.arrive().await?;
        let size_bytes = self.written;
        let sync = move || {
            file.sync_all()?;
            Ok(StoredBlob { digest: digest(hasher), size_bytes })
        };
        let stored = blocking("a file that comes in", sync).await?;
        if let Some(path) = &self.file.0 {
            self.kept.take(path, stored).await?;
        }
        self.file.0 = None;
        Ok(stored)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(path) = self.0.take() else { return };
        let delete = move || super::delete(&[path]);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(delete)),
            Err(_) => delete(),
        }
    }
}

/// Reads a file to its end, and makes it durable.
pub(super) fn hash_and_sync(path: &Path) -> io::Result<StoredBlob> {
    let mut file = File::open(path)?;
    let stored = read(&mut file)?;
    file.sync_all()?;
    Ok(stored)
}

/// Reads a file to its end.
pub(super) fn hash(path: &Path) -> io::Result<StoredBlob> {
    read(&mut File::open(path)?)
}

fn read(file: &mut File) -> io::Result<StoredBlob> {
    let (mut hasher, mut size_bytes) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; PART];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        size_bytes += read as u64;
    }
    Ok(StoredBlob { digest: digest(hasher), size_bytes })
}

fn digest(hasher: Sha256) -> Digest {
    Digest::from_bytes(hasher.finalize().into())
}
