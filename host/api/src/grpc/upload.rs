//! A file that a client sends in pieces.
//!
//! A client sends it again only if the call fails with UNAVAILABLE; what will not get better by that is said in an
//! answer that is OK. The answer comes once the file is durable, and never before.

use std::pin::pin;
use std::time::Duration;

use fedwit_domain::{ClientId, UpdateId};
use fedwit_federation::{ErrorKind, Federation, FederationError};
use futures_util::{Stream, StreamExt};
use tonic::{Code, Status};

use super::{cut, proto, unavailable};

/// How long the next piece of an upload may take. Clients that train on a phone are slow, but not that slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why an upload gave no file.
#[derive(Debug)]
pub(super) enum Fault {
    /// It never will.
    Refused {
        /// The id that the client gave, as far as that can be shown.
        id: String,
        /// Why.
        problem: String,
    },
    /// The call failed.
    Call(Status),
}

/// Takes a file to its end.
pub(super) async fn receive(
    federation: &Federation,
    client: Option<ClientId>,
    pieces: impl Stream<Item = Result<proto::ModelRequest, Status>>,
) -> Result<UpdateId, Fault> {
    let mut pieces = pin!(pieces);
    let mut upload = federation.begin_upload(client).await.map_err(|error| Fault::of("", &error))?;
    let mut id: Option<UpdateId> = None;
    loop {
        let piece = next(pieces.as_mut(), id.as_ref(), PATIENCE).await?;
        let told = piece.id.as_str();
        let known = match &id {
            Some(known) if known.as_str() == told => known,
            Some(_) => return Err(Fault::refused(told, "the pieces are of different ids")),
            None => id.insert(
                told.parse().map_err(|error: fedwit_domain::IdError| Fault::refused(told, &error.to_string()))?,
            ),
        };
        match piece.status() {
            proto::ModelStatus::InProgress if piece.data.is_empty() => {}
            proto::ModelStatus::InProgress => {
                upload.write(piece.data).await.map_err(|error| Fault::of(known.as_str(), &error))?;
            }
            proto::ModelStatus::Ok if upload.written() == 0 => return Err(Fault::refused(told, "the upload is empty")),
            proto::ModelStatus::Ok => {
                let known = known.clone();
                upload.finish(known.clone()).await.map_err(|error| Fault::of(known.as_str(), &error))?;
                return Ok(known);
            }
            proto::ModelStatus::InProgressOk | proto::ModelStatus::Failed | proto::ModelStatus::Unknown => {
                return Err(Fault::refused(told, "the client gave up the upload"));
            }
        }
    }
}

/// The next piece, if it comes in time.
async fn next(
    mut pieces: std::pin::Pin<&mut impl Stream<Item = Result<proto::ModelRequest, Status>>>,
    id: Option<&UpdateId>,
    patience: Duration,
) -> Result<proto::ModelRequest, Fault> {
    let next = tokio::time::timeout(patience, pieces.next()).await;
    match next {
        Err(_) => Err(Fault::Call(Status::unavailable("the next piece of the upload did not come in time"))),
        Ok(None) => Err(Fault::refused(id.map_or("", UpdateId::as_str), "the upload has no end")),
        // As FEDn has it: a piece that is too large will be so again.
        Ok(Some(Err(status))) if status.code() == Code::OutOfRange => {
            Err(Fault::Call(Status::resource_exhausted(status.message())))
        }
        Ok(Some(Err(status))) => Err(Fault::Call(status)),
        Ok(Some(Ok(piece))) => Ok(piece),
    }
}

impl Fault {
    fn refused(id: &str, problem: &str) -> Self {
        Self::Refused { id: cut(id, 256), problem: problem.to_owned() }
    }

    fn of(id: &str, error: &FederationError) -> Self {
        match error.kind() {
            ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::NotFound => Self::refused(id, &error.to_string()),
            ErrorKind::Unavailable | ErrorKind::Internal => Self::Call(unavailable(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    async fn fault(piece: Option<Result<proto::ModelRequest, Status>>) -> Fault {
        next(pin!(futures_util::stream::iter(piece)), None, PATIENCE).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_piece_that_is_too_large_is_not_sent_again() {
        let Fault::Call(status) = fault(Some(Err(Status::out_of_range("5 MiB")))).await else { panic!("refused") };
        assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "5 MiB"));
    }

    #[tokio::test]
    async fn a_stream_that_ends_early_is_refused_and_no_error() {
        assert!(matches!(fault(None).await, Fault::Refused { .. }));
    }

    #[tokio::test]
    async fn a_piece_that_does_not_come_is_not_waited_for_for_ever() {
        let ended = next(pin!(futures_util::stream::pending()), None, Duration::from_millis(1)).await;
        let Fault::Call(status) = ended.unwrap_err() else { panic!("refused") };
        assert_eq!(status.code(), Code::Unavailable);
    }

    #[test]
    fn what_the_server_is_to_blame_for_is_tried_again_and_nothing_else() {
        let again = |error: &FederationError| matches!(Fault::of("x", error), Fault::Call(_));
        assert!(again(&FederationError::Unavailable("full".to_owned())));
        assert!(again(&FederationError::Internal("broken".to_owned())));
        assert!(!again(&FederationError::TooLarge { limit_bytes: 1 }));
        assert!(!again(&FederationError::Invalid { what: "model update", problem: "used".to_owned() }));
    }
}
