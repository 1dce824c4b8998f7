//! Files that come in.
//!
//! A file goes to the disk as it comes, and is nowhere held in memory. How many come in at once is bounded, in all and
//! for one client, so that a crowd waits in its connections' flow control and not in the server's memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fedwit_domain::ports::{BlobWriter, StoredBlob};
use fedwit_domain::{ClientId, UpdateId};
use fedwit_store::{NewUpload, RecordUploadError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Federation, FederationError, Settings};

/// Who may bring a file in now.
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    counts: Arc<Counts>,
    wait: Duration,
    most_of_client: usize,
}

/// Uploads under way, by client.
type Counts = Mutex<HashMap<ClientId, usize>>;

/// A file that is coming in. Dropped before its end, it leaves nothing behind.
pub struct Upload {
    federation: Federation,
    client: Option<ClientId>,
    writer: Box<dyn BlobWriter>,
    began: Instant,
    _place: Place,
}

/// One of the places for files that are coming in. Dropped, it is free.
struct Place {
    _permit: OwnedSemaphorePermit,
    _counted: Option<Counted>,
}

/// One of the places that a client may take. Dropped, it is free.
struct Counted {
    client: ClientId,
    counts: Arc<Counts>,
}

impl Gate {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            places: Arc::new(Semaphore::new(settings.max_uploads)),
            counts: Arc::default(),
            wait: settings.upload_wait,
            most_of_client: settings.max_uploads_of_client,
        }
    }

    async fn enter(&self, client: Option<&ClientId>) -> Result<Place, FederationError> {
        let counted = client.map(|client| self.count(client)).transpose()?;
        match tokio::time::timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Place { _permit: permit, _counted: counted }),
            Ok(Err(_)) | Err(_) => Err(FederationError::Unavailable("too many files are coming in at once".to_owned())),
        }
    }

    fn count(&self, client: &ClientId) -> Result<Counted, FederationError> {
        let mut counts = locked(&self.counts);
        let count = counts.entry(client.clone()).or_default();
        if *count >= self.most_of_client {
            let problem = format!("client `{client}` has {count} uploads under way");
            return Err(FederationError::Unavailable(problem));
        }
        *count += 1;
        Ok(Counted { client: client.clone(), counts: Arc::clone(&self.counts) })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = locked(&self.counts);
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

fn locked(counts: &Counts) -> MutexGuard<'_, HashMap<ClientId, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Federation {
    /// Begins to take a model update's file. Waits for a place, but not for long.
    ///
    /// # Errors
    /// [`FederationError::Unavailable`] if there is no place, or no room on the disk.
    pub async fn begin_upload(&self, client: Option<ClientId>) -> Result<Upload, FederationError> {
        let place = self.inner.gate.enter(client.as_ref()).await?;
        let writer = self.inner.blobs.begin().await?;
        Ok(Upload { federation: self.clone(), client, writer, began: Instant::now(), _place: place })
    }

    /// Begins to take any other file: a seed model, or a package.
    ///
    /// # Errors
    /// As [`begin_upload`](Self::begin_upload).
    pub async fn begin_file(&self) -> Result<Upload, FederationError> {
        self.begin_upload(None).await
    }
}

impl Upload {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`FederationError::TooLarge`]; [`FederationError::Unavailable`] if the disk has no room.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), FederationError> {
        let limit_bytes = self.federation.inner.settings.max_upload_bytes;
        if self.writer.written().saturating_add(piece.len() as u64) > limit_bytes {
            return Err(FederationError::TooLarge { limit_bytes });
        }
        Ok(self.writer.write(piece).await?)
    }

    /// Bytes so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.writer.written()
    }

    /// Makes the file durable, and known as a model update by a client. Only then may the client be answered.
    ///
    /// # Errors
    /// [`FederationError::Invalid`] if the id is that of an update that counts already; [`FederationError::Unavailable`].
    pub async fn finish(self, id: UpdateId) -> Result<StoredBlob, FederationError> {
        let Self { federation, client, writer, began, _place } = self;
        let blob = writer.finish().await?;
        let upload = NewUpload { id: id.clone(), client, blob, at: federation.now() };
        match federation.store().record_upload(upload).await {
            Ok(()) => {}
            Err(RecordUploadError::Used) => {
                let problem =
                    format!("`{id}` is taken: an update of this id counts already, or another client uploaded it");
                return Err(FederationError::Invalid { what: "model update", problem });
            }
            Err(RecordUploadError::Store(error)) => return Err(error.into()),
        }
        let duration_ms = duration_ms(began);
        metrics::histogram!("fedwit_upload_seconds").record(began.elapsed().as_secs_f64());
        metrics::counter!("fedwit_upload_bytes_total").increment(blob.size_bytes);
        tracing::info!(update.id = %id, size_bytes = blob.size_bytes, duration_ms, "update `{id}` is uploaded");
        Ok(blob)
    }

    /// Makes the file durable, as nothing in particular yet.
    pub(crate) async fn into_blob(self) -> Result<StoredBlob, FederationError> {
        Ok(self.writer.finish().await?)
    }
}

pub(crate) fn duration_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
