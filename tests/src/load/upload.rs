//! A file, piece by piece.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;

use super::{Behaviour, PIECE, Task};
use crate::wire::{ModelRequest, ModelStatus};

/// A file on its way. Its pieces are parts of the one that all clients share.
struct Sending {
    task: Arc<Task>,
    behaviour: Arc<dyn Behaviour>,
    attempt: u32,
    id: String,
    file: Bytes,
    sent: usize,
    ended: bool,
}

/// The messages of an upload: pieces of a mebibyte, and an empty one that says that this was all.
pub(super) fn messages(
    task: Arc<Task>,
    behaviour: Arc<dyn Behaviour>,
    attempt: u32,
    id: String,
    file: Bytes,
) -> impl Stream<Item = ModelRequest> + Send + 'static {
    let sending = Sending { task, behaviour, attempt, id, file, sent: 0, ended: false };
    unfold(sending, |mut sending| async move {
        if sending.ended {
            return None;
        }
        let id = sending.id.clone();
        sending.ended = sending.sent == sending.file.len();
        let message = if sending.ended {
            ModelRequest { id, status: ModelStatus::Ok.into(), ..ModelRequest::default() }
        } else {
            sending.behaviour.before_piece(&sending.task, sending.sent, sending.attempt).await;
            let end = sending.file.len().min(sending.sent + PIECE);
            let data = sending.file.slice(sending.sent..end);
            sending.sent = end;
            ModelRequest { id, data, status: ModelStatus::InProgress.into(), ..ModelRequest::default() }
        };
        Some((message, sending))
    })
}
