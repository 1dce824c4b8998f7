//! A file that comes in pieces.
//!
//! Pieces are gathered until they are worth a trip to a thread that may block. There they are hashed and written while
//! the next ones come in; one trip is under way at a time, so that a file holds twice [`PART`] in memory at most, and
//! a piece.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use fedwit_domain::Digest;
use fedwit_domain::ports::{BlobError, BlobWriter, StoredBlob};
use object_store::path::Path as Location;
use object_store::{MultipartUpload, PutPayload};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use super::{Place, failed, object_error};
use crate::disk::Disk;

/// Bytes that are hashed and written in one go.
const PART: usize = 1 << 20;
/// Pieces that are gathered at most, however small they are.
const PIECES: usize = 1024;
/// Bytes between two looks at how full the disk is.
const LOOK: u64 = 16 << 20;

/// A file on its way to the disk. Dropped before its end, it is deleted.
pub(super) struct Spooling {
    upload: Box<dyn MultipartUpload>,
    spooled: Location,
    place: Place,
    disk: Arc<Disk>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    under_way: Option<JoinHandle<Trip>>,
    hasher: Option<Sha256>,
    written: u64,
    looked_at: u64,
}

/// What comes back from a trip: the hash so far, and whether it was written.
type Trip = (Sha256, object_store::Result<()>);

impl Spooling {
    pub(super) fn new(upload: Box<dyn MultipartUpload>, spooled: Location, place: Place, disk: Arc<Disk>) -> Self {
        Self {
            upload,
            spooled,
            place,
            disk,
            gathered: Vec::new(),
            gathered_bytes: 0,
            under_way: None,
            hasher: Some(Sha256::new()),
            written: 0,
            looked_at: 0,
        }
    }

    /// Sends what was gathered on its way, once what was sent before has arrived.
    async fn send(&mut self) -> Result<(), BlobError> {
        let mut hasher = self.arrive().await?;
        let pieces = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        let payload = PutPayload::from_iter(pieces.iter().cloned());
        let write = self.upload.put_part(payload);
        self.under_way = Some(tokio::spawn(async move {
            let hash = tokio::task::spawn_blocking(move || {
                for piece in &pieces {
                    hasher.update(piece);
                }
                hasher
            });
            let (hasher, written) = tokio::join!(hash, write);
            match hasher {
                Ok(hasher) => (hasher, written),
                Err(source) => (Sha256::new(), Err(object_store::Error::JoinError { source })),
            }
        }));
        Ok(())
    }

    /// Waits for what is under way, and takes the hash. After an error there is none, and nothing goes on.
    async fn arrive(&mut self) -> Result<Sha256, BlobError> {
        match self.under_way.take() {
            Some(trip) => {
                let (hasher, written) = trip.await.map_err(|error| self.error(io::Error::other(error)))?;
                written.map_err(|error| object_error(&self.spooled, error))?;
                Ok(hasher)
            }
            None => self.hasher.take().ok_or_else(|| self.error(io::Error::other("a part of it was not written"))),
        }
    }

    fn error(&self, error: io::Error) -> BlobError {
        failed(&self.spooled, error)
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
        let hasher = self.arrive().await?;
        self.upload.complete().await.map_err(|error| object_error(&self.spooled, error))?;
        let digest = Digest::from_bytes(hasher.finalize().into());
        let stored = StoredBlob { digest, size_bytes: self.written };
        self.place.take(&self.spooled, stored).await?;
        Ok(stored)
    }
}

/// Reads a file to its end, and makes it durable.
pub(super) fn hash_and_sync(path: &Path) -> io::Result<StoredBlob> {
    let mut file = File::open(path)?;
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
    file.sync_all()?;
    Ok(StoredBlob { digest: Digest::from_bytes(hasher.finalize().into()), size_bytes })
}
