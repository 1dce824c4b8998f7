//! A model on its way out, a piece at a time.
//!
//! A thousand clients may fetch a model in the same second. Each download has a piece in memory, and what the protocol
//! makes of it, so the pieces are the smaller the more downloads there are. The file itself is in the system's cache.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use fedwit_federation::{FederationError, ModelFile};
use futures_util::Stream;
use tonic::Status;

use super::{proto, unavailable};

/// Bytes of a model in one message, at most. More is no faster, and clients take up to 4 MiB.
const LARGEST_PIECE: usize = 256 << 10;
/// And at least, however many downloads there are.
const SMALLEST_PIECE: usize = 16 << 10;
/// Bytes that the pieces of all downloads may have together. Until a slow client takes it, a piece is in memory up to
/// three times: as it was read, encoded, and on its way out.
const ALL_PIECES: usize = 16 << 20;

/// The downloads that are under way.
#[derive(Clone, Default)]
pub(super) struct Downloads(Arc<AtomicUsize>);

impl Downloads {
    /// The messages that a model is sent in.
    ///
    /// # Errors
    /// UNAVAILABLE if its file cannot be opened.
    pub(super) async fn stream(
        &self,
        file: ModelFile,
        id: String,
    ) -> Result<impl Stream<Item = Result<proto::ModelResponse, Status>> + Send + use<>, Status> {
        let path = file.path.clone();
        let open = blocking(move || File::open(path)).await;
        let open = open.map_err(|error| unavailable(&FederationError::Internal(error.to_string())))?;
        let download = Download { open, left: file.size_bytes, file, id, place: Place::take(&self.0) };
        Ok(futures_util::stream::unfold(Some(download), |download| async { Some(download?.next().await) }))
    }
}

/// One of the downloads that are under way. Dropped, it is over.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }

    fn piece(&self) -> usize {
        (ALL_PIECES / self.0.load(Ordering::Relaxed).max(1)).clamp(SMALLEST_PIECE, LARGEST_PIECE)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Download {
    open: File,
    left: u64,
    /// Keeps the file where it is.
    file: ModelFile,
    id: String,
    place: Place,
}

impl Download {
    async fn next(self) -> (Result<proto::ModelResponse, Status>, Option<Self>) {
        let message = |id: &str, data, status: proto::ModelStatus| proto::ModelResponse {
            data,
            id: id.to_owned(),
            status: status.into(),
            message: String::new(),
        };
        if self.left == 0 {
            return (Ok(message(&self.id, Bytes::new(), proto::ModelStatus::Ok)), None);
        }
        let path = self.file.path.clone();
        match blocking(move || self.read()).await {
            Ok((piece, download)) => (Ok(message(&download.id, piece, proto::ModelStatus::InProgress)), Some(download)),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "a model cannot be read");
                (Err(Status::unavailable("the server failed")), None)
            }
        }
    }

    fn read(mut self) -> std::io::Result<(Bytes, Self)> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.place.piece());
        let mut piece = Vec::with_capacity(length);
        if (&mut self.open).take(length as u64).read_to_end(&mut piece)? < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left -= length as u64;
        Ok((piece.into(), self))
    }
}

/// Does what waits for the disk where waiting holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_downloads_take_no_more_memory_than_some() {
        let count = Arc::default();
        let mut places: Vec<Place> = (0..1000).map(|_| Place::take(&count)).collect();
        assert!(places[0].piece() * places.len() <= ALL_PIECES);
        places.truncate(1);
        assert_eq!(places[0].piece(), LARGEST_PIECE, "the others are over");
        drop(places);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}
