//! A file, piece by piece.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;

use super::{Behaviour, Task};
use crate::wire::{ModelRequest, ModelStatus};

/// What is to be uploaded.
pub(super) struct File {
    /// The id to upload it under.
    pub(super) id: String,
    /// All of it.
    pub(super) bytes: Bytes,
    /// Bytes of one piece.
    pub(super) piece: usize,
}

/// A file on its way. Its pieces are parts of the one that all clients share.
struct Sending {
    task: Arc<Task>,
    behaviour: Arc<dyn Behaviour>,
    attempt: u32,
    file: File,
    sent: usize,
    ended: bool,
}

/// The messages of an upload: its pieces, and an empty one that says that this was all.
pub(super) fn messages(
    task: Arc<Task>,
    behaviour: Arc<dyn Behaviour>,
    attempt: u32,
    file: File,
) -> impl Stream<Item = ModelRequest> + Send + 'static {
    unfold(Sending { task, behaviour, attempt, file, sent: 0, ended: false }, |mut sending| async move {
        if sending.ended {
            return None;
        }
        let id = sending.file.id.clone();
        let length = sending.file.bytes.len();
        sending.ended = sending.sent == length;
        let message = if sending.ended {
            ModelRequest { id, status: ModelStatus::Ok.into(), ..ModelRequest::default() }
        } else {
            sending.behaviour.before_piece(&sending.task, sending.sent, sending.attempt).await;
            let end = length.min(sending.sent + sending.file.piece);
            let data = sending.file.bytes.slice(sending.sent..end);
            sending.sent = end;
            ModelRequest { id, data, status: ModelStatus::InProgress.into(), ..ModelRequest::default() }
        };
        Some((message, sending))
    })
}
