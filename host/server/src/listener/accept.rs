//! Taking connections in, whatever the system says.

use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tracing::warn;

use super::admission::{Admission, Seldom};
use super::connection::Connections;

/// The wait after the first error, and the longest. Without files left, accepting fails at once and again and again;
/// a second is soon enough to notice that some were closed.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where connections come from: a socket, or a test's script.
pub(super) trait Incoming: Send {
    fn accept(&mut self) -> impl Future<Output = Result<(TcpStream, SocketAddr)>> + Send;
}

impl Incoming for TcpListener {
    async fn accept(&mut self) -> Result<(TcpStream, SocketAddr)> {
        Self::accept(self).await
    }
}

/// Takes in what comes until it is time to stop. No error ends it.
pub(super) async fn run(mut incoming: impl Incoming, admission: Admission, connections: Connections) {
    let mut pause = SHORTEST_PAUSE;
    let mut complaints = Seldom::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = connections.shutdown() => return,
            accepted = incoming.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = SHORTEST_PAUSE;
                // Without a place the stream is dropped, and with it closed.
                if let Some(place) = admission.admit() {
                    connections.serve(stream, peer, place);
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if complaints.may_speak() {
                    warn!(%error, "cannot accept connections; trying on");
                }
                tokio::select! {
                    () = connections.shutdown() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Whether `error` is of a connection that was gone before it was accepted, and says nothing of the next one.
fn is_of_one_connection(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use axum::Router;
    use axum::routing::get;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::listener::protocol::Deadlines;

    /// Says each error before it goes over to the socket.
    struct Troubled {
        errors: Vec<Error>,
        socket: TcpListener,
    }

    impl Incoming for Troubled {
        async fn accept(&mut self) -> Result<(TcpStream, SocketAddr)> {
            match self.errors.pop() {
                Some(error) => Err(error),
                None => self.socket.accept().await,
            }
        }
    }

    #[tokio::test]
    async fn running_out_of_files_is_survived() {
        const NO_FILES_LEFT: i32 = 24;
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", socket.local_addr().unwrap());
        let errors = (0..3).map(|_| Error::from_raw_os_error(NO_FILES_LEFT));
        let errors = errors.chain([ErrorKind::ConnectionAborted.into(), ErrorKind::OutOfMemory.into()]).collect();

        let shutdown = CancellationToken::new();
        let connections =
            Connections::new(Router::new().route("/", get(async || "here")), Deadlines::default(), shutdown.clone());
        let accepting = tokio::spawn(run(Troubled { errors, socket }, Admission::new(8), connections));
        let answer = reqwest::Client::new().get(url).timeout(Duration::from_secs(20)).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "here");

        shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(20), accepting).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_a_pause_to_end() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // More than a minute's worth of pauses.
        let errors = (0..100).map(|_| ErrorKind::OutOfMemory.into()).collect();
        let shutdown = CancellationToken::new();
        let connections = Connections::new(Router::new(), Deadlines::default(), shutdown.clone());
        let accepting = tokio::spawn(run(Troubled { errors, socket }, Admission::new(8), connections));
        shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(20), accepting).await.unwrap().unwrap();
    }
}
